"""Streams in parts of bounded size."""

import threading
from collections.abc import Iterator

import pytest

from awin_medusa_pipeline.core.batching import ahead, parts


@pytest.mark.parametrize(
    ("items", "size", "expected"),
    [
        ("", 2, []),
        ("a", 2, ["a"]),
        ("ab", 2, ["ab"]),
        ("abc", 2, ["ab", "c"]),
        ("abcd", 2, ["ab", "cd"]),
        ("abc", 1, ["a", "b", "c"]),
        ("abc", 9, ["abc"]),
    ],
)
def test_parts(items: str, size: int, expected: list[str]) -> None:
    assert ["".join(part) for part in parts(iter(items), size)] == expected


@pytest.mark.parametrize(
    ("weights", "size", "expected"),
    [
        ([1, 1, 1], 2, [[1, 1], [1]]),
        ([2, 1, 2], 3, [[2, 1], [2]]),
        ([2, 2, 2], 3, [[2], [2], [2]]),
        ([9, 1, 1], 3, [[9], [1, 1]]),
        ([1, 9, 1], 3, [[1], [9], [1]]),
        ([1, 1, 9], 3, [[1, 1], [9]]),
        ([0, 0, 3, 0], 3, [[0, 0, 3, 0]]),
    ],
)
def test_parts_by_weight(weights: list[int], size: int, expected: list[list[int]]) -> None:
    assert list(parts(iter(weights), size, lambda weight: weight)) == expected


def test_a_part_is_there_as_soon_as_it_is_full() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    cut = parts(items(), 10)
    assert taken == []
    assert next(cut) == list(range(10))
    assert len(taken) == 11


def test_ahead_makes_one_item_while_the_one_before_is_worked_on() -> None:
    made = [threading.Event() for _ in range(4)]

    def items() -> Iterator[int]:
        for number, event in enumerate(made):
            event.set()
            yield number

    for number in ahead(items()):
        following = made[number + 1 : number + 2]
        assert all(event.wait(5) for event in following)
        assert not any(event.is_set() for event in made[number + 2 :])


def test_a_fault_ahead_comes_in_its_turn() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    coming = ahead(items())
    assert next(coming) == 1
    with pytest.raises(ValueError, match="broken"):
        next(coming)
