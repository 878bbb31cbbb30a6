"""What is done to the shop: group `applied`.

What belongs here: config, and one asset a kind. What does not: how it is done (engine/).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import polars as pl
from pydantic import Field

from awin_medusa_pipeline.assets.tables import OWNERS
from awin_medusa_pipeline.engine.apply import ApplyResult, Engine
from awin_medusa_pipeline.engine.kinds import Application
from awin_medusa_pipeline.resources import MedusaResource, StateStore
from awin_medusa_pipeline.settings import LooseMatches, Settings
from awin_medusa_pipeline.store.ledger import Kind

GROUP = "applied"
KINDS = {"medusa"}
SHOWN_FAILURES = 20
Applied = dg.MaterializeResult[None]


class ApplyConfig(dg.Config):
    """How far an applying asset goes."""

    dry_run: bool = Field(
        default=True, description="Make the plan and the report, and send nothing. On unless a job says otherwise."
    )
    limit: int | None = Field(
        default=None, ge=1, description="Send at most this many operations (a pilot); the rest is reported as skipped."
    )


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS)
def imported_products(
    context: dg.AssetExecutionContext,
    config: ApplyConfig,
    missing_awin_products: pl.DataFrame,
    medusa: MedusaResource,
    store: StateStore,
) -> Applied:
    """Offers that the shop lacked, now published with price, variants, images and level."""
    with _application(context, config, medusa, store) as application:
        return _result(context, store, Kind.IMPORT, application.import_missing(missing_awin_products))


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS)
def hidden_products(
    context: dg.AssetExecutionContext,
    config: ApplyConfig,
    medusa_only_products: pl.DataFrame,
    medusa: MedusaResource,
    store: StateStore,
) -> Applied:
    """Products that left the feed, now drafts, marked as hidden by this program."""
    with _application(context, config, medusa, store) as application:
        return _result(context, store, Kind.HIDE, application.hide(medusa_only_products))


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS)
def restored_products(
    context: dg.AssetExecutionContext,
    config: ApplyConfig,
    returning_products: pl.DataFrame,
    medusa: MedusaResource,
    store: StateStore,
) -> Applied:
    """Products that came back into the feed, published again."""
    with _application(context, config, medusa, store) as application:
        return _result(context, store, Kind.RESTORE, application.restore(returning_products))


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS)
def stock_updates(
    context: dg.AssetExecutionContext,
    config: ApplyConfig,
    stock_mismatches: pl.DataFrame,
    medusa: MedusaResource,
    store: StateStore,
) -> Applied:
    """Levels as the feed asks for them, absolute."""
    with _application(context, config, medusa, store) as application:
        return _result(context, store, Kind.STOCK, application.set_stock(stock_mismatches))


@contextmanager
def _application(
    context: dg.AssetExecutionContext, config: ApplyConfig, medusa: MedusaResource, store: StateStore
) -> Iterator[Application]:
    settings, run = Settings(), store.run(context.run)

    def progress(done: int) -> None:
        context.log.info(f"{done:,} rows of the plan are settled")

    permit = (lambda: None) if config.dry_run else store.lease(context.run)
    with medusa.client(applying=True) as client:
        yield Application(
            client,
            client.shop(
                sales_channel=settings.medusa_sales_channel,
                stock_location=settings.medusa_stock_location,
                shipping_profile=settings.medusa_shipping_profile,
            ),
            Engine(store.ledger, run.run_id, progress=progress, permit=permit),
            dry_run=config.dry_run,
            limit=config.limit,
            hold_loose=settings.sync_loose_matches is LooseMatches.HOLD,
            rehost_images=settings.sync_rehost_images,
        )


def _result(context: dg.AssetExecutionContext, store: StateStore, kind: Kind, result: ApplyResult) -> Applied:
    """The materialisation, with the kind's log and summary written. Raises dg.Failure when the plan was left early."""
    reports = store.reports(context.run)
    reports.write_operations(kind, store.ledger.rows(context.run.run_id, kind))
    failures = "\n".join(f"- `{key}`: {reason}" for key, reason in result.failures[:SHOWN_FAILURES]) or "none"
    metadata: dict[str, dg.MetadataValue | int] = {
        **result.counts,
        "failures": dg.MetadataValue.md(failures),
        "report": dg.MetadataValue.path(str(reports.folder / f"{kind}-log.ndjson")),
    }
    if result.stopped_reason:
        raise dg.Failure(
            f"{result.stopped_reason} What was done is recorded; the next run goes on from there.",
            metadata=metadata,
            allow_retries=False,
        )
    return dg.MaterializeResult(metadata=metadata)
