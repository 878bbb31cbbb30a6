"""What Etsy answers: read past what is unknown, and inventories that are the same compare as the same."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from awin_medusa_pipeline.etsy.client.answers import ListedInventory, ListingAnswer, Money
from awin_medusa_pipeline.etsy.domain.requests import Inventory, InventoryProduct, Offering, PropertyValue


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
    assert found.as_request() == Inventory(
        products=(
            InventoryProduct(
                sku="a", property_values=(red,), offerings=(Offering(price=Decimal("12.50"), quantity=3),)
            ),
            InventoryProduct(offerings=(Offering(price=Decimal("0.07"), quantity=3),)),
        ),
        price_on_property=(513,),
    )


def test_an_inventory_without_products_is_no_request() -> None:
    with pytest.raises(ValidationError):
        ListedInventory.model_validate({"products": [listed(is_deleted=True)]}).as_request()


words = st.text("abcdé ", min_size=1, max_size=4)
inventories = st.builds(
    Inventory,
    products=st.lists(
        st.builds(
            InventoryProduct,
            sku=words,
            property_values=st.lists(
                st.builds(
                    PropertyValue,
                    property_id=st.sampled_from([100, 200, 513, 514]),
                    property_name=st.none() | words,
                    values=st.tuples(words),
                ),
                max_size=2,
                unique_by=lambda value: value.property_id,
            ).map(tuple),
            offerings=st.tuples(
                st.builds(
                    Offering,
                    price=st.integers(20, 5_000_000).map(lambda cents: Decimal(cents) / 100),
                    quantity=st.integers(0, 999),
                    readiness_state_id=st.none() | st.integers(1, 9),
                )
            ),
        ),
        min_size=1,
        max_size=4,
        unique_by=lambda product: (product.sku, frozenset((v.property_id, v.values) for v in product.property_values)),
    ).map(tuple),
    price_on_property=st.lists(st.sampled_from([513, 514]), max_size=2).map(tuple),
)


def at_etsy(inventory: Inventory, shuffled: list[int]) -> ListedInventory:
    """The inventory as Etsy would list it: ids of its own, its own names, its own order, money in hundredths."""
    products = []
    for product in inventory.body()["products"]:
        offerings = [
            offering
            | {"price": {"amount": round(offering["price"] * 100), "divisor": 100, "currency_code": "GBP"}}
            | {"offering_id": 4, "is_deleted": False}
            for offering in product["offerings"]
        ]
        values = [
            value
            | {"value_ids": [1234], "scale_name": None}
            | ({} if value["property_id"] in (513, 514) else {"property_name": "Etsy's name"})
            for value in product["property_values"]
        ]
        products.append(product | {"product_id": 1, "property_values": values[::-1], "offerings": offerings})
    on_property = {name: getattr(inventory, name)[::-1] for name in Inventory.model_fields if name != "products"}
    return ListedInventory.model_validate({"products": [products[i] for i in shuffled], **on_property})


@given(inventories, st.data())
def test_what_etsy_lists_is_what_was_sent(inventory: Inventory, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(inventory.products))))
    read = at_etsy(inventory, order).as_request()
    assert read.comparable() == inventory.comparable()
    assert inventory.comparable().comparable() == inventory.comparable()


@given(inventories, st.data())
def test_a_change_shows(inventory: Inventory, data: st.DataObject) -> None:
    changed = data.draw(st.integers(0, len(inventory.products) - 1))
    product = inventory.products[changed]
    (offering,) = product.offerings
    other = data.draw(
        st.sampled_from(
            [
                product.model_copy(update={"sku": product.sku + "x"}),
                product.model_copy(
                    update={"offerings": (offering.model_copy(update={"price": offering.price + Decimal("0.01")}),)}
                ),
                product.model_copy(
                    update={"offerings": (offering.model_copy(update={"quantity": offering.quantity + 1}),)}
                ),
                product.model_copy(
                    update={"property_values": (*product.property_values, PropertyValue(property_id=1, values=("x",)))}
                ),
            ]
        )
    )
    products = list(inventory.products)
    products[changed] = other
    assert inventory.model_copy(update={"products": tuple(products)}).comparable() != inventory.comparable()


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
