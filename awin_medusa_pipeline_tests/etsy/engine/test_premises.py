"""What an account's settings rest on: whatever is no more so at Etsy is named, with what mends it."""

from collections.abc import Iterator
from typing import Any

import pytest

from awin_medusa_pipeline.core.errors import Action
from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.etsy.engine.premises import PremisesGoneError, read_premises, vacation_note
from awin_medusa_pipeline.remedies import sentence
from awin_medusa_pipeline.sandbox.etsy import shop
from awin_medusa_pipeline.sandbox.etsy.handle import EtsyHandle
from awin_medusa_pipeline_tests.support.etsy_laboratory import EtsyLaboratory, laboratory
from awin_medusa_pipeline_tests.support.etsy_products import account_config

READS = ["getShop", "getShopShippingProfiles", "getShopReturnPolicies", "getShopReadinessStateDefinitions"]


@pytest.fixture
def lab(etsy: EtsyHandle, etsy_store: Database) -> Iterator[EtsyLaboratory]:
    with laboratory(etsy, etsy_store) as lab:
        yield lab


def looked(lab: EtsyLaboratory, *, only_stock: bool = False, **config: Any) -> str:
    """What a look says; "" where all is as it was."""
    lab.accounts.configure(lab.account_id, account_config(**config))
    account = lab.accounts.get(lab.account_id)
    with lab.client(account) as client:
        try:
            read_premises(client, account, only_stock=only_stock)
        except PremisesGoneError as fault:
            return sentence(fault)
    return ""


BY_WEIGHT = {"shipping_profile_id": shop.CALCULATED_PROFILE}
SETTINGS = "Correct the settings of the shop: awin-medusa etsy settings."
LOST: dict[str, tuple[dict[str, Any], str]] = {
    "a shipping profile": (
        {"shipping_profile_id": shop.DELETED_PROFILE},
        f"it has no shipping profile {shop.DELETED_PROFILE} any more (shipping_profile_id). {SETTINGS}",
    ),
    "a return policy": ({"return_policy_id": 5}, "it has no return policy 5 any more (return_policy_id)"),
    "a processing profile": ({"readiness_state_id": 5}, "it has no processing profile 5 any more (readiness_state_id)"),
    "a production partner": (
        {"production_partner_ids": (shop.PARTNER, 9)},
        "it has no production partner 9 any more (production_partner_ids)",
    ),
    "of a category": (
        {"by_category": {"mugs": {"return_policy_id": 5}}},
        "it has no return policy 5 any more (return_policy_id, for the category mugs)",
    ),
    "postage is computed": (
        BY_WEIGHT,
        "it has a shipping profile that computes postage now (set calculated_shipping to",
    ),
    "postage is computed for a category": ({"by_category": {"mugs": BY_WEIGHT}}, "computes postage now"),
    "postage is computed no more": (
        {"calculated_shipping": True},
        "it computes postage no more (set calculated_shipping to false)",
    ),
    "the shop has moved out of the EU": (
        {"eu_shop": True, "publish": True, "return_policy_id": None},
        "it is in GB now, and outside the EU Etsy asks for a return policy",
    ),
    "several": (
        {"return_policy_id": 5, "readiness_state_id": 6},
        "it has no return policy 5 any more (return_policy_id), and it has no processing profile 6 any more",
    ),
}


@pytest.mark.parametrize(("config", "said"), LOST.values(), ids=LOST.keys())
def test_what_is_no_more_so_is_named_with_what_mends_it(config: dict[str, Any], said: str, lab: EtsyLaboratory) -> None:
    found = looked(lab, **config)
    assert found.startswith("Looking at the Etsy shop Stand-in, on which the settings rest: it ")
    assert said in found
    assert found.endswith(SETTINGS)


FINE: dict[str, dict[str, Any]] = {
    "nothing has changed": {},
    "postage is computed, as it was": BY_WEIGHT | {"calculated_shipping": True},
    "a category alone computes it, as it did": {"by_category": {"mugs": BY_WEIGHT}, "calculated_shipping": True},
    "a partner that is there": {"production_partner_ids": (shop.PARTNER,)},
    "no policy, and nothing is published": {"eu_shop": True, "return_policy_id": None},
    "a policy outside the EU": {"eu_shop": True, "publish": True},
}


@pytest.mark.parametrize("config", FINE.values(), ids=FINE.keys())
def test_what_is_still_so_stops_nothing(config: dict[str, Any], lab: EtsyLaboratory) -> None:
    assert looked(lab, **config) == ""


def test_another_currency_is_told_first(lab: EtsyLaboratory) -> None:
    lab.etsy.change(currency="EUR")
    found = looked(lab, return_policy_id=5)
    assert "it sells in EUR now, not in GBP, and it has no return policy 5 any more" in found
    assert found.endswith("Connect the shop again: awin-medusa etsy connect.")


def test_a_shop_that_etsy_does_not_have(lab: EtsyLaboratory) -> None:
    account = lab.accounts.get(lab.account_id)
    client = lab.client(account)
    client.shop_id = 7
    with client, pytest.raises(PremisesGoneError, match="no such shop any more") as caught:
        read_premises(client, account)
    assert caught.value.action is Action.CONNECT_ETSY


@pytest.mark.parametrize(
    ("config", "stops"), [({"return_policy_id": 5}, False), (BY_WEIGHT, False), ({"readiness_state_id": 5}, True)]
)
def test_stock_alone_rests_on_less(config: dict[str, Any], stops: bool, lab: EtsyLaboratory) -> None:
    assert bool(looked(lab, only_stock=True, **config)) is stops
    lab.etsy.change(currency="EUR")
    assert looked(lab, only_stock=True, **config)


@pytest.mark.parametrize(
    ("config", "more"), [({}, []), ({"production_partner_ids": (shop.PARTNER,)}, ["getShopProductionPartners"])]
)
def test_a_look_is_few_calls(config: dict[str, Any], more: list[str], lab: EtsyLaboratory) -> None:
    before = lab.etsy.last_call()
    looked(lab, **config)
    assert [call.operation for call in lab.etsy.calls(after=before)] == [*READS, *more]


def test_a_vacation_is_told(lab: EtsyLaboratory) -> None:
    account = lab.accounts.get(lab.account_id)
    with lab.client(account) as client:
        choices = read_premises(client, account)
    assert vacation_note(choices) == ()
    away = choices.shop.model_copy(update={"is_vacation": True})
    (note,) = vacation_note(type(choices)(away, choices.questions, choices.calculated_profiles))
    assert note == "The Etsy shop StandInShop is on vacation: nobody can buy there."
