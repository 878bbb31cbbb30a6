"""What goes over the wire to Etsy."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from awin_medusa_pipeline.etsy.domain.requests import (
    DraftListing,
    Inventory,
    InventoryProduct,
    ListingPatch,
    Offering,
    PropertyValue,
)

DRAFT: dict[str, Any] = {
    "quantity": 3,
    "title": "Lamp",
    "description": "A lamp.",
    "price": Decimal("12.50"),
    "who_made": "i_did",
    "when_made": "made_to_order",
    "is_supply": False,
    "taxonomy_id": 1,
}
SENT = {
    "quantity": "3",
    "title": "Lamp",
    "description": "A lamp.",
    "price": "12.50",
    "who_made": "i_did",
    "when_made": "made_to_order",
    "is_supply": "false",
    "taxonomy_id": "1",
    "should_auto_renew": "false",
}
FORMS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "as few as possible": ({}, {}),
    "arrays in one value": (
        {"tags": ("red", "blue lamp"), "image_ids": (7, 5)},
        {"tags": "red,blue lamp", "image_ids": "7,5"},
    ),
    "nothing to clear": ({"tags": (), "materials": None}, {}),
    "true": ({"is_taxable": True}, {"is_taxable": "true"}),
    "no exponent": ({"price": Decimal("1E+2"), "item_weight": Decimal("0.000001")}, {"price": "100"}),
}


@pytest.mark.parametrize(("fields", "expected"), FORMS.values(), ids=FORMS.keys())
def test_the_form_of_a_draft(fields: dict[str, Any], expected: dict[str, str]) -> None:
    form = DraftListing(**DRAFT | fields).form()
    if weight := form.pop("item_weight", None):
        assert weight == "0.000001"
    assert form == SENT | expected


def test_a_patch_sends_nothing_blank() -> None:
    assert ListingPatch(tags=(), materials=(), production_partner_ids=(), title="Lamp").form() == {"title": "Lamp"}
    assert ListingPatch().form() == {}


REFUSED: dict[str, tuple[type[BaseModel], dict[str, Any], str]] = {
    "a field that Etsy does not have": (DraftListing, DRAFT | {"sku": "1"}, "Extra inputs"),
    "a comma would make two tags": (DraftListing, DRAFT | {"tags": ("red, blue",)}, "match pattern"),
    "an empty tag": (DraftListing, DRAFT | {"tags": ("",)}, "at least 1"),
    "no images at all": (DraftListing, DRAFT | {"image_ids": ()}, "at least 1"),
    "price of nothing": (DraftListing, DRAFT | {"price": Decimal(0)}, "greater than 0"),
    "no number": (DraftListing, DRAFT | {"price": Decimal("NaN")}, "finite|greater"),
    "no end": (DraftListing, DRAFT | {"price": Decimal("Infinity")}, "finite"),
    "a state is not content": (ListingPatch, {"state": "active"}, "Extra inputs"),
    "one of three": (ListingPatch, {"when_made": "2020_2026"}, "go together"),
    "two offerings": (
        InventoryProduct,
        {"offerings": (Offering(price=Decimal(1), quantity=1),) * 2},
        "at most 1",
    ),
    "no product": (Inventory, {"products": ()}, "at least 1"),
}


@pytest.mark.parametrize(("kind", "fields", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_request(kind: type[BaseModel], fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        kind(**fields)


def test_the_body_of_an_inventory() -> None:
    inventory = Inventory(
        products=(
            InventoryProduct(
                sku="a",
                property_values=(PropertyValue(property_id=513, property_name="Colour", values=("red",)),),
                offerings=(Offering(price=Decimal("0.30"), quantity=2),),
            ),
            InventoryProduct(
                property_values=(PropertyValue(property_id=100, values=("L",), scale_id=4, value_ids=(9,)),),
                offerings=(Offering(price=Decimal("12.34"), quantity=0, is_enabled=False, readiness_state_id=8),),
            ),
        ),
        price_on_property=(513,),
    )
    assert inventory.body() == {
        "products": [
            {
                "sku": "a",
                "property_values": [
                    {"property_id": 513, "property_name": "Colour", "value_ids": [], "values": ["red"]}
                ],
                "offerings": [{"price": 0.3, "quantity": 2, "is_enabled": True, "readiness_state_id": None}],
            },
            {
                "sku": "",
                "property_values": [{"property_id": 100, "scale_id": 4, "value_ids": [9], "values": ["L"]}],
                "offerings": [{"price": 12.34, "quantity": 0, "is_enabled": False, "readiness_state_id": 8}],
            },
        ],
        "price_on_property": [513],
        "quantity_on_property": [],
        "sku_on_property": [],
        "readiness_state_on_property": [],
    }
