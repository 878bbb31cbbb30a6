"""Reads runs for the pages: what each did, its reports, and how the newest one ended."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from upath import UPath

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.console.surroundings import DagsterSide
from awin_medusa_pipeline.core.files import home_path
from awin_medusa_pipeline.sync.domain.operations import Counts, Kind
from awin_medusa_pipeline.sync.store.held_plans import HeldPlans
from awin_medusa_pipeline.sync.store.ledger import Ledger, Run
from awin_medusa_pipeline.sync.store.past_reports import LATEST, REPORTS, SUMMARY

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


def folders(app: App) -> list[UPath]:
    """The report folders, newest first."""
    above = home_path(app.home) / REPORTS
    if not above.exists():
        return []
    names = (path.name for path in above.iterdir() if path.name not in (LATEST, f"{LATEST}.txt"))
    return [above / name for name in sorted(names, reverse=True)]


def folder_of(app: App, run: Run) -> UPath | None:
    """The report folder of a run; None where it made none, or where it is too old."""
    folder = app.reports.of(run).folder
    return folder if folder.exists() else None


def summaries(app: App, days: int = DAYS) -> Iterator[dict[str, Any]]:
    """Yield the summaries of this shop of the last days, newest first."""
    since = f"{datetime.now(UTC) - timedelta(days=days):%Y%m%dT%H%M%SZ}"
    for folder in folders(app):
        if folder.name < since:
            return
        if (summary := _json(folder / SUMMARY)) and summary["shop"] == app.shop_address:
            yield summary


def newest_planning(app: App, kind: Kind) -> str | None:
    """The newest run that planned a kind; a run that carries a plan out plans nothing anew."""
    carried = HeldPlans(app.database).carried_out_by()
    for folder in folders(app):
        found = _json(folder / f"{kind}-summary.json")
        # An undo compares nothing, so its folder has no summary of the whole.
        planned = found and found["shop"] == app.shop_address and (folder / SUMMARY).exists()
        if found and planned and found["run"] not in carried:
            return str(found["run"])
    return None


def views(app: App, dagster: DagsterSide, runs: Sequence[Run]) -> list[RunView]:
    """Runs with their counts."""
    counts = Ledger(app.database).counts_of(*(run.run_id for run in runs))
    return [_view(app, dagster, run, counts.get(run.run_id, {})) for run in runs]


def _view(app: App, dagster: DagsterSide, run: Run, counts: dict[Kind, Counts]) -> RunView:
    folder = folder_of(app, run)
    summary = _json(folder / SUMMARY) if folder else None
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


def _json(path: UPath) -> dict[str, Any] | None:
    try:
        changed = path.stat().st_mtime
    except (OSError, ValueError):
        return None
    return _parsed(path, changed)


@lru_cache(maxsize=512)
def _parsed(path: UPath, changed: float) -> dict[str, Any] | None:
    """Reports do not change once they are written, so a page need not read thirty of them each time."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found
