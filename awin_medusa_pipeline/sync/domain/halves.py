"""What an interrupted import left: which of it is removed and made anew, and which is completed where it is.

Removing needs proof: the operation log holds an import of ours that was begun and never finished, and the product shows
exactly what that import wrote.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import polars as pl

from awin_medusa_pipeline.medusa.shapes import OURS
from awin_medusa_pipeline.sync.domain.discrepancies import COMPLETE, REPLACE
from awin_medusa_pipeline.sync.domain.operations import Operation
from awin_medusa_pipeline.sync.domain.ownership import fingerprint

_SCHEMA = {name: pl.String() for name in ("offer_key", "product_key", "handle", "title", "description", "images")}


def ours_half_made() -> pl.Expr:
    """CatalogVariant rows of products that carry our key and lack a part, except ignored ones."""
    made_by_us = pl.col("external_id").str.starts_with(OURS).fill_null(False)
    return pl.col("half_made").is_not_null() & made_by_us & ~pl.col("ignored")


def with_repairs(catalog: pl.DataFrame, unfinished: Iterable[Operation]) -> pl.DataFrame:
    """CatalogVariant rows with their `repair`. `unfinished`: imports that were begun and never finished."""
    begun = pl.DataFrame([_begun(one) for one in unfinished], schema=_SCHEMA, orient="row")
    intents = begun.group_by(external_id="product_key").agg(
        pl.col("offer_key"),
        *(pl.col(name).drop_nulls().first() for name in ("handle", "title", "description", "images")),
    )
    shown = {
        "title": pl.col("title"),
        "description": pl.col("description").replace("", None),
        "images": pl.when(pl.col("images").list.len() > 0).then(pl.col("images").list.join("\n")),
    }
    halves = catalog.filter(pl.col("product_id").is_in(catalog.filter(ours_half_made())["product_id"].implode()))
    marks = {name: text.map_elements(fingerprint, return_dtype=pl.String) for name, text in shown.items()}
    joined = halves.with_columns(**marks).join(intents, on="external_id", suffix="_begun", how="left")
    begun_one = pl.col("offer_key_begun").list.contains(pl.col("offer_key"))
    known = ours_half_made() & pl.col("offer_key_begun").is_not_null() & (begun_one | pl.col("variant_id").is_null())
    same = [pl.col(name).eq_missing(pl.col(f"{name}_begun")) for name in ("handle", "title", "description", "images")]
    whole = (known & (pl.col("status") == "published")).all().over("product_id")
    priced = (pl.col("prices").list.len() > 0).any().over("product_id")
    repairs = joined.select(
        "product_id",
        "variant_id",
        repair=pl.when(known & whole & ~priced & pl.all_horizontal(same))
        .then(pl.lit(REPLACE))
        .when(known)
        .then(pl.lit(COMPLETE)),
    )
    return (
        catalog.drop("repair")
        .join(repairs, on=["product_id", "variant_id"], how="left", nulls_equal=True, maintain_order="left")
        .select(catalog.columns)
    )


def completed_instead(catalog: pl.DataFrame, product_ids: Collection[str]) -> pl.DataFrame:
    """The rows with these products completed where they would be replaced."""
    kept = pl.col("product_id").is_in(list(product_ids)) & (pl.col("repair") == REPLACE)
    return catalog.with_columns(repair=pl.when(kept).then(pl.lit(COMPLETE)).otherwise("repair"))


def _begun(one: Operation) -> Mapping[str, Any]:
    content = one.after.get("content") or {}
    fields = {name: content.get(name) for name in ("title", "description", "images")}
    return {"offer_key": one.key, "product_key": one.after["product_key"], "handle": one.after["handle"], **fields}
