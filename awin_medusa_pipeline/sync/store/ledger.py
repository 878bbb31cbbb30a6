"""Reads and writes the operation log: every change to the shop, recorded before the request, and its outcome."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from awin_medusa_pipeline.core.batching import parts
from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.core.store.base import SHORTEST_ID
from awin_medusa_pipeline.core.store.database import Database, insert_new
from awin_medusa_pipeline.core.store.leases import HeldLease
from awin_medusa_pipeline.sync.domain.operations import DRY_RUN, OPEN, Counts, Kind, NotSent, Operation, Status, Written
from awin_medusa_pipeline.sync.store.models import FAILED_ROWS, OPEN_ROWS, LogEntry, Run
from awin_medusa_pipeline.sync.store.remember import remember

__all__ = ["GIVEN_UP", "KEPT", "SALES_JOB", "Ledger", "LogEntry", "Outcome", "Run", "reported"]

KEPT = timedelta(days=400)
"""Thirteen months: undo and `why` need the log, and questions about last season come a year later."""

SALES_JOB = "etsy_sales_job"
"""Job of the runs that book what was sold elsewhere. They are no syncs: `undo --last`, the runs of which `why` tells,
and the question before a first change leave them out."""
_KEYS = 500
"""Keys that one query asks for."""
OUTCOME_UNKNOWN = "outcome unknown"
INTERRUPTED = "interrupted before it was carried out"
"""Reason of an operation that was left open and that the shop did not show at the next look."""

GIVEN_UP = "closed as unknown, since the shop refuses to look it up"
"""Beginning of the reason of an operation that was left open, and that no later run could look up."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of the log entry with this `id`; a `target_id` of None leaves the known one."""

    id: int
    status: Status
    target_id: str | None = None
    reason: str | None = None


class Ledger:
    """Reads and writes the operation log; every method is one transaction. Times are aware UTC."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def start_run(
        self, run_id: str, *, shop: str, job: str, dry_run: bool = False, started_at: datetime | None = None
    ) -> Run:
        """Create the run's row if it is missing, and return it: the first call decides, so every step may call it."""
        values = {"run_id": run_id, "shop": shop, "job": job, "dry_run": dry_run, "started_at": started_at or _now()}
        with self._database.writing() as session:
            insert_new(session, Run, values)
            return session.get_one(Run, run_id)

    def finish_run(self, run_id: str) -> None:
        """Record that the run has finished, successfully or not."""
        with self._database.writing() as session:
            session.execute(sa.update(Run).where(Run.run_id == run_id).values(finished_at=_now()))

    def run(self, run_id: str) -> Run | None:
        """The run's row; None when it is not known."""
        with self._database.reading() as session:
            return session.get(Run, run_id)

    def recent_runs(self, shop: str, number: int) -> list[Run]:
        """The newest syncs of a shop, newest first."""
        of_shop = sa.select(Run).where(Run.shop == shop, Run.job != SALES_JOB)
        query = of_shop.order_by(Run.started_at.desc(), Run.run_id).limit(number)
        with self._database.reading() as session:
            return list(session.scalars(query))

    def has_run_after(self, moment: datetime) -> bool:
        """Whether a sync of whatever shop started after this time."""
        query = sa.select(sa.exists().where(Run.started_at > moment, Run.job != SALES_JOB))
        with self._database.reading() as session:
            return bool(session.scalar(query))

    def find_run(self, start: str, shop: str) -> Run:
        """The run on a shop whose id begins with `start`. Raises PermanentError for none, or more than one."""
        query = sa.select(Run).where(Run.run_id.startswith(start, autoescape=True), Run.shop == shop).limit(2)
        with self._database.reading() as session:
            found = list(session.scalars(query)) if len(start) >= SHORTEST_ID else []
        if len(found) != 1:
            came_back = f"more than one run on {shop} begins like this" if found else f"no run on {shop} begins so"
            if len(start) < SHORTEST_ID:
                came_back = f"give at least {SHORTEST_ID} letters of its id"
            raise PermanentError(
                f"Looking for the run {start}",
                came_back,
                "Find its id in the Dagster UI, in Slack's message or in the names of the report folders.",
            )
        return found[0]

    def record_intents(
        self,
        run_id: str,
        kind: Kind,
        operations: Iterable[Operation],
        *,
        batch: int | None = None,
        held: HeldLease | None = None,
    ) -> list[int]:
        """Record operations before they are sent; returns their ids in the same order.

        Raises LeaseLostError, and sqlalchemy IntegrityError for a run that was never started.
        """
        shared = {"run_id": run_id, "kind": str(kind), "status": Status.INTENT, "created_at": _now(), "batch": batch}
        if not (values := [_columns(operation) | shared for operation in operations]):
            return []

        def store(session: Session) -> list[int]:
            if held:
                held.check_in(session)
            insert = sa.insert(LogEntry).returning(LogEntry.id, sort_by_parameter_order=True)
            return list(session.scalars(insert, values))

        return self._database.write(store)

    def record_not_sent(self, run_id: str, kind: Kind, rows: Iterable[NotSent]) -> None:
        """Record operations that are not sent, each with its reason."""
        now = _now()
        shared = {"run_id": run_id, "kind": str(kind), "created_at": now, "finished_at": now}
        values = [_columns(row.operation) | shared | {"status": row.status, "reason": row.reason} for row in rows]
        if values:
            self._database.write(lambda session: session.execute(sa.insert(LogEntry), values))

    def record_outcomes(
        self,
        outcomes: Iterable[Outcome],
        *,
        run_id: str | None = None,
        written: Iterable[Written] = (),
        held: HeldLease | None = None,
    ) -> None:
        """Record outcomes of operations, of this run or one that died, and the values that `run_id` wrote.

        Raises LeaseLostError: then the operations are another run's to settle.
        """
        now = _now()
        with_target, without = [], []
        for outcome in outcomes:
            row = {"id": outcome.id, "status": outcome.status, "reason": outcome.reason, "finished_at": now}
            if outcome.target_id is None:
                without.append(row)
            else:
                with_target.append(row | {"target_id": outcome.target_id})
        kept = list(written)

        def store(session: Session) -> None:
            if held:
                held.check_in(session)
            for rows in (with_target, without):
                if rows:
                    session.execute(sa.update(LogEntry), rows)
            if run_id is not None:
                remember(session, run_id, kept)

        self._database.write(store)

    def open_operations(self, shop: str, kind: Kind, *, except_run: str | None = None) -> list[LogEntry]:
        """Operations on the shop without a known outcome, oldest first, to be checked and settled.

        `except_run` leaves out a run that is still in progress.
        """
        query = (
            sa.select(LogEntry)
            .join(Run, Run.run_id == LogEntry.run_id)
            .where(OPEN_ROWS, LogEntry.kind == str(kind), Run.shop == shop)
            .order_by(LogEntry.id)
        )
        if except_run is not None:
            query = query.where(LogEntry.run_id != except_run)
        with self._database.reading() as session:
            return list(session.scalars(query))

    def unfinished(self, shop: str, kind: Kind) -> list[Operation]:
        """Operations on the shop that were begun, and never finished by this or a later try; the newest per key."""
        runs = sa.select(Run.run_id).where(Run.shop == shop)
        of_kind = sa.select(LogEntry.id, LogEntry.key, LogEntry.run_id).where(LogEntry.kind == str(kind))
        # Two queries, an index for each: as one, SQLite reads the whole log of the shop.
        either = of_kind.where(OPEN_ROWS), of_kind.where(FAILED_ROWS, LogEntry.reason == INTERRUPTED)
        begun = sa.union_all(*either).subquery()
        newest = sa.select(sa.func.max(begun.c.id)).where(begun.c.run_id.in_(runs))
        later = aliased(LogEntry)
        finished = sa.exists().where(
            later.key == LogEntry.key,
            later.id > LogEntry.id,
            later.kind == str(kind),
            later.run_id.in_(runs),
            later.status.in_((Status.APPLIED, Status.UNCHANGED)),
        )
        query = sa.select(LogEntry).where(LogEntry.id.in_(newest.group_by(begun.c.key)), ~finished)
        with self._database.reading() as session:
            return [entry.operation for entry in session.scalars(query)]

    def given_up(self, shop: str, since: datetime) -> list[str]:
        """Keys of the operations on the shop that were closed as unknown since a time."""
        of_shop = sa.select(LogEntry.key).join(Run, Run.run_id == LogEntry.run_id).where(Run.shop == shop)
        of_kinds = of_shop.where(FAILED_ROWS, LogEntry.kind.in_([*map(str, Kind)]), LogEntry.finished_at >= since)
        closed = of_kinds.where(LogEntry.reason.startswith(GIVEN_UP))
        with self._database.reading() as session:
            return list(session.scalars(closed.distinct().order_by(LogEntry.key)))

    def counts(self, run_id: str) -> dict[Kind, Counts]:
        """Counts per kind of the run's operations."""
        return self.counts_of(run_id).get(run_id, {})

    def counts_of(self, *run_ids: str) -> dict[str, dict[Kind, Counts]]:
        """Counts per kind of several runs' operations, by run id."""
        query = (
            sa.select(LogEntry.run_id, LogEntry.kind, LogEntry.status, sa.func.count())
            .where(LogEntry.run_id.in_(run_ids))
            .group_by(LogEntry.run_id, LogEntry.kind, LogEntry.status)
        )
        numbers: dict[str, dict[Kind, Counter[Status]]] = {}
        with self._database.reading() as session:
            for run_id, kind, status, number in session.execute(query):
                numbers.setdefault(run_id, {}).setdefault(Kind(kind), Counter())[status] += number
        return {run_id: {kind: Counts.of(of[kind]) for kind in sorted(of)} for run_id, of in numbers.items()}

    def rows(self, run_id: str, kind: Kind | None = None) -> Iterator[LogEntry]:
        """Yield a run's operations in the order they were written, page by page."""
        query = sa.select(LogEntry).where(LogEntry.run_id == run_id).order_by(LogEntry.id)
        if kind is not None:
            query = query.where(LogEntry.kind == str(kind))
        with self._database.reading() as session:
            yield from session.scalars(query.execution_options(yield_per=1000))

    def changes(self, run_id: str, kind: Kind, number: int) -> list[LogEntry]:
        """The first operations of a kind that a run applied, or as a dry run would have."""
        going = sa.or_(LogEntry.status == Status.APPLIED, LogEntry.reason == DRY_RUN)
        query = sa.select(LogEntry).where(LogEntry.run_id == run_id, LogEntry.kind == str(kind), going)
        with self._database.reading() as session:
            return list(session.scalars(query.order_by(LogEntry.id).limit(number)))

    def keys(self, run_id: str, kind: Kind, reason: str) -> list[str]:
        """Keys of a run's operations that were not applied for this reason."""
        of_run = (LogEntry.run_id == run_id, LogEntry.kind == str(kind), LogEntry.reason == reason)
        with self._database.reading() as session:
            return list(session.scalars(sa.select(LogEntry.key).where(*of_run)))

    def last_applied(self, shop: str) -> Run | None:
        """The newest sync that changed something in the shop; None before the first."""
        changed = sa.exists().where(LogEntry.run_id == Run.run_id, LogEntry.status == Status.APPLIED)
        syncs = sa.select(Run).where(Run.shop == shop, Run.job != SALES_JOB, ~Run.dry_run, changed)
        query = syncs.order_by(Run.started_at.desc()).limit(1)
        with self._database.reading() as session:
            return session.scalars(query).first()

    def statuses(self, entry_ids: Collection[int]) -> dict[int, Status]:
        """Statuses of log entries by their ids; those that were pruned are left out."""
        query = sa.select(LogEntry.id, LogEntry.status).where(LogEntry.id.in_(entry_ids))
        with self._database.reading() as session:
            return {row.id: row.status for row in session.execute(query)}

    def applied_after(self, entry_ids: Mapping[str, int]) -> set[str]:
        """Find the keys with an odd number of applied operations after the entry with this id: they were taken back."""
        query = sa.select(LogEntry.key, LogEntry.id).where(
            LogEntry.key.in_(entry_ids), LogEntry.status == Status.APPLIED
        )
        with self._database.reading() as session:
            later = Counter(key for key, entry_id in session.execute(query) if entry_id > entry_ids[key])
        return {key for key, number in later.items() if number % 2}

    def imported(self, shop: str, keys: Iterable[str]) -> set[str]:
        """Which of these offer keys were imported into the shop by any run."""
        done = sa.select(LogEntry.key).join(Run, Run.run_id == LogEntry.run_id).where(Run.shop == shop)
        done = done.where(LogEntry.kind == str(Kind.IMPORT), LogEntry.status == Status.APPLIED)
        with self._database.reading() as session:
            return {
                key for part in parts(iter(keys), _KEYS) for key in session.scalars(done.where(LogEntry.key.in_(part)))
            }

    def history(self, *keys: str) -> list[LogEntry]:
        """Every operation with one of these keys or Medusa ids, oldest first."""
        query = sa.select(LogEntry).where(sa.or_(LogEntry.key.in_(keys), LogEntry.target_id.in_(keys)))
        with self._database.reading() as session:
            return list(session.scalars(query.order_by(LogEntry.id)))

    def keys_beginning(self, start: str, most: int) -> list[str]:
        """Keys of operations that begin so, at most some; none for a start that is too short."""
        begins = LogEntry.key.startswith(start, autoescape=True)
        with self._database.reading() as session:
            query = sa.select(LogEntry.key).where(begins).distinct().limit(most)
            return list(session.scalars(query)) if len(start) >= SHORTEST_ID else []

    def prune(self, before: datetime) -> int:
        """Remove runs that started before a time, with their operations; returns how many runs."""
        with self._database.writing() as session:
            return len(session.scalars(sa.delete(Run).where(Run.started_at < before).returning(Run.run_id)).all())


def reported(entry: LogEntry) -> tuple[Status, str | None]:
    """Status and reason as in reports; an operation without an outcome counts as failed: nobody may rely on it."""
    if entry.status in OPEN:
        return Status.FAILED, entry.reason or OUTCOME_UNKNOWN
    return entry.status, entry.reason


def _columns(operation: Operation) -> dict[str, Any]:
    # Not asdict: its deep copies of the payloads took half the time of a batch.
    return {
        "key": operation.key,
        "before": operation.before,
        "after": operation.after,
        "target_id": operation.target_id,
        "title": operation.title,
    }


def _now() -> datetime:
    return datetime.now(UTC)
