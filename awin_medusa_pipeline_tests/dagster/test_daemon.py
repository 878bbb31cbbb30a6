"""Dagster's real daemon on the project's workspace: the schedule syncs the shop, and a failed run is told to Slack."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import dagster as dg
import pytest

from awin_medusa_pipeline.local import dagster_home
from awin_medusa_pipeline.sandbox import Sandbox, Shop
from awin_medusa_pipeline.settings import PROJECT_ROOT
from awin_medusa_pipeline_tests.end_to_end.feeds import row, write_rows
from awin_medusa_pipeline_tests.end_to_end.plain import products_in

PROGRAMS = Path(sys.executable).parent
WORKSPACE = ("-w", str(PROJECT_ROOT / "workspace.yaml"))
# A limit that no step takes; Dagster finds out when the step starts.
BAD_CONFIG = '{"ops": {"imported_products": {"config": {"dry_run": false, "limit": 0}}}}'
A_MINUTE_AND_A_START = 150


@pytest.fixture
def environment(sandbox: Sandbox, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    feed = write_rows(tmp_path / "feed.csv", row("A"), row("B"))
    for name, value in {
        **sandbox.environment(),
        "AWIN_FEED_URL": str(feed),
        "AWIN_MEDUSA_HOME": str(tmp_path / "home"),
        "DAGSTER_HOME": str(tmp_path / "dagster"),
        "SYNC_CRON": "* * * * *",
    }.items():
        monkeypatch.setenv(name, value)
    dagster_home()
    return os.environ


@pytest.fixture
def daemon(environment: Mapping[str, str], tmp_path: Path) -> Iterator[Path]:
    """The daemon with its code server; its log."""
    log = tmp_path / "daemon.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [PROGRAMS / "dagster-daemon", "run", *WORKSPACE],
            # Not in the project: Dagster lets a .env there go before the environment.
            cwd=tmp_path,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # Dagster ends by the handler of SIGINT, which a background shell hands down as ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
    yield log
    process.terminate()
    process.wait(30)


def wait_for(what: str, ready: Callable[[], bool], log: Path, seconds: float = A_MINUTE_AND_A_START) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            pytest.fail(
                f"{what} did not happen in {seconds:.0f} s; the end of the daemon's log:\n{log.read_text()[-5000:]}"
            )
        time.sleep(0.5)


def test_schedule_and_failure_sensor(
    daemon: Path, environment: Mapping[str, str], sandbox: Sandbox, shop: Shop, tmp_path: Path
) -> None:
    with dg.DagsterInstance.get() as instance:
        # A failure before the sensor's first look is none of its business.
        wait_for("A look of the sensor", lambda: "slack_on_run_failure" in daemon.read_text(), daemon)
        launch = subprocess.run(
            [PROGRAMS / "dagster", "job", "launch", *WORKSPACE, "-j", "pilot_import_job", "--config-json", BAD_CONFIG],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert launch.returncode == 0, launch.stderr

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
        assert sync.tags["dagster/schedule_name"] == "daily_sync_schedule"
        assert sync.tags["awin_medusa/shop"] == "default"
    assert {variant["sku"] for product in products_in(shop).values() for variant in product["variants"]} == {"A", "B"}
    (summary,) = [message["text"] for message in sandbox.slack_messages() if f"/runs/{sync.run_id}|" in message["text"]]
    assert "import: 2 applied" in summary
