"""Rows that a guard holds back, and held plans that a person approved.

What belongs here: parting a plan into what may go and what must wait, and looking again at what waited. What does not:
how much is too much (sync/domain/guards.py), keeping plans (sync/store/held_plans.py).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import dataframely as dy
import polars as pl

from awin_medusa_pipeline.core.errors import RemoteError
from awin_medusa_pipeline.sync.domain import contracts, guards
from awin_medusa_pipeline.sync.domain.guards import Guarded, Trip
from awin_medusa_pipeline.sync.engine.apply import BATCH, Change, NotSent, Operation, parts
from awin_medusa_pipeline.sync.store.held_plans import SHOWN, HeldPlan, HeldPlans
from awin_medusa_pipeline.sync.store.ledger import Kind, Status

CONTRACTS: dict[str, type[dy.Schema]] = {
    Kind.IMPORT: contracts.MissingProduct,
    Kind.HIDE: contracts.MedusaOnlyProduct,
    Kind.RESTORE: contracts.ReturningProduct,
    Kind.STOCK: contracts.StockMismatch,
    Kind.PRICE: contracts.PriceMismatch,
    Kind.CONTENT: contracts.ContentMismatch,
}
_KEYS = {
    Kind.IMPORT: "offer_key",
    Kind.HIDE: "product_id",
    Kind.RESTORE: "product_id",
    Kind.STOCK: "variant_id",
    Kind.PRICE: "variant_id",
    Kind.CONTENT: "key",
}


class Readable(Protocol):
    """A writer that can also say what the shop shows."""

    def read(self, changes: Sequence[Change]) -> Mapping[str, Mapping[str, Any]]:
        """What the shop shows of each change's fields, by key; nothing for what is not there."""


@dataclass(frozen=True)
class Guard:
    """The trips of a run, and where what they hold is kept; `plans` None (a dry run) keeps nothing."""

    trips: Sequence[Trip]
    plans: HeldPlans | None
    shop: str
    run_id: str
    hours: int

    def held(self, kind: Kind, guarded: Guarded, rows: pl.DataFrame) -> dict[str, str]:
        """Reason by key of the rows that must wait; they are kept as a plan. `rows` has a column merchant_id."""
        waiting = rows.filter(guards.held(self.trips, guarded)).to_dicts()
        return self._kept(kind, waiting, [trip.reason for trip in self.trips if guards.holds(trip, guarded)])

    def asked(self, kind: Kind, guarded: Guarded, rows: pl.DataFrame) -> dict[str, str]:
        """Reason by key of rows whose owner wants to be asked; they are kept as a plan. A row that was rejected once is
        not asked about again while it stays the same."""
        waiting = rows.to_dicts()
        said_no = self.plans.rejections(self.shop, kind, waiting, hours=self.hours) if self.plans else {}
        new = [row for index, row in enumerate(waiting) if index not in said_no]
        others = [trip.reason for trip in self.trips if guards.holds(trip, guarded)]
        rejected = {waiting[index][_KEYS[kind]]: told(plan) for index, plan in said_no.items()}
        return rejected | self._kept(kind, new, [guards.ASKED, *others])

    def _kept(self, kind: Kind, waiting: Sequence[Mapping[str, Any]], reasons: Sequence[str]) -> dict[str, str]:
        if not waiting:
            return {}
        why = "; ".join(reasons)
        if self.plans is not None:
            columns = CONTRACTS[kind].column_names()
            content = [{name: row[name] for name in columns} for row in waiting]
            why = told(self.plans.keep(self.shop, kind, self.run_id, content, reasons, hours=self.hours))
        return dict.fromkeys((row[_KEYS[kind]] for row in waiting), why)


def told(plan: HeldPlan) -> str:
    """Why a plan is held, and what a person can do."""
    why = "; ".join(plan.reasons)
    if plan.decided_by:
        return f"{why} ({plan.state} by {plan.decided_by})"
    return f"{why}. To apply it all the same: awin-medusa plans approve {plan.hash[:SHOWN]}"


def hold_back(plan: Iterable[Operation | NotSent], held: Mapping[str, str]) -> Iterator[Operation | NotSent]:
    """The plan with the held rows recorded as such instead of sent."""
    for item in plan:
        if isinstance(item, Operation):
            yield from _without(item, {c.key: held[c.key] for c in item.changes if c.key in held}, Status.HELD)
        else:
            yield item


def _without(item: Operation, staying: Mapping[str, str], status: Status) -> Iterator[Operation | NotSent]:
    """An operation without the changes that stay behind, reason by key. Changes that share a body stay together."""
    alone = not item.body
    if staying and not alone:
        staying = dict.fromkeys((change.key for change in item.changes), next(iter(staying.values())))
    yield from (NotSent(change, staying[change.key], status) for change in item.changes if change.key in staying)
    if rest := tuple(change for change in item.changes if change.key not in staying):
        yield Operation(rest, item.body)


def rows_of(plan: HeldPlan) -> pl.DataFrame:
    """The rows of a held plan, under the contract of its kind."""
    dtypes = contracts.dtypes(CONTRACTS[plan.kind])
    as_kept = {name: pl.String() if isinstance(dtype, pl.Decimal) else dtype for name, dtype in dtypes.items()}
    return pl.DataFrame(plan.rows, schema=as_kept).cast(dict(dtypes))  # type: ignore[arg-type]


def still_true(plan: Iterable[Operation | NotSent], writer: Readable) -> Iterator[Operation | NotSent]:
    """The plan without the rows whose "before" no longer holds in the shop."""
    for part in parts(iter(plan), BATCH):
        changes = [change for item in part if isinstance(item, Operation) for change in item.changes]
        try:
            shown = writer.read(changes) if changes else {}
        except RemoteError as fault:
            yield from (NotSent(change, f"not sent: {fault}", Status.FAILED) for change in changes)
            part = [item for item in part if isinstance(item, NotSent)]
        for item in part:
            if isinstance(item, Operation):
                stale = {
                    c.key: f"stale: the shop shows {shown.get(c.key)} where the plan had {c.before}"
                    for c in item.changes
                    if not _holds(c, shown)
                }
                yield from _without(item, stale, Status.SKIPPED)
            else:
                yield item


def _holds(change: Change, shown: Mapping[str, Mapping[str, Any]]) -> bool:
    state = shown.get(change.key)
    return state is not None and all(state.get(name) == value for name, value in (change.before or {}).items())
