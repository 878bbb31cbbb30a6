"""Writes to variants, of one product or of many at once."""

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter

from awin_medusa_pipeline.core.http import PermanentError
from awin_medusa_pipeline.medusa.client import MedusaClient
from awin_medusa_pipeline.medusa.shapes import Json


def update_variants(client: MedusaClient, variants: Sequence[Json]) -> None:
    """Update variants (id, product_id, what changes) of any products, without touching those that are not named.

    In one call where the shop lets us run its workflows, else in one call a product: its only other route for several
    products deletes the variants that are not named.
    """
    if client.runs_workflows:
        bodies = [{name: value for name, value in one.items() if name != "product_id"} for one in variants]
        client.run_workflow("update-product-variants", {"product_variants": bodies})
        return
    of_product = itemgetter("product_id")
    for product_id, group in groupby(sorted(variants, key=of_product), of_product):
        update = [{name: value for name, value in one.items() if name != "product_id"} for one in group]
        client.post(f"/admin/products/{product_id}/variants/batch", {"update": update}, {"fields": "id"})


def write_prices(client: MedusaClient, variants: Sequence[Json]) -> None:
    """Set all prices of variants (id, product_id, prices).

    Never together with anything that can fail: Medusa then deletes the prices that it should have put back (measured).
    """
    try:
        update_variants(client, variants)
    except PermanentError as error:
        # A variant that a killed Medusa left has not even a place for prices; only this workflow makes one (measured).
        if error.status != 404 or len(variants) > 1:
            raise
        entries = [
            {"variant_id": one["id"], "product_id": one["product_id"], "prices": one["prices"]} for one in variants
        ]
        client.run_workflow("upsert-variant-prices", {"variantPrices": entries, "previousVariantIds": []})


def give_item(client: MedusaClient, variant: Json) -> str:
    """Link a variant (id, product_id, sku, title) to an inventory item: a free one of its SKU, else a new one."""
    sku = variant["sku"]
    body = {"title": variant["title"]} | ({"sku": sku} if sku else {})
    item = (
        free_item(client, sku) or client.post("/admin/inventory-items", body, {"fields": "id"})["inventory_item"]["id"]
    )
    path = f"/admin/products/{variant['product_id']}/variants/{variant['id']}/inventory-items"
    client.post(path, {"inventory_item_id": item, "required_quantity": 1}, {"fields": "id"})
    return str(item)


def free_item(client: MedusaClient, sku: str | None) -> str | None:
    """The inventory item of a SKU that no variant uses; an interrupted import leaves such, and they block the SKU."""
    there = client.where("inventory-items", "sku", [sku], "id,variants.id") if sku else []
    return next((str(item["id"]) for item in there if not item["variants"]), None)
