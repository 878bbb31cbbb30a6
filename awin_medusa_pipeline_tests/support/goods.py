"""Puts products of one's own into the sandbox's Medusa by plain HTTP, such as a shop also sells on Etsy."""

from dataclasses import dataclass
from typing import Any

from awin_medusa_pipeline.sandbox import Sandbox

Json = dict[str, Any]
LEVEL = 7


@dataclass(frozen=True)
class Goods:
    """The shop's products, by handle."""

    sandbox: Sandbox

    def add(self, handle: str, *, price: float = 12.5, sizes: str = "SM", **values: Any) -> str:
        """Add a published product with a picture and one variant per size, 7 pieces each; its id."""
        shop = self.sandbox.shop
        variants = [
            {
                "title": size,
                "sku": f"{handle}-{size}",
                "options": {"Size": size},
                "prices": [{"currency_code": "gbp", "amount": price}],
            }
            for size in sizes
        ]
        body = {
            "title": handle.replace("-", " ").capitalize(),
            "handle": handle,
            "description": "Made by hand.",
            "status": "published",
            "images": [{"url": f"{self.sandbox.images_address}/{handle}.png"}],
            "options": [{"title": "Size", "values": list(sizes)}],
            "variants": variants,
        }
        product_id: str = self._post("products", body | values)["product"]["id"]
        for item in self._items(product_id).values():
            level = {"location_id": shop.stock_location_id, "stocked_quantity": LEVEL}
            self._post(f"inventory-items/{item}/location-levels", level)
        return product_id

    def change(self, product_id: str, **values: Any) -> None:
        """Change fields of a product."""
        self._post(f"products/{product_id}", values)

    def reprice(self, product_id: str, price: float) -> None:
        """Set the same price for each variant."""
        for variant_id in self._read(product_id, "variants.id"):
            prices = {"prices": [{"currency_code": "gbp", "amount": price}]}
            self._post(f"products/{product_id}/variants/{variant_id['id']}", prices)

    def restock(self, product_id: str, level: int) -> None:
        """Set the same level for each variant."""
        location = self.sandbox.shop.stock_location_id
        for item in self._items(product_id).values():
            self._post(f"inventory-items/{item}/location-levels/{location}", {"stocked_quantity": level})

    def levels(self, product_id: str) -> dict[str, int]:
        """Read the level of each variant, by SKU."""
        place = "variants.inventory_items.inventory.location_levels.stocked_quantity"
        return {
            variant["sku"]: variant["inventory_items"][0]["inventory"]["location_levels"][0]["stocked_quantity"]
            for variant in self._read(product_id, f"variants.sku,{place}")
        }

    def delete(self, product_id: str) -> None:
        """Take a product out of the shop for good."""
        with self.sandbox.shop.client() as client:
            client.delete(f"/admin/products/{product_id}").raise_for_status()

    def _items(self, product_id: str) -> dict[str, str]:
        variants = self._read(product_id, "variants.sku,variants.inventory_items.inventory_item_id")
        return {variant["sku"]: variant["inventory_items"][0]["inventory_item_id"] for variant in variants}

    def _read(self, product_id: str, fields: str) -> list[Json]:
        with self.sandbox.shop.client() as client:
            answer = client.get(f"/admin/products/{product_id}", params={"fields": f"id,{fields}"}).raise_for_status()
        variants: list[Json] = answer.json()["product"]["variants"]
        return variants

    def _post(self, path: str, body: Json) -> Json:
        with self.sandbox.shop.client() as client:
            answer: Json = client.post(f"/admin/{path}", json=body).raise_for_status().json()
        return answer
