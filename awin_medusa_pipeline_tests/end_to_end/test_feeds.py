"""Feeds written by hand, one for each thing that a shop owner may set or an advertiser may do."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from awin_medusa_pipeline.sandbox import Sandbox, Shop
from awin_medusa_pipeline_tests.support.feeds import Answer, Web, row, web_server, write_rows
from awin_medusa_pipeline_tests.support.pipeline import Pipeline
from awin_medusa_pipeline_tests.support.plain import level_of, products_in

PNG = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000001000000010806000000") + b"the rest of a picture"


@pytest.fixture
def feed(pipeline: Pipeline, tmp_path: Path) -> Path:
    path = tmp_path / "feed.csv"
    pipeline.environment.setenv("AWIN_FEED_URL", str(path))
    return path


@pytest.fixture
def web() -> Iterator[Web]:
    with web_server() as web:
        yield web


def variants_in(shop: Shop) -> dict[str, Any]:
    return {variant["sku"]: variant for product in products_in(shop).values() for variant in product["variants"]}


def levels_in(shop: Shop) -> dict[str, int | None]:
    return {sku: level_of(variant) for sku, variant in variants_in(shop).items()}


def set_level(shop: Shop, sku: str, level: int) -> None:
    (link,) = variants_in(shop)[sku]["inventory_items"]
    path = f"/admin/inventory-items/{link['inventory_item_id']}/location-levels/{shop.stock_location_id}"
    with shop.client() as client:
        client.post(path, json={"stocked_quantity": level}).raise_for_status()


def test_a_blank_stock_cell_never_changes_a_level(pipeline: Pipeline, shop: Shop, feed: Path) -> None:
    write_rows(feed, row("A"), row("B", in_stock="0"), row("C", in_stock=""), row("D", in_stock=""))
    pipeline.run()
    assert levels_in(shop) == {"A": 10, "B": 0, "C": 0, "D": 0}
    set_level(shop, "C", 4)
    assert pipeline.run().summary["stock"]["planned"] == 0
    assert levels_in(shop)["C"] == 4
    pipeline.environment.setenv("SYNC_UNKNOWN_STOCK", "in_stock")
    assert pipeline.run().summary["stock"]["applied"] == 2
    assert levels_in(shop) == {"A": 10, "B": 0, "C": 10, "D": 10}


def test_levels_as_configured(pipeline: Pipeline, shop: Shop, feed: Path) -> None:
    write_rows(
        feed,
        row("A", stock_quantity="25"),
        row("B", in_stock="0", stock_quantity="5"),
        row("C"),
        row("D", in_stock="", stock_quantity="3"),
    )
    pipeline.environment.setenv("SYNC_STOCK_LEVEL", "7")
    pipeline.run()
    assert levels_in(shop) == {"A": 7, "B": 0, "C": 7, "D": 7}
    set_level(shop, "D", 1_000_000_000_000_000)  # mistyped in Medusa Admin: the shop can still be read
    pipeline.environment.setenv("SYNC_STOCK_FROM_FEED", "true")
    summary = pipeline.run().summary
    assert levels_in(shop) == {"A": 25, "B": 0, "C": 7, "D": 3}
    assert summary["stock"]["applied"] == 2


def test_what_is_sold_out_and_not_counted(pipeline: Pipeline, shop: Shop, feed: Path) -> None:
    others = [row(sku) for sku in "BCD"]

    def statuses() -> list[str]:
        return [one["status"] for one in products_in(shop).values() if one["variants"][0]["sku"] == "A"]

    write_rows(feed, row("A"), *others)
    pipeline.run()
    product, variant = next(
        (p["id"], v["id"]) for p in products_in(shop).values() for v in p["variants"] if v["sku"] == "A"
    )
    with shop.client() as client:
        path = f"/admin/products/{product}/variants/{variant}"
        client.post(path, json={"manage_inventory": False}).raise_for_status()
    write_rows(feed, row("A", in_stock="0"), *others)
    assert "stays on sale" in " ".join(pipeline.run().summary["notes"])
    assert statuses() == ["published"]
    pipeline.environment.setenv("SYNC_UNCOUNTED_SOLD_OUT", "hide")
    for applied in (1, 0):
        run = pipeline.run()
        assert run.summary["hide"]["applied"] == run.summary["hide"]["planned"] == applied
        assert (statuses(), run.summary["restore"]["planned"]) == (["draft"], 0)
        assert (run.summary["uncounted_sold_out"], run.summary["medusa_only"]) == (applied, 0)
    assert "stays on sale" not in " ".join(run.summary["notes"])
    write_rows(feed, row("A"), *others)
    assert pipeline.run().summary["restore"]["applied"] == 1
    assert statuses() == ["published"]


def test_two_merchants_with_one_id(pipeline: Pipeline, shop: Shop, tmp_path: Path) -> None:
    feeds = [
        write_rows(tmp_path / f"{merchant}.csv", row("A", merchant_id=merchant), row(f"B{merchant}"))
        for merchant in ("7001", "7002")
    ]
    pipeline.environment.setenv("AWIN_FEED_URL", "\n".join(map(str, feeds)))
    first = pipeline.run()
    assert (first.summary["feed_rows"], first.summary["rejected_rows"]) == (4, 1)
    rejected = (first.folder / "rejected-rows.csv").read_text()
    assert "7002.csv" in rejected
    assert "duplicate_sku" in rejected
    assert "SYNC_SKU_TEMPLATE" in rejected
    assert set(variants_in(shop)) == {"A", "B7001", "B7002"}
    pipeline.environment.setenv("SYNC_SKU_TEMPLATE", "{merchant_id}-{merchant_product_id}")
    second = pipeline.run().summary
    assert (second["rejected_rows"], second["import"]["applied"], second["matched"]) == (0, 1, 3)
    assert set(variants_in(shop)) == {"A", "B7001", "B7002", "7002-A"}


def test_a_variant_joins_the_product_of_its_parent(pipeline: Pipeline, shop: Shop, feed: Path) -> None:
    small = row("P-S", parent_product_id="P", product_name="Coat", colour="Red", **{"Fashion:size": "S"})
    medium = small | {"merchant_product_id": "P-M", "Fashion:size": "M", "search_price": "12.50", "in_stock": "0"}
    write_rows(feed, small)
    pipeline.run()
    (before,) = products_in(shop).values()
    write_rows(feed, small, medium)
    summary = pipeline.run().summary
    assert summary["import"] == {"planned": 1, "applied": 1, "unchanged": 0, "skipped": 0, "held": 0, "failed": 0}
    (after,) = products_in(shop).values()
    assert (after["id"], after["title"], after["external_id"]) == (before["id"], "Coat", "awin:7001:P")
    medium_made, small_kept = after["variants"]
    assert small_kept["id"] == before["variants"][0]["id"]
    assert (medium_made["sku"], medium_made["title"], level_of(medium_made)) == ("P-M", "Red / M", 0)
    assert [(price["amount"], price["currency_code"]) for price in medium_made["prices"]] == [(12.5, "gbp")]
    assert pipeline.run().summary["matched"] == 2


def test_images_are_rehosted_and_a_broken_one_costs_itself(
    pipeline: Pipeline, shop: Shop, feed: Path, web: Web, sandbox: Sandbox
) -> None:
    web.answers = {"/front.png": Answer(PNG, type="image/png"), "/back.png": Answer(b"<html>", type="text/html")}
    write_rows(
        feed,
        row("A", merchant_image_url=f"{web.url}/front.png", alternate_image=f"{web.url}/back.png"),
        row("B", merchant_image_url=f"{web.url}/gone.png"),
    )
    pipeline.environment.setenv("SYNC_REHOST_IMAGES", "true")
    assert pipeline.run().summary["import"]["applied"] == 2
    products = {product["variants"][0]["sku"]: product for product in products_in(shop).values()}
    (image,) = products["A"]["images"]
    assert image["url"].startswith(shop.base_url)
    assert products["A"]["thumbnail"] == image["url"]
    assert httpx.get(image["url"]).content == PNG
    assert (products["B"]["images"], products["B"]["thumbnail"]) == ([], None)
