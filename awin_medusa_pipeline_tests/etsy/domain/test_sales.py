"""What a sale on Etsy means for the shop: which variant it is, and how its levels change."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awin_medusa_pipeline.etsy.domain.sales import (
    Happened,
    Level,
    LevelChange,
    Sale,
    Standing,
    again,
    choose_variant,
    lower,
    pieces_moved,
    put_back,
    standing_of,
    what_happened,
)
from awin_medusa_pipeline.medusa.models import ShopVariant
from awin_medusa_pipeline_tests.support.etsy_products import grid, variant


def sale(sku: str = "", *chosen: tuple[str, str], pieces: int = 1) -> Sale:
    return Sale(1, 2, 3, "Mug", sku, chosen, pieces, datetime(2026, 11, 26, tzinfo=UTC))


@pytest.mark.parametrize(
    ("status", "is_paid", "standing"),
    [
        ("Paid", True, Standing.SOLD),
        ("Completed", True, Standing.SOLD),
        ("completed", True, Standing.SOLD),
        ("Open", False, Standing.OPEN),
        ("Payment Processing", False, Standing.OPEN),
        ("Canceled", True, Standing.OFF),
        ("cancelled", False, Standing.OFF),
        ("Fully Refunded", True, Standing.OFF),
        ("Partially Refunded", True, Standing.PARTLY_REFUNDED),
        ("something new", True, Standing.SOLD),
        ("", False, Standing.OPEN),
    ],
)
def test_what_an_order_is_worth(status: str, is_paid: bool, standing: Standing) -> None:
    assert standing_of(status, is_paid=is_paid) is standing


GRID = grid("rb", "SM")
TWO_SIDES = tuple(
    variant(f"{inner}{outer}", options={"Inner": inner, "Outer": outer})
    for inner in ("Red", "Blue")
    for outer in ("Red", "Blue")
)
SAME_MATERIAL = tuple(variant(sku, options={"Size": sku, "Material": "Oak"}) for sku in ("S", "M"))


@pytest.mark.parametrize(
    ("sold", "variants", "found"),
    [
        (sale("r-M"), GRID, "r-M"),
        (sale(" r-M "), GRID, "r-M"),
        (sale("r-M", ("Colour", "b"), ("Size", "S")), GRID, "r-M"),
        (sale("", ("Colour", "b"), ("Size", "S")), GRID, "b-S"),
        (sale("gone", ("Colour", "b"), ("Size", "S")), GRID, "b-S"),
        (sale("", ("Size", "S"), ("Colour", "b")), GRID, "b-S"),
        (sale("", ("Farbe", "B"), ("Grösse", "s")), GRID, "b-S"),
        (sale("", ("Colour", "b"), ("Size", "S"), ("Personalization", "For Ada")), GRID, "b-S"),
        (sale("", ("Farbe", "b"), ("Grösse", "S"), ("Personalization", "For Ada")), GRID, "b-S"),
        (sale("", ("Inner", "Red"), ("Outer", "Blue"), ("Personalization", "For Ada")), TWO_SIDES, "RedBlue"),
        (sale("", ("Size", "M")), SAME_MATERIAL, "M"),
        (sale("", ("Size", "Dark red wide")), (variant("A", options={"Size": "Dark red (wide)"}), variant("B")), "A"),
        (sale("", ("Inner", "Red"), ("Outer", "Blue")), TWO_SIDES, "RedBlue"),
        (sale("", ("Innen", "Red"), ("Aussen", "Blue")), TWO_SIDES, None),
        (sale("", ("Colour", "b")), GRID, None),
        (sale("", ("Colour", "green"), ("Size", "S")), GRID, None),
        (sale(""), GRID, None),
        (sale("r-M"), (), None),
        (sale(""), (variant("ONE"),), "ONE"),
        (sale("other"), (variant("ONE", options={"Size": "S"}),), "ONE"),
        (sale("ONE"), (variant("ONE"), variant(None, id="x")), "ONE"),
        (sale(""), (variant(None, id="x"), variant(None, id="y")), None),
    ],
)
def test_which_variant_was_sold(sold: Sale, variants: tuple[ShopVariant, ...], found: str | None) -> None:
    chosen = choose_variant(sold, variants)
    assert (chosen.sku if chosen else None) == found


def test_what_a_person_reads_of_it() -> None:
    assert sale("r-M", ("Colour", "r")).variant == "r-M"
    assert sale("", ("Colour", "r"), ("Size", "M")).variant == "r / M"
    assert sale("").variant == ""


def at(**levels: int) -> dict[str, Level]:
    return {item: Level(stocked, f"{item} then") for item, stocked in levels.items()}


@pytest.mark.parametrize(
    ("each", "pieces", "levels", "after", "taken"),
    [
        ({"a": 1}, 2, at(a=5), [3], 2),
        ({"a": 1}, 5, at(a=5), [0], 5),
        ({"a": 1}, 7, at(a=5), [0], 5),
        ({"a": 1}, 1, at(a=0), [0], 0),
        ({"a": 1}, 1, {}, [0], 0),
        ({"a": 1}, 2, at(a=-3), [-3], 0),
        ({"a": 4, "b": 1}, 2, at(a=10, b=5), [2, 3], 2),
        ({"a": 4, "b": 1}, 2, at(a=7, b=5), [0, 3], 1),
        ({"a": 4, "b": 1}, 2, at(a=10), [2, 0], 0),
    ],
)
def test_levels_go_down_and_never_below_nothing(
    each: dict[str, int], pieces: int, levels: dict[str, Level], after: list[int], taken: int
) -> None:
    changes = lower(each, pieces, levels)
    assert [one.after for one in changes] == after
    assert pieces_moved(changes) == taken
    assert [one.updated_at for one in changes] == [levels[i].updated_at if i in levels else "" for i in each]


@given(
    st.dictionaries(st.sampled_from("abc"), st.tuples(st.integers(1, 5), st.integers(0, 40)), min_size=1),
    st.integers(1, 9),
)
def test_what_was_taken_and_put_back_is_as_it_was(items: dict[str, tuple[int, int]], pieces: int) -> None:
    levels = {item: Level(stocked, "then") for item, (_, stocked) in items.items()}
    taken = lower({item: each for item, (each, _) in items.items()}, pieces, levels)
    assert all(0 <= one.after <= one.before for one in taken)
    assert pieces_moved(taken) <= pieces
    back = put_back(taken, {one.item: Level(one.after, "now") for one in taken})
    assert {one.item: one.after for one in back} == {item: level.stocked for item, level in levels.items()}


def test_a_level_that_is_gone_is_not_put_back() -> None:
    assert put_back([LevelChange("a", 1, 5, 3)], {}) == []
    assert pieces_moved([]) == 0


@pytest.mark.parametrize(
    ("shown", "happened"),
    [
        (Level(5, "then"), Happened.NOT_DONE),
        (Level(3, "now"), Happened.DONE),
        (Level(5, "now"), Happened.UNKNOWN),
        (Level(2, "now"), Happened.UNKNOWN),
        (None, Happened.UNKNOWN),
    ],
)
def test_what_happened_to_a_change(shown: Level | None, happened: Happened) -> None:
    assert what_happened(LevelChange("a", 1, 5, 3, "then"), shown) is happened


@pytest.mark.parametrize(
    ("before", "after", "shown", "expected"), [(5, 3, 9, 7), (5, 3, 1, 0), (5, 3, -1, -1), (3, 5, 9, 11), (3, 5, 0, 2)]
)
def test_a_change_that_was_not_made_is_made_from_the_level_of_now(
    before: int, after: int, shown: int, expected: int
) -> None:
    assert again(LevelChange("a", 2, before, after, "then", 7), Level(shown, "now")) == LevelChange(
        "a", 2, shown, expected, "now"
    )
