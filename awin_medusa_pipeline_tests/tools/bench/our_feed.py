"""Takes a large feed from file to all tables, as the assets awin_feed to content_mismatches do, without Dagster.

Usage: python -m awin_medusa_pipeline_tests.tools.bench.our_feed FEED CATALOG FOLDER
"""

import sys
from pathlib import Path

import polars as pl

from awin_medusa_pipeline.core.contracts import dtypes
from awin_medusa_pipeline.core.tables import Tables
from awin_medusa_pipeline.sync.domain import contracts, discrepancies, ownership
from awin_medusa_pipeline.sync.domain.feed.feed import FeedRules
from awin_medusa_pipeline.sync.domain.rules import DEFAULT_OWNERS, StockRules
from awin_medusa_pipeline.sync.domain.traced import TRACED
from awin_medusa_pipeline.sync.engine.intake import FeedParts


def main(feed: str, catalog: str, folder: str) -> None:
    """Write every table into `folder`."""
    home, tables = Path(folder), Tables(folder, TRACED)

    def table(name: str, frame: pl.DataFrame | pl.LazyFrame) -> pl.LazyFrame:
        tables.write(name, "bench", frame)
        return tables.read(name)

    parsed = FeedParts(home / "parts", FeedRules())
    parsed.add(Path(feed), "bench")
    offers, rules, shop = table("awin_feed", parsed.offers), StockRules(), pl.scan_parquet(catalog)
    table("awin_feed_rejects", parsed.rejects)
    del parsed  # as at the end of the asset
    matched = table("matched_products", discrepancies.matched_products(offers, shop, rules))
    loose = table("loose_matches", discrepancies.loose_matches(offers, shop, matched))
    missing = table("missing_awin_products", discrepancies.missing_products(offers, shop, matched, loose, rules))
    table("medusa_only_products", discrepancies.medusa_only_products(shop, matched, missing, loose))
    table("returning_products", discrepancies.returning_products(matched, shop, missing))
    table("stock_mismatches", discrepancies.stock_mismatches(matched, shop, missing))
    written = pl.LazyFrame(schema=dtypes(contracts.WrittenValue))
    table("price_mismatches", ownership.price_mismatches(matched, written, DEFAULT_OWNERS))
    owners = DEFAULT_OWNERS
    table("content_mismatches", ownership.content_mismatches(offers, shop, matched, missing, written, owners))


if __name__ == "__main__":
    main(*sys.argv[1:])
