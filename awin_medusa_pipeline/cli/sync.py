"""Runs `awin-medusa sync`, `undo` and `report`: a run, its steps as they happen, and its summary."""

import getpass
import sys
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
from awin_medusa_pipeline.sync.domain.operations import Kind
from awin_medusa_pipeline.sync.store.held_plans import SHOWN, HeldPlans
from awin_medusa_pipeline.sync.store.ledger import Ledger
from awin_medusa_pipeline.sync.store.past_reports import failures, read_page, reasons

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
    yes: Annotated[bool, typer.Option("--yes", help="Change a shop for the first time without asking.")] = False,
) -> None:
    """Run daily_sync_job now: detect, adopt, import, hide, restore, set stock and prices, update content, report.

    If it is stopped half-way, the next run continues from there; nothing is done twice. A dry run keeps what it would
    send as a plan. Before a shop is changed for the first time, you see that plan and are asked.
    """
    feed = {"awin_feeds": {"accept_smaller_feed": True}} if accept_smaller_feed else None
    limit = {"limit": pilot} if pilot else {}
    with open_app() as app:
        kinds = _kinds(only) or app.settings.sync_kinds
        first = not (yes or dry_run) and Ledger(app.database).last_applied(app.shop_address) is None
        if not (dry_run or first):
            run_sync(app, {"dry_run": False} | limit if pilot else None, only=kinds, ops=feed)
            return
        run_id = run_sync(app, {"dry_run": True} | limit, only=kinds, ops=feed)
        if first and HeldPlans(app.database).proposed_by(run_id):
            _ask(app, run_id)


def _ask(app: App, run_id: str) -> None:
    """Ask whether the plan that was just shown is to be carried out, and do so. Exits with 1 unless it is."""
    say("\nThis shop has not been changed by this program yet.")
    if not (sys.stdin.isatty() and typer.confirm("Carry out exactly this plan now?")):
        say("Nothing was changed. To be asked no more: awin-medusa sync --yes")
        raise typer.Exit(1)
    approve_and_apply(app, run_id)


def approve_and_apply(app: App, start: str) -> None:
    """Approve a plan by its hash, or all that a dry run proposed by its id, and apply these rows. Raises PlanError."""
    plans = HeldPlans(app.database)
    found = [plans.approve(plan, getpass.getuser()) for plan in plans.find(start)]
    run_sync(app, {"dry_run": False, "approve_plan": start}, only=[Kind(plan.kind) for plan in found])


def _kinds(text: str | None) -> list[Kind]:
    names = [name.strip() for name in (text or "").split(",") if name.strip()]
    if unknown := [name for name in names if name not in set(Kind)]:
        raise typer.BadParameter(f"{', '.join(unknown)}: the kinds are {', '.join(Kind)}.", param_hint="--only")
    return [Kind(name) for name in names]


def undo(
    run_id: Annotated[
        str | None, typer.Argument(metavar="RUN_ID", help="The run, or the beginning of its id.", show_default=False)
    ] = None,
    last: Annotated[bool, typer.Option("--last", help="The run that changed the shop last.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be taken back.")] = False,
    only: Annotated[str | None, typer.Option(metavar="KIND", help=f"Only this kind: {', '.join(Kind)}.")] = None,
) -> None:
    """Take back what a run did. Products that it created become drafts.

    Restores levels, prices, content and status. Whatever someone has changed since is listed and left alone. An undo is
    a run too, and can be undone.
    """
    if (run_id is None) is not last:
        raise typer.BadParameter("Name the run, or --last.", param_hint="RUN_ID")
    with open_app() as app:
        ledger = Ledger(app.database)
        if run_id is None:
            run_id = _last(ledger, app.shop_address)
        config = {"run_id": run_id, "dry_run": dry_run} | ({"only": only} if only else {})
        with JobSteps(UNDO) as steps:
            outcome = run_job(app, UNDO, steps, ops={"undo_run": config})
        if run := ledger.run(outcome.run_id):
            for line in read_page(app.reports.of(run).folder):
                say(line)
    if not (outcome.failure or dry_run):
        say(f"To take this back as well: awin-medusa undo {outcome.run_id[:8]}")
    end(outcome)


def _last(ledger: Ledger, shop: str) -> str:
    run = ledger.last_applied(shop)
    if run is None:
        say(f"No run has changed the shop {shop}.")
        raise typer.Exit(1)
    say((run.job, "bold"), f" {run.run_id[:8]}, {age(run.started_at)} ({run.started_at:%Y-%m-%d %H:%M} UTC)")
    return run.run_id


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
) -> str:
    """Run the whole sync, or `only` some kinds, with steps and summary; returns its id. Exits with 1 on failure."""
    with JobSteps(SYNC) as steps:
        outcome = run_job(app, SYNC, steps, applying, only, ops)
    summary = app.reports.latest_summary()
    if summary and summary["run"] == outcome.run_id:
        show_summary(app, summary)
    end(outcome)
    return outcome.run_id


def show_summary(app: App, summary: Mapping[str, Any]) -> None:
    """Show a summary: tables, why rows were not applied, how to apply held plans, and the report folder."""
    for table in summary_tables(summary):
        console.print()
        console.print(table)
    say(verdict(summary))
    if folder := app.reports.latest():
        if summary.get("dry_run"):
            for line in ["", *read_page(folder), ""]:
                say(line)
        else:
            for kind, status, reason, number in reasons(folder):
                say(f"  {KINDS[Kind(kind)].words}: {number:,} {status}: ", (reason, "dim"))
        say(f"Reports: {folder}")
    plans = HeldPlans(app.database)
    if proposed := plans.proposed_by(summary["run"]):
        rows = sum(plan.row_count for plan in proposed)
        say("\nTo carry out exactly this:")
        commands([(command(Action.APPROVE_PLAN, summary["run"][:8]), f"{rows:,} changes")])
    if held := plans.of_run(summary["run"]):
        say("\nTo apply a held plan all the same:")
        commands(
            (
                command(Action.APPROVE_PLAN, plan.hash[:SHOWN]),
                f"{KINDS[Kind(plan.kind)].words}, {plan.row_count:,} rows",
            )
            for plan in held
        )


def end(outcome: JobOutcome) -> None:
    """Exit with 1 when a run failed, after saying why."""
    if failure := outcome.failure:
        complain(f"The run {failure}")
        say(f"Its log: {outcome.run_id} in the Dagster UI (awin-medusa ui).")
        raise typer.Exit(1)
