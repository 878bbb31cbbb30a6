"""What Dagster is given: assets, checks, jobs and their default config, schedules, sensors; and no secret among it."""

import os
import subprocess
import sys
from collections.abc import Mapping
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_representation.external_data import RepositorySnap

from awin_medusa_pipeline.defs import build
from awin_medusa_pipeline.defs.contracts import CONTRACTS
from awin_medusa_pipeline.defs.resources import APPLIES_TAG
from awin_medusa_pipeline.defs.tags import MODE_TAG
from awin_medusa_pipeline.settings import PROJECT_ROOT
from awin_medusa_pipeline.shops import Shops
from awin_medusa_pipeline.sync.domain.kinds import ASSETS
from awin_medusa_pipeline_tests.support.feeds import ADDRESS, KEY

GROUPS = {
    "awin": {"awin_feed", "awin_feed_rejects"},
    "medusa": {"medusa_catalog"},
    "discrepancies": {
        *("matched_products", "missing_awin_products", "medusa_only_products", "returning_products"),
        *(
            "stock_mismatches",
            "price_mismatches",
            "content_mismatches",
            "loose_matches",
            "adoption_candidates",
        ),
    },
    "summary": {"sync_summary", "held_plans"},
    "applied": set(ASSETS),
    "etsy": {"etsy_listing_plan", "etsy_listings"},
}
TABLES = set().union(*(GROUPS[group] for group in ("awin", "medusa", "discrepancies", "summary")))
FEED: dict[str, Mapping[str, Any]] = {"awin_feeds": {"accept_smaller_feed": False}}


def applies(*assets: str, limit: int = 0) -> dict[str, Mapping[str, Any]]:
    return FEED | {asset: {"dry_run": False, "limit": limit, "approve_plan": ""} for asset in assets}


JOBS: dict[str, dict[str, Mapping[str, Any]]] = {
    "detect_discrepancies_job": FEED,
    "daily_sync_job": applies(*ASSETS),
    "pilot_import_job": applies("imported_products", limit=10),
    "import_missing_job": applies("imported_products"),
    "hide_medusa_only_job": applies("hidden_products"),
    "reconcile_stock_job": applies("stock_updates"),
}


def build_defs() -> dg.Definitions:
    return build.build_defs(Shops.open())


@pytest.fixture(scope="module")
def defs() -> dg.Definitions:
    return build_defs()


def test_they_load(defs: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(defs)


def test_every_asset_tells_what_it_is(defs: dg.Definitions) -> None:
    specs = {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}
    assert {name: spec.group_name for name, spec in specs.items()} == {
        name: group for group, names in GROUPS.items() for name in names
    }
    for name, spec in specs.items():
        assert spec.kinds, name
        assert spec.owners, name
        assert (spec.description or "").endswith("."), name


@pytest.mark.parametrize("asset", CONTRACTS)
def test_every_table_shows_its_columns(defs: dg.Definitions, asset: str) -> None:
    (spec,) = (spec for spec in defs.resolve_all_asset_specs() if spec.key.to_user_string() == asset)
    schema = spec.metadata["dagster/column_schema"]
    assert [column.name for column in schema.columns] == CONTRACTS[asset].column_names()
    assert any(column.description for column in schema.columns)


def test_lineage_leads_from_feed_and_shop_to_what_is_applied(defs: dg.Definitions) -> None:
    parents = {spec.key: {dep.asset_key for dep in spec.deps} for spec in defs.resolve_all_asset_specs()}

    def sources(key: dg.AssetKey) -> set[str]:
        own = {key.to_user_string()} & {"awin_feed", "medusa_catalog"}  # The feed is read with the shop at hand.
        return own.union(*(sources(parent) for parent in parents[key]))

    for asset in ASSETS:
        assert sources(dg.AssetKey(asset)) == {"awin_feed", "medusa_catalog"}
    for asset in GROUPS["etsy"]:
        assert sources(dg.AssetKey(asset)) == {"medusa_catalog"}


def test_every_check_blocks_but_those_of_held_plans(defs: dg.Definitions) -> None:
    specs = [spec for asset in defs.resolve_asset_graph().assets_defs for spec in asset.check_specs]
    held = {(asset, "nothing_held") for asset in ASSETS}
    blocking = {
        *((asset, "contract") for asset in (TABLES - GROUPS["summary"]) | GROUPS["etsy"]),
        ("awin_feed", "currencies_in_shop"),
        ("sync_summary", "nothing_failed"),
    }
    named = {(spec.asset_key.to_user_string(), spec.name): spec.blocking for spec in specs}
    assert named == dict.fromkeys(blocking, True) | dict.fromkeys(held, False)


def test_no_way_leads_back_from_a_group_to_an_earlier_one(defs: dg.Definitions) -> None:
    groups = {spec.key: spec.group_name for spec in defs.resolve_all_asset_specs()}
    reads: dict[str, set[str]] = {str(group): set() for group in groups.values()}
    for spec in defs.resolve_all_asset_specs():
        reads[str(spec.group_name)] |= {str(groups[dep.asset_key]) for dep in spec.deps} - {str(spec.group_name)}
    order = list(TopologicalSorter(reads).static_order())  # Raises CycleError for a circle.
    assert order[0] == "medusa"
    assert {"applied", "summary", "etsy"} < set(order)


@pytest.mark.parametrize("name", JOBS)
def test_a_job_reads_afresh_and_applies_its_part(defs: dg.Definitions, name: str) -> None:
    job = defs.resolve_job_def(name)
    keys = {key.to_user_string() for key in job.asset_layer.executable_asset_keys}
    applying = set(JOBS[name]) & set(ASSETS)
    assert keys == TABLES | applying
    assert job.run_config == {"ops": {op: {"config": config} for op, config in JOBS[name].items()}}
    assert job.description
    assert job.tags["awin_medusa/shop"] == "default"
    # One click in the UI stores an empty run config, so this alone says that the shop is to be taken before it is read.
    assert (APPLIES_TAG in job.tags) is bool(applying)
    assert job.tags[MODE_TAG] == {"detect_discrepancies_job": "detect", "pilot_import_job": "pilot"}.get(name, "apply")
    assert {check.name for check in job.asset_layer.asset_graph.asset_check_keys} >= {"contract", "nothing_failed"}


def test_jobs_are_the_ones_of_the_design(defs: dg.Definitions) -> None:
    named = {job.name for job in defs.resolve_all_job_defs() if not job.name.startswith("__")}
    assert named >= {*JOBS, "undo_run_job", "retention_job"}
    assert named >= {"etsy_request_job", "etsy_sync_job", "etsy_daily_job", "etsy_sales_job", "etsy_tidy_job"}
    assert named >= {"approve_plan_job", "reject_plan_job", "etsy_confirm_job", "etsy_reject_job", "etsy_retry_job"}


@pytest.mark.parametrize("asset", ASSETS)
def test_without_config_an_applying_asset_is_a_dry_run(defs: dg.Definitions, asset: str) -> None:
    field = defs.resolve_implicit_global_asset_job_def().get_node_named(asset).definition.config_field
    assert field
    fields = field.config_type.fields  # type: ignore[attr-defined]
    assert fields["dry_run"].default_value is True
    assert not fields["limit"].is_required
    assert all(one.description for one in fields.values())


@pytest.mark.parametrize(
    ("schedule", "job", "cron"),
    [
        ("daily_sync_schedule", "daily_sync_job", "0 2 * * *"),
        ("etsy_daily_schedule", "etsy_daily_job", "0 3 * * *"),
        ("etsy_sales_schedule", "etsy_sales_job", "40 * * * *"),
        ("retention_schedule", "retention_job", "30 5 * * *"),
    ],
)
def test_schedules(monkeypatch: pytest.MonkeyPatch, schedule: str, job: str, cron: str) -> None:
    monkeypatch.setenv("ETSY_KEYSTRING", "of-our-app")
    monkeypatch.setenv("ETSY_IMPORT_SALES", "true")
    found = build_defs().resolve_schedule_def(schedule)
    assert (found.job_name, found.cron_schedule, found.execution_timezone) == (job, cron, "UTC")
    assert found.default_status is dg.DefaultScheduleStatus.RUNNING
    assert (found.description or "").endswith(".")


def test_without_an_app_at_etsy_nothing_is_looked_at_there(defs: dg.Definitions) -> None:
    for schedule in ("etsy_daily_schedule", "etsy_sales_schedule"):
        assert defs.resolve_schedule_def(schedule).default_status is dg.DefaultScheduleStatus.STOPPED


@pytest.mark.parametrize("sensor", ["etsy_confirmation_sensor", "etsy_tidy_sensor"])
def test_etsy_sensors(defs: dg.Definitions, sensor: str) -> None:
    found = defs.resolve_sensor_def(sensor)
    assert found.default_status is dg.DefaultSensorStatus.RUNNING
    assert found.job_name in ("etsy_sync_job", "etsy_tidy_job")


def test_the_owner_chooses_the_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNC_CRON", "15 4 * * 1-5")
    assert build_defs().resolve_schedule_def("daily_sync_schedule").cron_schedule == "15 4 * * 1-5"


def test_failures_of_every_run_are_watched(defs: dg.Definitions) -> None:
    sensor = defs.resolve_sensor_def("slack_on_run_failure")
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds <= 30


@pytest.mark.filterwarnings("ignore:Property `ScheduleDefinition.environment_vars`:DeprecationWarning")
def test_no_secret_stands_in_what_dagster_stores(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {
        "AWIN_FEED_URL": f"https://productdata.awin.example{ADDRESS}",
        "AWIN_API_TOKEN": "token-4711-of-awin",
        "MEDUSA_ADMIN_API_KEY": "sk_4711_of_medusa",
        "MEDUSA_PUBLISHABLE_KEY": "pk_4711_of_medusa",
        "SLACK_WEBHOOK_URL": "https://hooks.slack.example/services/T4711/B4711/secret",
        "SLACK_BOT_TOKEN": "xoxb-4711",
        "ETSY_SHARED_SECRET": "shared4711secret",
        "AWIN_MEDUSA_SECRET_KEY": "fernet4711key",
        "AWIN_MEDUSA_DATABASE_URL": "postgresql://sync:pass4711word@db.example/sync",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    defs = build_defs()
    repository = defs.get_repository_def()
    stored = dg.serialize_value(RepositorySnap.from_def(repository))
    stored += "".join(dg.serialize_value(job.get_job_snapshot()) for job in repository.get_all_jobs())
    assert "medusa_catalog" in stored
    assert [value for value in (*secrets.values(), KEY, "pass4711word") if value in stored] == []


def test_the_workspace_loads_as_dagster_loads_it(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("dagster")
    run = subprocess.run(
        [program, "definitions", "validate", "-w", PROJECT_ROOT / "workspace.yaml"],
        cwd=PROJECT_ROOT,
        env=os.environ | {"DAGSTER_HOME": str(tmp_path), "DAGSTER_DISABLE_TELEMETRY": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "Validation successful for code location awin_medusa_pipeline" in run.stdout + run.stderr
