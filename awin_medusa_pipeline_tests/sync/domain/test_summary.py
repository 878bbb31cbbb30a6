"""sync-summary.json adds up, for any feed and any shop, and refuses tables that do not belong together."""

import json
from collections.abc import Mapping

import polars as pl
import pytest
from hypothesis import given

from awin_medusa_pipeline.sync.domain.operations import Counts, Kind
from awin_medusa_pipeline.sync.domain.rules import StockRules
from awin_medusa_pipeline.sync.domain.summary import SummaryTables, sync_counts
from awin_medusa_pipeline_tests.support.factories import NO_REJECTS, Row, offer, offers
from awin_medusa_pipeline_tests.support.shop_model import ShopModel
from awin_medusa_pipeline_tests.support.strategies import feeds, shops, slow_law


def summary_tables(tables: Mapping[str, pl.LazyFrame], **others: pl.LazyFrame) -> SummaryTables:
    """The tables of a run of which no row was rejected; `others` go in the place of some."""
    return SummaryTables(**tables | {"awin_feed_rejects": NO_REJECTS} | others)


@slow_law(25)
@given(feed=feeds(), shop=shops())
def test_counts_add_up(feed: list[Row], shop: ShopModel) -> None:
    tables = summary_tables(shop.detect(offers(*feed), StockRules(), loose=True))
    run = sync_counts(tables, {Kind.IMPORT: Counts(applied=2, failed=1)})
    counts = run.as_dict()
    assert json.loads(json.dumps(counts)) == counts
    assert counts["feed_rows"] == len(feed) == counts["matched"] + counts["missing_in_medusa"]
    assert counts["catalog_products"] == len(shop.products)
    assert counts["catalog_variants"] == sum(len(product["variants"]) for product in shop.products.values())
    assert counts["catalog_products"] == sum(
        counts[part] for part in ("catalog_matched", "medusa_only", "catalog_only_hidden", "half_made")
    )
    nothing = Counts().as_dict()
    assert counts["import"] == nothing | {"planned": 3, "applied": 2, "failed": 1}
    assert all(counts[kind] == nothing for kind in Kind if kind is not Kind.IMPORT)
    flat = run.flat()
    assert (flat["import_applied"], flat["hide_planned"], flat["feed_rows"]) == (2, 0, len(feed))
    assert sum(number for name, number in flat.items() if name.startswith("matched_by_")) == counts["matched"]
    assert all(type(number) is int for number in flat.values())


def test_tables_of_different_runs_are_refused() -> None:
    shop = ShopModel()
    tables = shop.detect(offers(offer("a")), StockRules())
    with pytest.raises(ValueError, match=r"matched \+ missing_in_medusa \(2 is not 1\).*run the whole job again"):
        sync_counts(summary_tables(tables, awin_feed=offers(offer("a"), offer("b"))), {})
