"""Serves the tables of discrepancies."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from awin_medusa_pipeline.console.errors import NotFoundError
from awin_medusa_pipeline.console.pages import page
from awin_medusa_pipeline.console.reads import discrepancies
from awin_medusa_pipeline.console.surroundings import Around

router = APIRouter(include_in_schema=False)


@router.get("/discrepancies")
def first_tab() -> Response:
    """Go to the first tab."""
    return RedirectResponse(f"/discrepancies/{next(iter(discrepancies.TABS))}")


@router.get("/discrepancies/{name}")
def show_tab(
    request: Request, around: Around, name: str, search: str = "", sort: str = "", down: bool = False, number: int = 1
) -> Response:
    """Show one table, with the reason of each row."""
    tab = discrepancies.TABS.get(name)
    if tab is None:
        raise NotFoundError(f"There is no table {name}.")
    tables = around.app.tables
    found = discrepancies.rows(tables, tab, search=search, sort=sort, descending=down, page=number)
    return page(
        request,
        "discrepancies.html",
        tabs=discrepancies.TABS,
        counts=discrepancies.counts(tables),
        tab=tab,
        found=found,
        search=search,
        sort=sort,
        down=down,
        compared_by=summary["run"] if (summary := around.app.reports.latest_summary()) else "",
        block="table",
    )
