"""The pace finds what a shop takes: more where more brings more, less where it is too much, little by day."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from awin_medusa_pipeline.sync.domain.rules import GentleHours
from awin_medusa_pipeline.sync.engine.pace import AT_ONCE, BATCH, FEWEST_ROWS, GENTLE_ROWS, MOST_AT_ONCE, SLOW, Pace

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


@dataclass
class WorkingShop:
    """A shop of so many processes; each carries out one request at a time, a row in 5 ms, a request in 50 ms more.

    Above `most_at_once` requests it answers 429, above `most_rows` rows 413.
    """

    processes: int
    most_at_once: int = 99
    most_rows: int = 9_999
    now: float = 0.0
    used: list[tuple[int, int]] = field(default_factory=list)
    """Rows and requests at once, request by request."""

    def apply(self, pace: Pace, batches: int) -> None:
        """Send so many batches, as many at once as the pace says."""
        pace.begin()
        under_way: list[tuple[float, int, float]] = []
        free = [self.now] * self.processes
        sent = 0
        while sent < batches or under_way:
            if sent < batches and len(under_way) < pace.at_once:
                rows = pace.rows
                self.used.append((rows, pace.at_once))
                sent += 1
                if len(under_way) + 1 > self.most_at_once:
                    pace.troubled()
                elif rows > self.most_rows:
                    pace.too_large()
                else:
                    began = max(self.now, heapq.heappop(free))
                    ends = began + 0.05 + rows * 0.005
                    heapq.heappush(free, ends)
                    heapq.heappush(under_way, (ends, rows, self.now))
                continue
            self.now, rows, began = heapq.heappop(under_way) if under_way else (self.now + 1, 0, self.now)
            if rows:
                pace.done(rows, self.now - began)


SHOPS: dict[str, tuple[WorkingShop, tuple[int, int]]] = {
    "one process": (WorkingShop(1), (BATCH, AT_ONCE)),
    "two processes": (WorkingShop(2), (BATCH, AT_ONCE)),
    "three processes": (WorkingShop(3), (BATCH, 3)),
    "five processes": (WorkingShop(5), (BATCH, 5)),
    "more than we use": (WorkingShop(20), (BATCH, MOST_AT_ONCE)),
    "five processes behind a limit of three": (WorkingShop(5, most_at_once=3), (BATCH, 3)),
    "one request at a time": (WorkingShop(1, most_at_once=1), (BATCH, 1)),
    "small bodies": (WorkingShop(2, most_rows=60), (50, AT_ONCE)),
}


@pytest.mark.parametrize(("shop", "expected"), SHOPS.values(), ids=SHOPS.keys())
def test_the_best_is_found_and_kept(shop: WorkingShop, expected: tuple[int, int]) -> None:
    pace = Pace(clock=lambda: shop.now)
    for _ in range(4):
        shop.apply(pace, 100)
    late = shop.used[-300:]
    assert max(set(late), key=late.count) == expected
    assert {rows for rows, _ in late} == {expected[0]}
    assert all(1 <= at_once <= min(expected[1] + 1, MOST_AT_ONCE) for _, at_once in late)


def test_two_processes_are_not_waited_for_and_one_is_not_drowned() -> None:
    for processes in (1, 4):
        quick, plain = WorkingShop(processes), WorkingShop(processes)
        quick.apply(Pace(clock=lambda: quick.now), 60)  # noqa: B023
        plain.apply(Pace(most_at_once=AT_ONCE, clock=lambda: plain.now), 60)  # noqa: B023
        assert quick.now < plain.now * (1.02 if processes == 1 else 0.7)


def test_no_answers_lead_to_one_small_request_and_answers_back() -> None:
    shop = WorkingShop(1)
    pace = Pace(clock=lambda: shop.now)
    for _ in range(10):
        pace.troubled()
    assert (pace.rows, pace.at_once) == (FEWEST_ROWS, 1)
    pace.done(FEWEST_ROWS, SLOW + 1)
    assert (pace.rows, pace.at_once) == (FEWEST_ROWS, 1)
    shop.apply(pace, 200)
    assert pace.rows == BATCH


@pytest.mark.parametrize(
    ("first", "end", "spared"),
    [(8, 20, range(8, 20)), (22, 6, [*range(6), 22, 23]), (0, 24, range(24)), (23, 24, [23])],
)
def test_gentle_hours(first: int, end: int, spared: Sequence[int]) -> None:
    hour = 0
    pace = Pace(gentle=GentleHours(first, end), now=lambda: NOON.replace(hour=hour))
    found = []
    for hour in range(24):
        assert (pace.rows, pace.at_once) in ((GENTLE_ROWS, 1), (BATCH, AT_ONCE))
        found += [hour] if pace.at_once == 1 else []
    assert found == list(spared)


def test_a_day_teaches_nothing_about_the_night() -> None:
    shop, hour = WorkingShop(4), 12
    pace = Pace(gentle=GentleHours(8, 20), clock=lambda: shop.now, now=lambda: NOON.replace(hour=hour))
    shop.apply(pace, 50)
    assert set(shop.used) == {(GENTLE_ROWS, 1)}
    hour = 21
    assert (pace.rows, pace.at_once) == (BATCH, AT_ONCE)
