"""Pacing of calls to Etsy by a clock that only waiting moves."""

import threading
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from awin_medusa_pipeline.etsy.client.budget import EtsyBudget
from awin_medusa_pipeline.etsy.client.errors import DailyBudgetError

START = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)


class Clock:
    """Seconds since the start; `sleep` moves it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def budget(self) -> EtsyBudget:
        return EtsyBudget(clock=lambda: self.seconds, sleep=self.sleep, now=self.now)


def answer(status: int = 200, text: str = "", **headers: str) -> httpx.Response:
    return httpx.Response(
        status, headers={name.replace("_", "-"): value for name, value in headers.items()}, json={"error": text}
    )


def take(budget: EtsyBudget, *, urgent: bool = False) -> None:
    budget.take("GET /x at Etsy", urgent=urgent)


def resumes_at(budget: EtsyBudget, *, urgent: bool = False) -> datetime:
    with pytest.raises(DailyBudgetError) as told:
        take(budget, urgent=urgent)
    return told.value.resumes_at


def test_five_a_second_until_etsy_says_its_own_limit() -> None:
    clock = Clock()
    budget = clock.budget()
    for _ in range(6):
        take(budget)
    assert clock.seconds == pytest.approx(1.0)
    budget.read_limits(answer(x_limit_per_second="100"))
    for _ in range(101):
        take(budget)
    assert clock.seconds == pytest.approx(1.2 + 1.0)
    budget.read_limits(answer(x_limit_per_second="nonsense"))
    budget.read_limits(answer(x_limit_per_second="0"))
    take(budget)


def test_time_that_passed_is_not_waited_for() -> None:
    clock = Clock()
    budget = clock.budget()
    take(budget)
    clock.seconds = 60
    take(budget)
    assert clock.seconds == 60


def test_threads_take_turns_of_their_own() -> None:
    waits: list[float] = []
    budget = EtsyBudget(clock=lambda: 0.0, sleep=waits.append)

    def take_25() -> None:
        for _ in range(25):
            take(budget)

    threads = [threading.Thread(target=take_25) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(waits) == pytest.approx([turn / 5 for turn in range(1, 200)])


def test_the_reserve_is_for_stock_going_down() -> None:
    clock = Clock()
    budget = clock.budget()
    take(budget)
    budget.read_limits(answer(x_limit_per_day="5000", x_remaining_today="252"))
    take(budget)
    take(budget)  # 250 are left, 5 % of the day
    with pytest.raises(
        DailyBudgetError,
        match=r"GET /x at Etsy: 250 of Etsy's 5000 calls a day are left, kept for stock going down. "
        r"Run it again after 2026-11-03 03:00 UTC\.",
    ):
        take(budget)
    for _ in range(250):
        take(budget, urgent=True)
    with pytest.raises(DailyBudgetError, match="Etsy's calls of the day are used up"):
        take(budget, urgent=True)


def test_a_header_corrects_the_count() -> None:
    budget = Clock().budget()
    budget.read_limits(answer(x_limit_per_day="1000", x_remaining_today="50"))
    resumes_at(budget)
    budget.read_limits(answer(x_remaining_today="600"))
    for _ in range(550):
        take(budget)
    resumes_at(budget)  # 50 are left, 5 % of the day


def test_without_headers_nothing_is_held_back() -> None:
    budget = Clock().budget()
    for _ in range(20):
        take(budget)
        budget.read_limits(answer())


def test_after_the_time_of_resumption_the_day_is_a_new_one() -> None:
    clock = Clock()
    budget = clock.budget()
    take(budget)
    clock.seconds = 3_600
    budget.read_limits(answer(x_limit_per_day="5000", x_remaining_today="0"))
    until = resumes_at(budget, urgent=True)
    assert until == START + timedelta(hours=24)  # a rolling day since the first call
    clock.seconds = 24 * 3_600 - 1
    assert resumes_at(budget, urgent=True) == until
    clock.seconds += 1
    take(budget)
    budget.read_limits(answer(x_remaining_today="0"))
    assert resumes_at(budget, urgent=True) == START + timedelta(hours=48)


def test_a_run_of_a_day_waits_an_hour_at_least() -> None:
    clock = Clock()
    budget = clock.budget()
    take(budget)
    clock.seconds = 30 * 3_600
    budget.read_limits(answer(x_limit_per_day="5000", x_remaining_today="0"))
    assert resumes_at(budget) == START + timedelta(hours=31)


DAILY: dict[str, tuple[httpx.Response, timedelta | None]] = {
    "by its word": (answer(429, "Exceeded daily rate limit"), timedelta(hours=24)),
    "by its word, with a short wait": (answer(429, "Exceeded daily rate limit", retry_after="1"), timedelta(hours=24)),
    "by its wait": (answer(429, "", retry_after="86400"), timedelta(seconds=86_400)),
    "by both": (answer(429, "Exceeded daily rate limit", retry_after="7200"), timedelta(hours=2)),
    "by a wait without end": (answer(429, "", retry_after="9" * 30), timedelta(hours=24)),
    "of the second": (answer(429, "Exceeded per second rate limit", retry_after="1"), None),
    "of the second, without a word": (answer(429), None),
    "a day is left": (answer(429, "Exceeded per second rate limit", retry_after="60"), None),
}


@pytest.mark.parametrize(("response", "wait"), DAILY.values(), ids=DAILY.keys())
def test_which_429_is_of_the_day(response: httpx.Response, wait: timedelta | None) -> None:
    clock = Clock()
    budget = clock.budget()
    take(budget)
    error = budget.daily_error(response, "GET /x at Etsy")
    if wait is None:
        assert error is None
        take(budget)
    else:
        assert error is not None
        assert error.resumes_at == START + wait == resumes_at(budget, urgent=True)
        assert error.status == 429
        assert clock.seconds == 0  # nobody sleeps for a day
