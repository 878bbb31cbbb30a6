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


def production_partners(call: Received) -> Answer:
    """getShopProductionPartners."""
    return as_json(call.result(list(shop.PRODUCTION_PARTNERS)))


def sections(call: Received) -> Answer:
    """getShopSections."""
    _check_shop(call)
    return as_json(call.result(list(shop.SECTIONS)))


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
    active = [listing for listing in call.state.shown_listings() if listing.state == "active"]
    sold = [receipt for receipt in call.state.shown_receipts() if receipt.is_paid]
    texts = ("announcement", "vacation_message", "sale_message", "digital_sale_message", "vacation_autoreply")
    policies = ("welcome", "payment", "shipping", "refunds", "additional", "seller_info", "privacy")
    times = ("create_date", "created_timestamp", "update_date", "updated_timestamp", "policy_update_date")
    return {
        "shop_id": shop.SHOP_ID,
        "user_id": shop.USER_ID,
        "shop_name": shop.SHOP_NAME,
        "login_name": shop.SHOP_NAME.lower(),
        "title": "A stand-in for an Etsy shop",
        **dict.fromkeys(texts),
        **dict.fromkeys(f"policy_{name}" for name in policies),
        **dict.fromkeys(times, shop.FOUNDED),
        "currency_code": call.state.settings.currency,
        "is_vacation": False,
        "listing_active_count": len(active),
        "digital_listing_count": 0,
        "transaction_sold_count": sum(len(receipt.transactions) for receipt in sold),
        "accepts_custom_requests": True,
        "policy_has_private_receipt_info": False,
        "has_unstructured_policies": False,
        "is_using_structured_policies": True,
        "has_onboarded_structured_policies": True,
        "include_dispute_form_link": False,
        "is_direct_checkout_onboarded": True,
        "is_etsy_payments_onboarded": True,
        "is_opted_in_to_buyer_promise": False,
        "url": f"{call.base_url}/shop/{shop.SHOP_NAME}",
        "image_url_760x100": None,
        "icon_url_fullxfull": None,
        "num_favorers": 0,
        "review_count": None,
        "review_average": None,
        "languages": ["en-US"],
        "shop_location_country_iso": "IE" if call.state.settings.is_eu else "GB",
        "shipping_from_country_iso": "GB",
        "is_shop_us_based": False,
        "is_calculated_eligible": True,
    }
