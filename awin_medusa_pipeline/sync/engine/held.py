"""Holds back the rows that guards and owners stop, and compares approved rows with the shop before they are sent."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from awin_medusa_pipeline.core.batching import parts
from awin_medusa_pipeline.core.contracts import dtypes
from awin_medusa_pipeline.core.errors import PipelineError
from awin_medusa_pipeline.sync.domain import guards
from awin_medusa_pipeline.sync.domain.guards import Scope, TrippedGuard
from awin_medusa_pipeline.sync.domain.kinds import KINDS
from awin_medusa_pipeline.sync.domain.operations import Bundle, Kind, NotSent, Operation, Plan, Status, operations_of
from awin_medusa_pipeline.sync.engine.apply import BATCH, ReviewedWriter
from awin_medusa_pipeline.sync.store.held_plans import SHOWN, HeldPlan, HeldPlans


@dataclass(frozen=True)
class Gate:
    """Decides which rows of a run must wait, and stores them as held plans; `plans` None (a dry run) stores nothing."""

    tripped: Sequence[TrippedGuard]
    plans: HeldPlans | None
    shop: str
    run_id: str
    hours: int

    def hold(self, kind: Kind, rows: pl.DataFrame, scope: Scope | None = None) -> dict[str, str]:
        """Store the rows that tripped guards hold as a plan; returns the reason by key.

        `rows` has a column merchant_id. `scope`: the guarded scope, when it is not the whole kind's.
        """
        scope = scope or KINDS[kind].scope
        waiting = rows.filter(guards.held(self.tripped, scope)).to_dicts()
        return self._keep(kind, waiting, self._reasons(scope))

    def ask(self, kind: Kind, rows: pl.DataFrame) -> dict[str, str]:
        """Store rows that a person must decide on as a plan; returns the reason by key.

        A rejected row is not asked about again while it stays the same.
        """
        waiting, key = rows.to_dicts(), KINDS[kind].key
        rejections = self.plans.rejections(self.shop, kind, waiting, hours=self.hours) if self.plans else {}
        rejected = {waiting[index][key]: held_reason(plan) for index, plan in rejections.items()}
        new = [row for index, row in enumerate(waiting) if index not in rejections]
        return rejected | self._keep(kind, new, [guards.ASKED, *self._reasons(KINDS[kind].scope)])

    def _reasons(self, scope: Scope) -> list[str]:
        return [guard.reason for guard in self.tripped if guards.holds(guard, scope)]

    def _keep(self, kind: Kind, waiting: Sequence[Mapping[str, Any]], reasons: Sequence[str]) -> dict[str, str]:
        if not waiting:
            return {}
        why = "; ".join(reasons)
        if self.plans is not None:
            columns = KINDS[kind].contract.column_names()
            content = [{name: row[name] for name in columns} for row in waiting]
            why = held_reason(self.plans.keep(self.shop, kind, self.run_id, content, reasons, hours=self.hours))
        return dict.fromkeys((row[KINDS[kind].key] for row in waiting), why)


def held_reason(plan: HeldPlan) -> str:
    """Why rows are held, with the plan they are in or who has decided on it."""
    why = "; ".join(plan.reasons)
    if plan.decided_by:
        return f"{why} ({plan.state} by {plan.decided_by})"
    return f"{why} (plan {plan.hash[:SHOWN]})"


def without_held(plan: Iterable[Bundle | NotSent], held: Mapping[str, str]) -> Plan:
    """Replace the held operations of a plan by NotSent."""
    for item in plan:
        if isinstance(item, Bundle):
            yield from _without(
                item, {one.key: held[one.key] for one in item.operations if one.key in held}, Status.HELD
            )
        else:
            yield item


def _without(bundle: Bundle, reasons: Mapping[str, str], status: Status) -> Plan:
    """Take operations out of a bundle, with reasons by key. Operations that share a body stay together."""
    if reasons and bundle.body:
        reasons = dict.fromkeys((one.key for one in bundle.operations), next(iter(reasons.values())))
    yield from (NotSent(one, reasons[one.key], status) for one in bundle.operations if one.key in reasons)
    if rest := tuple(one for one in bundle.operations if one.key not in reasons):
        yield Bundle(rest, bundle.body)


def rows_of(plan: HeldPlan) -> pl.DataFrame:
    """The rows of a held plan, under the contract of its kind."""
    types = dtypes(KINDS[Kind(plan.kind)].contract)
    stored = {name: pl.String() if isinstance(dtype, pl.Decimal) else dtype for name, dtype in types.items()}
    return pl.DataFrame(plan.rows, schema=stored).cast(dict(types))  # type: ignore[arg-type]


def without_stale(plan: Iterable[Bundle | NotSent], writer: ReviewedWriter) -> Plan:
    """Replace operations by NotSent where the shop no longer shows their `before`."""
    for part in parts(iter(plan), BATCH):
        operations = operations_of(item for item in part if isinstance(item, Bundle))
        try:
            shown = writer.read(operations) if operations else {}
        except PipelineError as fault:
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
    return state is not None and all(state.get(name) == value for name, value in (operation.before or {}).items())
