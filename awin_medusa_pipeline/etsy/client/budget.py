"""Keeps calls within Etsy's limits per second and per day, which Etsy's headers state.

One budget serves all threads of a client. Etsy counts per app, so the headers include the calls of other processes.
"""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx

from awin_medusa_pipeline.core.http import retry_after_seconds
from awin_medusa_pipeline.etsy.client.errors import DailyBudgetError, came_back

# The limit of a personal app, the lowest there is; the first answer states the app's own.
FIRST_PER_SECOND = 5.0
# Reserved for lowering stock: a sold-out article that still sells costs more than a text that is a day late.
RESERVE = 0.05
# The limit per second is over within seconds; the daily one was seen with up to 86,400 (open-api #256).
_LONGEST_SECOND_WAIT = 60.0
_DAY = timedelta(hours=24)
_DIGITS = 10


class EtsyBudget:
    """Counts calls. `reserve`: the share of the daily limit that only urgent calls may use. `now` returns aware UTC."""

    def __init__(
        self,
        *,
        reserve: float = RESERVE,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._reserve, self._clock, self._sleep, self._now = reserve, clock, sleep, now
        self._lock = threading.Lock()
        self._per_second = FIRST_PER_SECOND
        self._next_turn = 0.0
        self._first_call: datetime | None = None
        self._per_day = 0
        self._left_today: int | None = None
        self._resumes_at: datetime | None = None

    def take(self, tried: str, *, urgent: bool) -> None:
        """Wait for the turn of one call. Raises DailyBudgetError when the day has no call left for it."""
        with self._lock:
            self._check_day(tried, urgent)
            if self._left_today is not None:
                self._left_today -= 1
            turn = max(self._next_turn, self._clock())
            self._next_turn = turn + 1 / self._per_second
            wait = turn - self._clock()
        if wait > 0:
            self._sleep(wait)

    def read_limits(self, response: httpx.Response) -> None:
        """Read the limits from the headers of an answer."""
        per_second, per_day, left = (
            _number(response, name) for name in ("x-limit-per-second", "x-limit-per-day", "x-remaining-today")
        )
        with self._lock:
            self._per_second = per_second or self._per_second
            self._per_day = per_day or self._per_day
            self._left_today = self._left_today if left is None else left

    def daily_error(self, response: httpx.Response, tried: str) -> DailyBudgetError | None:
        """Return the error for a 429 of the daily limit; None for the limit per second, which a short wait cures."""
        said = came_back(response, ())
        wait = retry_after_seconds(response)
        long = wait is not None and wait > _LONGEST_SECOND_WAIT
        if not (long or "daily" in said.lower()):
            return None
        with self._lock:
            self._left_today = 0
            # Its day is a rolling one, so nothing is used up for longer, whatever it says.
            asked = min(timedelta(seconds=wait), _DAY) if wait and long else None
            self._resumes_at = self._now() + asked if asked else self._day_after_first_call()
            return DailyBudgetError(tried, said, self._resumes_at)

    def _check_day(self, tried: str, urgent: bool) -> None:
        now = self._now()
        self._first_call = self._first_call or now
        if self._resumes_at and now >= self._resumes_at:
            # The next answer states what the new day has.
            self._left_today = self._resumes_at = None
            self._first_call = now
        kept = 0 if urgent else int(self._per_day * self._reserve)
        if self._left_today is None or self._left_today > kept:
            return
        self._resumes_at = self._resumes_at or self._day_after_first_call()
        said = "Etsy's calls of the day are used up"
        if self._left_today > 0:
            said = f"{self._left_today} of Etsy's {self._per_day} calls a day are left, kept for stock going down"
        raise DailyBudgetError(tried, said, self._resumes_at)

    def _day_after_first_call(self) -> datetime:
        """Etsy's day is a rolling one: what was used by the time of the first call is free again 24 hours after it."""
        return max((self._first_call or self._now()) + _DAY, self._now() + timedelta(hours=1))


def _number(response: httpx.Response, name: str) -> int | None:
    value = response.headers.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < _DIGITS else None
