"""Products as Medusa's Admin or Store API lists them -> rows of the CatalogVariant contract.

What belongs here: reading Medusa's shapes. What does not: fetching them, or judging them against the feed.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import polars as pl

from awin_medusa_pipeline.sync.domain.contracts import CatalogVariant, dtypes

OFFER_KEY = "awin_offer_key"
HIDDEN_BY_RUN = "awin_hidden_by_run"
HIDDEN_AT = "awin_hidden_at"

ADMIN_FIELDS = (
    "id,handle,title,status,external_id,metadata,description,thumbnail,images.url,"
    "variants.id,variants.sku,variants.barcode,variants.ean,variants.upc,variants.manage_inventory,variants.metadata,"
    "variants.prices.amount,variants.prices.currency_code,variants.prices.min_quantity,"
    "variants.prices.max_quantity,"
    # Medusa answers `rules` always, and fills it only when these are asked for.
    "variants.prices.price_rules.attribute,variants.prices.price_rules.value,"
    "variants.inventory_items.inventory_item_id,"
    "variants.inventory_items.inventory.location_levels.location_id,"
    "variants.inventory_items.inventory.location_levels.stocked_quantity,"
    "variants.inventory_items.inventory.location_levels.reserved_quantity"
)
STORE_FIELDS = (
    "id,handle,title,external_id,metadata,description,thumbnail,images.url,variants.id,variants.sku,variants.barcode,variants.ean,variants.upc,"
    # Measured: calculated_price comes whole or, asked for by its parts, not at all.
    "variants.manage_inventory,variants.metadata,+variants.inventory_quantity,variants.calculated_price"
)

Json = Mapping[str, Any]


def variants_frame(
    products: Iterable[Json], location_id: str | None, categories: Mapping[str, list[str]] | None = None
) -> pl.DataFrame:
    """Rows of CatalogVariant from product objects; `location_id` None reads the Store API's shape.

    `categories`: handles by product id, read apart: Medusa takes 11 s for those of 1,000 products in its listing, and
    1 s for those of 10,000 by category (measured). None: not known.
    """
    rows = [row for product in products for row in _rows(product, location_id, categories)]
    return pl.DataFrame(rows, schema=dtypes(CatalogVariant))


def image_list(product: Json) -> list[str]:
    """Thumbnail and images of a product as one value: a change of either is a change of its pictures."""
    thumbnail, urls = product.get("thumbnail") or "", [image["url"] for image in product.get("images") or []]
    return [thumbnail, *urls] if thumbnail or urls else []


def is_base_price(price: Json) -> bool:
    """Whether it is what everybody pays for one: not a region's, a customer group's, or one for many at once."""
    return not (price.get("rules") or price.get("min_quantity") or price.get("max_quantity"))


def _rows(
    product: Json, location_id: str | None, categories: Mapping[str, list[str]] | None
) -> Iterator[dict[str, Any]]:
    metadata = product.get("metadata") or {}
    shared = {
        "product_id": product["id"],
        "handle": product["handle"],
        "title": product.get("title") or "",
        "status": product.get("status") or "published",
        "external_id": product.get("external_id"),
        "hidden_by_run": metadata.get(HIDDEN_BY_RUN),
        "description": product.get("description"),
        "images": image_list(product),
        "categories": None if categories is None else sorted(categories.get(product["id"], [])),
        "metadata": json.dumps(metadata, ensure_ascii=False) if metadata else None,
    }
    if not product.get("variants"):
        yield {**shared, "prices": [], "half_made": "no_variants"}
    for variant in product.get("variants") or []:
        facts = {
            "variant_id": variant["id"],
            "offer_key": (variant.get("metadata") or {}).get(OFFER_KEY),
            "sku": variant.get("sku"),
            "barcode": variant.get("barcode") or variant.get("ean") or variant.get("upc"),
            "manage_inventory": variant.get("manage_inventory"),
        }
        yield shared | facts | (_store_facts(variant) if location_id is None else _admin_facts(variant, location_id))


def _admin_facts(variant: Json, location_id: str) -> dict[str, Any]:
    links = variant.get("inventory_items") or []
    levels = ((links[0].get("inventory") or {}).get("location_levels") or []) if links else []
    here: Json = next((level for level in levels if level["location_id"] == location_id), {})
    item_id = links[0]["inventory_item_id"] if links else None
    prices = variant.get("prices") or []
    return {
        "inventory_item_id": item_id,
        "level": here.get("stocked_quantity"),
        "reserved": here.get("reserved_quantity"),
        "prices": [_price(p["currency_code"], p["amount"]) for p in prices if is_base_price(p)],
        "half_made": _half_made(variant, item_id),
    }


def _store_facts(variant: Json) -> dict[str, Any]:
    price = variant.get("calculated_price")
    return {
        "level": variant.get("inventory_quantity"),
        "prices": [_price(price["currency_code"], price["calculated_amount"])] if price else [],
    }


def _price(currency: str, amount: float) -> dict[str, Any]:
    return {"currency": currency, "amount": Decimal(str(amount))}


def _half_made(variant: Json, inventory_item_id: str | None) -> str | None:
    """What a Medusa killed inside a batch left out (measured: links and price sets come last)."""
    if not variant.get("prices"):
        return "no_price"
    if variant.get("manage_inventory") and inventory_item_id is None:
        return "no_inventory_item"
    return None
