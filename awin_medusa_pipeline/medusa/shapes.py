"""Reads base prices, levels, half-made variants and images from Medusa's API objects, once for both systems."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from awin_medusa_pipeline.core.errors import PermanentError

Json = Mapping[str, Any]

OFFER_KEY = "awin_offer_key"
"""Metadata of a variant: the offer_key that this program wrote."""
HIDDEN_BY_RUN = "awin_hidden_by_run"
HIDDEN_AT = "awin_hidden_at"
"""Metadata of a product that this program hid: the run, and when (ISO 8601)."""
MADE_FOR = "awin_made_for"
"""Metadata of a collection, category or tag that this program made: the brand, path or merchant for which."""
OURS = "awin:"
"""Beginning of every key that this program writes, into an external_id or OFFER_KEY."""
IGNORE_KEY, IGNORE_VALUE, IGNORE_TAG = "awin_medusa", "ignore", "awin-ignore"
"""Metadata of a product, or a tag, by which a person keeps this program off it."""

_PRICE_PARTS = (
    *("amount", "currency_code", "min_quantity", "max_quantity"),
    # Measured: Medusa always returns `rules`, but fills them only when these are requested.
    *("price_rules.attribute", "price_rules.value"),
)
PRICE_FIELDS = ",".join(f"prices.{part}" for part in _PRICE_PARTS)
"""Fields that base_prices needs, relative to a variant."""
_LEVEL_PARTS = ("location_id", "stocked_quantity", "reserved_quantity")
INVENTORY_FIELDS = ",".join(
    [
        "inventory_items.inventory_item_id",
        "inventory_items.required_quantity",
        *(f"inventory_items.inventory.location_levels.{part}" for part in _LEVEL_PARTS),
    ]
)
"""Fields that level, inventory_item_id and sellable_quantity need, relative to a variant."""


def of_variants(fields: str) -> str:
    """Prefix variant fields for a product: `sku,prices.id` -> `variants.sku,variants.prices.id`."""
    return ",".join(f"variants.{field}" for field in fields.split(","))


TOUCH_FIELDS = f"id,created_at,updated_at,{of_variants('id,created_at,updated_at,prices.amount')}"
"""What was_touched needs of a product."""
_AT_ONCE, _ONE_BATCH = timedelta(seconds=1), timedelta(minutes=5)
"""A Medusa whose database is away goes on with a batch after minutes."""


def is_base_price(price: Json) -> bool:
    """Whether everybody pays this price for one piece: no region, no customer group, no larger quantity."""
    return not price.get("rules") and (price.get("min_quantity") or 0) <= 1


def base_prices(prices: Iterable[Json]) -> dict[str, Json]:
    """Find the base price per currency (lower case). Of several, the one without max_quantity counts."""
    found: dict[str, Json] = {}
    for price in prices:
        currency = price["currency_code"].lower()
        if is_base_price(price) and (currency not in found or found[currency].get("max_quantity")):
            found[currency] = price
    return found


def amount(price: Json) -> Decimal:
    """The amount of a price in major units."""
    return Decimal(str(price["amount"]))


def inventory_item_id(variant: Json) -> str | None:
    """The inventory item whose level the sync sets; None when there is none."""
    link = _link(variant)
    return str(link["inventory_item_id"]) if link else None


def level(variant: Json, location_id: str) -> Json:
    """The level of that item at a stock location: stocked_quantity and reserved_quantity; empty when there is none."""
    levels = (_link(variant).get("inventory") or {}).get("location_levels") or []
    return next((level for level in levels if level["location_id"] == location_id), {})


def _link(variant: Json) -> Json:
    """Of several items always the same one, in whatever order Medusa answers them; empty when there is none."""
    return min(variant.get("inventory_items") or [], key=lambda link: str(link["inventory_item_id"]), default={})


def sellable_quantity(variant: Json, location_id: str | None) -> int | None:
    """Quantity of a variant that can be sold from a stock location (None: from all); None where stock is not counted.

    A set of several items sells until the first of them runs out.
    """
    if not variant.get("manage_inventory", True):
        return None
    possible = []
    for item in variant.get("inventory_items") or []:
        levels = (item.get("inventory") or {}).get("location_levels") or []
        here = [level for level in levels if location_id in (None, level["location_id"])]
        free = sum((level["stocked_quantity"] or 0) - (level["reserved_quantity"] or 0) for level in here)
        possible.append(max(0, int(free)) // max(1, item.get("required_quantity") or 1))
    return min(possible, default=0)


def was_touched(product: Json) -> bool:
    """Whether a product or one of its variants was changed after it was made, or a variant added later.

    Needs TOUCH_FIELDS. Measured: making a part gives it one time twice, and every edit of it another one.
    """
    parts = (product, *product["variants"])
    made, changed = ([_moment(part, name) for part in parts] for name in ("created_at", "updated_at"))
    edited = any(later - first > _AT_ONCE for first, later in zip(made, changed, strict=True))
    return edited or max(made) - made[0] > _ONE_BATCH


def _moment(part: Json, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(part[name])
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        tried = f"Reading {name} of {str(part['id'])[:60]} in the shop"
        raise PermanentError(
            tried, "it is no time with a time zone", "Check that MEDUSA_BACKEND_URL is a Medusa v2 server."
        )
    return moment


def missing_part(variant: Json) -> str | None:
    """Name the part that a Medusa killed inside a batch left out of a variant: no_price, no_inventory_item or None.

    Measured: links and price sets come last. Needs manage_inventory, any field of prices, and INVENTORY_FIELDS.
    """
    if not variant.get("prices"):
        return "no_price"
    if variant.get("manage_inventory") and inventory_item_id(variant) is None:
        return "no_inventory_item"
    return None


def image_list(product: Json) -> list[str]:
    """Thumbnail (empty: none), then the images of a product, as one value to compare; empty when there are none."""
    thumbnail, urls = product.get("thumbnail") or "", [image["url"] for image in product.get("images") or []]
    return [thumbnail, *urls] if thumbnail or urls else []
