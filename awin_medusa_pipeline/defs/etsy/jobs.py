"""The Etsy jobs: a request, the sync of a confirmed one, the daily comparison, and the end of abandoned ones."""

import dagster as dg
import polars as pl
from pydantic import Field

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.errors import PipelineError
from awin_medusa_pipeline.core.images import ImageFetcher
from awin_medusa_pipeline.core.messages import line_text
from awin_medusa_pipeline.defs.alerts import failure_key
from awin_medusa_pipeline.defs.etsy.assets import Metadata, listings_metadata, plan_metadata, planned
from awin_medusa_pipeline.defs.failures import as_failure, how_it_ended
from awin_medusa_pipeline.defs.io_managers import table_metadata
from awin_medusa_pipeline.etsy.domain.messages import finished_message, outcome_text, retry_hint, started_message
from awin_medusa_pipeline.etsy.engine.care import end_dead, expire
from awin_medusa_pipeline.etsy.engine.daily import ask, look
from awin_medusa_pipeline.etsy.engine.images import KINDS, LARGEST
from awin_medusa_pipeline.etsy.engine.jobs import JobResult, products_of, sync_job
from awin_medusa_pipeline.etsy.engine.request import request_named
from awin_medusa_pipeline.etsy.engine.tables import listed
from awin_medusa_pipeline.etsy.store.jobs import JobStatus, ProductOutcome
from awin_medusa_pipeline.remedies import command

ETSY_TAG = "awin_medusa/etsy"
"""One run per account: dagster.yaml limits this tag to one run at a time for each value."""

SHOWN_REASONS = 3


class EtsyRequestConfig(dg.Config):
    """Which products are to go to Etsy."""

    products: list[str] = Field(min_length=1, description="Medusa id, handle or SKU of each product.")
    account: str | None = Field(default=None, description="Name or id of the Etsy shop, where several are connected.")


class EtsySyncConfig(dg.Config):
    """Which job."""

    transaction_id: str = Field(description="Of the confirmed job.")


class EtsyDailyConfig(dg.Config):
    """Which account."""

    account: str | None = Field(default=None, description="Name or id of one Etsy shop alone. Not set: all of them.")


@dg.op(description="Look at the products, refuse what Etsy would refuse, and ask for a confirmation of the rest.")
def request_etsy_products(
    context: dg.OpExecutionContext, config: EtsyRequestConfig, app: dg.ResourceParam[App]
) -> None:
    """The job is pending; nothing is sent to Etsy before a person confirms it."""
    etsy = app.etsy
    expire(etsy)
    with app.medusa(applying=True) as client:
        by = f"run {context.run.run_id[:8]}"
        requested = request_named(etsy, client, config.products, account=config.account, by=by)
    context.log.info(requested.told.title)
    for line in requested.told.lines:
        context.log.info(line_text(line, command))
    _make_tables(context, app)


@dg.op(description="Take the confirmed job for this run; any other run that wants it is told so.")
def claim_etsy_job(context: dg.OpExecutionContext, config: EtsySyncConfig, app: dg.ResourceParam[App]) -> None:
    """In one transaction. Raises EtsyJobError when the job is not confirmed, or another run has it."""
    etsy, run_id = app.etsy, context.run.run_id
    with as_failure():
        job = etsy.jobs.claim(config.transaction_id, run_id)
    shop = etsy.accounts.get(job.account_id).shop_name
    number = job.total_products - job.synced_count
    url = app.run_url(run_id)
    message = started_message(shop, job.transaction_id, number, attempt=job.attempt, url=url)
    etsy.notify(f"etsy-start-{run_id}", message)


@dg.op(ins={"claimed": dg.In(dg.Nothing)}, description="Bring the products of the claimed job to Etsy, one by one.")
def sync_etsy_products(context: dg.OpExecutionContext, app: dg.ResourceParam[App]) -> None:
    """A product that fails does not stop the others. Raises dg.Failure at the end when one did."""
    etsy, run_id = app.etsy, context.run.run_id
    (claimed,) = (job for job in etsy.jobs.all(JobStatus.PROCESSING) if job.run_id == run_id)

    def progress(done: int, total: int) -> None:
        context.log.info(f"{done:,} of {total:,} products are done")

    with app.medusa() as shop, ImageFetcher(KINDS, largest=LARGEST) as images:
        result = sync_job(
            claimed.transaction_id,
            run_id,
            database=etsy.database,
            accounts=etsy.accounts,
            client_of=etsy.client,
            read_products=products_of(shop, shop.stock_location_id(etsy.rules.stock_location)),
            images=images,
            progress=progress,
        )
    fault = _notify_end(app, run_id, result)
    _make_tables(context, app)
    if fault:
        raise dg.Failure(fault, allow_retries=False)


def _make_tables(context: dg.OpExecutionContext, app: dg.ResourceParam[App]) -> None:
    _made(context, app, "etsy_listing_plan", plan := planned(app), plan_metadata(plan))
    _made(context, app, "etsy_listings", listings := listed(app.etsy), listings_metadata(listings))


def _made(context: dg.OpExecutionContext, app: App, asset: str, table: pl.DataFrame, numbers: Metadata) -> None:
    """The table of an asset, as its own materialisation would make it."""
    written = app.tables.write(asset, context.run.run_id, table)
    context.log_event(dg.AssetMaterialization(dg.AssetKey(asset), metadata={**table_metadata(written), **numbers}))


def _notify_end(app: App, run_id: str, result: JobResult) -> str | None:
    """Tell Slack how the job ended; the error of the run, when something of it failed."""
    etsy, job = app.etsy, result.job
    rows = [row for row in etsy.jobs.products(job.transaction_id) if row.outcome is not ProductOutcome.REFUSED]
    failures = [f"{row.title}: {row.error}" for row in rows if row.outcome is ProductOutcome.FAILED]
    outcomes = [row.outcome for row in rows]
    message = finished_message(
        etsy.accounts.get(job.account_id).shop_name,
        job.transaction_id,
        outcomes,
        failures=failures,
        stopped=result.stopped_reason,
        url=app.run_url(run_id),
    )
    failed = job.status is not JobStatus.COMPLETED
    # Under the key of the failure sensor's message, which would say less.
    etsy.notify(failure_key(run_id) if failed else f"etsy-end-{run_id}", message)
    reasons = [result.stopped_reason] if result.stopped_reason else failures[:SHOWN_REASONS]
    retry = line_text(retry_hint(job.transaction_id), command)
    return " ".join([f"{outcome_text(outcomes)}.", *reasons, retry]) if failed else None


@dg.job(description="Bring the products of a confirmed job to Etsy.", tags={ETSY_TAG: "default"})
def etsy_sync_job() -> None:
    """See etsy/engine/jobs.py."""
    sync_etsy_products(claimed=claim_etsy_job())


@dg.job(description="Ask for a confirmation to bring products to Etsy.")
def etsy_request_job() -> None:
    """See etsy/engine/request.py."""
    request_etsy_products()


@dg.op(description="Compare the listings on Etsy with Medusa, and ask for a confirmation of what differs.")
def look_at_etsy(context: dg.OpExecutionContext, config: EtsyDailyConfig, app: dg.ResourceParam[App]) -> None:
    """Sends nothing to Etsy. Stock that goes down is confirmed at once where ETSY_PUSH_STOCK_DOWN allows it.

    A shop that cannot be read does not stop the others. Raises dg.Failure at the end when there was one.
    """
    etsy = app.etsy
    expire(etsy)
    accounts = [account for account in etsy.accounts.all() if account.is_active]
    if config.account:
        accounts = [etsy.accounts.find(config.account)]
    if not accounts:
        context.log.info("No Etsy shop is connected.")
        return
    faults = []
    with app.medusa(applying=True) as shop:
        read_products = products_of(shop, shop.stock_location_id(etsy.rules.stock_location))
        for account in accounts:
            try:
                with etsy.client(account) as client:
                    looked = look(etsy, account, client, read_products)
                asked = ask(etsy, account, looked, by=f"run {context.run.run_id[:8]}")
            except PipelineError as fault:
                faults.append(f"{account.shop_name}: {fault}")
                continue
            for line in (f"{account.shop_name}: {len(looked.changed)} of {len(looked.plans)} differ", *looked.notes):
                context.log.info(line)
            for asked_line in asked.requested.told.lines if asked.requested else ():
                context.log.info(line_text(asked_line, command))
            if asked.stock_down:
                context.log.info(f"Stock goes down without asking: {asked.stock_down.transaction_id}")
    _make_tables(context, app)
    if faults:
        raise dg.Failure(" ".join(faults), allow_retries=False)


@dg.job(
    description="Look what is no more on Etsy as it should be, and ask for a confirmation to put it right.",
    tags={ETSY_TAG: "default"},
)
def etsy_daily_job() -> None:
    """See etsy/engine/daily.py."""
    look_at_etsy()


@dg.op(description="End what nobody confirmed in time, and what a run that died has left.")
def tidy_etsy_jobs(context: dg.OpExecutionContext, app: dg.ResourceParam[App]) -> None:
    """Each is told to Slack."""
    etsy = app.etsy
    for job in expire(etsy):
        context.log.info(f"{job.transaction_id}: confirmation timed out")
    for job in etsy.jobs.all(JobStatus.PROCESSING):
        if why := how_it_ended(context.instance, job.run_id or ""):
            end_dead(etsy, job, why)
            context.log.info(f"{job.transaction_id}: {why}")


@dg.job(description="End Etsy jobs that nobody confirmed in time, and those whose run has died.")
def etsy_tidy_job() -> None:
    """Started by etsy_tidy_sensor, which itself only reads."""
    tidy_etsy_jobs()


all_jobs = [etsy_request_job, etsy_sync_job, etsy_daily_job, etsy_tidy_job]
