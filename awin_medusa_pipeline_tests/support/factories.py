"""Makes rows of the contracts in few words: what a test does not name has an ordinary value."""

from decimal import Decimal
from typing import Any

import polars as pl

from awin_medusa_pipeline.core.contracts import dtypes
from awin_medusa_pipeline.medusa.contracts import CatalogVariant
from awin_medusa_pipeline.sync.domain.contracts import (
    LooseMatch,
    MatchedProduct,
    MissingProduct,
    Offer,
    RejectedRow,
    WrittenValue,
)

Row = dict[str, Any]

NO_CATALOG = pl.LazyFrame(schema=dtypes(CatalogVariant))
NO_MATCHES = pl.LazyFrame(schema=dtypes(MatchedProduct))
NO_LOOSE = pl.LazyFrame(schema=dtypes(LooseMatch))
NOTHING_WRITTEN = pl.LazyFrame(schema=dtypes(WrittenValue))
NO_REJECTS = pl.LazyFrame(schema=dtypes(RejectedRow))


def offer(id_: str = "a", merchant: str = "1", parent: str | None = None, **values: Any) -> Row:
    """Make one Offer row; its keys follow from merchant, id and parent."""
    return {
        "offer_key": f"awin:{merchant}:{id_}",
        "product_key": f"awin:{merchant}:{parent or id_}",
        "feed": "feed.csv",
        "line": 2,
        "merchant_id": merchant,
        "merchant_name": f"Merchant {merchant}",
        "merchant_product_id": id_,
        "parent_product_id": parent,
        "sku": id_,
        "name": f"Product {id_}",
        "price": Decimal("9.99"),
        "currency": "gbp",
        "in_stock": True,
        "more_image_urls": [],
    } | values


def offers(*rows: Row) -> pl.LazyFrame:
    """Make an Offer table."""
    return pl.LazyFrame([row | {"line": line} for line, row in enumerate(rows, 2)], schema=dtypes(Offer), orient="row")


def variant(id_: str = "a", product: str | None = None, **values: Any) -> Row:
    """Make one CatalogVariant row: published, level 10, with an inventory item and a price."""
    product = product or f"prod_{id_}"
    return {
        "product_id": product,
        "variant_id": f"variant_{id_}",
        "handle": f"handle-{product}",
        "title": f"Title {product}",
        "status": "published",
        "manage_inventory": True,
        "inventory_item_id": f"item_{id_}",
        "level": 10,
        "reserved": 0,
        "prices": [{"currency": "gbp", "amount": Decimal("9.99")}],
        "images": [],
        "categories": [],
        "ignored": False,
    } | values


def catalog(*rows: Row) -> pl.LazyFrame:
    """Make a CatalogVariant table."""
    return pl.LazyFrame(list(rows), schema=dtypes(CatalogVariant), orient="row")


def missing(*rows: Row) -> pl.DataFrame:
    """Make a MissingProduct table: offers as they would be imported into an empty shop."""
    filled = [
        {
            "wanted_level": 10,
            "title": row["name"],
            "handle": row["product_key"].replace(":", "-"),
            "barcode": row.get("gtin"),
            "loose_match": False,
        }
        | row
        for row in rows
    ]
    return pl.DataFrame(filled, schema=dtypes(MissingProduct), orient="row")
