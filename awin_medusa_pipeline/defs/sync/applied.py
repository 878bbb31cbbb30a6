"""Defines the assets that change the shop: group `applied`."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import dagster as dg
import polars as pl
from pydantic import Field

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.defs import shown
from awin_medusa_pipeline.defs.shown import SHOWN_ROWS, Link, Links, markdown_table
from awin_medusa_pipeline.defs.steps import StepError, asset
from awin_medusa_pipeline.defs.sync.plans import held_spec, nothing_held
from awin_medusa_pipeline.defs.tables import OWNERS
from awin_medusa_pipeline.sync.domain.kinds import KINDS
from awin_medusa_pipeline.sync.domain.operations import Kind
from awin_medusa_pipeline.sync.domain.preview import example
from awin_medusa_pipeline.sync.engine.applier import Applier
from awin_medusa_pipeline.sync.engine.apply import ApplyResult
from awin_medusa_pipeline.sync.engine.rules import Extent
from awin_medusa_pipeline.sync.engine.runs import SyncRun
from awin_medusa_pipeline.sync.store.ledger import LogEntry

Applied = Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]
ShopRun = dg.ResourceParam[SyncRun]
TheApp = dg.ResourceParam[App]


def _applied(kind: Kind) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    return asset(group_name="applied", kinds={"medusa"}, owners=OWNERS, check_specs=[held_spec(kind)])


class ApplyConfig(dg.Config):
    """Limits of an applying asset; the default changes nothing."""

    dry_run: bool = Field(
        default=True, description="Make the plan and the report, and send nothing. On unless a job says otherwise."
    )
    # Neither default is None: Dagster leaves such a field out of the form that it opens.
    limit: int | None = Field(
        default=0,
        ge=0,
        description="Change at most this many things (a pilot); the rest is reported as skipped. 0: no limit.",
    )
    approve_plan: str | None = Field(
        default="",
        description="Hash of a plan that a guard held: apply that plan and nothing else. Each row is compared with the "
        "shop just before; one that has changed since is skipped as stale. Blank: none.",
    )


@_applied(Kind.ADOPT)
def adopted_products(
    context: dg.AssetExecutionContext,
    config: ApplyConfig,
    adoption_candidates: pl.DataFrame,
    app: TheApp,
    sync_run: ShopRun,
) -> Applied:
    """Products of the shop that are offers of the feed, now with our key; nothing else is written to them before."""
    yield from apply(context, config, app, sync_run, Kind.ADOPT, adoption_candidates, Applier.adopt)


@_applied(Kind.IMPORT)
def imported_products(
    context: dg.AssetExecutionContext,
    config: ApplyConfig,
    missing_awin_products: pl.DataFrame,
    medusa_catalog: pl.LazyFrame,
    app: TheApp,
    sync_run: ShopRun,
) -> Applied:
    """Offers that the shop lacked, published with price, variants, images and level."""
    import_missing = partial(Applier.import_missing, imported=sync_run.imported(medusa_catalog))
    yield from apply(context, config, app, sync_run, Kind.IMPORT, missing_awin_products, import_missing)


@_applied(Kind.HIDE)
def hidden_products(
    context: dg.AssetExecutionContext,
    config: ApplyConfig,
    medusa_only_products: pl.DataFrame,
    medusa_catalog: pl.LazyFrame,
    app: TheApp,
    sync_run: ShopRun,
) -> Applied:
    """Products that left the feed, now drafts, marked as hidden by this program; by setting also sold out ones."""
    hide = partial(Applier.hide, catalog=medusa_catalog)
    yield from apply(context, config, app, sync_run, Kind.HIDE, medusa_only_products, hide)


@_applied(Kind.RESTORE)
def restored_products(
    context: dg.AssetExecutionContext,
    config: ApplyConfig,
    returning_products: pl.DataFrame,
    medusa_catalog: pl.LazyFrame,
    app: TheApp,
    sync_run: ShopRun,
) -> Applied:
    """Products that came back into the feed, published again."""
    restore = partial(Applier.restore, catalog=medusa_catalog)
    yield from apply(context, config, app, sync_run, Kind.RESTORE, returning_products, restore)


@_applied(Kind.STOCK)
def stock_updates(
    context: dg.AssetExecutionContext,
    config: ApplyConfig,
    stock_mismatches: pl.DataFrame,
    medusa_catalog: pl.LazyFrame,
    app: TheApp,
    sync_run: ShopRun,
) -> Applied:
    """Levels as the feed asks for them, absolute."""
    set_stock = partial(Applier.set_stock, catalog=medusa_catalog)
    yield from apply(context, config, app, sync_run, Kind.STOCK, stock_mismatches, set_stock)


@_applied(Kind.PRICE)
def price_updates(
    context: dg.AssetExecutionContext,
    config: ApplyConfig,
    price_mismatches: pl.DataFrame,
    matched_products: pl.LazyFrame,
    app: TheApp,
    sync_run: ShopRun,
) -> Applied:
    """Base prices as the feed has them, where SYNC_OWNER_PRICE says so."""
    set_prices = partial(Applier.set_prices, matched=matched_products)
    yield from apply(context, config, app, sync_run, Kind.PRICE, price_mismatches, set_prices)


@_applied(Kind.CONTENT)
def content_updates(
    context: dg.AssetExecutionContext,
    config: ApplyConfig,
    content_mismatches: pl.DataFrame,
    matched_products: pl.LazyFrame,
    app: TheApp,
    sync_run: ShopRun,
) -> Applied:
    """Titles, descriptions, images and categories set to the feed's, where their owner says so."""
    update = partial(Applier.update_content, matched=matched_products)
    yield from apply(context, config, app, sync_run, Kind.CONTENT, content_mismatches, update)


def apply(
    context: dg.AssetExecutionContext,
    config: ApplyConfig,
    app: App,
    run: SyncRun,
    kind: Kind,
    table: pl.DataFrame,
    method: Callable[[Applier, pl.DataFrame], ApplyResult],
) -> Applied:
    """Apply a table and show the outcome and what is held. Raises dg.Failure when the plan was stopped early."""
    extent = Extent(config.dry_run, config.limit or None, config.approve_plan or None)
    result = run.apply(
        kind,
        table,
        method,
        extent,
        progress=lambda done: context.log.info(f"{done:,} rows of the plan are settled"),
    )
    metadata = applied_metadata(run, kind, result, table, Links.of(app))
    if result.stopped_reason:
        raise StepError(
            f"{result.stopped_reason} What was done is recorded; the next run goes on from there.", metadata
        )
    yield dg.MaterializeResult(metadata=metadata)
    yield nothing_held(run, kind)


def applied_metadata(run: SyncRun, kind: Kind, result: ApplyResult, rows: pl.DataFrame, links: Links) -> dict[str, Any]:
    """Counts per outcome, the first changes and failures, and where the rest is.

    `rows`: of the kind's contract; they lead from what was changed to its product.
    """
    counts = {name: number for name, number in result.counts.as_dict().items() if name != "planned"}
    failures = [{"key": key, "reason": reason} for key, reason in result.failures[:SHOWN_ROWS]]
    return {
        **counts,
        **({"changes": changes_table(run, kind, rows, links)} if counts["applied"] or run.row.dry_run else {}),
        **({"failures": shown.table(failures, ("key", "reason"))} if failures else {}),
        "report": dg.MetadataValue.path(str(run.reports.folder / f"{kind}-log.ndjson")),
        "run_in_console": links.run(run.id),
    }


def changes_table(run: SyncRun, kind: Kind, rows: pl.DataFrame, links: Links) -> dg.MetadataValue:
    """The first things that a run changed, or would have: title, before and after, with links to Medusa Admin."""
    entries = run.ledger.changes(run.id, kind, SHOWN_ROWS)
    key = KINDS[kind].key
    products: dict[str, str] = {}
    if "product_id" in rows.columns:
        found = rows.filter(pl.col(key).is_in([entry.key for entry in entries]))
        products = dict(zip(found[key], found["product_id"], strict=True))

    def row(entry: LogEntry) -> tuple[Link, str, str]:
        told = example(kind, entry.operation)
        found_by = str(entry.operation.after.get("sku") or entry.operation.title or "")
        leads_to = links.product(products[entry.key]) if entry.key in products else links.products_found_by(found_by)
        return Link(told["title"], leads_to), told["before"], told["after"]

    return markdown_table(("product", "before", "after"), map(row, entries))
