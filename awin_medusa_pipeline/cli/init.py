"""Runs `awin-medusa init`: the first step with a shop of your own."""

import sys
from collections.abc import Iterator

import typer

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.cli.terminal import commands, say
from awin_medusa_pipeline.defs.launch import dagster_home
from awin_medusa_pipeline.environment import env_example, make_env_file, set_in_env_file
from awin_medusa_pipeline.first_start import Question, blank_questions, examine_answer
from awin_medusa_pipeline.health import Finding, State
from awin_medusa_pipeline.settings import Settings, env_file


def init() -> None:
    """Make .env, the state store and Dagster's home where they are missing, and say what to fill in.

    On a terminal it asks for the feed, the shop and its key, and tests each answer at once. What is filled in already
    is not asked for; an empty answer leaves it for later.
    """
    file = env_file()
    say(f"{'Made' if make_env_file(file, env_example()) else 'There already:'} {file}")
    if is_terminal():
        _ask_all()
    with App(Settings()) as app:
        say(f"State store: {app.database.name}")
        say(f"Dagster's home: {dagster_home(app)}")
    if blank := [question.variable for question in blank_questions()]:
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


def _ask_all() -> None:
    """Ask for what is blank, test it, and write what was answered to `.env`."""
    for question in blank_questions():
        while answer := _answer(question):
            faults = list(_faults(question, answer))
            if not faults or typer.confirm("Keep it all the same?", default=False):
                set_in_env_file(env_file(), {question.variable: answer})
                break
        else:
            say(f"Left for later: {question.variable}.")


def _answer(question: Question) -> str:
    say(f"\n{question.text}, or nothing to leave it for later.")
    return str(typer.prompt(question.variable, default="", show_default=False, hide_input=question.hidden)).strip()


def _faults(question: Question, answer: str) -> Iterator[Finding]:
    """Test an answer, and show what was found; yields the faults."""
    say("  Looking ...")
    for finding in examine_answer(question, {question.name: answer}):
        style = {State.OK: "green", State.NOTE: "yellow", State.FAULT: "red"}[finding.state]
        say((f"  {finding.state}", style), f": {finding.found}", f" {finding.to_do}" if finding.to_do else "")
        if finding.state is State.FAULT:
            yield finding
