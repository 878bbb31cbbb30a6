"""What a person sees and does in the Dagster UI alone: plans held, approved, applied and undone; failures in a word."""

import re
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.store.audit import Audit
from awin_medusa_pipeline.core.store.run_requests import RunRequests
from awin_medusa_pipeline.defs.build import build_defs
from awin_medusa_pipeline.sandbox import Shop
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline.shops import Shops
from awin_medusa_pipeline.sync.domain.kinds import ASSETS
from awin_medusa_pipeline.sync.store.held_plans import SHOWN, HeldPlans
from awin_medusa_pipeline_tests.support.feeds import row, write_rows
from awin_medusa_pipeline_tests.support.pipeline import CONSOLE, Json, Pipeline
from awin_medusa_pipeline_tests.support.plain import products_in

ATTACK = "![](/graphql?query=mutation{launchRun})"


@pytest.fixture
def feed(pipeline: Pipeline, tmp_path: Path) -> Path:
    pipeline.environment.setenv("AWIN_FEED_URL", str(path := tmp_path / "feed.csv"))
    pipeline.environment.setenv("GUARD_HIDE_FLOOR", "1")
    return path


def launched(pipeline: Pipeline, job: str, config: Json | None = None, **tags: str) -> dg.DagsterRun:
    """A run as the UI launches it, to its end."""
    with App(Settings()) as app:
        result = (
            build_defs(Shops.of(app))
            .resolve_job_def(job)
            .execute_in_process(
                run_config={**(config or {}), "loggers": CONSOLE},
                instance=pipeline.instance,
                tags={"dagster/from_ui": "true"} | tags,
                raise_on_error=False,
            )
        )
    run = pipeline.instance.get_run_by_id(result.run_id)
    assert run
    return run


def requested(pipeline: Pipeline, sensor: str) -> dg.DagsterRun:
    """The one run that a sensor asks for, to its end."""
    with App(Settings()) as app:
        defs = build_defs(Shops.of(app))
        repository = defs.get_repository_def()
        context = dg.build_sensor_context(
            instance=pipeline.instance,
            repository_def=repository,
            resources={"shops": Shops.of(app)},
            sensor_name=sensor,
        )
        found = defs.resolve_sensor_def(sensor)
        (request,) = found.evaluate_tick(context).run_requests or ()
        result = defs.resolve_job_def(str(found.job_name)).execute_in_process(
            run_config={**request.run_config, "loggers": CONSOLE},
            instance=pipeline.instance,
            tags=dict(request.tags) | {"dagster/sensor_name": sensor},
            asset_selection=list(request.asset_selection or ()) or None,
        )
    run = pipeline.instance.get_run_by_id(result.run_id)
    assert run
    return run


def shown(pipeline: Pipeline, asset: str) -> dict[str, Any]:
    """Metadata of the last materialisation of an asset."""
    event = pipeline.instance.get_latest_materialization_event(dg.AssetKey(asset))
    assert event
    assert event.asset_materialization
    return dict(event.asset_materialization.metadata)


def checked(pipeline: Pipeline, asset: str) -> dg.AssetCheckEvaluation:
    """The last evaluation of the check that nothing is held."""
    key = dg.AssetCheckKey(dg.AssetKey(asset), "nothing_held")
    (record,) = pipeline.instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    assert record.event
    assert record.event.asset_check_evaluation
    return record.event.asset_check_evaluation


def cells(value: Any) -> list[dict[str, Any]]:
    return [record.data for record in value.records]


def statuses(shop: Shop) -> set[str]:
    return {product["status"] for product in products_in(shop).values() if "Kettle B" in product["title"]}


def config_of(op: str, **config: Any) -> Json:
    return {"ops": {op: {"config": config}}}


def test_a_plan_held_approved_applied_and_undone(pipeline: Pipeline, shop: Shop, feed: Path) -> None:
    stay, leave = [row(f"A{number}") for number in range(8)], [row(f"B{number}") for number in range(3)]
    write_rows(feed, *stay, *leave)
    first = launched(pipeline, "daily_sync_job")
    assert first.tags["awin_medusa/mode"] == "apply"
    assert first.tags["awin_medusa/trigger"] == "hand"
    assert checked(pipeline, "hidden_products").passed
    assert shown(pipeline, "held_plans")["plans"].value == 0
    changes = str(shown(pipeline, "imported_products")["changes"].value)
    assert f"[Kettle A0](<{shop.base_url}/app/products?q=A0>) |  | 10 GBP, 10 in stock |" in changes

    write_rows(feed, *stay)
    run = launched(pipeline, "daily_sync_job")
    assert run.is_success, "a held plan fails nothing"
    check = checked(pipeline, "hidden_products")
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    with pipeline.database() as database:
        (plan,) = HeldPlans(database).of_run(run.run_id)
    start = plan.hash[:SHOWN]
    (why,) = cells(check.metadata["held"])
    assert (why["hash"], why["rows"], why["number"], why["limit"]) == (start, 3, 3, 1.1)
    assert re.search(r"hiding 3 of 11 .*\[too_many_to_hide\]", why["reason"])
    assert {one["title"] for one in cells(check.metadata[f"largest_changes_{start}"])} == {
        f"Kettle B{number}" for number in range(3)
    }
    assert check.metadata["to_approve"] == dg.MetadataValue.job("approve_plan_job", "awin_medusa_pipeline")
    assert "launch approve_plan_job" in str(check.description)
    (listed,) = cells(shown(pipeline, "held_plans")["waiting"])
    assert (listed["kind"], listed["rows"], listed["to approve"]) == ("hide", 3, f"approve_plan_job, hash {start}")
    summary = str(shown(pipeline, "sync_summary")["summary"].value)
    assert re.search(r"\| hide \| 3 \| 0 \| 3 \| 0 \| hiding 3 of 11", summary)
    assert statuses(shop) == {"published"}

    approving = launched(pipeline, "approve_plan_job", config_of("approve_plan", hash=start, comment="range cut"))
    assert approving.is_success
    assert approving.tags["awin_medusa/plan"] == start
    assert shown(pipeline, "held_plans")["plans"].value == 0
    with pipeline.database() as database:
        (decision,) = Audit(database).newest(1)
        assert (decision.target, decision.via, decision.comment) == (plan.hash, "dagster", "range cut")
        assert decision.who == f"Dagster UI (run {approving.run_id[:8]})"
    applied = requested(pipeline, "sync_request_sensor")
    assert statuses(shop) == {"draft"}
    assert applied.tags["awin_medusa/plan"] == start
    assert applied.tags["awin_medusa/mode"] == "apply"
    assert applied.tags["awin_medusa/trigger"] == "dagster"
    assert applied.tags["user"] == decision.who
    with pipeline.database() as database:
        assert RunRequests(database).waiting() == []
    assert checked(pipeline, "hidden_products").passed
    changed = str(shown(pipeline, "hidden_products")["changes"].value)
    links = re.findall(r"\[Kettle B\d\]\(<(.*?)>\) \| published \| draft \|", changed)
    drafts = [product["id"] for product in products_in(shop).values() if product["status"] == "draft"]
    assert sorted(links) == sorted(f"{shop.base_url}/app/products/{product_id}" for product_id in drafts)

    undoing = config_of("undo_run", run_id=applied.run_id[:8], dry_run=False, only="")
    undone = launched(pipeline, "undo_run_job", undoing)
    assert undone.is_success
    assert undone.tags["awin_medusa/undoes"] == applied.run_id[:8]
    assert statuses(shop) == {"published"}


def test_a_rejected_plan_is_not_asked_about_again(pipeline: Pipeline, shop: Shop, feed: Path) -> None:
    stay, leave = [row(f"A{number}") for number in range(8)], [row(f"B{number}") for number in range(3)]
    write_rows(feed, *stay, *leave)
    pipeline.run()
    write_rows(feed, *stay)
    held = pipeline.run()
    with pipeline.database() as database:
        (plan,) = HeldPlans(database).of_run(held.run_id)
    write_rows(feed, *stay, *leave)
    pipeline.run()
    assert checked(pipeline, "hidden_products").passed, "the feed is whole again, and the plan out of date"
    write_rows(feed, *stay)
    pipeline.run()
    assert not checked(pipeline, "hidden_products").passed
    assert launched(pipeline, "reject_plan_job", config_of("reject_plan", hash=plan.hash[:8], comment="")).is_success
    again = launched(pipeline, "reject_plan_job", config_of("reject_plan", hash=plan.hash[:8], comment=""))
    assert again.is_failure
    pipeline.run()
    assert checked(pipeline, "hidden_products").passed
    assert statuses(shop) == {"published"}


def test_text_of_a_feed_never_becomes_markup(pipeline: Pipeline, shop: Shop, feed: Path) -> None:
    """Seen: an id like this in a failed row launched a run, when its failures were looked at."""
    others = row("Z", merchant_id="6001", product_name="Rug"), row("Y", product_name="Vase")
    write_rows(feed, row(ATTACK, merchant_id="6001", product_name="Lamp"), *others)
    pipeline.run()
    assert ATTACK not in str(shown(pipeline, "imported_products")["changes"].value)
    write_rows(feed, row(ATTACK, product_name=ATTACK), *others)
    finished = pipeline.end_of()
    assert finished.error
    assert ATTACK in finished.error, "the terminal and Slack show it as text"
    assert ATTACK in cells(shown(pipeline, "imported_products")["failures"])[0]["key"]
    for record in pipeline.instance.get_records_for_run(finished.run_id).records:
        event = record.event_log_entry
        drawn = [event.asset_check_evaluation.description or ""] if event.asset_check_evaluation else []
        for part in (event.asset_materialization, event.asset_check_evaluation):
            values = part.metadata.values() if part else ()
            drawn += [str(value.value) for value in values if isinstance(value, dg.MarkdownMetadataValue)]
        assert not any("![" in text or "](/" in text for text in drawn)


@pytest.mark.parametrize(
    ("changed", "step", "words"),
    [
        ({"MEDUSA_ADMIN_API_KEY": "sk_wrong"}, "medusa_catalog", "Check MEDUSA_ADMIN_API_KEY"),
        ({"MEDUSA_ADMIN_API_KEY": ""}, "medusa_catalog", "MEDUSA_ADMIN_API_KEY is not set"),
        ({"AWIN_FEED_URL": "/nowhere/feed.csv"}, "awin_feeds", "Correct AWIN_FEED_URL"),
    ],
)
def test_a_wrong_setting_fails_one_step_with_one_sentence(
    pipeline: Pipeline, shop: Shop, feed: Path, changed: dict[str, str], step: str, words: str
) -> None:
    write_rows(feed, row("A"))
    for name, value in changed.items():
        pipeline.environment.setenv(name, value)
    run = launched(pipeline, "daily_sync_job")
    records = pipeline.instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE).records
    failed = [record.event_log_entry for record in records]
    assert [entry.step_key for entry in failed] == [step]
    assert failed[0].dagster_event
    error = failed[0].dagster_event.step_failure_data.error
    assert error
    assert words in error.message
    assert error.to_string() == error.message, "nothing else, least of all a stack"


def test_a_dry_run_and_a_pilot_say_so(pipeline: Pipeline, shop: Shop, feed: Path) -> None:
    write_rows(feed, row("A"), row("B"))
    dry = {"ops": {asset: {"config": {"dry_run": True}} for asset in ASSETS}}
    assert launched(pipeline, "daily_sync_job", dry).tags["awin_medusa/mode"] == "dry_run"
    proposed = cells(shown(pipeline, "held_plans")["waiting"])
    assert [one["kind"] for one in proposed] == ["import"]
    assert "Kettle A" in str(shown(pipeline, "imported_products")["changes"].value)
    assert launched(pipeline, "detect_discrepancies_job").tags["awin_medusa/mode"] == "detect"
    assert launched(pipeline, "pilot_import_job").tags["awin_medusa/mode"] == "pilot"
    assert len(products_in(shop)) == 2
