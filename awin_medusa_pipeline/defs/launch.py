"""Prepares this machine's Dagster home, and runs jobs in this process while a watcher follows their steps."""

import os
import re
import threading
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import dagster as dg
from dagster import DagsterEventType
from upath import UPath

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.disk import of_disk
from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.core.files import replacing
from awin_medusa_pipeline.core.process import make_private
from awin_medusa_pipeline.defs.alerts import alert
from awin_medusa_pipeline.defs.build import build_defs
from awin_medusa_pipeline.defs.failures import RunFailure, failure_of, how_it_ended
from awin_medusa_pipeline.defs.lost_runs import tidy_up
from awin_medusa_pipeline.defs.per_shop import shop_tag
from awin_medusa_pipeline.defs.sync.jobs import part_of, run_config
from awin_medusa_pipeline.defs.workers import check_workers
from awin_medusa_pipeline.shops import Shops
from awin_medusa_pipeline.sync.domain.operations import Kind

# max_runtime fails runs that nothing else has noticed; defs/lost_runs.py does within minutes.
DAGSTER_YAML = """\
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  runs:
    max_concurrent_runs: 2
    tag_concurrency_limits:
      - key: awin_medusa/shop
        value: {applyLimitPerUniqueValue: true}
        limit: 1
      - key: awin_medusa/etsy
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


class Watcher(Protocol):
    """Follows a run from its own thread."""

    def running(self, step: str, state: str) -> None:
        """Show that a step is running; `state`: its progress, empty at first."""

    def made(self, asset: str, metadata: Mapping[str, Any]) -> None:
        """Show that an asset was materialised; `metadata` has plain values."""


@dataclass(frozen=True)
class JobOutcome:
    """How a job ended."""

    run_id: str
    failure: RunFailure | None


def dagster_home(app: App) -> Path:
    """Find or create the Dagster home: DAGSTER_HOME, else a folder in AWIN_MEDUSA_HOME.

    Two processes that start at once on a new home crash (measured), so this one creates its tables first. Raises
    PermanentError when runs may start elsewhere and would not find the records, or dagster.yaml is wrong.
    """
    default = app.common_home / "dagster"
    home = Path(os.environ.get("DAGSTER_HOME") or default).expanduser().absolute()
    home.mkdir(parents=True, exist_ok=True)
    make_private(home)
    if not (home / "dagster.yaml").exists():
        # Whole or not at all: an empty one means Dagster's own defaults.
        with replacing(UPath(home / "dagster.yaml")) as file:
            file.write_text(DAGSTER_YAML)
    os.environ["DAGSTER_HOME"] = str(home)
    try:
        with dg.DagsterInstance.get() as instance:
            instance.get_runs_count()
            check_workers(app, instance)
    except dg.DagsterInvalidConfigError as error:
        unset = re.search(r'environment variable "(\w+)" which is not set', str(error))
        raise PermanentError(
            f"Reading {home / 'dagster.yaml'}",
            f"it names {unset[1]}, which is not set" if unset else str(error).strip().partition("\n")[0],
            "Set it in the environment of every process of this program; Dagster reads no .env of it."
            if unset
            else "Correct the file.",
        ) from None
    return home


def end_dead_runs(shops: Shops) -> None:
    """Record as failed what died with the machine or the program, so that it does not stand in the queue."""
    with dg.DagsterInstance.get() as instance:
        for app in shops.values():
            tidy_up(app, instance)


def run_job(
    app: App,
    name: str,
    watcher: Watcher,
    applying: Mapping[str, Any] | None = None,
    only: Collection[Kind] = (),
    ops: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
) -> JobOutcome:
    """Run a job in this process, recorded for the UI; a failure also goes to Slack.

    `applying`: config of the applying assets, instead of the job's own; `only`: kinds to apply, when not all.
    `ops`: config of other ops, by name; `tags`: those by which Dagster's queue limits runs, instead
    of the shop's.
    """
    job = build_defs(Shops.of(app)).resolve_job_def(name)
    config = run_config(job, applying, only, ops)
    dagster_home(app)
    with dg.DagsterInstance.get() as instance, _following(instance, run_id := str(uuid.uuid4()), watcher):
        tidy_up(app, instance)
        # Dagster's own log goes to the run's page; the terminal gets one line per step.
        quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        result = job.execute_in_process(
            run_config=config | quiet,
            instance=instance,
            raise_on_error=False,
            run_id=run_id,
            tags=dict(shop_tag(app) if tags is None else tags),
            partition_key=app.shop or None,
            asset_selection=part_of(job, only).keys if only else None,
        )
        if result.success:
            return JobOutcome(run_id, None)
        failure = failure_of(instance, run_id)
        alert(app, result.dagster_run, failure)
        return JobOutcome(run_id, failure)


def failed_since(app: App, moment: datetime) -> tuple[datetime, RunFailure] | None:
    """When and why the newest run on the shop failed; None when it did not, or started before `moment`."""
    dagster_home(app)
    with dg.DagsterInstance.get() as instance:
        newer = instance.get_run_records(dg.RunsFilter(tags=shop_tag(app), created_after=moment), limit=1)
        for record in newer:
            if record.dagster_run.is_failure:
                return record.create_timestamp, failure_of(instance, record.dagster_run.run_id)
    return None


def how_run_ended(app: App, run_id: str) -> str | None:
    """How a run ended, without a full stop; None while it may go on."""
    dagster_home(app)
    with dg.DagsterInstance.get() as instance:
        return how_it_ended(instance, run_id)


@contextmanager
def _following(instance: dg.DagsterInstance, run_id: str, watcher: Watcher) -> Iterator[None]:
    """Pass the run's events to the watcher until the block ends."""
    done = threading.Event()

    def follow() -> None:
        try:
            look()
        except Exception as error:
            # The run itself meets the same disk, and says so.
            if not of_disk(error):
                raise

    def look() -> None:
        cursor = None
        while True:
            last = done.wait(0.3)
            page = instance.get_records_for_run(run_id, cursor)
            cursor = page.cursor
            for record in page.records:
                _pass_on(record.event_log_entry, watcher)
            if last and not page.has_more:
                return

    thread = threading.Thread(target=follow, name="follow-run")
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _pass_on(entry: dg.EventLogEntry, watcher: Watcher) -> None:
    if found := entry.asset_materialization:
        watcher.made(found.asset_key.to_user_string(), {key: value.value for key, value in found.metadata.items()})
    elif entry.step_key and entry.dagster_event_type is DagsterEventType.STEP_START:
        watcher.running(entry.step_key, "")
    elif entry.step_key and not entry.is_dagster_event:
        watcher.running(entry.step_key, entry.user_message)
