"""Several shops in one code location: a partition for each, and nothing of one in another's runs."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import DagsterEvent

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.console.store.access import Access
from awin_medusa_pipeline.core.store.audit import Who
from awin_medusa_pipeline.core.store.outbox import Outbox
from awin_medusa_pipeline.core.store.run_requests import RunRequests
from awin_medusa_pipeline.core.store.secrets import new_key
from awin_medusa_pipeline.decisions import Decider
from awin_medusa_pipeline.defs.alerts import slack_on_run_failure
from awin_medusa_pipeline.defs.build import build_defs
from awin_medusa_pipeline.defs.etsy.sensors import all_sensors as etsy_sensors
from awin_medusa_pipeline.defs.etsy.sensors import etsy_confirmation_sensor
from awin_medusa_pipeline.defs.lost_runs import FIRST_SIGN, end_lost_runs, lost_run_sensor
from awin_medusa_pipeline.defs.per_shop import ETSY, PARTITION_TAG, SHOP
from awin_medusa_pipeline.defs.requests import all_sensors
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline.shops import Shops
from awin_medusa_pipeline_tests.support.console import DagsterStub, Installation

SHOPS_OF_TEST = """
[toys]
medusa_backend_url = "http://toys.invalid"
sync_cron = "5 1 * * *"
etsy_keystring = "keystring"
etsy_import_sales = true

[books]
medusa_backend_url = "http://books.invalid"
sync_kinds = "import"
"""


@pytest.fixture
def shops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shops]:
    (tmp_path / "shops.toml").write_text(SHOPS_OF_TEST)
    monkeypatch.setenv("AWIN_MEDUSA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AWIN_MEDUSA_SHOPS", str(tmp_path / "shops.toml"))
    monkeypatch.setenv("AWIN_MEDUSA_SECRET_KEY", new_key())
    with Shops.open() as shops:
        yield shops


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


def test_every_job_runs_for_one_shop(shops: Shops) -> None:
    repository = build_defs(shops).get_repository_def()
    jobs = [job for job in repository.get_all_jobs() if not job.name.startswith("__")]
    assert len(jobs) > 10
    for job in jobs:
        assert job.partitions_def is not None, job.name
        assert job.partitions_def.get_partition_keys() == ["toys", "books"]
        tags = job.get_tags_for_partition_key("books", None)
        assert all(tags[tag] == "books" for tag in (SHOP, ETSY) if tag in job.tags), job.name


def test_the_form_of_a_job_is_as_for_one_shop(shops: Shops) -> None:
    several = build_defs(shops)
    one = build_defs(Shops.of(App(Settings())))
    for name in ("daily_sync_job", "pilot_import_job"):
        job, alone = several.resolve_job_def(name), one.resolve_job_def(name)
        assert job.get_run_config_for_partition_key("toys") == alone.run_config
        assert job.get_tags_for_partition_key("toys", None)[SHOP] == "toys"
    undo = several.resolve_job_def("undo_run_job").get_run_config_for_partition_key("toys")
    assert undo == {"ops": {"undo_run": {"config": {"run_id": "", "dry_run": True, "only": ""}}}}


def test_each_shop_has_its_schedules(shops: Shops) -> None:
    repository = build_defs(shops).get_repository_def()
    schedules = {schedule.name: schedule for schedule in repository.schedule_defs}
    assert set(schedules) == {
        *("daily_sync_schedule_toys", "daily_sync_schedule_books"),
        *("etsy_daily_schedule_toys", "etsy_daily_schedule_books"),
        *("etsy_sales_schedule", "retention_schedule"),
    }
    assert schedules["daily_sync_schedule_toys"].cron_schedule == "5 1 * * *"
    on = {name for name, one in schedules.items() if one.default_status is dg.DefaultScheduleStatus.RUNNING}
    assert set(schedules) - on == {"etsy_daily_schedule_books"}

    def asked(name: str) -> list[str | None]:
        with dg.build_schedule_context(
            repository_def=repository, scheduled_execution_time=datetime.now(UTC)
        ) as context:
            return [one.partition_key for one in schedules[name].evaluate_tick(context).run_requests or ()]

    assert asked("daily_sync_schedule_books") == ["books"]
    assert asked("etsy_sales_schedule") == ["toys"]
    assert asked("retention_schedule") == ["toys", "books"]


def test_requests_of_all_shops_are_started_once(shops: Shops) -> None:
    repository = build_defs(shops).get_repository_def()
    (sensor,) = [one for one in all_sensors if one.name == "sync_request_sensor"]

    def tick(cursor: str | None) -> tuple[list[tuple[str | None, str | None]], str | None]:
        context = dg.build_sensor_context(
            repository_def=repository, resources={"shops": shops}, sensor_name=sensor.name, cursor=cursor
        )
        result = sensor.evaluate_tick(context)
        return [(one.partition_key, one.run_key) for one in result.run_requests or ()], result.cursor

    for app in shops.values():
        Decider(app, Who("anna", "console")).sync(dry_run=True)
    asked, cursor = tick(None)
    assert asked == [("toys", "request-1_toys"), ("books", "request-1_books")]
    assert tick(cursor)[0] == []
    Decider(shops["books"], Who("anna", "console")).sync(dry_run=True)
    assert tick(cursor)[0] == [("books", "request-2_books")]


def test_a_cursor_of_an_earlier_release_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWIN_MEDUSA_HOME", str(tmp_path))
    monkeypatch.setenv("MEDUSA_BACKEND_URL", "http://shop.invalid")
    with Shops.open() as shops:
        for _ in range(2):
            Decider(shops.common, Who("anna", "console")).sync(dry_run=True)
        assert len(RunRequests(shops.common.database).waiting()) == 2
        (sensor,) = [one for one in all_sensors if one.name == "sync_request_sensor"]
        context = dg.build_sensor_context(
            repository_def=build_defs(shops).get_repository_def(), resources={"shops": shops}, cursor="1"
        )
        (request,) = sensor.evaluate_tick(context).run_requests or ()
    assert (request.run_key, request.partition_key) == ("request-2", None)


def test_the_etsy_account_1_of_each_shop_is_another_one(shops: Shops, instance: dg.DagsterInstance) -> None:
    for app in shops.values():
        made = Installation(app, Access(app.database), DagsterStub())
        job = made.job(made.account())
        app.etsy.jobs.confirm(job.transaction_id, by="anna")
    context = dg.build_sensor_context(instance=instance, resources={"shops": shops})
    result = etsy_confirmation_sensor(context)
    assert isinstance(result, dg.SensorResult)
    found = [(one.partition_key, one.tags[ETSY]) for one in result.run_requests or ()]
    assert found == [("toys", "1_toys"), ("books", "1_books")]


def test_a_run_of_a_shop_that_is_not_ours_is_left_alone(shops: Shops, instance: dg.DagsterInstance) -> None:
    run = instance.create_run_for_job(build_defs(shops).resolve_job_def("retention_job"), tags={PARTITION_TAG: "books"})
    start = DagsterEvent(event_type_value=dg.DagsterEventType.PIPELINE_START.value, job_name=run.job_name)
    instance.report_dagster_event(start, run.run_id)
    later = datetime.now(UTC) + FIRST_SIGN + timedelta(minutes=1)
    assert end_lost_runs(shops["toys"], instance, {run.run_id: ""}, now=later) == ([], {})
    (lost,), _ = end_lost_runs(shops["books"], instance, {run.run_id: ""}, now=later)
    assert lost.run.run_id == run.run_id


def test_a_run_without_a_shop_says_which_there_are(shops: Shops, instance: dg.DagsterInstance) -> None:
    job = build_defs(shops).resolve_job_def("retention_job")
    result = job.execute_in_process(instance=instance, raise_on_error=False)
    assert not result.success
    said = [record.event_log_entry.to_json() for record in instance.get_records_for_run(result.run_id).records]
    assert any("Name one: --shop toys or --shop books" in one for one in said)
    (record,) = instance.get_records_for_run(result.run_id, of_type=dg.DagsterEventType.RUN_FAILURE).records
    run = instance.get_run_by_id(result.run_id)
    assert run
    assert record.event_log_entry.dagster_event
    context = dg.build_run_status_sensor_context(
        sensor_name="slack_on_run_failure",
        dagster_instance=instance,
        dagster_run=run,
        dagster_event=record.event_log_entry.dagster_event,
        resources={"shops": shops},
    ).for_run_failure()
    slack_on_run_failure(context)
    (message,) = Outbox(shops.common.database).newest(5)
    assert "retention_job failed" in str(message.payload)


def test_a_state_store_that_cannot_be_used_stops_no_other_shop(shops: Shops) -> None:
    Decider(shops["books"], Who("anna", "console")).sync(dry_run=True)
    broken = shops["toys"].local_home / "state.db"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"no database at all" * 100)
    repository = build_defs(shops).get_repository_def()
    asked: list[dg.RunRequest] = []
    for sensor in (*all_sensors, lost_run_sensor, *etsy_sensors):
        with dg.instance_for_test() as instance:
            context = dg.build_sensor_context(
                instance=instance, repository_def=repository, resources={"shops": shops}, sensor_name=sensor.name
            )
            asked += sensor.evaluate_tick(context).run_requests or ()
    assert [one.partition_key for one in asked] == ["books"]
