"""What is found while a listing is prepared."""

import pytest

from awin_medusa_pipeline.etsy.domain.findings import join_names


@pytest.mark.parametrize(
    ("names", "joined"),
    [("", ""), ("a", "a"), ("abc", "a, b, c"), ("abcd", "a, b, c and 1 more"), ("abcde", "a, b, c and 2 more")],
)
def test_three_names_are_enough(names: str, joined: str) -> None:
    assert join_names(list(names)) == joined
