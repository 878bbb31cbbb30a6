"""What has to be ended because nobody did: jobs that were never confirmed, and jobs whose run has died.

What belongs here: ending, and telling it. What does not: noticing that a run has died (defs/failures.py).
"""

from awin_medusa_pipeline.etsy.domain.messages import died_message, expired_message
from awin_medusa_pipeline.etsy.engine.state import EtsyState
from awin_medusa_pipeline.etsy.store.jobs import EtsyJob


def expire(etsy: EtsyState) -> list[EtsyJob]:
    """End the jobs that nobody confirmed in time; which. Whoever comes first does it: a command, or a run."""
    expired = etsy.jobs.expire_overdue()
    for job in expired:
        message = expired_message(_shop(etsy, job), job.transaction_id, job.total_products)
        etsy.notify(f"etsy-expired-{job.transaction_id}", message)
    return expired


def end_dead(etsy: EtsyState, job: EtsyJob, why: str) -> EtsyJob:
    """End a job whose run is over without it: what is left of it failed, and can be retried.

    A run that goes on all the same finds the job taken from it, and writes no more.
    """
    ended = etsy.jobs.finish(job.transaction_id, job.run_id or "", stopped=f"{why}.")
    message = died_message(_shop(etsy, job), job.transaction_id, f"{why}.")
    etsy.notify(f"etsy-died-{job.transaction_id}-{job.attempt}", message)
    return ended


def _shop(etsy: EtsyState, job: EtsyJob) -> str:
    return etsy.accounts.get(job.account_id).shop_name
