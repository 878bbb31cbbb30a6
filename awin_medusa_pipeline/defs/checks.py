"""Blocking checks: a table that breaks its contract, a feed that the shop cannot sell, an operation that failed.

What belongs here: what ends a run although every step worked. What does not: guards of how much may change.
"""

from collections.abc import Sequence
from itertools import islice

import dagster as dg
import dataframely as dy
import polars as pl

from awin_medusa_pipeline.defs.resources import MedusaResource, StateStore
from awin_medusa_pipeline.sync.domain import contracts
from awin_medusa_pipeline.sync.store.reports import failures

CONTRACTS: dict[str, type[dy.Schema]] = {
    "awin_feed": contracts.Offer,
    "awin_feed_rejects": contracts.RejectedRow,
    "medusa_catalog": contracts.CatalogVariant,
    "matched_products": contracts.MatchedProduct,
    "missing_awin_products": contracts.MissingProduct,
    "medusa_only_products": contracts.MedusaOnlyProduct,
    "returning_products": contracts.ReturningProduct,
    "stock_mismatches": contracts.StockMismatch,
    "price_mismatches": contracts.PriceMismatch,
    "content_mismatches": contracts.ContentMismatch,
    "loose_matches": contracts.LooseMatch,
    "etsy_listing_plan": contracts.EtsyPlanRow,
    "etsy_listings": contracts.EtsyListing,
}


def contract_check(asset: str, contract: type[dy.Schema]) -> dg.AssetChecksDefinition:
    """The check that every row of a table keeps its contract."""

    @dg.asset_check(
        asset=asset,
        name="contract",
        blocking=True,
        description=f"Every row keeps the contract {contract.__name__}.",
    )
    def check(table: pl.LazyFrame) -> dg.AssetCheckResult:
        _, failures = contract.filter(table)
        broken = {rule: int(count) for rule, count in failures.counts().items()}
        return dg.AssetCheckResult(
            passed=not broken,
            description=f"Rows that break a rule: {broken}" if broken else None,
            metadata={"broken_rules": broken},
        )

    return check


@dg.asset_check(asset="awin_feed", blocking=True, description="The shop has every currency of the feed.")
def currencies_in_shop(awin_feed: pl.LazyFrame, medusa: MedusaResource) -> dg.AssetCheckResult:
    """Before anything is written: a price in a currency that the shop lacks could never be bought."""
    wanted = awin_feed.group_by("currency").len("offers").collect()
    with medusa.client() as client:
        if not client.can_write:
            return dg.AssetCheckResult(passed=True, description="A publishable key cannot see the shop's currencies.")
        has = client.currencies()
    lacking = dict(wanted.filter(~pl.col("currency").is_in(list(has))).iter_rows())
    names = ", ".join(f"{code.upper()} ({offers:,} offers)" for code, offers in lacking.items())
    return dg.AssetCheckResult(
        passed=not lacking,
        description=f"The feed sells in {names}; the shop has {', '.join(sorted(has)).upper()}. "
        "Add the currency in Medusa Admin > Settings > Store, or take that feed out of AWIN_FEED_URL. "
        "[currency_not_in_shop]"
        if lacking
        else None,
    )


@dg.asset_check(asset="sync_summary", blocking=True, description="No operation of the run failed.")
def nothing_failed(context: dg.AssetCheckExecutionContext, store: StateStore) -> dg.AssetCheckResult:
    """A refused row fails the run once the rest is done, so that the alert goes out."""
    counts = store.ledger.counts(context.run.run_id)
    failed = {kind: outcomes["failed"] for kind, outcomes in counts.items() if outcomes["failed"]}
    numbers = ", ".join(f"{kind} {number}" for kind, number in failed.items())
    folder = store.reports(context.run).folder
    first = "".join(f" The first is {key}: {reason.rstrip('.')}." for _, key, reason in islice(failures(folder), 1))
    return dg.AssetCheckResult(
        passed=not failed,
        description=f"Operations that failed: {numbers}.{first} The reason of each is in {folder}/*-log.ndjson; "
        "the next run tries them again."
        if failed
        else None,
        metadata=dict(failed),
    )


def all_checks() -> Sequence[dg.AssetChecksDefinition]:
    """Every check of the project."""
    return [*(contract_check(*item) for item in CONTRACTS.items()), currencies_in_shop, nothing_failed]
