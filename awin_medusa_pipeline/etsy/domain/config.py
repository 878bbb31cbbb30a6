"""Defines how the owner of an Etsy shop wants products listed: defaults, exceptions per category, and the price rule.

The state store keeps it as JSON in etsy_account.api_config. Whether Etsy knows the ids in it is checked elsewhere
(etsy/engine/choices.py).
"""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from awin_medusa_pipeline.etsy.domain.requests import LengthUnit, WeightUnit, WhoMade
from awin_medusa_pipeline.etsy.domain.when_made import WhenMade

EtsyId = Annotated[int, Field(ge=1)]
WITHOUT_CENTS = frozenset({"CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND"})


def smallest_amount(currency: str) -> Decimal:
    """Return the smallest amount of a currency: a cent, or one where there are no cents."""
    return Decimal(1) if currency.upper() in WITHOUT_CENTS else Decimal("0.01")


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ListingDefaults(_Model):
    """What Etsy requires of a listing and Medusa does not know. None: not set at this level."""

    taxonomy_id: EtsyId | None = Field(None, description="Etsy's category (taxonomy node).")
    shipping_profile_id: EtsyId | None = Field(None, description="Etsy requires one for every physical listing.")
    return_policy_id: EtsyId | None = Field(None, description="Needed to publish, outside the EU.")
    readiness_state_id: EtsyId | None = Field(None, description="Processing profile: how soon it is sent.")
    who_made: WhoMade | None = None
    when_made: WhenMade | None = Field(
        None,
        description="made_to_order, this_decade, or a group of years as Etsy has it. Kept by its meaning, since Etsy's "
        "groups move each January.",
    )
    is_supply: bool | None = Field(None, description="A supply or tool to make things with, not a finished product.")
    production_partner_ids: tuple[EtsyId, ...] | None = Field(
        None, description="Who makes it, where someone else makes it to order."
    )

    def filled_from(self, other: "ListingDefaults") -> "ListingDefaults":
        """Return these values, with those of `other` where one is not set."""
        own = {name: value for name in ListingDefaults.model_fields if (value := getattr(self, name)) is not None}
        return ListingDefaults(**{name: getattr(other, name) for name in ListingDefaults.model_fields} | own)


class PriceRule(_Model):
    """Computes the price on Etsy: price in Medusa x multiplier + addition, rounded half up to a multiple of `step`."""

    multiplier: Decimal = Field(Decimal(1), gt=0)
    addition: Decimal = Field(Decimal(0), description="In the currency of the Etsy shop.")
    step: Decimal = Field(Decimal("0.01"), gt=0, decimal_places=2)

    def __call__(self, price: Decimal, currency: str) -> Decimal:
        """Return the price in major units of `currency` (ISO 4217), with as many decimals as the currency has."""
        step = max(self.step, smallest_amount(currency))
        steps = ((price * self.multiplier + self.addition) / step).quantize(Decimal(1), ROUND_HALF_UP)
        return (steps * step).quantize(smallest_amount(currency))


class EtsyAccountConfig(ListingDefaults):
    """What the owner decides once about listings, when a shop is connected. Each default is the safe choice."""

    is_supply: bool = False
    by_category: dict[str, ListingDefaults] = Field(
        default_factory=dict,
        description="Handle of a Medusa category -> what is different there. Of several the first written here counts.",
    )
    price: PriceRule = PriceRule()
    lowest_price: Decimal = Field(
        Decimal("0.20"), gt=0, description="Etsy's lowest price, 0.20 USD, in the currency of the Etsy shop."
    )
    highest_price: Decimal = Field(
        Decimal(35_000),
        gt=0,
        description="Etsy's highest price is 50,000 USD in the currency of the Etsy shop. Less by default, so that it "
        "holds in euros and pounds too.",
    )
    publish: bool = Field(False, description="Publish new listings; Etsy charges 0.20 USD for each. Off: drafts.")
    publish_at_most: int = Field(
        20, ge=0, description="Publish at most this many in one run, at 0.20 USD each; the rest stay drafts."
    )
    auto_renew: bool = Field(False, description="Let Etsy renew, and charge for, a listing every four months.")
    eu_shop: bool | None = Field(
        None, description="Etsy asks shops in the EU for no return policy. None: not asked yet, so it may need one."
    )
    calculated_shipping: bool = Field(
        False, description="The shipping profile computes postage, so Etsy needs weight and size of each product."
    )
    weight_unit: WeightUnit = Field("g", description="What the weights in Medusa mean.")
    length_unit: LengthUnit = Field("mm", description="What the sizes in Medusa mean.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.lowest_price > self.highest_price:
            raise ValueError(f"lowest_price {self.lowest_price} is above highest_price {self.highest_price}")
        return self

    def defaults_for(self, category_handles: Iterable[str]) -> ListingDefaults:
        """Return the defaults for a product in these categories."""
        handles = set(category_handles)
        special = next((own for handle, own in self.by_category.items() if handle in handles), None)
        return (special or ListingDefaults()).filled_from(self)
