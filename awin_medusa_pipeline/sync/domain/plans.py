"""Rows of a discrepancy table -> what the apply engine is given: operations, and rows that stay behind with a reason.

What belongs here: the plan of each kind. What does not: I/O. A plan is lazy, so that bodies are built as they are sent.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from awin_medusa_pipeline.medusa.catalog import HIDDEN_BY_RUN
from awin_medusa_pipeline.sync.domain.ownership import content_marks
from awin_medusa_pipeline.sync.domain.products import (
    ProductDefaults,
    category_paths,
    hidden_patch,
    product_images,
    product_payload,
    restored_patch,
)
from awin_medusa_pipeline.sync.domain.text import slug
from awin_medusa_pipeline.sync.engine.apply import Change, NotSent, Operation

Plan = Iterator[Operation | NotSent]
Row = Mapping[str, Any]

LOOSE = "looks like a product of the shop (see loose-matches.csv); correct its SKU, or set SYNC_LOOSE_MATCHES=ignore"


def split_import(missing: pl.DataFrame, limit: int | None, *, hold_loose: bool) -> tuple[pl.DataFrame, list[NotSent]]:
    """Rows to import, a product's rows together in the feed's order, and the rows that stay behind."""
    ordered = (
        missing.with_row_index("position")
        .with_columns(product=pl.col("position").min().over("product_key"))
        .with_columns(held=pl.col("loose_match").any().over("product_key") & pl.lit(hold_loose))
        .sort("product", "position")
    )
    held = ordered.filter("held")
    free = ordered.filter(~pl.col("held")).with_columns(rank=pl.col("product").rank("dense"))
    chosen = free if limit is None else free.filter(pl.col("rank") <= limit)
    rest = free.clear() if limit is None else free.filter(pl.col("rank") > limit)
    return chosen, [
        *(NotSent(_import_change(row), LOOSE) for row in held.iter_rows(named=True)),
        *(NotSent(_import_change(row), beyond(limit)) for row in rest.iter_rows(named=True)),
    ]


def import_plan(
    rows: pl.DataFrame, defaults: ProductDefaults, rehost: Callable[[Sequence[str]], list[str]] | None = None
) -> Plan:
    """New products: one operation each, with all its variants; `rehost` gives images another address."""
    handle = slug(category_paths(pl.col("category")))
    new = rows.filter(pl.col("existing_product_id").is_null()).with_columns(category_handle=handle)
    for _, group in itertools.groupby(new.iter_rows(named=True), key=lambda row: row["product_key"]):
        offers = list(group)
        fed = product_images(offers)
        images = rehost(fed) if rehost else fed
        product = product_payload(offers, defaults, images)
        first, *others = (_import_change(offer) for offer in offers)
        category = offers[0]["category_handle"] if "categories" in product else None
        marks = content_marks(offers[0], images, fed, category=category)
        yield Operation(
            (replace(first, after={**first.after, **marks}), *others),
            {
                "product": product,
                "levels": {offer["sku"]: offer["wanted_level"] for offer in offers},
                "replaces": offers[0]["half_made_product_id"],
            },
        )


def variant_plan(rows: pl.DataFrame) -> Plan:
    """New variants of products that are there."""
    for row in rows.filter(pl.col("existing_product_id").is_not_null()).iter_rows(named=True):
        yield Operation(
            (_import_change(row),),
            {"product_id": row["existing_product_id"], "row": row, "levels": {row["sku"]: row["wanted_level"]}},
        )


def _import_change(row: Row) -> Change:
    after = {
        "product_key": row["product_key"],
        "sku": row["sku"],
        "handle": row["handle"],
        "price": str(row["price"]),
        "currency": row["currency"],
        "level": row["wanted_level"],
    }
    return Change(row["offer_key"], after)


def hide_plan(
    medusa_only: pl.DataFrame, run_id: str, at: str, limit: int | None, *, hold_loose: bool, hide_after: int = 1
) -> Plan:
    """Products to hide, marked with run and time (ISO 8601), once `hide_after` accepted feeds in a row lacked them."""

    def stays(row: Row) -> str | None:
        missed = hide_after if row["feeds_missed"] is None else row["feeds_missed"]
        if missed < hide_after:
            return f"missing from {missed} of {hide_after} accepted feeds (GUARD_HIDE_AFTER_FEEDS)"
        return LOOSE if hold_loose and row["loose_match"] else None

    after = {"status": "draft", HIDDEN_BY_RUN: run_id}
    yield from _rows(
        medusa_only.sort("loose_match"),
        limit,
        lambda row: Change(row["product_id"], after, {"status": row["status"]}, row["product_id"]),
        lambda row: hidden_patch(row["product_id"], run_id, at),
        stays,
    )


def restore_plan(returning: pl.DataFrame, limit: int | None) -> Plan:
    """Products to publish again, their mark removed."""
    after = {"status": "published", HIDDEN_BY_RUN: None}
    yield from _rows(
        returning,
        limit,
        lambda row: Change(
            row["product_id"], after, {"status": "draft", HIDDEN_BY_RUN: row["hidden_by_run"]}, row["product_id"]
        ),
        lambda row: restored_patch(row["product_id"]),
    )


def stock_plan(mismatches: pl.DataFrame, limit: int | None) -> Plan:
    """Levels to set, absolute."""
    yield from _rows(
        mismatches,
        limit,
        lambda row: Change(
            row["variant_id"], {"level": row["wanted_level"]}, {"level": row["level"]}, row["inventory_item_id"]
        ),
        lambda row: {
            "inventory_item_id": row["inventory_item_id"],
            "stocked_quantity": row["wanted_level"],
            "exists": row["level"] is not None,
        },
    )


def _rows(
    frame: pl.DataFrame,
    limit: int | None,
    change: Callable[[Row], Change],
    body: Callable[[Row], Row],
    stays: Callable[[Row], str | None] = lambda row: None,
) -> Plan:
    sent = 0
    for row in frame.iter_rows(named=True):
        reason = stays(row) or (beyond(limit) if limit is not None and sent >= limit else None)
        if reason:
            yield NotSent(change(row), reason)
        else:
            sent += 1
            yield Operation((change(row),), body(row))


def beyond(limit: int | None) -> str:
    """Why the rest of a pilot is not sent."""
    return f"beyond the limit of {limit}"
