"""Starts runs for confirmed Etsy jobs, and for jobs that are overdue or dead.

The sensors only read: Dagster ends a sensor after 60 s, and a tick that fails must have changed nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import dagster as dg
from dagster import DagsterRunStatus

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.defs.etsy.jobs import etsy_sync_job, etsy_tidy_job
from awin_medusa_pipeline.defs.failures import how_it_ended
from awin_medusa_pipeline.defs.per_shop import ETSY, PARTITION_TAG, account_tag, of_each
from awin_medusa_pipeline.etsy.engine.jobs import jobs_to_tidy
from awin_medusa_pipeline.etsy.engine.starts import JobStart, StartDecision, attempt_name, decide_starts
from awin_medusa_pipeline.etsy.store.jobs import EtsyJob, JobStatus
from awin_medusa_pipeline.shops import Shops

UNFINISHED = (
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
)
FINISHED = (DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)
TRY_TAG = "awin_medusa/etsy_job"


# By name: Dagster warns of a beta parameter of its own where a sensor holds the job itself.
@dg.sensor(
    name="etsy_confirmation_sensor",
    job_name=etsy_sync_job.name,
    description="Starts etsy_sync_job once for each confirmed Etsy job, one at a time for an account.",
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=15,
)
def etsy_confirmation_sensor(context: dg.SensorEvaluationContext, shops: dg.ResourceParam[Shops]) -> dg.SensorResult:
    """Request the runs that etsy/engine/starts.py decides on."""
    decisions = of_each(shops, lambda app: _decide_starts(app, context.instance), context.log)
    if starts := [_run_request(app, start) for app, decision in decisions.items() for start in decision.starts]:
        return dg.SensorResult(run_requests=starts)
    return dg.SensorResult(skip_reason=" ".join(dict.fromkeys(one.reason for one in decisions.values())))


@dg.sensor(
    name="etsy_tidy_sensor",
    job_name=etsy_tidy_job.name,
    description="Starts etsy_tidy_job when nobody has confirmed an Etsy job in time, or the run of one has died.",
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=60,
)
def etsy_tidy_sensor(context: dg.SensorEvaluationContext, shops: dg.ResourceParam[Shops]) -> dg.SensorResult:
    """Request one run for all jobs of a shop that have to be ended."""
    now = datetime.now(UTC)
    found = of_each(shops, lambda app: _tidying(app, context.instance, now), context.log)
    if requests := [request for request in found.values() if request]:
        return dg.SensorResult(run_requests=requests)
    return dg.SensorResult(skip_reason="No Etsy job is overdue or dead.")


def _tidying(app: App, instance: dg.DagsterInstance, now: datetime) -> dg.RunRequest | None:
    jobs = app.etsy.jobs.all(JobStatus.PENDING, JobStatus.PROCESSING)
    run_ids = [job.run_id or "" for job in jobs if job.status is JobStatus.PROCESSING]
    ended_runs = {run_id for run_id in run_ids if how_it_ended(instance, run_id)}
    to_tidy = jobs_to_tidy(jobs, now, ended_runs)
    # With the hour: jobs that a failed run has left are tried again.
    names = "-".join(sorted(map(attempt_name, to_tidy)))
    return dg.RunRequest(run_key=f"{names}-{now:%Y%m%d%H}", partition_key=app.shop or None) if to_tidy else None


def _decide_starts(app: App, instance: dg.DagsterInstance) -> StartDecision:
    jobs = app.etsy.jobs.all(JobStatus.CONFIRMED, JobStatus.PROCESSING)
    confirmed = [job for job in jobs if job.status is JobStatus.CONFIRMED]
    running = _running_accounts(app, instance) if confirmed else {}
    return decide_starts(jobs, running, _count_ended_runs(instance, confirmed))


def _running_accounts(app: App, instance: dg.DagsterInstance) -> dict[str, str]:
    """Find the unfinished sync runs of a shop: account id -> name of the run."""
    tags = {PARTITION_TAG: app.shop} if app.shop else {}
    runs = instance.get_runs(dg.RunsFilter(job_name=etsy_sync_job.name, statuses=list(UNFINISHED), tags=tags))
    return {run.tags[ETSY].partition("_")[0]: f"run {run.run_id[:8]}" for run in runs if ETSY in run.tags}


def _count_ended_runs(instance: dg.DagsterInstance, jobs: Sequence[EtsyJob]) -> Mapping[str, int]:
    """Count the finished runs of each job's attempt."""
    attempts = [attempt_name(job) for job in jobs]
    return {
        attempt: instance.get_runs_count(dg.RunsFilter(tags={TRY_TAG: attempt}, statuses=list(FINISHED)))
        for attempt in attempts
    }


def _run_request(app: App, start: JobStart) -> dg.RunRequest:
    config = {"ops": {"claim_etsy_job": {"config": {"transaction_id": start.transaction_id}}}}
    tags = account_tag(app, start.account_id) | {TRY_TAG: start.attempt}
    return dg.RunRequest(run_key=start.run_key, run_config=config, partition_key=app.shop or None, tags=tags)


all_sensors = [etsy_confirmation_sensor, etsy_tidy_sensor]
