"""Finds how many rows a request and how many requests at once a shop carries out fastest, and when it has enough."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from awin_medusa_pipeline.sync.domain.rules import GentleHours

BATCH = 200
"""Rows a request. Measured: Medusa carries out 200 as fast as 1,000, and what is refused is found sooner."""
AT_ONCE = 2
"""Requests at once to begin with. Measured: the best for one process of Medusa (250 products/s, 2,670 levels/s)."""
MOST_AT_ONCE = 8
FEWEST_ROWS = 25
GENTLE_ROWS = 50
GAIN = 1.1
"""One request more at once has to carry out so many times the rows, or it is given up again."""
SLOW = 20.0
"""Seconds for a batch: 200 rows take Medusa 0.2 to 2 s."""
REST = 10
"""Windows without a new try, after one that brought nothing and after trouble."""


@dataclass
class Pace:
    """What one run knows of how fast its shop works. Threads share it.

    As long as one more request at once carries out more rows a second, there is one more; an answer such as 429 or 503,
    or none, takes one away, and of one halves the rows.
    """

    rows_now: int = BATCH
    at_once_now: int = AT_ONCE
    most_at_once: int = MOST_AT_ONCE
    gentle: GentleHours | None = None
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _most_rows: int = field(init=False)
    _rate_before: float | None = field(default=None, init=False)
    """Rows a second with one request less at once, while one more is tried."""
    _rest: int = field(default=0, init=False)
    _began: float = field(init=False)
    _done: int = field(default=0, init=False)
    _batches: int = field(default=0, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __post_init__(self) -> None:
        self._most_rows, self._began = self.rows_now, self.clock()

    @property
    def rows(self) -> int:
        """Rows for the next request."""
        return min(self.rows_now, GENTLE_ROWS) if self._is_gentle else self.rows_now

    @property
    def at_once(self) -> int:
        """Requests that may be under way."""
        return 1 if self._is_gentle else self.at_once_now

    @property
    def _is_gentle(self) -> bool:
        return self.gentle is not None and self.gentle.holds(self.now())

    def begin(self) -> None:
        """Forget what was measured: another kind of row takes another time."""
        with self._lock:
            self._measure_anew()

    def done(self, rows: int, seconds: float) -> None:
        """Take note of a batch that was carried out; judges once every request at once has had two."""
        if seconds > SLOW:
            self.troubled()
            return
        with self._lock:
            if self._is_gentle:  # small requests, one at a time, say nothing about others
                self._measure_anew()
                return
            self._done += rows
            self._batches += 1
            if self._batches >= 2 * self.at_once_now:
                rate = self._done / max(self.clock() - self._began, 1e-9)
                self._judge(rate)
                self._began, self._done, self._batches = self.clock(), 0, 0

    def troubled(self) -> None:
        """Take note of an answer that says that it is too much, or of none."""
        with self._lock:
            if self.at_once_now > 1:
                self.at_once_now -= 1
            else:
                self.rows_now = max(min(FEWEST_ROWS, self.rows_now), self.rows_now // 2)
            self._rest = REST
            self._measure_anew()

    def too_large(self) -> None:
        """Take note of a body that was too large: such are not sent again."""
        with self._lock:
            self.rows_now = self._most_rows = max(min(FEWEST_ROWS, self.rows_now), self.rows_now // 2)

    def _measure_anew(self) -> None:
        self._rate_before = None
        self._began, self._done, self._batches = self.clock(), 0, 0

    def _judge(self, rate: float) -> None:
        if self._rate_before is not None and rate < GAIN * self._rate_before:
            self.at_once_now -= 1
            self._rate_before, self._rest = None, REST
        elif self._rate_before is None and self._rest:
            self._rest -= 1
        elif self.rows_now < self._most_rows:
            self.rows_now = min(2 * self.rows_now, self._most_rows)
        elif self.at_once_now < self.most_at_once:
            self._rate_before = rate
            self.at_once_now += 1
        else:
            self._rate_before = None
