"""Decides which confirmed jobs get a run: the oldest one of each account that nothing is running for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from awin_medusa_pipeline.etsy.store.jobs import EtsyJob, JobStatus

TRIES = 3
"""Runs that may end before they claim the job: each is reported to Slack, so a fourth would help nobody."""


@dataclass(frozen=True)
class JobStart:
    """A run to start for a job."""

    transaction_id: str
    account_id: int
    attempt: str
    """Names the attempt of the job."""
    run_key: str
    """Differs for each run: Dagster never starts a key twice."""


@dataclass(frozen=True)
class StartDecision:
    """The runs to start; `reason`: why there are none."""

    starts: tuple[JobStart, ...]
    reason: str = ""


def attempt_name(job: EtsyJob) -> str:
    """Name the attempt of a job."""
    return f"{job.transaction_id}-attempt-{job.attempt}"


def decide_starts(jobs: Sequence[EtsyJob], running: Mapping[str, str], ended_runs: Mapping[str, int]) -> StartDecision:
    """Decide which of the confirmed jobs to start.

    `jobs`: all that are confirmed or processing. `running`: account id, as text -> name of a run that is queued or
    running for it. `ended_runs`: attempt name -> number of its runs that are over.
    """
    confirmed = [job for job in jobs if job.status is JobStatus.CONFIRMED]
    confirmed.sort(key=lambda job: job.confirmed_at or job.requested_at)
    if not confirmed:
        return StartDecision((), "No Etsy job is confirmed.")
    processing = {str(job.account_id): job.transaction_id for job in jobs if job.status is JobStatus.PROCESSING}
    busy = dict(running) | processing
    starts: dict[int, JobStart] = {}
    for job in confirmed:
        attempt = attempt_name(job)
        ended = ended_runs.get(attempt, 0)
        if str(job.account_id) not in busy and job.account_id not in starts and ended < TRIES:
            run_key = f"{attempt}-run-{ended + 1}"
            starts[job.account_id] = JobStart(job.transaction_id, job.account_id, attempt, run_key)
    if starts:
        return StartDecision(tuple(starts.values()))
    names = ", ".join(attempt_name(job) for job in confirmed)
    if busy:
        return StartDecision((), f"{names} must wait: {', '.join(busy.values())} goes on.")
    return StartDecision((), f"{TRIES} runs have ended before they took {names}; see their errors, then reject it.")
