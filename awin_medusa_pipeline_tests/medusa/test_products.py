"""One product of Medusa's Admin API, read for a shop elsewhere."""

from decimal import Decimal
from typing import Any

import pytest

from awin_medusa_pipeline.medusa.models import ShopProduct, ShopVariant
from awin_medusa_pipeline.medusa.products import shop_product


def item(*levels: tuple[str, int, int], needed: int = 1) -> dict[str, Any]:
    names = ("location_id", "stocked_quantity", "reserved_quantity")
    return {
        "required_quantity": needed,
        "inventory": {"location_levels": [dict(zip(names, level, strict=True)) for level in levels]},
    }


def option(title: str, value: str) -> dict[str, Any]:
    return {"value": value, "option": {"title": title}}


def test_all_of_a_product() -> None:
    answered = {
        "id": "prod",
        "title": "Lamp",
        "description": None,
        "handle": "lamp",
        "status": "draft",
        "thumbnail": "http://x.test/1",
        "material": "oak",
        "weight": 120,
        "length": None,
        "width": 1.5,
        "height": 0,
        "metadata": {"a": 1},
        "images": [{"url": "http://x.test/2", "rank": 1}, {"url": "http://x.test/1", "rank": 0}],
        "tags": [{"value": "b"}, {"value": "a"}],
        "categories": [{"handle": "lamps"}],
        "variants": [
            {
                "id": "v2",
                "title": "red / S",
                "sku": "",
                "variant_rank": 1,
                "manage_inventory": False,
                "options": [option("Size", "S"), option("Colour", "red")],
                "prices": [{"currency_code": "usd", "amount": 12}],
            },
            {
                "id": "v1",
                "title": "red / M",
                "sku": "M",
                "variant_rank": 0,
                "manage_inventory": True,
                "options": None,
                "prices": [
                    {"currency_code": "eur", "amount": 5, "rules": {"region_id": "reg"}},
                    {"currency_code": "eur", "amount": 8, "rules": {}, "min_quantity": 10},
                    {"currency_code": "eur", "amount": 9.99, "rules": {}, "min_quantity": None},
                ],
                "inventory_items": [item(("here", 7, 2), ("there", 1, 0))],
            },
        ],
    }
    assert shop_product(answered, currency="EUR", location_id="here") == ShopProduct(
        id="prod",
        title="Lamp",
        handle="lamp",
        status="draft",
        images=("http://x.test/1", "http://x.test/2"),
        tags=("a", "b"),
        material="oak",
        categories=("lamps",),
        metadata={"a": 1},
        weight=Decimal(120),
        width=Decimal("1.5"),
        height=Decimal(0),
        variants=(
            ShopVariant(id="v1", title="red / M", sku="M", price=Decimal("9.99"), quantity=5),
            ShopVariant(id="v2", title="red / S", options={"Colour": "red", "Size": "S"}, quantity=None),
        ),
    )


def test_a_product_without_anything() -> None:
    bare = {"id": "prod", "images": None, "variants": None}
    assert shop_product(bare, currency="EUR") == ShopProduct(id="prod")


STOCK = [
    ([], "here", 0),
    ([item(("here", 7, 2))], "here", 5),
    ([item(("there", 7, 0))], "here", 0),
    ([item(("here", 7, 0), ("there", 2, 0))], None, 9),
    ([item(("here", 2, 5))], "here", 0),
    ([item(("here", 7, 0), needed=2)], "here", 3),
    ([item(("here", 7, 0)), item(("here", 4, 0), needed=3)], "here", 1),
]


@pytest.mark.parametrize(("items", "location", "expected"), STOCK)
def test_what_can_be_sold(items: list[dict[str, Any]], location: str | None, expected: int) -> None:
    answered = {"id": "prod", "variants": [{"id": "v", "manage_inventory": True, "inventory_items": items}]}
    assert shop_product(answered, currency="EUR", location_id=location).variants[0].quantity == expected
