"""Defines the checks: those that fail a run although every step worked, and those that only warn of held plans."""

from collections.abc import Sequence

import dagster as dg
import polars as pl

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.defs.contracts import CONTRACTS, contract_check
from awin_medusa_pipeline.defs.failures import FIRST
from awin_medusa_pipeline.defs.shown import plain
from awin_medusa_pipeline.defs.steps import asset_check
from awin_medusa_pipeline.defs.sync.applied import ShopRun
from awin_medusa_pipeline.defs.sync.plans import held_check
from awin_medusa_pipeline.sync.domain.kinds import KINDS
from awin_medusa_pipeline.sync.store.past_reports import failures


@asset_check(asset="awin_feed", blocking=True, description="The shop has every currency of the feed.")
def currencies_in_shop(awin_feed: pl.LazyFrame, app: dg.ResourceParam[App]) -> dg.AssetCheckResult:
    """Check the currencies before anything is written: a price in a currency that the shop lacks sells nothing."""
    wanted = awin_feed.group_by("currency").len("offers").collect()
    with app.medusa() as client:
        if not client.can_write:
            return dg.AssetCheckResult(passed=True, description="A publishable key cannot see the shop's currencies.")
        has = client.currencies()
    lacking = dict(wanted.filter(~pl.col("currency").is_in(list(has))).iter_rows())
    names = ", ".join(f"{plain(code.upper())} ({offers:,} offers)" for code, offers in lacking.items())
    return dg.AssetCheckResult(
        passed=not lacking,
        description=f"The feed sells in {names}; the shop has {', '.join(sorted(has)).upper()}. "
        "Add the currency in Medusa Admin > Settings > Store, or take that feed out of AWIN_FEED_URL. "
        "[currency_not_in_shop]"
        if lacking
        else None,
    )


@asset_check(asset="sync_summary", blocking=True, description="No operation of the run failed.")
def nothing_failed(sync_run: ShopRun) -> dg.AssetCheckResult:
    """Fail the run after all work is done when an operation failed, so that the alert goes out."""
    failed = {str(kind): counts.failed for kind, counts in sync_run.ledger.counts(sync_run.id).items() if counts.failed}
    numbers = ", ".join(f"{kind} {number}" for kind, number in failed.items())
    folder = sync_run.reports.folder
    first = next((f"{key}: {reason.rstrip('.')}." for _, key, reason in failures(folder)), "")
    return dg.AssetCheckResult(
        passed=not failed,
        description=f"Operations that failed: {numbers}. The reason of each is in the -log.ndjson files of the run's "
        "reports; the next run tries them again."
        if failed
        else None,
        metadata=failed | ({FIRST: first, "reports": dg.MetadataValue.path(str(folder))} if failed else {}),
    )


def all_checks() -> Sequence[dg.AssetChecksDefinition]:
    """Make all checks."""
    contracts_kept = [contract_check(*item) for item in CONTRACTS.items()]
    return [*contracts_kept, currencies_in_shop, *map(held_check, KINDS), nothing_failed]
