"""The one door through which a shop is changed: batches, an intent before each, bisecting, looking before repeating.

What belongs here: how operations are carried out safely, whatever they are. What does not: what an operation means to
the shop (a Writer knows), which ones to make (sync/domain/plans.py) and how a request is retried (core/http.py).
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

from awin_medusa_pipeline.core.http import PermanentError, RemoteError, UnknownOutcomeError
from awin_medusa_pipeline.sync.domain.ownership import Written, written_values
from awin_medusa_pipeline.sync.store.ledger import Final, Intent, Kind, Ledger, Outcome, Status

# Measured: batches of about 200 with two requests at a time are Medusa's best (250 products/s, 2,670 levels/s).
BATCH = 200
THREADS = 2
# A batch whose answer never came is looked up this long before it is sent again: Medusa finishes what the client gave
# up on, and a create that arrives twice is refused by its handle and SKU.
LOOKS = (0.5, 1.0, 2.0, 4.0)
SENDS = 3
# So many single operations in a row without an answer are the shop's fault, not theirs: each costs a timeout of 90 s.
SILENT_IN_A_ROW = 3
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
    permit: Callable[[], None] = field(default=lambda: None)
    """Asked before each batch; raises RemoteError when this run may not change the shop any more."""

    def settle_left_open(self, writer: Writer) -> int:
        """Look up what other runs on this run's shop left open; how much of it the shop shows as done."""
        done = 0
        run = self.ledger.run(self.run_id)
        left_open = self.ledger.open_intents(run.shop, writer.kind, except_run=self.run_id) if run else []
        for part in parts(iter(left_open), self.batch_size):
            changes = [Change(row.key, row.after or {}, row.before, row.target_id) for row in part]
            found = writer.look_up(changes)
            self.ledger.record_outcomes(
                (
                    Outcome(row.id, Status.APPLIED, found[row.key])
                    if row.key in found
                    else Outcome(row.id, Status.FAILED, reason="interrupted before it was carried out")
                    for row in part
                ),
                run_id=self.run_id,
                written=_written(changes, found),
            )
            done += len(found)
        return done

    def apply(
        self,
        writer: Writer,
        plan: Iterable[Operation | NotSent],
        *,
        dry_run: bool = False,
        stopped: str | None = None,
    ) -> ApplyResult:
        """Carry a plan out and record every row of it; nothing more is sent after a fault of the whole shop.

        `stopped`: such a fault that is known beforehand.
        """
        tally = _Tally()
        operations = self._record_not_sent(writer.kind, plan, tally, dry_run)
        with ThreadPoolExecutor(self.threads, thread_name_prefix=f"apply-{writer.kind}") as pool:
            waiting: deque[Future[_Batch]] = deque()
            for number, batch in enumerate(parts(operations, self.batch_size, lambda o: len(o.changes))):
                if stopped:
                    unsent = [NotSent(change, f"not sent: {stopped}", Status.FAILED) for change in _changes(batch)]
                    self._record_finals(writer.kind, unsent, tally)
                    continue
                waiting.append(pool.submit(self._apply_batch, writer, batch, number))
                if len(waiting) == self.threads:
                    stopped = self._collect(waiting.popleft(), tally)
            while waiting:
                stopped = self._collect(waiting.popleft(), tally) or stopped
        return ApplyResult(tally.counts, tuple(tally.failures), stopped)

    def _collect(self, future: "Future[_Batch]", tally: "_Tally") -> str | None:
        batch = future.result()
        tally.add(batch.outcomes)
        self.progress(tally.total)
        return batch.stopped

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

    def _apply_batch(self, writer: Writer, operations: Sequence[Operation], number: int) -> "_Batch":
        changes = _changes(operations)
        ids = self.ledger.record_intents(
            self.run_id,
            writer.kind,
            [Intent(c.key, c.before, dict(c.after), c.target_id, number) for c in changes],
        )
        by_key = dict(zip((change.key for change in changes), ids, strict=True))
        batch = _Batch(writer, operations, self.sleep)
        try:
            self.permit()
        except RemoteError as fault:
            batch.stop(fault)
        else:
            batch.settle()
        done = {key: target for key, (status, target, _) in batch.outcomes.items() if status is Status.APPLIED}
        self.ledger.record_outcomes(
            (Outcome(by_key[key], status, target, reason) for key, (status, target, reason) in batch.outcomes.items()),
            run_id=self.run_id,
            written=_written(changes, done),
        )
        return batch


@dataclass
class _Part:
    """Operations of a batch that have no outcome yet."""

    operations: Sequence[Operation]
    unanswered: int = 0
    """How often these were sent without an answer."""
    doubtful: bool = False
    """Whether they may have been carried out, by themselves or in a batch with others."""


class _Batch:
    """One batch on its way to an outcome for every change: sent, looked up when in doubt, halved when refused."""

    def __init__(self, writer: Writer, operations: Sequence[Operation], sleep: Callable[[float], None]) -> None:
        self._writer, self._sleep = writer, sleep
        self._waiting = [_Part(operations)]
        self._silent = 0
        self.outcomes: _Outcomes = {}
        self.stopped: str | None = None

    def settle(self) -> None:
        """Give every change its outcome; `stopped` tells of a fault of the whole shop."""
        while self._waiting:
            try:
                rest = self._send(self._waiting[-1])
            except RemoteError as fault:
                self.stop(fault)
                return
            self._waiting.pop()
            self._waiting.extend(reversed(rest))

    def _send(self, part: _Part) -> list[_Part]:
        """Send a part; what is still without an outcome, in the order in which to go on.

        Raises RemoteError for what concerns the whole shop.
        """
        fault: RemoteError
        try:
            written = self._writer.send(part.operations)
        except UnknownOutcomeError as error:
            fault, part.doubtful = error, True
            part.unanswered += 1
        except PermanentError as error:
            if error.status in (401, 403):
                raise
            fault = error
        else:
            self._silent = 0
            for key in _keys(part.operations):
                self.outcomes[key] = (
                    (Status.APPLIED, written[key], None) if key in written else (Status.FAILED, None, NOT_SHOWN)
                )
            return []
        left = self._without_what_is_there(part, finished=fault.status == 500 or not part.unanswered)
        return self._again(part, left, fault) if left else []

    def _again(self, part: _Part, left: Sequence[Operation], fault: RemoteError) -> list[_Part]:
        unanswered = isinstance(fault, UnknownOutcomeError)
        if unanswered and part.unanswered < SENDS:
            return [replace(part, operations=left)]
        smaller = _Part(left, part.unanswered if unanswered else 0, part.doubtful)
        if len(left) < len(part.operations):
            return [smaller]
        if len(left) > 1:
            middle = len(left) // 2
            return [replace(smaller, operations=half) for half in (left[:middle], left[middle:])]
        # Refused because of what an earlier try is still at, or for good: only a later look can tell.
        status = Status.UNKNOWN if part.doubtful else Status.FAILED
        self.outcomes |= dict.fromkeys(_keys(left), (status, None, str(fault)))
        self._silent = self._silent + 1 if unanswered and fault.status != 500 else 0
        if self._silent == SILENT_IN_A_ROW:
            raise fault
        return []

    def _without_what_is_there(self, part: _Part, *, finished: bool) -> list[Operation]:
        """Look at the shop: once when it is through with the part, else for as long as that may take."""
        changes = _changes(part.operations)
        found: Mapping[str, str | None] = {}
        for wait in (0.0,) if finished else LOOKS:
            if wait:
                self._sleep(wait)
            found = self._writer.look_up(changes)
            if len(found) == len(changes):
                break
        # What was there before anything of ours was sent is not our doing.
        status = Status.APPLIED if part.doubtful else Status.UNCHANGED
        left = []
        for operation in part.operations:
            keys = _keys([operation])
            if all(key in found for key in keys):
                self._silent = 0
                self.outcomes |= {key: (status, found[key], None) for key in keys}
            else:
                left.append(operation)
        return left

    def stop(self, fault: RemoteError) -> None:
        """Nothing more is sent: what may have been carried out stays open in the ledger, the rest has failed."""
        self.stopped = str(fault)
        for part in self._waiting:
            status = Status.UNKNOWN if part.doubtful else Status.FAILED
            for key in _keys(part.operations):
                self.outcomes.setdefault(key, (status, None, self.stopped))


def _changes(operations: Sequence[Operation]) -> list[Change]:
    return [change for operation in operations for change in operation.changes]


def _written(changes: Iterable[Change], done: Mapping[str, str | None]) -> Iterator[Written]:
    """The values of owned fields among what was done."""
    for change in changes:
        if change.key in done:
            yield from written_values(change.key, done[change.key] or change.target_id, change.after)


def _keys(operations: Sequence[Operation]) -> list[str]:
    return [change.key for change in _changes(operations)]


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


def parts(items: Iterator[T], size: int, weight: Callable[[T], int] = lambda item: 1) -> Iterator[list[T]]:
    """Items in lists of at most `size` by weight, lazily; one heavier item makes a list of its own."""
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
