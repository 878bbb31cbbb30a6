"""Lists held plans and finds them by the beginning of their hash, without their rows."""

import sqlalchemy as sa

from awin_medusa_pipeline.core.errors import Action, PermanentError
from awin_medusa_pipeline.core.store.base import SHORTEST_ID
from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.sync.domain.kinds import KINDS
from awin_medusa_pipeline.sync.domain.operations import Kind
from awin_medusa_pipeline.sync.store.models import HeldPlan, PlanState

__all__ = ["SHOWN", "HeldPlan", "PlanError", "PlanList", "PlanState"]

SHOWN = 12
"""Characters of a hash shown to people."""


class PlanError(PermanentError):
    """A held plan that cannot be decided or applied."""


class PlanList:
    """Reads held plans, without their rows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self, shop: str) -> list[HeldPlan]:
        """Plans of a shop, newest first."""
        query = sa.select(HeldPlan).where(HeldPlan.shop == shop).order_by(HeldPlan.created_at.desc())
        with self._database.reading() as session:
            return list(session.scalars(query))

    def of_run(self, run_id: str) -> list[HeldPlan]:
        """Plans that a run held and that wait for a decision."""
        waiting = (HeldPlan.run_id == run_id, HeldPlan.state == PlanState.HELD, ~HeldPlan.proposed)
        with self._database.reading() as session:
            return list(session.scalars(sa.select(HeldPlan).where(*waiting).order_by(HeldPlan.kind)))

    def proposed_by(self, run_id: str) -> list[HeldPlan]:
        """Plans of what a dry run would have sent, of which none was decided yet."""
        waiting = (HeldPlan.run_id == run_id, HeldPlan.state == PlanState.HELD, HeldPlan.proposed)
        with self._database.reading() as session:
            return list(session.scalars(sa.select(HeldPlan).where(*waiting).order_by(HeldPlan.kind)))

    def find(self, start: str) -> list[HeldPlan]:
        """Find the plan whose hash begins with `start`, or all that one dry run proposed whose id begins so.

        Raises PlanError when there is none, or more than one such hash or run.
        """
        by_hash = HeldPlan.hash.startswith(start, autoescape=True)
        by_run = sa.and_(HeldPlan.proposed, HeldPlan.run_id.startswith(start, autoescape=True))
        with self._database.reading() as session:
            found = (
                list(session.scalars(sa.select(HeldPlan).where(by_hash | by_run))) if len(start) >= SHORTEST_ID else []
            )
        if len({plan.run_id if plan.run_id.startswith(start) else plan.hash for plan in found}) != 1:
            came_back = "more than one begins like this" if found else "there is none"
            if len(start) < SHORTEST_ID:
                came_back = f"give at least {SHORTEST_ID} letters of it"
            raise PlanError(f"Looking for the plan {start}", came_back, "List the plans.", action=Action.LIST_PLANS)
        return sorted(found, key=lambda plan: list(KINDS).index(Kind(plan.kind)))
