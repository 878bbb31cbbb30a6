"""Pieces on Etsy: what went there is never offered again before somebody, or a receipt, has said so."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awin_medusa_pipeline.etsy.domain.memory import VariantStock
from awin_medusa_pipeline.etsy.domain.stock import Imported, forgive, look_at_stock, offered, take_written
from awin_medusa_pipeline_tests.support.etsy_products import product, variant

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
TEN = VariantStock(given=10, level=10)
TOLD = VariantStock(given=6, level=10, gone=4, since=NOW - timedelta(minutes=1))


def imported(pieces: int, *, minutes: float = 0) -> Imported:
    """Dealt with by an import that began so many minutes ago."""
    return Imported({"v": pieces}, NOW - timedelta(minutes=minutes))


LOOKS = [
    ("nothing happened", TEN, {"level": 10, "shown": 10}, 0, 10),
    ("four went on Etsy", TEN, {"level": 10, "shown": 6}, 4, 6),
    ("and two in the shop", TEN, {"level": 8, "shown": 6}, 4, 4),
    ("only in the shop", TEN, {"level": 7, "shown": 10}, 0, 7),
    ("all of it went", TEN, {"level": 10, "shown": 0}, 10, 0),
    ("more than Medusa has", TEN, {"level": 3, "shown": 2}, 8, 0),
    ("more on Etsy than it was given", TEN, {"level": 10, "shown": 12}, 0, 10),
    ("Etsy was not read", TEN, {"level": 4}, 0, 4),
    ("told, and booked by hand", TOLD, {"level": 6, "shown": 6}, 0, 6),
    ("told, and one sold in the shop", TOLD, {"level": 9, "shown": 6}, 4, 5),
    ("told, and restocked", TOLD, {"level": 50, "shown": 6}, 4, 46),
    ("told, and more went", TOLD, {"level": 10, "shown": 5}, 5, 5),
    ("put back at Etsy", TOLD, {"level": 10, "shown": 10}, 4, 6),
    ("seen, then imported", TOLD, {"level": 6, "shown": 6, "imported": imported(4)}, 0, 6),
    ("imported before it was seen", TEN, {"level": 6, "shown": 6, "imported": imported(4)}, 0, 6),
    ("imported before Etsy shows it", TEN, {"level": 6, "shown": 10, "imported": imported(4)}, -4, 6),
    ("with an import still to come", TOLD, {"level": 6, "shown": 6, "imported": imported(0, minutes=5)}, 4, 2),
    ("not found by an import, booked by hand", TOLD, {"level": 6, "shown": 6, "imported": imported(0)}, 0, 6),
    ("nothing was imported yet", TOLD, {"level": 6, "shown": 6, "imported": Imported({}, None)}, 4, 2),
    ("told in the same moment", TOLD.model_copy(update={"since": NOW}), {"level": 6, "shown": 6}, 4, 2),
]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "look", "gone", "offer"), [case[1:] for case in LOOKS], ids=[case[0] for case in LOOKS]
)
def test_what_went_is_not_offered(before: VariantStock, look: dict[str, Any], gone: int, offer: int) -> None:
    after = look_at_stock("v", before, now=NOW, **look)
    assert (after.gone, offered(after.level, after)) == (gone, offer)
    # Nothing more happens when it is looked at again.
    assert look_at_stock("v", after, now=NOW, **look) == after


def test_what_medusa_does_not_count_is_never_missing() -> None:
    after = look_at_stock("v", VariantStock(given=999, level=None), now=NOW, level=None, shown=7)
    assert (after, offered(None, after)) == (VariantStock(given=7, level=None), None)
    counted = look_at_stock("v", after, now=NOW, level=5, shown=7)
    assert (counted.gone, offered(5, counted)) == (0, 5)


def test_a_person_may_say_that_all_is_booked() -> None:
    stock = {"v": VariantStock(given=6, level=10, gone=4)}
    assert offered(10, forgive(stock)["v"]) == 10


EVENTS = st.lists(
    st.sampled_from(("sold in the shop", "sold on Etsy", "restocked", "imported", "cancelled", "looked at", "written")),
    max_size=60,
)


@given(EVENTS)
def test_with_the_sale_import_etsy_offers_what_there_is(events: list[str]) -> None:
    """`there`: pieces that can be sold; Medusa's level still has those that went on Etsy and were not imported."""
    there = level = on_etsy = 20
    waiting = dealt_with = 0
    stock = {"v": VariantStock(given=20, level=20)}
    wanted = product(variant("s", quantity=0))

    def look() -> VariantStock:
        return look_at_stock(
            "v", stock["v"], now=NOW, level=level, shown=on_etsy, imported=Imported({"v": dealt_with}, None)
        )

    for event in events:
        match event:
            case "sold in the shop" if there > 0:
                there, level = there - 1, level - 1
            case "sold on Etsy" if min(there, on_etsy) > 0:
                there, on_etsy, waiting = there - 1, on_etsy - 1, waiting + 1
            case "restocked":
                there, level = there + 3, level + 3
            case "imported":
                level, dealt_with, waiting = level - waiting, dealt_with + waiting, 0
            case "cancelled" if waiting:
                # Dealt with, though nothing is taken off: the piece is there again.
                there, dealt_with, waiting = there + 1, dealt_with + 1, waiting - 1
            case "looked at":
                stock = {"v": look()}
            case "written":
                stock = {"v": look()}
                on_etsy = offered(level, stock["v"]) or 0
                assert on_etsy == there
                stock = take_written(stock, {"v": on_etsy}, wanted, None)
