"""Serves the HTTP API: the routes that a Medusa admin expects for Etsy, and runs and plans beside them."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from fastapi.encoders import jsonable_encoder

from awin_medusa_pipeline.console.errors import NotFoundError, not_found
from awin_medusa_pipeline.console.reads import etsy, plans, products, runs
from awin_medusa_pipeline.console.routes import answers
from awin_medusa_pipeline.console.routes.plans import find as find_plan
from awin_medusa_pipeline.console.routes.runs import find as find_run
from awin_medusa_pipeline.console.surroundings import Around, Decides, Surroundings
from awin_medusa_pipeline.core.store.run_requests import RunRequest
from awin_medusa_pipeline.sync.domain.kinds import KINDS
from awin_medusa_pipeline.sync.store.ledger import Ledger

router = APIRouter(prefix="/admin", responses=answers.PROBLEMS)
Name = Annotated[str, Path(min_length=1, max_length=200)]
Number = Annotated[int, Query(ge=1, le=100_000)]
STORY = 200


def _comment(body: answers.Comment | None = None) -> str | None:
    return body.comment if body else None


Why = Annotated[str | None, Depends(_comment)]


@router.post("/products/etsy-sync", status_code=202, tags=["Etsy"])
def request_sync(decider: Decides, around: Around, wanted: answers.SyncToEtsy) -> answers.Requested:
    """Request products for Etsy: a job that waits for a confirmation. Nothing is sent before."""
    with not_found():
        around.app.etsy.accounts.find(wanted.etsy_account_id)
    requested = decider.request_etsy(wanted.product_ids, wanted.etsy_account_id, sold_is_booked=wanted.sold_is_booked)
    total = answers.Total(total=requested.job.total_products)
    return answers.Requested(transaction_id=requested.job.transaction_id, summary=total)


@router.get("/products/etsy-sync", tags=["Etsy"])
def list_jobs(around: Around, page: Number = 1) -> answers.Jobs:
    """List Etsy jobs, newest first."""
    found, more = etsy.jobs(around.app, page)
    return answers.Jobs(page=page, more=more, jobs=[answers.Job.model_validate(job) for job, _ in found])


@router.get("/products/etsy-sync/{transaction_id}", tags=["Etsy"])
def show_job(around: Around, transaction_id: Name) -> answers.JobDetail:
    """Show one job with the outcome of each product."""
    view = _job(around, transaction_id)
    rows = []
    for one in view.products:
        link = view.links.get(one.product_id)
        values = {name: getattr(one, name) for name in ("product_id", "title", "proposal", "outcome", "error")}
        listing = {"listing_id": link.etsy_listing_id if link else None, "url": link.etsy_url if link else None}
        rows.append(answers.JobProduct.model_validate(values | listing))
    job = answers.Job.model_validate(view.job)
    return answers.JobDetail(**job.model_dump(), fees_usd=view.fees, products=rows)


@router.post("/products/etsy-sync/{transaction_id}/confirm", tags=["Etsy"])
def confirm_job(decider: Decides, around: Around, transaction_id: Name, why: Why) -> answers.Success:
    """Confirm a job; a run starts it within half a minute, where Dagster runs."""
    decider.confirm_etsy_job(_job(around, transaction_id).job.transaction_id, why)
    return answers.Success()


@router.post("/products/etsy-sync/{transaction_id}/reject", tags=["Etsy"])
def reject_job(decider: Decides, around: Around, transaction_id: Name, why: Why) -> answers.Success:
    """Drop a job that has not started."""
    decider.reject_etsy_job(_job(around, transaction_id).job.transaction_id, why)
    return answers.Success()


@router.post("/products/etsy-sync/{transaction_id}/retry", tags=["Etsy"])
def retry_job(decider: Decides, around: Around, transaction_id: Name, why: Why) -> answers.Success:
    """Confirm a failed job once more, for the products that failed."""
    job = _job(around, transaction_id).job
    decider.retry_etsy_job(job.transaction_id, around.dagster.how_run_ended, why)
    return answers.Success()


@router.get("/products", tags=["Products"])
def list_products(
    around: Around,
    search: Annotated[str, Query(max_length=200)] = "",
    status: Annotated[str, Query(max_length=20)] = "",
    etsy: Annotated[str, Query(max_length=20)] = "",
    account: Annotated[str, Query(max_length=200)] = "",
    page: Number = 1,
) -> answers.Products:
    """List the products of the shop as the last run read them, with their state on Etsy."""
    shops = products.accounts(around.app)
    chosen = next((shop for shop in shops if not account or account in (shop.shop_name, str(shop.shop_id))), None)
    if account and chosen is None:
        raise NotFoundError(f"No Etsy shop {account} is connected.")
    narrowed = products.Filters(search, status, etsy)
    found = products.listed(around.app, chosen, narrowed, sort="", descending=False, page=page)
    rows = [answers.Product.model_validate(row) for row in found.rows] if page == found.page else []
    return answers.Products(page=page, more=page < found.pages, total=found.total, products=rows)


@router.get("/products/{product_id}", tags=["Products"])
def show_product(around: Around, product_id: Name) -> answers.ProductDetail:
    """Show one product field by field, with its listings and every operation on it."""
    view = products.product(around.app, product_id)
    if view is None:
        raise NotFoundError(f"The last run found no product {product_id} in the shop.")
    keys = {product_id, *(one["variant_id"] for one in view.variants), *(one["offer_key"] for one in view.variants)}
    entries = Ledger(around.app.database).history(*(keys - {None}))
    story = [
        answers.Operation(
            run_id=entry.run_id,
            kind=entry.kind,
            key=entry.key,
            status=entry.status,
            before=entry.before,
            after=entry.after,
            reason=entry.reason,
            at=entry.finished_at or entry.created_at,
        )
        for entry in entries[-STORY:]
    ]
    listings = [
        answers.Listing(
            shop=account.shop_name,
            status=link.sync_status,
            listing_id=link.etsy_listing_id,
            url=link.etsy_url,
            last_synced_at=link.last_synced_at,
            error=link.sync_error,
        )
        for account, link in view.links
    ]
    return answers.ProductDetail(
        product_id=view.id,
        title=view.title,
        handle=view.handle,
        status=view.status,
        external_id=view.external_id,
        images=list(view.images),
        fields=[answers.Value.model_validate(field) for field in view.fields],
        listings=listings,
        story=story,
    )


@router.post("/sync", status_code=202, tags=["Runs"])
def request_run(decider: Decides, how: answers.SyncRequest) -> answers.Asked:
    """Ask for a sync, a dry run unless said otherwise; Dagster starts it."""
    return _asked(decider.sync(dry_run=how.dry_run, limit=how.limit, comment=how.comment))


@router.get("/runs", tags=["Runs"])
def list_runs(around: Around, page: Number = 1) -> answers.Runs:
    """List the runs on the shop, newest first."""
    found, more = runs.recent(around.app, around.dagster, page)
    return answers.Runs(page=page, more=more, runs=[_run(view) for view in found])


@router.get("/runs/{run_id}", tags=["Runs"])
def show_run(around: Around, run_id: Name) -> answers.RunDetail:
    """Show one run with its summary."""
    view = find_run(around, run_id)
    return answers.RunDetail(**_run(view).model_dump(), summary=view.summary)


@router.post("/runs/{run_id}/undo", status_code=202, tags=["Runs"])
def undo_run(decider: Decides, around: Around, run_id: Name, how: answers.UndoRequest) -> answers.Asked:
    """Ask for the run that takes this one back, a look only unless said otherwise; Dagster starts it."""
    run = find_run(around, run_id).run
    return _asked(decider.undo(run.run_id, dry_run=how.dry_run, comment=how.comment))


@router.get("/plans", tags=["Plans"])
def list_plans(around: Around) -> answers.Plans:
    """List every plan of the shop, those that wait for a person first."""
    return answers.Plans(plans=[_plan(view) for view in plans.all_plans(around.app)])


@router.get("/plans/{hash}", tags=["Plans"])
def show_plan(around: Around, hash: Name, page: Number = 1) -> answers.PlanDetail:
    """Show one plan with its rows, the largest changes first."""
    view = find_plan(around, hash)
    found = plans.rows(around.app, view.plan, search="", page=page)
    shown = KINDS[view.kind].shown
    table: list[dict[str, Any]] = [jsonable_encoder({name: row[name] for name in shown}) for row in found.rows]
    more = page < found.pages
    return answers.PlanDetail(
        **_plan(view).model_dump(), page=page, more=more, table=table if page == found.page else []
    )


@router.post("/plans/{hash}/approve", status_code=202, tags=["Plans"])
def approve_plan(decider: Decides, around: Around, hash: Name, why: Why) -> answers.Asked:
    """Approve a plan: exactly its rows are applied, by a run that Dagster starts."""
    view = find_plan(around, hash)
    return _asked(decider.apply_approved(decider.approve_plan(view.plan.hash, why)))


@router.post("/plans/{hash}/reject", tags=["Plans"])
def reject_plan(decider: Decides, around: Around, hash: Name, why: Why) -> answers.Success:
    """Reject a plan: its rows stay as they are until what would be written changes."""
    decider.reject_plan(find_plan(around, hash).plan.hash, why)
    return answers.Success()


def _job(around: Surroundings, start: str) -> etsy.JobView:
    with not_found():
        job = around.app.etsy.jobs.find(start)
    return etsy.job_view(around.app, job)


def _run(view: runs.RunView) -> answers.Run:
    run = view.run
    return answers.Run(
        run_id=run.run_id,
        job=run.job,
        dry_run=run.dry_run,
        started_at=run.started_at,
        finished_at=run.finished_at,
        ended=view.ended,
        counts={str(kind): answers.Counts.model_validate(counts) for kind, counts in view.counts.items()},
    )


def _plan(view: plans.PlanView) -> answers.Plan:
    plan = view.plan
    return answers.Plan(
        hash=plan.hash,
        kind=plan.kind,
        rows=plan.row_count,
        proposed=plan.proposed,
        state=view.state,
        reasons=list(plan.reasons),
        run_id=plan.run_id,
        created_at=plan.created_at,
        expires_at=plan.expires_at,
        decided_by=plan.decided_by,
        decided_at=plan.decided_at,
    )


def _asked(request: RunRequest) -> answers.Asked:
    return answers.Asked(request_id=request.id, job=request.job, requested_at=request.requested_at)
