"""Books one sale on Etsy in Medusa, or puts its pieces back, exactly once.

Medusa's levels are absolute, so a change is read, recorded with what it was and what it becomes, written, and recorded
as done. A run that is ended in between leaves the record, and what Medusa shows then tells whether it was written
(etsy/domain/sales.py, what_happened). Where Medusa does not tell, the change is not sent again, and
the owner gets a message.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from awin_medusa_pipeline.core.http import PermanentError, UnknownOutcomeError
from awin_medusa_pipeline.core.store.leases import HeldLease
from awin_medusa_pipeline.etsy.domain.sales import (
    Happened,
    Level,
    LevelChange,
    Sale,
    SaleState,
    again,
    lower,
    pieces_moved,
    put_back,
    what_happened,
)
from awin_medusa_pipeline.etsy.store.sales import EtsySale, EtsySales, changes_of
from awin_medusa_pipeline.medusa.client import MedusaClient
from awin_medusa_pipeline.sync.domain.operations import Kind, Operation, Status
from awin_medusa_pipeline.sync.engine.apply import LOOK_DELAYS
from awin_medusa_pipeline.sync.engine.writers import LevelWriter
from awin_medusa_pipeline.sync.store.ledger import SALES_JOB, Ledger, Outcome

BUSY_FOR = timedelta(minutes=2)
"""Longer than Medusa works on a request that nobody waits for any more."""
_FIELDS = "id,location_levels.location_id,location_levels.stocked_quantity,location_levels.updated_at"
_NOT_TOLD = "a run was ended while Medusa was asked, and the level was changed since"


@dataclass(frozen=True)
class SoldVariant:
    """The variant of the shop that was sold. `each`: pieces of each inventory item in one piece of it."""

    product_id: str
    variant_id: str
    each: Mapping[str, int]


@dataclass
class Booking:
    """Changes the levels of one shop for one run, which holds the shop's lease."""

    medusa: MedusaClient
    location_id: str
    sales: EtsySales
    ledger: Ledger
    shop: str
    """Address of the shop, its name in the operation log."""
    run_id: str
    lease: HeldLease
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    writer: LevelWriter = field(init=False)

    def __post_init__(self) -> None:
        self.writer = LevelWriter(self.medusa, self.location_id)

    # Each raises PipelineError for a fault of the whole shop; the sale stays recorded as it was left.

    def take(self, account_id: int, sale: Sale, variant: SoldVariant) -> EtsySale:
        """Take a sale that was not known off the levels of its variant; its row."""
        names = {"product_id": variant.product_id, "variant_id": variant.variant_id}
        changes = lower(variant.each, sale.pieces, self._read(list(variant.each)))
        if not _moving(changes):
            row = self.sales.record(account_id, sale, SaleState.TAKEN, levels=changes, **names)
            self._finish(row, SaleState.TAKING, changes)
            return row
        changes = self._intend(sale.transaction_id, _name(sale.title, sale.variant), changes)
        row = self.sales.record(account_id, sale, SaleState.TAKING, levels=changes, run_id=self.run_id, **names)
        self._carry_out(row, _moving(changes))
        return row

    def put_back(self, row: EtsySale) -> None:
        """Put back what a sale took off."""
        taken = _moving(changes_of(row))
        changes = put_back(taken, self._read([one.item for one in taken]))
        if len(changes) < len(taken):
            reason = "its order was cancelled, and Medusa has no level any more to put its pieces back to"
            self.sales.update(row, state=SaleState.DOUBTFUL, reason=reason)
            return
        if changes:
            changes = self._intend(row.transaction_id, _name(row.title, row.variant), changes)
            self.sales.update(row, state=SaleState.RETURNING, levels=changes, run_id=self.run_id)
            self._carry_out(row, changes)
        else:
            self._finish(row, SaleState.RETURNING, changes_of(row))

    def settle(self, row: EtsySale) -> None:
        """Bring a sale to its end that a run left in the middle: what was not written is written now."""
        changes = changes_of(row)
        known = self.ledger.statuses([one.entry for one in changes])
        left = [one for one in _moving(changes) if known.get(one.entry) is not Status.APPLIED]
        happened = self._look(left, patiently=self.now() - row.changed_at < BUSY_FOR)
        self._record(row, left, happened)
        if Happened.UNKNOWN in happened.values():
            self._doubt(row)
            return
        rest = [one for one in left if happened[one.item] is Happened.NOT_DONE]
        if rest:
            levels = self._read([one.item for one in rest])
            anew = [again(one, levels[one.item]) for one in rest]
            anew = self._intend(row.transaction_id, _name(row.title, row.variant), anew)
            kept = [one for one in changes if one not in rest]
            self.sales.update(row, levels=[*kept, *anew], run_id=self.run_id)
            rest = _moving(anew)
        if rest:
            self._carry_out(row, rest)
        else:
            self._finish(row, row.state, changes_of(row))

    def _carry_out(self, row: EtsySale, changes: Sequence[LevelChange]) -> None:
        """Write changes that are recorded, and record the outcome."""
        try:
            self.lease.renew()
            happened = self._write(changes)
        except PermanentError as fault:
            self.ledger.record_outcomes(
                [Outcome(one.entry, Status.FAILED, reason=str(fault)) for one in changes], held=self.lease
            )
            if fault.status in (None, 401, 403):  # of the lease, the address, the key: not of this change
                raise
            levels = changes_of(row) if row.state is SaleState.RETURNING else []
            reason = f"Medusa refuses the new level: {fault}"
            self.sales.update(row, state=SaleState.UNKNOWN, levels=levels, reason=reason)
            return
        self._record(row, changes, happened)
        if Happened.UNKNOWN in happened.values():
            self._doubt(row)
        else:
            self._finish(row, row.state, changes_of(row))

    def _write(self, changes: Sequence[LevelChange]) -> dict[str, Happened]:
        """Send levels, and tell what became of each."""
        bodies = [{"inventory_item_id": one.item, "stocked_quantity": one.after, "exists": True} for one in changes]
        try:
            stored = self.writer.set_levels(bodies)
        except UnknownOutcomeError:
            happened = self._look(changes, patiently=True)
            if Happened.NOT_DONE in happened.values():
                raise  # Medusa may still be at it: a later run settles it
            return happened
        return {one.item: Happened.DONE if stored.get(one.item) == one.after else Happened.UNKNOWN for one in changes}

    def _look(self, changes: Sequence[LevelChange], *, patiently: bool) -> dict[str, Happened]:
        """Tell what became of changes; patiently: look again for as long as Medusa may still be busy with them."""
        happened: dict[str, Happened] = {}
        for wait in (0.0, *LOOK_DELAYS) if patiently else (0.0,):
            if wait:
                self.sleep(wait)
            shown = self._read([one.item for one in changes])
            happened = {one.item: what_happened(one, shown.get(one.item)) for one in changes}
            if Happened.NOT_DONE not in happened.values():
                break
        return happened

    def _intend(self, transaction_id: int, name: str, changes: Sequence[LevelChange]) -> list[LevelChange]:
        """Record operations before they are sent; the changes with their entries in the log."""
        moving = _moving(changes)
        operations = [
            Operation(
                key=f"etsy:{transaction_id}" + (f":{number}" if number else ""),
                after={"level": one.after},
                before={"level": one.before},
                target_id=one.item,
                title=name,
            )
            for number, one in enumerate(moving)
        ]
        self.ledger.start_run(self.run_id, shop=self.shop, job=SALES_JOB)
        entries = self.ledger.record_intents(self.run_id, Kind.STOCK, operations, held=self.lease)
        by_item = dict(zip((one.item for one in moving), entries, strict=True))
        return [replace(one, entry=by_item.get(one.item, 0)) for one in changes]

    def _record(self, row: EtsySale, changes: Sequence[LevelChange], happened: Mapping[str, Happened]) -> None:
        what = "put back" if row.state is SaleState.RETURNING else "sold on Etsy"
        outcomes = {
            Happened.DONE: (Status.APPLIED, f"{what}, order {row.receipt_id}"),
            Happened.NOT_DONE: (Status.FAILED, "interrupted before it was carried out"),
            Happened.UNKNOWN: (Status.FAILED, _NOT_TOLD),
        }
        told = [(one.entry, *outcomes[happened[one.item]]) for one in changes]
        recorded = [Outcome(entry, status, reason=reason) for entry, status, reason in told]
        self.ledger.record_outcomes(recorded, held=self.lease)

    def _finish(self, row: EtsySale, state: SaleState, changes: Sequence[LevelChange]) -> None:
        if state is SaleState.RETURNING:
            self.sales.update(row, state=SaleState.RETURNED, taken=0, reason=None)
            return
        taken = pieces_moved(changes)
        reason = None if taken == row.pieces else f"{row.pieces} were sold on Etsy, and Medusa had {taken}"
        self.sales.update(row, state=SaleState.TAKEN, taken=taken, reason=reason)

    def _doubt(self, row: EtsySale) -> None:
        right = ", ".join(f"{one.after} where it was {one.before}" for one in _moving(changes_of(row)))
        reason = f"{_NOT_TOLD}: look whether it counts this ({right})"
        self.sales.update(row, state=SaleState.DOUBTFUL, reason=reason)

    def _read(self, items: Sequence[str]) -> dict[str, Level]:
        """Read the levels at the location, by inventory item; items without one are left out."""
        return {
            item["id"]: Level(level["stocked_quantity"], level["updated_at"])
            for item in self.medusa.where("inventory-items", "id", items, _FIELDS)
            for level in item.get("location_levels") or []
            if level["location_id"] == self.location_id
        }


def _moving(changes: Sequence[LevelChange]) -> list[LevelChange]:
    return [one for one in changes if one.before != one.after]


def _name(title: str, variant: str) -> str:
    return f"{title} ({variant})" if variant else title
