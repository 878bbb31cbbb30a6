"""Runs: dry or not, as their configs say."""

import pytest

from awin_medusa_pipeline.sync.engine.runs import is_dry_run, will_apply


@pytest.mark.parametrize(
    ("asked", "by_hand", "dry"),
    [
        (set(), False, False),
        ({None}, False, False),
        ({False}, False, False),
        ({True}, False, True),
        ({True, False}, False, True),
        (set(), True, True),
        ({None}, True, True),
        ({False, None}, True, False),
        ({True, False}, True, True),
    ],
)
def test_is_dry_run(asked: set[bool | None], by_hand: bool, dry: bool) -> None:
    assert is_dry_run(asked, by_hand=by_hand) is dry


@pytest.mark.parametrize(
    ("asked", "by_default", "applies"),
    [
        (set(), False, False),
        ({None}, False, False),
        (set(), True, True),
        ({None}, True, True),
        ({True}, True, False),
        ({True, None}, True, False),
        ({False}, False, True),
        ({False, True}, False, True),
    ],
)
def test_will_apply(asked: set[bool | None], by_default: bool, applies: bool) -> None:
    assert will_apply(asked, by_default=by_default) is applies
