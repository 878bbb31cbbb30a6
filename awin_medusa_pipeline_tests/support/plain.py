"""Reads shop and feed by the plainest means, httpx and csv: what the program says is held against these."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from awin_medusa_pipeline.sandbox import Shop
from awin_medusa_pipeline.sandbox.feed_generator import write_feed

LEVELS = "variants.inventory_items.inventory.location_levels"
FIELDS = ",".join(
    (
        "id,handle,title,description,status,external_id,metadata,updated_at,thumbnail",
        "tags.value,collection.title,categories.name,images.url,sales_channels.id,shipping_profile.id",
        "variants.id,variants.sku,variants.barcode,variants.title,variants.metadata,variants.updated_at",
        "variants.manage_inventory,variants.prices.amount,variants.prices.currency_code",
        f"variants.inventory_items.inventory_item_id,{LEVELS}.location_id,{LEVELS}.stocked_quantity,{LEVELS}.updated_at",
    )
)
Json = dict[str, Any]


@dataclass(frozen=True)
class Sold:
    """One offer of the feed, or one variant of the shop, as a buyer meets it."""

    sku: str
    product: str
    """The product's external_id."""
    price: Decimal
    currency: str
    level: int
    status: str = "published"


def read(shop: Shop, route: str, **params: Any) -> list[Json]:
    """Read all entries of an admin route."""
    with shop.client() as client:
        answer = client.get(f"/admin/{route}", params={"limit": 100_000, **params}).raise_for_status().json()
    entries: list[Json] = answer[route.replace("-", "_")]
    assert len(entries) == answer["count"]
    return entries


def products_in(shop: Shop) -> dict[str, Json]:
    """Read all products by handle, drafts included."""
    products = {product["handle"]: product for product in read(shop, "products", fields=FIELDS)}
    for product in products.values():
        product["variants"].sort(key=lambda variant: variant["sku"])
        for name, key in (("tags", "value"), ("categories", "name")):
            product[name].sort(key=lambda entry, key=key: entry[key])
    return products


def state_of(shop: Shop) -> Json:
    """Read all that a sync may write, with the times of its last changes: equal before and after means no write."""
    routes = ("product-tags", "collections", "product-categories", "inventory-items")
    return {"products": products_in(shop)} | {
        route: sorted(read(shop, route), key=lambda entry: str(entry["id"])) for route in routes
    }


def level_of(variant: Json) -> int | None:
    """Read the stocked quantity of a variant; None without a level."""
    (link,) = variant["inventory_items"]
    levels = link["inventory"]["location_levels"]
    assert len(levels) <= 1
    return levels[0]["stocked_quantity"] if levels else None


def sold_in(products: Iterable[Json]) -> dict[str, Sold]:
    """Read every variant by the key of its offer, each once; ones that are not of a feed are left out."""
    found: dict[str, Sold] = {}
    for product in products:
        for variant in product["variants"]:
            if key := (variant["metadata"] or {}).get("awin_offer_key"):
                assert key not in found, f"{key} is there twice"
                (price,) = variant["prices"]
                level = level_of(variant)
                assert level is not None, f"{key} has no level"
                found[key] = Sold(
                    variant["sku"],
                    product["external_id"],
                    Decimal(str(price["amount"])),
                    price["currency_code"],
                    level,
                    product["status"],
                )
    return found


def plain_feed(folder: Path, **arguments: Any) -> tuple[dict[str, Sold], dict[str, Mapping[str, str]]]:
    """Make a feed without quirks and read it by csv; what it offers by offer key, and its rows."""
    path = write_feed(folder / "plain.csv", quirks=False, **arguments).path
    offers: dict[str, Sold] = {}
    rows: dict[str, Mapping[str, str]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            key = f"awin:{row['merchant_id']}:{row['merchant_product_id']}"
            group = row["parent_product_id"] or row["merchant_product_id"]
            sold_out = row["in_stock"] == "0" or row["stock_status"] == "out of stock"
            assert key not in offers
            rows[key] = row
            offers[key] = Sold(
                row["merchant_product_id"],
                f"awin:{row['merchant_id']}:{group}",
                Decimal(row["search_price"]),
                row["currency"].lower(),
                0 if sold_out else 10,
            )
    return offers, rows


def shop_following(feed: Mapping[str, Sold], before: Mapping[str, Sold]) -> dict[str, Sold]:
    """The shop, by offer key, once it follows a feed; `before`: as it was, all of it of feeds."""
    found, sold = dict(feed), by_product(feed)
    for key in before.keys() - feed.keys():
        offer = before[key]
        # Of a product that is still sold the variant stays, and is sold out.
        found[key] = replace(offer, level=0) if offer.product in sold else replace(offer, status="draft")
    return found


def by_product(offers: Mapping[str, Sold]) -> dict[str, set[str]]:
    """Group offer keys by the product that they are variants of."""
    groups: defaultdict[str, set[str]] = defaultdict(set)
    for key, offer in offers.items():
        groups[offer.product].add(key)
    return dict(groups)
