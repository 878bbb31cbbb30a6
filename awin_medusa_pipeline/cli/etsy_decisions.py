"""Runs `awin-medusa etsy confirm` and `reject`: the decision on a requested job."""

from awin_medusa_pipeline.cli.application import open_app, who
from awin_medusa_pipeline.cli.arguments import Job
from awin_medusa_pipeline.cli.etsy_jobs import show_next_steps
from awin_medusa_pipeline.cli.terminal import say
from awin_medusa_pipeline.etsy_decisions import EtsyDecider


def confirm(start: Job) -> None:
    """Confirm a requested job: the daemon starts it within half a minute."""
    with open_app() as opened:
        job = EtsyDecider(opened, who()).confirm_etsy_job(start)
    say(f"Confirmed: {job.transaction_id}, {job.total_products:,} products.")
    show_next_steps(job)


def reject(start: Job) -> None:
    """Drop a job that has not started; everything stays as it was."""
    with open_app() as opened:
        job = EtsyDecider(opened, who()).reject_etsy_job(start)
    say(f"Rejected: {job.transaction_id}, {job.total_products:,} products. Nothing was sent.")
