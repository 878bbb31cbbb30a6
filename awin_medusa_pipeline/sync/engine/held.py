"""Holds back the rows that guards and owners stop, and compares approved rows with the shop before they are sent."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import polars as pl

from awin_medusa_pipeline.core.batching import ahead, parts
from awin_medusa_pipeline.core.errors import PipelineError, TransientError
from awin_medusa_pipeline.sync.domain import guards
from awin_medusa_pipeline.sync.domain.guards import TrippedGuard
from awin_medusa_pipeline.sync.domain.kinds import KINDS
from awin_medusa_pipeline.sync.domain.operations import Bundle, Kind, NotSent, Operation, Plan, Status, operations_of
from awin_medusa_pipeline.sync.domain.rules import Scope
from awin_medusa_pipeline.sync.engine.apply import ReviewedWriter
from awin_medusa_pipeline.sync.engine.breaker import Breaker
from awin_medusa_pipeline.sync.engine.pace import BATCH
from awin_medusa_pipeline.sync.store.held_plans import SHOWN, HeldPlan, HeldPlans


@dataclass(frozen=True)
class Gate:
    """Decides which rows of a run must wait, and stores them as held plans."""

    tripped: Sequence[TrippedGuard]
    """How the feeds are unlike the ones before."""
    plans: HeldPlans
    shop: str
    run_id: str
    hours: int

    def hold(
        self, kind: Kind, rows: pl.DataFrame, scope: Scope | None = None, tripped: Sequence[TrippedGuard] = ()
    ) -> dict[str, str]:
        """Store the rows that tripped guards hold as a plan; returns the reason by key.

        `rows` has a column merchant_id. `scope`: what is guarded, when it is not the whole kind; `tripped`: guards that
        these rows have tripped.
        """
        scope, everything = scope or KINDS[kind].scope, [*self.tripped, *tripped]
        waiting = rows.filter(guards.held(everything, scope))
        return self._keep(kind, waiting, [guard for guard in everything if guards.holds(guard, scope)])

    def ask(self, kind: Kind, rows: pl.DataFrame, tripped: Sequence[TrippedGuard] = ()) -> dict[str, str]:
        """Store rows that a person is asked about, by code in `question`, as a plan; returns the reason by key."""
        codes = rows["question"].unique().sort()
        also = [guard for guard in (*self.tripped, *tripped) if guards.holds(guard, KINDS[kind].scope)]
        return self._keep(kind, rows, [*(guards.question(code, rows) for code in codes), *also])

    def _keep(self, kind: Kind, rows: pl.DataFrame, reasons: Sequence[str | TrippedGuard]) -> dict[str, str]:
        if rows.is_empty():
            return {}
        plan = self.plans.keep(self.shop, kind, self.run_id, rows, reasons, hours=self.hours)
        return dict.fromkeys(rows[KINDS[kind].key], held_reason(plan))


def held_reason(plan: HeldPlan) -> str:
    """Why rows are held, with the plan they are in or who has decided on it."""
    why = "; ".join(plan.reasons)
    if plan.decided_by:
        return f"{why} ({plan.state} by {plan.decided_by})"
    return f"{why} (plan {plan.hash[:SHOWN]})"


def without(plan: Iterable[Bundle | NotSent], staying: Mapping[str, str], status: Status) -> Plan:
    """The plan with these operations, reason by key, recorded with a status instead of sent."""
    for item in plan:
        if isinstance(item, Bundle):
            yield from _without(
                item, {one.key: staying[one.key] for one in item.operations if one.key in staying}, status
            )
        else:
            yield item


def _without(bundle: Bundle, reasons: Mapping[str, str], status: Status) -> Plan:
    """Take operations out of a bundle, with reasons by key. Operations that share a body stay together."""
    if reasons and bundle.body:
        reasons = dict.fromkeys((one.key for one in bundle.operations), next(iter(reasons.values())))
    yield from (NotSent(one, reasons[one.key], status) for one in bundle.operations if one.key in reasons)
    if rest := tuple(one for one in bundle.operations if one.key not in reasons):
        yield replace(bundle, operations=rest)


def without_stale(plan: Iterable[Bundle | NotSent], writer: ReviewedWriter, breaker: Breaker) -> Plan:
    """Replace operations by NotSent where the shop shows neither their `before` nor, already, their `after`.

    Somebody has changed it since the plan was made, be it minutes ago. A shop that does not answer is not asked again.
    One part is looked up while the part before it is sent.
    """
    looked = (list(_compared(part, writer, breaker)) for part in parts(iter(plan), BATCH))
    return chain.from_iterable(ahead(looked))


def _compared(part: Sequence[Bundle | NotSent], writer: ReviewedWriter, breaker: Breaker) -> Plan:
    operations = operations_of(item for item in part if isinstance(item, Bundle))
    fault = breaker.stopped
    try:
        shown = writer.read(operations) if operations and not fault else {}
    except PipelineError as error:
        fault = str(error)
        if isinstance(error, TransientError) or error.status in (401, 403):
            breaker.open(error)
    if fault:
        yield from (NotSent(one, f"not sent: {fault}", Status.FAILED) for one in operations)
        part = [item for item in part if isinstance(item, NotSent)]
    for item in part:
        if isinstance(item, Bundle):
            stale = {
                one.key: f"stale: the shop shows {shown.get(one.key)} where the plan had {one.before}"
                for one in item.operations
                if not _is_current(one, shown)
            }
            yield from _without(item, stale, Status.SKIPPED)
        else:
            yield item


def _is_current(operation: Operation, shown: Mapping[str, Mapping[str, Any]]) -> bool:
    state = shown.get(operation.key)
    return state is not None and any(
        all(state.get(name) == value for name, value in wanted.items())
        for wanted in (operation.before or {}, operation.after)
    )
