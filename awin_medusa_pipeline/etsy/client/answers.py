"""Reads Etsy's answers: listings, inventories, images, orders, and the profiles and policies of a shop.

Fields that are not named here are ignored, so that a new field at Etsy breaks nothing. Money is a Decimal in the
currency's major unit, times are aware UTC.
"""

import html
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

from awin_medusa_pipeline.etsy.domain.requests import PropertyValue, form_value
from awin_medusa_pipeline.etsy.domain.sales import Sale, Standing, standing_of
from awin_medusa_pipeline.etsy.domain.shown import ShownListing, ShownVariant
from awin_medusa_pipeline.etsy.domain.when_made import when_made_meaning

# Etsy escapes some texts for HTML (open-api #446).
Text = Annotated[str, BeforeValidator(lambda value: html.unescape(value) if isinstance(value, str) else value)]
# Etsy shows listings that were set inactive as "edit" (staff in open-api #516), which its specification lacks.
State = Annotated[str, BeforeValidator(lambda value: "inactive" if value == "edit" else value)]
Timestamp = Annotated[int, Field(ge=0, le=2**35)]
"""Seconds since 1970, in which Python and the store have a date."""
Pieces = Annotated[int, Field(ge=0, le=2**31)]
Id = Annotated[int, Field(ge=0, lt=2**63)]
"""As the store keeps it."""
# Etsy leaves out an empty list, or returns null.
NullIsEmpty = BeforeValidator(lambda value: () if value is None else value)


class Answer(BaseModel):
    """Base of everything that Etsy answers."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Money(Answer):
    """An amount in Etsy's form: 1250 hundredths of GBP."""

    amount: Annotated[int, Field(ge=0, le=2**53)]
    divisor: Annotated[int, Field(gt=0, le=10**6)]
    currency_code: str

    @property
    def value(self) -> Decimal:
        """The amount in the currency's major unit: 12.5."""
        return Decimal(self.amount) / self.divisor


class ListedPropertyValue(Answer):
    """A PropertyValue as Etsy shows it."""

    property_id: Id
    property_name: Text | None = None
    scale_id: Id | None = None
    value_ids: Annotated[tuple[int, ...], NullIsEmpty] = ()
    values: Annotated[tuple[Text, ...], NullIsEmpty] = ()


class ListedOffering(Answer):
    """An Offering as Etsy shows it. Its id changes with every write, so it is not read."""

    price: Money
    quantity: Pieces
    is_enabled: bool = True
    is_deleted: bool = False
    readiness_state_id: Id | None = None


class ListedProduct(Answer):
    """An InventoryProduct as Etsy shows it. Its id changes with every write (open-api #523)."""

    product_id: Id | None = None
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

    @property
    def values(self) -> dict[tuple[int, int], str]:
        """Property and id of each value of its variations -> its text."""
        listed = [value for product in self.products if not product.is_deleted for value in product.property_values]
        return {
            (value.property_id, value_id): text
            for value in listed
            for value_id, text in zip(value.value_ids, value.values, strict=False)
        }

    def variants(self) -> tuple[ShownVariant, ...]:
        """Return the variants that are not deleted."""
        return tuple(
            ShownVariant(
                values=tuple(PropertyValue(**value.model_dump()) for value in product.property_values),
                sku=product.sku or "",
                price=offering.price.value,
                quantity=offering.quantity,
                for_sale=offering.is_enabled and offering.quantity > 0,
                readiness_state_id=offering.readiness_state_id,
                product_id=product.product_id,
            )
            for product in self.products
            if not product.is_deleted
            for offering in product.offerings
            if not offering.is_deleted
        )


class ListingImage(Answer):
    """An image of a listing."""

    listing_image_id: Id
    rank: int = 1


class ListedVariationImage(Answer):
    """A VariationImage as Etsy shows it, with the text of the value."""

    property_id: Id
    value_id: Id
    value: Text | None = None
    image_id: Id


class ListingAnswer(Answer):
    """A listing as Etsy shows it. `skus`, `images` and `inventory` are empty or None unless the call includes them."""

    listing_id: Id
    state: State
    title: Text
    description: Text = ""
    url: str = ""
    quantity: Pieces = 0
    price: Money | None = None
    created_timestamp: Timestamp = Field(0, validation_alias=AliasChoices("created_timestamp", "creation_timestamp"))
    updated_timestamp: Timestamp = 0
    tags: Annotated[tuple[Text, ...], NullIsEmpty] = ()
    materials: Annotated[tuple[Text, ...], NullIsEmpty] = ()
    skus: Annotated[tuple[str, ...], NullIsEmpty] = ()
    taxonomy_id: Id | None = None
    shipping_profile_id: Id | None = None
    return_policy_id: Id | None = None
    readiness_state_id: Id | None = None
    shop_section_id: Id | None = None
    who_made: str | None = None
    when_made: Annotated[
        str | None, BeforeValidator(lambda value: when_made_meaning(value) if isinstance(value, str) else value)
    ] = None
    """By its meaning (when_made.py)."""
    is_supply: bool | None = None
    should_auto_renew: bool | None = None
    has_variations: bool = False
    images: Annotated[tuple[ListingImage, ...], NullIsEmpty] = ()
    inventory: ListedInventory | None = None

    @property
    def created_at(self) -> datetime:
        """When the listing was made, to the second."""
        return datetime.fromtimestamp(self.created_timestamp, UTC)

    def shown(self, inventory: ListedInventory | None) -> ShownListing:
        """Return what is compared: with the variants where they were read, without what Etsy does not return."""
        content = {name: getattr(self, name) for name in _COMPARED}
        return ShownListing(
            state=self.state,
            content={name: form_value(value) for name, value in content.items() if value is not None},
            image_ids=tuple(image.listing_image_id for image in sorted(self.images, key=lambda image: image.rank)),
            variants=inventory.variants() if inventory else None,
        )


_COMPARED = (
    *("title", "description", "tags", "materials", "taxonomy_id", "shipping_profile_id", "return_policy_id"),
    *("who_made", "when_made", "is_supply", "should_auto_renew"),
)


class Variation(Answer):
    """What a buyer chose, or wrote: a personalization has no value_id."""

    formatted_name: Text = ""
    formatted_value: Text = ""


class Transaction(Answer):
    """What was ordered of one variant of a listing; the listing may be gone."""

    transaction_id: Id
    listing_id: Id | None = None
    title: Text | None = None
    sku: str | None = None
    quantity: Pieces
    variations: Annotated[tuple[Variation, ...], NullIsEmpty] = ()


class Receipt(Answer):
    """An order. Buyer and address are not read."""

    receipt_id: Id
    status: str = ""
    is_paid: bool = False
    created_timestamp: Timestamp = Field(validation_alias=AliasChoices("created_timestamp", "create_timestamp"))
    updated_timestamp: Timestamp = Field(validation_alias=AliasChoices("updated_timestamp", "update_timestamp"))
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

    user_id: Id
    shop_id: Id | None = None


class ShopAnswer(Answer):
    """A shop as Etsy shows it; its prices are in `currency_code` (ISO 4217)."""

    shop_id: Id
    shop_name: str
    currency_code: str
    url: str = ""
    is_vacation: bool = False
    shop_location_country_iso: str | None = None
    """ISO 3166, two letters."""


class ShippingProfile(Answer):
    """A shipping profile. A `calculated` one requires weight and size of the item."""

    shipping_profile_id: Id
    title: Text | None = None
    profile_type: str = "manual"
    is_deleted: bool = False


class ReturnPolicy(Answer):
    """A return policy: whether and for how many days an item can be returned. It has no name."""

    return_policy_id: Id
    accepts_returns: bool = False
    accepts_exchanges: bool = False
    return_deadline: int | None = None


class ReadinessState(Answer):
    """A processing profile: ready_to_ship or made_to_order, and in how many days."""

    readiness_state_id: Id
    readiness_state: str
    min_processing_days: int | None = None
    max_processing_days: int | None = None
    processing_days_display_label: str = ""


class ProductionPartner(Answer):
    """Who else makes things for the shop."""

    production_partner_id: Id
    partner_name: str = ""


class TaxonomyNode(Answer):
    """A category of Etsy with its subcategories."""

    id: int
    name: Text
    level: int = 0
    parent_id: Id | None = None
    children: Annotated[tuple["TaxonomyNode", ...], NullIsEmpty] = ()
    full_path_taxonomy_ids: Annotated[tuple[int, ...], NullIsEmpty] = ()
