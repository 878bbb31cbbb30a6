"""Defines the command line `awin-medusa`; each command is loaded when it is called, so that --help is quick."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any, cast

import typer
from typer.core import TyperCommand, TyperGroup

from awin_medusa_pipeline.cli.terminal import complain, say

FIRST_STEPS, WORK, TRIALS = "First steps", "Daily work", "Trying it out"


@dataclass(frozen=True)
class Entry:
    """A command or a group of commands: its location, and its line in --help."""

    where: str
    """Module in this package, and the name in it: a function, or a Typer with several."""
    panel: str
    help: str


COMMANDS = {
    "init": Entry(
        "init:init",
        FIRST_STEPS,
        "Make .env, the state store and Dagster's home where they are missing, and say what to fill in.",
    ),
    "doctor": Entry(
        "doctor:doctor",
        FIRST_STEPS,
        "Check settings, feed, shop, state store, Slack and Dagster; each fault comes with what to do.",
    ),
    "sync": Entry(
        "sync:sync",
        WORK,
        "Run daily_sync_job now: detect, adopt, import, hide, restore, set stock and prices, update content, report.",
    ),
    "undo": Entry("sync:undo", WORK, "Take back what a run did. Products that it created become drafts."),
    "why": Entry(
        "why:why",
        WORK,
        "Show the story of one product: its feed rows, its match, every operation and its reason, and its state now.",
    ),
    "report": Entry(
        "sync:report",
        WORK,
        "Show the summary of the last run, its first failures, and whether a later run ended without a summary.",
    ),
    "ui": Entry("ui:ui", WORK, "Start console and Dagster UI, with schedules and sensors; Ctrl-C stops them."),
    "console": Entry(
        "console:app",
        WORK,
        "Serve the console alone, where Dagster runs elsewhere; links, users and tokens that open it.",
    ),
    "plans": Entry("plans:app", WORK, "Review plans that a guard held because too much would have changed at once."),
    "etsy": Entry("etsy:app", WORK, "Products of the shop as listings on Etsy."),
    "demo": Entry(
        "demo:demo",
        TRIALS,
        "Try it all on this machine: a real Medusa, a feed, one whole sync and its summary, and some products to Etsy.",
    ),
    "sandbox": Entry(
        "sandbox:app",
        TRIALS,
        "Run a real Medusa shop for trials: its own PostgreSQL, a feed server, a Slack sink and a stand-in for Etsy.",
    ),
}


class LazyCommand(TyperCommand):
    """Represents a command in --help, and loads it when it is called."""

    def __init__(self, name: str, entry: Entry) -> None:
        super().__init__(name=name, help=entry.help, rich_help_panel=entry.panel, rich_markup_mode="rich")
        self._entry = entry

    def load(self) -> TyperCommand | TyperGroup:
        """Load the command itself."""
        module, _, attribute = self._entry.where.partition(":")
        found = getattr(import_module(f"awin_medusa_pipeline.cli.{module}"), attribute)
        group = found if isinstance(found, typer.Typer) else _single(found)
        command = cast(TyperCommand | TyperGroup, typer.main.get_command(group))
        command.name = self.name
        return command

    def make_context(self, info_name: Any, args: Any, parent: Any = None, **extra: Any) -> Any:
        """Make the context of the command itself, which then runs."""
        return self.load().make_context(info_name, args, parent, **extra)


def _single(function: Callable[..., Any]) -> typer.Typer:
    app = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_show_locals=False)
    app.command()(function)
    return app


class Commands(TyperGroup):
    """All commands. Their errors end in a sentence, with exit code 1."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names in display order."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> LazyCommand | None:
        """The placeholder of a command."""
        entry = COMMANDS.get(cmd_name)
        return LazyCommand(cmd_name, entry) if entry else None

    def invoke(self, ctx: Any) -> Any:
        """Run a command; an error of ours becomes a sentence."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            if isinstance(error, typer.Exit | typer.Abort):
                raise
            # Imported late: it needs the settings and Dagster, which take a second to import.
            sentence = import_module("awin_medusa_pipeline.cli.errors").sentence_of(error)
            if sentence is None:
                raise
            complain(sentence)
            raise typer.Exit(1) from None


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,  # they may hold keys
    epilog="Exit codes: 0 all went well, 1 a fault was found or a run failed, 2 the command was not understood. "
    "Settings: docs/configuration.md.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        say(f"awin-medusa {version('awin-medusa-pipeline')}")
        raise typer.Exit


@app.callback()
def awin_medusa(
    _: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Keep a Medusa v2 shop in line with an AWIN product feed.

    \b
    [bold]With a shop of your own[/]
    awin-medusa init               make .env, then fill it in
    awin-medusa doctor             is everything set up?
    awin-medusa sync --dry-run     what would change?
    awin-medusa sync --pilot 10    change a little, and look at it
    awin-medusa ui                 console and Dagster UI; syncs every night

    \b
    [bold]With nothing at hand[/]
    awin-medusa demo               a real Medusa here, and a whole sync
    """
