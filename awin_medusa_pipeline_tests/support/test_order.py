"""Tests that the order of the test files fits the files that there are."""

from awin_medusa_pipeline_tests.conftest import TESTS
from awin_medusa_pipeline_tests.support.order import BEFORE_THE_SHOP, ON_THE_SHOP, rank


def test_every_listed_file_is_there() -> None:
    assert [file for file in (*BEFORE_THE_SHOP, *ON_THE_SHOP) if not (TESTS / file).is_file()] == []


def test_the_long_ones_come_first() -> None:
    others = [rank("core/test_new.py", shop=True), rank("core/test_new.py", shop=False)]
    listed = [rank(file, shop=True) for file in (*BEFORE_THE_SHOP, *ON_THE_SHOP)]
    assert listed + others == sorted(set(listed + others))
