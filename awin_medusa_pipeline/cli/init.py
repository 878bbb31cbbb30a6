"""Runs `awin-medusa init`: the first step with a shop of your own."""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import typer
from pydantic import ValidationError

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.cli.documentation import env_example
from awin_medusa_pipeline.cli.environment import make_env_file, set_in_env_file
from awin_medusa_pipeline.cli.terminal import commands, say
from awin_medusa_pipeline.defs.launch import dagster_home
from awin_medusa_pipeline.health import (
    Finding,
    Findings,
    State,
    examine_address,
    examine_feed,
    examine_shop,
    faults_of,
    with_faults,
)
from awin_medusa_pipeline.settings import Settings, env_file, variables_of


@dataclass(frozen=True)
class Question:
    """A setting that is asked for, and how its answer is tested."""

    name: str
    """Field of Settings."""
    text: str
    look: Callable[[App], Findings]
    """Tests it, together with what was answered before."""
    part: str
    hidden: bool = False
    """Whether what is typed is not shown."""


QUESTIONS = (
    Question("awin_feed_url", "Address of the feed (AWIN: Toolbox > Create-a-Feed)", examine_feed, "Feed"),
    Question(
        "medusa_backend_url", "Address of the Medusa server, such as http://localhost:9000", examine_address, "Shop"
    ),
    Question(
        "medusa_admin_api_key", "Secret API key (Medusa Admin > Settings > Secret API Keys)", examine_shop, "Shop", True
    ),
)


def init() -> None:
    """Make .env, the state store and Dagster's home where they are missing, and say what to fill in.

    On a terminal it asks for the feed, the shop and its key, and tests each answer at once. What is filled in already
    is not asked for; an empty answer leaves it for later.
    """
    file = env_file()
    say(f"{'Made' if make_env_file(file, env_example()) else 'There already:'} {file}")
    if is_terminal():
        _ask_all(file)
    with App(settings := Settings()) as app:
        say(f"State store: {app.database.name}")
        say(f"Dagster's home: {dagster_home(app)}")
    if blank := [variables_of(name)[0] for name in _blank(settings)]:
        say("\nNow fill in ", (", ".join(blank), "bold"), f" in {file}. Then:")
    else:
        say("\nNext:")
    commands(
        [
            ("awin-medusa doctor", "check everything, with a fix for each fault"),
            ("awin-medusa sync --dry-run", "see what a sync would change"),
            ("awin-medusa sync --pilot 10", "change at most 10 things of each kind"),
        ]
    )


def is_terminal() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def _blank(settings: Settings) -> list[str]:
    return [question.name for question in QUESTIONS if getattr(settings, question.name) is None]


def _ask_all(file: Path) -> None:
    """Ask for what is blank, test it, and write what was answered to `.env`."""
    for question in QUESTIONS:
        if question.name in _blank(Settings()):
            while answer := _answer(question):
                faults = list(_faults(question, answer))
                if not faults or typer.confirm("Keep it all the same?", default=False):
                    set_in_env_file(file, {variables_of(question.name)[0]: answer})
                    break
            else:
                say(f"Left for later: {variables_of(question.name)[0]}.")


def _answer(question: Question) -> str:
    say(f"\n{question.text}, or nothing to leave it for later.")
    return str(
        typer.prompt(variables_of(question.name)[0], default="", show_default=False, hide_input=question.hidden)
    ).strip()


def _faults(question: Question, answer: str) -> Iterator[Finding]:
    """Test an answer, and show what was found; yields the faults."""
    for finding in _look(question, answer):
        style = {State.OK: "green", State.NOTE: "yellow", State.FAULT: "red"}[finding.state]
        say((f"  {finding.state}", style), f": {finding.found}", f" {finding.to_do}" if finding.to_do else "")
        if finding.state is State.FAULT:
            yield finding


def _look(question: Question, answer: str) -> Findings:
    values: Mapping[str, str] = {question.name: answer}
    try:
        settings = Settings(**values)  # type: ignore[arg-type]
    except ValidationError as error:
        yield from faults_of(error)
        return
    say("  Looking ...")
    with App(settings) as app:
        yield from with_faults(question.part, lambda: question.look(app))
