"""The run in numbers: sync-summary.json.

What belongs here: the counts, and that they add up. What does not: where they go.
"""

from collections.abc import Mapping

import polars as pl

from awin_medusa_pipeline.sync.domain.discrepancies import catalog_counts, hidden_by_hand
from awin_medusa_pipeline.sync.domain.ownership import Decision

KINDS = ("import", "hide", "restore", "stock", "price", "content")
OUTCOMES = ("planned", "applied", "unchanged", "skipped", "held", "failed")


def sync_counts(
    tables: Mapping[str, pl.LazyFrame], operations: Mapping[str, Mapping[str, int]]
) -> dict[str, int | dict[str, int]]:
    """sync-summary.json from the tables by asset name and, per kind, the numbers of operations by outcome.

    Adds up: feed_rows = accepted_rows + rejected_rows; accepted_rows = matched + missing_in_medusa;
    catalog_products = catalog_matched + medusa_only + catalog_only_hidden + half_made;
    planned = applied + unchanged + skipped + held + failed. Raises ValueError when it does not.
    """
    names = list(tables)
    frames = pl.collect_all([tables[name].select(pl.len()) for name in names])
    rows = {name: int(frame.item()) for name, frame in zip(names, frames, strict=True)}
    catalog = catalog_counts(tables["medusa_catalog"], tables["matched_products"], tables["missing_awin_products"])
    counts: dict[str, int | dict[str, int]] = {
        "feed_rows": rows["awin_feed"] + rows["awin_feed_rejects"],
        "accepted_rows": rows["awin_feed"],
        "rejected_rows": rows["awin_feed_rejects"],
        **catalog,
        "matched": rows["matched_products"],
        "matched_by": _matched_by(tables["matched_products"]),
        "missing_in_medusa": rows["missing_awin_products"],
        "medusa_only": rows["medusa_only_products"],
        "returning": rows["returning_products"],
        "hidden_by_hand": hidden_by_hand(tables["matched_products"]),
        "stock_mismatches": rows["stock_mismatches"],
        **_owned("price", tables["price_mismatches"]),
        **_owned("content", tables["content_mismatches"]),
        "loose_matches": rows["loose_matches"],
    }
    for kind in KINDS:
        counts[kind] = {outcome: operations.get(kind, {}).get(outcome, 0) for outcome in OUTCOMES}
    _check(rows, catalog, counts)
    return counts


def _owned(kind: str, mismatches: pl.LazyFrame) -> dict[str, int]:
    """Differences of a kind, those that the shop keeps, and those that a person made."""
    kept = (pl.col("decision") == Decision.KEEP).sum()
    found = mismatches.select(mismatches=pl.len(), kept=kept, edited_by_hand=pl.col("edited_by_hand").sum()).collect()
    return {f"{kind}_{name}": int(number) for name, number in found.row(0, named=True).items()}


def _matched_by(matched: pl.LazyFrame) -> dict[str, int]:
    numbers = dict(matched.group_by("match_reason").len().collect().iter_rows())
    return {reason: numbers.get(reason, 0) for reason in ("external_id", "sku", "gtin", "handle")}


def _check(rows: Mapping[str, int], catalog: Mapping[str, int], counts: Mapping[str, int | dict[str, int]]) -> None:
    parts = {
        "accepted_rows = matched + missing_in_medusa": (
            rows["awin_feed"],
            rows["matched_products"] + rows["missing_awin_products"],
        ),
        "catalog_products = catalog_matched + medusa_only + catalog_only_hidden + half_made": (
            catalog["catalog_products"],
            catalog["catalog_matched"]
            + rows["medusa_only_products"]
            + catalog["catalog_only_hidden"]
            + catalog["half_made"],
        ),
    }
    for kind in KINDS:
        outcomes = counts[kind]
        assert isinstance(outcomes, dict)
        parts[f"{kind}: planned = applied + unchanged + skipped + held + failed"] = (
            outcomes["planned"],
            sum(outcomes[name] for name in OUTCOMES if name != "planned"),
        )
    wrong = [f"{law} ({left} is not {right})" for law, (left, right) in parts.items() if left != right]
    if wrong:
        raise ValueError(
            f"Counting what became of each row: {'; '.join(wrong)}. "
            "Tables of different runs were mixed: run the whole job again."
        )
