"""Products as Medusa's Admin or Store API lists them -> rows of the CatalogVariant contract.

What belongs here: reading Medusa's shapes. What does not: fetching them, or judging them against the feed.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import polars as pl

from awin_medusa_pipeline.domain.schemas import CatalogVariant, dtypes

OFFER_KEY = "awin_offer_key"
HIDDEN_BY_RUN = "awin_hidden_by_run"
HIDDEN_AT = "awin_hidden_at"

ADMIN_FIELDS = (
    "id,handle,title,status,external_id,metadata,"
    "variants.id,variants.sku,variants.barcode,variants.ean,variants.upc,variants.manage_inventory,variants.metadata,"
    "variants.prices.amount,variants.prices.currency_code,variants.prices.rules_count,"
    "variants.inventory_items.inventory_item_id,"
    "variants.inventory_items.inventory.location_levels.location_id,"
    "variants.inventory_items.inventory.location_levels.stocked_quantity,"
    "variants.inventory_items.inventory.location_levels.reserved_quantity"
)
STORE_FIELDS = (
    "id,handle,title,external_id,metadata,variants.id,variants.sku,variants.barcode,variants.ean,variants.upc,"
    # Measured: calculated_price comes whole or, asked for by its parts, not at all.
    "variants.manage_inventory,variants.metadata,+variants.inventory_quantity,variants.calculated_price"
)

Json = Mapping[str, Any]


def variants_frame(products: Iterable[Json], location_id: str | None) -> pl.DataFrame:
    """Rows of CatalogVariant from product objects; `location_id` None reads the Store API's shape."""
    rows = [row for product in products for row in _rows(product, location_id)]
    return pl.DataFrame(rows, schema=dtypes(CatalogVariant))


def _rows(product: Json, location_id: str | None) -> Iterator[dict[str, Any]]:
    metadata = product.get("metadata") or {}
    shared = {
        "product_id": product["id"],
        "handle": product["handle"],
        "title": product.get("title") or "",
        "status": product.get("status") or "published",
        "external_id": product.get("external_id"),
        "hidden_by_run": metadata.get(HIDDEN_BY_RUN),
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
        # A price with rules belongs to a region or a customer group, not to the catalogue.
        "prices": [_price(p["currency_code"], p["amount"]) for p in prices if not p.get("rules_count")],
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
