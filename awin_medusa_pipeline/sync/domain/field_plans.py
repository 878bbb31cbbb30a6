"""Differences in fields that a person may edit too -> operations, and rows that stay behind with a reason.

What belongs here: the plans of prices and of content, forth and back. What does not: who owns a field
(ownership.py); a row that is kept as the shop has it is no operation.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

import polars as pl

from awin_medusa_pipeline.sync.domain.ownership import PRICE, Decision, fingerprint, value_of
from awin_medusa_pipeline.sync.domain.plans import Plan, Row, beyond
from awin_medusa_pipeline.sync.domain.products import content_update, money_text, pictures
from awin_medusa_pipeline.sync.engine.apply import Change, NotSent, Operation
from awin_medusa_pipeline.sync.store.ledger import Operation as Logged

NO_IMAGE = "none of its images could be fetched"


def planned(mismatches: pl.DataFrame) -> pl.DataFrame:
    """The rows that are operations."""
    return mismatches.filter(pl.col("decision") != Decision.KEEP)


def price_plan(mismatches: pl.DataFrame, limit: int | None) -> Plan:
    """Prices to set, those of a product together: one call. Its body is empty, since the changes say it all."""
    sent = 0
    rows = mismatches.sort("product_id", "variant_id").iter_rows(named=True)
    for _, group in groupby(rows, key=lambda row: row["product_id"]):
        changes = []
        for row in group:
            if row["decision"] == Decision.REFUSE:
                yield NotSent(_price_change(row), _refused(row))
            else:
                changes.append(_price_change(row))
        if changes and limit is not None and sent >= limit:
            yield from (NotSent(change, beyond(limit)) for change in changes)
        elif changes:
            sent += 1
            yield Operation(tuple(changes), {})


def _price_change(row: Row) -> Change:
    def price(amount: str) -> dict[str, str | None]:
        return {PRICE: None if row[amount] is None else money_text(row[amount]), "currency": row["currency"]}

    return Change(row["variant_id"], price("price"), price("shop_price"), row["variant_id"])


def _refused(row: Row) -> str:
    wanted, has = row["currency"].upper(), row["shop_currencies"].upper().replace(" ", ", ")
    if has:
        return f"the shop sells it in {has}, the feed in {wanted}, and prices are never converted; {_by_hand(wanted)}"
    return f"it has no price in the shop; {_by_hand(wanted)}"


def _by_hand(currency: str) -> str:
    return f"give it a price in {currency} in Medusa Admin, and from then on it is kept as SYNC_OWNER_PRICE says"


def split_content(mismatches: pl.DataFrame, limit: int | None) -> tuple[pl.DataFrame, list[NotSent]]:
    """The rows of the first `limit` products, and the rest."""
    ranked = mismatches.with_columns(rank=pl.col("product_id").rank("dense"))
    chosen = pl.lit(True) if limit is None else pl.col("rank") <= limit
    rest = ranked.filter(~chosen).iter_rows(named=True)
    return ranked.filter(chosen).drop("rank"), [NotSent(_content_change(row), beyond(limit)) for row in rest]


def content_plan(
    mismatches: pl.DataFrame,
    categories: Mapping[str, str] | None = None,
    rehost: Callable[[Sequence[str]], list[str]] | None = None,
) -> Plan:
    """Fields to set, one operation each.

    `categories`: path -> id of all that could be made; None: nothing is going to be sent. `rehost` gives images another
    address.
    """
    for row in mismatches.iter_rows(named=True):
        field, change = row["field"], _content_change(row)
        reason, id_ = None, (categories or {}).get(row["category"], "")
        if field == "category" and categories is not None and not id_:
            reason = f"Medusa refused the category {row['category']!r}; make it by hand, its handle {row['value']}"
        elif field == "images" and rehost:
            hosted = pictures(rehost(change.after[field][1:]))
            reason = None if hosted else NO_IMAGE
            change = replace(change, after={field: hosted, "feed": {field: fingerprint(row["value"])}})
        if reason:
            yield NotSent(change, reason)
        else:
            body = content_update(row["product_id"], {field: change.after[field]}, {row["value"]: id_})
            yield Operation((change,), body)


def _content_change(row: Row) -> Change:
    before, after = ({row["field"]: value_of(row["field"], row[side])} for side in ("shop_value", "value"))
    return Change(row["key"], after, before, row["product_id"])


def prices_back(rows: Iterable[Logged]) -> Iterator[Operation]:
    """Prices as they were before."""
    for row in rows:
        yield Operation((Change(row.key, row.before or {}, row.after, row.target_id),), {})


def content_back(rows: Iterable[Logged], categories: Mapping[str, str]) -> Plan:
    """Fields as they were before; `categories`: handle -> id of those that the shop still has."""
    for row in rows:
        before, after = row.after or {}, row.before or {}
        (field,) = after
        change = Change(row.key, after, {field: before[field]}, row.target_id)
        gone = [handle for handle in after[field] if handle not in categories] if field == "category" else []
        if gone:
            yield NotSent(change, f"the shop has no category with the handle {', '.join(gone)} any more")
        else:
            yield Operation((change,), content_update(str(row.target_id), after, categories))
