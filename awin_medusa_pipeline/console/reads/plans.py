"""Reads held plans for the pages: whether one is still what would happen, and its rows, largest changes first."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.console.reads.discrepancies import Rows, page_of
from awin_medusa_pipeline.core.spreadsheets import as_csv
from awin_medusa_pipeline.decisions import Newest
from awin_medusa_pipeline.sync.domain.kinds import KINDS
from awin_medusa_pipeline.sync.domain.operations import Kind
from awin_medusa_pipeline.sync.domain.plans import largest
from awin_medusa_pipeline.sync.store.held_plans import SHOWN, HeldPlan, HeldPlans, PlanState

EFFECTS = {
    Kind.ADOPT: ("Adopt", "product", "variant"),
    Kind.IMPORT: ("Import", "product", "offer"),
    Kind.HIDE: ("Hide", "product", "product"),
    Kind.RESTORE: ("Publish", "product", "product"),
    Kind.STOCK: ("Set the stock of", "variant", "variant"),
    Kind.PRICE: ("Change the price of", "variant", "variant"),
    Kind.CONTENT: ("Change", "text or image", "field"),
}


@dataclass(frozen=True)
class PlanView:
    """A plan as people see it."""

    plan: HeldPlan
    now: datetime
    stale: bool
    """Whether a later run has planned this kind, and no longer wants these rows."""

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
    now, newest = datetime.now(UTC), Newest(app)
    return [PlanView(plan, now, newest.is_out_of_date(plan)) for plan in plans]


def all_plans(app: App) -> list[PlanView]:
    """Every plan of the shop, those that wait first, then newest first."""
    found = views(app, HeldPlans(app.database).all(app.shop_address))
    return sorted(found, key=lambda view: not view.waits)


def rows(app: App, plan: HeldPlan, *, search: str, page: int) -> Rows:
    """One page of a plan's rows, the largest changes first."""
    kind, table = Kind(plan.kind), HeldPlans(app.database).rows(plan)
    ordered = largest(kind, table, table.height).lazy()
    return page_of(ordered, KINDS[kind].shown, search=search, sort="", descending=False, page=page)


def csv(app: App, plan: HeldPlan) -> bytes:
    """All rows of a plan as a CSV, as in the reports."""
    table = HeldPlans(app.database).rows(plan)
    out = io.BytesIO()
    as_csv(largest(Kind(plan.kind), table, table.height).lazy()).collect().write_csv(out, quote_style="non_numeric")
    return out.getvalue()
