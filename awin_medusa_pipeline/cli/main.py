"""Defines the command line `awin-medusa`; each command is loaded when it is called, so that it is quick."""

import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any, cast

import typer
from typer.core import TyperCommand, TyperGroup

from awin_medusa_pipeline.cli.chosen import OPTION, VARIABLE, chosen_shop
from awin_medusa_pipeline.cli.terminal import complain, say
from awin_medusa_pipeline.core.legible import legible
from awin_medusa_pipeline.core.process import begin

UsageError: type[Any] = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "UsageError")
"""What typer raises for a command line that it does not understand; it has no public name."""
LONGEST_WORD = 100
BUG = "This is a bug of awin-medusa. Its log and what you did help to mend it."
FIRST_STEPS, WORK, TRIALS, ALL = "First steps", "Daily work", "Trying it out", "Commands"


@dataclass(frozen=True)
class Entry:
    """A command or a group of commands: its location, and its line in --help."""

    where: str
    """Module in this package, and the name in it: a function, or a Typer with several; empty where `commands` are."""
    panel: str
    help: str
    """Its first line; of a group with `commands`, all of its text."""
    commands: Mapping[str, "Entry"] = field(default_factory=dict)


PLANS_HELP = """Review plans that a guard held because too much would have changed at once.

Exactly the rows that you approve are applied; one that has changed since is left out. Plans expire (PLAN_HOURS).
"""
PLANS = {
    "list": Entry("plans:list_plans", ALL, "List the plans of this shop, newest first."),
    "show": Entry("plan:show_plan", ALL, "Show what a plan would do, row by row."),
    "approve": Entry(
        "sync:approve", ALL, "Apply a plan: these rows and nothing else, each compared with the shop just before."
    ),
    "reject": Entry(
        "plan_decisions:reject",
        ALL,
        "Never apply this plan. Each of its rows stays as it is until what would be written changes.",
    ),
    "forget": Entry(
        "plan_decisions:forget", ALL, "Forget what was decided on a plan, so that the next sync plans its rows again."
    ),
}
ETSY_HELP = """Products of the shop as listings on Etsy.

\b
awin-medusa etsy connect                 once: your consent, and the defaults of your listings
awin-medusa etsy request oak-lamp        what would be done? nothing is sent yet
awin-medusa etsy confirm etsy_3f2a       do it
"""
ETSY = {
    "connect": Entry(
        "etsy_connect:connect",
        ALL,
        "Connect an Etsy shop: your consent in the browser, then the defaults of your listings.",
    ),
    "settings": Entry(
        "etsy_connect:settings", ALL, "Show how products are listed in a shop, as JSON; with a file, change it."
    ),
    "accounts": Entry("etsy_connect:accounts", ALL, "List the Etsy shops that were connected."),
    "disconnect": Entry(
        "etsy_connect:disconnect",
        ALL,
        "Forget the tokens of a shop. Its listings stay as they are, and which product is which listing stays known.",
    ),
    "key": Entry(
        "etsy_connect:key", ALL, "Make a key for AWIN_MEDUSA_SECRET_KEY, which encrypts the tokens in the state store."
    ),
    "request": Entry(
        "etsy:request", ALL, "Ask for products to be brought to Etsy: nothing is sent before you confirm."
    ),
    "confirm": Entry(
        "etsy_decisions:confirm", ALL, "Confirm a requested job: the daemon starts it within half a minute."
    ),
    "reject": Entry("etsy_decisions:reject", ALL, "Drop a job that has not started; everything stays as it was."),
    "retry": Entry("etsy:retry", ALL, "Retry a failed job for the products that failed, or a job whose run has died."),
    "sync": Entry(
        "etsy:sync",
        ALL,
        "Bring the products of a confirmed job to Etsy, here and now: what the daemon does where one runs.",
    ),
    "sales": Entry("etsy_sales:sales", ALL, "List what was sold on Etsy of late, and what became of it in Medusa."),
    "jobs": Entry("etsy_jobs:jobs", ALL, "List the jobs, newest first."),
    "show": Entry("etsy_jobs:show", ALL, "Show one job with its products: what was planned, and how it ended."),
}
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
        "report:report",
        WORK,
        "Show the summary of the last run, its first failures, and whether a later run ended without a summary.",
    ),
    "ui": Entry("ui:ui", WORK, "Start console and Dagster UI, with schedules and sensors; Ctrl-C stops them."),
    "console": Entry(
        "console:app",
        WORK,
        "Serve the console alone, where Dagster runs elsewhere; `awin-medusa ui` serves both.",
    ),
    "plans": Entry("", WORK, PLANS_HELP, PLANS),
    "etsy": Entry("", WORK, ETSY_HELP, ETSY),
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


class LazyGroup(TyperGroup):
    """Represents a group of commands, each of which is loaded when it is called."""

    def __init__(self, name: str, entry: Entry) -> None:
        panel, text = entry.panel, entry.help
        super().__init__(name=name, help=text, rich_help_panel=panel, rich_markup_mode="rich", no_args_is_help=True)
        self._entries = entry.commands

    def list_commands(self, ctx: Any) -> list[str]:
        """Names in display order."""
        return list(self._entries)

    def get_command(self, ctx: Any, cmd_name: str) -> LazyCommand | None:
        """The placeholder of a command."""
        entry = self._entries.get(cmd_name)
        return LazyCommand(cmd_name, entry) if entry else None


def placeholder(name: str, entry: Entry) -> "LazyCommand | LazyGroup":
    """What stands for a command or a group until it is called."""
    return LazyGroup(name, entry) if entry.commands else LazyCommand(name, entry)


class Commands(TyperGroup):
    """All commands. Their errors end in a sentence, with exit code 1."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names in display order."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> "LazyCommand | LazyGroup | None":
        """The placeholder of a command."""
        entry = COMMANDS.get(cmd_name)
        return placeholder(cmd_name, entry) if entry else None

    def make_context(self, info_name: Any, args: Any, *others: Any, **options: Any) -> Any:
        """Read the command line. `--shop NAME` may stand anywhere."""
        with _legible_words():
            return super().make_context(info_name, shop_first(args), *others, **options)

    def invoke(self, ctx: Any) -> Any:
        """Run a command; an error becomes a sentence, or the trace of a bug."""
        begin()
        try:
            with _legible_words():
                return super().invoke(ctx)
        except (typer.Exit, typer.Abort, UsageError):
            raise
        except Exception as error:
            # Imported late: it needs the settings and Dagster, which take a second to import.
            sentence = import_module("awin_medusa_pipeline.cli.errors").sentence_of(error)
            complain(sentence or f"{''.join(traceback.format_exception(error))}{BUG}")
            raise typer.Exit(1) from None


def shop_first(arguments: Sequence[str]) -> list[str]:
    """The command line with --shop before the command, which does not know it."""
    before, shop = list(arguments), list[str]()
    end = before.index("--") if "--" in before else len(before)
    for place in range(end - 1, -1, -1):
        if before[place] == OPTION and place + 1 < end:
            shop = [OPTION, before.pop(place + 1)]
            before.pop(place)
        elif before[place].startswith(f"{OPTION}="):
            shop = [before.pop(place)]
    return [*shop, *before]


@contextmanager
def _legible_words() -> Iterator[None]:
    """Make legible what typer repeats of a command line that it does not understand."""
    try:
        yield
    except UsageError as error:
        error.message = legible(error.message, longest_word=LONGEST_WORD)
        raise


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
    shop: Annotated[
        str,
        typer.Option(
            OPTION, metavar="NAME", envvar=VARIABLE, hidden=True, help="Which of several shops (docs/scaling.md)."
        ),
    ] = "",
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
    chosen_shop.set(shop)
