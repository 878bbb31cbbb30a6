"""Measures writing and reading the real Medusa of the sandbox, beside a bare loop of the same calls."""

import statistics
import tempfile
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import polars as pl
from rich.console import Console

from awin_medusa_pipeline.core.contracts import dtypes
from awin_medusa_pipeline.core.store.database import open_database
from awin_medusa_pipeline.medusa.catalog import ADMIN_FIELDS
from awin_medusa_pipeline.medusa.client import LIMITS, PAGE, MedusaClient
from awin_medusa_pipeline.medusa.client import Shop as ShopIds
from awin_medusa_pipeline.medusa.shapes import PRICE_FIELDS
from awin_medusa_pipeline.sandbox import Sandbox
from awin_medusa_pipeline.sandbox.feed_generator import write_feed
from awin_medusa_pipeline.sync.domain import contracts, discrepancies, ownership, plans
from awin_medusa_pipeline.sync.domain.feed.feed import FeedRules
from awin_medusa_pipeline.sync.domain.operations import Bundle
from awin_medusa_pipeline.sync.domain.rules import PRICE, HideRules, Owner, Owners, StockRules
from awin_medusa_pipeline.sync.engine.applier import Applier
from awin_medusa_pipeline.sync.engine.apply import Engine
from awin_medusa_pipeline.sync.engine.catalog import read_catalog
from awin_medusa_pipeline.sync.engine.categories import categories_of, product_defaults
from awin_medusa_pipeline.sync.engine.intake import FeedParts
from awin_medusa_pipeline.sync.engine.pace import AT_ONCE, BATCH
from awin_medusa_pipeline.sync.engine.places import Places
from awin_medusa_pipeline.sync.engine.rules import SyncRules
from awin_medusa_pipeline.sync.store.ledger import Ledger
from awin_medusa_pipeline_tests.support.sandboxes import TEST_HOME
from awin_medusa_pipeline_tests.tools.bench.timing import Comparison, compare, seconds_of

PORT = 23400
NEW_PRODUCTS, STOCK_UPDATES, CATALOGUE = 2_000, 2_400, 20_000
PRICES, CATEGORY_PATHS = 2_000, 1_000
PAIRS = 3
FIRST_RISE = Decimal("0.01")
RULES = StockRules()
FEED_OWNS: Owners = {PRICE: {"*": Owner.FEED}}


def measure(folder: Path, console: Console) -> list[Comparison]:
    """Measure on a sandbox of its own, so that nothing else writes to it."""
    sandbox = Sandbox(TEST_HOME / "bench", PORT, software=TEST_HOME / "software")
    with console.status("Starting the sandbox"):
        sandbox.up()
    try:
        offers = generated(folder)
        single = single_variants(offers)
        with MedusaClient(sandbox.shop.base_url, admin_key=sandbox.shop.admin_key) as client:
            bench = Bench(sandbox, client, folder, console)
            return [*bench.applying(single), bench.prices(single), bench.categories(), bench.reading(offers)]
    finally:
        sandbox.down()


def generated(folder: Path) -> pl.DataFrame:
    """Offers of a generated feed, two for each product of a large catalogue."""
    source = folder / "shop.csv.gz"
    write_feed(source, offers=2 * CATALOGUE, quirks=False)
    parts = FeedParts(folder / "shop", FeedRules())
    parts.add(source, "bench")
    return parts.offers.collect()


def single_variants(offers: pl.DataFrame) -> pl.DataFrame:
    """Those with one variant a product, so that products, variants and levels are the same number."""
    return offers.filter(pl.col("product_key").is_unique()).with_columns(product_key="offer_key")


@dataclass
class Bench:
    """The works, each in our way and bare."""

    sandbox: Sandbox
    client: MedusaClient
    folder: Path
    console: Console

    def __post_init__(self) -> None:
        self.ids: ShopIds = self.client.shop(sales_channel=None, stock_location=None, shipping_profile=None)

    def applying(self, offers: pl.DataFrame) -> list[Comparison]:
        """Measure new products with levels, then levels alone."""
        new, more = offers.head(NEW_PRODUCTS), offers.slice(NEW_PRODUCTS, STOCK_UPDATES - NEW_PRODUCTS)
        warm_up = offers.tail(BATCH)

        def importing(way: Callable[[pl.DataFrame], object]) -> float:
            self.sandbox.reset()
            self.import_products(self.missing(warm_up))
            missing = self.missing(new)
            return seconds_of(lambda: way(missing))

        with self.console.status(f"Importing {NEW_PRODUCTS:,} products"):
            made = compare(
                f"{NEW_PRODUCTS:,} new products with stock",
                1.15,
                lambda: importing(self.import_products),
                lambda: importing(self.import_bare),
                PAIRS,
            )
        self.import_products(self.missing(more))
        level = RULES.in_stock_level

        def stock(way: Callable[[pl.DataFrame, pl.DataFrame], object]) -> float:
            nonlocal level
            level += 1
            shop = self.catalog()
            mismatches = self.stock_mismatches(shop.lazy(), pl.concat([new, more]), level)
            assert mismatches.height == STOCK_UPDATES
            return seconds_of(lambda: way(mismatches, shop))

        with self.console.status(f"Setting {STOCK_UPDATES:,} levels"):
            levels = compare(
                f"{STOCK_UPDATES:,} stock updates",
                1.25,
                lambda: stock(self.set_stock),
                lambda: stock(self.set_stock_bare),
                2 * PAIRS - 1,
            )
            blind = statistics.median(stock(partial(self.set_stock_bare, looks=False)) for _ in range(PAIRS))
        levels.note = f"without a look before: {blind:.2f} s"
        with self.console.status("Running once more on the unchanged feed"):
            again = self.missing(pl.concat([new, more]))
        made.note = f"unchanged feed: {again.height} to import, so no write"
        return [made, levels]

    def prices(self, offers: pl.DataFrame) -> Comparison:
        """Measure prices alone, on the products that `applying` left."""
        feed, dearer = offers.head(PRICES), FIRST_RISE

        def pricing(way: Callable[[pl.DataFrame, pl.LazyFrame], object]) -> float:
            nonlocal dearer
            dearer += Decimal("0.01")
            now = feed.with_columns((pl.col("price") + pl.lit(dearer)).cast(feed.schema["price"])).lazy()
            matched = discrepancies.matched_products(now, self.catalog().lazy(), RULES).collect().lazy()
            written = pl.LazyFrame(schema=dtypes(contracts.WrittenValue))
            mismatches = ownership.price_mismatches(matched, written, FEED_OWNS).collect()
            assert mismatches.height == PRICES
            return seconds_of(lambda: way(mismatches, matched))

        with self.console.status(f"Setting {PRICES:,} prices"):
            result = compare(
                f"{PRICES:,} prices",
                1.25,
                lambda: pricing(self.set_prices),
                lambda: pricing(self.set_prices_bare),
                2 * PAIRS - 1,
            )
            blind = statistics.median(pricing(partial(self.set_prices_bare, looks=False)) for _ in range(PAIRS))
        result.note = f"without a look before and after: {blind:.2f} s"
        return result

    def categories(self) -> Comparison:
        """Measure new categories of two levels."""

        def paths() -> list[str]:
            mark = uuid.uuid4().hex[:8]
            return [f"{mark} {number // 20} > Part {number}" for number in range(CATEGORY_PATHS * 20 // 21)]

        def ours() -> float:
            new = paths()
            return seconds_of(lambda: categories_of(self.client, new))

        def bare() -> float:
            bodies = [{"name": path, "handle": path.replace(" > ", "-").replace(" ", "-")} for path in paths()]
            return seconds_of(lambda: self.in_batches(bodies, partial(self.run, "create-product-categories")))

        with self.console.status(f"Making {CATEGORY_PATHS:,} categories"):
            result = compare(f"{CATEGORY_PATHS:,} new categories", 2.0, ours, bare, PAIRS)
        result.note = "at most 15 s"
        return result

    def reading(self, offers: pl.DataFrame) -> Comparison:
        """Measure a large catalogue as a table, beside the same pages as JSON."""
        keys = offers.select("product_key").unique(maintain_order=True).head(CATALOGUE)
        with self.console.status(f"Filling the shop with {CATALOGUE:,} products"):
            self.sandbox.reset()
            self.import_products(self.missing(offers.join(keys, on="product_key", how="semi", maintain_order="left")))
        with self.console.status("Reading the catalogue"):
            return compare(
                f"{CATALOGUE:,} products read",
                1.15,
                lambda: seconds_of(self.catalog),
                lambda: seconds_of(self.read_bare),
                PAIRS,
            )

    def catalog(self) -> pl.DataFrame:
        """Read the catalogue as the asset does."""
        with tempfile.TemporaryDirectory() as folder:
            return read_catalog(self.client, Places(), Path(folder), lambda done, total: None).table.collect()

    def read_bare(self) -> None:
        """Read the categories and the same pages, two at a time; neither places nor tags, and no table is made."""

        def page(offset: int) -> Any:
            params = {"fields": ADMIN_FIELDS, "limit": PAGE, "offset": offset, "order": "id"}
            return http.get("/admin/products", params=params).raise_for_status().json()

        with self.with_key() as http, ThreadPoolExecutor(AT_ONCE) as threads:
            categories = {"fields": "handle,products.id", "limit": PAGE}
            http.get("/admin/product-categories", params=categories).raise_for_status().json()
            list(threads.map(page, range(0, CATALOGUE, PAGE)))

    def missing(self, offers: pl.DataFrame) -> pl.DataFrame:
        """Detect the rows to import."""
        shop, feed = self.catalog().lazy(), offers.lazy()
        matched = discrepancies.matched_products(feed, shop, RULES).collect().lazy()
        loose = pl.LazyFrame(schema=dtypes(contracts.LooseMatch))
        return discrepancies.missing_products(feed, shop, matched, loose, RULES).collect()

    def stock_mismatches(self, shop: pl.LazyFrame, offers: pl.DataFrame, level: int) -> pl.DataFrame:
        """Detect levels that all differ, by asking for another one."""
        feed = offers.lazy().with_columns(in_stock=pl.lit(True))
        matched = discrepancies.matched_products(feed, shop, StockRules(level)).collect().lazy()
        nothing = pl.LazyFrame(schema=dtypes(contracts.MissingProduct))
        return discrepancies.stock_mismatches(matched, shop, nothing).collect()

    def applier(self) -> Applier:
        """Begin a run of ours, with a ledger on disk."""
        run_id = str(uuid.uuid4())
        ledger = Ledger(open_database(f"sqlite:///{self.folder}/bench.db"))
        ledger.start_run(run_id, shop=self.client.base_url, job="bench")
        return Applier(
            self.client, self.ids, Engine(ledger, run_id), SyncRules(hide=HideRules(hold_loose=False)), dry_run=False
        )

    def import_products(self, missing: pl.DataFrame) -> None:
        """Import in our way."""
        result = self.applier().import_missing(missing)
        assert result.counts.applied == missing.height, result

    def set_stock(self, mismatches: pl.DataFrame, shop: pl.DataFrame) -> None:
        """Set levels in our way."""
        result = self.applier().set_stock(mismatches, shop.lazy())
        assert result.counts.applied == mismatches.height, result

    def import_bare(self, missing: pl.DataFrame) -> None:
        """Make bodies, products and levels; nothing is kept, nothing looked at."""
        defaults = product_defaults(self.client, self.ids, missing)
        plan = plans.import_plan(missing, defaults)
        bodies = [bundle.body for bundle in plan if isinstance(bundle, Bundle)]
        fields = {"fields": "id,variants.sku,variants.inventory_items.inventory_item_id"}

        def one(http: httpx.Client, part: Sequence[Any]) -> None:
            answer = http.post(
                "/admin/products/batch", params=fields, json={"create": [body["product"] for body in part]}
            )
            levels = {sku: level for body in part for sku, level in body["levels"].items()}
            created = [
                self.level(variant["inventory_items"][0]["inventory_item_id"], levels[variant["sku"]])
                for product in answer.raise_for_status().json()["created"]
                for variant in product["variants"]
            ]
            http.post("/admin/inventory-items/location-levels/batch", json={"create": created}).raise_for_status()

        self.in_batches(bodies, one)

    def set_stock_bare(self, mismatches: pl.DataFrame, shop: pl.DataFrame, *, looks: bool = True) -> None:
        """Look at levels, and set them; nothing is kept."""
        rows = mismatches.select("inventory_item_id", "wanted_level").iter_rows()

        def one(http: httpx.Client, part: Sequence[Any]) -> None:
            if looks:
                fields = "id,location_levels.location_id,location_levels.stocked_quantity"
                self.look(http, "inventory-items", fields, [level["inventory_item_id"] for level in part])
            body = {"update": part}
            http.post("/admin/inventory-items/location-levels/batch", json=body).raise_for_status()

        self.in_batches([self.level(item, level) for item, level in rows], one)

    def set_prices(self, mismatches: pl.DataFrame, matched: pl.LazyFrame) -> None:
        """Set prices in our way."""
        result = self.applier().set_prices(mismatches, matched)
        assert result.counts.applied == mismatches.height, result

    def set_prices_bare(self, mismatches: pl.DataFrame, matched: pl.LazyFrame, *, looks: bool = True) -> None:
        """Read all prices, set them by the same workflow, and read them back; nothing is kept."""
        wanted = {id_: float(price) for id_, price in mismatches.select("variant_id", "price").iter_rows()}

        def one(http: httpx.Client, part: Sequence[str]) -> None:
            fields = f"id,prices.id,{PRICE_FIELDS}"
            there = self.look(http, "product-variants", fields, part)["variants"] if looks else []
            prices = {variant["id"]: variant["prices"] for variant in there}
            bodies = [
                {
                    "id": id_,
                    "prices": [
                        {**price, "amount": wanted[id_]} for price in prices.get(id_, [{"currency_code": "gbp"}])
                    ],
                }
                for id_ in part
            ]
            self.run("update-product-variants", http, bodies)
            if looks:
                self.look(http, "product-variants", fields, part)

        self.in_batches(list(wanted), one)

    def look(self, http: httpx.Client, route: str, fields: str, ids: Sequence[str]) -> Any:
        """Read entries by id."""
        params = {"id[]": ids, "fields": fields, "limit": len(ids)}
        return http.get(f"/admin/{route}", params=params).raise_for_status().json()

    def run(self, workflow: str, http: httpx.Client, part: Sequence[Any]) -> None:
        """Run a workflow on a part."""
        body = {"input": {workflow.partition("-")[2].replace("-", "_"): part}}
        http.post(f"/admin/workflows-executions/{workflow}/run", json=body).raise_for_status()

    def level(self, item_id: str, quantity: int) -> dict[str, Any]:
        """Say one level in Medusa's words."""
        return {
            "inventory_item_id": item_id,
            "location_id": self.ids.stock_location_id,
            "stocked_quantity": quantity,
        }

    def in_batches(self, bodies: Sequence[Any], one: Callable[[httpx.Client, Sequence[Any]], None]) -> None:
        """Run the bare loop."""
        parts = [bodies[start : start + BATCH] for start in range(0, len(bodies), BATCH)]
        with self.with_key() as http, ThreadPoolExecutor(AT_ONCE) as threads:
            list(threads.map(lambda part: one(http, part), parts))

    def with_key(self) -> httpx.Client:
        """Make a bare client with the key that we have: Medusa checks it in 35 ms, a person's session in 2."""
        return httpx.Client(
            base_url=self.client.base_url, auth=(self.sandbox.shop.admin_key, ""), timeout=90, limits=LIMITS
        )
