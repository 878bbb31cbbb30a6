"""Stores plans that guards held or dry runs proposed, and the decisions on them: exactly these rows, or none."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import polars as pl
import sqlalchemy as sa

from awin_medusa_pipeline.core.contracts import dtypes
from awin_medusa_pipeline.core.store.database import Database, insert_new
from awin_medusa_pipeline.sync.domain.contracts import TABLES
from awin_medusa_pipeline.sync.domain.guards import TrippedGuard
from awin_medusa_pipeline.sync.domain.kinds import KINDS
from awin_medusa_pipeline.sync.domain.operations import Kind
from awin_medusa_pipeline.sync.store.decisions import remember_decision
from awin_medusa_pipeline.sync.store.models import Decided, HeldPlan, PlanState, Why
from awin_medusa_pipeline.sync.store.plan_list import SHOWN, PlanError, PlanList
from awin_medusa_pipeline.sync.store.plan_rows import read_rows

__all__ = ["PROPOSED", "SHOWN", "HeldPlan", "HeldPlans", "PlanError", "PlanState", "Why"]

PROPOSED = "planned by a dry run; approving applies exactly these rows"
"""Why a proposed plan is there."""
RUN_WITHIN = timedelta(hours=12)
"""How long an approved plan waits for its run, also one that was approved in its last second: Dagster may be down."""


class HeldPlans(PlanList):
    """Reads, keeps and decides held plans. Times are aware UTC."""

    def __init__(self, database: Database, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__(database)
        self._now = now

    def keep(
        self,
        shop: str,
        kind: Kind,
        run_id: str,
        rows: pl.DataFrame,
        reasons: Sequence[str | TrippedGuard],
        *,
        hours: int,
        proposed: bool = False,
    ) -> HeldPlan:
        """Keep rows of the kind's contract as a plan for `hours`; `proposed`: by a dry run.

        The same rows again are the same plan; one that was applied or rejected waits for a decision again. A proposal
        replaces the shop's last one of this kind, which is no longer what would happen, and may be large.
        """
        file = BytesIO()
        rows.select(TABLES[KINDS[kind].table].column_names()).sort(KINDS[kind].key).write_parquet(file)
        table = file.getvalue()
        plan_hash = hashlib.sha256(f"{shop}\n{kind}\n{proposed}\n".encode() + table).hexdigest()
        now, told = self._now(), [_told(reason) for reason in reasons]
        values = {
            "hash": plan_hash,
            "shop": shop,
            "kind": str(kind),
            "proposed": proposed,
            "run_id": run_id,
            "row_count": rows.height,
            "table": table,
            "told": told,
            "state": PlanState.HELD,
            "created_at": now,
            "expires_at": now + timedelta(hours=hours),
        }
        with self._database.writing() as session:
            if proposed:
                same = (HeldPlan.shop == shop, HeldPlan.kind == str(kind), HeldPlan.hash != plan_hash)
                waiting = (HeldPlan.proposed, HeldPlan.state == PlanState.HELD)
                session.execute(sa.delete(HeldPlan).where(*same, *waiting))
            if not insert_new(session, HeldPlan, values):
                plan = session.get_one(HeldPlan, plan_hash)
                plan.run_id, plan.told, plan.expires_at = run_id, told, now + timedelta(hours=hours)
                if plan.state in (PlanState.APPLIED, PlanState.REJECTED):
                    plan.state, plan.decided_by, plan.decided_at = PlanState.HELD, None, None
            return session.get_one(HeldPlan, plan_hash)

    def waiting(self, shop: str) -> list[HeldPlan]:
        """Plans of a shop that a person can decide on now, newest first."""
        open_now = (HeldPlan.shop == shop, HeldPlan.state == PlanState.HELD, HeldPlan.expires_at > self._now())
        with self._database.reading() as session:
            return list(session.scalars(sa.select(HeldPlan).where(*open_now).order_by(HeldPlan.created_at.desc())))

    def rows(self, plan: HeldPlan) -> pl.DataFrame:
        """The rows of a plan, under the contract of its kind."""
        with self._database.reading() as session:
            rows = read_rows(session, plan)
        contract = dtypes(TABLES[KINDS[Kind(plan.kind)].table])
        # A plan that was kept before an upgrade lacks the columns that are new since.
        return rows.with_columns(pl.lit(None, kind).alias(name) for name, kind in contract.items() if name not in rows)

    def approve(self, plan: HeldPlan, by: str) -> HeldPlan:
        """Approve a plan. Raises PlanError when it is expired, rejected or applied."""
        return self._decide(plan, PlanState.APPROVED, by)

    def reject(self, plan: HeldPlan, by: str) -> HeldPlan:
        """Never apply this plan: each of its rows stays as it is until what would be written changes."""
        return self._decide(plan, PlanState.REJECTED, by)

    def to_apply(self, start: str, kind: str, by: str) -> HeldPlan:
        """Find a plan of this kind to apply, approving it if necessary. Raises PlanError."""
        plans = {found.kind: found for found in self.find(start)}
        if (plan := plans.get(kind)) is None:
            raise PlanError(
                f"Applying the plan {start}", f"it is a plan to {', '.join(plans)}", f"It is not for {kind}."
            )
        return plan if plan.state is PlanState.APPROVED and not self._is_expired(plan) else self.approve(plan, by)

    def forget(self, plan: HeldPlan) -> int:
        """Delete the decisions on this plan, so that the next sync plans its rows again; returns their number."""
        with self._database.writing() as session:
            freed = sa.delete(Decided).where(Decided.plan_hash == plan.hash).returning(Decided.key)
            return len(session.scalars(freed).all())

    def forget_those_of(self, run_id: str) -> None:
        """Forget what was decided on the plans that a run applied: it is taken back, so the next sync asks again."""
        applied = sa.select(HeldPlan.hash).where(HeldPlan.applied_by_run == run_id)
        with self._database.writing() as session:
            session.execute(sa.delete(Decided).where(Decided.plan_hash.in_(applied)))

    def mark_applied(self, plan_hash: str, run_id: str) -> None:
        """Record that a plan was applied, so that it cannot be applied again."""
        with self._database.writing() as session:
            plan = session.get_one(HeldPlan, plan_hash)
            plan.state, plan.applied_by_run = PlanState.APPLIED, run_id

    def carried_out_by(self) -> set[str]:
        """The runs that carried plans out."""
        with self._database.reading() as session:
            return set(session.scalars(sa.select(HeldPlan.applied_by_run).where(HeldPlan.applied_by_run.is_not(None))))

    def prune(self, before: datetime) -> int:
        """Remove plans that expired before a time; returns how many."""
        removed = sa.delete(HeldPlan).where(HeldPlan.expires_at < before).returning(HeldPlan.hash)
        with self._database.writing() as session:
            return len(session.scalars(removed).all())

    def _decide(self, found: HeldPlan, state: PlanState, by: str) -> HeldPlan:
        with self._database.writing() as session:
            plan = session.get_one(HeldPlan, found.hash, with_for_update=True)
            if plan.state is not PlanState.HELD or self._is_expired(plan):
                why = "expired" if self._is_expired(plan) else f"{plan.state} by {plan.decided_by or 'a run'}"
                raise PlanError(
                    f"Deciding on the plan {plan.hash[:SHOWN]}",
                    f"it is {why}",
                    "The next sync makes a plan of what the shop and the feed then show.",
                )
            plan.state, plan.decided_by, plan.decided_at = state, by, self._now()
            if state is PlanState.APPROVED:
                plan.expires_at = max(plan.expires_at, self._now() + RUN_WITHIN)
            # What a dry run proposed was no question, so a yes to it is no answer to keep.
            if not (plan.proposed and state is PlanState.APPROVED):
                remember_decision(session, plan, read_rows(session, plan), approved=state is PlanState.APPROVED)
            return plan

    def _is_expired(self, plan: HeldPlan) -> bool:
        return plan.expires_at <= self._now()


def _told(reason: str | TrippedGuard) -> Any:
    if isinstance(reason, str):
        return reason
    return asdict(Why(reason.reason, reason.guard, reason.number, reason.limit))
