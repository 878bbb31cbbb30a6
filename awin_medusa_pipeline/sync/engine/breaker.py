"""Ends the work of a run on a shop that gives no answers, over all batches and kinds, and work that goes too slowly.

What is not sent stays as it is: the next run plans it again.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from awin_medusa_pipeline.core.errors import PipelineError, TransientError

SILENT_IN_A_ROW = 3
"""After so many unanswered operations in a row it is the shop and not they: each may cost three timeouts of 90 s."""
PATIENCE = 600.0
"""Seconds without any answer to a write. Long enough to find one row in a batch at which the shop hangs."""
FIRST, EACH = 1_200.0, 5.0
"""Seconds that a kind may take, and each of its rows more. Measured, a row takes 0.4 to 100 ms: a shop fifty times as
slow is waited for, 20,000 imports may take the whole night; one that answers each second call, at 90 s, may not."""


@dataclass
class Breaker:
    """What one run knows of whether its shop answers. Threads share it."""

    clock: Callable[[], float] = time.monotonic
    stopped: str | None = field(default=None, init=False)
    """Why nothing more is sent by this run."""
    _given_up: int = field(default=0, init=False)
    _unanswered: int = field(default=0, init=False)
    _silent_since: float = field(default=0.0, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    @property
    def doubts(self) -> bool:
        """Whether the last operation was given up: the next one is not tried as often."""
        return self._given_up > 0

    def answered(self) -> None:
        """Take note of an answer to a write, whatever it says."""
        with self._lock:
            self._given_up = self._unanswered = 0

    def unanswered(self, fault: PipelineError, since: float) -> None:
        """Take note of a write without an answer, begun at a time of `clock`. Raises the fault of the whole shop."""
        with self._lock:
            self._silent_since = self._silent_since if self._unanswered else since
            self._unanswered += 1
            if self._unanswered >= SILENT_IN_A_ROW and self.clock() - self._silent_since >= PATIENCE:
                raise self._silent(fault)

    def gave_up(self, fault: PipelineError) -> None:
        """Take note of an operation that was given up without an answer. Raises the fault of the whole shop."""
        with self._lock:
            self._given_up += 1
            if self._given_up >= SILENT_IN_A_ROW:
                raise self._silent(fault)

    def open(self, fault: PipelineError) -> None:
        """Let nothing more be sent, because of this fault of the whole shop."""
        self.stopped = self.stopped or str(fault)

    def _silent(self, fault: PipelineError) -> PipelineError:
        came_back = f"no answer {self._unanswered} times in a row, the last time {fault.came_back}"
        return TransientError(fault.tried, came_back, fault.to_do, status=fault.status)


def too_slow(kind: str, seconds: float, settled: int) -> str | None:
    """Say that a kind has taken too long for the rows that are settled; None while it has not."""
    if seconds <= FIRST + EACH * settled:
        return None
    return str(
        TransientError(
            f"Applying the plan to {kind}",
            f"{seconds / 60:,.0f} minutes were enough for {settled:,} rows only",
            "Look in the log of the Medusa server why it is so slow.",
        )
    )
