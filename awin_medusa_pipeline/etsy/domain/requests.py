"""What is sent to Etsy: a draft, a patch, an inventory, and their forms on the wire.

What belongs here: the fields of Etsy's requests that this project uses; no others are taken. What does not: Etsy's
rules of content (lengths, characters, limits: listing.py), and what Etsy answers (etsy/client/answers.py). Money is a
Decimal in the shop's currency.
"""

from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
    model_validator,
)

WhoMade = Literal["i_did", "someone_else", "collective"]
ListingState = Literal["active", "inactive", "sold_out", "draft", "removed", "expired"]
WeightUnit = Literal["oz", "lb", "g", "kg"]
LengthUnit = Literal["in", "ft", "mm", "cm", "m", "yd", "inches"]

# Etsy: the two variation properties whose name the seller gives.
CUSTOM_PROPERTIES = (513, 514)

# Etsy takes an array as one value with commas between: a comma inside would make two of one.
Word = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^,]*$")]
Amount = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]
JsonAmount = Annotated[Amount, PlainSerializer(float, when_used="json")]


class Request(BaseModel):
    """Something sent."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FormRequest(Request):
    """Something sent as a form."""

    def form(self) -> dict[str, str]:
        """Names and values of the form; a field that is None stays as it is at Etsy, so it is left out."""
        return {name: form_value(value) for name, value in self if value is not None}


def form_value(value: Any) -> str:
    """Etsy: true and false, plain decimals, arrays as one value with commas (repeated keys lose all but the last)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ",".join(form_value(part) for part in value)
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


class _Content(FormRequest):
    """What a draft is made with and an update may change."""

    materials: tuple[Word, ...] | None = None
    tags: tuple[Word, ...] | None = None
    shipping_profile_id: int | None = None
    return_policy_id: int | None = None
    shop_section_id: int | None = None
    item_weight: Amount | None = None
    item_weight_unit: WeightUnit | None = None
    item_length: Amount | None = None
    item_width: Amount | None = None
    item_height: Amount | None = None
    item_dimensions_unit: LengthUnit | None = None
    production_partner_ids: tuple[int, ...] | None = None
    is_taxable: bool | None = None
    type: Literal["physical", "download", "both"] | None = None


class DraftListing(_Content):
    """A listing to be made; Etsy makes it a draft, which costs nothing.

    `when_made` has buckets that move each January, so it is any text. Without `should_auto_renew` Etsy would charge
    the listing again every four months.
    """

    quantity: int
    title: str
    description: str
    price: Amount
    who_made: WhoMade
    when_made: str
    is_supply: bool
    taxonomy_id: int
    readiness_state_id: int | None = None
    image_ids: Annotated[tuple[int, ...], Field(min_length=1)] | None = None
    should_auto_renew: bool = False
    is_customizable: bool | None = None

    def form(self) -> dict[str, str]:
        """Without what is empty too: a new listing has nothing to clear."""
        return {name: value for name, value in super().form().items() if value}


class ListingPatch(_Content):
    """What is to change of a listing's content; an empty array clears.

    State and order of images are calls of their own. Price and quantity are in the inventory: Etsy passes over them
    here.
    """

    title: str | None = None
    description: str | None = None
    taxonomy_id: int | None = None
    who_made: WhoMade | None = None
    when_made: str | None = None
    is_supply: bool | None = None
    should_auto_renew: bool | None = None

    @model_validator(mode="after")
    def _all_three(self) -> Self:
        """Etsy: who, when and supply only together."""
        if len({self.who_made is None, self.when_made is None, self.is_supply is None}) > 1:
            raise ValueError("who_made, when_made and is_supply go together")
        return self


class PropertyValue(Request):
    """What a product of the inventory is along one variation: property 513 "Colour", values ("red",)."""

    property_id: int
    property_name: str | None = None
    scale_id: int | None = None
    value_ids: tuple[int, ...] = ()
    values: tuple[str, ...]

    @model_serializer(mode="wrap")
    def _without_none(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Etsy: property_name is a text or not there."""
        return {name: value for name, value in dump(self).items() if value is not None}


class Offering(Request):
    """Price in the shop's currency and quantity of one product."""

    price: JsonAmount
    quantity: int
    is_enabled: bool = True
    readiness_state_id: int | None = None


class InventoryProduct(Request):
    """One variant. Without variations a listing has one product without property values."""

    sku: str = ""
    property_values: tuple[PropertyValue, ...] = ()
    offerings: tuple[Offering]


class Inventory(Request):
    """All variants of a listing. Each writing replaces all of them."""

    products: Annotated[tuple[InventoryProduct, ...], Field(min_length=1)]
    price_on_property: tuple[int, ...] = ()
    quantity_on_property: tuple[int, ...] = ()
    sku_on_property: tuple[int, ...] = ()
    readiness_state_on_property: tuple[int, ...] = ()

    def body(self) -> dict[str, Any]:
        """The JSON body."""
        return self.model_dump(mode="json")

    def comparable(self) -> "Inventory":
        """The same inventory in a form in which equal means equal at Etsy.

        Etsy gives other value ids than it was sent, and names for properties of its own: both are left out, and
        products and properties are put in order.
        """
        products = [
            product.model_copy(update={"property_values": _in_order(product.property_values)})
            for product in self.products
        ]
        order = {name: tuple(sorted(getattr(self, name))) for name in Inventory.model_fields if name != "products"}
        by_what_it_is = sorted(
            products,
            key=lambda product: ([(value.property_id, value.values) for value in product.property_values], product.sku),
        )
        return self.model_copy(update={"products": tuple(by_what_it_is), **order})


def _in_order(values: tuple[PropertyValue, ...]) -> tuple[PropertyValue, ...]:
    return tuple(
        value.model_copy(
            update={
                "value_ids": (),
                "property_name": value.property_name if value.property_id in CUSTOM_PROPERTIES else None,
            }
        )
        for value in sorted(values, key=lambda value: value.property_id)
    )
