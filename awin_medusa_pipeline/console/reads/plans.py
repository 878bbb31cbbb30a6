"""Reads held plans for the pages: whether one is still what would happen, and its rows, largest changes first."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.console.reads.discrepancies import Rows, page_of
from awin_medusa_pipeline.console.reads.runs import newest_planning
from awin_medusa_pipeline.sync.domain.kinds import KINDS
from awin_medusa_pipeline.sync.domain.operations import Kind
from awin_medusa_pipeline.sync.store.held_plans import SHOWN, HeldPlan, HeldPlans, PlanState
from awin_medusa_pipeline.sync.store.reports import as_csv

EFFECTS = {
    Kind.ADOPT: ("Adopt", "product", "variant"),
    Kind.IMPORT: ("Import", "product", "offer"),
    Kind.HIDE: ("Hide", "product", "product"),
    Kind.RESTORE: ("Publish", "product", "product"),
    Kind.STOCK: ("Set the stock of", "variant", "variant"),
    Kind.PRICE: ("Change the price of", "variant", "variant"),
    Kind.CONTENT: ("Change", "text or image", "field"),
}
SIZE = {Kind.PRICE: pl.col("change_percent").abs(), Kind.STOCK: (pl.col("wanted_level") - pl.col("level")).abs()}
"""How large a change is, where that can be said."""


@dataclass(frozen=True)
class PlanView:
    """A plan as people see it."""

    plan: HeldPlan
    now: datetime
    newest_run: str | None
    """The newest run that planned this kind, but for those that carried plans out."""

    @property
    def kind(self) -> Kind:
        """Its kind."""
        return Kind(self.plan.kind)

    @property
    def short(self) -> str:
        """The part of its hash that is shown."""
        return self.plan.hash[:SHOWN]

    @property
    def expired(self) -> bool:
        """Whether its time is over."""
        return self.plan.state is PlanState.HELD and self.plan.expires_at <= self.now

    @property
    def stale(self) -> bool:
        """Whether a later run has planned this kind and no longer wanted these rows."""
        newest = self.newest_run
        return self.plan.state is PlanState.HELD and newest is not None and newest != self.plan.run_id

    @property
    def waits(self) -> bool:
        """Whether a person can decide on it."""
        return self.plan.state is PlanState.HELD and not self.expired and not self.stale

    @property
    def state(self) -> str:
        """Its state in one word or two."""
        if self.expired:
            return "expired"
        if self.stale:
            return "out of date"
        if self.plan.state is PlanState.HELD:
            return "proposed" if self.plan.proposed else "waits for you"
        return str(self.plan.state)

    @property
    def effect(self) -> str:
        """What approving does, as on its button: `Hide 214 products`."""
        verb, thing, row = EFFECTS[Kind(self.plan.kind)]
        name = thing if thing == row else row
        plural = "" if self.plan.row_count == 1 else "s"
        return f"{verb} {self.plan.row_count:,} {name}{plural}"


def views(app: App, plans: Sequence[HeldPlan]) -> list[PlanView]:
    """Plans as people see them."""
    newest = {kind: newest_planning(app, kind) for kind in {Kind(plan.kind) for plan in plans}}
    now = datetime.now(UTC)
    return [PlanView(plan, now, newest[Kind(plan.kind)]) for plan in plans]


def all_plans(app: App) -> list[PlanView]:
    """Every plan of the shop, those that wait first, then newest first."""
    found = views(app, HeldPlans(app.database).all(app.shop_address))
    return sorted(found, key=lambda view: not view.waits)


def rows(app: App, plan: HeldPlan, *, search: str, page: int) -> Rows:
    """One page of a plan's rows, the largest changes first."""
    kind = Kind(plan.kind)
    table = _sorted(HeldPlans(app.database).rows(plan).lazy(), kind)
    return page_of(table, KINDS[kind].shown, search=search, sort="", descending=False, page=page)


def csv(app: App, plan: HeldPlan) -> bytes:
    """All rows of a plan as a CSV, as in the reports."""
    out = io.BytesIO()
    as_csv(_sorted(HeldPlans(app.database).rows(plan).lazy(), Kind(plan.kind))).collect().write_csv(out)
    return out.getvalue()


def _sorted(table: pl.LazyFrame, kind: Kind) -> pl.LazyFrame:
    return table.sort(SIZE[kind], descending=True, nulls_last=True, maintain_order=True) if kind in SIZE else table
