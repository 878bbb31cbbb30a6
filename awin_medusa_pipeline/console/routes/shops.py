"""Serves the first page of an installation with several shops: how each is, and the way to its pages."""

from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from awin_medusa_pipeline.app import SHOPS, App
from awin_medusa_pipeline.console.pages import page
from awin_medusa_pipeline.console.reads import today
from awin_medusa_pipeline.console.surroundings import Around, DagsterSide
from awin_medusa_pipeline.core.errors import PipelineError
from awin_medusa_pipeline.remedies import sentence

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class ShopRow:
    """One shop, and how it is; `fault` says why that is not known."""

    name: str
    address: str
    state: today.State | None = None
    questions: int = 0
    fault: str = ""

    @property
    def path(self) -> str:
        """Of its pages."""
        return f"{SHOPS}/{self.name}"


@router.get("/")
def show_shops(request: Request, around: Around) -> Response:
    """Show every shop; one whose state store cannot be read hides no other."""
    return page(request, "shops.html", shops=[_row(app, around.dagster) for app in around.shops])


def _row(app: App, dagster: DagsterSide) -> ShopRow:
    try:
        found, questions = today.state(app, dagster), len(today.cards(app, dagster))
    except PipelineError as error:
        return ShopRow(app.shop, app.shop_address, fault=sentence(error))
    return ShopRow(app.shop, app.shop_address, found, questions)
