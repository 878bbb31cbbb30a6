"""Plans imports, status and levels from the rows of the discrepancy tables, and plans how to take them back."""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from awin_medusa_pipeline.medusa.shapes import HIDDEN_BY_RUN
from awin_medusa_pipeline.sync.domain.operations import Bundle, NotSent, Operation, Plan
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

Row = Mapping[str, Any]

LOOSE = "looks like a product of the shop (see loose-matches.csv); correct its SKU, or set SYNC_LOOSE_MATCHES=ignore"


def split_import(missing: pl.DataFrame, limit: int | None, *, hold_loose: bool) -> tuple[pl.DataFrame, list[NotSent]]:
    """MissingProduct rows to import, by their keys with those of one product together, and what stays behind."""
    ordered = (
        missing.sort("offer_key")
        .with_row_index("position")
        .with_columns(product=pl.col("position").min().over("product_key"))
        .with_columns(held=pl.col("loose_match").any().over("product_key") & pl.lit(hold_loose))
        .sort("product", "position")
    )
    held = ordered.filter("held")
    free = ordered.filter(~pl.col("held")).with_columns(rank=pl.col("product").rank("dense"))
    chosen = free if limit is None else free.filter(pl.col("rank") <= limit)
    rest = free.clear() if limit is None else free.filter(pl.col("rank") > limit)
    return chosen, [
        *(NotSent(_import_operation(row), LOOSE) for row in held.iter_rows(named=True)),
        *(NotSent(_import_operation(row), beyond(limit)) for row in rest.iter_rows(named=True)),
    ]


def import_plan(
    rows: pl.DataFrame, defaults: ProductDefaults, rehost: Callable[[Sequence[str]], list[str]] | None = None
) -> Plan:
    """One bundle per new product, with all its variants; `rehost` gives images another address."""
    handle = slug(category_paths(pl.col("category")))
    new = rows.filter(pl.col("existing_product_id").is_null()).with_columns(category_handle=handle)
    for _, group in itertools.groupby(new.iter_rows(named=True), key=lambda row: row["product_key"]):
        offers = list(group)
        fed = product_images(offers)
        images = rehost(fed) if rehost else fed
        product = product_payload(offers, defaults, images)
        first, *others = (_import_operation(offer) for offer in offers)
        category = offers[0]["category_handle"] if "categories" in product else None
        marks = content_marks(offers[0], images, fed, category=category)
        yield Bundle(
            (replace(first, after={**first.after, **marks}), *others),
            {
                "product": product,
                "levels": {offer["sku"]: offer["wanted_level"] for offer in offers},
                "replaces": offers[0]["half_made_product_id"],
            },
        )


def variant_plan(rows: pl.DataFrame) -> Plan:
    """One bundle per new variant of a product that the shop has."""
    for row in rows.filter(pl.col("existing_product_id").is_not_null()).iter_rows(named=True):
        yield Bundle(
            (_import_operation(row),),
            {"product_id": row["existing_product_id"], "row": row, "levels": {row["sku"]: row["wanted_level"]}},
        )


def _import_operation(row: Row) -> Operation:
    after = {
        "product_key": row["product_key"],
        "sku": row["sku"],
        "handle": row["handle"],
        "price": str(row["price"]),
        "currency": row["currency"],
        "level": row["wanted_level"],
    }
    return Operation(row["offer_key"], after)


def hide_plan(
    medusa_only: pl.DataFrame, run_id: str, at: str, limit: int | None, *, hold_loose: bool, hide_after: int = 1
) -> Plan:
    """Hide products, marked with run and time (ISO 8601), once `hide_after` accepted feeds in a row lacked them."""

    def stays(row: Row) -> str | None:
        missed = hide_after if row["feeds_missed"] is None else row["feeds_missed"]
        if missed < hide_after:
            return f"missing from {missed} of {hide_after} accepted feeds (GUARD_HIDE_AFTER_FEEDS)"
        return LOOSE if hold_loose and row["loose_match"] else None

    after = {"status": "draft", HIDDEN_BY_RUN: run_id}
    yield from _rows(
        medusa_only.sort("loose_match"),
        limit,
        lambda row: Operation(row["product_id"], after, {"status": row["status"]}, row["product_id"]),
        lambda row: hidden_patch(row["product_id"], run_id, at),
        stays,
    )


def restore_plan(returning: pl.DataFrame, limit: int | None) -> Plan:
    """Publish products again and remove the mark."""
    after = {"status": "published", HIDDEN_BY_RUN: None}
    yield from _rows(
        returning,
        limit,
        lambda row: Operation(
            row["product_id"], after, {"status": "draft", HIDDEN_BY_RUN: row["hidden_by_run"]}, row["product_id"]
        ),
        lambda row: restored_patch(row["product_id"]),
    )


def stock_plan(mismatches: pl.DataFrame, limit: int | None) -> Plan:
    """Set levels, absolute."""
    yield from _rows(
        mismatches,
        limit,
        lambda row: Operation(
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
    operation: Callable[[Row], Operation],
    body: Callable[[Row], Row],
    stays: Callable[[Row], str | None] = lambda row: None,
) -> Plan:
    sent = 0
    for row in frame.iter_rows(named=True):
        reason = stays(row) or (beyond(limit) if limit is not None and sent >= limit else None)
        if reason:
            yield NotSent(operation(row), reason)
        else:
            sent += 1
            yield Bundle((operation(row),), body(row))


def beyond(limit: int | None) -> str:
    """Why the rest of a pilot is not sent."""
    return f"beyond the limit of {limit}"


def reverse_levels(applied: Iterable[Operation]) -> Plan:
    """Levels as they were before; a level that the run was the first to set is removed."""
    for one in applied:
        level = (one.before or {}).get("level")
        body = {
            "inventory_item_id": one.target_id,
            "stocked_quantity": level,
            "exists": one.after.get("level") is not None,
        }
        yield Bundle((Operation(one.key, {"level": level}, one.after, one.target_id),), body)


def reverse_status(applied: Iterable[Operation], *, hidden: bool) -> Plan:
    """Products that were hidden (else: published) as they were before."""
    for one in applied:
        product_id, mark = str(one.target_id), (one.before or {}).get(HIDDEN_BY_RUN)
        after = {"status": (one.before or {}).get("status"), HIDDEN_BY_RUN: mark}
        body = restored_patch(product_id) if hidden else hidden_patch(product_id, mark or "", "")
        yield Bundle((Operation(one.key, after, one.after, product_id),), body)


def reverse_imports(applied: Iterable[Operation], products: Iterable[Row]) -> Plan:
    """Products that the run made become drafts without our mark: a person decided, so they stay hidden.

    `products`: as the shop has them, with the ids of their variants. A product that has variants of other runs was only
    joined; it stays as it is, and is reported.
    """
    made = {one.target_id for one in applied}
    for product in products:
        variants = {variant["id"] for variant in product["variants"]}
        if not variants & made:
            continue
        before = {"status": "published", HIDDEN_BY_RUN: None}
        operation = Operation(product["id"], {"status": "draft", HIDDEN_BY_RUN: None}, before, product["id"])
        if variants <= made:
            yield Bundle((operation,), {"id": product["id"], "status": "draft"})
        else:
            yield NotSent(operation, "the run only added variants to this product; take them out in Medusa Admin")
