"""Builds listings, inventories and images in the form of Etsy's answers."""

import html
from collections.abc import Collection
from typing import Any

from awin_medusa_pipeline.sandbox.etsy import shop
from awin_medusa_pipeline.sandbox.etsy.settings import StandInSettings
from awin_medusa_pipeline.sandbox.etsy.state import Listing, Shown, State

Json = dict[str, Any]

DIVISOR = 100


def escaped(text: str) -> str:
    """Escape a text for HTML, as Etsy does with some texts (open-api #446)."""
    return html.escape(text).replace("&#x27;", "&#39;")


def money(cents: int, currency: str) -> Json:
    """Build Etsy's form of an amount."""
    return {"amount": cents, "divisor": DIVISOR, "currency_code": currency}


def with_associations(found: Listing, state: State, base_url: str, *, owner: bool, includes: Collection[str]) -> Json:
    """Build a ShopListingWithAssociations; only the owner sees SKUs (open-api #621)."""
    skus = {product["sku"] for product in found.inventory["products"] if product["sku"]}
    answer = listing(found, state, base_url) | {"skus": sorted(skus) if owner else [], "views": 0}
    if "Images" in includes:
        answer["images"] = images(found, state, base_url)
    if "Inventory" in includes:
        answer["inventory"] = inventory(found, state.settings)
    return answer


def listing(found: Listing, state: State, base_url: str) -> Json:
    """Build a ShopListing."""
    products = found.inventory["products"]
    offerings = [offering for product in products for offering in product["offerings"]]
    enabled = [offering for offering in offerings if offering["is_enabled"]]
    fields = found.fields
    return {
        "listing_id": found.listing_id,
        "user_id": shop.USER_ID,
        "shop_id": shop.SHOP_ID,
        **{name: value for name, value in fields.items() if name not in ("type", "styles", "production_partner_ids")},
        "title": escaped(fields["title"]),
        "description": escaped(fields["description"]),
        "state": "edit" if found.state == "inactive" and state.settings.shows_edit else found.state,
        "listing_type": fields["type"],
        "style": fields["styles"],
        "creation_timestamp": fields["created_timestamp"],
        "last_modified_timestamp": fields["updated_timestamp"],
        "quantity": sum(offering["quantity"] for offering in enabled),
        "price": money(min(offering["price"]["amount"] for offering in enabled or offerings), state.settings.currency),
        "has_variations": any(product["property_values"] for product in products),
        "readiness_state_id": None if _hides_readiness(found, state.settings) else offerings[0]["readiness_state_id"],
        "url": f"{base_url}/listing/{found.listing_id}",
        "non_taxable": not fields["is_taxable"],
        "num_favorers": 0,
        "is_personalizable": False,
        "is_private": False,
        "file_data": "",
        "language": "en-US",
    }


def inventory(found: Listing, settings: StandInSettings) -> Json:
    """Build a ListingInventory with escaped names and values."""
    products = found.inventory["products"]
    if settings.disabled_combinations == "left_out":
        products = [product for product in products if product["offerings"][0]["is_enabled"]]
    hides = _hides_readiness(found, settings)
    return found.inventory | {"products": [_product(product, settings, hides=hides) for product in products]}


def value_text(text: str, settings: StandInSettings) -> str:
    """Build the form in which the value of an option is shown."""
    return escaped(text[:1].upper() + text[1:] if settings.recases_values else text)


def _product(product: Json, settings: StandInSettings, *, hides: bool) -> Json:
    values = [
        value
        | {
            "property_name": escaped(value["property_name"]),
            "values": [value_text(text, settings) for text in value["values"]],
        }
        for value in product["property_values"]
    ]
    [offering] = product["offerings"]
    if settings.disabled_combinations == "price_0" and not offering["is_enabled"]:
        offering = offering | {"price": offering["price"] | {"amount": 0}}
    if hides:
        offering = offering | {"readiness_state_id": None}
    return product | {"property_values": values, "offerings": [offering]}


def _hides_readiness(found: Listing, settings: StandInSettings) -> bool:
    return found.state == "draft" and settings.hides_readiness_of_drafts


def images(found: Listing, state: State, base_url: str) -> list[Json]:
    """Build the ListingImages in the order of the listing."""
    return [image(found.listing_id, shown, state, base_url) for shown in found.images]


def image(listing_id: int, shown: Shown, state: State, base_url: str) -> Json:
    """Build a ListingImage; its colours are null, as at Etsy until Etsy has examined the image."""
    picture = state.kept.images[shown.image_id]
    colours = ("hex_code", "red", "green", "blue", "hue", "saturation", "brightness", "is_black_and_white")
    sizes = ("75x75", "170x135", "570xN", "fullxfull")
    return {
        "listing_id": listing_id,
        "listing_image_id": shown.image_id,
        **dict.fromkeys(colours),
        "creation_tsz": picture.created_at,
        "created_timestamp": picture.created_at,
        "rank": shown.rank,
        **{f"url_{size}": f"{base_url}/image/{shown.image_id}/il_{size}" for size in sizes},
        "full_height": picture.height,
        "full_width": picture.width,
        "alt_text": escaped(shown.alt_text),
    }
