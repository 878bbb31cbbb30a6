"""Cuts a stream into lists of bounded size, and works on it ahead."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def parts(
    items: Iterator[T], size: int | Callable[[], int], weight: Callable[[T], int] = lambda item: 1
) -> Iterator[list[T]]:
    """Yield lists of at most `size` by weight; an item heavier than that gets a list of its own.

    `size` may change from list to list.
    """
    part: list[T] = []
    total = 0
    for item in items:
        if part and total + weight(item) > (size if isinstance(size, int) else size()):
            yield part
            part, total = [], 0
        part.append(item)
        total += weight(item)
    if part:
        yield part


def ahead(items: Iterable[T]) -> Iterator[T]:
    """Yield the items, each made in a thread of its own while the one before is worked on."""
    rest = iter(items)
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as thread:
        coming = thread.submit(list[T], islice(rest, 1))
        while item := coming.result():
            coming = thread.submit(list[T], islice(rest, 1))
            yield from item
