"""Reads runs for the pages: what each did, its reports, and how the newest one ended."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from upath import UPath

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.console.surroundings import DagsterSide
from awin_medusa_pipeline.sync.domain.operations import Counts, Kind
from awin_medusa_pipeline.sync.store.ledger import Ledger, Run
from awin_medusa_pipeline.sync.store.past_reports import folders, summary_in

PAGE = 20
DAYS = 30


@dataclass(frozen=True)
class RunView:
    """A run, what it did, and how it ended."""

    run: Run
    ended: str
    """`finished`, `with failures`, `something is held`, `running`, or how it failed."""
    tone: str
    counts: dict[Kind, Counts]
    summary: dict[str, Any] | None

    @property
    def total(self) -> Counts:
        """The counts of all kinds together."""
        total = Counts()
        for counts in self.counts.values():
            total += counts
        return total


def folder_of(app: App, run: Run) -> UPath | None:
    """The report folder of a run; None where it made none, or where it is too old."""
    folder = app.reports.of(run).folder
    return folder if folder.exists() else None


def summaries(app: App, days: int = DAYS) -> Iterator[dict[str, Any]]:
    """Yield the summaries of this shop of the last days, newest first."""
    since = f"{datetime.now(UTC) - timedelta(days=days):%Y%m%dT%H%M%SZ}"
    for folder in folders(app.home):
        if folder.name < since:
            return
        if (summary := summary_in(folder)) and summary["shop"] == app.shop_address:
            yield summary


def views(app: App, dagster: DagsterSide, runs: Sequence[Run]) -> list[RunView]:
    """Runs with their counts."""
    counts = Ledger(app.database).counts_of(*(run.run_id for run in runs))
    return [_view(app, dagster, run, counts.get(run.run_id, {})) for run in runs]


def _view(app: App, dagster: DagsterSide, run: Run, counts: dict[Kind, Counts]) -> RunView:
    folder = folder_of(app, run)
    summary = summary_in(folder) if folder else None
    total = Counts()
    for one in counts.values():
        total += one
    if run.finished_at is None:
        how = dagster.how_run_ended(run.run_id)
        ended, tone = ("running", "wait") if how is None else (f"failed: {how}", "bad")
    elif total.failed:
        ended, tone = "with failures", "bad"
    elif total.held:
        ended, tone = "something is held", "wait"
    else:
        ended, tone = "finished", "good"
    return RunView(run, ended, tone, counts, summary)


def recent(app: App, dagster: DagsterSide, page: int) -> tuple[list[RunView], bool]:
    """One page of runs, newest first, and whether there are older ones."""
    found = Ledger(app.database).recent_runs(app.shop_address, page * PAGE + 1)
    shown = found[(page - 1) * PAGE : page * PAGE]
    return views(app, dagster, shown), len(found) > page * PAGE


def newest(app: App, dagster: DagsterSide) -> RunView | None:
    """The newest run; None before the first."""
    found = Ledger(app.database).recent_runs(app.shop_address, 1)
    return next(iter(views(app, dagster, found)), None)


def files(folder: UPath) -> Sequence[tuple[str, int]]:
    """Name and bytes of the reports in a folder."""
    return sorted((path.name, path.stat().st_size) for path in folder.iterdir() if path.is_file())


def report_file(folder: UPath, name: str) -> UPath | None:
    """A report by its name; None for one that is not in the folder, whatever its name looks like."""
    return folder / name if name in {found for found, _ in files(folder)} else None
