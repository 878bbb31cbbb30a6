"""The feed moves on: what it drops is hidden, what it adds is imported, and what comes back is restored."""

from pathlib import Path

from awin_medusa_pipeline.sandbox import Sandbox
from awin_medusa_pipeline.sandbox.feed_generator import write_feed
from awin_medusa_pipeline_tests.support.pipeline import Json, Pipeline
from awin_medusa_pipeline_tests.support.plain import by_product, plain_feed, products_in, shop_following, sold_in

FEED = {"offers": 120, "merchants": 3}


def test_the_feed_of_the_next_day_and_back(pipeline: Pipeline, sandbox: Sandbox, tmp_path: Path) -> None:
    offers = [plain_feed(tmp_path, day=day, **FEED)[0] for day in (0, 1)]

    def sync(day: int) -> tuple[Json, dict[str, Json]]:
        write_feed(sandbox.feed_file, quirks=False, day=day, **FEED)
        return pipeline.run().summary, products_in(sandbox.shop)

    _, products = sync(0)
    monday = sold_in(products.values())
    assert monday == offers[0]

    summary, products = sync(1)
    tuesday = sold_in(products.values())
    assert tuesday == shop_following(offers[1], monday)
    hidden = {product["external_id"] for product in products.values() if product["status"] == "draft"}
    assert hidden == by_product(offers[0]).keys() - by_product(offers[1]).keys()
    assert (summary["hide"]["applied"], summary["import"]["applied"]) == (
        len(hidden),
        len(offers[1].keys() - offers[0].keys()),
    )
    moved = sum(monday[key].level != offers[1][key].level for key in offers[0].keys() & offers[1].keys())
    left = sum(offer.level == 0 < monday[key].level for key, offer in tuesday.items() if key not in offers[1])
    assert min(len(hidden), moved) > 0
    assert summary["stock"]["applied"] == moved + left
    moved = sum(monday[key].price != offers[1][key].price for key in offers[0].keys() & offers[1].keys())
    assert summary["price"]["applied"] == summary["price_mismatches"] == moved > 0
    assert summary["price_edited_by_hand"] == 0

    summary, products = sync(0)
    assert sold_in(products.values()) == shop_following(offers[0], tuesday)
    assert summary["restore"]["applied"] == len(hidden)
    assert summary["import"]["planned"] == 0
    marks = [product["metadata"].get("awin_hidden_by_run") for product in products.values()]
    assert [bool(mark) for mark in marks] == [product["status"] == "draft" for product in products.values()]
