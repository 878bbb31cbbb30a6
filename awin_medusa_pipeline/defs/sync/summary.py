"""Defines the assets that tell of a run when all is done: group `summary`."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import polars as pl

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.defs.failures import FIRST
from awin_medusa_pipeline.defs.shown import Links, markdown_table
from awin_medusa_pipeline.defs.steps import asset
from awin_medusa_pipeline.defs.sync.applied import ShopRun
from awin_medusa_pipeline.defs.sync.plans import plans_metadata
from awin_medusa_pipeline.defs.tables import OWNERS
from awin_medusa_pipeline.remedies import command
from awin_medusa_pipeline.sync.domain.kinds import ASSETS, KINDS
from awin_medusa_pipeline.sync.domain.summary import SummaryTables
from awin_medusa_pipeline.sync.engine.runs import SyncRun
from awin_medusa_pipeline.sync.engine.summary import RunSummary, finish_run
from awin_medusa_pipeline.sync.store.past_reports import failures

GROUP = "summary"
NOTHING_FAILED = dg.AssetCheckSpec(
    "nothing_failed", asset="sync_summary", blocking=True, description="No operation of the run failed."
)


@asset(group_name=GROUP, kinds={"json", "slack"}, owners=OWNERS, deps=ASSETS, check_specs=[NOTHING_FAILED])
def sync_summary(
    awin_feed_rejects: pl.LazyFrame,
    awin_feed: pl.LazyFrame,
    medusa_catalog: pl.LazyFrame,
    matched_products: pl.LazyFrame,
    missing_awin_products: pl.LazyFrame,
    medusa_only_products: pl.LazyFrame,
    returning_products: pl.LazyFrame,
    stock_mismatches: pl.LazyFrame,
    price_mismatches: pl.LazyFrame,
    content_mismatches: pl.LazyFrame,
    adoption_candidates: pl.LazyFrame,
    loose_matches: pl.LazyFrame,
    app: dg.ResourceParam[App],
    sync_run: ShopRun,
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """The run in numbers: rows read, differences found, operations carried out. Also sent to Slack."""
    tables = SummaryTables(
        awin_feed=awin_feed,
        awin_feed_rejects=awin_feed_rejects,
        medusa_catalog=medusa_catalog,
        matched_products=matched_products,
        missing_awin_products=missing_awin_products,
        medusa_only_products=medusa_only_products,
        returning_products=returning_products,
        stock_mismatches=stock_mismatches,
        price_mismatches=price_mismatches,
        content_mismatches=content_mismatches,
        adoption_candidates=adoption_candidates,
        loose_matches=loose_matches,
    )
    summary = finish_run(sync_run, tables, command)
    app.notify(f"summary-{sync_run.id}", summary.message(app.run_url(sync_run.id)))
    yield dg.MaterializeResult(metadata=summary_metadata(summary, Links.of(app)))
    yield nothing_failed(sync_run)


def nothing_failed(run: SyncRun) -> dg.AssetCheckResult:
    """Fail the run after all work is done when an operation failed, so that the alert goes out."""
    failed = {str(kind): counts.failed for kind, counts in run.ledger.counts(run.id).items() if counts.failed}
    numbers = ", ".join(f"{kind} {number}" for kind, number in failed.items())
    folder = run.reports.folder
    first = next((f"{key}: {reason.rstrip('.')}." for _, key, reason in failures(folder)), "")
    return dg.AssetCheckResult(
        passed=not failed,
        description=f"Operations that failed: {numbers}. The reason of each is in the -log.ndjson files of the run's "
        "reports; the next run tries them again."
        if failed
        else None,
        metadata=failed | ({FIRST: first, "reports": dg.MetadataValue.path(str(folder))} if failed else {}),
    )


def summary_metadata(summary: RunSummary, links: Links) -> dict[str, Any]:
    """The run as one table, where its reports are, and every number by its own name for plots."""
    return {
        "summary": markdown_table(("", "found", "done", "held", "failed", "why"), summary_rows(summary)),
        "run_in_console": links.run(summary.run.run_id),
        "report": dg.MetadataValue.path(str(summary.path)),
        **summary.numbers,
    }


def summary_rows(summary: RunSummary) -> Iterator[tuple[object, ...]]:
    """A row for each kind with something to do, and one for each remark."""
    for kind, entry in KINDS.items():
        found, done = summary.numbers[entry.found], summary.counts.done[kind]
        reasons = [reason for plan in summary.held if plan.kind == kind for reason in plan.reasons]
        why = "; ".join(dict.fromkeys(reasons))
        if found or done.planned:
            yield entry.words, found, done.applied, done.held, done.failed, why
    for remark in summary.remarks:
        yield "note", None, None, None, None, remark


@asset(group_name=GROUP, kinds={"json"}, owners=OWNERS, deps=ASSETS)
def held_plans(sync_run: ShopRun) -> dg.MaterializeResult[None]:
    """The plans that wait for a decision: held by a guard, asked about, or proposed by a dry run."""
    return dg.MaterializeResult(metadata=plans_metadata(sync_run.waiting_plans()))
