"""What is told about rows that cannot be sold: the commonest reasons, and the remedy of the commonest."""

import pytest

from awin_medusa_pipeline.sync.domain.feed import errors
from awin_medusa_pipeline.sync.domain.feed.errors import ROW_REASONS, commonest, no_offers, remedy

MANY = {"no_id": 5, "no_name": 1_200, "no_price": 5, "duplicate": 1}


def test_the_three_commonest_reasons_those_of_equal_number_by_name() -> None:
    assert commonest(MANY) == [("no_name", 1_200), ("no_id", 5), ("no_price", 5)]
    assert commonest({"b": 1}) == [("b", 1)]


def test_a_feed_without_a_row_that_can_be_sold_is_named_after_the_commonest_reason() -> None:
    error = no_offers("feed.csv", MANY)
    assert error.code == "all_no_name"
    assert "no_name (1,200 rows), no_id (5 rows), no_price (5 rows)" in str(error)
    assert "not one of its 1,211 rows can be sold: no_name" in str(error)
    assert ROW_REASONS["no_name"].remedy in str(error)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("no_id", ROW_REASONS["no_id"].remedy),
        ("too_few_cells", errors._MAKE_AGAIN),
        ("unheard_of", errors._MAKE_AGAIN),
    ],
)
def test_every_reason_has_a_remedy(reason: str, expected: str) -> None:
    assert remedy(reason) == expected


def test_rows_that_are_not_meant_to_be_sold_speak_of_no_broken_feed() -> None:
    assert errors.faults({"not_for_sale": 3, "parent_row": 2, "not_valid": 1, "unheard_of": 4}) == {
        "not_valid": 1,
        "unheard_of": 4,
    }
