"""Runs a sync on one shop: starts it in the operation log, takes the lease, applies tables and takes runs back."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import polars as pl

from awin_medusa_pipeline.core.errors import TransientError
from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.core.store.leases import HeldLease, Leases
from awin_medusa_pipeline.medusa.client import MedusaClient, Shop
from awin_medusa_pipeline.sync.domain import guards
from awin_medusa_pipeline.sync.domain.kinds import KINDS
from awin_medusa_pipeline.sync.domain.operations import DRY_RUN, Decision, Kind, Operation
from awin_medusa_pipeline.sync.domain.rules import PRICE_WINDOW
from awin_medusa_pipeline.sync.engine.applier import Applier, Imported
from awin_medusa_pipeline.sync.engine.apply import ApplyResult, Engine
from awin_medusa_pipeline.sync.engine.breaker import Breaker
from awin_medusa_pipeline.sync.engine.held import Gate
from awin_medusa_pipeline.sync.engine.intake import tripped_guards
from awin_medusa_pipeline.sync.engine.pace import Pace
from awin_medusa_pipeline.sync.engine.rules import Extent, SyncRules
from awin_medusa_pipeline.sync.engine.undo import Undo
from awin_medusa_pipeline.sync.store.absences import Absences
from awin_medusa_pipeline.sync.store.decisions import Decisions, decisions_on
from awin_medusa_pipeline.sync.store.feed_history import FeedHistory
from awin_medusa_pipeline.sync.store.held_plans import PROPOSED, HeldPlan, HeldPlans
from awin_medusa_pipeline.sync.store.ledger import Ledger, Run
from awin_medusa_pipeline.sync.store.price_steps import price_steps
from awin_medusa_pipeline.sync.store.reports import Reports, RunReports
from awin_medusa_pipeline.sync.store.written import WrittenValues


@dataclass(frozen=True)
class ShopAccess:
    """How a run reaches the shop."""

    address: str
    connect: Callable[[], MedusaClient]
    """Makes a client that may write. Raises PermanentError naming the missing setting."""
    pick: Callable[[MedusaClient], Shop]
    """Finds the sales channel, stock location and shipping profile that the settings name."""


class SyncRun:
    """One run on one shop. Its lease, once taken, lasts until `close`."""

    def __init__(
        self,
        database: Database,
        shop: ShopAccess,
        rules: SyncRules,
        reports: Reports,
        *,
        run_id: str,
        job: str,
        dry_run: bool,
    ) -> None:
        self.database, self.shop, self.rules = database, shop, rules
        self.ledger = Ledger(database)
        self.feeds, self.plans, self.written = FeedHistory(database), HeldPlans(database), WrittenValues(database)
        self.row: Run = self.ledger.start_run(run_id, shop=shop.address, job=job, dry_run=dry_run)
        self.reports: RunReports = reports.of(self.row)
        self._planned: set[str] = set()
        self._breaker, self._pace = Breaker(), Pace(gentle=rules.gentle)
        self._leases = ExitStack()
        self._lease: HeldLease | None = None
        self._ids: Shop | None = None

    @property
    def id(self) -> str:
        """Dagster's run id."""
        return self.row.run_id

    def close(self) -> None:
        """Release the shop."""
        self._leases.close()

    def take_shop(self) -> HeldLease:
        """Lease the shop for this run. Raises ShopBusyError when another run has it."""
        if self._lease is None:
            held = Leases(self.database).hold(self.row.shop, run_id=self.id, job=self.row.job)
            self._lease = self._leases.enter_context(held)
        return self._lease

    @contextmanager
    def _connected(self, *, dry_run: bool) -> Iterator[MedusaClient]:
        """Connect to the shop; whatever may change it is sent only while this run holds it."""
        with self.shop.connect() as client:
            client.when_limited(self._pace.troubled)
            client.ask_before_writing(_refuse_to_write if dry_run else self.take_shop().check)
            yield client

    def _shop_ids(self, client: MedusaClient) -> Shop:
        """Ids that new products need, looked up once a run: to check the key takes Medusa 35 ms a request."""
        self._ids = self._ids or self.shop.pick(client)
        return self._ids

    def unfinished_imports(self) -> list[Operation]:
        """Imports into the shop that were begun, by this program, and never finished."""
        return self.ledger.unfinished(self.row.shop, Kind.IMPORT)

    def imported(self, catalog: pl.LazyFrame) -> Imported:
        """What earlier runs imported, beside the products of ours in CatalogVariant rows."""
        ours = catalog.filter(guards.merchant_of(pl.col("external_id")).is_not_null()).select("product_id").unique()
        return Imported(partial(self.ledger.imported, self.row.shop), ours.collect().height)

    def price_steps(self, mismatches: pl.DataFrame) -> pl.DataFrame:
        """How the prices moved, of PriceMismatch rows that would be updated: PriceStep rows."""
        moving = mismatches.filter(pl.col("decision") == Decision.UPDATE)["variant_id"]
        return price_steps(self.database, self.row.shop, moving, datetime.now(UTC) - PRICE_WINDOW)

    def feeds_missed(self, product_ids: Sequence[str]) -> dict[str, int]:
        """Count the accepted feeds in a row, this run's included, that lacked each of these products."""
        content = self.feeds.accepted_content(self.id)
        most = self.rules.hide.after
        return Absences(self.database).count(self.row.shop, product_ids, content, most=most)

    def apply(
        self,
        kind: Kind,
        table: pl.DataFrame,
        method: Callable[[Applier, pl.DataFrame], ApplyResult],
        extent: Extent,
        *,
        progress: Callable[[int], None] = lambda done: None,
    ) -> ApplyResult:
        """Apply a table as far as guards and decisions allow, or the approved plan and nothing else; writes reports."""
        plan = self.plans.to_apply(extent.plan, kind, f"run {self.id}") if extent.plan else None
        rows = self.plans.rows(plan) if plan else table
        if not plan:
            self._planned.add(str(kind))
        if self._breaker.stopped and not extent.dry_run:
            raise TransientError(
                f"Applying {rows.height:,} rows to {KINDS[kind].words}",
                "nothing was sent, since this run has stopped at the shop before",
                f"The reason was: {self._breaker.stopped}",
            )
        decisions = Decisions() if plan else decisions_on(self.database, self.row.shop, kind, rows)
        with self._applier(extent, plan, decisions, progress) as applier:
            result = method(applier, rows)
        if plan and not (extent.dry_run or result.stopped_reason):
            self.take_shop().renew()  # else the plan is the other run's to finish
            self._mark_applied(plan)
        if extent.dry_run and not plan:
            self._propose(kind, rows)
        self.reports.write_operations(kind, self.ledger.rows(self.id, kind))
        if result.stopped_reason:
            self.write_results()  # the run ends here
        return result

    def write_results(self) -> None:
        """Write every operation of the run into one table."""
        # Kind by kind, as the log's index has them: sorting the whole run would take memory for all of its rows.
        entries = (entry for kind in self.ledger.counts(self.id) for entry in self.ledger.rows(self.id, kind))
        self.reports.write_results(entries)

    @contextmanager
    def _applier(
        self,
        extent: Extent,
        plan: HeldPlan | None,
        decisions: Decisions,
        progress: Callable[[int], None],
    ) -> Iterator[Applier]:
        rules = self.rules
        of_feeds = tripped_guards(self.feeds, self.id, rules.limits)
        gate = Gate(of_feeds, self.plans, self.row.shop, self.id, rules.plan_hours)
        with self._connected(dry_run=extent.dry_run) as client:
            yield Applier(
                client,
                self._shop_ids(client),
                self._engine(extent.dry_run, progress),
                rules,
                dry_run=extent.dry_run,
                limit=None if plan else extent.limit,
                gate=None if plan else gate,
                recheck=plan is not None,
                decisions=decisions,
            )

    def _engine(self, dry_run: bool, progress: Callable[[int], None] = lambda done: None) -> Engine:
        lease = None if dry_run else self.take_shop()
        return Engine(self.ledger, self.id, self._pace, progress=progress, breaker=self._breaker, lease=lease)

    def _propose(self, kind: Kind, rows: pl.DataFrame) -> None:
        """Keep what this dry run would have sent, so that exactly that can be applied."""
        going = rows.filter(pl.col(KINDS[kind].key).is_in(self.ledger.keys(self.id, kind, DRY_RUN)))
        if going.height:
            hours = self.rules.plan_hours
            self.plans.keep(self.row.shop, kind, self.id, going, [PROPOSED], hours=hours, proposed=True)

    def _mark_applied(self, plan: HeldPlan) -> None:
        self.plans.mark_applied(plan.hash, self.id)
        # Approving what only asks first says nothing about the feed.
        if not plan.proposed and any(why.guard for why in plan.why):
            self.feeds.accept(plan.run_id)

    def waiting_plans(self) -> list[HeldPlan]:
        """Plans that wait for a decision; where this run has planned a kind, only its own plans of that kind."""
        waiting = self.plans.waiting(self.row.shop)
        return [plan for plan in waiting if plan.kind not in self._planned or plan.run_id == self.id]

    def take_back(self, start: str, kinds: Sequence[Kind], *, dry_run: bool) -> Mapping[Kind, ApplyResult]:
        """Take back what the run whose id begins with `start` applied, and write the reports.

        A result with a stopped_reason is the last one. Raises PermanentError when it is none or several.
        """
        undone = self.ledger.find_run(start, self.row.shop)
        results: dict[Kind, ApplyResult] = {}
        engine = self._engine(dry_run)
        with self._connected(dry_run=dry_run) as client:
            undo = Undo(client, self._shop_ids(client), engine, dry_run)
            for kind in kinds:
                results[kind] = undo.take_back(kind, self.ledger.rows(undone.run_id, kind))
                if results[kind].stopped_reason:
                    return results
        if not dry_run:
            self.take_shop().renew()
            self.plans.forget_those_of(undone.run_id)
        for kind in self.ledger.counts(self.id):
            self.reports.write_operations(kind, self.ledger.rows(self.id, kind))
        self.reports.write_page()
        self.write_results()
        self.ledger.finish_run(self.id)
        return results


def _refuse_to_write() -> None:
    raise AssertionError("a dry run sends nothing that may change the shop")


def is_dry_run(dry_runs: set[bool | None], *, by_hand: bool) -> bool:
    """Whether a run counts as a dry run, from the values of dry_run in its config (None: not set).

    Assets materialised `by_hand` have no job's config, so an applying asset keeps its safe default.
    """
    return True in dry_runs or (by_hand and False not in dry_runs)


def will_apply(dry_runs: set[bool | None], *, by_default: bool) -> bool:
    """Whether a run is going to change the shop; `by_default`: its job does unless its config says otherwise."""
    return False in dry_runs or (True not in dry_runs and by_default)
