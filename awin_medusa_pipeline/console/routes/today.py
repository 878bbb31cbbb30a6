"""Serves the first page: what there is to do."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from awin_medusa_pipeline.console.pages import fragment, page
from awin_medusa_pipeline.console.reads import today
from awin_medusa_pipeline.console.reads.charts import chart
from awin_medusa_pipeline.console.surroundings import Around, DecidesByForm
from awin_medusa_pipeline.core.store.run_requests import RunRequests

router = APIRouter(include_in_schema=False)


@router.get("/")
def show_today(request: Request, around: Around) -> Response:
    """Show cards, chart and messages; before the first run, the first steps."""
    app = around.app
    asked, going = RunRequests(app.database).waiting(), today.going_on(app, around.dagster)
    if fragment(request) and not (asked or going):
        # What the page waited for has come: all of it is different now.
        return Response(headers={"hx-refresh": "true"})
    return page(
        request,
        "today.html",
        ready=app.settings.is_ready,
        cards=today.cards(app, around.dagster),
        chart=chart(today.days(app)),
        messages=today.messages(app),
        asked=asked,
        going=going,
        block="coming",
    )


@router.post("/sync")
async def ask_for_a_sync(request: Request, decider: DecidesByForm) -> Response:
    """Ask for a sync, or for a dry run."""
    form = await request.form()
    decider.sync(dry_run=form.get("mode") != "apply")
    return RedirectResponse("/", status_code=303)
