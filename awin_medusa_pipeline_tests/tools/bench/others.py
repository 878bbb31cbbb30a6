"""Measures what a user would take instead, on one shop: Medusa's CSV import, and a script that pauses."""

import csv
import io
import statistics
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import polars as pl
from rich.console import Console
from rich.table import Table

from awin_medusa_pipeline.medusa.client import LIMITS, MedusaClient
from awin_medusa_pipeline.sandbox import Sandbox
from awin_medusa_pipeline.sync.domain import plans
from awin_medusa_pipeline.sync.domain.operations import Bundle
from awin_medusa_pipeline.sync.engine.categories import product_defaults
from awin_medusa_pipeline_tests.support.sandboxes import TEST_HOME
from awin_medusa_pipeline_tests.tools.bench.shop import NEW_PRODUCTS, PORT, Bench, generated, single_variants
from awin_medusa_pipeline_tests.tools.bench.timing import Comparison, seconds_of

PAIRS = 3
PAUSE = 0.1
PART = 50
"""Products that the pausing script makes; its time is scaled to all of them."""


def measure(folder: Path, console: Console) -> list[Comparison]:
    """Import the same products into the same empty shop in three ways, and show products a second."""
    sandbox = Sandbox(TEST_HOME / "bench", PORT, software=TEST_HOME / "software")
    with console.status("Starting the sandbox"):
        sandbox.up()
    try:
        with MedusaClient(sandbox.shop.base_url, admin_key=sandbox.shop.admin_key) as client:
            bench = Bench(sandbox, client, folder, console)
            offers = single_variants(generated(folder)).head(NEW_PRODUCTS)
            ways = {
                "this program": bench.import_products,
                "Medusa's CSV import, and levels": partial(_by_csv, bench),
                f"a call each and {1e3 * PAUSE:.0f} ms of pause (of {PART}, scaled)": partial(_with_pauses, bench),
            }
            times: dict[str, list[float]] = {way: [] for way in ways}
            for _ in range(PAIRS):
                for way, importing in ways.items():
                    times[way].append(_seconds(bench, offers, importing, console))
        table = Table("way", "s", "products/s", title=f"{NEW_PRODUCTS:,} new products with stock, one shop")
        for way, seconds in times.items():
            middle = statistics.median(seconds)
            table.add_row(way, f"{middle:,.1f}", f"{NEW_PRODUCTS / middle:,.0f}")
        console.print(table)
        ours, theirs, *_ = times.values()
        return [Comparison(f"{NEW_PRODUCTS:,} new products, beside Medusa's CSV import", 1.0, ours, theirs)]
    finally:
        sandbox.down()


def _seconds(bench: Bench, offers: pl.DataFrame, importing: Any, console: Console) -> float:
    with console.status(f"Importing {offers.height:,} products"):
        bench.sandbox.reset()
        missing = bench.missing(offers)
        scaled = importing.func is _with_pauses if isinstance(importing, partial) else False
        part = missing.head(PART) if scaled else missing
        return seconds_of(lambda: importing(part)) * (missing.height / part.height)


def _payloads(bench: Bench, missing: pl.DataFrame) -> list[Any]:
    plan = plans.import_plan(missing, product_defaults(bench.client, bench.ids, missing))
    return [bundle.body for bundle in plan if isinstance(bundle, Bundle)]


def _by_csv(bench: Bench, missing: pl.DataFrame) -> None:
    """Upload a file, confirm it, wait until all products are there, and set the levels that no column holds."""
    bodies = _payloads(bench, missing)
    content = _csv([body["product"] for body in bodies])
    with httpx.Client(
        base_url=bench.client.base_url, auth=(bench.sandbox.shop.admin_key, ""), timeout=90, limits=LIMITS
    ) as http:
        (file,) = http.post("/admin/uploads", files={"files": ("p.csv", content, "text/csv")}).json()["files"]
        facts = {"originalname": "p.csv", "extension": "csv", "size": len(content), "mime_type": "text/csv"}
        begun = http.post("/admin/products/imports", json={"file_key": file["id"], **facts}).raise_for_status().json()
        http.post(f"/admin/products/imports/{begun['transaction_id']}/confirm").raise_for_status()
        while _products(http) < len(bodies):
            time.sleep(0.1)
        levels = {sku: level for body in bodies for sku, level in body["levels"].items()}
        items: list[Any] = []
        while len(items) < len(levels):
            params: dict[str, Any] = {"fields": "id,sku", "limit": 5_000}
            items = http.get("/admin/inventory-items", params=params).json()["inventory_items"]
    bench.in_batches([bench.level(item["id"], levels[item["sku"]]) for item in items], _create_levels)


def _products(http: httpx.Client) -> int:
    """Number of products, by a connection of its own: Medusa's one thread is busy, and those that wait run out."""
    answer = http.get("/admin/products", params={"fields": "id", "limit": 1}, headers={"connection": "close"})
    return int(answer.json()["count"])


def _create_levels(http: httpx.Client, part: Sequence[Any]) -> None:
    http.post("/admin/inventory-items/location-levels/batch", json={"create": part}).raise_for_status()


def _csv(products: Sequence[Any]) -> bytes:
    file = io.StringIO()
    rows = [_row(product) for product in products]
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(file, names, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()


def _row(product: Any) -> dict[str, Any]:
    """One product of one variant in the columns that the import knows."""
    (variant,) = product["variants"]
    (price,) = variant["prices"]
    row = {
        "Product Handle": product["handle"],
        "Product Title": product["title"],
        "Product Status": product["status"],
        "Product Description": product.get("description") or "",
        "Product External Id": product["external_id"],
        "Product Thumbnail": product.get("thumbnail") or "",
        "Shipping Profile Id": product["shipping_profile_id"],
        "Variant Title": variant["title"],
        "Variant SKU": variant["sku"],
        "Variant Barcode": variant.get("barcode") or "",
        "Variant Manage Inventory": "true",
        f"Variant Price {price['currency_code'].upper()}": price["amount"],
    }
    for name, entries, key in (
        ("Product Category", product.get("categories"), "id"),
        ("Product Image", product.get("images"), "url"),
        ("Product Tag", product.get("tags"), "id"),
        ("Product Sales Channel", product.get("sales_channels"), "id"),
    ):
        row |= {f"{name} {number}": entry[key] for number, entry in enumerate(entries or [], 1)}
    for number, (option, value) in enumerate(variant["options"].items(), 1):
        row |= {f"Variant Option {number} Name": option, f"Variant Option {number} Value": value}
    return row


def _with_pauses(bench: Bench, missing: pl.DataFrame) -> None:
    """Make each product and each level by a call of its own, and wait after it."""
    fields = {"fields": "id,variants.sku,variants.inventory_items.inventory_item_id"}
    with httpx.Client(
        base_url=bench.client.base_url, auth=(bench.sandbox.shop.admin_key, ""), timeout=90, limits=LIMITS
    ) as http:
        for body in _payloads(bench, missing):
            made = http.post("/admin/products", params=fields, json=body["product"]).raise_for_status().json()
            time.sleep(PAUSE)
            for variant in made["product"]["variants"]:
                item = variant["inventory_items"][0]["inventory_item_id"]
                level = bench.level(item, body["levels"][variant["sku"]])
                level.pop("inventory_item_id")
                http.post(f"/admin/inventory-items/{item}/location-levels", json=level).raise_for_status()
                time.sleep(PAUSE)
