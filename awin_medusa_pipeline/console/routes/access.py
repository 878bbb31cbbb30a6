"""Serves login, logout and one-time links."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from awin_medusa_pipeline.console.door import COOKIE, client_address
from awin_medusa_pipeline.console.pages import page
from awin_medusa_pipeline.console.store.access import SESSION_KEPT, SHORTEST_PASSWORD, LoginError, Opened
from awin_medusa_pipeline.console.surroundings import Around, Surroundings, check_form
from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.core.store.audit import Audit, Who
from awin_medusa_pipeline.remedies import sentence

router = APIRouter(include_in_schema=False)
Text = Annotated[str, Form()]


@router.get("/login")
def show_login(request: Request, next: str = "/") -> Response:
    """Ask for name and password."""
    return page(request, "login.html", next=own_path(next), error="")


@router.post("/login")
def log_in(request: Request, around: Around, name: Text = "", password: Text = "", next: Text = "/") -> Response:
    """Log in, and go on to the page that was wanted."""
    try:
        opened = around.access.log_in(name, password, client_address(request))
    except LoginError as error:
        status = 429 if error.wait else 401
        answer = page(request, "login.html", status=status, next=own_path(next), error=sentence(error))
        if error.wait:
            answer.headers["retry-after"] = str(error.wait)
        return answer
    return _entered(request, around, opened, own_path(next), "log_in")


@router.post("/logout")
async def log_out(request: Request, around: Around, _: Annotated[None, Depends(check_form)]) -> Response:
    """End the session of this browser."""
    around.access.log_out(request.cookies.get(COOKIE, ""))
    answer = RedirectResponse("/login", status_code=303)
    answer.delete_cookie(COOKIE)
    return answer


@router.get("/link/{secret}")
def show_link(request: Request, around: Around, secret: str) -> Response:
    """Show what a link opens; only sending its form uses it up, since programs look at links before people do."""
    link = around.access.link(secret)
    status = 200 if link else 404
    return page(request, "link.html", status=status, link=link, error="", shortest=SHORTEST_PASSWORD)


@router.post("/link/{secret}")
def use_link(request: Request, around: Around, secret: str, name: Text = "", password: Text = "") -> Response:
    """Use a link up, and log in."""
    link = around.access.link(secret)
    if link is None:
        return page(request, "link.html", status=404, link=None, error="", shortest=SHORTEST_PASSWORD)
    try:
        opened = around.access.open_link(secret, client_address(request), name=name, password=password)
    except PermanentError as error:
        return page(request, "link.html", status=422, link=link, error=sentence(error), shortest=SHORTEST_PASSWORD)
    return _entered(request, around, opened, "/", "open_link")


def own_path(wanted: str) -> str:
    """A path of ours to go on to; anything that a browser could read as another host becomes the first page."""
    fine = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and wanted.isprintable()
    return wanted if fine and "\\" not in wanted else "/"


def _entered(request: Request, around: Surroundings, opened: Opened, path: str, action: str) -> Response:
    who = Who(opened.user, "console", client_address(request))
    Audit(around.app.database).record(who, action, opened.user)
    answer = RedirectResponse(path, status_code=303)
    answer.set_cookie(
        COOKIE,
        opened.cookie,
        max_age=int(SESSION_KEPT.total_seconds()),
        httponly=True,
        secure=around.secure,
        samesite="lax",
    )
    return answer
