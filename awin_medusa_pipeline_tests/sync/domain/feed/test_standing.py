"""What the rows of a whole feed say of each other: parents that are none, and dates that are none."""

from collections.abc import Sequence

import polars as pl
import pytest

from awin_medusa_pipeline.sync.domain.feed import standing
from awin_medusa_pipeline_tests.support.factories import offer, offers

UNLIKE = ("Lamp", "Chair", "Vase", "Bowl")
ALIKE = ("Lamp Oak", "Lamp Elm", "Lamp Ash", "Lamp Fir")


@pytest.mark.parametrize(
    ("names", "others", "found"),
    [
        pytest.param(UNLIKE, 3, {"1": "p"}, id="more than half, with nothing in common"),
        pytest.param(UNLIKE, 4, {}, id="exactly half"),
        pytest.param(ALIKE, 3, {}, id="a word in common"),
        pytest.param(UNLIKE[:2], 1, {}, id="too few to tell"),
        pytest.param((*UNLIKE[:2], "Lamp Oak", "Lamp Elm"), 3, {}, id="a word in more than half"),
        pytest.param(UNLIKE[:3], 2, {"1": "p"}, id="three are enough"),
    ],
)
def test_a_parent_that_most_rows_share_without_reason(names: Sequence[str], others: int, found: dict[str, str]) -> None:
    rows = [offer(f"c{place}", parent="p", name=name) for place, name in enumerate(names)]
    rows += [offer(f"o{place}", name=f"Other {place}") for place in range(others)]
    feed = offers(*rows)
    assert standing.false_parents(feed, standing.marks_of(feed).collect()) == found


@pytest.mark.parametrize(
    ("out", "of", "found"),
    [(4, 6, ["1"]), (3, 6, []), (3, 5, ["1"]), (2, 2, []), (0, 5, [])],
)
def test_dates_that_most_rows_have_behind_them_are_none(out: int, of: int, found: list[str]) -> None:
    marks = pl.DataFrame({"merchant_id": ["1"] * of, "out_of_date": [place < out for place in range(of)]})
    assert standing.false_dates(marks.with_columns(pl.col("merchant_id").cast(pl.Categorical))) == found
