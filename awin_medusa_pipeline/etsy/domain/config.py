"""How the owner of an Etsy shop wants products listed: the defaults of an account, by category, and its price rule.

What belongs here: the shape of etsy_account.api_config, and what is certain about it without Etsy. What does not: the
listing made of it (listing.py), and whether Etsy knows the profiles that it names (the client asks).
"""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from awin_medusa_pipeline.etsy.domain.requests import LengthUnit, WeightUnit, WhoMade

EtsyId = Annotated[int, Field(ge=1)]
WHEN_MADE = r"^(made_to_order|before_\d{4}|\d{4}_\d{4}|\d{4}s)$"
"""Etsy's year buckets move each January (`2020_2026`), so the form is checked and Etsy knows the rest."""
WITHOUT_CENTS = frozenset({"CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND"})


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ListingDefaults(_Model):
    """What Etsy asks of a listing and Medusa does not know. None: not said here."""

    taxonomy_id: EtsyId | None = Field(None, description="Etsy's category (taxonomy node).")
    shipping_profile_id: EtsyId | None = Field(None, description="Etsy asks for one of every physical listing.")
    return_policy_id: EtsyId | None = Field(None, description="Needed to publish, outside the EU.")
    readiness_state_id: EtsyId | None = Field(None, description="Processing profile: how soon it is sent.")
    who_made: WhoMade | None = None
    when_made: str | None = Field(None, pattern=WHEN_MADE)
    is_supply: bool | None = Field(None, description="A supply or tool to make things with, not a finished product.")
    production_partner_ids: tuple[EtsyId, ...] | None = Field(
        None, description="Who makes it, where someone else makes it to order."
    )

    def over(self, other: "ListingDefaults") -> "ListingDefaults":
        """What is said here, and the rest from `other`."""
        said = {name: value for name in ListingDefaults.model_fields if (value := getattr(self, name)) is not None}
        return ListingDefaults(**{name: getattr(other, name) for name in ListingDefaults.model_fields} | said)


class PriceRule(_Model):
    """The price on Etsy: price in Medusa x multiplier + addition, rounded half up to a multiple of `step`."""

    multiplier: Decimal = Field(Decimal(1), gt=0)
    addition: Decimal = Field(Decimal(0), description="In the currency of the Etsy shop.")
    step: Decimal = Field(Decimal("0.01"), gt=0, decimal_places=2)

    def __call__(self, price: Decimal, currency: str) -> Decimal:
        """In major units of `currency` (ISO 4217), with as many decimals as it has."""
        step = max(self.step, Decimal(1)) if currency.upper() in WITHOUT_CENTS else self.step
        steps = ((price * self.multiplier + self.addition) / step).quantize(Decimal(1), ROUND_HALF_UP)
        return (steps * step).quantize(Decimal("0.01"))


class EtsyAccountConfig(ListingDefaults):
    """Everything about listings that the owner decides once, when a shop is connected. Each default is the safe one."""

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
        20, ge=0, description="Publish at most so many in one run, at 0.20 USD each; the rest stay drafts."
    )
    auto_renew: bool = Field(False, description="Let Etsy renew, and charge for, a listing every four months.")
    eu_shop: bool = Field(False, description="Etsy asks shops in the EU for no return policy.")
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
        """The defaults of a product in these categories."""
        handles = set(category_handles)
        special = next((said for handle, said in self.by_category.items() if handle in handles), None)
        return (special or ListingDefaults()).over(self)
