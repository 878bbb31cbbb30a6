"""Defines the blocking checks, which fail a run although every step worked."""

from collections.abc import Sequence
from itertools import islice

import dagster as dg
import dataframely as dy
import polars as pl

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.defs.sync.applied import ShopRun
from awin_medusa_pipeline.etsy.domain.contracts import EtsyListing, EtsyPlanRow
from awin_medusa_pipeline.medusa.contracts import CatalogVariant
from awin_medusa_pipeline.sync.domain import contracts
from awin_medusa_pipeline.sync.store.past_reports import failures

CONTRACTS: dict[str, type[dy.Schema]] = {
    **contracts.TABLES,
    "medusa_catalog": CatalogVariant,
    "etsy_listing_plan": EtsyPlanRow,
    "etsy_listings": EtsyListing,
}


def contract_check(asset: str, contract: type[dy.Schema]) -> dg.AssetChecksDefinition:
    """Make the check that every row of a table keeps its contract."""

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
def currencies_in_shop(awin_feed: pl.LazyFrame, app: dg.ResourceParam[App]) -> dg.AssetCheckResult:
    """Check the currencies before anything is written: a price in a currency that the shop lacks sells nothing."""
    wanted = awin_feed.group_by("currency").len("offers").collect()
    with app.medusa() as client:
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
def nothing_failed(sync_run: ShopRun) -> dg.AssetCheckResult:
    """Fail the run after all work is done when an operation failed, so that the alert goes out."""
    failed = {str(kind): counts.failed for kind, counts in sync_run.ledger.counts(sync_run.id).items() if counts.failed}
    numbers = ", ".join(f"{kind} {number}" for kind, number in failed.items())
    folder = sync_run.reports.folder
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
    """Make all checks."""
    return [*(contract_check(*item) for item in CONTRACTS.items()), currencies_in_shop, nothing_failed]
