"""A product of the Medusa shop as somebody sells it elsewhere: one currency, one stock location, plain values.

What belongs here: reading one product of Medusa's Admin API. What does not: fetching it, tables of the whole catalogue
(catalog.py), and what Etsy makes of it (etsy/domain/listing.py).
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict

SHOP_PRODUCT_FIELDS = (
    "id,title,description,handle,status,thumbnail,material,weight,length,width,height,metadata,"
    "images.url,images.rank,tags.value,categories.handle,"
    "variants.id,variants.title,variants.sku,variants.variant_rank,variants.manage_inventory,"
    "variants.options.value,variants.options.option.title,"
    # Measured: a price's `rules` are filled from price_rules alone; asked for by `rules_count` they stay empty.
    "variants.prices.amount,variants.prices.currency_code,variants.prices.min_quantity,"
    "variants.prices.price_rules.attribute,variants.prices.price_rules.value,"
    "variants.inventory_items.required_quantity,"
    "variants.inventory_items.inventory.location_levels.location_id,"
    "variants.inventory_items.inventory.location_levels.stocked_quantity,"
    "variants.inventory_items.inventory.location_levels.reserved_quantity"
)

Json = Mapping[str, Any]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class ShopVariant(_Model):
    """One variant."""

    id: str
    title: str = ""
    sku: str | None = None
    options: dict[str, str] = {}
    """Option title -> value."""
    price: Decimal | None = None
    """In major units of the currency asked for; None where Medusa has none in it."""
    quantity: int | None = 0
    """What can be sold at the location; None where Medusa does not count it."""

    @property
    def name(self) -> str:
        """What a person knows it by."""
        return self.sku or self.title or self.id


class ShopProduct(_Model):
    """One product with its variants in the shop's order. Sizes and weight are in units that Medusa leaves open."""

    id: str
    title: str = ""
    description: str = ""
    handle: str = ""
    status: str = "published"
    images: tuple[str, ...] = ()
    """Addresses, the thumbnail first."""
    tags: tuple[str, ...] = ()
    material: str = ""
    categories: tuple[str, ...] = ()
    """Handles."""
    metadata: dict[str, Any] = {}
    weight: Decimal | None = None
    length: Decimal | None = None
    width: Decimal | None = None
    height: Decimal | None = None
    variants: tuple[ShopVariant, ...] = ()


def shop_product(product: Json, *, currency: str, location_id: str | None = None) -> ShopProduct:
    """A product object of GET /admin/products with SHOP_PRODUCT_FIELDS, in a currency (ISO 4217).

    `location_id`: the stock location that is sold from; None: all of them together. What Medusa gives in any order is
    put in one, so that the same product is always the same.
    """
    images = sorted(product.get("images") or [], key=lambda image: image.get("rank") or 0)
    addresses = [product.get("thumbnail"), *(image["url"] for image in images)]
    variants = sorted(product.get("variants") or [], key=lambda v: (v.get("variant_rank") or 0, v["id"]))
    return ShopProduct(
        id=product["id"],
        title=product.get("title") or "",
        description=product.get("description") or "",
        handle=product.get("handle") or "",
        status=product.get("status") or "published",
        images=tuple(dict.fromkeys(address for address in addresses if address)),
        tags=tuple(sorted(tag["value"] for tag in product.get("tags") or [])),
        material=product.get("material") or "",
        categories=tuple(sorted(category["handle"] for category in product.get("categories") or [])),
        metadata=product.get("metadata") or {},
        variants=tuple(_variant(variant, currency.lower(), location_id) for variant in variants),
        **{name: _decimal(product.get(name)) for name in ("weight", "length", "width", "height")},
    )


def _variant(variant: Json, currency: str, location_id: str | None) -> ShopVariant:
    options = {option["option"]["title"]: option["value"] for option in variant.get("options") or []}
    return ShopVariant(
        id=variant["id"],
        title=variant.get("title") or "",
        sku=variant.get("sku") or None,
        options=dict(sorted(options.items())),
        price=_price(variant.get("prices") or [], currency),
        quantity=_quantity(variant, location_id) if variant.get("manage_inventory", True) else None,
    )


def _price(prices: Iterable[Json], currency: str) -> Decimal | None:
    """The price of one piece for everyone: others belong to a region, a customer group or a larger number."""
    plain = (p for p in prices if not p.get("rules") and (p.get("min_quantity") or 0) <= 1)
    return next((_decimal(p["amount"]) for p in plain if p["currency_code"].lower() == currency), None)


def _quantity(variant: Json, location_id: str | None) -> int:
    """How often it can be sold: by the item it runs out of first, when it is a set of several."""
    possible = []
    for item in variant.get("inventory_items") or []:
        levels = (item.get("inventory") or {}).get("location_levels") or []
        here = [level for level in levels if location_id in (None, level["location_id"])]
        free = sum((level["stocked_quantity"] or 0) - (level["reserved_quantity"] or 0) for level in here)
        possible.append(max(0, int(free)) // max(1, item.get("required_quantity") or 1))
    return min(possible, default=0)


def _decimal(value: float | str | None) -> Decimal | None:
    return None if value is None else Decimal(str(value))
