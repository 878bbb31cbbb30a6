"""Taking a run back: what it did goes back, what someone changed since stays, and an undo can be undone."""

from pathlib import Path

from awin_medusa_pipeline.sandbox import Sandbox
from awin_medusa_pipeline.sandbox.feed_generator import write_feed
from awin_medusa_pipeline.sandbox.prefill import prefill
from awin_medusa_pipeline.sync.domain.feed.feed import FeedRules
from awin_medusa_pipeline.sync.engine.intake import FeedParts
from awin_medusa_pipeline_tests.support.pipeline import Json, Pipeline
from awin_medusa_pipeline_tests.support.plain import level_of, products_in
from awin_medusa_pipeline_tests.support.summary import assert_results_are_the_logs

State = dict[str, tuple[str, str | None, int | None]]


def state_of(products: dict[str, Json]) -> State:
    """Status, mark and level of each variant: the fields that a sync changes."""
    return {
        variant["id"]: (product["status"], (product["metadata"] or {}).get("awin_hidden_by_run"), level_of(variant))
        for product in products.values()
        for variant in product["variants"]
    }


def undo(pipeline: Pipeline, run_id: str, **config: object) -> str:
    finished = pipeline.end_of("undo_run_job", ops={"undo_run": {"config": {"run_id": run_id, **config}}})
    assert finished.error is None, finished.error
    assert_results_are_the_logs(finished.folder)
    return finished.run_id


def test_a_run_is_taken_back_and_brought_again(pipeline: Pipeline, sandbox: Sandbox, tmp_path: Path) -> None:
    write_feed(sandbox.feed_file, offers=150, quirks=False)
    parts = FeedParts(tmp_path / "parts", FeedRules())
    parts.add(sandbox.feed_file, "feed")
    offers = parts.offers.collect()
    prefill(sandbox.shop, offers, limit=90)
    before = state_of(products_in(sandbox.shop))
    synced = pipeline.run().run_id
    after = state_of(products_in(sandbox.shop))
    assert {after[key] != state for key, state in before.items()} == {True, False}

    undo(pipeline, synced[:8], dry_run=True)
    assert state_of(products_in(sandbox.shop)) == after

    by_hand = next(key for key, state in before.items() if state[2] not in (None, after[key][2]))
    variant = next(v for p in products_in(sandbox.shop).values() for v in p["variants"] if v["id"] == by_hand)
    with sandbox.shop.client() as client:
        path = f"/admin/inventory-items/{variant['inventory_items'][0]['inventory_item_id']}/location-levels"
        client.post(f"{path}/{sandbox.shop.stock_location_id}", json={"stocked_quantity": 77}).raise_for_status()

    undone = undo(pipeline, synced, dry_run=False)
    found = state_of(products_in(sandbox.shop))
    assert {key: found[key] for key in before} == before | {by_hand: (*before[by_hand][:2], 77)}
    made = found.keys() - before.keys()
    assert {found[key][:2] for key in made} == {("draft", None)}

    undo(pipeline, undone, dry_run=False)
    assert state_of(products_in(sandbox.shop)) == after | {by_hand: (*after[by_hand][:2], 77)}


def test_one_kind_alone_and_a_run_that_nobody_knows(pipeline: Pipeline, sandbox: Sandbox) -> None:
    write_feed(sandbox.feed_file, offers=12, quirks=False)
    synced = pipeline.run().run_id
    undo(pipeline, synced, dry_run=False, only="stock")
    assert {product["status"] for product in products_in(sandbox.shop).values()} == {"published"}
    undo(pipeline, synced, dry_run=False, only="import")
    assert {product["status"] for product in products_in(sandbox.shop).values()} == {"draft"}
    assert pipeline.run().summary["restore"]["applied"] == 0, "a person took them back, so they stay hidden"
    unknown = pipeline.end_of("undo_run_job", ops={"undo_run": {"config": {"run_id": "00000000"}}})
    assert unknown.error is not None
    assert "Looking for the run 00000000: no run on" in unknown.error
