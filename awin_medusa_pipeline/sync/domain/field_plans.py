"""Plans changes of prices and content, which a person may edit too, and how to take them back."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

import polars as pl

from awin_medusa_pipeline.sync.domain.operations import Bundle, Decision, NotSent, Operation, Plan, money_text
from awin_medusa_pipeline.sync.domain.ownership import fingerprint, value_of
from awin_medusa_pipeline.sync.domain.plans import Row, beyond
from awin_medusa_pipeline.sync.domain.products import content_update, pictures
from awin_medusa_pipeline.sync.domain.rules import PRICE

NO_IMAGE = "none of its images could be fetched"


def to_change(mismatches: pl.DataFrame) -> pl.DataFrame:
    """Rows to change, without those that the shop keeps."""
    return mismatches.filter(pl.col("decision") != Decision.KEEP)


def price_plan(mismatches: pl.DataFrame) -> Plan:
    """Set prices, one bundle per product. Its body is empty, since the operations say everything."""
    rows = mismatches.sort("product_id", "variant_id").iter_rows(named=True)
    for _, group in groupby(rows, key=lambda row: row["product_id"]):
        operations = []
        for row in group:
            if row["decision"] == Decision.REFUSE:
                yield NotSent(_price_operation(row), _refused(row))
            else:
                operations.append(_price_operation(row))
        if operations:
            yield Bundle(tuple(operations), {})


def _price_operation(row: Row) -> Operation:
    def price(amount: str) -> dict[str, str | None]:
        return {PRICE: None if row[amount] is None else money_text(row[amount]), "currency": row["currency"]}

    return Operation(row["variant_id"], price("price"), price("shop_price"), row["variant_id"], row["title"])


def _refused(row: Row) -> str:
    wanted, has = row["currency"].upper(), row["shop_currencies"].upper().replace(" ", ", ")
    if has:
        return f"the shop sells it in {has}, the feed in {wanted}, and prices are never converted; {_by_hand(wanted)}"
    return f"it has no price in the shop; {_by_hand(wanted)}"


def _by_hand(currency: str) -> str:
    return f"give it a price in {currency} in Medusa Admin, and SYNC_OWNER_PRICE applies from then on"


def split_content(mismatches: pl.DataFrame, limit: int | None) -> tuple[pl.DataFrame, list[NotSent]]:
    """Split off the rows beyond the first `limit` products."""
    ranked = mismatches.with_columns(rank=pl.col("product_id").rank("dense"))
    chosen = pl.lit(True) if limit is None else pl.col("rank") <= limit
    rest = ranked.filter(~chosen).iter_rows(named=True)
    return ranked.filter(chosen).drop("rank"), [NotSent(_content_operation(row), beyond(limit)) for row in rest]


def content_plan(
    mismatches: pl.DataFrame,
    categories: Mapping[str, tuple[str, str]] | None = None,
    rehost: Callable[[Sequence[str]], list[str]] | None = None,
) -> Plan:
    """Plan fields, one bundle per field.

    `categories`: handle and id by path, of all that could be created; None: nothing will be sent. `rehost` gives
    images another address.
    """
    for row in mismatches.iter_rows(named=True):
        field, operation = row["field"], _content_operation(row)
        reason, (handle, id_) = None, (categories or {}).get(row["category"], (row["value"], ""))
        if field == "category" and categories is not None and not id_:
            reason = f"Medusa refused the category {row['category']!r}; make it by hand, its handle {row['value']}"
        elif field == "category":
            operation = replace(operation, after={field: [handle]})
        elif field == "images" and rehost:
            hosted = pictures(rehost(operation.after[field][1:]))
            reason = None if hosted else NO_IMAGE
            operation = replace(operation, after={field: hosted, "feed": {field: fingerprint(row["value"])}})
        if reason:
            yield NotSent(operation, reason)
        else:
            body = content_update(row["product_id"], {field: operation.after[field]}, {handle: id_})
            yield Bundle((operation,), body)


def _content_operation(row: Row) -> Operation:
    before, after = ({row["field"]: value_of(row["field"], row[side])} for side in ("shop_value", "value"))
    return Operation(row["key"], after, before, row["product_id"], row["title"])


def reverse_prices(applied: Iterable[Operation]) -> Plan:
    """Plan prices as they were before."""
    for one in applied:
        yield Bundle((one.back(),), {})


def reverse_content(applied: Iterable[Operation], categories: Mapping[str, str]) -> Plan:
    """Plan fields as they were before; `categories`: id by handle, of those that the shop still has."""
    for one in applied:
        after = one.before or {}
        (field,) = after
        operation = replace(one.back(), before={field: one.after[field]})
        gone = [handle for handle in after[field] if handle not in categories] if field == "category" else []
        if gone:
            yield NotSent(operation, f"the shop has no category with the handle {', '.join(gone)} any more")
        else:
            yield Bundle((operation,), content_update(str(one.target_id), after, categories))
