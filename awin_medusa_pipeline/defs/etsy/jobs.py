"""The Etsy jobs: a request, the sync of a confirmed one, the daily look, and what is left lying.

What belongs here: ops and their config. What does not: how any of it is done (etsy/engine/), and the words
(etsy/domain/messages.py).
"""

import dagster as dg
import polars as pl
from pydantic import Field

from awin_medusa_pipeline.core.errors import RemoteError
from awin_medusa_pipeline.core.images import ImageFetcher
from awin_medusa_pipeline.core.messages import failure_key, run_url
from awin_medusa_pipeline.defs.etsy.assets import Metadata, listings_metadata, plan_metadata, planned
from awin_medusa_pipeline.defs.failures import how_it_ended
from awin_medusa_pipeline.defs.io_managers import write_table
from awin_medusa_pipeline.defs.resources import MedusaResource, StateStore
from awin_medusa_pipeline.etsy.context import Etsy
from awin_medusa_pipeline.etsy.domain.messages import command, finished_message, outcome_text, started_message
from awin_medusa_pipeline.etsy.engine.care import end_dead, expire
from awin_medusa_pipeline.etsy.engine.daily import ask, look
from awin_medusa_pipeline.etsy.engine.images import KINDS, LARGEST
from awin_medusa_pipeline.etsy.engine.jobs import JobResult, products_of, sync_job
from awin_medusa_pipeline.etsy.engine.request import request_named
from awin_medusa_pipeline.etsy.engine.tables import listed
from awin_medusa_pipeline.etsy.store.jobs import JobStatus, ProductOutcome
from awin_medusa_pipeline.settings import Settings

ETSY_TAG = "awin_medusa/etsy"
"""One run an account: dagster.yaml limits this tag to one at a time for each value."""

SHOWN_REASONS = 3


class EtsyRequestConfig(dg.Config):
    """Which products are to go to Etsy."""

    products: list[str] = Field(min_length=1, description="Medusa id, handle or SKU of each product.")
    account: str | None = Field(default=None, description="Name or id of the Etsy shop, where several are connected.")


class EtsySyncConfig(dg.Config):
    """Which job."""

    transaction_id: str = Field(description="Of the confirmed job: awin-medusa etsy jobs.")


class EtsyDailyConfig(dg.Config):
    """Which account."""

    account: str | None = Field(default=None, description="Name or id of one Etsy shop alone. Not set: all of them.")


def etsy_of(store: StateStore) -> Etsy:
    """The Etsy part on the run's state store."""
    return Etsy(Settings(), store.database)


@dg.op(description="Look at the products, refuse what Etsy would refuse, and ask for a confirmation of the rest.")
def request_etsy_products(
    context: dg.OpExecutionContext, config: EtsyRequestConfig, medusa: MedusaResource, store: StateStore
) -> None:
    """The job is pending; nothing is sent to Etsy before a person confirms it."""
    etsy = etsy_of(store)
    expire(etsy)
    with medusa.client(applying=True) as client:
        by = f"run {context.run.run_id[:8]}"
        requested = request_named(etsy, client, config.products, account=config.account, by=by)
    for line in (requested.told.title, *requested.told.lines):
        context.log.info(line)
    _make_tables(context, medusa, store)


@dg.op(description="Take the confirmed job for this run; any other run that wants it is told so.")
def claim_etsy_job(context: dg.OpExecutionContext, config: EtsySyncConfig, store: StateStore) -> None:
    """In one transaction. Raises EtsyJobError when the job is not confirmed, or another run has it."""
    etsy, run_id = etsy_of(store), context.run.run_id
    job = etsy.jobs.claim(config.transaction_id, run_id)
    shop = etsy.accounts.get(job.account_id).shop_name
    number = job.total_products - job.synced_count
    url = run_url(etsy.settings.dagster_webserver_url, run_id)
    message = started_message(shop, job.transaction_id, number, attempt=job.attempt, url=url)
    etsy.tell(f"etsy-start-{run_id}", message)


@dg.op(ins={"claimed": dg.In(dg.Nothing)}, description="Bring the products of the claimed job to Etsy, one by one.")
def sync_etsy_products(context: dg.OpExecutionContext, medusa: MedusaResource, store: StateStore) -> None:
    """A product that fails does not stop the others. Raises dg.Failure at the end when one did."""
    etsy, run_id = etsy_of(store), context.run.run_id
    (claimed,) = (job for job in etsy.jobs.all(JobStatus.PROCESSING) if job.run_id == run_id)

    def progress(done: int, total: int) -> None:
        context.log.info(f"{done:,} of {total:,} products are done")

    with medusa.client() as shop, ImageFetcher(KINDS, largest=LARGEST) as images:
        result = sync_job(
            claimed.transaction_id,
            run_id,
            database=store.database,
            accounts=etsy.accounts,
            client_of=etsy.client,
            read_products=products_of(shop, shop.stock_location_id(etsy.settings.medusa_stock_location)),
            images=images,
            progress=progress,
        )
    fault = _told(etsy, run_id, result)
    _make_tables(context, medusa, store)
    if fault:
        raise dg.Failure(fault, allow_retries=False)


def _make_tables(context: dg.OpExecutionContext, medusa: MedusaResource, store: StateStore) -> None:
    _made(context, "etsy_listing_plan", plan := planned(medusa, store), plan_metadata(plan))
    _made(context, "etsy_listings", listings := listed(etsy_of(store)), listings_metadata(listings))


def _made(context: dg.OpExecutionContext, asset: str, table: pl.DataFrame, numbers: Metadata) -> None:
    """The table of an asset, as its own materialisation would make it."""
    key = dg.AssetKey(asset)
    about = write_table(Settings().awin_medusa_home, key, context.run.run_id, table)
    context.log_event(dg.AssetMaterialization(key, metadata={**about, **numbers}))


def _told(etsy: Etsy, run_id: str, result: JobResult) -> str | None:
    """Tell Slack how the job ended; the error of the run, when something of it failed."""
    job = result.job
    rows = [row for row in etsy.jobs.products(job.transaction_id) if row.outcome is not ProductOutcome.REFUSED]
    failures = [f"{row.title}: {row.error}" for row in rows if row.outcome is ProductOutcome.FAILED]
    outcomes = [row.outcome for row in rows]
    message = finished_message(
        etsy.accounts.get(job.account_id).shop_name,
        job.transaction_id,
        outcomes,
        failures=failures,
        stopped=result.stopped_reason,
        url=run_url(etsy.settings.dagster_webserver_url, run_id),
    )
    failed = job.status is not JobStatus.COMPLETED
    # Under the key of the failure sensor's message, which would say less.
    etsy.tell(failure_key(run_id) if failed else f"etsy-end-{run_id}", message)
    reasons = [result.stopped_reason] if result.stopped_reason else failures[:SHOWN_REASONS]
    retry = f"To try those that failed once more: {command('retry', job.transaction_id)}"
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
def look_at_etsy(
    context: dg.OpExecutionContext, config: EtsyDailyConfig, medusa: MedusaResource, store: StateStore
) -> None:
    """Sends nothing to Etsy. Stock that goes down is confirmed at once where ETSY_PUSH_STOCK_DOWN allows it.

    A shop that cannot be read does not stop the others. Raises dg.Failure at the end when there was one.
    """
    etsy = etsy_of(store)
    expire(etsy)
    accounts = [account for account in etsy.accounts.all() if account.is_active]
    if config.account:
        accounts = [etsy.accounts.find(config.account)]
    if not accounts:
        context.log.info("No Etsy shop is connected: awin-medusa etsy connect.")
        return
    faults = []
    with medusa.client(applying=True) as shop:
        read_products = products_of(shop, shop.stock_location_id(etsy.settings.medusa_stock_location))
        for account in accounts:
            try:
                with etsy.client(account) as client:
                    looked = look(etsy, account, client, read_products)
                asked = ask(etsy, account, looked, by=f"run {context.run.run_id[:8]}")
            except RemoteError as fault:
                faults.append(f"{account.shop_name}: {fault}")
                continue
            for line in (f"{account.shop_name}: {len(looked.changed)} of {len(looked.plans)} differ", *looked.notes):
                context.log.info(line)
            for line in asked.requested.told.lines if asked.requested else ():
                context.log.info(line)
            if asked.stock_down:
                context.log.info(f"Stock goes down without asking: {asked.stock_down.transaction_id}")
    _make_tables(context, medusa, store)
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
def tidy_etsy_jobs(context: dg.OpExecutionContext, store: StateStore) -> None:
    """Each is told to Slack."""
    etsy = etsy_of(store)
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
