"""Measures each stage from feed to tables, beside bare polars that does the work of that stage alone, without care.

Usage: python -m awin_medusa_pipeline_tests.tools.bench.stages FEED CLEAN CATALOG FOLDER
CLEAN is the feed without damage, since one broken row ends the bare reading.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table

from awin_medusa_pipeline.core.contracts import dtypes
from awin_medusa_pipeline.core.tables import Tables
from awin_medusa_pipeline.sandbox.feed_generator import COLUMNS
from awin_medusa_pipeline.sync.domain import contracts, discrepancies, ownership
from awin_medusa_pipeline.sync.domain.feed.columns import wanted_columns
from awin_medusa_pipeline.sync.domain.feed.feed import FeedRules
from awin_medusa_pipeline.sync.domain.rules import DEFAULT_OWNERS, StockRules
from awin_medusa_pipeline.sync.domain.traced import TRACED
from awin_medusa_pipeline.sync.engine.intake import FeedParts
from awin_medusa_pipeline_tests.tools.bench.bare_feed import slug

NOTHING_WRITTEN = pl.LazyFrame(schema=dtypes(contracts.WrittenValue))


def joins(offers: pl.DataFrame, variants: pl.DataFrame) -> object:
    """Join in the four ways of matching."""
    return [
        offers.join(variants, on=key).select("offer_key", "variant_id")
        for key in ("offer_key", "sku", "gtin", "handle")
    ]


def main(feed: str, clean: str, catalog: str, folder: str) -> None:
    """Run the stages one after another, each floor after its stage, and print the table."""
    shown = Table("stage", "ours, s", "CPU, s", "floor, s", "CPU, s", title="Stages")
    tables, rules = Tables(folder, TRACED), StockRules()
    shop, other = pl.scan_parquet(catalog), Path(folder) / "floor.parquet"

    def taken(work: Callable[[], object]) -> list[str]:
        wall, cpu = time.perf_counter(), sum(os.times()[:2])
        work()
        return [f"{time.perf_counter() - wall:.2f}", f"{sum(os.times()[:2]) - cpu:.2f}"]

    def stage(name: str, ours: Callable[[], object], floor: Callable[[], object]) -> None:
        shown.add_row(name, *taken(ours), *taken(floor))

    def write(name: str, make: Callable[[], pl.DataFrame | pl.LazyFrame]) -> Callable[[], object]:
        return lambda: tables.write(name, "bench", make())

    def sink(frame: pl.LazyFrame) -> object:
        return frame.sink_parquet(other, compression_level=1)

    parts = FeedParts(Path(folder) / "parts", FeedRules())
    wanted = wanted_columns([name.lower() for name in COLUMNS], FeedRules())
    columns = [name for name in COLUMNS if name.lower() in wanted]
    stage(
        "parse the feed to parts",
        lambda: parts.add(Path(feed), "bench"),
        lambda: pl.read_csv(clean, infer_schema=False, columns=columns),
    )
    stage("awin_feed, kept", write("awin_feed", lambda: parts.offers), lambda: sink(tables.read("awin_feed")))
    tables.write("awin_feed_rejects", "bench", parts.rejects)
    offers = tables.read("awin_feed")
    values = offers.select("offer_key", "sku", "gtin", handle=slug("name")).collect
    variants = shop.select("variant_id", "offer_key", "sku", gtin="barcode", handle=slug("handle")).collect
    stage(
        "matched_products, kept",
        write("matched_products", lambda: discrepancies.matched_products(offers, shop, rules)),
        lambda: (
            joins(values(), variants()),
            sink(tables.read("matched_products")),
        ),
    )
    matched = tables.read("matched_products")
    stage(
        "loose_matches",
        write("loose_matches", lambda: discrepancies.loose_matches(offers, shop, matched)),
        lambda: (
            offers.select("offer_key", "name").join(matched, on="offer_key", how="anti").collect(),
            shop.select("product_id", "title").join(matched, on="product_id", how="anti").collect(),
        ),
    )
    loose = tables.read("loose_matches")
    stage(
        "missing_awin_products",
        write("missing_awin_products", lambda: discrepancies.missing_products(offers, shop, matched, loose, rules)),
        lambda: sink(offers.join(matched.select("offer_key"), on="offer_key", how="anti")),
    )
    missing = tables.read("missing_awin_products")
    stage(
        "medusa_only, returning, stock, price",
        lambda: [
            tables.write(name, "bench", frame)
            for name, frame in (
                ("medusa_only_products", discrepancies.medusa_only_products(shop, matched, missing, loose)),
                ("returning_products", discrepancies.returning_products(matched, shop, missing)),
                ("stock_mismatches", discrepancies.stock_mismatches(matched, shop, missing)),
                ("price_mismatches", ownership.price_mismatches(matched, NOTHING_WRITTEN, DEFAULT_OWNERS)),
            )
        ],
        lambda: (
            shop.select("variant_id").join(matched.select("variant_id"), on="variant_id", how="anti").collect(),
            sink(matched.filter(pl.col("level") != pl.col("wanted_level"))),
            sink(matched.filter(pl.col("price") != pl.col("shop_price"))),
        ),
    )
    texts = offers.select("offer_key", "name", "description", "image_url", "category")
    shop_texts = shop.select("variant_id", "title", "description", "images", "categories")
    both = texts.join(matched.select("offer_key", "variant_id"), on="offer_key").join(
        shop_texts, on="variant_id", suffix="_shop"
    )
    stage(
        "content_mismatches",
        write(
            "content_mismatches",
            lambda: ownership.content_mismatches(offers, shop, matched, missing, NOTHING_WRITTEN, DEFAULT_OWNERS),
        ),
        lambda: both.select(
            (pl.col("name") != pl.col("title")).sum(),
            (pl.col("description") != pl.col("description_shop")).sum(),
            (pl.col("image_url") != pl.col("images").list.first()).sum(),
            (pl.col("category") != pl.col("categories").list.first()).sum(),
        ).collect(engine="streaming"),
    )
    Console().print(shown)


if __name__ == "__main__":
    main(*sys.argv[1:])
