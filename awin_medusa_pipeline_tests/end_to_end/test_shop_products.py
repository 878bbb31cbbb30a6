"""The fields that a listing is made of, on a real Medusa."""

from decimal import Decimal

from awin_medusa_pipeline.medusa.client import MedusaClient
from awin_medusa_pipeline.medusa.models import ShopProduct, ShopVariant
from awin_medusa_pipeline.medusa.products import SHOP_PRODUCT_FIELDS, shop_product
from awin_medusa_pipeline.sandbox import Shop


def test_a_product_as_medusa_tells_it(shop: Shop) -> None:
    with MedusaClient(shop.base_url, admin_key=shop.admin_key) as client:
        region = client.get("/admin/regions", {"fields": "id"})["regions"][0]["id"]
        category = client.post("/admin/product-categories", {"name": "Lamps", "handle": "lamps"})["product_category"]
        tag = client.post("/admin/product-tags", {"value": "hand made"})["product_tag"]
        made = client.post(
            "/admin/products",
            {
                "title": "Lamp",
                "description": "Of oak.",
                "handle": "lamp",
                "status": "published",
                "material": "oak",
                "weight": 120,
                "images": [{"url": "http://x.test/1"}, {"url": "http://x.test/2"}],
                "thumbnail": "http://x.test/2",
                "tags": [{"id": tag["id"]}],
                "categories": [{"id": category["id"]}],
                "options": [{"title": "Size", "values": ["S", "M"]}],
                "variants": [
                    {
                        "title": "S",
                        "sku": "lamp-s",
                        "options": {"Size": "S"},
                        "prices": [
                            {"currency_code": "eur", "amount": 5, "rules": {"region_id": region}},
                            {"currency_code": "eur", "amount": 8, "min_quantity": 10},
                            {"currency_code": "eur", "amount": 9.99},
                        ],
                    },
                    {"title": "M", "options": {"Size": "M"}, "prices": [], "manage_inventory": False},
                ],
            },
        )["product"]
        fields = {"fields": SHOP_PRODUCT_FIELDS}
        links = client.get(
            f"/admin/products/{made['id']}", {"fields": "id,variants.sku,variants.inventory_items.inventory_item_id"}
        )
        item = next(v for v in links["product"]["variants"] if v["sku"] == "lamp-s")["inventory_items"][0]
        level = {"location_id": shop.stock_location_id, "stocked_quantity": 7}
        client.post(f"/admin/inventory-items/{item['inventory_item_id']}/location-levels", level)
        answered = client.get(f"/admin/products/{made['id']}", fields)["product"]

    read = shop_product(answered, currency="EUR", location_id=shop.stock_location_id)
    ids = {variant.title: variant.id for variant in read.variants}
    small = ShopVariant(id=ids["S"], title="S", sku="lamp-s", options={"Size": "S"}, price=Decimal("9.99"), quantity=7)
    middle = ShopVariant(id=ids["M"], title="M", options={"Size": "M"}, quantity=None)
    assert read.model_copy(update={"variants": ()}) == ShopProduct(
        id=made["id"],
        title="Lamp",
        description="Of oak.",
        handle="lamp",
        images=("http://x.test/2", "http://x.test/1"),
        tags=("hand made",),
        material="oak",
        categories=("lamps",),
        weight=Decimal(120),
    )
    assert sorted(read.variants, key=lambda variant: variant.title) == [middle, small]
