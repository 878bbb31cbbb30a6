"""Runs `awin-medusa etsy request`, `sync` and `retry`: what needs the shop, Etsy or a run."""

from functools import partial
from typing import Annotated

import typer
from rich.table import Table

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.cli.application import open_app, who
from awin_medusa_pipeline.cli.arguments import Account, Job
from awin_medusa_pipeline.cli.etsy_jobs import open_tidy_app, show_next_steps
from awin_medusa_pipeline.cli.sync import end
from awin_medusa_pipeline.cli.terminal import JobSteps, say, show_table
from awin_medusa_pipeline.core.errors import Action
from awin_medusa_pipeline.core.messages import line_text
from awin_medusa_pipeline.decisions import Decider
from awin_medusa_pipeline.defs.launch import how_run_ended, run_job
from awin_medusa_pipeline.defs.per_shop import account_tag
from awin_medusa_pipeline.etsy.domain.messages import outcome_text
from awin_medusa_pipeline.etsy.store.jobs import EtsyJobError, JobStatus
from awin_medusa_pipeline.remedies import command

ETSY_SYNC = "etsy_sync_job"


def request(
    products: Annotated[list[str], typer.Argument(metavar="PRODUCT...", help="Medusa id, handle or SKU of each.")],
    account: Account = None,
    sold_is_booked: Annotated[
        bool, typer.Option(help="The levels in Medusa count the pieces that went on Etsy: offer all of them.")
    ] = False,
) -> None:
    """Ask for products to be brought to Etsy: nothing is sent before you confirm.

    What Etsy would refuse is shown now.
    """
    with open_app() as opened:
        request_and_show(opened, products, account, sold_is_booked=sold_is_booked)


def request_and_show(
    opened: App, products: list[str], account: str | None = None, *, sold_is_booked: bool = False
) -> None:
    """Request products, and show what would be done."""
    requested = Decider(opened, who()).request_etsy(products, account, sold_is_booked=sold_is_booked)
    table = Table("product", "to do", "what changes")
    for plan in requested.plans:
        changed = ", ".join(dict.fromkeys(change.field.split(" ")[0] for change in plan.changes))
        table.add_row(plan.title, plan.proposal, "" if plan.proposal.creates else changed)
    show_table(table)
    say((requested.request.title, "bold"))
    for line in requested.request.lines:
        say(f"  {line_text(line, command)}")


def retry(
    start: Job,
    died: Annotated[
        bool, typer.Option("--died", help="Its run has died, although Dagster still shows it as running.")
    ] = False,
) -> None:
    """Retry a failed job for the products that failed, or a job whose run has died."""
    with open_app() as opened:
        how_ended = (lambda run_id: "Its run was given up") if died else partial(how_run_ended, opened)
        job = Decider(opened, who()).retry_etsy_job(start, how_ended)
        waiting = job.total_products - job.synced_count - job.failed_count
    say(f"Confirmed once more: {job.transaction_id}, {waiting:,} products, try {job.attempt}.")
    show_next_steps(job)


def sync(start: Job) -> None:
    """Bring the products of a confirmed job to Etsy, here and now: what the daemon does where one runs."""
    with open_tidy_app() as opened:
        etsy = opened.etsy
        job = etsy.jobs.find(start)
        if job.status is not JobStatus.CONFIRMED:
            raise EtsyJobError(
                f"Starting the Etsy job {job.transaction_id}",
                f"it is {job.status}",
                "Only a confirmed job can be started; look at it.",
                action=Action.SHOW_ETSY_JOB,
                target=job.transaction_id,
            )
        sync_and_show(opened, job.transaction_id)


def sync_and_show(opened: App, transaction_id: str) -> None:
    """Sync a confirmed job in this process, and show its outcome. Exits with 1 when something failed."""
    jobs = opened.etsy.jobs
    with JobSteps(ETSY_SYNC) as steps:
        config = {"claim_etsy_job": {"transaction_id": transaction_id}}
        tags = account_tag(opened, jobs.get(transaction_id).account_id)
        outcome = run_job(opened, ETSY_SYNC, steps, ops=config, tags=tags)
    job, rows = jobs.get(transaction_id), jobs.products(transaction_id)
    if job.run_id == outcome.run_id:
        say(f"{job.transaction_id}: {outcome_text(row.outcome for row in rows)}")
    end(outcome)
