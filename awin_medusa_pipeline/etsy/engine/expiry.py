"""Ends the jobs that nobody confirmed in time."""

from awin_medusa_pipeline.etsy.domain.messages import expired_message
from awin_medusa_pipeline.etsy.engine.state import EtsyState
from awin_medusa_pipeline.etsy.store.jobs import EtsyJob


def expire_unconfirmed_jobs(etsy: EtsyState) -> list[EtsyJob]:
    """End the jobs that nobody confirmed in time, tell the shop owner, and return them."""
    expired = etsy.jobs.expire_overdue()
    for job in expired:
        shop = etsy.accounts.get(job.account_id).shop_name
        etsy.notify(f"etsy-expired-{job.transaction_id}", expired_message(shop, job.transaction_id, job.total_products))
    return expired
