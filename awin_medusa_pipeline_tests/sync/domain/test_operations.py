"""Counts: every operation is in one of them, and they add up."""

import pytest

from awin_medusa_pipeline.sync.domain.operations import OPEN, OUTCOMES, Counts, Status


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        pytest.param({}, Counts(), id="nothing"),
        pytest.param({Status.APPLIED: 3, Status.HELD: 1}, Counts(applied=3, held=1), id="applied and held"),
        pytest.param({Status.INTENT: 2}, Counts(failed=2), id="no outcome yet"),
        pytest.param({Status.FAILED: 1, Status.INTENT: 2, Status.UNKNOWN: 4}, Counts(failed=7), id="nobody knows"),
        pytest.param(dict.fromkeys(Status, 1), Counts(1, 1, 1, 1, 1 + len(OPEN)), id="one of each"),
    ],
)
def test_counts_of_statuses(statuses: dict[Status, int], expected: Counts) -> None:
    assert Counts.of(statuses) == expected
    assert expected.planned == sum(statuses.values())


@pytest.mark.parametrize("status", Status)
def test_no_status_is_left_out(status: Status) -> None:
    assert Counts.of({status: 5}).planned == 5


@pytest.mark.parametrize(
    ("first", "second", "total"),
    [
        (Counts(), Counts(), Counts()),
        (Counts(1, 2, 3, 4, 5), Counts(), Counts(1, 2, 3, 4, 5)),
        (Counts(1, 2, 3, 4, 5), Counts(10, 20, 30, 40, 50), Counts(11, 22, 33, 44, 55)),
    ],
)
def test_the_counts_of_both_parts(first: Counts, second: Counts, total: Counts) -> None:
    assert first + second == second + first == total
    assert (first + second).planned == first.planned + second.planned


def test_counts_as_reports_have_them() -> None:
    numbers = Counts(applied=1, unchanged=2, skipped=3, held=4, failed=5).as_dict()
    assert numbers == {"planned": 15, "applied": 1, "unchanged": 2, "skipped": 3, "held": 4, "failed": 5}
    assert tuple(numbers) == OUTCOMES
