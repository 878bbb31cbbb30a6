"""Serves settings and health: what is configured and sound, who may log in, tokens, and who decided what."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from awin_medusa_pipeline.console.door import CALLBACK
from awin_medusa_pipeline.console.pages import page
from awin_medusa_pipeline.console.store.access import Scope
from awin_medusa_pipeline.console.surroundings import Around, AskedHere, DecidesByForm
from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.core.store.audit import Audit
from awin_medusa_pipeline.decisions import Decider
from awin_medusa_pipeline.health import State, examine

router = APIRouter(include_in_schema=False)
Text = Annotated[str, Form()]
ORDER = (State.FAULT, State.NOTE, State.OK)
TONES = {State.FAULT: "bad", State.NOTE: "wait", State.OK: "good"}


@router.get("/settings")
def show_settings(request: Request, around: Around) -> Response:
    """Show users, tokens, Etsy shops and decisions; health is looked up when it is asked for."""
    return page(request, "settings.html", **_shown(around), token="")


@router.get("/settings/health", dependencies=[AskedHere])
def show_health(request: Request, around: Around) -> Response:
    """Examine the installation, faults first. It downloads the first part of each feed."""
    findings = sorted(examine(around.app, lambda part, state: None), key=lambda found: ORDER.index(found.state))
    wrong = [found for found in findings if found.state is not State.OK]
    right = [found for found in findings if found.state is State.OK]
    return page(request, "health.html", wrong=wrong, right=right, tones=TONES, block="health")


@router.post("/settings/users")
def set_user(around: Around, decider: DecidesByForm, name: Text = "", password: Text = "") -> Response:
    """Make a user, or change a password."""
    around.access.set_user(name, password)
    _record(decider, "set_password", name)
    return RedirectResponse("/settings#users", status_code=303)


@router.post("/settings/users/remove")
def remove_user(around: Around, decider: DecidesByForm, name: Text = "") -> Response:
    """Remove a user; nobody can remove themselves, or the last one could lock everybody out."""
    if name == decider.who.name:
        raise PermanentError("Removing a user", "that is you", "Let another user do it.")
    if around.access.remove_user(name):
        _record(decider, "remove_user", name)
    return RedirectResponse("/settings#users", status_code=303)


@router.post("/settings/tokens")
def make_token(
    request: Request,
    around: Around,
    decider: DecidesByForm,
    name: Text = "",
    scope: Annotated[Scope, Form()] = Scope.READ,
) -> Response:
    """Make a token, and show it this once."""
    token = around.access.make_token(name, scope, decider.who.name)
    _record(decider, "make_token", name)
    return page(request, "settings.html", **_shown(around), token=token)


@router.post("/settings/tokens/revoke")
def revoke_token(around: Around, decider: DecidesByForm, id: Annotated[int, Form()]) -> Response:
    """Revoke a token at once."""
    if around.access.revoke_token(id):
        _record(decider, "revoke_token", str(id))
    return RedirectResponse("/settings#tokens", status_code=303)


def _shown(around: Around) -> dict[str, Any]:
    return {
        "users": around.access.users(),
        "tokens": around.access.tokens(),
        "shops": around.app.etsy.accounts.all(),
        "etsy_app": bool(around.app.settings.etsy_keystring),
        "decisions": Audit(around.app.database).newest(50),
        "callback": f"{around.public}{CALLBACK}",
    }


def _record(decider: Decider, action: str, target: str) -> None:
    Audit(decider.app.database).record(decider.who, action, target)
