"""Turns a product of Medusa's Admin API into a ShopProduct: one currency, one stock location, plain values."""

from decimal import Decimal

from awin_medusa_pipeline.medusa.models import ShopProduct, ShopVariant
from awin_medusa_pipeline.medusa.shapes import (
    INVENTORY_FIELDS,
    PRICE_FIELDS,
    Json,
    amount,
    base_prices,
    of_variants,
    sellable_quantity,
)

_PRODUCT = (
    "id,title,description,handle,status,thumbnail,material,weight,length,width,height,metadata,"
    "images.url,images.rank,tags.value,categories.handle"
)
_VARIANT = "id,title,sku,variant_rank,manage_inventory,options.value,options.option.title"
SHOP_PRODUCT_FIELDS = f"{_PRODUCT},{of_variants(f'{_VARIANT},{PRICE_FIELDS},{INVENTORY_FIELDS}')}"


def shop_product(product: Json, *, currency: str, location_id: str | None = None) -> ShopProduct:
    """Convert a product of GET /admin/products, read with SHOP_PRODUCT_FIELDS; prices in `currency` (ISO 4217).

    `location_id`: the stock location to sell from; None: all of them together. Sorts what Medusa gives in any order, so
    that an unchanged product compares equal.
    """
    images = sorted(product.get("images") or [], key=lambda image: image.get("rank") or 0)
    addresses = [product.get("thumbnail"), *(image["url"] for image in images)]
    variants = sorted(
        product.get("variants") or [], key=lambda variant: (variant.get("variant_rank") or 0, variant["id"])
    )
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
    price = base_prices(variant.get("prices") or []).get(currency)
    return ShopVariant(
        id=variant["id"],
        title=variant.get("title") or "",
        sku=variant.get("sku") or None,
        options=dict(sorted(options.items())),
        price=amount(price) if price else None,
        quantity=sellable_quantity(variant, location_id),
    )


def _decimal(value: float | str | None) -> Decimal | None:
    return None if value is None else Decimal(str(value))
