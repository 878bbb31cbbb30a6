"""Finds and reads products in Medusa for Etsy."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.etsy.domain.findings import join_names
from awin_medusa_pipeline.medusa.client import MedusaClient
from awin_medusa_pipeline.medusa.models import ShopProduct
from awin_medusa_pipeline.medusa.products import SHOP_PRODUCT_FIELDS, shop_product


class ProductReader(Protocol):
    """Reads products from Medusa."""

    def __call__(self, product_ids: Sequence[str], currency: str) -> Mapping[str, ShopProduct]:
        """Read products by id, with prices in a currency; a missing one no longer exists. Raises PipelineError."""


def product_reader(medusa: MedusaClient, stock_location: str | None) -> ProductReader:
    """Make a reader of a shop. `stock_location`: name or id of the location to sell from; None: the first one."""
    location_id = medusa.stock_location_id(stock_location)

    def read(product_ids: Sequence[str], currency: str) -> Mapping[str, ShopProduct]:
        found = medusa.where("products", "id", product_ids, SHOP_PRODUCT_FIELDS)
        return {entry["id"]: shop_product(entry, currency=currency, location_id=location_id) for entry in found}

    return read


def find_products(medusa: MedusaClient, names: Collection[str]) -> list[str]:
    """Find the ids of products, each named by its id, its handle or the SKU of a variant; in the order named.

    Raises PermanentError for a name that no product has.
    """
    names = list(dict.fromkeys(names))
    found = {product["id"]: product["id"] for product in medusa.where("products", "id", names, "id")}
    if rest := [name for name in names if name not in found]:
        found |= {p["handle"]: p["id"] for p in medusa.where("products", "handle", rest, "id,handle")}
    if rest := [name for name in names if name not in found]:
        variants = medusa.where("product-variants", "sku", rest, "sku,product_id")
        found |= {variant["sku"]: variant["product_id"] for variant in variants}
    if unknown := [name for name in names if name not in found]:
        raise PermanentError(
            f"Looking for products in {medusa.base_url}",
            f"none has the id, handle or SKU {join_names(unknown)}",
            "Copy it from Medusa Admin.",
        )
    return list(dict.fromkeys(found[name] for name in names))
