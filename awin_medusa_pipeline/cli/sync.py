"""Runs `awin-medusa sync`, `undo` and `plans approve`: a run, its steps as they happen, and its summary."""

import sys
from collections.abc import Collection, Mapping
from typing import Annotated, Any

import typer

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.cli.application import open_app, who
from awin_medusa_pipeline.cli.arguments import Hash
from awin_medusa_pipeline.cli.report import show_summary
from awin_medusa_pipeline.cli.terminal import JobSteps, age, complain, say
from awin_medusa_pipeline.decisions import Decider
from awin_medusa_pipeline.defs.launch import JobOutcome, run_job
from awin_medusa_pipeline.sync.domain.operations import Kind
from awin_medusa_pipeline.sync.store.held_plans import HeldPlans
from awin_medusa_pipeline.sync.store.ledger import Ledger
from awin_medusa_pipeline.sync.store.past_reports import latest_reports, latest_summary, read_page

SYNC, UNDO = "daily_sync_job", "undo_run_job"


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


def approve(start: Hash) -> None:
    """Apply a plan: these rows and nothing else, each compared with the shop just before."""
    with open_app() as app:
        approve_and_apply(app, start)


def approve_and_apply(app: App, start: str) -> None:
    """Approve a plan by its hash, or all that a dry run proposed by its id, and apply these rows. Raises PlanError."""
    plans = Decider(app, who()).approve_plan(start)
    run_sync(app, {"dry_run": False, "approve_plan": start}, only=[Kind(plan.kind) for plan in plans])


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
    kinds = _kinds(only)
    if len(kinds) > 1:
        raise typer.BadParameter("Name one kind, or none for all.", param_hint="--only")
    with open_app() as app:
        ledger = Ledger(app.database)
        run_id = _last(ledger, app.shop_address) if run_id is None else ledger.find_run(run_id, app.shop_address).run_id
        config = {"run_id": run_id, "dry_run": dry_run} | ({"only": kinds[0]} if kinds else {})
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
    summary, folder = latest_summary(app.home), latest_reports(app.home)
    if summary and folder and summary["run"] == outcome.run_id:
        show_summary(app, summary, folder)
    end(outcome)
    return outcome.run_id


def end(outcome: JobOutcome) -> None:
    """Exit with 1 when a run failed, after saying why."""
    if failure := outcome.failure:
        complain(f"The run {failure}")
        say(f"Its log: {outcome.run_id} in the Dagster UI (awin-medusa ui).")
        raise typer.Exit(1)
