"""This machine's Dagster: its home, its configuration, and running a job here with its steps told as they end.

What belongs here: what Dagster's own commands would need several options for. What does not: what a job does.
"""

import os
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
from dagster import DagsterEventType

from awin_medusa_pipeline.files import home_path, local_path
from awin_medusa_pipeline.jobs import SHOP_TAG
from awin_medusa_pipeline.resources import Slack
from awin_medusa_pipeline.sensors import alert, sentence
from awin_medusa_pipeline.settings import PROJECT_ROOT, Settings
from awin_medusa_pipeline.store.database import database_url, open_database

# max_runtime fails a run that a reboot left behind as started; nothing else in Dagster does, and it blocks the queue.
DAGSTER_YAML = """\
telemetry:
  enabled: false
concurrency:
  runs:
    max_concurrent_runs: 2
    tag_concurrency_limits:
      - key: awin_medusa/shop
        value: {applyLimitPerUniqueValue: true}
        limit: 1
run_monitoring:
  enabled: true
  start_timeout_seconds: 180
  max_runtime_seconds: 43200
retention:
  schedule: {purge_after_days: 30}
  sensor: {purge_after_days: {skipped: 7, failure: 30, success: 30}}
sensors: {use_threads: true, num_workers: 2}
schedules: {use_threads: true, num_workers: 2}
"""

Step = Callable[[str, Mapping[str, Any]], None]


@dataclass(frozen=True)
class JobOutcome:
    """How a job ended; step and error of the first failure."""

    run_id: str
    success: bool
    step: str | None = None
    error: str | None = None


def dagster_home() -> Path:
    """DAGSTER_HOME, else a folder in AWIN_MEDUSA_HOME; made, configured and initialised when it is new.

    Two processes that start at once on a fresh home crash (measured), so its tables are made here, by one.
    """
    local = local_path(home_path(Settings().awin_medusa_home)) or PROJECT_ROOT / ".awin_medusa"
    home = Path(os.environ.get("DAGSTER_HOME") or local / "dagster").expanduser().absolute()
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():
        (home / "dagster.yaml").write_text(DAGSTER_YAML)
    os.environ["DAGSTER_HOME"] = str(home)
    with dg.DagsterInstance.get() as instance:
        instance.get_runs_count()
    return home


def run_job(name: str, on_step: Step, applying: Mapping[str, Any] | None = None) -> JobOutcome:
    """Run a job in this process, recorded as the UI shows it; a failure is told to Slack as well.

    `on_step` is told each asset that was made, with its metadata as plain values. `applying`: config of the applying
    assets, instead of the job's own.
    """
    from awin_medusa_pipeline.definitions import build_defs  # it imports everything; the other commands need not wait

    job = build_defs().resolve_job_def(name)
    config: dict[str, Any] = dict(job.run_config or {})
    if applying:
        config["ops"] = {asset: {"config": dict(applying)} for asset in config.get("ops", {})}
    dagster_home()
    with dg.DagsterInstance.get() as instance, _told(instance, run_id := str(uuid.uuid4()), on_step):
        # Dagster's own log goes to the run's page; the terminal gets one line a step.
        quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        result = job.execute_in_process(
            run_config=config | quiet, instance=instance, raise_on_error=False, run_id=run_id, tags=SHOP_TAG
        )
        if result.success:
            return JobOutcome(run_id, True)
        failures = [event for event in result.all_events if event.is_step_failure]
        error = sentence(failures[0].step_failure_data.error) if failures else "The run failed before its first step."
        step = failures[0].step_key if failures else None
        with open_database(database_url(Settings())) as database:
            alert(Slack(), database, result.dagster_run, step=step, error=error)
        return JobOutcome(run_id, False, step, error)


@contextmanager
def _told(instance: dg.DagsterInstance, run_id: str, on_step: Step) -> Iterator[None]:
    """Tell each materialisation of a run while the block goes on."""
    done = threading.Event()

    def follow() -> None:
        cursor = None
        while True:
            last = done.wait(0.3)
            page = instance.get_records_for_run(run_id, cursor, {DagsterEventType.ASSET_MATERIALIZATION})
            cursor = page.cursor
            for record in page.records:
                if found := record.asset_materialization:
                    on_step(found.asset_key.to_user_string(), {k: v.value for k, v in found.metadata.items()})
            if last:
                return

    thread = threading.Thread(target=follow, name="follow-run")
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
