"""Tells the time that a test says it is."""

from datetime import UTC, datetime

NIGHT = datetime(2026, 11, 21, 2, tzinfo=UTC)
"""When a sync begins."""


class Clock:
    """A clock that a test moves."""

    def __init__(self, now: datetime = NIGHT) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now
