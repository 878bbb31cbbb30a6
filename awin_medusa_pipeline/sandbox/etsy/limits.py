"""Enforces Etsy's limits of calls per second and per day."""

import math
from collections import deque

from awin_medusa_pipeline.sandbox.etsy.answers import RefusedError, refusal
from awin_medusa_pipeline.sandbox.etsy.settings import StandInSettings

_DAY = 86_400.0


class Limits:
    """Counts calls, except those refused for exceeding a limit."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def take(self, now: float, settings: StandInSettings) -> dict[str, str]:
        """Count one call and return the headers of its answer. Raises RefusedError with 429."""
        while self._times and self._times[0] <= now - _DAY:
            self._times.popleft()
        if len(self._times) >= settings.per_day:
            raise too_many_today(math.ceil(self._times[0] + _DAY - now))
        this_second = 0
        for at in reversed(self._times):
            if at <= now - 1:
                break
            this_second += 1
        if this_second >= settings.per_second:
            raise too_many_this_second()
        self._times.append(now)
        return {
            "x-limit-per-second": str(settings.per_second),
            "x-remaining-this-second": str(settings.per_second - this_second - 1),
            "x-limit-per-day": str(settings.per_day),
            "x-remaining-today": str(settings.per_day - len(self._times)),
        }

    def clear(self) -> None:
        """Forget all calls."""
        self._times.clear()


def too_many_this_second() -> RefusedError:
    """Build Etsy's refusal of too many calls in a second."""
    return refusal(429, "Exceeded per second rate limit", headers={"retry-after": "1"})


def too_many_today(seconds: int = int(_DAY)) -> RefusedError:
    """Build Etsy's refusal of too many calls in a day; `seconds` until the next call is allowed."""
    return refusal(429, "Exceeded daily rate limit", headers={"retry-after": str(seconds)})
