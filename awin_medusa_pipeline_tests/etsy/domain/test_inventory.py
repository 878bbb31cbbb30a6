"""Variants to the inventory of a listing: the bounds that Etsy has, on both sides of each."""

from decimal import Decimal
from typing import Any

import pytest

from awin_medusa_pipeline.etsy.domain.findings import Findings
from awin_medusa_pipeline.etsy.domain.inventory import make_inventory
from awin_medusa_pipeline.etsy.domain.requests import Inventory
from awin_medusa_pipeline.medusa.models import ShopVariant
from awin_medusa_pipeline_tests.support.etsy_products import account_config, grid, variant


def made(*variants: ShopVariant, **config: Any) -> tuple[Inventory | None, Findings]:
    found = Findings()
    made = make_inventory(variants, account_config(**config), "eur", 7, found)
    return (made[0] if made else None), found


def codes(*variants: ShopVariant, **config: Any) -> list[str]:
    inventory, found = made(*variants, **config)
    assert (inventory is None) is bool(found.problems)
    return [problem.code for problem in found.problems]


def colours(number: int, **values: Any) -> list[ShopVariant]:
    return [variant(f"s{n}", options={"Colour": f"c{n}"}, **values) for n in range(number)]


def crossed(first: int, second: int) -> list[ShopVariant]:
    """So many values of two options, in as few variants as can be."""
    return [
        variant(f"s{n}", options={"A": f"a{min(n, first - 1)}", "B": f"b{min(n, second - 1)}"})
        for n in range(max(first, second))
    ]


def full(first: int, second: int) -> list[ShopVariant]:
    """All combinations of so many values of two options, alike, not counted and without SKU."""
    return [
        variant(None, quantity=None, options={"A": f"a{one}", "B": f"b{two}"})
        for one in range(first)
        for two in range(second)
    ]


@pytest.mark.parametrize(
    ("variants", "config", "expected"),
    [
        ([], {}, ["no_variants"]),
        ([variant("x" * 32)], {}, []),
        ([variant("x" * 33)], {}, ["sku_long"]),
        ([variant("a", options={"O": "1"}), variant("a", options={"O": "2"})], {}, ["sku_twice"]),
        ([variant("", options={"O": "1"}), variant("", options={"O": "2"})], {}, []),
        ([variant(price=None)], {}, ["price_missing"]),
        ([variant(price=Decimal("0.20"))], {"lowest_price": "0.20"}, []),
        ([variant(price=Decimal("0.19"))], {"lowest_price": "0.20"}, ["price_low"]),
        ([variant(price=Decimal(50))], {"highest_price": "50"}, []),
        ([variant(price=Decimal("50.01"))], {"highest_price": "50"}, ["price_high"]),
        ([variant(quantity=0)], {}, ["no_stock"]),
        ([variant(quantity=-1)], {}, ["no_stock"]),
        ([variant(quantity=1)], {}, []),
        (colours(70), {}, []),
        (colours(71), {}, ["too_many_values"]),
        (crossed(20, 20), {}, []),
        (crossed(20, 21), {}, ["too_many_bound_variants"]),
        (crossed(50, 50), {}, ["too_many_bound_variants"]),
        # Nothing differs along both.
        (full(50, 50), {}, []),
        ([variant("a", options={"N" * 45: "x"}), variant("b", options={"N" * 45: "y"})], {}, []),
        ([variant("a", options={"N" * 46: "x"}), variant("b", options={"N" * 46: "y"})], {}, ["option_name_long"]),
        (crossed(41, 61), {}, ["too_many_variants"]),
        ([variant("a", options={"O": "x"}), variant("b", options={"O": "x"})], {}, ["same_variant"]),
        ([variant("a", options={"O": "x"}), variant("b", options={})], {}, ["option_blank"]),
        ([variant("a", options={"()": "x"}), variant("b", options={"()": "y"})], {}, ["option_names"]),
        (
            [variant("a", options={"O": "x", "(O)": "1"}), variant("b", options={"O": "y", "(O)": "2"})],
            {},
            ["option_names"],
        ),
        ([variant("a", options={"A": "x", "B": "1"}), variant("b", options={"A": "y", "B": "2"})], {}, []),
    ],
)
def test_on_both_sides_of_each_bound(variants: list[ShopVariant], config: dict[str, Any], expected: list[str]) -> None:
    assert codes(*variants, **config) == expected


@pytest.mark.parametrize(
    ("quantity", "offered", "note"),
    [
        (998, 998, None),
        (999, 999, None),
        (1_000, 999, "Etsy takes 999 pieces, so that many are offered: SKU."),
        (None, 999, "Not counted in Medusa, so 999 are offered: SKU."),
    ],
)
def test_how_many_are_offered(quantity: int | None, offered: int, note: str | None) -> None:
    inventory, found = made(variant(quantity=quantity))
    assert inventory is not None
    assert inventory.products[0].offerings[0].quantity == offered
    assert [one.sentence for one in found.notes] == ([note] if note else [])


def test_what_is_told_names_the_variants() -> None:
    _, found = made(
        variant("low", price=Decimal(1), options={"O": "1"}),
        variant("high", price=Decimal(99), options={"O": "2"}),
        variant("fine", price=Decimal(5), options={"O": "3"}),
        variant("none", price=None, options={"O": "4"}),
        lowest_price="2",
        highest_price="50",
    )
    low, high = (next(p.sentence for p in found.problems if p.code == code) for code in ("price_low", "price_high"))
    assert low == "Etsy takes prices from 2 EUR (lowest_price) on; not low at 1.00."
    assert high == "Etsy takes prices up to 50 EUR (highest_price); not high at 99.00."
    assert [p.sentence for p in found.problems if p.code == "price_missing"] == [
        "Without a price in EUR: none. Give it one in Medusa."
    ]


def test_a_variant_without_a_sku_is_named() -> None:
    named = variant(None, title="Blue", options={"O": "1"})
    _, found = made(named, variant("x", options={"O": "2"}))
    assert [note.sentence.partition(".")[0] for note in found.notes] == [f"Without SKU: {named.name}"]


def test_parentheses_are_left_out_and_told() -> None:
    inventory, found = made(variant("a", options={"O": "x (1)"}), variant("b", options={"O": "y"}))
    assert inventory is not None
    assert [p.property_values[0].values for p in inventory.products] == [("x 1",), ("y",)]
    assert [note.field for note in found.notes] == ["variants"]


def test_what_the_shop_lacks_is_there_and_cannot_be_bought() -> None:
    red, blue = (
        variant("r", options={"C": "red", "S": "M"}, price=Decimal(5)),
        variant("b", options={"C": "blue", "S": "L"}, price=Decimal(8), quantity=2),
    )
    inventory, _ = made(red, blue)
    assert inventory is not None
    rows = [
        (
            tuple(value.values[0] for value in one.property_values),
            one.sku,
            one.offerings[0].price,
            one.offerings[0].quantity,
            one.offerings[0].is_enabled,
        )
        for one in inventory.products
    ]
    assert rows == [
        (("red", "M"), "r", Decimal(5), 3, True),
        (("red", "L"), "", Decimal(5), 0, False),
        (("blue", "M"), "", Decimal(8), 0, False),
        (("blue", "L"), "b", Decimal(8), 2, True),
    ]
    assert inventory.price_on_property == (513,)
    assert {one.offerings[0].readiness_state_id for one in inventory.products} == {7}


@pytest.mark.parametrize(
    ("prices", "along"),
    [((5, 5, 5, 5), ()), ((5, 5, 8, 8), (513,)), ((5, 8, 5, 8), (514,)), ((5, 6, 7, 8), (513, 514))],
)
def test_a_value_varies_along_as_few_variations_as_can_be(prices: tuple[int, ...], along: tuple[int, ...]) -> None:
    variants = [one.model_copy(update={"price": Decimal(p)}) for one, p in zip(grid("rb", "SM"), prices, strict=True)]
    inventory, _ = made(*variants)
    assert inventory is not None
    assert (inventory.price_on_property, inventory.sku_on_property) == (along, (513, 514))
    # Pieces belong to one variant, also where all have as many.
    assert inventory.quantity_on_property == (513, 514)
    uncounted, _ = made(*(one.model_copy(update={"quantity": None}) for one in variants))
    assert uncounted is not None
    assert uncounted.quantity_on_property == ()


def test_one_variant_in_stock_is_enough() -> None:
    assert codes(variant("a", options={"O": "1"}, quantity=0), variant("b", options={"O": "2"}, quantity=1)) == []


def test_a_combination_without_a_price_of_its_own_costs_the_least() -> None:
    prices = {("red", "M"): 6, ("red", "L"): 5, ("blue", "L"): 8}
    variants = [variant(f"{c}{s}", options={"C": c, "S": s}, price=Decimal(p)) for (c, s), p in prices.items()]
    inventory, _ = made(*variants)
    assert inventory is not None
    assert inventory.price_on_property == (513, 514)
    assert [one.offerings[0].price for one in inventory.products if not one.sku] == [Decimal(5)]
