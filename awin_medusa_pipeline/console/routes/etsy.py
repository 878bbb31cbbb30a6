"""Serves Etsy jobs, takes the decisions on them, and connects a shop."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from awin_medusa_pipeline.console.errors import not_found
from awin_medusa_pipeline.console.pages import page
from awin_medusa_pipeline.console.reads import etsy
from awin_medusa_pipeline.console.surroundings import Around, DecidesByForm, Surroundings
from awin_medusa_pipeline.core.store.audit import Audit

router = APIRouter(include_in_schema=False)
Text = Annotated[str, Form()]


@router.get("/etsy")
def show_jobs(request: Request, around: Around, number: int = 1) -> Response:
    """List the jobs, newest first."""
    number = max(number, 1)
    found, older = etsy.jobs(around.app, number)
    shops = around.app.etsy.accounts.all()
    return page(request, "etsy_jobs.html", jobs=found, states=etsy.STATES, older=older, number=number, shops=shops)


@router.get("/etsy/{start}")
def show_job(request: Request, around: Around, start: str) -> Response:
    """Show one job; its page asks again by itself while it moves."""
    view = find(around, start)
    decisions = Audit(around.app.database).newest(20, view.job.transaction_id)
    return page(request, "etsy_job.html", view=view, tones=etsy.TONES, decisions=decisions, block="job")


@router.post("/etsy/{start}/confirm")
def confirm(around: Around, decider: DecidesByForm, start: str, comment: Text = "") -> Response:
    """Confirm a job: the sensor starts it."""
    job = find(around, start).job
    decider.confirm_etsy_job(job.transaction_id, comment)
    return _back(job.transaction_id)


@router.post("/etsy/{start}/reject")
def reject(around: Around, decider: DecidesByForm, start: str, comment: Text = "") -> Response:
    """Drop a job that has not started."""
    job = find(around, start).job
    decider.reject_etsy_job(job.transaction_id, comment)
    return _back(job.transaction_id)


@router.post("/etsy/{start}/retry")
def retry(around: Around, decider: DecidesByForm, start: str, comment: Text = "") -> Response:
    """Confirm a failed job once more, for the products that failed."""
    job = find(around, start).job
    decider.retry_etsy_job(job.transaction_id, around.dagster.how_run_ended, comment)
    return _back(job.transaction_id)


def find(around: Surroundings, start: str) -> etsy.JobView:
    """The job with this id, or its beginning. Raises NotFoundError."""
    with not_found():
        job = around.app.etsy.jobs.find(start)
    return etsy.job_view(around.app, job)


def _back(transaction_id: str) -> Response:
    return RedirectResponse(f"/etsy/{transaction_id}", status_code=303)
