"""Reads the app, the user, the shop, its profiles and Etsy's categories."""

from typing import Any

from awin_medusa_pipeline.sandbox.etsy import shop
from awin_medusa_pipeline.sandbox.etsy.answers import Answer, as_json, refusal
from awin_medusa_pipeline.sandbox.etsy.received import Received


def ping(call: Received) -> Answer:
    """ping."""
    return as_json({"application_id": 1_234_567_890})


def me(call: Received) -> Answer:
    """getMe."""
    return as_json({"user_id": shop.USER_ID, "shop_id": shop.SHOP_ID})


def read(call: Received) -> Answer:
    """getShop."""
    _check_shop(call)
    return as_json(_shop(call))


def shipping_profiles(call: Received) -> Answer:
    """getShopShippingProfiles."""
    return as_json(call.result(list(shop.SHIPPING_PROFILES)))


def return_policies(call: Received) -> Answer:
    """getShopReturnPolicies."""
    _check_shop(call)
    return as_json(call.result(list(shop.RETURN_POLICIES)))


def readiness_states(call: Received) -> Answer:
    """getShopReadinessStateDefinitions."""
    limit, offset = call.number("limit", 25, 1, 100), call.number("offset", 0, 0, 12_000)
    found = shop.READINESS_STATES
    return as_json(call.result(list(found[offset : offset + limit]), len(found)))


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
