"""What Etsy answers: read past what is unknown, and inventories that are the same compare as the same."""

from decimal import Decimal
from typing import Any

import pytest

from awin_medusa_pipeline.etsy.client.answers import ListedInventory, ListingAnswer, Money
from awin_medusa_pipeline.etsy.domain.requests import PropertyValue


def listed(price: int = 1250, **product: Any) -> dict[str, Any]:
    """A product as Etsy lists it."""
    money = {"amount": price, "divisor": 100, "currency_code": "GBP"}
    offering = {"offering_id": 11, "price": money, "quantity": 3, "is_enabled": True, "is_deleted": False}
    return {"product_id": 1, "sku": "a", "is_deleted": False, "property_values": [], "offerings": [offering]} | product


def test_an_inventory_is_read_as_it_would_be_sent() -> None:
    colour = {
        "property_id": 513,
        "property_name": "Colour",
        "scale_id": None,
        "scale_name": None,
        "value_ids": [771],
        "values": ["O&#39;Red"],
        "value_pairs": [],
    }
    answer = {
        "products": [
            listed(property_values=[colour]),
            listed(sku="gone", is_deleted=True),
            listed(
                sku=None,
                offerings=[listed()["offerings"][0] | {"is_deleted": True}, listed(price=7)["offerings"][0]],
            ),
        ],
        "price_on_property": [513],
        "quantity_on_property": None,
    }
    found = ListedInventory.model_validate(answer)
    assert found.skus == ("a",)
    red = PropertyValue(property_id=513, property_name="Colour", value_ids=(771,), values=("O'Red",))
    first, second = found.variants()
    assert (first.values, first.sku, first.price, first.quantity, first.for_sale) == (
        (red,),
        "a",
        Decimal("12.50"),
        3,
        True,
    )
    assert (second.values, second.sku, second.price) == ((), "", Decimal("0.07"))
    assert ListedInventory.model_validate({"products": [listed(is_deleted=True)]}).variants() == ()


def test_what_cannot_be_bought_is_not_for_sale() -> None:
    off = {"is_enabled": False, "price": {"amount": 0, "divisor": 100, "currency_code": "GBP"}}
    offering = listed()["offerings"][0]
    answer = {"products": [listed(offerings=[offering | off]), listed(offerings=[offering | {"quantity": 0}])]}
    assert [variant.for_sale for variant in ListedInventory.model_validate(answer).variants()] == [False, False]


@pytest.mark.parametrize(("shown", "state"), [("edit", "inactive"), ("inactive", "inactive"), ("new one", "new one")])
def test_a_listing_that_was_set_inactive_may_be_shown_as_edited(shown: str, state: str) -> None:
    assert ListingAnswer.model_validate({"listing_id": 1, "title": "A", "state": shown}).state == state


@pytest.mark.parametrize(
    ("amount", "divisor", "value"), [(1250, 100, "12.5"), (500, 1, "500"), (1999, 1000, "1.999"), (0, 100, "0")]
)
def test_money_is_a_decimal_in_the_currencys_own_unit(amount: int, divisor: int, value: str) -> None:
    assert Money(amount=amount, divisor=divisor, currency_code="GBP").value == Decimal(value)


def test_a_listing_is_read_past_what_it_does_not_know() -> None:
    listing = ListingAnswer.model_validate(
        {
            "listing_id": 1,
            "state": "a_state_of_next_year",
            "title": "A &amp; B &quot;C&quot;",
            "tags": None,
            "creation_timestamp": 1_700_000_000,
            "ecgt_garan_years": 3,
        }
    )
    assert (listing.title, listing.tags, listing.state) == ('A & B "C"', (), "a_state_of_next_year")
    assert listing.created_at.isoformat() == "2023-11-14T22:13:20+00:00"
