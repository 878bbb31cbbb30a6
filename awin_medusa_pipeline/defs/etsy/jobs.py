"""Defines the Etsy jobs: request, sync of a confirmed job, daily comparison, and the end of abandoned jobs."""

from collections.abc import Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import dagster as dg
from pydantic import Field

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.messages import Line, line_text
from awin_medusa_pipeline.core.store.leases import ShopBusyError
from awin_medusa_pipeline.decisions import Decider
from awin_medusa_pipeline.defs.alerts import failure_key
from awin_medusa_pipeline.defs.contracts import evaluation
from awin_medusa_pipeline.defs.etsy.assets import listings_metadata, plan_metadata
from awin_medusa_pipeline.defs.failures import how_it_ended
from awin_medusa_pipeline.defs.io_managers import table_metadata
from awin_medusa_pipeline.defs.per_shop import ETSY, ONLY
from awin_medusa_pipeline.defs.services import LOCATION
from awin_medusa_pipeline.defs.shown import SHOWN_ROWS, Links, table
from awin_medusa_pipeline.defs.steps import StepError, op
from awin_medusa_pipeline.defs.tags import ETSY_JOB_TAG, decider_in, tag_run, trigger_of
from awin_medusa_pipeline.defs.taken_up import ONCE
from awin_medusa_pipeline.etsy.domain.messages import time_text
from awin_medusa_pipeline.etsy.engine.daily import look_at_accounts
from awin_medusa_pipeline.etsy.engine.expiry import expire_unconfirmed_jobs
from awin_medusa_pipeline.etsy.engine.images import open_images
from awin_medusa_pipeline.etsy.engine.jobs import JobRun, claim_job, sync_claimed_job, tidy_jobs
from awin_medusa_pipeline.etsy.engine.products import product_reader
from awin_medusa_pipeline.etsy.engine.request import Requested
from awin_medusa_pipeline.etsy.engine.tables import make_listing_table, make_plan_table
from awin_medusa_pipeline.remedies import command, sentence
from awin_medusa_pipeline.sales.importer import SalesResult, SalesScopeError, SalesShop, import_sales
from awin_medusa_pipeline.sync.store.ledger import SALES_JOB


class EtsyRequestConfig(dg.Config):
    """Which products to request."""

    products: list[str] = Field(default=[], description="Medusa id, handle or SKU of each product: at least one.")
    account: str | None = Field(
        default="", description="Name or id of the Etsy shop, where several are connected; else blank."
    )
    sold_is_booked: bool = Field(
        default=False, description="The levels in Medusa count the pieces that went on Etsy: offer all of them."
    )


class EtsySyncConfig(dg.Config):
    """Which job to sync."""

    transaction_id: str = Field(default="", description="Id of the confirmed job.")


class EtsyDailyConfig(dg.Config):
    """Which account to look at."""

    account: str | None = Field(default="", description="Name or id of one Etsy shop alone. Blank: all of them.")


@op(description="Look at the products, refuse what Etsy would refuse, and ask for a confirmation of the rest.")
def request_etsy_products(
    context: dg.OpExecutionContext, config: EtsyRequestConfig, app: dg.ResourceParam[App]
) -> None:
    """Make a pending job; nothing is sent to Etsy before a person confirms it."""
    requested = Decider(app, decider_in(context.run)).request_etsy(
        config.products, config.account or None, sold_is_booked=config.sold_is_booked
    )
    tag_run(context.instance, context.run, {ETSY_JOB_TAG: requested.job.transaction_id})
    _log(context, [requested.request.title, *requested.request.lines])
    _write_tables(context, app, request_metadata(requested))


@op(description="Claim the confirmed job for this run; no other run can claim it.")
def claim_etsy_job(context: dg.OpExecutionContext, config: EtsySyncConfig, app: dg.ResourceParam[App]) -> None:
    """Claim the job in one transaction. Fails when it is not confirmed, or another run has it."""
    claim_job(app.etsy, config.transaction_id, _job_run(context, app))


@op(ins={"claimed": dg.In(dg.Nothing)}, description="Bring the products of the claimed job to Etsy, one by one.")
def sync_etsy_products(context: dg.OpExecutionContext, app: dg.ResourceParam[App]) -> None:
    """Sync every product; one that fails does not stop the others. Fails at the end when one did."""

    def log_progress(done: int, total: int) -> None:
        context.log.info(f"{done:,} of {total:,} products are done")

    etsy, run = app.etsy, _job_run(context, app)
    with app.medusa() as medusa, open_images(etsy.rules.image_hosts) as images:
        read_products = product_reader(medusa, etsy.rules.stock_location)
        result = sync_claimed_job(etsy, run, read_products, images, progress=log_progress)
    _write_tables(context, app)
    if result.error:
        raise StepError(" ".join(line_text(line, command) for line in result.error))


@op(description="Compare the listings on Etsy with Medusa, and ask for a confirmation of what differs.")
def look_at_etsy(context: dg.OpExecutionContext, config: EtsyDailyConfig, app: dg.ResourceParam[App]) -> None:
    """Send nothing to Etsy. Stock that goes down is confirmed at once where ETSY_PUSH_STOCK_DOWN allows it.

    A shop that cannot be read does not stop the others. Fails at the end when there was one.
    """
    expire_unconfirmed_jobs(app.etsy)
    sold = import_and_log(context, app)
    by = decider_in(context.run).name
    results = look_at_accounts(app.etsy, partial(app.medusa, applying=True), account=config.account or None, by=by)
    if not results:
        context.log.info("No Etsy shop is connected.")
        return
    _log(context, [line for result in results for line in result.lines])
    _write_tables(context, app)
    faults = [f"{result.shop}: {sentence(result.fault)}" for result in results if result.fault]
    faults += [sentence(one.fault) for one in sold if one.fault and not one.is_busy]
    if faults:
        raise StepError(" ".join(faults))


@op(description="Lower the levels in Medusa by what was sold on Etsy.")
def import_etsy_sales(context: dg.OpExecutionContext, app: dg.ResourceParam[App]) -> None:
    """Import the sales of all shops.

    Started by the schedule, it leaves a shop that a sync holds to the next hour. A consent without the orders does not
    fail it: the first import told the owner, and the daily job fails.
    """
    results = import_and_log(context, app)
    if not results:
        context.log.info("There are no sales to import: no Etsy shop is connected, or ETSY_IMPORT_SALES is off.")
    waits = (ShopBusyError, SalesScopeError) if trigger_of(context.run) == "schedule" else ()
    if faults := [sentence(one.fault) for one in results if one.fault and not isinstance(one.fault, waits)]:
        raise StepError(" ".join(faults))


def import_and_log(context: dg.OpExecutionContext, app: App) -> list[SalesResult]:
    """Import the sales on Etsy in this run, and log what came of it."""
    shop = SalesShop(app.shop_address, partial(app.medusa, applying=True), context.run.run_id)
    results = import_sales(app.etsy, shop)
    _log(context, [line for result in results for line in result.lines])
    return results


@op(description="End what nobody confirmed in time, and what a run that died has left.")
def tidy_etsy_jobs(context: dg.OpExecutionContext, app: dg.ResourceParam[App]) -> None:
    """End the jobs, and tell the shop owner of each."""
    for ended in tidy_jobs(app.etsy, partial(how_it_ended, context.instance)):
        context.log.info(f"{ended.job.transaction_id}: {ended.reason}")


@dg.job(description="Ask for a confirmation to bring products to Etsy.", tags=ONCE)
def etsy_request_job() -> None:
    """Request products (etsy/engine/request.py)."""
    request_etsy_products()


@dg.job(description="Bring the products of a confirmed job to Etsy.", tags={ETSY: ONLY} | ONCE)
def etsy_sync_job() -> None:
    """Sync a confirmed job (etsy/engine/jobs.py)."""
    sync_etsy_products(claimed=claim_etsy_job())


@dg.job(
    description="Compare the listings on Etsy with Medusa, and ask for a confirmation of what differs.",
    tags={ETSY: ONLY} | ONCE,
)
def etsy_daily_job() -> None:
    """Compare and request (etsy/engine/daily.py)."""
    look_at_etsy()


@dg.job(
    name=SALES_JOB,
    description="Lower the levels in Medusa by what was sold on Etsy.",
    tags={ETSY: ONLY} | ONCE,
)
def etsy_sales_job() -> None:
    """Import sales (sales/importer.py)."""
    import_etsy_sales()


@dg.job(description="End Etsy jobs that nobody confirmed in time, and those whose run has died.", tags=ONCE)
def etsy_tidy_job() -> None:
    """Tidy; started by etsy_tidy_sensor, which only reads."""
    tidy_etsy_jobs()


def request_metadata(requested: Requested) -> dict[str, Any]:
    """What a person decides about, by when and how; the products as they would be sent."""
    job, request = requested.job, requested.request
    rows = [{"product": plan.title, "to do": str(plan.proposal)} for plan in requested.plans]
    return {
        "job": job.transaction_id,
        "etsy_shop": request.shop,
        "fees_at_most_usd": float(request.fees),
        "confirm_until": time_text(job.expires_at),
        "how_to_confirm": f"Launch etsy_confirm_job (or etsy_reject_job) with transaction_id {job.transaction_id}.",
        "to_confirm": dg.MetadataValue.job("etsy_confirm_job", LOCATION),
        "requested": table(rows[:SHOWN_ROWS], ("product", "to do")),
        **({"refused": table([{"product": one} for one in request.refused], ("product",))} if request.refused else {}),
    }


def _job_run(context: dg.OpExecutionContext, app: App) -> JobRun:
    run_id = context.run.run_id
    return JobRun(run_id, app.run_url(run_id), failure_key(run_id))


def _log(context: dg.OpExecutionContext, lines: Iterable[Line]) -> None:
    for line in lines:
        context.log.info(line_text(line, command))


def _write_tables(
    context: dg.OpExecutionContext, app: App, of_request: Mapping[str, Any] = MappingProxyType({})
) -> None:
    """Write and check the two tables, and record that as a materialisation of their assets would."""
    plan, listings = make_plan_table(app.etsy, partial(app.medusa, applying=True)), make_listing_table(app.etsy)
    links = Links.of(app)
    for asset, frame, metadata in (
        ("etsy_listing_plan", plan, {**of_request, **plan_metadata(plan)}),
        ("etsy_listings", listings, listings_metadata(listings, links)),
    ):
        written = app.tables.write(asset, context.run.run_id, frame)
        everything = {**metadata, **table_metadata(written), "run_in_console": links.run(context.run.run_id)}
        context.log_event(dg.AssetMaterialization(asset, metadata=everything, partition=app.shop or None))
        context.log_event(evaluation(asset, frame.lazy()))  # type: ignore[arg-type]  # it takes these as well


all_jobs = [etsy_request_job, etsy_sync_job, etsy_daily_job, etsy_sales_job, etsy_tidy_job]
