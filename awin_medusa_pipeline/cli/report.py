"""Runs `awin-medusa report`: the summary of the last run."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from importlib import import_module
from itertools import islice
from typing import Any

import typer
from upath import UPath

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.cli.application import open_app
from awin_medusa_pipeline.cli.arguments import AsJson
from awin_medusa_pipeline.cli.documents import plan_document
from awin_medusa_pipeline.cli.summary import summary_tables, verdict
from awin_medusa_pipeline.cli.terminal import age, commands, complain, console, print_json, say, show_table
from awin_medusa_pipeline.core.errors import Action
from awin_medusa_pipeline.core.files import home_path
from awin_medusa_pipeline.remedies import command
from awin_medusa_pipeline.sync.domain.kinds import KINDS
from awin_medusa_pipeline.sync.domain.operations import Kind
from awin_medusa_pipeline.sync.store.ledger import Ledger
from awin_medusa_pipeline.sync.store.past_reports import (
    failures,
    latest_reports,
    latest_summary,
    read_page,
    reasons,
)
from awin_medusa_pipeline.sync.store.plan_list import SHOWN, PlanList

SHOWN_FAILURES = 10


def report(as_json: AsJson = False) -> None:
    """Show the summary of the last run, its first failures, and whether a later run ended without a summary."""
    with open_app() as app:
        summary, folder = latest_summary(app.home), latest_reports(app.home)
        if summary is None or folder is None:
            complain("There is no report yet. It comes with the first run: awin-medusa sync --dry-run.")
            raise typer.Exit(1)
        started = datetime.fromisoformat(summary["started_at"])
        failed, later = list(islice(failures(folder), SHOWN_FAILURES)), _later_failure(app, started)
        if as_json:
            print_json(_document(app, summary, str(folder), failed, later))
            return
        say((summary["job"], "bold"), f" on {summary['shop']}, {age(started)} ({started:%Y-%m-%d %H:%M} UTC)")
        show_summary(app, summary, folder)
        for kind, key, reason in failed:
            say(("failed", "red"), f" {kind} {key}: {reason}")
        if later:
            when, failure = later
            complain(f"A later run, {age(when)}, {failure}")


def _document(
    app: App,
    summary: Mapping[str, Any],
    folder: str,
    failed: Sequence[tuple[str, str, str]],
    later: tuple[datetime, Any] | None,
) -> Mapping[str, Any]:
    plans = PlanList(app.database)
    return {
        "summary": summary,
        "folder": folder,
        "reasons": [
            {"kind": kind, "status": status, "reason": reason, "number": number}
            for kind, status, reason, number in reasons(home_path(folder))
        ],
        "failures": [{"kind": kind, "key": key, "reason": reason} for kind, key, reason in failed],
        "held_plans": [plan_document(plan) for plan in plans.of_run(summary["run"])],
        "proposed_plans": [plan_document(plan) for plan in plans.proposed_by(summary["run"])],
        "later_failure": {"started_at": later[0], **asdict(later[1])} if later else None,
    }


def _later_failure(app: App, moment: datetime) -> tuple[datetime, Any] | None:
    """When and why the newest run failed, where the operation log has one that started after `moment`.

    Dagster, which takes a second to load, is asked only then.
    """
    if not Ledger(app.database).has_run_after(moment):
        return None
    found: tuple[datetime, Any] | None = import_module("awin_medusa_pipeline.defs.launch").failed_since(app, moment)
    return found


def show_summary(app: App, summary: Mapping[str, Any], folder: UPath) -> None:
    """Show a summary: tables, why rows were not applied, how to apply held plans, and the report folder."""
    for table in summary_tables(summary):
        console.print()
        show_table(table)
    say(verdict(summary))
    if summary.get("dry_run"):
        for line in ["", *read_page(folder), ""]:
            say(line)
    else:
        for kind, status, reason, number in reasons(folder):
            say(f"  {KINDS[Kind(kind)].words}: {number:,} {status}: ", (reason, "dim"))
    say(f"Reports: {folder}")
    plans = PlanList(app.database)
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
