"""The bad day: a feed cut in half hides nothing until a person says so, and two runs never work on one shop at once."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

from awin_medusa_pipeline.core.store.leases import Leases
from awin_medusa_pipeline.sandbox import Sandbox
from awin_medusa_pipeline.sandbox.feed_generator import write_feed
from awin_medusa_pipeline.sync.store.held_plans import SHOWN, HeldPlans, PlanState
from awin_medusa_pipeline_tests.support.fault_proxy import Fault, FaultProxy
from awin_medusa_pipeline_tests.support.feeds import row, write_rows
from awin_medusa_pipeline_tests.support.pipeline import Json, Pipeline
from awin_medusa_pipeline_tests.support.plain import products_in

HIDE = "hide_medusa_only_job"


def status_of(products: dict[str, Json]) -> dict[str, str]:
    return {product["handle"]: product["status"] for product in products.values()}


def test_a_feed_cut_in_half(pipeline: Pipeline, sandbox: Sandbox) -> None:
    write_feed(sandbox.feed_file, offers=90, quirks=False)
    for _ in range(3):
        pipeline.run()
    published = status_of(products_in(sandbox.shop))

    whole = gzip.decompress(sandbox.feed_file.read_bytes()).splitlines(keepends=True)
    cut = [line.replace(b",1,", b",0,") for line in whole[: len(whole) // 2]]
    sandbox.feed_file.write_bytes(gzip.compress(b"".join(cut)))
    finished = pipeline.run()
    summary = finished.summary
    assert (summary["hide"]["applied"], summary["hide"]["failed"]) == (0, 0)
    assert summary["hide"]["held"] > 0
    assert status_of(products_in(sandbox.shop)) == published

    with pipeline.database() as database:
        (plan,) = HeldPlans(database).of_run(finished.run_id)
    assert plan.row_count == summary["hide"]["held"]
    told = sandbox.slack_messages()[-1]["text"]
    assert "where the last ones had 90" in told
    assert f"awin-medusa plans approve {plan.hash[:SHOWN]}" in told

    rows = pipeline.rows_of(plan)
    by_hand = rows[0]
    with sandbox.shop.client() as client:
        client.post(f"/admin/products/{by_hand['product_id']}", json={"status": "draft"}).raise_for_status()
    approved = pipeline.run(HIDE, dry_run=False, approve_plan=plan.hash[:SHOWN])
    numbers = json.loads((approved.folder / "hide-summary.json").read_text())
    assert (numbers["applied"], numbers["skipped"]) == (plan.row_count - 1, 1)
    (stale,) = [line for line in approved.log("hide") if line["status"] == "skipped"]
    assert stale["key"] == by_hand["product_id"]
    assert "stale" in stale["error"]
    hidden = {row["handle"] for row in rows}
    found = status_of(products_in(sandbox.shop))
    assert {handle for handle, status in found.items() if status == "draft"} == hidden

    with pipeline.database() as database:
        assert [found.state for found in HeldPlans(database).find(plan.hash)] == [PlanState.APPLIED]
    again = pipeline.end_of(HIDE, dry_run=False, approve_plan=plan.hash)
    assert again.error is not None
    assert "it is applied by" in again.error


def test_an_asset_alone_passes_the_same_guards(pipeline: Pipeline, sandbox: Sandbox) -> None:
    pipeline.environment.setenv("GUARD_HIDE_FLOOR", "3")
    write_feed(sandbox.feed_file, offers=60, quirks=False)
    pipeline.run()
    write_feed(sandbox.feed_file, offers=40, quirks=False)
    summary = pipeline.run(HIDE).summary
    assert summary["hide"]["applied"] == 0
    assert summary["hide"]["held"] > 3


def test_hiding_waits_for_as_many_feeds_as_it_is_told(pipeline: Pipeline, sandbox: Sandbox, tmp_path: Path) -> None:
    pipeline.environment.setenv("GUARD_HIDE_AFTER_FEEDS", "2")
    pipeline.environment.setenv("AWIN_FEED_URL", str(feed := tmp_path / "feed.csv"))

    def hidden(*rows: Json) -> tuple[int, int]:
        write_rows(feed, *rows)
        hide = pipeline.run().summary["hide"]
        return hide["applied"], hide["skipped"]

    stays, leaves = [row(f"A{number}") for number in range(9)], row("B")
    assert hidden(*stays, leaves) == (0, 0)
    assert hidden(*stays) == (0, 1)
    (waiting,) = [line for line in pipeline.run().log("hide") if line["status"] == "skipped"]
    assert waiting["error"] == "missing from 1 of 2 accepted feeds (GUARD_HIDE_AFTER_FEEDS)", "the same file again"
    assert hidden(*stays, leaves) == (0, 0)
    assert hidden(*stays) == (0, 1), "it was back in between"
    assert hidden(*stays, row("C")) == (1, 0)
    assert status_of(products_in(sandbox.shop))["kettle-b"] == "draft"


def test_other_columns_hold_everything(pipeline: Pipeline, sandbox: Sandbox) -> None:
    write_feed(sandbox.feed_file, offers=30, quirks=False)
    pipeline.run("detect_discrepancies_job")
    lines = gzip.decompress(sandbox.feed_file.read_bytes()).splitlines(keepends=True)
    renamed = lines[0].replace(b"\n", b",another\n")
    sandbox.feed_file.write_bytes(gzip.compress(renamed + b"".join(line.replace(b"\n", b",\n") for line in lines[1:])))
    finished = pipeline.run()
    assert finished.summary["import"]["held"] == finished.summary["import"]["planned"] == 30
    assert products_in(sandbox.shop) == {}
    with pipeline.database() as database:
        (plan,) = HeldPlans(database).of_run(finished.run_id)
    approved = pipeline.run("import_missing_job", dry_run=False, approve_plan=plan.hash)
    assert json.loads((approved.folder / "import-summary.json").read_text())["applied"] == 30
    assert len(products_in(sandbox.shop)) > 0
    assert pipeline.run().summary["import"]["planned"] == 0, "the new columns are the measure now"


def test_a_second_run_at_the_same_time_is_told_who_works(pipeline: Pipeline, sandbox: Sandbox) -> None:
    write_feed(sandbox.feed_file, offers=10, quirks=False)
    with pipeline.database() as database:
        with Leases(database).hold(sandbox.shop.base_url, run_id="the-first", job="daily_sync_job"):
            finished = pipeline.end_of()
            assert finished.error is not None
            assert "run the-first (daily_sync_job" in finished.error
            assert "Wait until it ends" in finished.error
            assert pipeline.run(dry_run=True).summary["import"]["applied"] == 0
        assert products_in(sandbox.shop) == {}
        assert pipeline.run().summary["import"]["applied"] == 10
        assert Leases(database).holder(sandbox.shop.base_url) is None


def test_two_syncs_started_in_the_same_second(pipeline: Pipeline, sandbox: Sandbox) -> None:
    write_feed(sandbox.feed_file, offers=20, quirks=False)
    program = Path(sys.executable).parent / "awin-medusa"
    subprocess.run([program, "init"], check=True, capture_output=True)
    with FaultProxy(sandbox.shop.base_url) as proxy:
        pipeline.environment.setenv("MEDUSA_BACKEND_URL", proxy.address)
        # As slow as the first must be to be at work still when the second comes to the shop.
        proxy.seeded = lambda request: Fault(after=True, seconds=0.3)
        command = [program, "sync", "--yes"]
        both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in range(2)]
        said = [process.communicate(timeout=240)[0].decode() for process in both]
    codes = [process.returncode for process in both]
    assert sorted(codes) == [0, 1], said
    assert "has held it since" in said[codes.index(1)]
    skus = [variant["sku"] for product in products_in(sandbox.shop).values() for variant in product["variants"]]
    assert len(skus) == len(set(skus)) == 20
