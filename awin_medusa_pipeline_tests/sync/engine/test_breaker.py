"""A shop without answers ends the work of the run soon, over all batches and kinds; a slow one ends that of a kind."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from awin_medusa_pipeline.core.store.database import open_database
from awin_medusa_pipeline.sync.domain.operations import Bundle, Counts, Kind, Status
from awin_medusa_pipeline.sync.engine.apply import ApplyResult, Engine
from awin_medusa_pipeline.sync.engine.breaker import EACH, FIRST, PATIENCE, SILENT_IN_A_ROW, Breaker
from awin_medusa_pipeline.sync.engine.pace import AT_ONCE, Pace
from awin_medusa_pipeline.sync.store.ledger import Ledger
from awin_medusa_pipeline_tests.sync.engine.test_apply import MemoryShop, keys, plan, statuses

TIMEOUT = 90.0
SILENT = "reset before the write"


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    with open_database(f"sqlite:///{tmp_path_factory.mktemp('store') / 'state.db'}") as database:
        yield Ledger(database)


@dataclass
class SlowShop(MemoryShop):
    """A shop of which each send takes this long, answered or not."""

    seconds: float = 0.0
    hangs_at: frozenset[str] = field(default_factory=frozenset)
    """Operations of which no send is answered."""

    def send(self, bundles: Sequence[Bundle]) -> Mapping[str, str | None]:
        if self.hangs_at.intersection(one.key for bundle in bundles for one in bundle.operations):
            self.faults.insert(0, SILENT)
        if self.seconds:
            self.sleep(self.seconds)
        return super().send(bundles)


def apply(shop: MemoryShop, rows: int, breaker: Breaker | None = None, threads: int = AT_ONCE) -> ApplyResult:
    breaker = breaker or Breaker(clock=lambda: shop.now)
    pace = Pace(at_once_now=threads, most_at_once=threads, clock=lambda: shop.now)
    engine = Engine(shop.ledger, shop.run_id, pace, sleep=shop.sleep, breaker=breaker)
    return engine.apply(shop, iter(plan(rows)))


@pytest.mark.parametrize("seconds", [0.0, 1.0, TIMEOUT], ids=["at once", "in a second", "after the timeout"])
@pytest.mark.parametrize("per_request", [1, 10_000])
def test_a_shop_that_answers_no_write_is_left_after_minutes_whatever_the_plan(
    ledger: Ledger, seconds: float, per_request: int
) -> None:
    """42 prices, each a request of its own, once took 541 seconds at a shop that refused them in no time."""
    shop = SlowShop(ledger, [SILENT] * 9_999, kind=Kind.PRICE, per_request=per_request, seconds=seconds)
    result = apply(shop, 1_000, threads=1)
    assert result.counts == Counts(failed=1_000)
    assert shop.now < PATIENCE + 3 * TIMEOUT
    if per_request == 1:
        assert shop.now < 60 or seconds == TIMEOUT
        tried = {key for keys in shop.sends for key in keys}
        assert len(tried) <= SILENT_IN_A_ROW
        assert f"no answer {len(shop.sends)} times in a row" in (result.stopped_reason or "")
        assert result.stopped_reason
        assert result.stopped_reason.endswith(f"Check that it is up. {1_000 - len(tried)} rows were not sent.")
        left = statuses(ledger, shop.run_id)
        assert {key for key, status in left.items() if status is Status.UNKNOWN} == tried


def test_what_a_run_has_learned_holds_for_its_other_kinds(ledger: Ledger) -> None:
    shop = MemoryShop(ledger, [SILENT] * 99, kind=Kind.PRICE, per_request=1)
    breaker = Breaker(clock=lambda: shop.now)
    apply(shop, 10, breaker)
    asked = len(shop.sends)
    shop.kind = Kind.STOCK
    result = apply(shop, 7, breaker)
    assert len(shop.sends) == asked
    assert result.counts == Counts(failed=7)
    assert (result.stopped_reason or "").endswith(" 7 rows were not sent.")


@pytest.mark.parametrize("fault", ["refused connection", "429", "401"])
def test_so_does_any_fault_of_the_whole_shop(ledger: Ledger, fault: str) -> None:
    shop = MemoryShop(ledger, [fault], kind=Kind.PRICE, per_request=1)
    breaker = Breaker(clock=lambda: shop.now)
    apply(shop, 5, breaker, threads=1)
    assert len(shop.sends) == 1
    apply(shop, 5, breaker)
    assert len(shop.sends) == 1


def test_a_shop_that_answers_each_second_call_gets_everything(ledger: Ledger) -> None:
    shop = MemoryShop(ledger, [SILENT, None] * 100, kind=Kind.PRICE, per_request=1)
    assert apply(shop, 42, threads=1).counts == Counts(applied=42)


def test_a_refusal_is_an_answer(ledger: Ledger) -> None:
    shop = SlowShop(ledger, culprits=keys(2, 5, 8), hangs_at=keys(0, 1, 3, 4, 6, 7), kind=Kind.PRICE, per_request=1)
    result = apply(shop, 10, threads=1)
    assert result.stopped_reason is None
    assert result.counts == Counts(applied=1, failed=9)


@pytest.mark.parametrize("number", [0, 3, 199])
def test_one_row_at_which_the_shop_hangs_costs_itself(ledger: Ledger, number: int) -> None:
    """Each send of a batch that has it takes the whole timeout; the shop is alive all the same."""
    shop = SlowShop(ledger, hangs_at=keys(number))
    healthy = shop.send

    def send(bundles: Sequence[Bundle]) -> Mapping[str, str | None]:
        slow = shop.hangs_at.intersection(one.key for bundle in bundles for one in bundle.operations)
        shop.seconds = TIMEOUT if slow else 0.5
        return healthy(bundles)

    shop.send = send  # type: ignore[method-assign]
    result = apply(shop, 200, threads=1)
    assert result.stopped_reason is None
    assert result.counts == Counts(applied=199, failed=1)


def test_a_slow_kind_ends_in_time_and_leaves_the_others_theirs(ledger: Ledger) -> None:
    """Half-answers: each row is written in the end, after a timeout."""
    shop = SlowShop(ledger, [SILENT, None] * 9_999, kind=Kind.PRICE, per_request=1, seconds=TIMEOUT)
    breaker = Breaker(clock=lambda: shop.now)
    result = apply(shop, 1_000, breaker, threads=1)
    assert result.counts.applied > 1
    assert shop.now < FIRST + EACH * result.counts.applied + 3 * TIMEOUT
    assert "minutes were enough for" in (result.stopped_reason or "")
    assert f"{result.counts.failed} rows were not sent." in (result.stopped_reason or "")
    assert breaker.stopped is None


def test_a_shop_fifty_times_as_slow_as_any_measured_is_waited_for(ledger: Ledger) -> None:
    shop = SlowShop(ledger, kind=Kind.PRICE, per_request=20, seconds=100.0)
    assert apply(shop, 1_000, threads=1).counts == Counts(applied=1_000)
