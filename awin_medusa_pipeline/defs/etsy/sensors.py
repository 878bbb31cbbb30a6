"""Starts runs for confirmed Etsy jobs, and for jobs that are overdue or dead.

The sensors only read: Dagster ends a sensor after 60 s, and a tick that fails must have changed nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import dagster as dg
from dagster import DagsterRunStatus

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.defs.etsy.jobs import ETSY_TAG, etsy_sync_job, etsy_tidy_job
from awin_medusa_pipeline.defs.failures import how_it_ended
from awin_medusa_pipeline.etsy.engine.jobs import jobs_to_tidy
from awin_medusa_pipeline.etsy.engine.starts import JobStart, attempt_name, decide_starts
from awin_medusa_pipeline.etsy.store.jobs import EtsyJob, JobStatus

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
def etsy_confirmation_sensor(context: dg.SensorEvaluationContext, app: dg.ResourceParam[App]) -> dg.SensorResult:
    """Request the runs that etsy/engine/starts.py decides on."""
    jobs = app.etsy.jobs.all(JobStatus.CONFIRMED, JobStatus.PROCESSING)
    confirmed = [job for job in jobs if job.status is JobStatus.CONFIRMED]
    running = _running_accounts(context.instance) if confirmed else {}
    decision = decide_starts(jobs, running, _count_ended_runs(context.instance, confirmed))
    if decision.starts:
        return dg.SensorResult(run_requests=[_run_request(start) for start in decision.starts])
    return dg.SensorResult(skip_reason=decision.reason)


@dg.sensor(
    name="etsy_tidy_sensor",
    job_name=etsy_tidy_job.name,
    description="Starts etsy_tidy_job when nobody has confirmed an Etsy job in time, or the run of one has died.",
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=60,
)
def etsy_tidy_sensor(context: dg.SensorEvaluationContext, app: dg.ResourceParam[App]) -> dg.SensorResult:
    """Request one run for all jobs that have to be ended."""
    now = datetime.now(UTC)
    jobs = app.etsy.jobs.all(JobStatus.PENDING, JobStatus.PROCESSING)
    run_ids = [job.run_id or "" for job in jobs if job.status is JobStatus.PROCESSING]
    ended_runs = {run_id for run_id in run_ids if how_it_ended(context.instance, run_id)}
    to_tidy = jobs_to_tidy(jobs, now, ended_runs)
    if not to_tidy:
        return dg.SensorResult(skip_reason="No Etsy job is overdue or dead.")
    # With the hour: jobs that a failed run has left are tried again.
    names = "-".join(sorted(map(attempt_name, to_tidy)))
    return dg.SensorResult(run_requests=[dg.RunRequest(run_key=f"{names}-{now:%Y%m%d%H}")])


def _running_accounts(instance: dg.DagsterInstance) -> dict[str, str]:
    """Find the unfinished sync runs: account id -> name of the run."""
    runs = instance.get_runs(dg.RunsFilter(job_name=etsy_sync_job.name, statuses=list(UNFINISHED)))
    return {run.tags[ETSY_TAG]: f"run {run.run_id[:8]}" for run in runs if ETSY_TAG in run.tags}


def _count_ended_runs(instance: dg.DagsterInstance, jobs: Sequence[EtsyJob]) -> Mapping[str, int]:
    """Count the finished runs of each job's attempt."""
    attempts = [attempt_name(job) for job in jobs]
    return {
        attempt: instance.get_runs_count(dg.RunsFilter(tags={TRY_TAG: attempt}, statuses=list(FINISHED)))
        for attempt in attempts
    }


def _run_request(start: JobStart) -> dg.RunRequest:
    config = {"ops": {"claim_etsy_job": {"config": {"transaction_id": start.transaction_id}}}}
    tags = {ETSY_TAG: str(start.account_id), TRY_TAG: start.attempt}
    return dg.RunRequest(run_key=start.run_key, run_config=config, tags=tags)


all_sensors = [etsy_confirmation_sensor, etsy_tidy_sensor]
