"""What else the API tells: the app, the user, the shop, its profiles and Etsy's categories."""

from typing import Any

from awin_medusa_pipeline.sandbox.etsy import shop
from awin_medusa_pipeline.sandbox.etsy.answers import Answer, as_json, check, refusal
from awin_medusa_pipeline.sandbox.etsy.received import Received
from awin_medusa_pipeline.sandbox.etsy.rules import fields

READINESS_FIELDS: dict[str, fields.Parser] = {
    "readiness_state": fields.one_of("ready_to_ship", "made_to_order"),
    "min_processing_time": fields.whole,
    "max_processing_time": fields.whole,
    "processing_time_unit": fields.one_of("days", "weeks"),
}
TOKEN_FIELDS: dict[str, fields.Parser] = {"token": str}


def ping(call: Received) -> Answer:
    """ping."""
    return as_json({"application_id": 1_234_567_890})


def scopes(call: Received) -> Answer:
    """tokenScopes."""
    found = call.state.kept.tokens.access.get(call.request.form.get("token", ""))
    if found is None:
        raise refusal(401, "invalid_token", "Stand-in: access token is unknown or revoked")
    return as_json({"scopes": found.scopes})


def me(call: Received) -> Answer:
    """getMe."""
    return as_json({"user_id": shop.USER_ID, "shop_id": shop.SHOP_ID})


def of_user(call: Received) -> Answer:
    """getShopByOwnerUserId: one shop, not a list."""
    if call.ids["user_id"] != shop.USER_ID:
        raise refusal(404, f"Could not find a shop for user with user_id = {call.ids['user_id']}")
    return as_json(_shop(call))


def read(call: Received) -> Answer:
    """getShop."""
    _check_shop(call)
    return as_json(_shop(call))


def sections(call: Received) -> Answer:
    """getShopSections."""
    _check_shop(call)
    return as_json(call.result(list(shop.SECTIONS)))


def shipping_profiles(call: Received) -> Answer:
    """getShopShippingProfiles."""
    return as_json(call.result(list(shop.SHIPPING_PROFILES)))


def return_policies(call: Received) -> Answer:
    """getShopReturnPolicies."""
    _check_shop(call)
    return as_json(call.result(list(shop.RETURN_POLICIES)))


def production_partners(call: Received) -> Answer:
    """getShopProductionPartners."""
    return as_json(call.result(list(shop.PARTNERS)))


def readiness_states(call: Received) -> Answer:
    """getShopReadinessStateDefinitions."""
    limit, offset = call.number("limit", 25, 1, 100), call.number("offset", 0, 0, 12_000)
    found = call.state.kept.readiness_states
    return as_json(call.result(found[offset : offset + limit], len(found)))


def create_readiness_state(call: Received) -> Answer:
    """createShopReadinessStateDefinition; the same again is 409, with the place of the one that there is."""
    values, problems = fields.parse(call.request.form, READINESS_FIELDS)
    check(problems)
    needed = ("readiness_state", "min_processing_time", "max_processing_time")
    if missing := [name for name in needed if name not in values]:
        raise refusal(400, f"Missing input parameter: [{missing[0]}]")
    least, most = values["min_processing_time"], values["max_processing_time"]
    if not 1 <= least <= most <= 10:
        raise refusal(400, "Stand-in: processing times are 1 to 10, the least first")
    unit = values.get("processing_time_unit", "days")
    made = shop.readiness_state(0, values["readiness_state"], least, most, unit)
    for known in call.state.kept.readiness_states:
        if known == made | {"readiness_state_id": known["readiness_state_id"]}:
            place = f"{call.request.path}/{known['readiness_state_id']}"
            raise refusal(409, "Stand-in: there is such a profile", headers={"Content-Location": place})
    made["readiness_state_id"] = call.state.next_id("readiness_state")
    call.state.kept.readiness_states.append(made)
    return as_json(made, 201)


def taxonomy(call: Received) -> Answer:
    """getSellerTaxonomyNodes."""
    return as_json(call.result(shop.taxonomy()))


def properties(call: Received) -> Answer:
    """getPropertiesByTaxonomyId."""
    taxonomy_id = call.ids["taxonomy_id"]
    if taxonomy_id not in shop.taxonomy_ids():
        raise refusal(404, f"Stand-in: Could not find a taxonomy node with id = {taxonomy_id}")
    return as_json(call.result(shop.properties(taxonomy_id)))


def _check_shop(call: Received) -> None:
    if call.ids["shop_id"] != shop.SHOP_ID:
        raise refusal(404, f"Stand-in: Could not find a shop with shop_id = {call.ids['shop_id']}")


def _shop(call: Received) -> dict[str, Any]:
    active = [listing for listing in call.state.kept.listings.values() if listing.state == "active"]
    return {
        "shop_id": shop.SHOP_ID,
        "user_id": shop.USER_ID,
        "shop_name": shop.SHOP_NAME,
        "title": "A stand-in for an Etsy shop",
        "currency_code": call.state.settings.currency,
        "is_vacation": False,
        "listing_active_count": len(active),
        "url": f"{call.base_url}/shop/{shop.SHOP_NAME}",
        "languages": ["en-US"],
        "shop_location_country_iso": "IE" if call.state.settings.is_eu else "GB",
        "shipping_from_country_iso": "GB",
        "is_shop_us_based": False,
        "is_calculated_eligible": True,
    }
