"""The Etsy jobs: a request, the sync of a confirmed one, the daily look, and what is left lying.

What belongs here: ops and their config. What does not: how any of it is done (engine/), and the words
(messages_etsy.py).
"""

import dagster as dg
from pydantic import Field

from awin_medusa_pipeline.clients.images import ImageFetcher
from awin_medusa_pipeline.engine.etsy_care import end_dead, expire
from awin_medusa_pipeline.engine.etsy_jobs import JobResult, products_of, sync_job
from awin_medusa_pipeline.engine.etsy_request import request_named
from awin_medusa_pipeline.engine.listing_images import KINDS, LARGEST
from awin_medusa_pipeline.etsy import Etsy
from awin_medusa_pipeline.failures import how_it_ended
from awin_medusa_pipeline.messages import failure_key, run_url
from awin_medusa_pipeline.messages_etsy import finished_message, started_message
from awin_medusa_pipeline.resources import MedusaResource, StateStore
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline.store.etsy_jobs import JobStatus, ProductOutcome

ETSY_TAG = "awin_medusa/etsy"
"""One run an account: dagster.yaml limits this tag to one at a time for each value."""


class EtsyRequestConfig(dg.Config):
    """Which products are to go to Etsy."""

    products: list[str] = Field(min_length=1, description="Medusa id, handle or SKU of each product.")
    account: str | None = Field(default=None, description="Name or id of the Etsy shop, where several are connected.")


class EtsySyncConfig(dg.Config):
    """Which job."""

    transaction_id: str = Field(description="Of the confirmed job: awin-medusa etsy jobs.")


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
    _end(etsy, run_id, result)


def _end(etsy: Etsy, run_id: str, result: JobResult) -> None:
    """Tell how the job ended. Raises dg.Failure when something of it failed."""
    job = result.job
    rows = [row for row in etsy.jobs.products(job.transaction_id) if row.outcome is not ProductOutcome.REFUSED]
    failures = [f"{row.title}: {row.error}" for row in rows if row.outcome is ProductOutcome.FAILED]
    message = finished_message(
        etsy.accounts.get(job.account_id).shop_name,
        job.transaction_id,
        [row.outcome for row in rows],
        failures=failures,
        stopped=result.stopped_reason,
        url=run_url(etsy.settings.dagster_webserver_url, run_id),
    )
    if job.status is JobStatus.COMPLETED:
        etsy.tell(f"etsy-end-{run_id}", message)
        return
    # Under the key of the failure sensor's message, which would say less.
    etsy.tell(failure_key(run_id), message)
    raise dg.Failure(str(message["text"]), allow_retries=False)


@dg.job(description="Bring the products of a confirmed job to Etsy.", tags={ETSY_TAG: "default"})
def etsy_sync_job() -> None:
    """See engine/etsy_jobs.py."""
    sync_etsy_products(claimed=claim_etsy_job())


@dg.job(description="Ask for a confirmation to bring products to Etsy.")
def etsy_request_job() -> None:
    """See engine/etsy_request.py."""
    request_etsy_products()


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
    """Started by etsy_confirmation_sensor, which itself only reads."""
    tidy_etsy_jobs()


all_jobs = [etsy_request_job, etsy_sync_job, etsy_tidy_job]
