"""Checks that what an account's settings rest on is still so at Etsy, before anything is written.

What was true when the shop was connected may have changed: its currency, its country, its profiles and policies.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from awin_medusa_pipeline.core.errors import Action, PermanentError
from awin_medusa_pipeline.etsy.client.client import EtsyClient
from awin_medusa_pipeline.etsy.client.errors import NotFoundError
from awin_medusa_pipeline.etsy.engine.choices import EU, ShopChoices
from awin_medusa_pipeline.etsy.store.accounts import EtsyAccount

_RESTS_OF_STOCK = ("currency", "readiness_state_id")
"""What writing variants rests on."""
_NAMES = {
    "shipping_profile_id": "shipping profile",
    "return_policy_id": "return policy",
    "readiness_state_id": "processing profile",
    "production_partner_ids": "production partner",
}
TO_DO = {
    Action.CONNECT_ETSY: "Connect the shop again.",
    Action.CHANGE_ETSY_SETTINGS: "Correct the settings of the shop.",
}


class PremisesGoneError(PermanentError):
    """The shop at Etsy is not as the account's settings say; nothing was written."""


@dataclass(frozen=True)
class Change:
    """What is no more so. `field`: of the settings; `words`: after "it"; `action`: what mends it."""

    field: str
    words: str
    action: Action


def read_premises(client: EtsyClient, account: EtsyAccount, *, only_stock: bool = False) -> ShopChoices:
    """Read the shop as it is now, in four or five calls.

    Raises PremisesGoneError when the account's settings do not fit it any more. `only_stock`: nothing but quantities
    is going to be written, which rest on currency and processing profile alone.
    """
    tried = f"Looking at the Etsy shop {account.shop_name}, on which the settings rest"
    try:
        choices = ShopChoices.read(client, named_in=account.api_config)
    except NotFoundError:
        to_do = TO_DO[Action.CONNECT_ETSY]
        raise PremisesGoneError(tried, "Etsy has no such shop any more", to_do, action=Action.CONNECT_ETSY) from None
    found = [change for change in find_changes(choices, account) if not only_stock or change.field in _RESTS_OF_STOCK]
    if found:
        came_back = f"it {', and it '.join(change.words for change in found)}"
        raise PremisesGoneError(tried, came_back, TO_DO[found[0].action], action=found[0].action)
    return choices


def find_changes(choices: ShopChoices, account: EtsyAccount) -> Iterator[Change]:
    """Find what the account's settings rest on and is no more so, the gravest first."""
    config, shop = account.api_config, choices.shop
    if shop.currency_code != account.currency:
        words = f"sells in {shop.currency_code} now, not in {account.currency}"
        yield Change("currency", words, Action.CONNECT_ETSY)
    for category, field, value in choices.unknown_in(config):
        where = f", for the category {category}" if category else ""
        words = f"has no {_NAMES.get(field, field)} {value} any more ({field}{where})"
        yield Change(field, words, Action.CHANGE_ETSY_SETTINGS)
    computes = choices.computes_postage(config)
    if computes != config.calculated_shipping:
        now = "has a shipping profile that computes postage now" if computes else "computes postage no more"
        words = f"{now} (set calculated_shipping to {str(computes).lower()})"
        yield Change("calculated_shipping", words, Action.CHANGE_ETSY_SETTINGS)
    needs_policy = config.publish and config.eu_shop and config.return_policy_id is None
    country = shop.shop_location_country_iso
    if needs_policy and country and country not in EU:
        words = f"is in {country} now, and outside the EU Etsy asks for a return policy (return_policy_id, eu_shop)"
        yield Change("return_policy_id", words, Action.CHANGE_ETSY_SETTINGS)


def vacation_note(choices: ShopChoices) -> tuple[str, ...]:
    """Say that nobody can buy now, which stops nothing."""
    name = choices.shop.shop_name
    return (f"The Etsy shop {name} is on vacation: nobody can buy there.",) if choices.shop.is_vacation else ()
