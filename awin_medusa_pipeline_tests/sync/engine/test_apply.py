"""The apply engine against a shop in memory that keeps Medusa's rules, with every fault that Medusa may have."""

import contextlib
import math
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from awin_medusa_pipeline.core.errors import PermanentError, TransientError
from awin_medusa_pipeline.core.http import PayloadTooLargeError, UnknownOutcomeError
from awin_medusa_pipeline.core.store.database import open_database
from awin_medusa_pipeline.core.store.leases import Leases
from awin_medusa_pipeline.sync.domain.operations import Bundle, Counts, Kind, NotSent, Operation, Status
from awin_medusa_pipeline.sync.engine.apply import (
    LOOK_DELAYS,
    MOST_SENDS,
    NOT_SHOWN,
    ApplyResult,
    Engine,
)
from awin_medusa_pipeline.sync.engine.breaker import SILENT_IN_A_ROW
from awin_medusa_pipeline.sync.engine.pace import AT_ONCE, BATCH, Pace
from awin_medusa_pipeline.sync.engine.summary import closed_as_unknown
from awin_medusa_pipeline.sync.store.ledger import GIVEN_UP, Ledger

POST = "POST http://shop/admin/products/batch"


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    with open_database(f"sqlite:///{tmp_path_factory.mktemp('store') / 'state.db'}") as database:
        yield Ledger(database)


@dataclass
class MemoryShop:
    """A Writer that carries out all of a batch or nothing, refuses what is there already, and fails as told.

    `faults` is consumed one a send: None (none), or a name of `_fail`. Time passes only in `sleep`.
    """

    ledger: Ledger
    faults: list[str | None] = field(default_factory=list)
    culprits: frozenset[str] = frozenset()
    poison: frozenset[str] = frozenset()
    unreadable: frozenset[str] = frozenset()
    """Keys that the shop refuses to look up."""
    hidden: frozenset[str] = frozenset()
    """Taken with an answer of success, and never shown."""
    largest: int = 10**9
    reads_fail: bool = False
    kind: Kind = Kind.IMPORT
    per_request: int = 10**9

    there: dict[str, float] = field(default_factory=dict)
    """Key -> time from which on it is shown; until then it is in the way of a second one."""
    made: Counter[str] = field(default_factory=Counter)
    sends: list[list[str]] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)
    address: str = field(default_factory=lambda: f"http://{uuid.uuid4()}")
    run_id: str = ""

    def __post_init__(self) -> None:
        self.start_run()

    def start_run(self) -> None:
        self.run_id = str(uuid.uuid4())
        self.ledger.start_run(self.run_id, shop=self.address, job="daily_sync_job")

    def sleep(self, seconds: float) -> None:
        with self.lock:
            self.slept.append(seconds)

    @property
    def now(self) -> float:
        return sum(self.slept)

    def send(self, bundles: Sequence[Bundle]) -> Mapping[str, str | None]:
        """Carry out, after a look whether it was written down."""
        keys = [operation.key for bundle in bundles for operation in bundle.operations]
        written_down = {row.key for row in self.ledger.rows(self.run_id) if row.status is Status.INTENT}
        assert written_down >= set(keys), "sent before it was written down"
        with self.lock:
            self.sends.append(keys)
            fault = self.faults.pop(0) if self.faults else None
            if fault:
                self._fail(fault, keys)
            self._carry_out(keys)
            return {key: f"id-{key}" for key in keys if key not in self.hidden}

    def look_up(self, operations: Sequence[Operation]) -> Mapping[str, str | None]:
        with self.lock:
            if self.reads_fail:
                raise TransientError("GET http://shop/admin/products", "HTTP 500", "Look at the log.", status=500)
            if self.unreadable.intersection(operation.key for operation in operations):
                raise PermanentError("GET http://shop/admin/products", "HTTP 431", "Correct it.", status=431)
            shown = {key for key, since in self.there.items() if since <= self.now}
            return {operation.key: f"id-{operation.key}" for operation in operations if operation.key in shown}

    def _carry_out(self, keys: Sequence[str], *, shown_after: float = 0.0) -> None:
        if len(keys) > self.largest:
            raise PayloadTooLargeError(POST, "HTTP 413", "Raise the body limit of the proxy.", status=413)
        if self.poison.intersection(keys):
            raise UnknownOutcomeError(POST, "HTTP 500", "Look at the log.", status=500)
        if wrong := [key for key in keys if key in self.culprits or key in self.there]:
            raise PermanentError(POST, f"HTTP 400 {wrong[0]} is refused", "Correct it.", status=400)
        self.made.update(keys)
        self.there |= dict.fromkeys((key for key in keys if key not in self.hidden), self.now + shown_after)

    def _fail(self, fault: str, keys: Sequence[str]) -> None:
        if fault == "429":
            raise TransientError(POST, "HTTP 429", "Wait.", status=429)
        if fault == "refused connection":
            raise TransientError(POST, "no connection (ConnectError)", "Check that it is up.")
        if fault == "401":
            raise PermanentError(POST, "HTTP 401 Unauthorized", "Check the key.", status=401)
        if fault == "500":
            raise UnknownOutcomeError(POST, "HTTP 500", "Look at the log.", status=500)
        if fault == "reset before the write":
            raise UnknownOutcomeError(POST, "the connection broke", "Check that it is up.")
        # Otherwise: "answer lost", "answer lost, done after <seconds> s"; a batch that is wrong is not carried out.
        seconds = float(fault.split()[-2]) if "after" in fault else 0.0
        with contextlib.suppress(PermanentError, UnknownOutcomeError):
            self._carry_out(keys, shown_after=seconds)
        raise UnknownOutcomeError(POST, "the connection broke (ReadTimeout)", "Check that it is up.")


def plan(number: int) -> list[Bundle]:
    return [Bundle((Operation(f"k{n:03}", {"n": n}),), {}) for n in range(number)]


def keys(*numbers: int) -> frozenset[str]:
    return frozenset(f"k{n:03}" for n in numbers)


def steady(rows: int = BATCH, at_once: int = AT_ONCE) -> Pace:
    """A pace that does not grow."""
    return Pace(rows, at_once, most_at_once=at_once)


def apply(
    shop: MemoryShop, bundles: Sequence[Bundle | NotSent], batch_size: int = BATCH, threads: int = AT_ONCE
) -> ApplyResult:
    engine = Engine(shop.ledger, shop.run_id, steady(batch_size, threads), sleep=shop.sleep)
    return engine.apply(shop, iter(bundles))


def statuses(ledger: Ledger, run_id: str) -> dict[str, Status]:
    rows = list(ledger.rows(run_id))
    found = {row.key: row.status for row in rows}
    assert len(found) == len(rows), "a row of the plan has two outcomes"
    return found


@dataclass(frozen=True)
class Case:
    """A fault, and what becomes of a plan of `rows` rows sent in one batch."""

    counts: Counts
    most_sends: int
    waits: tuple[float, ...] = ()
    stopped: str | None = None
    rows: int = 200
    shop: dict[str, object] = field(default_factory=dict)


def halvings(rows: int) -> int:
    return math.ceil(math.log2(rows))


CASES = {
    "no fault": Case(Counts(applied=200), 1),
    "one row refused": Case(Counts(applied=199, failed=1), 1 + 2 * halvings(200), shop={"culprits": keys(123)}),
    "two rows refused": Case(Counts(applied=198, failed=2), 1 + 4 * halvings(200), shop={"culprits": keys(0, 199)}),
    "every row refused": Case(Counts(failed=8), 15, rows=8, shop={"culprits": keys(*range(8))}),
    "some are there already": Case(
        Counts(applied=197, unchanged=3), 2, shop={"there": dict.fromkeys(keys(5, 6, 190), 0.0)}
    ),
    "answer lost after the write": Case(Counts(applied=200), 1, LOOK_DELAYS[:1], shop={"faults": ["answer lost"]}),
    "answer lost, done 3 s later": Case(
        Counts(applied=200), 1, LOOK_DELAYS[:3], shop={"faults": ["answer lost, done after 3 s"]}
    ),
    "answer lost, done 9 s later": Case(
        Counts(applied=200), 2, (*LOOK_DELAYS, *LOOK_DELAYS[:2]), shop={"faults": ["answer lost, done after 9 s"]}
    ),
    "reset before the write": Case(Counts(applied=200), 2, LOOK_DELAYS, shop={"faults": ["reset before the write"]}),
    "500, rolled back": Case(Counts(applied=200), 2, (), shop={"faults": ["500"]}),
    "one row is always a 500": Case(
        Counts(applied=199, failed=1), MOST_SENDS + 2 * halvings(200), shop={"poison": keys(77)}
    ),
    "refused, then the answer of a half is lost": Case(
        Counts(applied=199, failed=1),
        1 + 2 * halvings(200),
        LOOK_DELAYS[:1],
        shop={"culprits": keys(150), "faults": [None, "answer lost"]},
    ),
    "413 above 30 rows": Case(Counts(applied=200), 15, shop={"largest": 30}),
    "one row is too large": Case(Counts(failed=1), 1, rows=1, shop={"largest": 0}),
    "taken but not shown": Case(Counts(applied=199, failed=1), 1, shop={"hidden": keys(9)}),
    "429 that does not end": Case(Counts(failed=200), 1, stopped="429", shop={"faults": ["429"]}),
    "connection refused": Case(Counts(failed=200), 1, stopped="ConnectError", shop={"faults": ["refused connection"]}),
    "wrong key": Case(Counts(failed=200), 1, stopped="401", shop={"faults": ["401"]}),
    "wrong key after a refusal": Case(
        Counts(failed=200), 2, stopped="401", shop={"culprits": keys(3), "faults": [None, "401"]}
    ),
    "wrong key half-way": Case(
        Counts(applied=100, failed=100), 3, stopped="401", shop={"culprits": keys(150), "faults": [None, None, "401"]}
    ),
    "shop gone with the answer": Case(
        Counts(failed=200), 1, LOOK_DELAYS[:1], stopped="HTTP 500", shop={"faults": ["answer lost"], "reads_fail": True}
    ),
    "every write vanishes": Case(
        Counts(failed=200),
        # Each half is tried before either is halved again.
        MOST_SENDS + 2 * halvings(200) + SILENT_IN_A_ROW - 1,
        LOOK_DELAYS * (MOST_SENDS + 2 * halvings(200) + SILENT_IN_A_ROW - 2),
        stopped="broke",
        shop={"faults": ["reset before the write"] * 500},
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_fault(case: Case, ledger: Ledger) -> None:
    shop = MemoryShop(ledger, **{name: _copy(value) for name, value in case.shop.items()})
    already = set(shop.there)
    result = apply(shop, plan(case.rows))

    assert result.counts == case.counts
    assert len(shop.sends) <= case.most_sends
    assert tuple(shop.slept) == case.waits
    assert (case.stopped or "") in (result.stopped_reason or "")
    assert bool(result.stopped_reason) == bool(case.stopped)
    found = statuses(ledger, shop.run_id)
    assert len(found) == case.rows
    assert ledger.counts(shop.run_id) == {Kind.IMPORT: case.counts}
    assert case.counts.planned == case.rows
    assert {key for key, status in found.items() if status is Status.APPLIED} == set(shop.made) - shop.hidden - (
        {key for key, status in found.items() if status is Status.UNKNOWN}
    )
    assert {key for key, status in found.items() if status is Status.UNCHANGED} == already
    assert shop.made.total() == len(shop.made)
    assert len(result.failures) == case.counts.failed
    if bad := shop.culprits | shop.poison | shop.hidden:
        assert {key for key, _ in result.failures} == bad or case.stopped


def _copy(value: object) -> object:
    return value.copy() if isinstance(value, list | dict) else value


def test_a_row_that_medusa_does_not_show_says_so(ledger: Ledger) -> None:
    result = apply(MemoryShop(ledger, hidden=keys(1)), plan(3))
    assert result.failures == (("k001", NOT_SHOWN),)


def test_a_refused_row_carries_medusas_words(ledger: Ledger) -> None:
    shop = MemoryShop(ledger, culprits=keys(1))
    result = apply(shop, plan(3))
    [(key, reason)] = result.failures
    assert (key, reason) == ("k001", f"{POST}: HTTP 400 k001 is refused. Correct it.")
    [row] = [row for row in ledger.rows(shop.run_id) if row.status is Status.FAILED]
    assert row.reason == reason


def test_after_a_stop_nothing_more_is_sent_and_the_next_run_goes_on(ledger: Ledger) -> None:
    shop = MemoryShop(ledger, faults=[None, "401"])
    result = apply(shop, plan(50), batch_size=10, threads=1)
    assert result.counts == Counts(applied=10, failed=40)
    assert len(shop.sends) == 2
    reasons = Counter(row.reason for row in ledger.rows(shop.run_id) if row.status is Status.FAILED)
    why, told = (result.stopped_reason or "").split(" 30 rows")
    assert (reasons, told) == ({why: 10, f"not sent: {why}": 30}, " were not sent.")

    shop.start_run()
    rest = [bundle for bundle in plan(50) if bundle.operations[0].key not in shop.there]
    assert apply(shop, rest, batch_size=10).counts == Counts(applied=40)
    assert set(shop.made.values()) == {1}


def test_a_fault_known_beforehand_sends_nothing(ledger: Ledger) -> None:
    shop = MemoryShop(ledger)
    result = Engine(ledger, shop.run_id).apply(shop, plan(3), stopped="the shop is down.")
    assert (result.counts, result.stopped_reason, shop.sends) == (
        Counts(failed=3),
        "the shop is down. 3 rows were not sent.",
        [],
    )
    assert {row.reason for row in ledger.rows(shop.run_id)} == {"not sent: the shop is down."}


@pytest.mark.parametrize(
    ("carried_out", "settled"), [(True, Status.APPLIED), (False, Status.FAILED)], ids=["carried out", "not carried out"]
)
def test_the_next_run_settles_what_was_left_open(carried_out: bool, settled: Status, ledger: Ledger) -> None:
    fault = "answer lost" if carried_out else "reset before the write"
    shop = MemoryShop(ledger, faults=[fault], reads_fail=True)
    assert apply(shop, plan(5)).stopped_reason
    assert set(statuses(ledger, shop.run_id).values()) == {Status.UNKNOWN}

    left_by = shop.run_id
    shop.start_run()
    shop.reads_fail = False
    engine = Engine(ledger, shop.run_id, steady(2), sleep=shop.sleep)
    assert engine.settle_open_operations(shop) == (5 if carried_out else 0)
    assert set(statuses(ledger, left_by).values()) == {settled}
    assert engine.settle_open_operations(shop) == 0
    assert len(shop.sends) == 1


def test_a_key_that_cannot_be_looked_up_costs_itself_alone(ledger: Ledger) -> None:
    """Seen: one id of 17 kB, left open, failed every import of every later night."""
    shop = MemoryShop(ledger, faults=["reset before the write"], reads_fail=True)
    apply(shop, plan(30))
    left_by = shop.run_id
    shop.start_run()
    shop.reads_fail, shop.unreadable = False, keys(7)
    engine = Engine(ledger, shop.run_id, sleep=shop.sleep)
    assert engine.settle_open_operations(shop) == 0
    assert statuses(ledger, left_by) == dict.fromkeys(keys(*range(30)), Status.FAILED) | {"k007": Status.UNKNOWN}
    assert apply(shop, [bundle for bundle in plan(30) if bundle.operations[0].key != "k007"]).counts == Counts(
        applied=29
    )


@pytest.mark.parametrize(("days", "status"), [(3, Status.UNKNOWN), (0, Status.FAILED)])
def test_what_cannot_be_looked_up_for_days_is_closed_and_told(
    days: int, status: Status, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("awin_medusa_pipeline.sync.engine.apply.LOOKED_FOR", timedelta(days=days))
    shop = MemoryShop(ledger, faults=["reset before the write"], reads_fail=True)
    apply(shop, plan(1))
    left_by, begun = shop.run_id, datetime.now(UTC)
    shop.start_run()
    shop.reads_fail, shop.unreadable = False, keys(0)
    Engine(ledger, shop.run_id, sleep=shop.sleep).settle_open_operations(shop)
    (row,) = ledger.rows(left_by)
    closed = status is Status.FAILED
    assert (row.status, str(row.reason).startswith(GIVEN_UP)) == (status, closed)
    assert ledger.given_up(shop.address, begun) == ["k000"] * closed
    told = (
        "A change that an earlier run began was closed as unknown, since the shop refused for days to look it up: k000"
    )
    assert [text.startswith(told) for text in closed_as_unknown(ledger.given_up(shop.address, begun))] == [
        True
    ] * closed


def test_a_refused_batch_is_parted_although_one_of_its_keys_cannot_be_looked_up(ledger: Ledger) -> None:
    shop = MemoryShop(ledger, culprits=keys(3), unreadable=keys(3))
    assert apply(shop, plan(8)).counts == Counts(applied=7, failed=1)


def test_a_writer_that_breaks_leaves_its_rows_open_and_the_other_batch_recorded(ledger: Ledger) -> None:
    class Broken(MemoryShop):
        def send(self, bundles: Sequence[Bundle]) -> Mapping[str, str | None]:
            if bundles[0].operations[0].key == "k000":
                raise KeyError("a defect of the writer")
            return super().send(bundles)

    shop = Broken(ledger)
    with pytest.raises(KeyError):
        apply(shop, plan(20), batch_size=10)
    found = statuses(ledger, shop.run_id)
    assert {key for key, status in found.items() if status is Status.INTENT} == keys(*range(10))
    counts = ledger.counts(shop.run_id)[Kind.IMPORT]
    assert counts.failed == 20 - counts.applied


def test_a_dry_run_sends_nothing_and_reports_every_row(ledger: Ledger) -> None:
    shop = MemoryShop(ledger)
    rows = [*plan(1_500), NotSent(Operation("held", {}), "too many", Status.HELD)]
    result = Engine(ledger, shop.run_id).apply(shop, iter(rows), dry_run=True)
    assert result.counts == Counts(skipped=1_500, held=1)
    assert (shop.sends, shop.there) == ([], {})
    assert Counter((row.status, row.reason) for row in ledger.rows(shop.run_id)) == {
        (Status.SKIPPED, "dry run"): 1_500,
        (Status.HELD, "too many"): 1,
    }
    result = Engine(ledger, shop.run_id).apply(shop, plan(1), dry_run=True, stopped="nobody could buy it")
    assert (result.counts, result.stopped_reason) == (Counts(skipped=1), None)
    assert "dry run; could not be sent: nobody could buy it" in {row.reason for row in ledger.rows(shop.run_id)}


@pytest.mark.parametrize("moment", ["while the second batch is sent", "after its answer"])
def test_a_run_that_lost_the_shop_sends_no_further_batch_and_claims_nothing(sqlite_url: str, moment: str) -> None:
    with open_database(sqlite_url) as database:
        shop = MemoryShop(Ledger(database))
        lease = Leases(database).take(shop.address, run_id=shop.run_id, job="daily_sync_job")
        carry_out = shop._carry_out

        def interrupted(keys: Sequence[str], **options: float) -> None:
            if len(shop.sends) == 2:
                Leases(database).take(shop.address, run_id=shop.run_id, job="of another process")
                if moment == "while the second batch is sent":
                    lease.check()  # as the client does before each request
            carry_out(keys, **options)

        shop._carry_out = interrupted  # type: ignore[method-assign]
        result = Engine(shop.ledger, shop.run_id, steady(10, 1), lease=lease).apply(shop, plan(50))
        assert "another run took it over" in (result.stopped_reason or "")
        assert len(shop.sends) == 2
        # What became of the second batch is for the run to tell that has the shop now.
        assert result.counts == Counts(applied=10, failed=40)
        assert Counter(statuses(shop.ledger, shop.run_id).values()) == {
            Status.APPLIED: 10,
            Status.INTENT: 10,
            Status.FAILED: 30,
        }


def test_operations_of_one_bundle_share_its_fate(ledger: Ledger) -> None:
    groups = [Bundle(tuple(Operation(f"{n}-{size}", {}) for size in "SML"), {}) for n in range(10)]
    shop = MemoryShop(ledger, culprits=frozenset({"4-M"}))
    result = apply(shop, groups, batch_size=12)
    assert {key for key, _ in result.failures} == {"4-S", "4-M", "4-L"}
    assert result.counts == Counts(applied=27, failed=3)
    assert max(len(sent) for sent in shop.sends) == 12


@pytest.mark.parametrize(("per_request", "batch_size", "most"), [(1, 10, 1), (4, 10, 4), (10, 4, 4)])
def test_no_send_is_larger_than_the_writer_or_the_engine_allows(
    per_request: int, batch_size: int, most: int, ledger: Ledger
) -> None:
    shop = MemoryShop(ledger, per_request=per_request)
    assert apply(shop, plan(12), batch_size=batch_size).counts == Counts(applied=12)
    assert {len(sent) for sent in shop.sends} == {most}


def test_progress_grows_to_the_whole_plan(ledger: Ledger) -> None:
    told: list[int] = []
    shop = MemoryShop(ledger)
    Engine(ledger, shop.run_id, steady(10), progress=told.append).apply(shop, plan(35))
    assert told == sorted(told)
    assert told[-1] == 35


FAULTS = (
    None,
    "429",
    "401",
    "500",
    "reset before the write",
    "answer lost",
    "answer lost, done after 3 s",
    "answer lost, done after 9 s",
    "answer lost, done after 60 s",
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.integers(0, 40),
    batch_size=st.integers(1, 16),
    threads=st.integers(1, 3),
    faults=st.lists(st.sampled_from(FAULTS), max_size=12),
    culprits=st.frozensets(st.integers(0, 39), max_size=4),
    there=st.frozensets(st.integers(0, 39), max_size=6),
)
def test_whatever_fails_every_row_has_one_true_outcome(
    ledger: Ledger,
    rows: int,
    batch_size: int,
    threads: int,
    faults: list[str | None],
    culprits: frozenset[int],
    there: frozenset[int],
) -> None:
    shop = MemoryShop(ledger, list(faults), keys(*culprits))
    shop.there = dict.fromkeys(keys(*(there - culprits)), 0.0)
    result = apply(shop, plan(rows), batch_size=batch_size, threads=threads)
    sends, stopped = len(shop.sends), result.stopped_reason

    found = statuses(ledger, shop.run_id)
    assert set(found) == keys(*range(rows))
    assert result.counts.planned == rows
    assert ledger.counts(shop.run_id).get(Kind.IMPORT, Counts()) == result.counts
    assert set(shop.made.values()) <= {1}
    by_status = {status: {key for key, is_ in found.items() if is_ is status} for status in Status}
    assert not by_status[Status.INTENT]
    # After a lost answer nobody can tell what was there before from what was made.
    assert by_status[Status.APPLIED] <= set(shop.there)
    # Unchanged is what nobody made in this run, failed is what is not there, and never will be.
    assert not by_status[Status.UNCHANGED] & set(shop.made)
    assert not by_status[Status.FAILED] & set(shop.made)
    if not (stopped or any(fault and fault.endswith("60 s") for fault in faults)):
        bad = by_status[Status.FAILED] | by_status[Status.UNKNOWN]
        assert bad >= keys(*culprits) & set(found)
        # A sound row is given up only after as many faults as there are tries.
        assert bad <= keys(*culprits) or sum(fault is not None for fault in faults) >= MOST_SENDS

    batches = math.ceil(rows / batch_size)
    halves = 2 * halvings(batch_size) if batch_size > 1 else 0
    # What lands late may make every row of its batch a culprit: the whole tree of halves is sent.
    late = sum("done after" in (fault or "") for fault in faults)
    assert sends <= batches * 2 + (len(culprits) + 2 * len(faults)) * (halves + 1) + late * 2 * batch_size

    shop.start_run()
    shop.faults = []
    shop.slept.append(60.0)
    Engine(ledger, shop.run_id, sleep=shop.sleep).settle_open_operations(shop)
    rest = [bundle for bundle in plan(rows) if bundle.operations[0].key not in shop.there]
    again = apply(shop, rest)
    assert set(shop.there) >= set(found) - shop.culprits
    assert again.counts.failed == len(shop.culprits & set(found))
    assert set(shop.made.values()) <= {1}
    assert Status.UNKNOWN not in statuses(ledger, shop.run_id).values()


def test_the_store_is_a_file(tmp_path: Path) -> None:
    """An intent is on disk before the send: another connection sees it."""
    url = f"sqlite:///{tmp_path / 'state.db'}"
    with open_database(url) as one, open_database(url) as another:
        ledger = Ledger(one)
        shop = MemoryShop(Ledger(another))
        engine = Engine(ledger, shop.run_id, sleep=shop.sleep)
        assert engine.apply(shop, plan(3)).counts.applied == 3
