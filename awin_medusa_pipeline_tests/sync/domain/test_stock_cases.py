"""Shops as they are in the wild: each case of cases/ ends as its first line says."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from awin_medusa_pipeline.core.contracts import dtypes
from awin_medusa_pipeline.medusa.shapes import amount, base_prices
from awin_medusa_pipeline.sync.domain import discrepancies, ownership
from awin_medusa_pipeline.sync.domain.contracts import StockMismatch, WrittenValue
from awin_medusa_pipeline.sync.domain.discrepancies import StockRules
from awin_medusa_pipeline.sync.domain.feed.feed import FeedRules, open_feed
from awin_medusa_pipeline_tests.support.factories import NO_LOOSE, Row, catalog, variant

CASES = sorted((Path(__file__).parents[2] / "cases").glob("*.json"))
RULES = StockRules()


def in_shop(facts: dict[str, Any]) -> Row:
    """Make a CatalogVariant row from a case; `raw_prices` are as Medusa answers them."""
    raw = facts.pop("raw_prices", None)
    if raw is not None:
        facts["prices"] = [{"currency": code, "amount": amount(price)} for code, price in base_prices(raw).items()]
    return variant(**facts)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path, tmp_path: Path) -> None:
    case = json.loads(path.read_text())
    feed = tmp_path / "feed.csv"
    feed.write_text("\n".join(case["feed"]) + "\n")
    offers = pl.concat(batch.offers for batch in open_feed(feed, label="feed.csv", rules=FeedRules()).batches()).lazy()
    shop = catalog(*map(in_shop, case["shop"]))
    values = [{"key": key, "field": "price", "value": value} for key, value in case["written"].items()]
    written = pl.LazyFrame(values, schema=dtypes(WrittenValue))
    matched = discrepancies.matched_products(offers, shop, RULES).collect().lazy()
    missing = discrepancies.missing_products(offers, shop, matched, NO_LOOSE, RULES).collect().lazy()
    stock = discrepancies.stock_mismatches(matched, shop, missing).collect()
    StockMismatch.validate(stock)
    prices = ownership.price_mismatches(matched, written, ownership.DEFAULT_OWNERS).collect()
    plain = [
        (sku, None if shop_price is None else f"{shop_price.normalize():f}", f"{price.normalize():f}", decision)
        for sku, shop_price, price, decision in prices.select("sku", "shop_price", "price", "decision").iter_rows()
    ]
    assert {
        "stock": sorted(map(list, stock.select("sku", "reason", "wanted_level", "elsewhere").iter_rows())),
        "missing": missing.collect()["offer_key"].to_list(),
        "price": sorted(map(list, plain)),
    } == case["expected"]
