"""Serves the first page."""

from fastapi import APIRouter, Request, Response

from awin_medusa_pipeline.console.pages import page

router = APIRouter(include_in_schema=False)


@router.get("/")
def today(request: Request) -> Response:
    """Show what there is to do."""
    return page(request, "today.html")
