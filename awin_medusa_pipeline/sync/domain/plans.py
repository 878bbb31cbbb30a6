"""Plans imports, status and levels from the rows of the discrepancy tables, and plans how to take them back."""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from awin_medusa_pipeline.medusa.shapes import HIDDEN_BY_RUN, IGNORE_KEY, IGNORE_TAG, IGNORE_VALUE, OFFER_KEY
from awin_medusa_pipeline.sync.domain.discrepancies import TOLD
from awin_medusa_pipeline.sync.domain.kinds import KINDS
from awin_medusa_pipeline.sync.domain.operations import Bundle, Kind, NotSent, Operation, Plan
from awin_medusa_pipeline.sync.domain.ownership import content_marks
from awin_medusa_pipeline.sync.domain.products import (
    ProductDefaults,
    category_paths,
    hidden_patch,
    product_images,
    product_payload,
    restored_patch,
)
from awin_medusa_pipeline.sync.domain.rules import HideRules
from awin_medusa_pipeline.sync.domain.text import handle

Row = Mapping[str, Any]

IGNORED = f"you keep this program off it ({IGNORE_KEY}: {IGNORE_VALUE} in its metadata, or the tag {IGNORE_TAG})"
LOOSE = "looks like a product of the shop (see loose-matches.csv); correct its SKU, or set SYNC_LOOSE_MATCHES=ignore"

SOLD_OUT = "the feed says sold out, and Medusa does not count it (SYNC_UNCOUNTED_SOLD_OUT=hide)"
WAITS = {"adoption": "its product waits to be adopted", "ignored": IGNORED}
"""Reasons of MissingProduct rows whose product is not written to."""


def split_import(missing: pl.DataFrame, limit: int | None, *, hold_loose: bool) -> tuple[pl.DataFrame, list[NotSent]]:
    """Split MissingProduct rows into those to import, by their keys and grouped by product, and the rest."""
    ordered = (
        missing.sort("offer_key")
        .with_row_index("position")
        .with_columns(product=pl.col("position").min().over("product_key"))
        .with_columns(held=held_as_loose(hold_loose))
        .sort("product", "position")
    )
    waiting = ordered.filter(pl.col("waits").is_not_null())
    held = ordered.filter(pl.col("held") & pl.col("waits").is_null())
    free = ordered.filter(~pl.col("held") & pl.col("waits").is_null()).with_columns(
        rank=pl.col("product").rank("dense")
    )
    chosen = free if limit is None else free.filter(pl.col("rank") <= limit)
    rest = free.clear() if limit is None else free.filter(pl.col("rank") > limit)
    return chosen, [
        *(NotSent(_import_operation(row), WAITS[row["waits"]]) for row in waiting.iter_rows(named=True)),
        *(NotSent(_import_operation(row), LOOSE) for row in held.iter_rows(named=True)),
        *(NotSent(_import_operation(row), beyond(limit)) for row in rest.iter_rows(named=True)),
    ]


def held_as_loose(hold_loose: bool) -> pl.Expr:
    """MissingProduct rows of products of which an offer looks like a product of the shop."""
    return pl.col("loose_match").any().over("product_key") & pl.lit(hold_loose)


def import_plan(
    rows: pl.DataFrame, defaults: ProductDefaults, rehost: Callable[[Sequence[str]], list[str]] | None = None
) -> Plan:
    """Plan one bundle per new product, with all its variants; `rehost` gives images another address."""
    new = rows.filter(pl.col("existing_product_id").is_null()).with_columns(
        category_handle=handle(category_paths(pl.col("category")))
    )
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
    """Plan one bundle per new variant of a product that the shop has."""
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
    return Operation(row["offer_key"], after, title=row["title"])


def hide_plan(medusa_only: pl.DataFrame, run_id: str, at: str, rules: HideRules) -> Plan:
    """Hide products, marked with run and time (ISO 8601), where nothing keeps them."""
    after = {"status": "draft", HIDDEN_BY_RUN: run_id}
    for row in medusa_only.sort("loose_match").iter_rows(named=True):
        operation = Operation(row["product_id"], after, {"status": row["status"]}, row["product_id"], row["title"])
        if reason := _stays(row, rules):
            yield NotSent(operation, reason)
        else:
            why = SOLD_OUT if row["reason"] == "sold_out" else None
            yield Bundle((operation,), hidden_patch(row["product_id"], run_id, at), why)


def _stays(row: Row, rules: HideRules) -> str | None:
    missed = rules.after if row["feeds_missed"] is None else row["feeds_missed"]
    if row["ignored"]:
        return IGNORED
    if rules.ours_alone and not row["ours"]:
        return "no feed ever held it, and SYNC_HIDE=ours leaves such products alone"
    if missed < rules.after:
        return f"missing from {missed} of {rules.after} accepted feeds (GUARD_HIDE_AFTER_FEEDS)"
    return LOOSE if rules.hold_loose and row["loose_match"] else None


def to_hide(rules: HideRules) -> pl.Expr:
    """MedusaOnlyProduct rows that nothing keeps from being hidden; the same as hide_plan says row by row."""
    kept = pl.col("ignored") | (pl.col("loose_match") & rules.hold_loose) | (~pl.col("ours") & rules.ours_alone)
    return ~kept & (pl.col("feeds_missed").fill_null(rules.after) >= rules.after)


def restore_plan(returning: pl.DataFrame) -> Plan:
    """Publish products again and remove the mark."""
    after = {"status": "published", HIDDEN_BY_RUN: None}
    for row in returning.iter_rows(named=True):
        before = {"status": "draft", HIDDEN_BY_RUN: row["hidden_by_run"]}
        yield Bundle(
            (Operation(row["product_id"], after, before, row["product_id"], row["title"]),),
            restored_patch(row["product_id"]),
        )


def stock_plan(mismatches: pl.DataFrame) -> Plan:
    """Set levels, absolute; what is only told stays behind with its reason."""
    for row in mismatches.iter_rows(named=True):
        level, wanted, item = row["level"], row["wanted_level"], row["inventory_item_id"]
        operation = Operation(row["variant_id"], {"level": wanted}, {"level": level}, item, row["title"])
        body = {"inventory_item_id": item, "stocked_quantity": wanted, "exists": level is not None}
        if row["reason"] == "no_item":
            body |= {"variant_id": row["variant_id"], "product_id": row["product_id"]}
        yield NotSent(operation, _told(row)) if row["reason"] in TOLD else Bundle((operation,), body)


def _told(row: Row) -> str:
    at = f": {row['elsewhere']:,} at {row['elsewhere_at']}" if row["elsewhere"] else ""
    return f"{TOLD[row['reason']]}{at}"


def adopt_plan(candidates: pl.DataFrame) -> Plan:
    """Write our key, one bundle per product. Its body is empty, since the operations say everything."""
    rows = candidates.sort("product_id", "variant_id").iter_rows(named=True)
    for _, group in itertools.groupby(rows, key=lambda row: row["product_id"]):
        yield Bundle(tuple(map(_adoption, group)), {})


def _adoption(row: Row) -> Operation:
    return Operation(
        row["variant_id"],
        {OFFER_KEY: row["offer_key"], "external_id": row["new_external_id"]},
        {OFFER_KEY: row["shop_key"], "external_id": row["external_id"]},
        row["variant_id"],
        row["title"],
    )


def reverse_adoptions(applied: Iterable[Operation]) -> Plan:
    """Keys as they were before."""
    for one in applied:
        yield Bundle((one.back(),), {})


def up_to(plan: Iterable[Bundle | NotSent], limit: int | None) -> Plan:
    """The plan with at most `limit` bundles; the rest stays behind."""
    sent = 0
    for item in plan:
        if limit is None or isinstance(item, NotSent) or sent < limit:
            sent += isinstance(item, Bundle)
            yield item
        else:
            yield from (NotSent(one, beyond(limit)) for one in item.operations)


def beyond(limit: int | None) -> str:
    """The reason why the rest of a pilot is not sent."""
    return f"beyond the limit of {limit}"


def reverse_levels(applied: Iterable[Operation]) -> Plan:
    """Plan levels as they were before; a level that the run was the first to set is removed.

    Changes of one level that followed each other, as several sales make them, are taken back together.
    """
    chains: dict[str | None, list[list[Operation]]] = {}
    for one in applied:
        of_level = chains.setdefault(one.target_id, [])
        if one.target_id and of_level and of_level[-1][-1].after == one.before:
            of_level[-1].append(one)
        else:
            of_level.append([one])
    for chain in (chain for of_level in chains.values() for chain in of_level):
        level, last = (chain[0].before or {}).get("level"), chain[-1].after
        body = {
            "inventory_item_id": chain[0].target_id,
            "stocked_quantity": level,
            "exists": last.get("level") is not None,
        }
        yield Bundle(tuple(replace(one, before=last, after={"level": level}) for one in chain), body)


def reverse_status(applied: Iterable[Operation], *, hidden: bool) -> Plan:
    """Plan the status before of products that were hidden (else: published)."""
    for one in applied:
        product_id, mark = str(one.target_id), (one.before or {}).get(HIDDEN_BY_RUN)
        after = {"status": (one.before or {}).get("status"), HIDDEN_BY_RUN: mark}
        body = restored_patch(product_id) if hidden else hidden_patch(product_id, mark or "", "")
        yield Bundle((replace(one.back(), after=after),), body)


def reverse_imports(applied: Iterable[Operation], products: Iterable[Row]) -> Plan:
    """Plan drafts of products that the run created, without our mark: a person decided, so they stay hidden.

    `products`: as in the shop, with the ids of their variants. A product with variants of other runs is left alone and
    reported.
    """
    made = {one.target_id for one in applied}
    for product in products:
        variants = {variant["id"] for variant in product["variants"]}
        if not variants & made:
            continue
        before = {"status": "published", HIDDEN_BY_RUN: None}
        after = {"status": "draft", HIDDEN_BY_RUN: None}
        operation = Operation(product["id"], after, before, product["id"], product["title"])
        if variants <= made:
            yield Bundle((operation,), {"id": product["id"], "status": "draft"})
        else:
            yield NotSent(operation, "the run only added variants to this product; take them out in Medusa Admin")


def largest(kind: Kind, rows: pl.DataFrame, number: int) -> pl.DataFrame:
    """The rows with the largest changes, of rows under the kind's contract; in their order where none is larger."""
    if not (columns := KINDS[kind].size):
        return rows.head(number)
    first, *others = map(pl.col, columns)
    size = sum((-other.fill_null(0) for other in others), first).abs()
    return rows.sort(size, descending=True, nulls_last=True, maintain_order=True).head(number)
