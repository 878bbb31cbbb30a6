"""awin-medusa: what Dagster's own commands do not do.

What belongs here: commands, options, and the order of what is shown. What does not: the work itself. Modules that
import Dagster are imported by the commands that need them: it takes a second and a half, and --help should not.
"""

from datetime import datetime
from importlib.metadata import version
from itertools import islice
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from typer.core import TyperGroup

from awin_medusa_pipeline.cli import demo_etsy, etsy, plans
from awin_medusa_pipeline.cli import sandbox as cli_sandbox
from awin_medusa_pipeline.cli import why as cli_why
from awin_medusa_pipeline.cli.documentation import env_example
from awin_medusa_pipeline.cli.environment import make_env_file, points_to, sandbox_here
from awin_medusa_pipeline.cli.runs import run_sync, run_undo, show
from awin_medusa_pipeline.cli.terminal import (
    Steps,
    age,
    commands,
    complain,
    console,
    say,
)
from awin_medusa_pipeline.core.errors import RemoteError
from awin_medusa_pipeline.settings import ENV_FILE_VARIABLE, Settings, env_file, variables_of

SHOWN_FAILURES = 10
NEEDED = ("awin_feed_url", "medusa_backend_url", "medusa_admin_api_key")
FIRST_STEPS, WORK, TRIALS = "First steps", "Daily work", "Trying it out"


def sentence_of(error: BaseException) -> str | None:
    """What a shop owner is told of this error; None for a mistake of this program, which needs its traceback."""
    if isinstance(error, RemoteError):
        return str(error)
    if isinstance(error, ValidationError) and error.title == Settings.__name__:
        # Without the values: one may be a key that was put into the wrong place.
        wrong = [f"{variables_of(str(fault['loc'][0]))[0]}: {fault['msg']}" for fault in error.errors()]
        return f"Reading the settings: {'; '.join(wrong)}. Correct it in {env_file()} or in the environment."
    if isinstance(error, OSError) and error.filename:
        return f"Using {error.filename}: {error.strerror}. Check that it is there and that you may write to it."
    from dagster import DagsterError

    from awin_medusa_pipeline.core.store.database import StoreError

    return str(error) if isinstance(error, StoreError | DagsterError) else None


class _Group(TyperGroup):
    """Commands whose errors end in a sentence, with exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            if isinstance(error, typer.Exit | typer.Abort) or (told := sentence_of(error)) is None:
                raise
            complain(told)
            raise typer.Exit(1) from None


app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,  # they may hold keys
    epilog="Exit codes: 0 all went well, 1 a fault was found or a run failed, 2 the command was not understood. "
    "Settings: docs/configuration.md.",
)
app.add_typer(plans.app, name="plans", rich_help_panel=WORK)
app.add_typer(etsy.app, name="etsy", rich_help_panel=WORK)
app.add_typer(cli_sandbox.app, name="sandbox", rich_help_panel=TRIALS)


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
    """Keeps a Medusa v2 shop in line with an AWIN product feed.

    \b
    [bold]With a shop of your own[/]
    awin-medusa init               make .env, then fill it in
    awin-medusa doctor             is everything right?
    awin-medusa sync --dry-run     what would change?
    awin-medusa sync --pilot 10    change a little, and look at it
    awin-medusa ui                 the Dagster UI; syncs every night

    \b
    [bold]With nothing at hand[/]
    awin-medusa demo               a real Medusa here, and a whole sync
    """


@app.command(rich_help_panel=FIRST_STEPS)
def init() -> None:
    """Make .env, the state store and Dagster's home, where they are missing, and say what to fill in."""
    from awin_medusa_pipeline.core.store.database import database_url, open_database
    from awin_medusa_pipeline.defs.launch import dagster_home

    file = env_file()
    say(f"{'Made' if make_env_file(file, env_example()) else 'There already:'} {file}")
    settings = Settings()
    with open_database(database_url(settings)) as database:
        say(f"State store: {database.name}")
    say(f"Dagster's home: {dagster_home()}")
    if blank := [variables_of(name)[0] for name in NEEDED if getattr(settings, name) is None]:
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


@app.command(rich_help_panel=FIRST_STEPS)
def doctor(
    send_test_message: Annotated[
        bool, typer.Option("--send-test-message", help="Also send a message to Slack, to see it arrive.")
    ] = False,
) -> None:
    """Check settings, feed, shop, state store, Slack and Dagster; each fault comes with what to do.

    Changes nothing. Of each feed the first part is downloaded; AWIN allows 5 downloads of a feed in an hour.
    """
    from awin_medusa_pipeline import health

    with Steps() as steps:
        findings = list(health.examine(steps, send_test_message=send_test_message))
    console.print(health.table(findings))
    faults = sum(finding.state is health.State.FAULT for finding in findings)
    say((f"{faults} to be put right.", "red") if faults else ("Ready for a sync.", "green"))
    raise typer.Exit(1 if faults else 0)


@app.command(rich_help_panel=WORK)
def sync(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Plan and report, and send nothing.")] = False,
    pilot: Annotated[int | None, typer.Option(min=1, metavar="N", help="Change at most N things of each kind.")] = None,
    accept_smaller_feed: Annotated[
        bool, typer.Option("--accept-smaller-feed", help="Take a feed of less than a quarter of the last one's size.")
    ] = False,
) -> None:
    """Run daily_sync_job now: detect, import, hide, restore, set stock and prices, update content, report.

    Stopped half-way, it goes on from there when it is run again; nothing is done twice.
    """
    applying = {"dry_run": dry_run} | ({"limit": pilot} if pilot else {})
    feed = {"awin_feeds": {"accept_smaller_feed": True}} if accept_smaller_feed else None
    run_sync(applying if dry_run or pilot else None, ops=feed)


@app.command(rich_help_panel=WORK)
def undo(
    run_id: Annotated[str, typer.Argument(metavar="RUN_ID", help="The run, or the beginning of its id.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be taken back.")] = False,
    only: Annotated[
        str | None, typer.Option(metavar="KIND", help="import, hide, restore, stock, price or content alone.")
    ] = None,
) -> None:
    """Take back what a run did: levels, prices, content and status as before, what it made to draft.

    What someone changed since is listed and left alone. An undo is a run too, and can be undone.
    """
    run_undo({"run_id": run_id, "dry_run": dry_run} | ({"only": only} if only else {}))


@app.command(rich_help_panel=WORK)
def why(
    key: Annotated[str, typer.Argument(metavar="KEY", help="SKU, handle, external id, AWIN id, GTIN, or a Medusa id.")],
    runs: Annotated[int, typer.Option(min=1, metavar="N", help="How many runs to look back.")] = 5,
) -> None:
    """The story of one product: its feed rows, its match, what was done to it and why, and how it is now."""
    cli_why.tell(key.strip(), runs)


@app.command(rich_help_panel=WORK)
def report() -> None:
    """Show the summary of the last run, and its first failures; and whether one after it ended without a summary."""
    from awin_medusa_pipeline.defs.launch import failed_since
    from awin_medusa_pipeline.sync.store.reports import failures, latest_reports, latest_summary

    home = Settings().awin_medusa_home
    summary, folder = latest_summary(home), latest_reports(home)
    if summary is None or folder is None:
        say("There is no report yet. It comes with the first run: awin-medusa sync --dry-run.")
        raise typer.Exit(1)
    started = datetime.fromisoformat(summary["started_at"])
    say((summary["job"], "bold"), f" on {summary['shop']}, {age(started)} ({started:%Y-%m-%d %H:%M} UTC)")
    show(summary)
    for kind, key, reason in islice(failures(folder), SHOWN_FAILURES):
        say(("failed", "red"), f" {kind} {key}: {reason}")
    if later := failed_since(started):
        when, failure = later
        complain(f"A later run, {age(when)}, {failure}")


@app.command(rich_help_panel=WORK)
def ui(port: Annotated[int, typer.Option(min=1024, max=65535, help="Port of the UI.")] = 3000) -> None:
    """Start the Dagster UI, with schedules and sensors; Ctrl-C stops it.

    While it runs, so does the nightly sync. A sandbox that .env points to is started as well.
    """
    from awin_medusa_pipeline.cli.ui import serve

    sandbox = sandbox_here()
    if points_to(sandbox):
        with Steps() as steps:
            sandbox.up(steps)
    say("The Dagster UI comes up at ", (f"http://localhost:{port}", "bold"), " in some seconds. Ctrl-C stops it.")
    serve(port)


@app.command(rich_help_panel=TRIALS)
def demo(port: cli_sandbox.Port = None) -> None:
    """A real Medusa on this machine, a feed, one whole sync and its summary, and some products to Etsy.

    Your own shop and your own .env are never touched. Run again, it finds nothing left to do.
    """
    from awin_medusa_pipeline.cli.demo import fill, use, write_settings

    sandbox = sandbox_here(port)
    with Steps() as steps:
        fill(sandbox, steps)
    settings = write_settings(sandbox)
    if settings.beside_own:
        say(f"Your own settings are left alone; this run works on the sandbox, with {settings.file}.")
    use(sandbox, settings)
    run_sync()
    demo_etsy.show(sandbox)
    chosen = f"{ENV_FILE_VARIABLE}={settings.file} " if settings.beside_own else ""
    say(f"\nThe shop: {sandbox.shop.base_url}; Slack's messages: {sandbox.slack_file}")
    commands(
        [
            (f"{chosen}make ui", "the Dagster UI at http://localhost:3000, with schedules and sensors"),
            (f"{chosen}.venv/bin/awin-medusa report", "the summary again"),
            (".venv/bin/awin-medusa sandbox down", "stop the sandbox; --purge removes it"),
            *([] if chosen else [("rm .env && .venv/bin/awin-medusa init", "go on with your own shop")]),
        ]
    )
