"""What the pages know of the world around the console: the App, Dagster, and who asks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol

from fastapi import Depends, Request

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.console.door import client_address, is_of_own_page
from awin_medusa_pipeline.console.store.access import Access, Scope, Visitor
from awin_medusa_pipeline.core.store.audit import Who
from awin_medusa_pipeline.decisions import Decider


class DagsterSide(Protocol):
    """What the console asks Dagster. It must answer while Dagster is down."""

    def alive(self) -> bool:
        """Whether a daemon runs: without one, nothing that is asked for starts."""

    def how_run_ended(self, run_id: str) -> str | None:
        """How a run ended, without a full stop; None while it may go on."""

    def read_settings_anew(self) -> bool:
        """Let Dagster go on with the settings of now; False where it runs elsewhere, and others must start it again."""


@dataclass(frozen=True)
class Surroundings:
    """What every route is given."""

    app: App
    access: Access
    dagster: DagsterSide
    public: str
    """Address of the shop's pages, without a slash at the end."""
    shops: Sequence[App] = ()
    """All shops, on the page that shows them; else empty."""

    @property
    def secure(self) -> bool:
        """Whether browsers come by https."""
        return self.public.startswith("https://")


class ForbiddenError(Exception):
    """A visitor who may read but not decide."""


class NotSentByFormError(Exception):
    """A request that no page of this session has made."""


def surroundings(request: Request) -> Surroundings:
    """The Surroundings of the application."""
    found: Surroundings = request.app.state.surroundings
    return found


def visitor(request: Request) -> Visitor:
    """Who asks; the door has let in nobody else."""
    found: Visitor = request.state.visitor
    return found


def decider(request: Request) -> Decider:
    """The Decider of the visitor. Raises ForbiddenError for a token that may only read."""
    who = visitor(request)
    if who.scope is not Scope.DECIDE:
        raise ForbiddenError
    via = "api" if who.is_program else "console"
    return Decider(surroundings(request).app, Who(who.name, via, client_address(request)))


async def form_decider(request: Request) -> Decider:
    """The Decider of a visitor whose form carries the token of the session."""
    await check_form(request)
    return decider(request)


def asked_here(request: Request) -> None:
    """Raise NotSentByFormError where another page makes the browser ask, for a GET that costs calls elsewhere."""
    typed = request.headers.get("sec-fetch-site") == "none"
    if not (visitor(request).is_program or typed or is_of_own_page(request.headers)):
        raise NotSentByFormError


async def check_form(request: Request) -> None:
    """Raise NotSentByFormError when the form was not made by our page for this session."""
    form = await request.form()
    if not visitor(request).owns(str(form.get("csrf", ""))):
        raise NotSentByFormError


AskedHere = Depends(asked_here)
Around = Annotated[Surroundings, Depends(surroundings)]
Who_ = Annotated[Visitor, Depends(visitor)]
Decides = Annotated[Decider, Depends(decider)]
DecidesByForm = Annotated[Decider, Depends(form_decider)]
