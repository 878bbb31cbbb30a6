"""Defines what is sent to Etsy: a draft, a patch, an inventory, and how each is encoded.

Only the fields that this project uses; Etsy's rules for their content are in listing.py. Money is a Decimal in the
shop's currency; `when_made` is a meaning, which the client turns into the group of years that Etsy has today.
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

from awin_medusa_pipeline.etsy.domain.when_made import WhenMade

WhoMade = Literal["i_did", "someone_else", "collective"]
ListingState = Literal["active", "inactive", "sold_out", "draft", "removed", "expired"]
WeightUnit = Literal["oz", "lb", "g", "kg"]
LengthUnit = Literal["in", "ft", "mm", "cm", "m", "yd", "inches"]

# Etsy: the two variation properties that the seller names.
CUSTOM_PROPERTIES = (513, 514)

# Etsy takes an array as one comma-separated value: a comma inside an element would split it.
Word = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^,]*$")]
Amount = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]
JsonAmount = Annotated[Amount, PlainSerializer(float, when_used="json")]


class EtsyRequest(BaseModel):
    """Base of everything sent to Etsy."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FormRequest(EtsyRequest):
    """A request sent as a form."""

    def form(self) -> dict[str, str]:
        """Encode the form; what is None or blank is left out, so it stays as it is on Etsy.

        What Etsy makes of a blank array differs (open-api #419: it is taken; #485: HTTP 500), so none is ever sent.
        """
        sent = {name: form_value(value) for name, value in self if value is not None}
        return {name: value for name, value in sent.items() if value}


def form_value(value: Any) -> str:
    """Encode a value. Etsy: true and false, plain decimals, comma-separated arrays (of repeated keys only the last)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ",".join(form_value(part) for part in value)
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


class _Content(FormRequest):
    """The content that a draft is made with and an update may change."""

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
    """A new listing; Etsy makes it a draft, which costs nothing.

    If `should_auto_renew` were left out, Etsy would renew and charge for the listing every four months.
    """

    quantity: int
    title: str
    description: str
    price: Amount
    who_made: WhoMade
    when_made: WhenMade
    is_supply: bool
    taxonomy_id: int
    readiness_state_id: int | None = None
    image_ids: Annotated[tuple[int, ...], Field(min_length=1)] | None = None
    should_auto_renew: bool = False
    is_customizable: bool | None = None


class ListingPatch(_Content):
    """Changes to a listing's content.

    State and image order have calls of their own. Price and quantity are part of the inventory: Etsy ignores them here.
    """

    title: str | None = None
    description: str | None = None
    taxonomy_id: int | None = None
    who_made: WhoMade | None = None
    when_made: WhenMade | None = None
    is_supply: bool | None = None
    should_auto_renew: bool | None = None

    @model_validator(mode="after")
    def _all_three(self) -> Self:
        """Etsy: who_made, when_made and is_supply only together."""
        if len({self.who_made is None, self.when_made is None, self.is_supply is None}) > 1:
            raise ValueError("who_made, when_made and is_supply go together")
        return self


class PropertyValue(EtsyRequest):
    """The value of an inventory product along one variation: property 513 "Colour", values ("red",)."""

    property_id: int
    property_name: str | None = None
    scale_id: int | None = None
    value_ids: tuple[int, ...] = ()
    values: tuple[str, ...]

    @model_serializer(mode="wrap")
    def _without_none(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Etsy: property_name is a text or absent."""
        return {name: value for name, value in dump(self).items() if value is not None}


class VariationImage(EtsyRequest):
    """A link between a value of a variation and a picture."""

    property_id: int
    value_id: int
    image_id: int


class Offering(EtsyRequest):
    """Price, in the shop's currency, and quantity of one inventory product."""

    price: JsonAmount
    quantity: int
    is_enabled: bool = True
    readiness_state_id: int | None = None


class InventoryProduct(EtsyRequest):
    """One variant. Without variations a listing has one product without property values."""

    sku: str = ""
    property_values: tuple[PropertyValue, ...] = ()
    offerings: tuple[Offering]


class Inventory(EtsyRequest):
    """All variants of a listing. Each write replaces all of them."""

    products: Annotated[tuple[InventoryProduct, ...], Field(min_length=1)]
    price_on_property: tuple[int, ...] = ()
    quantity_on_property: tuple[int, ...] = ()
    sku_on_property: tuple[int, ...] = ()
    readiness_state_on_property: tuple[int, ...] = ()

    def body(self) -> dict[str, Any]:
        """Encode the JSON body."""
        return self.model_dump(mode="json")
