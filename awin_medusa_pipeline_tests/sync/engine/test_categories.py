"""Handles of categories and brands: one for every name, and no two names on one."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from awin_medusa_pipeline.sync.engine.categories import own_handles

PATHS = (Path(__file__).parents[2] / "cases" / "26_27_categories.txt").read_text().splitlines()


def handles(names: Sequence[str], **shop: str) -> dict[str, str]:
    """Handles in a shop whose entries have these names, by handle with _ for -."""
    shown = {handle.replace("_", "-"): name for handle, name in shop.items()}

    def where(_route: str, _filter: str, values: Sequence[str], _fields: str) -> list[dict[str, str]]:
        return [{"handle": handle, "name": shown[handle]} for handle in values if handle in shown]

    return own_handles(names, where, "product-categories", "name")


def test_every_name_has_a_handle_of_its_own() -> None:
    found = handles(PATHS)
    assert [found[name] for name in PATHS[:3]] == ["сад-горшки", "家具", "home-linen"]
    assert all(found.values())
    assert len(set(found.values())) == len(PATHS)


@pytest.mark.parametrize(
    ("shown", "name", "is_plain"),
    [
        ("Linen", "Home > Linen", True),
        ("Linen", "Home Linen", False),
        ("Home Linen", "Home Linen", True),
        ("Home/Linen", "Home > Linen", False),
        ("Bettwäsche", "Home > Linen", True),
        ("Bettwäsche", "Home Linen", True),
    ],
)
def test_the_shops_entry_of_that_name_keeps_its_handle(shown: str, name: str, is_plain: bool) -> None:
    assert (handles([name], home_linen=shown)[name] == "home-linen") is is_plain
