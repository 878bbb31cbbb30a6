"""What is done to the shop: group `applied`.

What belongs here: config, and one asset a kind. What does not: how it is done (sync/engine/).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import dagster as dg
import polars as pl
from pydantic import Field

from awin_medusa_pipeline.defs.resources import MedusaResource, StateStore, shop_of
from awin_medusa_pipeline.defs.tables import OWNERS
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline.sync.domain import guards
from awin_medusa_pipeline.sync.domain.guards import Trip
from awin_medusa_pipeline.sync.engine.applier import Application
from awin_medusa_pipeline.sync.engine.apply import ApplyResult, Engine
from awin_medusa_pipeline.sync.engine.held import Guard, rows_of
from awin_medusa_pipeline.sync.engine.intake import trips_of
from awin_medusa_pipeline.sync.store.held_plans import HeldPlan
from awin_medusa_pipeline.sync.store.ledger import Kind

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
    approve_plan: str | None = Field(
        default=None,
        description="Hash of a plan that a guard held: apply that plan and nothing else. Each row is looked at again "
        "just before; one that no longer holds is skipped as stale.",
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
    work = Work(context, config, medusa, store, Kind.IMPORT)
    return work.done(missing_awin_products, Application.import_missing)


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS)
def hidden_products(
    context: dg.AssetExecutionContext,
    config: ApplyConfig,
    medusa_only_products: pl.DataFrame,
    medusa_catalog: pl.LazyFrame,
    medusa: MedusaResource,
    store: StateStore,
) -> Applied:
    """Products that left the feed, now drafts, marked as hidden by this program."""
    work, settings = Work(context, config, medusa, store, Kind.HIDE), Settings()
    trips = guards.hide_trips(
        medusa_only_products, medusa_catalog, settings.guard_limits, hold_loose=settings.hold_loose
    )
    return work.done(medusa_only_products, Application.hide, trips)


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS)
def restored_products(
    context: dg.AssetExecutionContext,
    config: ApplyConfig,
    returning_products: pl.DataFrame,
    medusa: MedusaResource,
    store: StateStore,
) -> Applied:
    """Products that came back into the feed, published again."""
    work = Work(context, config, medusa, store, Kind.RESTORE)
    return work.done(returning_products, Application.restore)


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS)
def stock_updates(
    context: dg.AssetExecutionContext,
    config: ApplyConfig,
    stock_mismatches: pl.DataFrame,
    medusa_catalog: pl.LazyFrame,
    medusa: MedusaResource,
    store: StateStore,
) -> Applied:
    """Levels as the feed asks for them, absolute."""
    work = Work(context, config, medusa, store, Kind.STOCK)
    trips = guards.zero_trips(stock_mismatches, medusa_catalog, Settings().guard_limits)
    return work.done(stock_mismatches, Application.set_stock, trips)


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS)
def price_updates(
    context: dg.AssetExecutionContext,
    config: ApplyConfig,
    price_mismatches: pl.DataFrame,
    matched_products: pl.LazyFrame,
    medusa: MedusaResource,
    store: StateStore,
) -> Applied:
    """Base prices as the feed has them, where SYNC_OWNER_PRICE says so."""
    work = Work(context, config, medusa, store, Kind.PRICE)
    trips = guards.price_trips(price_mismatches, matched_products, Settings().guard_limits)
    return work.done(price_mismatches, Application.set_prices, trips)


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS)
def content_updates(
    context: dg.AssetExecutionContext,
    config: ApplyConfig,
    content_mismatches: pl.DataFrame,
    medusa: MedusaResource,
    store: StateStore,
) -> Applied:
    """Titles, descriptions, images and categories as the feed has them, where their owner says so."""
    work = Work(context, config, medusa, store, Kind.CONTENT)
    return work.done(content_mismatches, Application.update_content)


@dataclass(frozen=True)
class Work:
    """One applying asset at work."""

    context: dg.AssetExecutionContext
    config: ApplyConfig
    medusa: MedusaResource
    store: StateStore
    kind: Kind

    def done(
        self, table: pl.DataFrame, apply: Callable[[Application, pl.DataFrame], ApplyResult], trips: Sequence[Trip] = ()
    ) -> Applied:
        """The table applied as far as the guards let it, or the approved plan and nothing else."""
        settings, run = Settings(), self.store.run(self.context.run)
        plan = self._approved()
        feed_trips = trips_of(self.store.feeds, run.run_id, settings.guard_limits)
        plans = None if self.config.dry_run else self.store.plans
        guard = Guard([*feed_trips, *trips], plans, run.shop, run.run_id, settings.plan_hours)
        with self._application(guard, approved=plan is not None) as application:
            result = apply(application, rows_of(plan) if plan else table)
        if plan and not (self.config.dry_run or result.stopped_reason):
            self.store.plans.mark_applied(plan.hash, run.run_id)
            # Who answers what only asks first says nothing about the feed.
            if plan.reasons != [guards.ASKED]:
                self.store.feeds.accept(plan.run_id)
        return self._told(result)

    def _approved(self) -> HeldPlan | None:
        if self.config.approve_plan is None:
            return None
        return self.store.plans.to_apply(self.config.approve_plan, self.kind, f"run {self.context.run.run_id}")

    @contextmanager
    def _application(self, guard: Guard, *, approved: bool) -> Iterator[Application]:
        settings, run = Settings(), self.store.run(self.context.run)
        permit = (lambda: None) if self.config.dry_run else self.store.lease(self.context.run)

        def progress(done: int) -> None:
            self.context.log.info(f"{done:,} rows of the plan are settled")

        with self.medusa.client(applying=True) as client:
            yield Application(
                client,
                shop_of(client, settings),
                Engine(self.store.ledger, run.run_id, progress=progress, permit=permit),
                dry_run=self.config.dry_run,
                limit=self.config.limit,
                hold_loose=settings.hold_loose,
                hide_after=settings.guard_hide_after_feeds,
                rehost_images=settings.sync_rehost_images,
                guard=None if approved else guard,
                look_again=approved,
            )

    def _told(self, result: ApplyResult) -> Applied:
        """The materialisation, the kind's log and summary written. Raises dg.Failure when the plan was left early."""
        reports = self.store.reports(self.context.run)
        reports.write_operations(self.kind, self.store.ledger.rows(self.context.run.run_id, self.kind))
        failures = "\n".join(f"- `{key}`: {reason}" for key, reason in result.failures[:SHOWN_FAILURES]) or "none"
        metadata: dict[str, dg.MetadataValue | int] = {
            **result.counts,
            "failures": dg.MetadataValue.md(failures),
            "report": dg.MetadataValue.path(str(reports.folder / f"{self.kind}-log.ndjson")),
        }
        if result.stopped_reason:
            raise dg.Failure(
                f"{result.stopped_reason} What was done is recorded; the next run goes on from there.",
                metadata=metadata,
                allow_retries=False,
            )
        return dg.MaterializeResult(metadata=metadata)
