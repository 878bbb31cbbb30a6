"""Serves held plans, and takes the decisions on them."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from awin_medusa_pipeline.console.errors import not_found
from awin_medusa_pipeline.console.pages import page
from awin_medusa_pipeline.console.reads import plans
from awin_medusa_pipeline.console.surroundings import Around, DecidesByForm, Surroundings
from awin_medusa_pipeline.core.store.audit import Audit
from awin_medusa_pipeline.sync.domain.kinds import KINDS
from awin_medusa_pipeline.sync.store.held_plans import HeldPlans

router = APIRouter(include_in_schema=False)
Text = Annotated[str, Form()]


@router.get("/plans")
def show_plans(request: Request, around: Around) -> Response:
    """List every plan of the shop."""
    return page(request, "plans.html", views=plans.all_plans(around.app))


@router.get("/plans/{start}")
def show_plan(request: Request, around: Around, start: str, search: str = "", number: int = 1) -> Response:
    """Show one plan: why it is held, its rows, and what approving does."""
    view = find(around, start)
    found = plans.rows(around.app, view.plan, search=search, page=number)
    return page(
        request,
        "plan.html",
        view=view,
        found=found,
        search=search,
        columns=KINDS[view.kind].shown,
        decisions=Audit(around.app.database).newest(20, view.plan.hash),
        block="table",
    )


@router.get("/plans/{start}/rows.csv")
def download(around: Around, start: str) -> Response:
    """All rows of a plan as a file."""
    view = find(around, start)
    name = f"plan-{view.short}.csv"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(plans.csv(around.app, view.plan), media_type="text/csv", headers=headers)


@router.post("/plans/{start}/approve")
def approve(around: Around, decider: DecidesByForm, start: str, comment: Text = "") -> Response:
    """Approve a plan, and ask for the run that applies it."""
    view = find(around, start)
    decider.apply_approved(decider.approve_plan(view.plan.hash, comment))
    return RedirectResponse(f"/plans/{view.plan.hash}", status_code=303)


@router.post("/plans/{start}/reject")
def reject(around: Around, decider: DecidesByForm, start: str, comment: Text = "") -> Response:
    """Reject a plan: its rows stay as they are until what would be written changes."""
    view = find(around, start)
    decider.reject_plan(view.plan.hash, comment)
    return RedirectResponse(f"/plans/{view.plan.hash}", status_code=303)


@router.post("/plans/reject")
def reject_many(decider: DecidesByForm, hash: Annotated[list[str], Form()], comment: Text = "") -> Response:
    """Reject several plans at once."""
    for one in hash:
        decider.reject_plan(one, comment)
    return RedirectResponse("/plans", status_code=303)


def find(around: Surroundings, start: str) -> plans.PlanView:
    """The plan with this hash, or its beginning. Raises NotFoundError."""
    with not_found():
        found = HeldPlans(around.app.database).find(start)
    return plans.views(around.app, found[:1])[0]
