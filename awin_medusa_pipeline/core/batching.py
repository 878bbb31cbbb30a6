"""Cuts a stream into lists of bounded size."""

from collections.abc import Callable, Iterator
from typing import TypeVar

T = TypeVar("T")


def parts(items: Iterator[T], size: int, weight: Callable[[T], int] = lambda item: 1) -> Iterator[list[T]]:
    """Yield lists of at most `size` by weight; an item heavier than that gets a list of its own."""
    part: list[T] = []
    total = 0
    for item in items:
        if part and total + weight(item) > size:
            yield part
            part, total = [], 0
        part.append(item)
        total += weight(item)
    if part:
        yield part
