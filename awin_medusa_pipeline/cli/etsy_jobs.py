"""Runs `awin-medusa etsy jobs` and `show`: what the state store alone answers."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.cli.application import open_app
from awin_medusa_pipeline.cli.arguments import Account, AsJson, Job
from awin_medusa_pipeline.cli.terminal import age, commands, print_json, say, show_table
from awin_medusa_pipeline.etsy.engine.expiry import expire_unconfirmed_jobs
from awin_medusa_pipeline.etsy.store.jobs import EtsyJob, EtsyJobProduct


def jobs(
    account: Account = None,
    number: Annotated[int, typer.Option(min=1, metavar="N", help="Show N jobs.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the jobs, newest first."""
    with open_tidy_app() as opened:
        etsy = opened.etsy
        shops = {one.id: one.shop_name for one in etsy.accounts.all()}
        only = etsy.accounts.find(account).id if account else None
        found = [job for job in etsy.jobs.all(limit=number) if only in (None, job.account_id)]
    if as_json:
        print_json({"jobs": [_document(job, shops[job.account_id]) for job in found]})
        return
    if not found:
        say("No Etsy job was requested yet.")
        commands([("awin-medusa etsy request PRODUCT...", "ask for some products")])
        return
    several = len(shops) > 1
    table = Table("job", *(["shop"] if several else []), "products", "synced", "failed", "state", "requested", "why")
    for job in found:
        numbers = [f"{number:,}" for number in (job.total_products, job.synced_count, job.failed_count)]
        requested = f"{age(job.requested_at)} by {job.requested_by}"
        names = [job.transaction_id, *([shops[job.account_id]] if several else [])]
        table.add_row(*names, *numbers, _status_text(job), requested, _failure_reason(job))
    show_table(table)


def show(start: Job, as_json: AsJson = False) -> None:
    """Show one job with its products: what was planned, and how it ended."""
    with open_tidy_app() as opened:
        etsy = opened.etsy
        job = etsy.jobs.find(start)
        rows = etsy.jobs.products(job.transaction_id)
        links = etsy.links.of_products(job.account_id, [row.product_id for row in rows])
        urls = {product: link.etsy_url for product, link in links.items() if link.etsy_url}
        shop = etsy.accounts.get(job.account_id).shop_name
    if as_json:
        products = [_product_document(row, urls.get(row.product_id)) for row in rows]
        print_json({**_document(job, shop), "products": products})
        return
    why = _failure_reason(job)
    say((job.transaction_id, "bold"), f" for {shop}: ", _status_text(job), f" ({why})" if why else "")
    table = Table("product", "to do", "outcome", "why")
    for row in rows:
        table.add_row(f"{row.title}\n{row.product_id}", row.proposal, str(row.outcome), row.error or "")
    show_table(table)
    # Beside the table: an address is longer than a terminal is wide.
    for row in rows:
        if row.product_id in urls:
            say(f"{urls[row.product_id]}  {row.title}")


def show_next_steps(job: EtsyJob) -> None:
    """Say how a confirmed job goes on."""
    say("etsy_sync_job starts by itself within half a minute, where `awin-medusa ui` or its daemon runs.")
    commands(
        [
            (f"awin-medusa etsy show {job.transaction_id}", "how far it is"),
            (f"awin-medusa etsy sync {job.transaction_id}", "do it here and now, without the daemon"),
        ]
    )


@contextmanager
def open_tidy_app() -> Iterator[App]:
    """Open the App, and end the jobs that nobody confirmed in time."""
    with open_app() as opened:
        expire_unconfirmed_jobs(opened.etsy)
        yield opened


def _status_text(job: EtsyJob) -> Text:
    colour = {"completed": "green", "failed": "red", "pending": "yellow"}.get(str(job.status), "")
    until = f" until {job.expires_at:%H:%M} UTC" if str(job.status) == "pending" else ""
    return Text(f"{job.status}{until}", style=colour)


def _failure_reason(job: EtsyJob) -> str:
    said = [entry["error"] for entry in job.error_log if entry["product_id"] is None]
    return str(said[-1]) if said and str(job.status) == "failed" else ""


def _document(job: EtsyJob, shop: str) -> Mapping[str, Any]:
    return {
        "transaction_id": job.transaction_id,
        "shop": shop,
        "status": job.status,
        "total_products": job.total_products,
        "synced_count": job.synced_count,
        "failed_count": job.failed_count,
        "attempt": job.attempt,
        "requested_by": job.requested_by,
        "requested_at": job.requested_at,
        "expires_at": job.expires_at,
        "confirmed_by": job.confirmed_by,
        "confirmed_at": job.confirmed_at,
        "started_at": job.started_at,
        "completed_at": job.completed_at,
        "run": job.run_id,
        "error": _failure_reason(job) or None,
    }


def _product_document(row: EtsyJobProduct, url: str | None) -> Mapping[str, Any]:
    return {
        "product_id": row.product_id,
        "title": row.title,
        "to_do": row.proposal,
        "outcome": row.outcome,
        "listing_url": url,
        "error": row.error,
        "finished_at": row.finished_at,
    }
