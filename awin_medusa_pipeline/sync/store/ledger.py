"""The operation log: what was meant to be done to the shop, written before the call, and what became of it.

What belongs here: runs and their operations. What does not: deciding what to do, who may write to a shop, and how it
is taken back; the engine does that, with this log as its memory.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from awin_medusa_pipeline.core.store.database import Database, insert_new
from awin_medusa_pipeline.sync.domain.ownership import Written
from awin_medusa_pipeline.sync.store.models import OPEN, OPEN_ROWS, Operation, Run, Status
from awin_medusa_pipeline.sync.store.written import remember

__all__ = ["KEPT", "Final", "Intent", "Kind", "Ledger", "Operation", "Outcome", "Run", "Status", "reported"]

KEPT = timedelta(days=400)
"""A year and a month: undo and `why` answer from it, and last season's question comes a year later."""

OUTCOME_UNKNOWN = "outcome unknown"
COUNTED = (Status.APPLIED, Status.UNCHANGED, Status.SKIPPED, Status.HELD, Status.FAILED)


class Kind(StrEnum):
    """What is done to the shop; further kinds need no change of the store."""

    IMPORT = "import"
    HIDE = "hide"
    RESTORE = "restore"
    STOCK = "stock"
    PRICE = "price"
    CONTENT = "content"


@dataclass(frozen=True, slots=True)
class Intent:
    """An operation about to be sent. `key` is what it is about (offer_key or product_id), `target_id` its Medusa id."""

    key: str
    before: Any = None
    after: Any = None
    target_id: str | None = None
    batch: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an intent; a `target_id` of None leaves the one that is known."""

    id: int
    status: Status
    target_id: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Final:
    """An operation that is not sent: skipped, unchanged or held, with the reason."""

    key: str
    status: Status
    reason: str | None = None
    before: Any = None
    after: Any = None
    target_id: str | None = None


class Ledger:
    """Reads and writes the operation log; every method is one transaction. Times are aware UTC."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def start_run(
        self, run_id: str, *, shop: str, job: str, dry_run: bool = False, started_at: datetime | None = None
    ) -> Run:
        """The run's row, made when it is not there yet: the first call decides, so every step may call it."""
        values = {"run_id": run_id, "shop": shop, "job": job, "dry_run": dry_run, "started_at": started_at or _now()}
        with self._database.writing() as session:
            insert_new(session, Run, values)
            return session.get_one(Run, run_id)

    def finish_run(self, run_id: str) -> None:
        """Write down that the run came to its end, well or not."""
        with self._database.writing() as session:
            session.execute(sa.update(Run).where(Run.run_id == run_id).values(finished_at=_now()))

    def run(self, run_id: str) -> Run | None:
        """The run's row; None when it is not known."""
        with self._database.reading() as session:
            return session.get(Run, run_id)

    def recent_runs(self, shop: str, number: int) -> list[Run]:
        """The newest runs on a shop, newest first."""
        query = sa.select(Run).where(Run.shop == shop).order_by(Run.started_at.desc(), Run.run_id).limit(number)
        with self._database.reading() as session:
            return list(session.scalars(query))

    def find_run(self, start: str) -> Run | None:
        """The run whose id begins so; None when there is none, or more than one."""
        query = sa.select(Run).where(Run.run_id.startswith(start, autoescape=True)).limit(2)
        with self._database.reading() as session:
            found = list(session.scalars(query))
        return found[0] if len(found) == 1 and len(start) >= 4 else None

    def record_intents(self, run_id: str, kind: str, rows: Iterable[Intent]) -> list[int]:
        """Write down what is about to be sent, before it is; ids in the order of `rows`.

        Raises sqlalchemy IntegrityError for a run that was never started.
        """
        shared = {"run_id": run_id, "kind": str(kind), "status": Status.INTENT, "created_at": _now()}
        if not (values := [_columns(row) | shared for row in rows]):
            return []
        with self._database.writing() as session:
            insert = sa.insert(Operation).returning(Operation.id, sort_by_parameter_order=True)
            return list(session.scalars(insert, values))

    def record_finals(self, run_id: str, kind: str, rows: Iterable[Final]) -> None:
        """Write down what is not sent, and why."""
        now = _now()
        shared = {"run_id": run_id, "kind": str(kind), "created_at": now, "finished_at": now}
        if values := [_columns(row) | shared for row in rows]:
            with self._database.writing() as session:
                session.execute(sa.insert(Operation), values)

    def record_outcomes(
        self, outcomes: Iterable[Outcome], *, run_id: str | None = None, written: Iterable[Written] = ()
    ) -> None:
        """Write down what became of intents, of this run or of one that died, and which values `run_id` wrote."""
        now = _now()
        with_target, without = [], []
        for outcome in outcomes:
            row = {"id": outcome.id, "status": outcome.status, "reason": outcome.reason, "finished_at": now}
            if outcome.target_id is None:
                without.append(row)
            else:
                with_target.append(row | {"target_id": outcome.target_id})
        with self._database.writing() as session:
            for rows in (with_target, without):
                if rows:
                    session.execute(sa.update(Operation), rows)
            if run_id is not None:
                remember(session, run_id, written)

    def open_intents(self, shop: str, kind: str, *, except_run: str | None = None) -> list[Operation]:
        """Operations of the shop whose outcome nobody knows, oldest first: look at the shop, then settle them.

        `except_run` leaves out a run that is still at work.
        """
        query = (
            sa.select(Operation)
            .join(Run, Run.run_id == Operation.run_id)
            .where(OPEN_ROWS, Operation.kind == str(kind), Run.shop == shop)
            .order_by(Operation.id)
        )
        if except_run is not None:
            query = query.where(Operation.run_id != except_run)
        with self._database.reading() as session:
            return list(session.scalars(query))

    def counts(self, run_id: str) -> dict[str, dict[str, int]]:
        """Per kind: planned, applied, unchanged, skipped, held, failed; planned is the sum of the others.

        What has no outcome counts as failed: nobody may take it for done.
        """
        query = (
            sa.select(Operation.kind, Operation.status, sa.func.count())
            .where(Operation.run_id == run_id)
            .group_by(Operation.kind, Operation.status)
        )
        counts: dict[str, Counter[str]] = {}
        with self._database.reading() as session:
            for kind, status, number in session.execute(query):
                counts.setdefault(kind, Counter())[Status.FAILED if status in OPEN else status] += number
        return {kind: total(counts[kind]) for kind in sorted(counts)}

    def rows(self, run_id: str, kind: str | None = None) -> Iterator[Operation]:
        """A run's operations in the order they were written, a page at a time."""
        query = sa.select(Operation).where(Operation.run_id == run_id).order_by(Operation.id)
        if kind is not None:
            query = query.where(Operation.kind == str(kind))
        with self._database.reading() as session:
            yield from session.scalars(query.execution_options(yield_per=1000))

    def history(self, *keys: str) -> list[Operation]:
        """Every operation on these offers, products or Medusa ids, oldest first."""
        query = sa.select(Operation).where(sa.or_(Operation.key.in_(keys), Operation.target_id.in_(keys)))
        with self._database.reading() as session:
            return list(session.scalars(query.order_by(Operation.id)))

    def prune(self, before: datetime) -> int:
        """Remove runs that started before a time, with their operations; how many runs."""
        with self._database.writing() as session:
            return len(session.scalars(sa.delete(Run).where(Run.started_at < before).returning(Run.run_id)).all())


def reported(operation: Operation) -> tuple[Status, str | None]:
    """Status and reason as a person is told them: without an outcome it has failed, since nobody may rely on it."""
    if operation.status in OPEN:
        return Status.FAILED, operation.reason or OUTCOME_UNKNOWN
    return operation.status, operation.reason


def total(counts: Mapping[str, int]) -> dict[str, int]:
    """Numbers by status, each status present, with their sum as `planned`."""
    by_status = {str(status): counts.get(status, 0) for status in COUNTED}
    return {"planned": sum(by_status.values())} | by_status


def _columns(row: Intent | Final) -> dict[str, Any]:
    # Not asdict: it copies the payloads deeply, half the time of a batch.
    return {field.name: getattr(row, field.name) for field in fields(row)}


def _now() -> datetime:
    return datetime.now(UTC)
