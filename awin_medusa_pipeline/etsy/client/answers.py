"""Reads Etsy's answers: listings, inventories, images, orders, and the profiles and policies of a shop.

Fields that are not named here are ignored, so that a new field at Etsy breaks nothing. Money is a Decimal in the
currency's major unit, times are aware UTC.
"""

import html
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

from awin_medusa_pipeline.etsy.domain.requests import (
    Inventory,
    InventoryProduct,
    Offering,
    PropertyValue,
)
from awin_medusa_pipeline.etsy.domain.sales import Sale, Standing, standing_of

# Etsy escapes some texts for HTML (open-api #446).
Text = Annotated[str, BeforeValidator(lambda value: html.unescape(value) if isinstance(value, str) else value)]
# Etsy leaves out an empty list, or returns null.
NullIsEmpty = BeforeValidator(lambda value: () if value is None else value)


class Answer(BaseModel):
    """Base of everything that Etsy answers."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Money(Answer):
    """An amount in Etsy's form: 1250 hundredths of GBP."""

    amount: int
    divisor: Annotated[int, Field(gt=0)]
    currency_code: str

    @property
    def value(self) -> Decimal:
        """The amount in the currency's major unit: 12.5."""
        return Decimal(self.amount) / self.divisor


class ListedPropertyValue(Answer):
    """A PropertyValue as Etsy shows it."""

    property_id: int
    property_name: Text | None = None
    scale_id: int | None = None
    value_ids: Annotated[tuple[int, ...], NullIsEmpty] = ()
    values: Annotated[tuple[Text, ...], NullIsEmpty] = ()


class ListedOffering(Answer):
    """An Offering as Etsy shows it. Its id changes with every write, so it is not read."""

    price: Money
    quantity: int
    is_enabled: bool = True
    is_deleted: bool = False
    readiness_state_id: int | None = None


class ListedProduct(Answer):
    """An InventoryProduct as Etsy shows it. Its id changes with every write, so it is not read."""

    sku: str | None = None
    is_deleted: bool = False
    property_values: Annotated[tuple[ListedPropertyValue, ...], NullIsEmpty] = ()
    offerings: Annotated[tuple[ListedOffering, ...], NullIsEmpty] = ()


class ListedInventory(Answer):
    """An Inventory as Etsy shows it."""

    products: Annotated[tuple[ListedProduct, ...], NullIsEmpty]
    price_on_property: Annotated[tuple[int, ...], NullIsEmpty] = ()
    quantity_on_property: Annotated[tuple[int, ...], NullIsEmpty] = ()
    sku_on_property: Annotated[tuple[int, ...], NullIsEmpty] = ()
    readiness_state_on_property: Annotated[tuple[int, ...], NullIsEmpty] = ()

    @property
    def skus(self) -> tuple[str, ...]:
        """The SKUs of the variants that have one."""
        return tuple(product.sku for product in self.products if product.sku and not product.is_deleted)

    def as_request(self) -> Inventory:
        """Return the request that would produce this inventory: without ids and deleted variants, money as a decimal.

        Raises ValueError (pydantic) when Etsy shows no product, or a product without an offering.
        """
        return Inventory(
            products=tuple(_product(product) for product in self.products if not product.is_deleted),
            **{name: getattr(self, name) for name in Inventory.model_fields if name != "products"},
        )


def _product(listed: ListedProduct) -> InventoryProduct:
    offerings = [
        Offering(
            price=offering.price.value,
            quantity=offering.quantity,
            is_enabled=offering.is_enabled,
            readiness_state_id=offering.readiness_state_id,
        )
        for offering in listed.offerings
        if not offering.is_deleted
    ]
    values = [
        PropertyValue(
            property_id=value.property_id,
            property_name=value.property_name,
            scale_id=value.scale_id,
            value_ids=value.value_ids,
            values=value.values,
        )
        for value in listed.property_values
    ]
    return InventoryProduct.model_validate(
        {"sku": listed.sku or "", "property_values": tuple(values), "offerings": tuple(offerings)}
    )


class ListingImage(Answer):
    """An image of a listing."""

    listing_image_id: int
    rank: int = 1


class ListingAnswer(Answer):
    """A listing as Etsy shows it. `skus`, `images` and `inventory` are empty or None unless the call includes them."""

    listing_id: int
    state: str
    title: Text
    description: Text = ""
    url: str = ""
    quantity: int = 0
    price: Money | None = None
    created_timestamp: int = Field(0, validation_alias=AliasChoices("created_timestamp", "creation_timestamp"))
    updated_timestamp: int = 0
    tags: Annotated[tuple[Text, ...], NullIsEmpty] = ()
    materials: Annotated[tuple[Text, ...], NullIsEmpty] = ()
    skus: Annotated[tuple[str, ...], NullIsEmpty] = ()
    taxonomy_id: int | None = None
    shipping_profile_id: int | None = None
    return_policy_id: int | None = None
    readiness_state_id: int | None = None
    shop_section_id: int | None = None
    who_made: str | None = None
    when_made: str | None = None
    is_supply: bool | None = None
    should_auto_renew: bool = False
    has_variations: bool = False
    images: Annotated[tuple[ListingImage, ...], NullIsEmpty] = ()
    inventory: ListedInventory | None = None

    @property
    def created_at(self) -> datetime:
        """When the listing was made, to the second."""
        return datetime.fromtimestamp(self.created_timestamp, UTC)


class Variation(Answer):
    """What a buyer chose, or wrote: a personalization has no value_id."""

    formatted_name: Text = ""
    formatted_value: Text = ""


class Transaction(Answer):
    """What was ordered of one variant of a listing; the listing may be gone."""

    transaction_id: int
    listing_id: int | None = None
    title: Text | None = None
    sku: str | None = None
    quantity: int
    variations: Annotated[tuple[Variation, ...], NullIsEmpty] = ()


class Receipt(Answer):
    """An order. Buyer and address are not read."""

    receipt_id: int
    status: str = ""
    is_paid: bool = False
    created_timestamp: int = Field(validation_alias=AliasChoices("created_timestamp", "create_timestamp"))
    updated_timestamp: int = Field(validation_alias=AliasChoices("updated_timestamp", "update_timestamp"))
    transactions: Annotated[tuple[Transaction, ...], NullIsEmpty] = ()

    @property
    def standing(self) -> Standing:
        """What the order is worth now."""
        return standing_of(self.status, is_paid=self.is_paid)

    @property
    def created_at(self) -> datetime:
        """When it was made, to the second."""
        return datetime.fromtimestamp(self.created_timestamp, UTC)

    @property
    def updated_at(self) -> datetime:
        """When it was changed last, to the second; a refund may not count (open-api #513)."""
        return datetime.fromtimestamp(self.updated_timestamp, UTC)

    @property
    def sales(self) -> list[Sale]:
        """What was sold."""
        return [
            Sale(
                transaction_id=one.transaction_id,
                receipt_id=self.receipt_id,
                listing_id=one.listing_id,
                title=one.title or "",
                sku=one.sku or "",
                chosen=tuple((part.formatted_name, part.formatted_value) for part in one.variations),
                pieces=one.quantity,
                sold_at=self.created_at,
            )
            for one in self.transactions
        ]


class Me(Answer):
    """The user that a token belongs to."""

    user_id: int
    shop_id: int | None = None


class ShopAnswer(Answer):
    """A shop as Etsy shows it; its prices are in `currency_code` (ISO 4217)."""

    shop_id: int
    shop_name: str
    currency_code: str
    url: str = ""
    is_vacation: bool = False


class ShippingProfile(Answer):
    """A shipping profile. A `calculated` one requires weight and size of the item."""

    shipping_profile_id: int
    title: Text | None = None
    profile_type: str = "manual"
    is_deleted: bool = False


class ReturnPolicy(Answer):
    """A return policy: whether and for how many days an item can be returned. It has no name."""

    return_policy_id: int
    accepts_returns: bool = False
    accepts_exchanges: bool = False
    return_deadline: int | None = None


class ReadinessState(Answer):
    """A processing profile: ready_to_ship or made_to_order, and in how many days."""

    readiness_state_id: int
    readiness_state: str
    min_processing_days: int | None = None
    max_processing_days: int | None = None
    processing_days_display_label: str = ""


class TaxonomyNode(Answer):
    """A category of Etsy with its subcategories."""

    id: int
    name: Text
    level: int = 0
    parent_id: int | None = None
    children: Annotated[tuple["TaxonomyNode", ...], NullIsEmpty] = ()
    full_path_taxonomy_ids: Annotated[tuple[int, ...], NullIsEmpty] = ()
