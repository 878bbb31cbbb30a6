"""Turns products from Medusa's Admin or Store API into rows of CatalogVariant."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import polars as pl

from awin_medusa_pipeline.core.contracts import dtypes
from awin_medusa_pipeline.medusa.contracts import CatalogVariant
from awin_medusa_pipeline.medusa.shapes import (
    HIDDEN_BY_RUN,
    IGNORE_KEY,
    IGNORE_VALUE,
    INVENTORY_FIELDS,
    OFFER_KEY,
    PRICE_FIELDS,
    Json,
    amount,
    base_prices,
    image_list,
    inventory_item_id,
    level,
    missing_part,
    of_variants,
    sellable_quantity,
)

_PRODUCT = "id,handle,title,external_id,metadata,description,thumbnail,images.url"
_VARIANT = "id,title,sku,barcode,ean,upc,manage_inventory,allow_backorder,metadata"
ADMIN_FIELDS = f"{_PRODUCT},status,{of_variants(f'{_VARIANT},{PRICE_FIELDS},{INVENTORY_FIELDS}')}"
# Measured: calculated_price must be requested whole; requested by its parts, it is missing.
STORE_FIELDS = f"{_PRODUCT},{of_variants(_VARIANT)},+variants.inventory_quantity,variants.calculated_price"

_SCHEMA = dtypes(CatalogVariant)


def variants_frame(
    products: Iterable[Json],
    location_id: str | None,
    categories: Mapping[str, list[str]] | None = None,
    others: Mapping[str, str] = MappingProxyType({}),
    ignored: Collection[str] = (),
) -> pl.DataFrame:
    """Make rows of CatalogVariant from product objects; `location_id` None reads the Store API's shape.

    `categories`: handles by product id, None when not known. They are read separately: in its product listing Medusa
    takes 11 s for those of 1,000 products, by category 1 s for those of 10,000 (measured). `others`: names by id of
    further stock locations that are sold from. `ignored`: ids of products with IGNORE_TAG, read separately too.
    """
    rows = [row for product in products for row in _rows(product, location_id, categories, others, ignored)]
    return pl.DataFrame([_column(name, [row.get(name) for row in rows], of) for name, of in _SCHEMA.items()])


def _column(name: str, values: Sequence[Any], dtype: pl.DataType) -> pl.Series:
    return _lists(name, values, dtype) if isinstance(dtype, pl.List) else pl.Series(name, values, dtype, strict=False)


def _lists(name: str, lists: Sequence[list[Any] | None], dtype: pl.List) -> pl.Series:
    """Make a column of lists from one of all their entries: polars takes ten times as long for lists in a list."""
    inner = dtype.inner
    entries = [entry for each in lists for entry in each or ()]
    if isinstance(inner, pl.Struct):
        fields = [pl.Series(of.name, [entry[of.name] for entry in entries], of.dtype) for of in inner.fields]
        flat = pl.DataFrame(fields).to_struct(name)
    else:
        flat = pl.Series(name, entries, inner)
    at = pl.Series("row", [row for row, each in enumerate(lists) for _ in each or ()], pl.UInt32)
    filled = pl.DataFrame([at, flat]).group_by("row", maintain_order=True).agg(name)
    known = pl.Series("known", [each is not None for each in lists], pl.Boolean)
    rows = known.to_frame().with_row_index("row")
    found = rows.join(filled, on="row", how="left", maintain_order="left")
    return found.select(pl.when("known").then(pl.col(name).fill_null([]))).to_series()


def _rows(
    product: Json,
    location_id: str | None,
    categories: Mapping[str, list[str]] | None,
    others: Mapping[str, str],
    ignored: Collection[str],
) -> Iterator[dict[str, Any]]:
    metadata = product.get("metadata") or {}
    shared = {
        "product_id": product["id"],
        "handle": product["handle"],
        "title": product.get("title") or "",
        "status": product.get("status") or "published",
        "external_id": product.get("external_id"),
        "hidden_by_run": metadata.get(HIDDEN_BY_RUN),
        "ignored": metadata.get(IGNORE_KEY) == IGNORE_VALUE or product["id"] in ignored,
        "brand": str(metadata["brand"]) if metadata.get("brand") else None,
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
            "variant_title": variant.get("title"),
            "offer_key": (variant.get("metadata") or {}).get(OFFER_KEY),
            "sku": variant.get("sku"),
            "barcode": variant.get("barcode") or variant.get("ean") or variant.get("upc"),
            "manage_inventory": variant.get("manage_inventory"),
            "backorder": variant.get("allow_backorder"),
        }
        of_stock = _store_facts(variant) if location_id is None else _admin_facts(variant, location_id, others)
        yield shared | facts | of_stock


def _admin_facts(variant: Json, location_id: str, others: Mapping[str, str]) -> dict[str, Any]:
    here = level(variant, location_id)
    prices = base_prices(variant.get("prices") or [])
    there = [(name, found) for id_, name in others.items() if (found := sellable_quantity(variant, id_))]
    return {
        "elsewhere": sum(found for _, found in there) or None,
        "elsewhere_at": " | ".join(sorted(name for name, _ in there)) or None,
        "inventory_item_id": inventory_item_id(variant),
        "level": here.get("stocked_quantity"),
        "reserved": here.get("reserved_quantity"),
        "prices": [{"currency": currency, "amount": amount(price)} for currency, price in prices.items()],
        "half_made": missing_part(variant),
    }


def _store_facts(variant: Json) -> dict[str, Any]:
    price = variant.get("calculated_price")
    amounts = (
        [{"currency": price["currency_code"], "amount": Decimal(str(price["calculated_amount"]))}] if price else []
    )
    return {"level": variant.get("inventory_quantity"), "prices": amounts}
