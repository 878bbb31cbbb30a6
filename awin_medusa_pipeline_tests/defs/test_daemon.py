"""Dagster's real daemon on the project's workspace: schedule, failure sensor, and a sync by hand at the same time."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.defs.failures import failure_of
from awin_medusa_pipeline.defs.launch import dagster_home
from awin_medusa_pipeline.sandbox import Sandbox, Shop
from awin_medusa_pipeline.settings import PROJECT_ROOT, Settings
from awin_medusa_pipeline_tests.support.fault_proxy import Fault, FaultProxy
from awin_medusa_pipeline_tests.support.feeds import row, write_rows
from awin_medusa_pipeline_tests.support.plain import products_in

PROGRAMS = Path(sys.executable).parent
WORKSPACE = ("-w", str(PROJECT_ROOT / "workspace.yaml"))
# A limit that no step takes; Dagster finds out when the step starts.
BAD_CONFIG = '{"ops": {"imported_products": {"config": {"dry_run": false, "limit": -1}}}}'
SCHEDULE = "daily_sync_schedule"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def proxy(shop: Shop) -> Iterator[FaultProxy]:
    """Put a proxy before the seeded shop, which can make it slow."""
    with FaultProxy(shop.base_url) as proxy:
        yield proxy


@pytest.fixture
def environment(sandbox: Sandbox, proxy: FaultProxy, folder: Path) -> Iterator[Mapping[str, str]]:
    """Set the project up so that its daily sync was due half an hour ago, when no daemon ran."""
    feed = write_rows(folder / "feed.csv", row("A"), row("B"))
    due = datetime.now(UTC) - timedelta(minutes=30)
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {
            **sandbox.environment(),
            "MEDUSA_BACKEND_URL": proxy.address,
            "AWIN_FEED_URL": str(feed),
            "AWIN_MEDUSA_HOME": str(folder / "home"),
            "DAGSTER_HOME": str(folder / "dagster"),
            "SYNC_CRON": f"{due.minute} {due.hour} * * *",
        }.items():
            environment.setenv(name, value)
        dagster_home(App(Settings()))
        # Dagster keeps nothing of a schedule that runs by default; of one that a person has stopped, it does.
        dagster(os.environ, "schedule", "stop", SCHEDULE)
        with dg.DagsterInstance.get() as instance:
            (state,) = [state for state in instance.all_instigator_state() if state.instigator_name == SCHEDULE]
            # What was due since then is made up for as soon as the daemon runs, so no test waits for a minute.
            kept: Any = state.instigator_data
            started = kept._replace(start_timestamp=(due - timedelta(hours=1)).timestamp())
            instance.update_instigator_state(state.with_status(type(state.status).RUNNING).with_data(started))
        yield os.environ


def start_daemon(environment: Mapping[str, str], folder: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start the daemon with its code server."""
    with log.open("ab") as output:
        return subprocess.Popen(
            [PROGRAMS / "dagster-daemon", "run", *WORKSPACE],
            # Not in the project: Dagster lets a .env there go before the environment.
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # Dagster ends by the handler of SIGINT, which a background shell hands down as ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )


@pytest.fixture
def daemon(environment: Mapping[str, str], folder: Path) -> Iterator[Path]:
    """The daemon with its code server; its log."""
    log = folder / "daemon.log"
    process = start_daemon(environment, folder, log)
    yield log
    process.terminate()
    process.wait(30)


def everything_of(daemon: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The daemon, its code server, and the processes of its runs."""
    process = psutil.Process(daemon.pid)
    return [process, *process.children(recursive=True)]


def wait_for(what: str, ready: Callable[[], bool], log: Path, seconds: float = 150) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            pytest.fail(
                f"{what} did not happen in {seconds:.0f} s; the end of the daemon's log:\n{log.read_text()[-5000:]}"
            )
        time.sleep(0.2)


def dagster(environment: Mapping[str, str], *arguments: str) -> None:
    """Run Dagster's command on the project; `job launch` makes a run for the daemon's queue."""
    command = [PROGRAMS / "dagster", *arguments[:2], *WORKSPACE, *arguments[2:]]
    folder = environment["DAGSTER_HOME"]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


def test_schedule_and_failure_sensor(daemon: Path, environment: Mapping[str, str], sandbox: Sandbox) -> None:
    with dg.DagsterInstance.get() as instance:
        # A failure before the sensor's first look is none of its business.
        wait_for("A look of the sensor", lambda: "slack_on_run_failure" in daemon.read_text(), daemon)
        dagster(environment, "job", "launch", "-j", "pilot_import_job", "--config-json", BAD_CONFIG)

        def alerts() -> list[str]:
            texts = [message["text"] for message in sandbox.slack_messages()]
            return [text for text in texts if text.startswith("pilot_import_job failed")]

        def synced() -> bool:
            runs = instance.get_runs(dg.RunsFilter(job_name="daily_sync_job", statuses=[dg.DagsterRunStatus.SUCCESS]))
            return bool(runs)

        wait_for("An alert", lambda: bool(alerts()), daemon)
        wait_for("A sync by the schedule", synced, daemon)
        (failed,) = instance.get_runs(dg.RunsFilter(job_name="pilot_import_job"))
        (alert,) = alerts()
        assert f"/runs/{failed.run_id}|" in alert
        assert "limit" in alert
        sync = instance.get_runs(dg.RunsFilter(job_name="daily_sync_job", statuses=[dg.DagsterRunStatus.SUCCESS]))[-1]
        assert sync.tags["dagster/schedule_name"] == SCHEDULE
        assert sync.tags["awin_medusa/shop"] == "default"
    assert {variant["sku"] for product in products_in(sandbox.shop).values() for variant in product["variants"]} == {
        "A",
        "B",
    }
    (summary,) = [message["text"] for message in sandbox.slack_messages() if f"/runs/{sync.run_id}|" in message["text"]]
    assert "import: 2 applied" in summary


def test_a_sync_by_hand_in_the_second_of_the_schedule(
    request: pytest.FixtureRequest, environment: Mapping[str, str], sandbox: Sandbox, proxy: FaultProxy, folder: Path
) -> None:
    """One applies. The other is told so when it comes to the shop first, or waits in Dagster's queue; it is chance."""
    write_rows(folder / "feed.csv", *(row(name) for name in "ABCD"))
    proxy.seeded = lambda request: Fault(after=True, seconds=0.5)
    with dg.DagsterInstance.get() as instance:
        since = dg.RunsFilter(job_name="daily_sync_job")
        daemon: Path = request.getfixturevalue("daemon")
        wait_for("A run by the schedule", lambda: instance.get_runs_count(since) == 1, daemon)
        subprocess.run([PROGRAMS / "awin-medusa", "sync", "--yes"], cwd=folder, capture_output=True, check=False)

        def both() -> list[dg.RunRecord]:
            runs = instance.get_run_records(since, ascending=True)
            by_hand = [run for run in runs if "dagster/schedule_name" not in run.dagster_run.tags]
            return by_hand + [run for run in runs if run not in by_hand][:1]

        wait_for("The end of both", lambda: len(both()) == 2 and all(r.dagster_run.is_finished for r in both()), daemon)
        first, second = sorted(both(), key=lambda run: run.end_time or 0)
        failed = [run.dagster_run.run_id for run in (first, second) if not run.dagster_run.is_success]
        errors = [failure_of(instance, run_id).error for run_id in failed]
    if errors:
        (error,) = errors
        assert "has held it since" in error
        assert "Wait until it ends" in error
    else:
        assert (first.end_time or 0) <= (second.start_time or 0)
    assert {variant["sku"] for product in products_in(sandbox.shop).values() for variant in product["variants"]} == {
        *"ABCD"
    }


def test_a_machine_that_goes_down_in_mid_run_costs_the_next_run_minutes(
    environment: Mapping[str, str], sandbox: Sandbox, proxy: FaultProxy, folder: Path
) -> None:
    """Daemon, code server and run are killed at once: Dagster alone then keeps the queue waiting for twelve hours."""
    write_rows(folder / "feed.csv", *(row(name) for name in "ABCD"))
    log, sync = folder / "daemon.log", dg.RunsFilter(job_name="daily_sync_job")
    held = threading.Event()

    def hold(request: str) -> Fault | None:
        if held.is_set() or "POST /admin/products/batch" not in request:
            return None
        held.set()
        return Fault(after=True, seconds=20)

    proxy.seeded = hold
    first = start_daemon(environment, folder, log)
    with dg.DagsterInstance.get() as instance:
        wait_for("The import of the first run", held.is_set, log)
        for process in everything_of(first):
            process.kill()
        first.wait()
        (killed,) = instance.get_runs(sync)
        assert killed.status is dg.DagsterRunStatus.STARTED
        partial = folder / "home" / "tables" / ".awin_feed.parquet.0a1b.part"
        partial.write_bytes(b"x")
        os.utime(partial, (time.time() - 600,) * 2)
        second = start_daemon(environment, folder, log)
        try:
            began = time.monotonic()
            dagster(environment, "job", "launch", "-j", "daily_sync_job")

            def both_ended() -> bool:
                return all(run.is_finished for run in instance.get_runs(sync)) and instance.get_runs_count(sync) >= 2

            wait_for("The end of the next run", both_ended, log)
            assert time.monotonic() - began < 150
        finally:
            second.terminate()
            second.wait(30)
        ended = {run.run_id: run.status for run in instance.get_runs(sync)}
        assert ended.pop(killed.run_id) is dg.DagsterRunStatus.FAILURE
        assert dg.DagsterRunStatus.SUCCESS in ended.values()
        assert "The run was lost: its process on" in failure_of(instance, killed.run_id).error
        assert not partial.exists()
    skus = [variant["sku"] for product in products_in(sandbox.shop).values() for variant in product["variants"]]
    assert sorted(skus) == [*"ABCD"]
