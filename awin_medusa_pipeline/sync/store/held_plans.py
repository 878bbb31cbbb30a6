"""Stores the plans that guards held, and the decisions on them: exactly the reviewed rows are applied, or none."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from awin_medusa_pipeline.core.errors import Action, PermanentError
from awin_medusa_pipeline.core.store.database import Database, insert_new
from awin_medusa_pipeline.sync.store.decisions import remember_decision
from awin_medusa_pipeline.sync.store.models import SHORTEST_ID, Decided, HeldPlan, PlanState

__all__ = ["SHOWN", "HeldPlan", "HeldPlans", "PlanError", "PlanState"]

SHOWN = 12
"""Characters of a hash shown to people."""


class PlanError(PermanentError):
    """A held plan that cannot be decided or applied."""


class HeldPlans:
    """Reads and writes held plans. Times are aware UTC."""

    def __init__(self, database: Database, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database, self._now = database, now

    def keep(
        self,
        shop: str,
        kind: str,
        run_id: str,
        rows: Sequence[Mapping[str, Any]],
        reasons: Sequence[str],
        *,
        hours: int,
    ) -> HeldPlan:
        """Keep a plan for `hours`. The same rows again are the same plan; done or forgotten, it waits anew."""
        content = json.dumps([shop, kind, rows], sort_keys=True, default=str, ensure_ascii=False)
        plan_hash = hashlib.sha256(content.encode()).hexdigest()
        now = self._now()
        values = {
            "hash": plan_hash,
            "shop": shop,
            "kind": str(kind),
            "run_id": run_id,
            "rows": list(rows),
            "reasons": list(reasons),
            "state": PlanState.HELD,
            "created_at": now,
            "expires_at": now + timedelta(hours=hours),
        }
        with self._database.writing() as session:
            if not insert_new(session, HeldPlan, values):
                plan = session.get_one(HeldPlan, plan_hash)
                plan.run_id, plan.reasons, plan.expires_at = run_id, list(reasons), now + timedelta(hours=hours)
                if plan.state in (PlanState.APPLIED, PlanState.REJECTED):
                    plan.state, plan.decided_by, plan.decided_at = PlanState.HELD, None, None
            return session.get_one(HeldPlan, plan_hash)

    def all(self, shop: str) -> list[HeldPlan]:
        """Plans of a shop, newest first."""
        query = sa.select(HeldPlan).where(HeldPlan.shop == shop).order_by(HeldPlan.created_at.desc())
        with self._database.reading() as session:
            return list(session.scalars(query))

    def of_run(self, run_id: str) -> list[HeldPlan]:
        """Plans that a run held and that wait for a decision."""
        query = sa.select(HeldPlan).where(HeldPlan.run_id == run_id, HeldPlan.state == PlanState.HELD)
        with self._database.reading() as session:
            return list(session.scalars(query.order_by(HeldPlan.kind)))

    def find(self, start: str) -> HeldPlan:
        """Find the plan whose hash begins with `start`. Raises PlanError when there is none, or more than one."""
        query = sa.select(HeldPlan).where(HeldPlan.hash.startswith(start, autoescape=True)).limit(2)
        with self._database.reading() as session:
            found = list(session.scalars(query)) if len(start) >= SHORTEST_ID else []
        if len(found) != 1:
            came_back = "more than one begins like this" if found else "there is none"
            if len(start) < SHORTEST_ID:
                came_back = f"give at least {SHORTEST_ID} letters of it"
            raise PlanError(
                f"Looking for the plan {start}", came_back, "List the held plans.", action=Action.LIST_PLANS
            )
        return found[0]

    def approve(self, start: str, by: str) -> HeldPlan:
        """Approve a held plan. Raises PlanError when it is expired, rejected or applied."""
        return self._decide(start, PlanState.APPROVED, by)

    def reject(self, start: str, by: str) -> HeldPlan:
        """Never apply this plan: each of its rows stays as it is until what would be written changes."""
        return self._decide(start, PlanState.REJECTED, by)

    def to_apply(self, start: str, kind: str, by: str) -> HeldPlan:
        """Find a plan of this kind to apply, approving it if necessary. Raises PlanError."""
        plan = self.find(start)
        if plan.kind != str(kind):
            raise PlanError(
                f"Applying the plan {plan.hash[:SHOWN]}", f"it is a plan to {plan.kind}", f"It is not for {kind}."
            )
        return plan if plan.state is PlanState.APPROVED and not self._is_expired(plan) else self.approve(start, by)

    def forget(self, start: str) -> tuple[HeldPlan, int]:
        """Forget what was decided on this plan, so that its rows are planned anew; with how many rows that freed."""
        plan = self.find(start)
        with self._database.writing() as session:
            freed = sa.delete(Decided).where(Decided.plan_hash == plan.hash).returning(Decided.key)
            return plan, len(session.scalars(freed).all())

    def mark_applied(self, plan_hash: str, run_id: str) -> None:
        """Record that a plan was applied, so that it cannot be applied again."""
        with self._database.writing() as session:
            plan = session.get_one(HeldPlan, plan_hash)
            plan.state, plan.applied_by_run = PlanState.APPLIED, run_id

    def prune(self, before: datetime) -> int:
        """Remove plans that expired before a time; returns how many."""
        removed = sa.delete(HeldPlan).where(HeldPlan.expires_at < before).returning(HeldPlan.hash)
        with self._database.writing() as session:
            return len(session.scalars(removed).all())

    def _decide(self, start: str, state: PlanState, by: str) -> HeldPlan:
        found = self.find(start)
        with self._database.writing() as session:
            plan = session.get_one(HeldPlan, found.hash, with_for_update=True)
            if plan.state is not PlanState.HELD or self._is_expired(plan):
                why = "expired" if plan.state is PlanState.HELD else f"{plan.state} by {plan.decided_by or 'a run'}"
                raise PlanError(
                    f"Deciding on the plan {plan.hash[:SHOWN]}",
                    f"it is {why}",
                    "The next sync makes a plan of what the shop and the feed then show.",
                )
            plan.state, plan.decided_by, plan.decided_at = state, by, self._now()
            remember_decision(session, plan, approved=state is PlanState.APPROVED)
            return plan

    def _is_expired(self, plan: HeldPlan) -> bool:
        return plan.expires_at <= self._now()
