"""Defines the assets that change the shop: group `applied`."""

from collections.abc import Callable
from functools import partial

import dagster as dg
import polars as pl
from pydantic import Field

from awin_medusa_pipeline.defs.tables import OWNERS
from awin_medusa_pipeline.sync.domain.operations import Kind
from awin_medusa_pipeline.sync.engine.applier import Applier
from awin_medusa_pipeline.sync.engine.apply import ApplyResult
from awin_medusa_pipeline.sync.engine.rules import Extent
from awin_medusa_pipeline.sync.engine.runs import SyncRun

SHOWN_FAILURES = 20
Applied = dg.MaterializeResult[None]
ShopRun = dg.ResourceParam[SyncRun]
_applied = dg.asset(group_name="applied", kinds={"medusa"}, owners=OWNERS)


class ApplyConfig(dg.Config):
    """Limits of an applying asset; the default changes nothing."""

    dry_run: bool = Field(
        default=True, description="Make the plan and the report, and send nothing. On unless a job says otherwise."
    )
    limit: int | None = Field(
        default=None, ge=1, description="Change at most this many things (a pilot); the rest is reported as skipped."
    )
    approve_plan: str | None = Field(
        default=None,
        description="Hash of a plan that a guard held: apply that plan and nothing else. Each row is compared with the "
        "shop just before; one that has changed since is skipped as stale.",
    )


@_applied
def adopted_products(
    context: dg.AssetExecutionContext, config: ApplyConfig, adoption_candidates: pl.DataFrame, sync_run: ShopRun
) -> Applied:
    """Products of the shop that are offers of the feed, now with our key; nothing else is written to them before."""
    return apply(context, config, sync_run, Kind.ADOPT, adoption_candidates, Applier.adopt)


@_applied
def imported_products(
    context: dg.AssetExecutionContext, config: ApplyConfig, missing_awin_products: pl.DataFrame, sync_run: ShopRun
) -> Applied:
    """Offers that the shop lacked, published with price, variants, images and level."""
    return apply(context, config, sync_run, Kind.IMPORT, missing_awin_products, Applier.import_missing)


@_applied
def hidden_products(
    context: dg.AssetExecutionContext,
    config: ApplyConfig,
    medusa_only_products: pl.DataFrame,
    medusa_catalog: pl.LazyFrame,
    sync_run: ShopRun,
) -> Applied:
    """Products that left the feed, now drafts, marked as hidden by this program; by setting also sold out ones."""
    hide = partial(Applier.hide, catalog=medusa_catalog)
    return apply(context, config, sync_run, Kind.HIDE, medusa_only_products, hide)


@_applied
def restored_products(
    context: dg.AssetExecutionContext, config: ApplyConfig, returning_products: pl.DataFrame, sync_run: ShopRun
) -> Applied:
    """Products that came back into the feed, published again."""
    return apply(context, config, sync_run, Kind.RESTORE, returning_products, Applier.restore)


@_applied
def stock_updates(
    context: dg.AssetExecutionContext,
    config: ApplyConfig,
    stock_mismatches: pl.DataFrame,
    medusa_catalog: pl.LazyFrame,
    sync_run: ShopRun,
) -> Applied:
    """Levels as the feed asks for them, absolute."""
    set_stock = partial(Applier.set_stock, catalog=medusa_catalog)
    return apply(context, config, sync_run, Kind.STOCK, stock_mismatches, set_stock)


@_applied
def price_updates(
    context: dg.AssetExecutionContext,
    config: ApplyConfig,
    price_mismatches: pl.DataFrame,
    matched_products: pl.LazyFrame,
    sync_run: ShopRun,
) -> Applied:
    """Base prices as the feed has them, where SYNC_OWNER_PRICE says so."""
    set_prices = partial(Applier.set_prices, matched=matched_products)
    return apply(context, config, sync_run, Kind.PRICE, price_mismatches, set_prices)


@_applied
def content_updates(
    context: dg.AssetExecutionContext, config: ApplyConfig, content_mismatches: pl.DataFrame, sync_run: ShopRun
) -> Applied:
    """Titles, descriptions, images and categories set to the feed's, where their owner says so."""
    return apply(context, config, sync_run, Kind.CONTENT, content_mismatches, Applier.update_content)


def apply(
    context: dg.AssetExecutionContext,
    config: ApplyConfig,
    run: SyncRun,
    kind: Kind,
    table: pl.DataFrame,
    method: Callable[[Applier, pl.DataFrame], ApplyResult],
) -> Applied:
    """Apply a table and show the outcome as metadata. Raises dg.Failure when the plan was stopped early."""
    extent = Extent(config.dry_run, config.limit, config.approve_plan)
    result = run.apply(
        kind,
        table,
        method,
        extent,
        progress=lambda done: context.log.info(f"{done:,} rows of the plan are settled"),
    )
    metadata = applied_metadata(result, str(run.reports.folder / f"{kind}-log.ndjson"))
    if result.stopped_reason:
        raise dg.Failure(
            f"{result.stopped_reason} What was done is recorded; the next run goes on from there.",
            metadata=metadata,
            allow_retries=False,
        )
    return dg.MaterializeResult(metadata=metadata)


def applied_metadata(result: ApplyResult, report: str) -> dict[str, dg.MetadataValue | int]:
    """Counts per outcome, the first failures, and the path of the kind's log."""
    counts = {name: number for name, number in result.counts.as_dict().items() if name != "planned"}
    failures = "\n".join(f"- `{key}`: {reason}" for key, reason in result.failures[:SHOWN_FAILURES]) or "none"
    return {**counts, "failures": dg.MetadataValue.md(failures), "report": dg.MetadataValue.path(report)}
