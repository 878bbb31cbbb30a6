"""What starts by itself for Etsy: the sync of a confirmed job, and the end of one that is overdue or dead.

What belongs here: deciding which runs to ask Dagster for, by reading the state store and Dagster's records alone: a
sensor is ended after 60 s, and a tick that fails must have changed nothing.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import dagster as dg
from dagster import DagsterRunStatus

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.defs.etsy.jobs import ETSY_TAG, etsy_sync_job, etsy_tidy_job
from awin_medusa_pipeline.defs.failures import how_it_ended
from awin_medusa_pipeline.etsy.store.jobs import EtsyJob, JobStatus

GOING_ON = (
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
)
OVER = (DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)
TRY_TAG = "awin_medusa/etsy_job"
TRIES = 3
"""Runs that end before they have taken the job: each is told to Slack, so a fourth would help nobody."""


# By name: Dagster warns of a beta parameter of its own where a sensor holds the job itself.
@dg.sensor(
    name="etsy_confirmation_sensor",
    job_name=etsy_sync_job.name,
    description="Starts etsy_sync_job once for each confirmed Etsy job, one at a time for an account.",
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=15,
)
def etsy_confirmation_sensor(context: dg.SensorEvaluationContext, app: dg.ResourceParam[App]) -> dg.SensorResult:
    """Reads, and asks for runs."""
    jobs = app.etsy.jobs.all(JobStatus.CONFIRMED, JobStatus.PROCESSING)
    confirmed = sorted(
        (job for job in jobs if job.status is JobStatus.CONFIRMED), key=lambda job: job.confirmed_at or job.requested_at
    )
    if not confirmed:
        return dg.SensorResult(skip_reason="No Etsy job is confirmed.")
    instance = context.instance
    runs = instance.get_runs(dg.RunsFilter(job_name=etsy_sync_job.name, statuses=list(GOING_ON)))
    busy = {run.tags[ETSY_TAG]: f"run {run.run_id[:8]}" for run in runs if ETSY_TAG in run.tags}
    busy |= {str(job.account_id): job.transaction_id for job in jobs if job.status is JobStatus.PROCESSING}
    tries = {
        _name(job): instance.get_runs_count(dg.RunsFilter(tags={TRY_TAG: _name(job)}, statuses=list(OVER)))
        for job in confirmed
    }
    if requests := list(_runs(confirmed, busy, tries)):
        return dg.SensorResult(run_requests=requests)
    return dg.SensorResult(skip_reason=_why_nothing(busy, tries))


@dg.sensor(
    name="etsy_tidy_sensor",
    job_name=etsy_tidy_job.name,
    description="Starts etsy_tidy_job when nobody has confirmed an Etsy job in time, or the run of one has died.",
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=60,
)
def etsy_tidy_sensor(context: dg.SensorEvaluationContext, app: dg.ResourceParam[App]) -> dg.SensorResult:
    """Reads, and asks for one run."""
    now = datetime.now(UTC)
    jobs = app.etsy.jobs.all(JobStatus.PENDING, JobStatus.PROCESSING)
    overdue = [job for job in jobs if job.status is JobStatus.PENDING and job.expires_at <= now]
    dead = [
        job for job in jobs if job.status is JobStatus.PROCESSING and how_it_ended(context.instance, job.run_id or "")
    ]
    if not overdue and not dead:
        return dg.SensorResult(skip_reason="No Etsy job is overdue or dead.")
    # With the hour: what a run that failed has left is tried again.
    names = "-".join(sorted(map(_name, [*overdue, *dead])))
    return dg.SensorResult(run_requests=[dg.RunRequest(run_key=f"{names}-{now:%Y%m%d%H}")])


def _name(job: EtsyJob) -> str:
    return f"{job.transaction_id}-attempt-{job.attempt}"


def _runs(confirmed: Sequence[EtsyJob], busy: Collection[str], tries: Mapping[str, int]) -> Iterator[dg.RunRequest]:
    """For the oldest confirmed job of each account that nothing runs for."""
    taken = set(busy)
    for job in confirmed:
        account, name = str(job.account_id), _name(job)
        if account not in taken and tries[name] < TRIES:
            taken.add(account)
            yield dg.RunRequest(
                # Dagster never starts a run key twice: a retry needs another one, and so does a run that ended before
                # it took the job.
                run_key=f"{name}-run-{tries[name] + 1}",
                run_config={"ops": {"claim_etsy_job": {"config": {"transaction_id": job.transaction_id}}}},
                tags={ETSY_TAG: account, TRY_TAG: name},
            )


def _why_nothing(busy: Mapping[str, str], tries: Mapping[str, int]) -> str:
    if busy:
        return f"{', '.join(tries)} must wait: {', '.join(busy.values())} goes on."
    return f"{TRIES} runs have ended before they took {', '.join(tries)}; see their errors, then reject it."


all_sensors = [etsy_confirmation_sensor, etsy_tidy_sensor]
