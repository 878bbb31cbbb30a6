"""What a base price is, a level, a half-made variant: by tables of what Medusa's API answers."""

from typing import Any

import pytest

from awin_medusa_pipeline.medusa import shapes

HERE, ELSEWHERE = "sloc_here", "sloc_elsewhere"
Json = dict[str, Any]


def price(amount: float, currency: str = "gbp", **values: Any) -> Json:
    return {
        "amount": amount,
        "currency_code": currency,
        "rules": {},
        "min_quantity": None,
        "max_quantity": None,
    } | values


def item(*levels: tuple[str, int | None, int | None], id_: str = "i1", needed: int | None = 1) -> Json:
    names = ("location_id", "stocked_quantity", "reserved_quantity")
    found = [dict(zip(names, level, strict=True)) for level in levels]
    return {"inventory_item_id": id_, "required_quantity": needed, "inventory": {"location_levels": found}}


REGION = {"region_id": "reg_1"}
BASE_PRICES: dict[str, tuple[list[Json], dict[str, float]]] = {
    "none": ([], {}),
    "a plain one": ([price(10)], {"gbp": 10}),
    "from one piece on": ([price(10, min_quantity=1)], {"gbp": 10}),
    "from none on": ([price(10, min_quantity=0)], {"gbp": 10}),
    "up to five pieces, and no other": ([price(8, max_quantity=5)], {"gbp": 8}),
    "up to five pieces, and a plain one": ([price(8, max_quantity=5), price(10)], {"gbp": 10}),
    "a plain one, and up to five pieces": ([price(10), price(8, max_quantity=5)], {"gbp": 10}),
    "up to five pieces, and from one on": ([price(8, max_quantity=5), price(10, min_quantity=1)], {"gbp": 10}),
    "from two pieces on": ([price(7, min_quantity=2)], {}),
    "from two to nine pieces": ([price(7, min_quantity=2, max_quantity=9)], {}),
    "a region's": ([price(9, rules=REGION)], {}),
    "a region's, and a plain one": ([price(9, rules=REGION), price(10)], {"gbp": 10}),
    "rules that were not asked for": ([{"amount": 10, "currency_code": "gbp"}], {"gbp": 10}),
    "two currencies": ([price(10), price(12, "EUR")], {"gbp": 10, "eur": 12}),
    "a currency apart": ([price(8, "eur", max_quantity=5), price(10)], {"eur": 8, "gbp": 10}),
}


@pytest.mark.parametrize(("prices", "expected"), BASE_PRICES.values(), ids=BASE_PRICES.keys())
def test_base_prices(prices: list[Json], expected: dict[str, float]) -> None:
    found = shapes.base_prices(prices)
    assert {currency: float(shapes.amount(one)) for currency, one in found.items()} == expected


MISSING: dict[str, tuple[Json, str | None]] = {
    "whole": ({"manage_inventory": True, "prices": [price(1)], "inventory_items": [item()]}, None),
    "no price": ({"manage_inventory": True, "prices": [], "inventory_items": [item()]}, "no_price"),
    "no price set": ({"manage_inventory": True, "prices": None, "inventory_items": [item()]}, "no_price"),
    "a region's price alone": ({"prices": [price(1, rules=REGION)], "inventory_items": [item()]}, None),
    "no item": ({"manage_inventory": True, "prices": [price(1)], "inventory_items": []}, "no_inventory_item"),
    "no item linked": ({"manage_inventory": True, "prices": [price(1)], "inventory_items": None}, "no_inventory_item"),
    "not counted": ({"manage_inventory": False, "prices": [price(1)], "inventory_items": []}, None),
    "not counted, no price": ({"manage_inventory": False, "prices": [], "inventory_items": []}, "no_price"),
    "neither": ({"manage_inventory": True, "prices": [], "inventory_items": []}, "no_price"),
}


@pytest.mark.parametrize(("variant", "expected"), MISSING.values(), ids=MISSING.keys())
def test_missing_part(variant: Json, expected: str | None) -> None:
    assert shapes.missing_part(variant) == expected


LEVELS: dict[str, tuple[list[Json] | None, Json]] = {
    "no item": ([], {}),
    "no item linked": (None, {}),
    "no level": ([item()], {}),
    "at another location": ([item((ELSEWHERE, 5, 1))], {}),
    "here": (
        [item((ELSEWHERE, 5, 1), (HERE, 7, 2))],
        {"location_id": HERE, "stocked_quantity": 7, "reserved_quantity": 2},
    ),
    "of the first item": (
        [item((HERE, 7, 2)), item((HERE, 1, 0), id_="i2")],
        {"location_id": HERE, "stocked_quantity": 7, "reserved_quantity": 2},
    ),
    "of the second item alone": ([item(), item((HERE, 1, 0), id_="i2")], {}),
    "an item that is gone": ([{"inventory_item_id": "i1", "inventory": None}], {}),
}


@pytest.mark.parametrize(("items", "expected"), LEVELS.values(), ids=LEVELS.keys())
def test_level(items: list[Json] | None, expected: Json) -> None:
    assert shapes.level({"inventory_items": items}, HERE) == expected
    assert shapes.inventory_item_id({"inventory_items": items}) == ("i1" if items else None)


SELLABLE: dict[str, tuple[list[Json], str | None, int]] = {
    "no item": ([], HERE, 0),
    "without what is reserved": ([item((HERE, 7, 2))], HERE, 5),
    "never below nothing": ([item((HERE, 2, 5))], HERE, 0),
    "at another location": ([item((ELSEWHERE, 7, 0))], HERE, 0),
    "at all locations": ([item((HERE, 7, 0), (ELSEWHERE, 2, 1))], None, 8),
    "two of an item for one": ([item((HERE, 7, 0), needed=2)], HERE, 3),
    "a set, until the first runs out": ([item((HERE, 7, 0)), item((HERE, 4, 0), needed=3)], HERE, 1),
    "a set of which one is elsewhere": ([item((HERE, 7, 0)), item((ELSEWHERE, 4, 0))], HERE, 0),
    "numbers that are not there": ([item((HERE, None, None), needed=None)], HERE, 0),
}


@pytest.mark.parametrize(("items", "location", "expected"), SELLABLE.values(), ids=SELLABLE.keys())
def test_sellable_quantity(items: list[Json], location: str | None, expected: int) -> None:
    variant = {"inventory_items": items}
    assert shapes.sellable_quantity(variant, location) == expected
    assert shapes.sellable_quantity(variant | {"manage_inventory": True}, location) == expected
    assert shapes.sellable_quantity(variant | {"manage_inventory": False}, location) is None, "nothing is counted"


@pytest.mark.parametrize(
    ("product", "expected"),
    [
        ({}, []),
        ({"thumbnail": None, "images": []}, []),
        ({"thumbnail": "t", "images": None}, ["t"]),
        ({"thumbnail": None, "images": [{"url": "a"}]}, ["", "a"]),
        ({"thumbnail": "a", "images": [{"url": "a"}, {"url": "b"}]}, ["a", "a", "b"]),
    ],
)
def test_image_list(product: Json, expected: list[str]) -> None:
    assert shapes.image_list(product) == expected


def test_fields_of_variants() -> None:
    assert shapes.of_variants("sku,prices.id") == "variants.sku,variants.prices.id"


def _part(made: str, changed: str | None = None) -> Json:
    return {"created_at": f"2026-11-26T02:{made}Z", "updated_at": f"2026-11-26T02:{changed or made}Z"}


TOUCHED: dict[str, tuple[Json, list[Json], bool]] = {
    "as it was made": (_part("00:00.161"), [_part("00:00.443")], False),
    "made by a slow batch": (_part("00:00.000"), [_part("04:59.000")], False),
    "the product edited": (_part("00:00.000", "00:01.500"), [_part("00:00.300")], True),
    "a variant edited": (_part("00:00.000"), [_part("00:00.300", "30:00.000")], True),
    "a variant added later": (_part("00:00.000"), [_part("05:00.500")], True),
    "without variants": (_part("00:00.000"), [], False),
}


@pytest.mark.parametrize(("product", "variants", "touched"), TOUCHED.values(), ids=TOUCHED.keys())
def test_was_touched(product: Json, variants: list[Json], touched: bool) -> None:
    assert shapes.was_touched({**product, "variants": variants}) is touched
