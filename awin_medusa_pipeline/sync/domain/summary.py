"""Counts a run for sync-summary.json, and checks that the numbers add up."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import polars as pl

from awin_medusa_pipeline.sync.domain.discrepancies import catalog_counts, hidden_by_hand
from awin_medusa_pipeline.sync.domain.operations import Counts, Decision, Kind


@dataclass(frozen=True)
class SummaryTables:
    """The tables of a run, by asset name."""

    awin_feed: pl.LazyFrame
    awin_feed_rejects: pl.LazyFrame
    medusa_catalog: pl.LazyFrame
    matched_products: pl.LazyFrame
    missing_awin_products: pl.LazyFrame
    medusa_only_products: pl.LazyFrame
    returning_products: pl.LazyFrame
    stock_mismatches: pl.LazyFrame
    price_mismatches: pl.LazyFrame
    content_mismatches: pl.LazyFrame
    adoption_candidates: pl.LazyFrame
    loose_matches: pl.LazyFrame

    def heights(self) -> dict[str, int]:
        """Rows per table."""
        names = [field.name for field in fields(self)]
        frames = pl.collect_all([getattr(self, name).select(pl.len()) for name in names])
        return {name: int(frame.item()) for name, frame in zip(names, frames, strict=True)}


@dataclass(frozen=True)
class SyncCounts:
    """A run in numbers: `found` as in sync-summary.json, `done` per kind."""

    found: Mapping[str, Any]
    done: Mapping[Kind, Counts]

    def as_dict(self) -> dict[str, Any]:
        """The numbers as in sync-summary.json."""
        return dict(self.found) | {str(kind): counts.as_dict() for kind, counts in self.done.items()}

    def flat(self) -> dict[str, int]:
        """Every number by its own name, for plots: `stock_applied`."""
        found = {name: value for name, value in self.found.items() if isinstance(value, int)}
        matched_by = {f"matched_by_{name}": number for name, number in self.found["matched_by"].items()}
        done = {
            f"{kind}_{name}": number for kind, counts in self.done.items() for name, number in counts.as_dict().items()
        }
        return found | matched_by | done


def sync_counts(tables: SummaryTables, operations: Mapping[Kind, Counts]) -> SyncCounts:
    """Count a run, from its tables and its operations per kind.

    The numbers add up: feed_rows = accepted_rows + rejected_rows; accepted_rows = matched + missing_in_medusa;
    catalog_products = catalog_matched + medusa_only + catalog_only_hidden + half_made. Raises ValueError otherwise.
    """
    rows = tables.heights()
    only = tables.medusa_only_products.filter(reason="not_in_feed").select(pl.len()).collect().item()
    sold_out, rows["medusa_only_products"] = rows["medusa_only_products"] - only, only
    catalog = catalog_counts(tables.medusa_catalog, tables.matched_products, tables.missing_awin_products)
    _check(rows, catalog)
    found = {
        "feed_rows": rows["awin_feed"] + rows["awin_feed_rejects"],
        "accepted_rows": rows["awin_feed"],
        "rejected_rows": rows["awin_feed_rejects"],
        **catalog,
        "matched": rows["matched_products"],
        "matched_by": _matched_by(tables.matched_products),
        "adoption_candidates": rows["adoption_candidates"],
        "missing_in_medusa": rows["missing_awin_products"],
        "medusa_only": rows["medusa_only_products"],
        "uncounted_sold_out": sold_out,
        "returning": rows["returning_products"],
        "hidden_by_hand": hidden_by_hand(tables.matched_products),
        "stock_mismatches": rows["stock_mismatches"],
        **_owned("price", tables.price_mismatches),
        **_owned("content", tables.content_mismatches),
        "loose_matches": rows["loose_matches"],
    }
    return SyncCounts(found, {kind: operations.get(kind, Counts()) for kind in Kind})


def _owned(kind: str, mismatches: pl.LazyFrame) -> dict[str, int]:
    """Count the differences of a kind: all, those that the shop keeps, and those that a person made."""
    kept = (pl.col("decision") == Decision.KEEP).sum()
    found = mismatches.select(mismatches=pl.len(), kept=kept, edited_by_hand=pl.col("edited_by_hand").sum()).collect()
    return {f"{kind}_{name}": int(number) for name, number in found.row(0, named=True).items()}


def _matched_by(matched: pl.LazyFrame) -> dict[str, int]:
    numbers = dict(matched.group_by("match_reason").len().collect().iter_rows())
    return {reason: numbers.get(reason, 0) for reason in ("external_id", "sku", "gtin", "handle")}


def _check(rows: Mapping[str, int], catalog: Mapping[str, int]) -> None:
    laws = {
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
    wrong = [f"{law} ({left} is not {right})" for law, (left, right) in laws.items() if left != right]
    if wrong:
        raise ValueError(
            f"Counting the outcome of each row: {'; '.join(wrong)}. "
            "Tables of different runs were mixed: run the whole job again."
        )
