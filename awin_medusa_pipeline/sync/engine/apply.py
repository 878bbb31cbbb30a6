"""Applies operations to the shop: in batches, with a write-ahead intent, splitting refused batches and verifying before
any retry.

Every change to the shop goes through here; a Writer knows how to send and verify one kind.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from awin_medusa_pipeline.core.batching import parts
from awin_medusa_pipeline.core.errors import PipelineError
from awin_medusa_pipeline.core.http import PayloadTooLargeError, PermanentError, UnknownOutcomeError
from awin_medusa_pipeline.core.store.leases import HeldLease, LeaseLostError
from awin_medusa_pipeline.medusa.client import ADDRESS_REFUSED
from awin_medusa_pipeline.sync.domain.kinds import KINDS
from awin_medusa_pipeline.sync.domain.operations import (
    DRY_RUN,
    OPEN,
    Bundle,
    Counts,
    Json,
    Kind,
    NotSent,
    Operation,
    Status,
    Written,
    operations_of,
)
from awin_medusa_pipeline.sync.domain.ownership import written_values
from awin_medusa_pipeline.sync.engine.breaker import Breaker, too_slow
from awin_medusa_pipeline.sync.engine.pace import Pace
from awin_medusa_pipeline.sync.store.ledger import GIVEN_UP, INTERRUPTED, Ledger, LogEntry, Outcome

# Seconds before each check of an unanswered batch: Medusa finishes what the client gave up on, and refuses a repeated
# create by its handle and SKU.
LOOK_DELAYS = (0.5, 1.0, 2.0, 4.0)
MOST_SENDS = 3
# So many nights an operation is looked up that the shop refuses to look up; the next one closes it.
LOOKED_FOR = timedelta(days=3)
NOT_SHOWN = "Medusa took it, but does not show it. Look at the log of the Medusa server, then run the sync again."
RECORDED_AT_ONCE = 1_000


class Writer(Protocol):
    """Sends one kind of change, and verifies it in the shop."""

    kind: Kind
    per_request: int
    """Most operations per request."""

    def send(self, bundles: Sequence[Bundle]) -> Mapping[str, str | None]:
        """Send all bundles; returns the Medusa ids of the operations that the shop then shows, by key.

        Raises PipelineError. Called again after an unknown outcome, it completes the rest and creates nothing twice.
        """

    def look_up(self, operations: Sequence[Operation]) -> Mapping[str, str | None]:
        """Find the operations whose `after` the shop already shows; returns their Medusa ids by key."""


def look_up(writer: Writer, operations: Sequence[Operation]) -> tuple[dict[str, str | None], dict[str, str]]:
    """Medusa ids of the operations that the shop shows, and faults of those that cannot be looked up, both by key.

    One whose key the shop refuses costs itself: the others are looked up without it. Raises PipelineError for any
    other fault.
    """
    try:
        return dict(writer.look_up(operations)), {}
    except PermanentError as fault:
        if fault.status not in ADDRESS_REFUSED:
            raise
        if len(operations) == 1:
            return {}, {operations[0].key: str(fault)}
    middle = len(operations) // 2
    (found, refused), (more, also) = (look_up(writer, half) for half in (operations[:middle], operations[middle:]))
    return found | more, refused | also


def _settled(row: LogEntry, found: Mapping[str, str | None], refused: Mapping[str, str]) -> Outcome:
    """What a look at the shop says of an operation that another run left open."""
    if row.key in found:
        return Outcome(row.id, Status.APPLIED, found[row.key])
    if row.key not in refused:
        return Outcome(row.id, Status.FAILED, reason=INTERRUPTED)
    if datetime.now(UTC) - row.created_at > LOOKED_FOR:
        return Outcome(row.id, Status.FAILED, reason=f"{GIVEN_UP}: {refused[row.key]}")
    return Outcome(row.id, Status.UNKNOWN, reason=refused[row.key])


class ReviewedWriter(Writer, Protocol):
    """A writer whose operations can be compared with the shop before they are sent."""

    def read(self, operations: Sequence[Operation]) -> Mapping[str, Json]:
        """Read the shop's current values of each operation's fields, by key; deleted targets are left out."""


@dataclass(frozen=True)
class ApplyResult:
    """Outcome of a plan. `failures`: key and reason; `stopped_reason`: why it was stopped before its end."""

    counts: Counts
    failures: tuple[tuple[str, str], ...] = ()
    stopped_reason: str | None = None

    def __add__(self, other: "ApplyResult") -> "ApplyResult":
        """Add the results of two parts of one plan."""
        stopped = self.stopped_reason or other.stopped_reason
        return ApplyResult(self.counts + other.counts, self.failures + other.failures, stopped)


_Outcomes = dict[str, tuple[Status, str | None, str | None]]
"""Status, Medusa id and reason by operation key."""


@dataclass
class Engine:
    """Applies the plans of one run and writes each step to the operation log."""

    ledger: Ledger
    run_id: str
    pace: Pace = field(default_factory=Pace)
    """What the run knows of how fast its shop works; the engines of one run share it."""
    sleep: Callable[[float], None] = time.sleep
    progress: Callable[[int], None] = field(default=lambda done: None)
    breaker: Breaker = field(default_factory=Breaker)
    """What the run knows of whether its shop answers; the engines of one run share it."""
    lease: HeldLease | None = None
    """The right to change the shop; None: nothing is sent, or nobody else is there."""

    def settle_open_operations(self, writer: Writer) -> int:
        """Settle the operations that other runs left without an outcome; returns how many the shop shows."""
        done = 0
        run = self.ledger.run(self.run_id)
        left_open = self.ledger.open_operations(run.shop, writer.kind, except_run=self.run_id) if run else []
        for part in parts(iter(left_open), self.pace.rows):
            operations = [row.operation for row in part]
            found, refused = look_up(writer, operations)
            self.ledger.record_outcomes(
                (_settled(row, found, refused) for row in part),
                run_id=self.run_id,
                written=_written(operations, found),
                held=self.lease,
            )
            done += len(found)
        return done

    def apply(
        self,
        writer: Writer,
        plan: Iterable[Bundle | NotSent],
        *,
        dry_run: bool = False,
        stopped: str | None = None,
    ) -> ApplyResult:
        """Carry out a plan and record every row of it; after a fault of the whole shop nothing more is sent.

        `stopped`: such a fault, already known; a dry run tells it of each row, and does not count as stopped by it.
        """
        tally, clock = _Tally(), self.breaker.clock
        stopped = stopped or self.breaker.stopped
        began, unsent = clock(), 0
        dry = f"{DRY_RUN}; could not be sent: {stopped}" if stopped else DRY_RUN
        bundles = self._record_not_sent(writer.kind, plan, tally, dry if dry_run else None)
        self.pace.begin()
        with ThreadPoolExecutor(self.pace.most_at_once, thread_name_prefix=f"apply-{writer.kind}") as pool:
            waiting: deque[Future[_Batch]] = deque()

            def size() -> int:
                return min(self.pace.rows, writer.per_request)

            for number, batch in enumerate(parts(bundles, size, lambda bundle: len(bundle.operations))):
                stopped = stopped or too_slow(KINDS[writer.kind].words, clock() - began, tally.counts.planned)
                if stopped:
                    left = [NotSent(one, f"not sent: {stopped}", Status.FAILED) for one in operations_of(batch)]
                    self._record(writer.kind, left, tally)
                    unsent += len(left)
                    continue
                waiting.append(pool.submit(self._apply_batch, writer, batch, number))
                while len(waiting) >= self.pace.at_once:
                    stopped = self._collect(waiting.popleft(), tally) or stopped
            while waiting:
                stopped = self._collect(waiting.popleft(), tally) or stopped
        if not dry_run:
            stopped = stopped or self.breaker.stopped  # by the plan's own reading
        if stopped and unsent:
            stopped = f"{stopped} {unsent:,} rows were not sent."
        return ApplyResult(tally.counts, tuple(tally.failures), None if dry_run else stopped)

    def _collect(self, future: "Future[_Batch]", tally: "_Tally") -> str | None:
        batch = future.result()
        tally.add(batch.outcomes)
        self.progress(tally.counts.planned)
        return batch.stopped

    def _record_not_sent(
        self, kind: Kind, plan: Iterable[Bundle | NotSent], tally: "_Tally", dry_run: str | None
    ) -> Iterator[Bundle]:
        """Yield the bundles to send; record everything else, a thousand rows at a time.

        `dry_run`: why no bundle is sent; None: they are.
        """
        rest: list[NotSent] = []
        for item in plan:
            if isinstance(item, NotSent):
                rest.append(item)
            elif dry_run:
                rest.extend(NotSent(operation, dry_run) for operation in item.operations)
            else:
                yield item
            if len(rest) >= RECORDED_AT_ONCE:
                self._record(kind, rest, tally)
                rest = []
        self._record(kind, rest, tally)

    def _record(self, kind: Kind, rows: Sequence[NotSent], tally: "_Tally") -> None:
        self.ledger.record_not_sent(self.run_id, kind, rows)
        tally.add({row.operation.key: (row.status, None, row.reason) for row in rows})

    def _apply_batch(self, writer: Writer, bundles: Sequence[Bundle], number: int) -> "_Batch":
        operations = operations_of(bundles)
        batch, began = _Batch(writer, bundles, self.sleep, self.breaker, self.pace), self.pace.clock()
        try:
            if self.lease:
                self.lease.renew()
            ids = self.ledger.record_intents(self.run_id, writer.kind, operations, batch=number, held=self.lease)
        except PipelineError as fault:
            batch.stop(fault)
            self.ledger.record_not_sent(self.run_id, writer.kind, batch.not_sent())
            return batch
        by_key = dict(zip((operation.key for operation in operations), ids, strict=True))
        batch.settle()
        self.pace.done(len(operations), self.pace.clock() - began)
        done = {key: target for key, (status, target, _) in batch.outcomes.items() if status is Status.APPLIED}
        why = {one.key: bundle.reason for bundle in bundles for one in bundle.operations}
        try:
            self.ledger.record_outcomes(
                (
                    Outcome(by_key[key], status, target, reason or why[key])
                    for key, (status, target, reason) in batch.outcomes.items()
                ),
                run_id=self.run_id,
                written=_written(operations, done),
                held=self.lease,
            )
        except LeaseLostError as fault:
            batch.leave_to_others(fault)
        return batch


@dataclass
class _Part:
    """Bundles of a batch without an outcome yet."""

    bundles: Sequence[Bundle]
    unanswered: int = 0
    """Times they were sent without an answer."""
    doubtful: bool = False
    """Whether they may have been carried out, alone or in a larger batch."""


class _Batch:
    """Brings every operation of a batch to an outcome: sends it, looks it up when in doubt, halves it when refused."""

    def __init__(
        self,
        writer: Writer,
        bundles: Sequence[Bundle],
        sleep: Callable[[float], None],
        breaker: Breaker,
        pace: Pace,
    ) -> None:
        self._writer, self._sleep, self._breaker, self._pace = writer, sleep, breaker, pace
        self._waiting = [_Part(bundles)]
        self.outcomes: _Outcomes = {}
        self.stopped: str | None = None

    def settle(self) -> None:
        """Give every operation its outcome; a fault of the whole shop goes to `stopped`."""
        while self._waiting:
            try:
                rest = self._send(self._waiting[-1])
            except PipelineError as fault:
                self.stop(fault)
                return
            self._waiting.pop()
            # What was not answered goes behind the next part: whose answer tells whether the shop or a row is to blame.
            at = len(self._waiting) - (1 if self._waiting and any(part.unanswered for part in rest) else 0)
            self._waiting[at:at] = reversed(rest)

    def _send(self, part: _Part) -> list[_Part]:
        """Send a part; returns the parts still without an outcome, in order.

        Raises PipelineError for a fault of the whole shop.
        """
        fault: PipelineError
        began = self._breaker.clock()
        try:
            written = self._writer.send(part.bundles)
        except LeaseLostError:
            part.doubtful = True  # of several requests, some may have been sent
            raise
        except UnknownOutcomeError as error:
            fault, part.doubtful = error, True
            part.unanswered += 1
            if error.status == 500:  # Medusa's word for a row that it cannot take, too
                self._breaker.answered()
            else:
                self._pace.troubled()
                self._breaker.unanswered(error, began)
        except PermanentError as error:
            if error.status in (401, 403):
                raise
            self._breaker.answered()
            if isinstance(error, PayloadTooLargeError):
                self._pace.too_large()
            fault = error
        else:
            self._breaker.answered()
            for key in _keys(part.bundles):
                self.outcomes[key] = (
                    (Status.APPLIED, written[key], None) if key in written else (Status.FAILED, None, NOT_SHOWN)
                )
            return []
        left = self._without_done(part, finished=fault.status == 500 or not part.unanswered)
        return self._retry_parts(part, left, fault) if left else []

    def _retry_parts(self, part: _Part, left: Sequence[Bundle], fault: PipelineError) -> list[_Part]:
        unanswered = isinstance(fault, UnknownOutcomeError)
        if unanswered and part.unanswered < (1 if self._breaker.doubts else MOST_SENDS):
            return [replace(part, bundles=left)]
        smaller = _Part(left, part.unanswered if unanswered else 0, part.doubtful)
        if len(left) < len(part.bundles):
            return [smaller]
        if len(left) > 1:
            middle = len(left) // 2
            return [replace(smaller, bundles=half) for half in (left[:middle], left[middle:])]
        # Medusa may be busy with an earlier try, or refuse it for good: only a later run can tell.
        status = Status.UNKNOWN if part.doubtful else Status.FAILED
        self.outcomes |= dict.fromkeys(_keys(left), (status, None, str(fault)))
        if unanswered and fault.status != 500:
            self._breaker.gave_up(fault)
        return []

    def _without_done(self, part: _Part, *, finished: bool) -> list[Bundle]:
        """Return the bundles that the shop does not show yet; give the others their outcome.

        Checks once when Medusa has `finished` the request, else repeatedly for as long as that may take.
        """
        operations = operations_of(part.bundles)
        found: Mapping[str, str | None] = {}
        for wait in (0.0,) if finished else LOOK_DELAYS:
            if wait:
                self._sleep(wait)
            found, _ = look_up(self._writer, operations)
            if len(found) == len(operations):
                break
        # Without a doubtful send of ours, somebody else made the change.
        status = Status.APPLIED if part.doubtful else Status.UNCHANGED
        left = []
        for bundle in part.bundles:
            keys = _keys([bundle])
            if all(key in found for key in keys):
                self._breaker.answered()
                self.outcomes |= {key: (status, found[key], None) for key in keys}
            else:
                left.append(bundle)
        return left

    def stop(self, fault: PipelineError) -> None:
        """Send nothing more: operations that may have been carried out stay open in the log, the rest failed."""
        self._breaker.open(fault)
        self.stopped = str(fault)
        for part in self._waiting:
            status = Status.UNKNOWN if part.doubtful else Status.FAILED
            for key in _keys(part.bundles):
                self.outcomes.setdefault(key, (status, None, self.stopped))

    def not_sent(self) -> list[NotSent]:
        """The operations of a batch that was stopped before it began."""
        operations = operations_of(bundle for part in self._waiting for bundle in part.bundles)
        return [NotSent(one, f"not sent: {self.stopped}", Status.FAILED) for one in operations]

    def leave_to_others(self, fault: LeaseLostError) -> None:
        """Claim nothing of what was sent: the log's rows are settled by the run that has the shop now."""
        self.stopped = str(fault)
        for key in self.outcomes:
            self.outcomes[key] = (Status.UNKNOWN, None, self.stopped)


def _keys(bundles: Sequence[Bundle]) -> list[str]:
    return [operation.key for operation in operations_of(bundles)]


def _written(operations: Iterable[Operation], done: Mapping[str, str | None]) -> Iterator[Written]:
    """Yield the values of owned fields that the operations in `done` wrote."""
    for one in operations:
        if one.key in done:
            yield from written_values(one.key, done[one.key] or one.target_id, one.after)


class _Tally:
    """Counts outcomes and collects failures."""

    def __init__(self) -> None:
        self._statuses: Counter[Status] = Counter()
        self.failures: list[tuple[str, str]] = []

    @property
    def counts(self) -> Counts:
        return Counts.of(self._statuses)

    def add(self, outcomes: _Outcomes) -> None:
        for key, (status, _, reason) in outcomes.items():
            self._statuses[status] += 1
            if status is Status.FAILED or status in OPEN:
                self.failures.append((key, reason or ""))
