"""Runs `awin-medusa etsy`: requests, confirms and syncs products to Etsy."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.cli import etsy_connect
from awin_medusa_pipeline.cli.application import open_app
from awin_medusa_pipeline.cli.sync import end
from awin_medusa_pipeline.cli.terminal import JobSteps, age, commands, console, say
from awin_medusa_pipeline.core.errors import Action
from awin_medusa_pipeline.core.messages import line_text
from awin_medusa_pipeline.defs.etsy.jobs import ETSY_TAG
from awin_medusa_pipeline.defs.launch import how_run_ended, run_job
from awin_medusa_pipeline.etsy.domain.messages import outcome_text
from awin_medusa_pipeline.etsy.engine.expiry import expire_unconfirmed_jobs
from awin_medusa_pipeline.etsy.engine.jobs import retry_job
from awin_medusa_pipeline.etsy.engine.request import request_products
from awin_medusa_pipeline.etsy.store.jobs import EtsyJob, EtsyJobError, JobStatus
from awin_medusa_pipeline.remedies import command

ETSY_SYNC = "etsy_sync_job"
app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode="rich")

Job = Annotated[str, typer.Argument(metavar="TRANSACTION_ID", help="The job, or the beginning of its id.")]
Account = Annotated[
    str | None, typer.Option(metavar="SHOP", help="Name or id of the Etsy shop, where several are connected.")
]


@app.callback()
def etsy() -> None:
    """Products of the shop as listings on Etsy.

    \b
    awin-medusa etsy connect                 once: your consent, and the defaults of your listings
    awin-medusa etsy request oak-lamp        what would be done? nothing is sent yet
    awin-medusa etsy confirm etsy_3f2a       do it
    """


app.command()(etsy_connect.connect)
app.command()(etsy_connect.settings)
app.command()(etsy_connect.accounts)
app.command()(etsy_connect.disconnect)
app.command()(etsy_connect.key)


@app.command()
def request(
    products: Annotated[list[str], typer.Argument(metavar="PRODUCT...", help="Medusa id, handle or SKU of each.")],
    account: Account = None,
) -> None:
    """Ask for products to be brought to Etsy: nothing is sent before you confirm.

    What Etsy would refuse is shown now.
    """
    with _open_tidy_app() as opened:
        request_and_show(opened, products, account)


def request_and_show(opened: App, products: list[str], account: str | None = None) -> None:
    """Request products, and show what would be done."""
    with opened.medusa(applying=True) as medusa:
        requested = request_products(opened.etsy, medusa, products, account=account, by=getpass.getuser())
    table = Table("product", "to do", "what changes")
    for plan in requested.plans:
        changed = ", ".join(dict.fromkeys(change.field.split(" ")[0] for change in plan.changes))
        table.add_row(plan.title, plan.proposal, "" if plan.proposal.creates else changed)
    console.print(table)
    say((requested.request.title, "bold"))
    for line in requested.request.lines:
        say(f"  {line_text(line, command)}")


@app.command()
def confirm(start: Job) -> None:
    """Confirm a requested job: the daemon starts it within half a minute."""
    with _open_tidy_app() as opened:
        etsy = opened.etsy
        job = etsy.jobs.confirm(etsy.jobs.find(start).transaction_id, getpass.getuser())
    say(f"Confirmed: {job.transaction_id}, {job.total_products:,} products.")
    _show_next_steps(job)


@app.command()
def reject(start: Job) -> None:
    """Drop a job that has not started; everything stays as it was."""
    with _open_tidy_app() as opened:
        etsy = opened.etsy
        job = etsy.jobs.reject(etsy.jobs.find(start).transaction_id, getpass.getuser())
    say(f"Rejected: {job.transaction_id}, {job.total_products:,} products. Nothing was sent.")


@app.command()
def retry(
    start: Job,
    died: Annotated[
        bool, typer.Option("--died", help="Its run has died, although Dagster still shows it as running.")
    ] = False,
) -> None:
    """Retry a failed job for the products that failed, or a job whose run has died."""
    with _open_tidy_app() as opened:
        etsy = opened.etsy
        how_ended = (lambda run_id: "Its run was given up") if died else partial(how_run_ended, opened)
        job = retry_job(etsy, etsy.jobs.find(start), getpass.getuser(), how_ended)
        waiting = job.total_products - job.synced_count - job.failed_count
    say(f"Confirmed once more: {job.transaction_id}, {waiting:,} products, try {job.attempt}.")
    _show_next_steps(job)


@app.command()
def sync(start: Job) -> None:
    """Bring the products of a confirmed job to Etsy, here and now: what the daemon does where one runs."""
    with _open_tidy_app() as opened:
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
        tags = {ETSY_TAG: str(jobs.get(transaction_id).account_id)}
        outcome = run_job(opened, ETSY_SYNC, steps, ops=config, tags=tags)
    job, rows = jobs.get(transaction_id), jobs.products(transaction_id)
    if job.run_id == outcome.run_id:
        say(f"{job.transaction_id}: {outcome_text(row.outcome for row in rows)}")
    end(outcome)


@app.command()
def jobs(
    account: Account = None, number: Annotated[int, typer.Option(min=1, metavar="N", help="Show N jobs.")] = 20
) -> None:
    """List the jobs, newest first."""
    with _open_tidy_app() as opened:
        etsy = opened.etsy
        shops = {one.id: one.shop_name for one in etsy.accounts.all()}
        only = etsy.accounts.find(account).id if account else None
        found = [job for job in etsy.jobs.all(limit=number) if only in (None, job.account_id)]
    if not found:
        say("No Etsy job was requested yet.")
        commands([("awin-medusa etsy request PRODUCT...", "ask for some products")])
        return
    table = Table("job", "shop", "products", "synced", "failed", "state", "requested", "why")
    for job in found:
        numbers = [f"{number:,}" for number in (job.total_products, job.synced_count, job.failed_count)]
        shop, requested = shops[job.account_id], f"{age(job.requested_at)} by {job.requested_by}"
        table.add_row(job.transaction_id, shop, *numbers, _status_text(job), requested, _failure_reason(job))
    console.print(table)


@app.command()
def show(start: Job) -> None:
    """Show one job with its products: what was planned, and how it ended."""
    with _open_tidy_app() as opened:
        etsy = opened.etsy
        job = etsy.jobs.find(start)
        rows = etsy.jobs.products(job.transaction_id)
        links = etsy.links.of_products(job.account_id, [row.product_id for row in rows])
        shop = etsy.accounts.get(job.account_id).shop_name
    why = _failure_reason(job)
    say((job.transaction_id, "bold"), f" for {shop}: ", _status_text(job), f" ({why})" if why else "")
    table = Table("product", "to do", "outcome", "listing", "why")
    for row in rows:
        url = links[row.product_id].etsy_url if row.product_id in links else None
        table.add_row(row.title, row.proposal, str(row.outcome), url or "", row.error or "")
    console.print(table)


def _show_next_steps(job: EtsyJob) -> None:
    say("etsy_sync_job starts by itself within half a minute, where `awin-medusa ui` or its daemon runs.")
    commands(
        [
            (f"awin-medusa etsy show {job.transaction_id}", "how far it is"),
            (f"awin-medusa etsy sync {job.transaction_id}", "do it here and now, without the daemon"),
        ]
    )


def _status_text(job: EtsyJob) -> Text:
    colour = {"completed": "green", "failed": "red", "pending": "yellow"}.get(str(job.status), "")
    until = f" until {job.expires_at:%H:%M} UTC" if str(job.status) == "pending" else ""
    return Text(f"{job.status}{until}", style=colour)


def _failure_reason(job: EtsyJob) -> str:
    said = [entry["error"] for entry in job.error_log if entry["product_id"] is None]
    return str(said[-1]) if said and str(job.status) == "failed" else ""


@contextmanager
def _open_tidy_app() -> Iterator[App]:
    """Open the App, and end the jobs that nobody confirmed in time."""
    with open_app() as opened:
        expire_unconfirmed_jobs(opened.etsy)
        yield opened
