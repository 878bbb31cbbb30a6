"""Medusa's shapes -> CatalogVariant rows."""

import json
from decimal import Decimal
from typing import Any

import pytest

from awin_medusa_pipeline.medusa.catalog import variants_frame
from awin_medusa_pipeline.medusa.contracts import CatalogVariant
from awin_medusa_pipeline.medusa.shapes import HIDDEN_BY_RUN, OFFER_KEY

HERE, ELSEWHERE = "sloc_here", "sloc_elsewhere"


def product(*variants: dict[str, Any], **values: Any) -> dict[str, Any]:
    return {"id": "prod_1", "handle": "h", "title": "T", "status": "published", "variants": list(variants)} | values


def variant(**values: Any) -> dict[str, Any]:
    price = {"currency_code": "gbp", "amount": 9.99}
    return {"id": "v1", "manage_inventory": True, "inventory_items": [link()], "prices": [price]} | values


def link(*levels: tuple[str, int, int]) -> dict[str, Any]:
    names = ("location_id", "stocked_quantity", "reserved_quantity")
    return {
        "inventory_item_id": "i1",
        "inventory": {"location_levels": [dict(zip(names, level, strict=True)) for level in levels]},
    }


def price(amount: float, currency: str = "gbp", **options: Any) -> dict[str, Any]:
    quantities = {"min_quantity": None, "max_quantity": None}
    return {"amount": amount, "currency_code": currency, "rules": {}} | quantities | options


CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "level at the location": (
        product(variant(inventory_items=[link((ELSEWHERE, 5, 1), (HERE, 7, 2))])),
        {"level": 7, "reserved": 2, "inventory_item_id": "i1", "half_made": None},
    ),
    "no level at the location": (
        product(variant(inventory_items=[link((ELSEWHERE, 5, 1))])),
        {"level": None, "reserved": None, "inventory_item_id": "i1", "half_made": None},
    ),
    "not counted": (
        product(variant(manage_inventory=False, inventory_items=[])),
        {"level": None, "inventory_item_id": None, "half_made": None, "manage_inventory": False},
    ),
    "killed before the link": (product(variant(inventory_items=[])), {"half_made": "no_inventory_item"}),
    "killed before the price set": (product(variant(prices=None)), {"half_made": "no_price", "prices": []}),
    "killed before the variants": (
        product(),
        {"half_made": "no_variants", "variant_id": None, "product_id": "prod_1", "prices": []},
    ),
    "prices of regions and for many at once are left out": (
        product(
            variant(
                prices=[
                    *(price(9.99), price(8.5, "eur")),
                    *(price(7, rules={"region_id": "reg_1"}), price(6, min_quantity=5), price(9, max_quantity=4)),
                ]
            )
        ),
        {
            "prices": [
                {"currency": "gbp", "amount": Decimal("9.9900")},
                {"currency": "eur", "amount": Decimal("8.5000")},
            ],
            "half_made": None,
        },
    ),
    "an amount with many decimals": (
        product(variant(prices=[price(33.3333333333)])),
        {"prices": [{"currency": "gbp", "amount": Decimal("33.3333")}]},
    ),
    "our marks": (
        product(
            variant(metadata={OFFER_KEY: "awin:1:a"}),
            external_id="awin:1:p",
            metadata={HIDDEN_BY_RUN: "run-1", "note": "über"},
            status="draft",
        ),
        {
            "offer_key": "awin:1:a",
            "external_id": "awin:1:p",
            "hidden_by_run": "run-1",
            "status": "draft",
            "metadata": '{"awin_hidden_by_run": "run-1", "note": "über"}',
        },
    ),
    "nothing but what Medusa always gives": (
        {"id": "prod_1", "handle": "h", "title": None, "variants": None},
        {"title": "", "status": "published", "metadata": None, "hidden_by_run": None},
    ),
    "EAN when there is no barcode": (product(variant(barcode=None, ean="96385074", upc="1")), {"barcode": "96385074"}),
    "UPC when there is neither": (product(variant(barcode="", upc="036000291452")), {"barcode": "036000291452"}),
}


@pytest.mark.parametrize(("shown", "expected"), CASES.values(), ids=CASES.keys())
def test_admin_shape(shown: dict[str, Any], expected: dict[str, Any]) -> None:
    frame = variants_frame([json.loads(json.dumps(shown))], HERE)
    CatalogVariant.validate(frame)
    row = frame.row(0, named=True)
    assert {name: row[name] for name in expected} == expected


def test_what_other_locations_have_is_their_sum() -> None:
    levels = link((ELSEWHERE, 5, 1), (HERE, 7, 2), ("sloc_third", 2, 0), ("sloc_not_sold_from", 9, 0))
    others = {ELSEWHERE: "Cellar", "sloc_third": "Barn"}
    frame = variants_frame([product(variant(inventory_items=[levels]))], HERE, others=others)
    assert frame.select("level", "elsewhere", "elsewhere_at").rows() == [(7, 6, "Barn | Cellar")]


def test_store_shape() -> None:
    shown = product(
        {
            "id": "v1",
            "sku": "s",
            "inventory_quantity": 4,
            "calculated_price": {"calculated_amount": 12.5, "currency_code": "eur"},
        },
        {"id": "v2", "inventory_quantity": None, "calculated_price": None},
    )
    del shown["status"]
    frame = variants_frame([shown], None)
    CatalogVariant.validate(frame)
    assert frame.select("variant_id", "level", "status", "half_made").rows() == [
        ("v1", 4, "published", None),
        ("v2", None, "published", None),
    ]
    assert frame["prices"].to_list() == [[{"currency": "eur", "amount": Decimal("12.5000")}], []]


def test_a_row_a_variant_in_the_shops_order() -> None:
    frame = variants_frame([product(variant(id="v1"), variant(id="v2")), product(variant(id="v3"), id="prod_2")], HERE)
    assert frame["variant_id"].to_list() == ["v1", "v2", "v3"]


def test_an_empty_shop_is_an_empty_table() -> None:
    assert CatalogVariant.is_valid(variants_frame([], HERE))


def test_each_row_has_its_own_lists_in_their_order() -> None:
    priced = variant(id="v1", prices=[price(2, "gbp"), price(1, "eur")])
    pictures = {"thumbnail": "b", "images": [{"url": "b"}, {"url": "a"}]}
    products = [product(id="none"), product(priced, variant(id="v2"), id="both", **pictures), product(id="bare")]
    frame = variants_frame(products, HERE, {"both": ["y", "x"], "bare": ["z"]})
    assert frame["images"].to_list() == [[], ["b", "b", "a"], ["b", "b", "a"], []]
    assert frame["categories"].to_list() == [[], ["x", "y"], ["x", "y"], ["z"]]
    assert [[money["currency"] for money in row] for row in frame["prices"]] == [[], ["gbp", "eur"], ["gbp"], []]
    assert variants_frame(products, HERE)["categories"].to_list() == [None] * 4
