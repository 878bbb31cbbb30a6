"""Serves runs: what each did, its reports, and how to take it back."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from awin_medusa_pipeline.console.errors import NotFoundError, not_found
from awin_medusa_pipeline.console.pages import page
from awin_medusa_pipeline.console.reads import runs
from awin_medusa_pipeline.console.surroundings import Around, DecidesByForm, Surroundings
from awin_medusa_pipeline.core.store.audit import Audit
from awin_medusa_pipeline.core.store.run_requests import RunRequests
from awin_medusa_pipeline.decisions import UNDO_JOB
from awin_medusa_pipeline.sync.domain.kinds import KINDS
from awin_medusa_pipeline.sync.store.held_plans import HeldPlans
from awin_medusa_pipeline.sync.store.ledger import Ledger
from awin_medusa_pipeline.sync.store.past_reports import read_page, reasons

router = APIRouter(include_in_schema=False)
Text = Annotated[str, Form()]
TYPES = {".csv": "text/csv", ".json": "application/json", ".ndjson": "application/x-ndjson", ".txt": "text/plain"}


@router.get("/runs")
def show_runs(request: Request, around: Around, number: int = 1) -> Response:
    """List the runs, newest first."""
    number = max(number, 1)
    found, older = runs.recent(around.app, around.dagster, number)
    asked = RunRequests(around.app.database).waiting()
    return page(request, "runs.html", views=found, older=older, number=number, kinds=KINDS, asked=asked)


@router.get("/runs/{start}")
def show_run(request: Request, around: Around, start: str) -> Response:
    """Show one run; a run that is none of the sync is Dagster's alone."""
    app = around.app
    try:
        view = find(around, start)
    except NotFoundError:
        return RedirectResponse(f"/dagster/runs/{start}")
    folder = runs.folder_of(app, view.run)
    return page(
        request,
        "run.html",
        view=view,
        kinds=KINDS,
        lines=read_page(folder) if folder else [],
        reasons=list(reasons(folder)) if folder else [],
        files=runs.files(folder) if folder else [],
        held=HeldPlans(app.database).of_run(view.run.run_id) + HeldPlans(app.database).proposed_by(view.run.run_id),
        is_undo=view.run.job == UNDO_JOB,
        block="run",
    )


@router.get("/runs/{start}/reports/{name}")
def download(around: Around, start: str, name: str) -> Response:
    """One report of a run as a file."""
    view = find(around, start)
    folder = runs.folder_of(around.app, view.run)
    file = runs.report_file(folder, name) if folder else None
    if file is None:
        raise NotFoundError(f"The run {view.run.run_id[:8]} has no report {name}.")
    headers = {"content-disposition": f'attachment; filename="{file.name}"'}
    kind = TYPES.get(file.suffix, "application/octet-stream")
    return Response(file.read_bytes(), media_type=kind, headers=headers)


@router.get("/runs/{start}/undo")
def show_undo(request: Request, around: Around, start: str) -> Response:
    """Show what taking a run back would do, and what it cannot do."""
    view = find(around, start)
    decisions = Audit(around.app.database).newest(20, view.run.run_id)
    return page(request, "undo.html", view=view, kinds=KINDS, decisions=decisions)


@router.post("/runs/{start}/undo")
def undo(around: Around, decider: DecidesByForm, start: str, comment: Text = "", mode: Text = "") -> Response:
    """Ask for the run that takes this one back, or for a look at what it would do."""
    view = find(around, start)
    decider.undo(view.run.run_id, comment=comment, dry_run=mode == "look")
    return RedirectResponse("/runs", status_code=303)


def find(around: Surroundings, start: str) -> runs.RunView:
    """The run of this shop whose id begins so. Raises NotFoundError."""
    with not_found():
        run = Ledger(around.app.database).find_run(start, around.app.shop_address)
    return runs.views(around.app, around.dagster, [run])[0]
