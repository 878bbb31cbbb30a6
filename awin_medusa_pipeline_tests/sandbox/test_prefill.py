"""The prefilled shop, read by plain HTTP: every case is there, and is wrong in the way it says."""

from collections import Counter
from typing import Any

import polars as pl
import pytest

from awin_medusa_pipeline.medusa.catalog import ADMIN_FIELDS, variants_frame
from awin_medusa_pipeline.sandbox import Sandbox, SandboxError, Shop
from awin_medusa_pipeline.sandbox.feed_generator import write_feed
from awin_medusa_pipeline.sandbox.prefill import HIDING_RUN, Case, Placed, prefill
from awin_medusa_pipeline.sync.domain import discrepancies, ownership
from awin_medusa_pipeline.sync.domain.rules import DEFAULT_OWNERS, StockRules
from awin_medusa_pipeline.sync.engine.intake import whole_feed
from awin_medusa_pipeline_tests.support.factories import NOTHING_WRITTEN

LIMIT = 120


@pytest.fixture(scope="module")
def offers(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    feed = write_feed(tmp_path_factory.mktemp("feed") / "feed.csv.gz", offers=240)
    return whole_feed(feed.path, label="demo")


@pytest.fixture(scope="module")
def placed(sandbox: Sandbox, offers: pl.DataFrame) -> list[Placed]:
    sandbox.reset()
    return prefill(sandbox.shop, offers, limit=LIMIT)


@pytest.fixture(scope="module")
def products(sandbox: Sandbox, placed: list[Placed]) -> dict[str, dict[str, Any]]:
    with sandbox.shop.client() as client:
        answer = client.get("/admin/products", params={"limit": 1000, "fields": ADMIN_FIELDS}).raise_for_status()
    return {product["handle"]: product for product in answer.json()["products"]}


def level(variant: dict[str, Any]) -> int | None:
    levels = variant["inventory_items"][0]["inventory"]["location_levels"]
    return levels[0]["stocked_quantity"] if levels else None


def test_every_case_is_played(placed: list[Placed], products: dict[str, dict[str, Any]]):
    count = Counter(one.case for one in placed)
    assert set(count) == set(Case)
    assert sum(count.values()) == LIMIT + count[Case.GONE] + count[Case.MEDUSA_ONLY]
    assert {one.handle for one in placed if one.case is not Case.MISSING} == set(products)


def test_each_case_is_wrong_as_it_says(placed: list[Placed], products: dict[str, dict[str, Any]], offers: pl.DataFrame):
    feed = {row["offer_key"]: row for row in offers.to_dicts()}
    for one in placed:
        if one.case in (Case.MISSING, Case.GONE, Case.MEDUSA_ONLY):
            continue
        product = products[one.handle]
        variants = {(v["metadata"] or {}).get("awin_offer_key"): v for v in product["variants"]}
        ours = one.case not in (Case.BY_SKU, Case.BY_GTIN, Case.BY_HANDLE, Case.LOOSE)
        assert product["external_id"] == (one.product_key if ours else None), one
        if not ours:
            (offer,) = (feed[key] for key in one.offer_keys)
            assert list(variants) == [None], one
            same = {
                "sku": variants[None]["sku"] == offer["sku"],
                "gtin": bool(offer["gtin"]) and variants[None]["barcode"] == offer["gtin"],
                "name": product["title"] == offer["name"],
            }
            expected = {
                Case.BY_SKU: {"sku": True, "gtin": False, "name": True},
                Case.BY_GTIN: {"sku": False, "gtin": True, "name": True},
                Case.BY_HANDLE: {"sku": False, "gtin": False, "name": True},
                Case.LOOSE: {"sku": False, "gtin": False, "name": False},
            }
            assert same == expected[one.case], one
            assert product["handle"].startswith("own-") == (one.case is not Case.BY_HANDLE), one
            continue
        gone = {f"{one.offer_keys[-1]}-OLD"} if one.case is Case.LEFT_FEED else set()
        assert set(variants) == {*one.offer_keys, *gone}, one
        hidden = one.case in (Case.RETURNING, Case.HIDDEN_BY_HAND)
        assert product["status"] == ("draft" if hidden else "published"), one
        marked = product["metadata"].get("awin_hidden_by_run")
        assert marked == (HIDING_RUN if one.case is Case.RETURNING else None), one
        for key in one.offer_keys:
            variant, offer = variants[key], feed[key]
            (price,) = variant["prices"]
            assert variant["sku"] == offer["sku"]
            assert price["currency_code"] == offer["currency"]
            assert (price["amount"] == float(offer["price"])) == (one.case is not Case.PRICE), one
            wanted = 0 if offer["in_stock"] is False else 10
            expected_level = {Case.NO_LEVEL: None, Case.LEVEL: 3 if wanted else 7}.get(one.case, wanted)
            assert level(variant) == expected_level, one


def test_every_discrepancy_table_has_rows(sandbox: Sandbox, offers: pl.DataFrame, products: dict[str, Any]):
    catalog = variants_frame(products.values(), sandbox.shop.stock_location_id).lazy()
    rules = StockRules()
    feed = offers.lazy()
    matched = discrepancies.matched_products(feed, catalog, rules).lazy()
    loose = discrepancies.loose_matches(feed, catalog, matched).lazy()
    reasons = matched.collect()["match_reason"].unique()
    assert set(reasons) == {"external_id", "sku", "gtin", "handle"}
    missing = discrepancies.missing_products(feed, catalog, matched, loose, rules).collect()
    only = discrepancies.medusa_only_products(catalog, matched, missing.lazy(), loose).collect()
    stock = discrepancies.stock_mismatches(matched, catalog, missing.lazy()).collect()
    # Both what is done and what is held back.
    assert set(missing["loose_match"]) == {True, False}
    assert set(only["loose_match"]) == {True, False}
    assert set(stock["reason"]) == {"differs", "no_level", "left_feed"}
    assert ownership.price_mismatches(matched, NOTHING_WRITTEN, DEFAULT_OWNERS).collect().height > 0
    assert discrepancies.returning_products(matched, catalog, missing.lazy()).collect().height > 0
    assert discrepancies.hidden_by_hand(matched) > 0


def test_shop_with_products_is_refused(sandbox: Sandbox, offers: pl.DataFrame, placed: list[Placed]):
    with pytest.raises(SandboxError, match=r"has \d+ products already.*sandbox reset"):
        prefill(sandbox.shop, offers, limit=LIMIT)


def test_same_offers_make_the_same_shop(shop: Shop, offers: pl.DataFrame, placed: list[Placed]):
    seen: list[str] = []
    again = prefill(shop, offers, limit=LIMIT, progress=lambda step, state: seen.append(state))
    assert again == placed
    assert seen[-1].split()[0] == seen[-1].split()[2]
