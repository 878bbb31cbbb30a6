"""Runs `awin-medusa sync`, `undo` and `report`: a run, its steps as they happen, and its summary."""

from collections.abc import Collection, Mapping
from datetime import datetime
from itertools import islice
from typing import Annotated, Any

import typer

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.cli.application import open_app
from awin_medusa_pipeline.cli.summary import summary_tables, verdict
from awin_medusa_pipeline.cli.terminal import JobSteps, age, commands, complain, console, say
from awin_medusa_pipeline.core.errors import Action
from awin_medusa_pipeline.defs.launch import JobOutcome, failed_since, run_job
from awin_medusa_pipeline.remedies import command
from awin_medusa_pipeline.sync.domain.kinds import KINDS
from awin_medusa_pipeline.sync.domain.operations import Kind, Status
from awin_medusa_pipeline.sync.store.held_plans import SHOWN, HeldPlans
from awin_medusa_pipeline.sync.store.ledger import Ledger
from awin_medusa_pipeline.sync.store.reports import failures, reasons

SYNC, UNDO = "daily_sync_job", "undo_run_job"
SHOWN_FAILURES = 10


def sync(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Plan and report, but send nothing.")] = False,
    pilot: Annotated[int | None, typer.Option(min=1, metavar="N", help="Change at most N things of each kind.")] = None,
    accept_smaller_feed: Annotated[
        bool, typer.Option("--accept-smaller-feed", help="Take a feed of less than a quarter of the last one's size.")
    ] = False,
    only: Annotated[
        str | None,
        typer.Option(metavar="KINDS", help=f"Only these kinds, joined by commas: {', '.join(Kind)}."),
    ] = None,
) -> None:
    """Run daily_sync_job now: detect, adopt, import, hide, restore, set stock and prices, update content, report.

    If it is stopped half-way, the next run continues from there; nothing is done twice.
    """
    applying = {"dry_run": dry_run} | ({"limit": pilot} if pilot else {})
    feed = {"awin_feeds": {"accept_smaller_feed": True}} if accept_smaller_feed else None
    with open_app() as app:
        kinds = _kinds(only) or app.settings.sync_kinds
        run_sync(app, applying if dry_run or pilot else None, only=kinds, ops=feed)


def _kinds(text: str | None) -> list[Kind]:
    names = [name.strip() for name in (text or "").split(",") if name.strip()]
    if unknown := [name for name in names if name not in set(Kind)]:
        raise typer.BadParameter(f"{', '.join(unknown)}: the kinds are {', '.join(Kind)}.", param_hint="--only")
    return [Kind(name) for name in names]


def undo(
    run_id: Annotated[str, typer.Argument(metavar="RUN_ID", help="The run, or the beginning of its id.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be taken back.")] = False,
    only: Annotated[str | None, typer.Option(metavar="KIND", help=f"Only this kind: {', '.join(Kind)}.")] = None,
) -> None:
    """Take back what a run did. Products that it created become drafts.

    Restores levels, prices, content and status. Whatever someone has changed since is listed and left alone. An undo is
    a run too, and can be undone.
    """
    config = {"run_id": run_id, "dry_run": dry_run} | ({"only": only} if only else {})
    with open_app() as app:
        with JobSteps(UNDO) as steps:
            outcome = run_job(app, UNDO, steps, ops={"undo_run": config})
        ledger = Ledger(app.database)
        for kind, counts in ledger.counts(outcome.run_id).items():
            numbers = ", ".join(f"{number:,} {status}" for status, number in counts.as_dict().items() if number)
            say(f"{KINDS[kind].words}: {numbers}")
        for entry in ledger.rows(outcome.run_id):
            if entry.status is not Status.APPLIED:
                say((f"  {entry.key}: {entry.reason or ''}", "dim"))
    if not outcome.failure:
        say(f"To take this back as well: awin-medusa undo {outcome.run_id[:8]}")
    end(outcome)


def report() -> None:
    """Show the summary of the last run, its first failures, and whether a later run ended without a summary."""
    with open_app() as app:
        summary, folder = app.reports.latest_summary(), app.reports.latest()
        if summary is None or folder is None:
            say("There is no report yet. It comes with the first run: awin-medusa sync --dry-run.")
            raise typer.Exit(1)
        started = datetime.fromisoformat(summary["started_at"])
        say((summary["job"], "bold"), f" on {summary['shop']}, {age(started)} ({started:%Y-%m-%d %H:%M} UTC)")
        show_summary(app, summary)
        for kind, key, reason in islice(failures(folder), SHOWN_FAILURES):
            say(("failed", "red"), f" {kind} {key}: {reason}")
        if later := failed_since(app, started):
            when, failure = later
            complain(f"A later run, {age(when)}, {failure}")


def run_sync(
    app: App,
    applying: Mapping[str, Any] | None = None,
    *,
    only: Collection[Kind] = (),
    ops: Mapping[str, Any] | None = None,
) -> None:
    """Run the whole sync, or `only` one of its applying assets, with steps and summary. Exits with 1 on failure."""
    with JobSteps(SYNC) as steps:
        outcome = run_job(app, SYNC, steps, applying, only, ops)
    summary = app.reports.latest_summary()
    if summary and summary["run"] == outcome.run_id:
        show_summary(app, summary)
    end(outcome)


def show_summary(app: App, summary: Mapping[str, Any]) -> None:
    """Show a summary: tables, why rows were not applied, how to apply held plans, and the report folder."""
    for table in summary_tables(summary):
        console.print()
        console.print(table)
    say(verdict(summary))
    if folder := app.reports.latest():
        for kind, status, reason, number in reasons(folder):
            say(f"  {KINDS[Kind(kind)].words}: {number:,} {status}: ", (reason, "dim"))
        say(f"Reports: {folder}")
    if held := HeldPlans(app.database).of_run(summary["run"]):
        say("\nTo apply a held plan all the same:")
        commands(
            (
                command(Action.APPROVE_PLAN, plan.hash[:SHOWN]),
                f"{KINDS[Kind(plan.kind)].words}, {len(plan.rows):,} rows",
            )
            for plan in held
        )


def end(outcome: JobOutcome) -> None:
    """Exit with 1 when a run failed, after saying why."""
    if failure := outcome.failure:
        complain(f"The run {failure}")
        say(f"Its log: {outcome.run_id} in the Dagster UI (awin-medusa ui).")
        raise typer.Exit(1)
