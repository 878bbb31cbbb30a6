"""Edited by hand: what the shop owns survives, what the feed owns is put right once and told, what is asked waits."""

import csv
import gzip
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from awin_medusa_pipeline.sandbox import Sandbox
from awin_medusa_pipeline.sandbox.feed_generator import write_feed
from awin_medusa_pipeline.sync.store.held_plans import SHOWN, HeldPlan, HeldPlans
from awin_medusa_pipeline_tests.support.feeds import row, text_of, write_rows
from awin_medusa_pipeline_tests.support.pipeline import Finished, Json, Pipeline
from awin_medusa_pipeline_tests.support.plain import products_in, state_of

KETTLES = [row(str(n), description=f"Kettle number {n}.", merchant_category="Kitchen > Kettles") for n in range(4)]


@pytest.fixture
def kettles(pipeline: Pipeline, tmp_path: Path) -> Pipeline:
    """Four kettles, imported."""
    feed = write_rows(tmp_path / "feed.csv", *KETTLES)
    pipeline.environment.setenv("AWIN_FEED_URL", str(feed))
    pipeline.run()
    return pipeline


def edit(sandbox: Sandbox, handle: str, *, price: float | None = None, **fields: Any) -> None:
    """What a person does in Medusa Admin."""
    product = products_in(sandbox.shop)[handle]
    with sandbox.shop.client() as client:
        if price is not None:
            body = {"prices": [{"amount": price, "currency_code": "gbp"}]}
            path = f"/admin/products/{product['id']}/variants/{product['variants'][0]['id']}"
            client.post(path, json=body).raise_for_status()
        if fields:
            client.post(f"/admin/products/{product['id']}", json=fields).raise_for_status()


def price_of(sandbox: Sandbox, handle: str) -> float:
    ((price,),) = [variant["prices"] for variant in products_in(sandbox.shop)[handle]["variants"]]
    return float(price["amount"])


def table(finished: Finished, name: str) -> list[dict[str, str]]:
    with (finished.folder / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def without_times(sandbox: Sandbox) -> Json:
    own = {"variants": None, "updated_at": None}
    return {handle: product | own for handle, product in products_in(sandbox.shop).items()}


def plan_of(pipeline: Pipeline, finished: Finished) -> HeldPlan:
    with pipeline.database() as database:
        (plan,) = HeldPlans(database).of_run(finished.run_id)
    return plan


def test_a_price_of_the_shops_survives_ten_syncs_and_one_of_the_feeds_is_put_right_once(
    kettles: Pipeline, sandbox: Sandbox
) -> None:
    kettles.environment.setenv("SYNC_OWNER_PRICE", "shop")
    edit(sandbox, "kettle-1", price=12.5, title="Our best kettle")
    before = state_of(sandbox.shop)
    for _ in range(10):
        finished = kettles.run()
        summary = finished.summary
        assert (summary["price_mismatches"], summary["price_kept"], summary["price"]["planned"]) == (1, 1, 0)
        (found,) = table(finished, "price-mismatches.csv")
        assert (found["last_price"], found["shop_price"], found["edited_by_hand"]) == ("10", "12.5", "true")
    assert state_of(sandbox.shop) == before

    kettles.environment.setenv("SYNC_OWNER_PRICE", "feed")
    finished = kettles.run()
    (line,) = finished.log("price")
    assert (line["before"]["price"], line["after"]["price"], line["status"]) == ("12.5", "10", "applied")
    (told,) = finished.summary["notes"]
    assert told.startswith("1 value was edited by hand in fields that the feed owns")
    assert told in sandbox.slack_messages()[-1]["text"]
    assert price_of(sandbox, "kettle-1") == 10
    again = kettles.run().summary
    assert (again["price"]["planned"], again["notes"]) == (0, [])
    assert products_in(sandbox.shop)["kettle-1"]["title"] == "Our best kettle", "written first, and then the shop's"
    assert again["content_kept"] == again["content_edited_by_hand"] == 1


def test_who_is_asked_decides(kettles: Pipeline, sandbox: Sandbox) -> None:
    kettles.environment.setenv("SYNC_OWNER_PRICE", "ask")
    kettles.environment.setenv("SYNC_OWNER_DESCRIPTION", "shop 7001=ask")
    for number in (1, 2):
        edit(sandbox, f"kettle-{number}", price=12.5)
    asked = kettles.run()
    assert asked.summary["price"]["held"] == 2
    plan = plan_of(kettles, asked)
    assert f"awin-medusa plans approve {plan.hash[:SHOWN]}" in sandbox.slack_messages()[-1]["text"]
    with kettles.database() as database:
        HeldPlans(database).reject(plan, "ada")

    edit(sandbox, "kettle-3", price=13, description="Mine.")
    later = kettles.run()
    assert (later.summary["price"]["held"], later.summary["price"]["skipped"]) == (1, 2), "no is no"
    assert later.summary["content"]["held"] == 1
    with kettles.database() as database:
        plans = {plan.kind: plan for plan in HeldPlans(database).of_run(later.run_id)}
    assert {kind: plan.row_count for kind, plan in plans.items()} == {"price": 1, "content": 1}

    for kind, asset in (("price", "price_updates"), ("content", "content_updates")):
        config = {asset: {"config": {"dry_run": False, "approve_plan": plans[kind].hash}}}
        finished = kettles.end_of(ops=config)
        assert finished.error is None
    assert [price_of(sandbox, f"kettle-{n}") for n in range(4)] == [10, 12.5, 12.5, 10]
    assert products_in(sandbox.shop)["kettle-3"]["description"] == "Kettle number 3."
    last = kettles.run().summary
    assert (last["price"]["held"], last["price"]["skipped"]) == (0, 2)
    assert (last["content_mismatches"], last["notes"]) == (0, [])


def test_a_wrong_price_column_is_held_and_a_run_is_taken_back(pipeline: Pipeline, sandbox: Sandbox) -> None:
    write_feed(sandbox.feed_file, offers=60, quirks=False)
    pipeline.run()
    before = without_times(sandbox)
    for owner in ("TITLE", "DESCRIPTION", "IMAGES", "CATEGORY"):
        pipeline.environment.setenv(f"SYNC_OWNER_{owner}", "feed")
    with gzip.open(sandbox.feed_file, "rt", newline="", encoding="utf-8") as file:
        offers = list(csv.DictReader(file))
    for offer in offers:
        offer["search_price"] = str(Decimal(offer["search_price"]) * 100)
        offer["product_name"] = f"New {offer['product_name']}"
    with gzip.open(sandbox.feed_file, "wt", newline="", encoding="utf-8") as file:
        file.write(text_of(*offers))
    finished = pipeline.run()
    summary = finished.summary
    assert (summary["price"]["held"], summary["price"]["applied"]) == (60, 0)
    assert "check whether SYNC_PRICE_COLUMN names the right column" in summary["notes"][0]
    assert summary["content"]["applied"] == summary["content_mismatches"] > 0

    config = {"undo_run": {"config": {"run_id": finished.run_id, "dry_run": False}}}
    assert pipeline.end_of("undo_run_job", ops=config).error is None
    assert without_times(sandbox) == before
