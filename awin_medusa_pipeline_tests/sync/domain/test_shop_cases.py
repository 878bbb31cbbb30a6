"""Shops as they are in the wild: each case of cases/ ends as its first line says."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from awin_medusa_pipeline.core.contracts import dtypes
from awin_medusa_pipeline.medusa.shapes import amount, base_prices
from awin_medusa_pipeline.sync.domain import adoption, discrepancies, ownership, rules
from awin_medusa_pipeline.sync.domain.contracts import MedusaOnlyProduct, StockMismatch, WrittenValue
from awin_medusa_pipeline.sync.domain.rules import Owner, StockRules
from awin_medusa_pipeline.sync.engine.intake import whole_feed
from awin_medusa_pipeline_tests.support.factories import NO_LOOSE, Row, catalog, variant
from awin_medusa_pipeline_tests.support.shop_model import ShopModel

CASES = sorted(path for path in (Path(__file__).parents[2] / "cases").glob("*.json") if '"shop"' in path.read_text())
RULES = StockRules()
FEED_OWNS = {field: {"*": Owner.FEED} for field in (rules.PRICE, *rules.CONTENT)}


def in_shop(facts: dict[str, Any]) -> Row:
    """Make a CatalogVariant row from a case; `raw_prices` are as Medusa answers them."""
    raw = facts.pop("raw_prices", None)
    if raw is not None:
        facts["prices"] = [{"currency": code, "amount": amount(price)} for code, price in base_prices(raw).items()]
    return variant(**facts)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path, tmp_path: Path) -> None:
    """The rows of a case's feed, in either order, beside its shop; what `expected` names must come out."""
    case = json.loads(path.read_text())
    header, *rows = case["feed"]
    shop = catalog(*map(in_shop, case["shop"]))
    for ordered in (rows, rows[::-1]):
        feed = tmp_path / "feed.csv"
        feed.write_text("\n".join([header, *ordered]) + "\n")
        found = outcome(case, whole_feed(feed, "feed.csv").lazy(), shop)
        assert {name: found[name] for name in case["expected"]} == case["expected"]


def outcome(case: dict[str, Any], offers: pl.LazyFrame, shop: pl.LazyFrame) -> dict[str, Any]:
    values = [{"key": key, "field": "price", "value": value} for key, value in case["written"].items()]
    written = pl.LazyFrame(values, schema=dtypes(WrittenValue))
    matched = discrepancies.matched_products(offers, shop, RULES).collect().lazy()
    missing = discrepancies.missing_products(offers, shop, matched, NO_LOOSE, RULES).collect().lazy()
    stock = discrepancies.stock_mismatches(matched, shop, missing).collect()
    StockMismatch.validate(stock)
    prices = ownership.price_mismatches(matched, written, rules.DEFAULT_OWNERS).collect()
    plain = [
        (sku, None if shop_price is None else f"{shop_price.normalize():f}", f"{price.normalize():f}", decision)
        for sku, shop_price, price, decision in prices.select("sku", "shop_price", "price", "decision").iter_rows()
    ]
    adopted = adoption.adoption_candidates(offers, shop, matched)
    hidden = discrepancies.sold_out_products(shop, matched, missing).collect()
    MedusaOnlyProduct.validate(hidden)
    back = discrepancies.returning_products(matched, shop, missing, sold_out_stay=True).collect()
    content = ownership.content_mismatches(offers, shop, matched, missing, written, FEED_OWNS)

    def rows(table: pl.DataFrame, *columns: str) -> list[list[Any]]:
        return sorted(map(list, table.select(columns).unique().iter_rows()))

    return {
        "stock": rows(stock, "sku", "reason", "wanted_level", "elsewhere"),
        "missing": sorted(missing.collect()["offer_key"]),
        "price": sorted(map(list, plain)),
        "adopt": rows(adopted, "shop_sku", "decision", "agrees", "contradicts"),
        "told": adoption.new_merchant_ids(adopted.lazy()),
        "titles": rows(missing.collect(), "product_key", "title", "handle"),
        "joins": rows(missing.collect(), "offer_key", "existing_product_id", "waits"),
        "hidden": hidden["product_id"].to_list(),
        "returning": back["product_id"].to_list(),
        "content": rows(content, "product_id", "field", "value"),
    }


@pytest.mark.parametrize("by_hand", [None, "My own chair"])
def test_16_a_damaged_name_is_mended_when_the_feed_is(by_hand: str | None, tmp_path: Path) -> None:
    damaged = (CASES[0].parent / "16_damaged_name.csv").read_text()
    shop, feed = ShopModel(), tmp_path / "feed.csv"

    def sync(text: str) -> tuple[str, str | None]:
        feed.write_text(text)
        assert not shop.sync(whole_feed(feed, "feed.csv").lazy(), RULES)
        [product] = shop.products.values()
        return product["title"], product.get("description")

    assert sync(damaged) == ("Caf Chair", None)
    assert sync(damaged) == ("Caf Chair", None)
    if by_hand:
        next(iter(shop.products.values()))["title"] = by_hand
    sound = damaged.replace("o\ufffdk", "oak").replace("Fl\ufffdche", "Chairs").replace("\ufffd", "\u00e9")
    assert sync(sound) == (by_hand or "Caf\u00e9 Chair", "Of oak")
    # Mended once, it is written once like any other.
    assert sync(sound.replace("Caf\u00e9", "Old caf\u00e9")) == (by_hand or "Caf\u00e9 Chair", "Of oak")
