"""Carries out confirmed jobs, and ends jobs that nobody confirmed or whose run died."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from awin_medusa_pipeline.core.batching import parts
from awin_medusa_pipeline.core.errors import PipelineError
from awin_medusa_pipeline.core.messages import Line
from awin_medusa_pipeline.etsy.client.client import PAGE
from awin_medusa_pipeline.etsy.domain.messages import (
    died_message,
    error_line,
    finished_message,
    outcome_text,
    retry_hint,
    started_message,
)
from awin_medusa_pipeline.etsy.domain.plan import Proposal
from awin_medusa_pipeline.etsy.engine.expiry import expire_unconfirmed_jobs
from awin_medusa_pipeline.etsy.engine.images import ImageSource
from awin_medusa_pipeline.etsy.engine.listings import ListingSync
from awin_medusa_pipeline.etsy.engine.premises import read_premises, vacation_note
from awin_medusa_pipeline.etsy.engine.product_sync import ListingOutcome
from awin_medusa_pipeline.etsy.engine.products import ProductReader
from awin_medusa_pipeline.etsy.engine.state import EtsyState
from awin_medusa_pipeline.etsy.store.jobs import EtsyJob, JobStatus, ProductOutcome
from awin_medusa_pipeline.etsy.store.links import EtsyJobLostError

SHOWN_REASONS = 3
SUCCEEDED = (ProductOutcome.SYNCED, ProductOutcome.UNCHANGED)


@dataclass(frozen=True)
class JobRun:
    """The run that carries out a job."""

    id: str
    url: str = ""
    failure_key: str = ""
    """Dedupe key of the message about a failed job: whatever else reports the failed run uses the same one."""


@dataclass(frozen=True)
class JobResult:
    """How a job ended."""

    job: EtsyJob
    """The job in its final state."""
    outcomes: tuple[ListingOutcome, ...] = ()
    """One per product that this run finished."""
    stopped: PipelineError | None = None
    """The error that ended the job early; its unfinished products failed and can be retried."""
    error: tuple[Line, ...] = ()
    """What failed and how to go on; empty when every product is on Etsy as it should be."""


@dataclass(frozen=True)
class EndedJob:
    """A job that was ended from outside, and why."""

    job: EtsyJob
    reason: str


def claim_job(etsy: EtsyState, transaction_id: str, run: JobRun) -> EtsyJob:
    """Claim a confirmed job for a run, and tell the shop owner that it starts.

    Raises EtsyJobError when the job is not confirmed, or another run has it.
    """
    job = etsy.jobs.claim(transaction_id, run.id)
    number = job.total_products - job.synced_count
    message = started_message(_shop_name(etsy, job), transaction_id, number, attempt=job.attempt, url=run.url)
    etsy.notify(f"etsy-start-{run.id}", message)
    return job


def sync_claimed_job(
    etsy: EtsyState,
    run: JobRun,
    read_products: ProductReader,
    images: ImageSource,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
    sleep: Callable[[float], None] = time.sleep,
) -> JobResult:
    """Sync the products of the job that the run has claimed, end the job, and tell the shop owner how it ended.

    `progress`: products done and in all. Raises EtsyJobError when the run has no job, and EtsyJobLostError when the
    job was taken from it.
    """
    job = etsy.jobs.claimed_by(run.id)
    account = etsy.accounts.get(job.account_id)
    rows = etsy.jobs.products(job.transaction_id, ProductOutcome.PENDING)
    outcomes: list[ListingOutcome] = []
    stopped: PipelineError | None
    told: tuple[str, ...] = ()
    try:
        with etsy.client(account) as client:
            client.ask_before_writing(partial(etsy.links.check_claim, job))
            only_stock = all(row.proposal is Proposal.LOWER_STOCK for row in rows)
            told = vacation_note(read_premises(client.urgently(), account, only_stock=only_stock))
            sync = ListingSync(etsy, client, job, account, images, sleep)
            for part in parts(iter(rows), PAGE):
                for outcome in sync.sync(part, read_products):
                    outcomes.append(outcome)
                    progress(len(outcomes), len(rows))
        stopped = sync.day_over
    except EtsyJobLostError:
        raise
    except PipelineError as fault:
        stopped = fault
    ended = etsy.jobs.finish(job.transaction_id, run.id, stopped=str(stopped) if stopped else None)
    return JobResult(ended, tuple(outcomes), stopped, _report_end(etsy, run, ended, stopped, told))


def end_dead_job(etsy: EtsyState, job: EtsyJob, why: str) -> EtsyJob:
    """End a job whose run died: its unfinished products fail and can be retried. `why`: without a full stop.

    If the run continues nevertheless, it finds the job taken from it and writes nothing more.
    """
    ended = etsy.jobs.finish(job.transaction_id, job.run_id or "", stopped=f"{why}.")
    message = died_message(_shop_name(etsy, job), job.transaction_id, f"{why}.")
    etsy.notify(f"etsy-died-{job.transaction_id}-{job.attempt}", message)
    return ended


def retry_job(etsy: EtsyState, job: EtsyJob, by: str, how_run_ended: Callable[[str], str | None]) -> EtsyJob:
    """Confirm a failed job once more, for its failed products; a job whose run is over is ended first.

    `how_run_ended`: as in `tidy_jobs`. Raises EtsyJobError for a job that cannot be retried.
    """
    if job.status is JobStatus.PROCESSING and (why := how_run_ended(job.run_id or "")):
        end_dead_job(etsy, job, why)
    return etsy.jobs.retry(job.transaction_id, by)


def jobs_to_tidy(jobs: Sequence[EtsyJob], now: datetime, ended_runs: Collection[str]) -> list[EtsyJob]:
    """Pick the pending jobs that are overdue, and the processing ones whose run is among `ended_runs`."""
    overdue = [job for job in jobs if job.status is JobStatus.PENDING and job.expires_at <= now]
    dead = [job for job in jobs if job.status is JobStatus.PROCESSING and (job.run_id or "") in ended_runs]
    return [*overdue, *dead]


def tidy_jobs(etsy: EtsyState, how_run_ended: Callable[[str], str | None]) -> list[EndedJob]:
    """End what nobody confirmed in time, and the jobs whose run is over without having ended them.

    `how_run_ended`: says of a run id how the run ended; None while it may continue.
    """
    expired = [EndedJob(job, "confirmation timed out") for job in expire_unconfirmed_jobs(etsy)]
    dead = [
        EndedJob(end_dead_job(etsy, job, why), why)
        for job in etsy.jobs.all(JobStatus.PROCESSING)
        if (why := how_run_ended(job.run_id or ""))
    ]
    return [*expired, *dead]


def _report_end(
    etsy: EtsyState, run: JobRun, job: EtsyJob, stopped: PipelineError | None, told: Sequence[str]
) -> tuple[Line, ...]:
    """Tell the shop owner how a job ended, and what else is worth knowing (`told`); return what failed."""
    rows = [row for row in etsy.jobs.products(job.transaction_id) if row.outcome is not ProductOutcome.REFUSED]
    failures = [f"{row.title}: {row.error}" for row in rows if row.outcome is ProductOutcome.FAILED]
    notes = [*told, *(f"{row.title}: {row.error}" for row in rows if row.error and row.outcome in SUCCEEDED)]
    message = finished_message(
        _shop_name(etsy, job),
        job.transaction_id,
        [row.outcome for row in rows],
        failures=failures,
        notes=notes,
        stopped=stopped,
        url=run.url,
    )
    failed = job.status is not JobStatus.COMPLETED
    etsy.notify(run.failure_key if failed else f"etsy-end-{run.id}", message)
    if not failed:
        return ()
    reasons: Sequence[Line] = [error_line(stopped)] if stopped else failures[:SHOWN_REASONS]
    return (f"{outcome_text(row.outcome for row in rows)}.", *reasons, retry_hint(job.transaction_id))


def _shop_name(etsy: EtsyState, job: EtsyJob) -> str:
    return etsy.accounts.get(job.account_id).shop_name
