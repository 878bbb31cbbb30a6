"""Runs whose process has died do not stand in the queue: by signs of life in the store, whoever launched them."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterEvent

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.store.leases import HELD_FOR, Lease, Leases, Sign
from awin_medusa_pipeline.defs.build import build_defs
from awin_medusa_pipeline.defs.failures import failure_of
from awin_medusa_pipeline.defs.lost_runs import FIRST_SIGN, end_lost_runs, lost_run_sensor
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline.shops import Shops

STARTED, FAILURE = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.FAILURE

DIE = """
import os, sys
from awin_medusa_pipeline.core.store.database import open_database
from awin_medusa_pipeline.core.store.leases import Leases
with Leases(open_database(sys.argv[1])).hold_run(sys.argv[2], job="detect_discrepancies_job"):
    os._exit(9)
"""


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    monkeypatch.setenv("AWIN_MEDUSA_HOME", str(tmp_path / "home"))
    with App(Settings()) as app:
        yield app


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


def started(app: App, instance: dg.DagsterInstance, job: str = "detect_discrepancies_job") -> str:
    """A run that Dagster has as started, of which nobody knows."""
    run = instance.create_run_for_job(build_defs(Shops.of(app)).resolve_job_def(job))
    event = DagsterEvent(event_type_value=dg.DagsterEventType.PIPELINE_START.value, job_name=job)
    instance.report_dagster_event(event, run.run_id)
    return run.run_id


def sign(app: App, run_id: str, *, dead: bool = False, age: timedelta = timedelta()) -> None:
    """Let a run give signs of life: of this process, or of one that has died."""
    if dead:
        assert subprocess.run([sys.executable, "-c", DIE, app.database_url, run_id], check=False).returncode == 9
    else:
        Leases(app.database)._take(f"run {run_id}", run_id, "job")
    with app.database.writing() as session:
        row = session.get_one(Lease, f"run {run_id}")
        assert row.expires_at
        assert row.heartbeat_at
        assert row.beat
        row.expires_at, row.heartbeat_at, row.beat = (
            row.expires_at - age,
            row.heartbeat_at - age,
            row.beat - age.total_seconds(),
        )


def statuses(instance: dg.DagsterInstance) -> dict[str, dg.DagsterRunStatus]:
    return {run.run_id: run.status for run in instance.get_runs()}


def test_a_run_whose_process_has_ended_is_ended_at_once(app: App, instance: dg.DagsterInstance) -> None:
    dead, living = started(app, instance), started(app, instance)
    sign(app, dead, dead=True)
    sign(app, living)
    (lost,), again = end_lost_runs(app, instance)
    assert (lost.run.run_id, again) == (dead, {})
    assert statuses(instance) == {dead: FAILURE, living: STARTED}
    assert failure_of(instance, dead).error.startswith("The run was lost: its process on ")
    assert failure_of(instance, dead).error.endswith(
        " has ended. What it had done is recorded; the next run goes on from there."
    )
    assert [row.run_id for row, _ in Leases(app.database).runs()] == [living]


def test_a_silent_run_is_ended_at_the_second_look(app: App, instance: dg.DagsterInstance) -> None:
    """A machine that wakes up looks before its runs have given a sign."""
    asleep, away = started(app, instance), started(app, instance)
    for run_id in (asleep, away):
        sign(app, run_id, age=HELD_FOR)
    ended, again = end_lost_runs(app, instance)
    assert (ended, set(again)) == ([], {asleep, away})
    sign(app, asleep)
    (lost,), again = end_lost_runs(app, instance, again)
    assert (lost.run.run_id, again) == (away, {})
    assert "it has given no sign of life since" in failure_of(instance, away).error
    assert statuses(instance) == {asleep: STARTED, away: FAILURE}


def test_a_run_without_any_sign_has_some_minutes_to_begin(app: App, instance: dg.DagsterInstance) -> None:
    run_id, now = started(app, instance), datetime.now(UTC)
    assert end_lost_runs(app, instance, {run_id: ""}, now=now + FIRST_SIGN / 2) == ([], {})
    ended, again = end_lost_runs(app, instance, now=now + FIRST_SIGN * 2)
    assert (ended, again) == ([], {run_id: ""})
    end_lost_runs(app, instance, again, now=now + FIRST_SIGN * 2)
    assert statuses(instance) == {run_id: FAILURE}


def test_the_runs_of_others_are_theirs(app: App, instance: dg.DagsterInstance) -> None:
    @dg.job
    def of_another_project() -> None:
        pass

    run = instance.create_run_for_job(of_another_project)
    event = DagsterEvent(event_type_value=dg.DagsterEventType.PIPELINE_START.value, job_name=run.job_name)
    instance.report_dagster_event(event, run.run_id)
    later = datetime.now(UTC) + timedelta(hours=1)
    assert end_lost_runs(app, instance, {run.run_id: ""}, now=later) == ([], {})


def test_the_sensor_remembers_what_it_has_seen(app: App, instance: dg.DagsterInstance) -> None:
    run_id = started(app, instance)
    sign(app, run_id, age=HELD_FOR)
    cursor: str | None = None
    said = []
    for _ in range(3):
        context = dg.build_sensor_context(instance=instance, cursor=cursor, resources={"shops": Shops.of(app)})
        result = lost_run_sensor(context)
        assert isinstance(result, dg.SensorResult)
        cursor = result.cursor
        said.append(str(result.skip_reason and result.skip_reason.skip_message))
    assert said == ["1 runs are silent.", f"Ended: {run_id[:8]}.", "No run is lost."]
    assert json.loads(cursor or "") == {}


@pytest.mark.parametrize("job", ["retention_job", "etsy_tidy_job"])
def test_every_run_gives_signs_of_life_until_its_end(app: App, instance: dg.DagsterInstance, job: str) -> None:
    seen: list[tuple[str | None, Sign]] = []
    runs = Leases.hold_run

    def watched(self: Leases, run_id: str, *, job: str) -> object:
        @contextmanager
        def held() -> Iterator[None]:
            with runs(self, run_id, job=job):
                seen.extend((row.run_id, sign) for row, sign in self.runs())
                yield

        return held()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Leases, "hold_run", watched)
        result = build_defs(Shops.of(app)).resolve_job_def(job).execute_in_process(instance=instance)
    assert result.success
    assert seen == [(result.run_id, Sign.ALIVE)]
    assert Leases(app.database).runs() == []
