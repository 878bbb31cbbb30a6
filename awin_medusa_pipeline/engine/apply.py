"""The one door through which a shop is changed: batches, an intent before each, bisecting, looking before repeating.

What belongs here: how operations are carried out safely, whatever they are. What does not: what an operation means to
the shop (a Writer knows), which ones to make (engine/plans.py) and how a request is retried (clients/http.py).
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from awin_medusa_pipeline.clients.http import PermanentError, RemoteError, TransientError, UnknownOutcomeError
from awin_medusa_pipeline.store.ledger import Final, Intent, Kind, Ledger, Outcome, Status

# Measured: batches of about 200 with two requests at a time are Medusa's best (250 products/s, 2,670 levels/s).
BATCH = 200
THREADS = 2
# A batch whose answer never came is looked up this long before it is sent again: Medusa finishes what the client gave
# up on, and a create that arrives twice is refused by its handle and SKU.
LOOKS = (0.5, 1.0, 2.0, 4.0)
SENDS = 3
NOT_SHOWN = "Medusa took it, but does not show it. Look at the log of the Medusa server, then run the sync again."

Json = Mapping[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Change:
    """One row of a plan: what it is about, what the shop had, what it shall have. One row in the ledger."""

    key: str
    after: Json
    before: Json | None = None
    target_id: str | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """Changes that are sent together or not at all, with the body that the writer sends."""

    changes: tuple[Change, ...]
    body: Json


@dataclass(frozen=True, slots=True)
class NotSent:
    """A row of the plan that is not carried out, with the reason."""

    change: Change
    reason: str
    status: Status = Status.SKIPPED


class Writer(Protocol):
    """One kind of change to the shop."""

    kind: Kind

    def send(self, operations: Sequence[Operation]) -> Mapping[str, str | None]:
        """Carry all of them out and answer the Medusa ids by change key. Raises RemoteError.

        Sent again after an unknown outcome it completes what is half there and makes nothing twice.
        """

    def look_up(self, changes: Sequence[Change]) -> Mapping[str, str | None]:
        """Medusa ids, by key, of the changes whose `after` the shop shows already."""


@dataclass(frozen=True)
class ApplyResult:
    """What became of a plan. `stopped_reason` is set when it was left before its end."""

    counts: Mapping[str, int]
    failures: tuple[tuple[str, str], ...] = ()
    stopped_reason: str | None = None

    def __add__(self, other: "ApplyResult") -> "ApplyResult":
        """Both parts of one kind."""
        counts = {status: number + other.counts[status] for status, number in self.counts.items()}
        return ApplyResult(counts, self.failures + other.failures, self.stopped_reason or other.stopped_reason)


_Outcomes = dict[str, tuple[Status, str | None, str | None]]


@dataclass
class Engine:
    """Applies plans of one run and writes each step to the ledger."""

    ledger: Ledger
    run_id: str
    batch_size: int = BATCH
    threads: int = THREADS
    sleep: Callable[[float], None] = time.sleep
    progress: Callable[[int], None] = field(default=lambda done: None)

    def settle_left_open(self, writer: Writer, shop: str) -> int:
        """Look up what runs that died had under way; how many of them the shop shows as done."""
        done = 0
        left_open = self.ledger.open_intents(shop, writer.kind, except_run=self.run_id)
        for part in _parts(iter(left_open), self.batch_size):
            found = writer.look_up([Change(row.key, row.after or {}, row.before, row.target_id) for row in part])
            self.ledger.record_outcomes(
                Outcome(row.id, Status.APPLIED, found[row.key])
                if row.key in found
                else Outcome(row.id, Status.FAILED, reason="interrupted before it was carried out")
                for row in part
            )
            done += len(found)
        return done

    def apply(self, writer: Writer, plan: Iterable[Operation | NotSent], *, dry_run: bool = False) -> ApplyResult:
        """Carry a plan out and record every row of it; stops at the first fault that concerns the whole shop."""
        tally = _Tally()
        operations = self._record_not_sent(writer.kind, plan, tally, dry_run)
        stopped: str | None = None
        with ThreadPoolExecutor(self.threads, thread_name_prefix=f"apply-{writer.kind}") as pool:
            waiting: deque[Future[_Outcomes]] = deque()
            for number, batch in enumerate(_parts(operations, self.batch_size, lambda o: len(o.changes))):
                if stopped:
                    unsent = [NotSent(c, f"not sent: {stopped}", Status.FAILED) for o in batch for c in o.changes]
                    self._record_finals(writer.kind, unsent, tally)
                    continue
                waiting.append(pool.submit(self._apply_batch, writer, batch, number))
                if len(waiting) == self.threads:
                    stopped = self._collect(waiting.popleft(), tally)
            while waiting:
                stopped = self._collect(waiting.popleft(), tally) or stopped
        return ApplyResult(tally.counts, tuple(tally.failures), stopped)

    def _collect(self, batch: Future[_Outcomes], tally: "_Tally") -> str | None:
        try:
            tally.add(batch.result())
        except _StoppedError as stop:
            tally.add(stop.outcomes)
            return stop.reason
        self.progress(tally.total)
        return None

    def _record_not_sent(
        self, kind: Kind, plan: Iterable[Operation | NotSent], tally: "_Tally", dry_run: bool
    ) -> Iterator[Operation]:
        """Yield what is to be sent; record the rest, a thousand rows at a time."""
        rest: list[NotSent] = []
        for item in plan:
            if isinstance(item, NotSent):
                rest.append(item)
            elif dry_run:
                rest.extend(NotSent(change, "dry run") for change in item.changes)
            else:
                yield item
            if len(rest) >= 1_000:
                self._record_finals(kind, rest, tally)
                rest = []
        self._record_finals(kind, rest, tally)

    def _record(self, kind: Kind, tally: "_Tally", batch: Sequence[Operation], reason: str, status: Status) -> None:
        self._record_finals(kind, [NotSent(c, reason, status) for o in batch for c in o.changes], tally)

    def _record_finals(self, kind: Kind, rows: Sequence[NotSent], tally: "_Tally") -> None:
        self.ledger.record_finals(
            self.run_id,
            kind,
            [
                Final(r.change.key, r.status, r.reason, r.change.before, dict(r.change.after), r.change.target_id)
                for r in rows
            ],
        )
        tally.add({r.change.key: (r.status, None, r.reason) for r in rows})

    def _apply_batch(self, writer: Writer, batch: Sequence[Operation], number: int) -> _Outcomes:
        changes = [change for operation in batch for change in operation.changes]
        ids = self.ledger.record_intents(
            self.run_id,
            writer.kind,
            [Intent(c.key, c.before, dict(c.after), c.target_id, number) for c in changes],
        )
        by_key = dict(zip((change.key for change in changes), ids, strict=True))
        stop: _StoppedError | None = None
        try:
            outcomes = self._settle(writer, batch, {})
        except _StoppedError as error:
            stop, outcomes = error, error.outcomes
        self.ledger.record_outcomes(
            Outcome(by_key[key], status, target, reason) for key, (status, target, reason) in outcomes.items()
        )
        if stop:
            raise stop
        return outcomes

    def _settle(self, writer: Writer, batch: Sequence[Operation], done: _Outcomes, sends: int = 0) -> _Outcomes:
        """Outcomes of a batch added to `done`: sent; if refused, without what is there already, then by halves."""
        doubtful = sends > 0
        fault: RemoteError
        try:
            written = writer.send(batch)
            return done | {
                c.key: (Status.APPLIED, written[c.key], None) if c.key in written else (Status.FAILED, None, NOT_SHOWN)
                for o in batch
                for c in o.changes
            }
        except UnknownOutcomeError as error:
            doubtful, fault, again = True, error, sends + 1 < SENDS
            # Only a 500 says that the server is through with it.
            looks = (0.0,) if error.status == 500 else LOOKS
        except TransientError as error:
            raise _StoppedError(error, batch, done) from None
        except PermanentError as error:
            if error.status in (401, 403):
                raise _StoppedError(error, batch, done) from None
            fault, again, looks = error, False, (0.0,)
        try:
            rest = self._without_what_is_there(writer, batch, done, doubtful, looks)
        except RemoteError as error:
            raise _StoppedError(error, batch, done, open_intents=doubtful) from None
        if not rest:
            return done
        if again:
            return self._settle(writer, rest, done, sends + 1)
        if len(rest) < len(batch):
            return self._settle(writer, rest, done, SENDS if doubtful else 0)
        if len(rest) == 1:
            return done | {change.key: (Status.FAILED, None, _refusal(fault)) for change in rest[0].changes}
        middle = len(rest) // 2
        done = self._settle(writer, rest[:middle], done, SENDS if doubtful else 0)
        return self._settle(writer, rest[middle:], done, SENDS if doubtful else 0)

    def _without_what_is_there(
        self, writer: Writer, batch: Sequence[Operation], done: _Outcomes, doubtful: bool, looks: Sequence[float]
    ) -> list[Operation]:
        changes = [change for operation in batch for change in operation.changes]
        found: Mapping[str, str | None] = {}
        for wait in looks:
            if wait:
                self.sleep(wait)
            found = writer.look_up(changes)
            if len(found) == len(changes):
                break
        # What was there before anything of ours was sent is not our doing.
        status = Status.APPLIED if doubtful else Status.UNCHANGED
        whole = [o for o in batch if all(change.key in found for change in o.changes)]
        done |= {c.key: (status, found[c.key], None) for o in whole for c in o.changes}
        return [operation for operation in batch if operation not in whole]


def _refusal(error: RemoteError) -> str:
    return str(error)


class _StoppedError(Exception):
    """A fault of the whole shop: nothing more is sent. What got no answer stays open in the ledger."""

    def __init__(
        self, error: RemoteError, batch: Sequence[Operation], done: _Outcomes, *, open_intents: bool = False
    ) -> None:
        super().__init__(str(error))
        self.reason = str(error)
        status = Status.UNKNOWN if open_intents else Status.FAILED
        self.outcomes = done | {
            c.key: (status, None, self.reason) for o in batch for c in o.changes if c.key not in done
        }


class _Tally:
    """Counts by status; what is unknown counts as failed, as in the ledger."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(("applied", "unchanged", "skipped", "held", "failed"), 0)
        self.failures: list[tuple[str, str]] = []

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def add(self, outcomes: _Outcomes) -> None:
        for key, (status, _, reason) in outcomes.items():
            failed = status in (Status.FAILED, Status.UNKNOWN)
            self.counts["failed" if failed else str(status)] += 1
            if failed:
                self.failures.append((key, reason or ""))


def _parts(items: Iterator[T], size: int, weight: Callable[[T], int] = lambda item: 1) -> Iterator[list[T]]:
    part: list[T] = []
    total = 0
    for item in items:
        if part and total + weight(item) > size:
            yield part
            part, total = [], 0
        part.append(item)
        total += weight(item)
    if part:
        yield part
