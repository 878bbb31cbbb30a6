"""A sync on the command line: its steps, then its summary.

What belongs here: what several commands show of a run. What does not: the run (defs/launch.py), the look (terminal.py).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer

from awin_medusa_pipeline.cli.terminal import KINDS, JobSteps, complain, console, say, summary_tables, verdict
from awin_medusa_pipeline.etsy.domain.messages import outcome_text
from awin_medusa_pipeline.settings import Settings

if TYPE_CHECKING:
    from awin_medusa_pipeline.defs.launch import JobOutcome

SYNC, UNDO, ETSY_SYNC = "daily_sync_job", "undo_run_job", "etsy_sync_job"


def run_sync(
    applying: Mapping[str, Any] | None = None, *, only: str | None = None, ops: Mapping[str, Any] | None = None
) -> None:
    """The whole sync, or `only` one of its applying assets, with steps and summary. Exits with 1 when it failed."""
    from awin_medusa_pipeline.defs.launch import run_job
    from awin_medusa_pipeline.sync.store.reports import latest_summary

    with JobSteps(SYNC) as steps:
        outcome = run_job(SYNC, steps, applying, only, ops)
    summary = latest_summary(Settings().awin_medusa_home)
    if summary and summary["run"] == outcome.run_id:
        show(summary)
    _end(outcome)


def run_undo(config: Mapping[str, Any]) -> None:
    """Take a run back, and show what became of each row. Exits with 1 when it failed."""
    from awin_medusa_pipeline.core.store.database import database_url, open_database
    from awin_medusa_pipeline.defs.launch import run_job
    from awin_medusa_pipeline.sync.store.ledger import Ledger, Status

    with JobSteps(UNDO) as steps:
        outcome = run_job(UNDO, steps, ops={"undo_run": config})
    with open_database(database_url(Settings())) as database:
        ledger = Ledger(database)
        for kind, counts in ledger.counts(outcome.run_id).items():
            say(f"{KINDS[kind]}: " + ", ".join(f"{number:,} {status}" for status, number in counts.items() if number))
        for row in ledger.rows(outcome.run_id):
            if row.status is not Status.APPLIED:
                say((f"  {row.key}: {row.reason or ''}", "dim"))
    if not outcome.failure:
        say(f"To take this back as well: awin-medusa undo {outcome.run_id[:8]}")
    _end(outcome)


def run_etsy_sync(transaction_id: str) -> None:
    """Sync a confirmed Etsy job in this process, and show what became of it. Exits with 1 when something failed."""
    from awin_medusa_pipeline.defs.etsy.jobs import ETSY_TAG
    from awin_medusa_pipeline.defs.launch import run_job
    from awin_medusa_pipeline.etsy.context import open_etsy

    with open_etsy() as etsy:
        account_id = etsy.jobs.get(transaction_id).account_id
    with JobSteps(ETSY_SYNC) as steps:
        config = {"claim_etsy_job": {"transaction_id": transaction_id}}
        outcome = run_job(ETSY_SYNC, steps, ops=config, tags={ETSY_TAG: str(account_id)})
    with open_etsy() as etsy:
        job, rows = etsy.jobs.get(transaction_id), etsy.jobs.products(transaction_id)
    if job.run_id == outcome.run_id:
        say(f"{job.transaction_id}: {outcome_text(row.outcome for row in rows)}")
    _end(outcome)


def _end(outcome: "JobOutcome") -> None:
    if failure := outcome.failure:
        complain(f"The run {failure}")
        say(f"Its log: {outcome.run_id} in the Dagster UI (awin-medusa ui).")
        raise typer.Exit(1)


def show(summary: Mapping[str, Any]) -> None:
    """A summary as tables, with what became of the rows and where the reports are."""
    from awin_medusa_pipeline.sync.store.reports import latest_reports, reasons

    for table in summary_tables(summary):
        console.print()
        console.print(table)
    say(verdict(summary))
    if folder := latest_reports(Settings().awin_medusa_home):
        for kind, status, reason, number in reasons(folder):
            say(f"  {KINDS[kind]}: {number:,} {status}: ", (reason, "dim"))
        say(f"Reports: {folder}")
