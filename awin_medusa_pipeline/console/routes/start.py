"""Serves the first start: asks for feed, shop and key, tries each, keeps them, and asks for the first dry run."""

import threading
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from awin_medusa_pipeline.console.errors import NotFoundError
from awin_medusa_pipeline.console.pages import fragment, page
from awin_medusa_pipeline.console.surroundings import Around, DecidesByForm
from awin_medusa_pipeline.core.store.audit import Audit
from awin_medusa_pipeline.first_start import Question, blank_questions, examine_answer, keep_answers
from awin_medusa_pipeline.health import Finding, State
from awin_medusa_pipeline.settings import Settings

TONES = {State.OK: "done", State.NOTE: "note", State.FAULT: "error"}

router = APIRouter(include_in_schema=False)
_keeping = threading.Lock()


async def answers(request: Request) -> dict[str, str]:
    """The answers of the form to what is not set yet; blank ones are left out, and several lines become one."""
    form = await request.form()
    found = {question.name: " ".join(str(form.get(question.name, "")).split()) for question in blank_questions()}
    return {name: value for name, value in found.items() if value}


Answers = Annotated[Mapping[str, str], Depends(answers)]


@router.get("/start")
def show_start(request: Request, around: Around) -> Response:
    """Ask for what is not set yet."""
    return _today(request) if around.app.settings.is_ready else _start(request)


@router.post("/start/try/{name}")
def try_answer(request: Request, around: Around, _: DecidesByForm, answers: Answers, name: str) -> Response:
    """Test one answer while it is typed, with the others; answers what was found, and nothing of what was typed."""
    question = next((one for one in blank_questions() if one.name == name), None)
    if question is None or around.app.settings.is_ready:
        raise NotFoundError("This is set already, or is no setting of the first start.")
    found = _examine(question, answers) if name in answers else []
    return page(request, "found.html", found=found, tones=TONES, block="found")


@router.post("/start")
def keep(request: Request, around: Around, decider: DecidesByForm, answers: Answers) -> Response:
    """Test all answers, keep them, go on with them, and ask for the first dry run. With a fault nothing is kept."""
    app, asked = around.app, blank_questions()
    if app.settings.is_ready:
        return _today(request)
    findings = {question.text: _examine(question, answers) for question in asked}
    faults = {text: [one for one in found if one.state is State.FAULT] for text, found in findings.items()}
    if any(faults.values()):
        return _start(request, faults, address=answers.get("medusa_backend_url", ""))
    with _keeping:
        if app.settings.is_ready:  # a second click
            return _today(request)
        keep_answers(answers)
        app.take_over(Settings())
    Audit(app.database).record(decider.who, "set_up", ", ".join(question.variable for question in asked))
    ours = around.dagster.read_settings_anew()
    decider.sync(dry_run=True, comment="the first one")
    return _today(request) if ours else page(request, "started.html", block="outcome")


def _examine(question: Question, answers: Mapping[str, str]) -> list[Finding]:
    if question.name not in answers:
        return [Finding(question.part, State.FAULT, "nothing is typed here")]
    return list(examine_answer(question, answers))


def _start(request: Request, faults: Mapping[str, list[Finding]] | None = None, *, address: str = "") -> Response:
    """Show the page. Feed and key are secrets, which it does not show again."""
    typed = {"medusa_backend_url": address}
    status = 422 if faults else 200
    questions = blank_questions()
    return page(request, "start.html", status=status, questions=questions, faults=faults, typed=typed, block="outcome")


def _today(request: Request) -> Response:
    if fragment(request):
        return Response(headers={"hx-redirect": "/"})
    return RedirectResponse("/", status_code=303)
