"""Runs of the project's jobs as Dagster makes them; everything is real but Dagster's storage, which stays in memory."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.defs.alerts import slack_on_run_failure
from awin_medusa_pipeline.defs.build import build_defs
from awin_medusa_pipeline.defs.failures import failure_of
from awin_medusa_pipeline.sandbox import Sandbox
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline.shops import Shops
from awin_medusa_pipeline.sync.domain.kinds import ASSETS
from awin_medusa_pipeline.sync.store.held_plans import HeldPlan, HeldPlans
from awin_medusa_pipeline_tests.support.summary import assert_adds_up

Json = dict[str, Any]
CONSOLE = {"console": {"config": {"log_level": "ERROR"}}}


@dataclass(frozen=True)
class Finished:
    """A run that has ended. `error` is the sentence that people are told; None: it went well."""

    run_id: str
    step: str | None
    error: str | None
    folder: Path
    """Its reports."""

    @property
    def summary(self) -> Json:
        """sync-summary.json, which adds up."""
        return assert_adds_up(self.folder)

    def log(self, kind: str) -> list[Json]:
        """Lines of {kind}-log.ndjson."""
        return [json.loads(line) for line in (self.folder / f"{kind}-log.ndjson").read_text().splitlines()]


@dataclass(frozen=True)
class Pipeline:
    """The project with a home of its own, pointed at the sandbox by its environment."""

    home: Path
    instance: dg.DagsterInstance
    environment: pytest.MonkeyPatch

    def run(self, job: str = "daily_sync_job", *, feed: Json | None = None, **config: Any) -> Finished:
        """Run a job that is expected to go well; `config` replaces that of the applying assets, `feed` the feed's."""
        finished = self.end_of(job, feed=feed, **config)
        assert finished.error is None, f"{job} failed at {finished.step}: {finished.error}"
        return finished

    def end_of(
        self, job: str = "daily_sync_job", *, feed: Json | None = None, ops: Json | None = None, **config: Any
    ) -> Finished:
        """Run a job to its end, whatever that is; of a failure Dagster tells the failure sensor."""
        with App(Settings()) as app:
            return self._end_of(app, job, feed, ops, config)

    def _end_of(self, app: App, job: str, feed: Json | None, ops: Json | None, config: Json) -> Finished:
        definition = build_defs(Shops.of(app)).resolve_job_def(job)
        run_config: Json = {**(definition.run_config or {}), "loggers": CONSOLE}
        own = run_config.get("ops", {})
        if config:
            own = {asset: {"config": config} for asset in ASSETS if asset in own}
        run_config["ops"] = own | (ops or {}) | ({"awin_feeds": {"config": feed}} if feed else {})
        result = definition.execute_in_process(run_config=run_config, instance=self.instance, raise_on_error=False)
        (folder,) = list((self.home / "reports").glob(f"*-{result.run_id[:8]}")) or [self.home / "no reports"]
        if result.success:
            return Finished(result.run_id, None, None, folder)
        self.tell_sensor(result.run_id)
        failure = failure_of(self.instance, result.run_id)
        return Finished(result.run_id, failure.step, failure.error, folder)

    def tell_sensor(self, run_id: str) -> None:
        """What Dagster's daemon does once it sees that a run has failed."""
        run = self.instance.get_run_by_id(run_id)
        (record,) = self.instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.RUN_FAILURE).records
        assert run
        assert record.event_log_entry.dagster_event
        context = dg.build_run_status_sensor_context(
            sensor_name="slack_on_run_failure",
            dagster_instance=self.instance,
            dagster_run=run,
            dagster_event=record.event_log_entry.dagster_event,
            resources={"shops": Shops.open()},
        ).for_run_failure()
        slack_on_run_failure(context)

    def everything_said(self, run_id: str) -> Iterator[tuple[str, str]]:
        """All that a run wrote anywhere, and the whole home: (where, text)."""
        run = self.instance.get_run_by_id(run_id)
        assert run
        yield "run", f"{run.run_config} {run.tags}"
        for record in self.instance.get_records_for_run(run_id).records:
            yield "event", record.event_log_entry.to_json()
        for path in self.home.rglob("*"):
            if path.is_file():
                yield str(path), path.read_bytes().decode("utf-8", "replace")

    @contextmanager
    def database(self) -> Iterator[Database]:
        """The state store."""
        with App(Settings()) as app:
            yield app.database

    def rows_of(self, plan: HeldPlan) -> list[dict[str, Any]]:
        """The rows of a plan."""
        with self.database() as database:
            return HeldPlans(database).rows(plan).to_dicts()


# Tests serve pictures on ports of their own.
OWN_NETWORK = {"IMAGE_ALLOWED_HOSTS": "127.0.0.1 localhost"}


@contextmanager
def pipeline_on(sandbox: Sandbox, home: Path, **settings: str) -> Iterator[Pipeline]:
    """A pipeline with a fresh home; `settings` go on top of the sandbox's."""
    variables: Mapping[str, str] = sandbox.environment() | OWN_NETWORK | {"AWIN_MEDUSA_HOME": str(home)} | settings
    with pytest.MonkeyPatch.context() as environment, dg.DagsterInstance.ephemeral() as instance:
        for name, value in variables.items():
            environment.setenv(name, value)
        yield Pipeline(home, instance, environment)
