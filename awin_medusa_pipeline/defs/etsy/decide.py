"""Defines the jobs by which a person decides on Etsy jobs: confirm, reject and retry."""

from functools import partial

import dagster as dg
from pydantic import Field

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.decisions import Decider
from awin_medusa_pipeline.defs.failures import how_it_ended
from awin_medusa_pipeline.defs.steps import op
from awin_medusa_pipeline.defs.tags import ETSY_JOB_TAG, decider_in, tag_run
from awin_medusa_pipeline.defs.taken_up import ONCE
from awin_medusa_pipeline.etsy.store.jobs import EtsyJob

STARTS = "etsy_sync_job starts by itself within half a minute"


class EtsyDecision(dg.Config):
    """The Etsy job, and why it is decided so."""

    transaction_id: str = Field(
        default="", description="The job, or the beginning of its id: the run of etsy_request_job shows it."
    )
    comment: str = Field(default="", description="Why, for those who ask later; may stay blank.")


@op(description="Confirm a requested Etsy job: its products are brought to Etsy, with the fees that were shown.")
def confirm_etsy_job(context: dg.OpExecutionContext, config: EtsyDecision, app: dg.ResourceParam[App]) -> None:
    """Confirm; etsy_confirmation_sensor starts the run."""
    job = Decider(app, decider_in(context.run)).confirm_etsy_job(config.transaction_id, config.comment)
    _show(context, job, f"Confirmed; {STARTS}.")


@op(description="Drop an Etsy job that has not started; everything stays as it was.")
def reject_etsy_job(context: dg.OpExecutionContext, config: EtsyDecision, app: dg.ResourceParam[App]) -> None:
    """Reject; no run follows."""
    job = Decider(app, decider_in(context.run)).reject_etsy_job(config.transaction_id, config.comment)
    _show(context, job, "Rejected; nothing was sent.")


@op(description="Retry a failed Etsy job for the products that failed, or one whose run has died.")
def retry_etsy_job(context: dg.OpExecutionContext, config: EtsyDecision, app: dg.ResourceParam[App]) -> None:
    """Confirm once more; etsy_confirmation_sensor starts the run."""
    how_ended = partial(how_it_ended, context.instance)
    job = Decider(app, decider_in(context.run)).retry_etsy_job(config.transaction_id, how_ended, config.comment)
    _show(context, job, f"Confirmed for try {job.attempt}; {STARTS}.")


def _show(context: dg.OpExecutionContext, job: EtsyJob, outcome: str) -> None:
    tag_run(context.instance, context.run, {ETSY_JOB_TAG: job.transaction_id})
    context.log.info(f"{job.transaction_id}, {job.total_products:,} products. {outcome}")
    numbers = {"products": job.total_products, "synced": job.synced_count, "failed": job.failed_count}
    context.add_output_metadata({"job": job.transaction_id, "status": str(job.status), "outcome": outcome, **numbers})


@dg.job(description="Confirm a requested Etsy job, so that its products are brought to Etsy.", tags=ONCE)
def etsy_confirm_job() -> None:
    """Confirm (decisions.py)."""
    confirm_etsy_job()


@dg.job(description="Drop an Etsy job that has not started; everything stays as it was.", tags=ONCE)
def etsy_reject_job() -> None:
    """Reject (decisions.py)."""
    reject_etsy_job()


@dg.job(description="Retry a failed Etsy job for the products that failed.", tags=ONCE)
def etsy_retry_job() -> None:
    """Retry (decisions.py)."""
    retry_etsy_job()


all_jobs = [etsy_confirm_job, etsy_reject_job, etsy_retry_job]
