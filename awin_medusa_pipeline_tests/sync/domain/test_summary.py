"""sync-summary.json adds up, for any feed and any shop, and refuses tables that do not belong together."""

import json
from typing import Any

import pytest
from hypothesis import given, settings

from awin_medusa_pipeline.sync.domain.discrepancies import StockRules
from awin_medusa_pipeline.sync.domain.summary import OUTCOMES, sync_counts
from awin_medusa_pipeline_tests.support.factories import NO_REJECTS, Row, offer, offers
from awin_medusa_pipeline_tests.support.shop_model import ShopModel
from awin_medusa_pipeline_tests.support.strategies import feeds, shops


@settings(max_examples=100, deadline=None)
@given(feed=feeds(), shop=shops())
def test_counts_add_up(feed: list[Row], shop: ShopModel) -> None:
    tables = shop.detect(offers(*feed), StockRules(), loose=True) | {"awin_feed_rejects": NO_REJECTS}
    counts: dict[str, Any] = sync_counts(tables, {"import": {"planned": 3, "applied": 2, "failed": 1}})
    assert json.loads(json.dumps(counts)) == counts
    assert counts["feed_rows"] == len(feed) == counts["matched"] + counts["missing_in_medusa"]
    assert counts["catalog_products"] == len(shop.products)
    assert counts["catalog_variants"] == sum(len(product["variants"]) for product in shop.products.values())
    assert counts["catalog_products"] == sum(
        counts[part] for part in ("catalog_matched", "medusa_only", "catalog_only_hidden", "half_made")
    )
    nothing = dict.fromkeys(OUTCOMES, 0)
    assert counts["import"] == nothing | {"planned": 3, "applied": 2, "failed": 1}
    assert counts["hide"] == counts["restore"] == counts["stock"] == nothing


def test_tables_of_different_runs_are_refused() -> None:
    shop = ShopModel()
    tables = shop.detect(offers(offer("a")), StockRules()) | {"awin_feed_rejects": NO_REJECTS}
    with pytest.raises(ValueError, match=r"matched \+ missing_in_medusa \(2 is not 1\).*run the whole job again"):
        sync_counts(tables | {"awin_feed": offers(offer("a"), offer("b"))}, {})


def test_operations_without_an_outcome_are_refused() -> None:
    tables = ShopModel().detect(offers(), StockRules()) | {"awin_feed_rejects": NO_REJECTS}
    with pytest.raises(ValueError, match=r"stock: planned = .* \(2 is not 1\)"):
        sync_counts(tables, {"stock": {"planned": 2, "applied": 1}})
