"""Remembers what things were a short while ago, for reads that are behind."""

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass
class Past(Generic[T]):
    """What each thing was before its changes of late, by number; None for a thing that was not there yet."""

    _was: dict[int, deque[tuple[float, T | None]]] = field(default_factory=dict)

    def keep(self, number: int, was: T | None, now: float, seconds: float) -> None:
        """Keep what a thing was until `now`, and forget what is older than `seconds`; with 0, keep nothing."""
        if seconds <= 0:
            return
        kept = self._was.setdefault(number, deque())
        kept.append((now, was))
        while kept[0][0] <= now - seconds:
            kept.popleft()

    def shown(self, number: int, present: T | None, then: float) -> T | None:
        """Return what a thing was at the time `then`."""
        for until, was in self._was.get(number, ()):
            if until > then:
                return was
        return present

    def numbers(self) -> set[int]:
        """List the things that have a past."""
        return set(self._was)

    def clear(self) -> None:
        """Forget everything."""
        self._was.clear()
