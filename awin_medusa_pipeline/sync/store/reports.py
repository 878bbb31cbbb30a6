"""Writes and reads the reports of runs: CSV tables, logs and summaries, one folder per run, kept for 30 days."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
from upath import UPath

from awin_medusa_pipeline.core.files import dated_name, home_path, local_path, replacing
from awin_medusa_pipeline.core.legible import json_text, legible
from awin_medusa_pipeline.core.spreadsheets import as_csv, write_rows
from awin_medusa_pipeline.sync.domain.kinds import KINDS
from awin_medusa_pipeline.sync.domain.operations import Counts, Kind, Status
from awin_medusa_pipeline.sync.domain.preview import EXAMPLES, example, page
from awin_medusa_pipeline.sync.store.ledger import LogEntry, Run, reported
from awin_medusa_pipeline.sync.store.past_reports import (
    LATEST,
    PAGE,
    REPORTS,
    SUMMARY,
    latest_folder,
    latest_reports,
    latest_summary,
    of_kinds,
    read_summary,
)

MOST_REASONS = 20
RESULTS = "results.csv"
RESULT_COLUMNS = ("key", "title", "kind", "before", "after", "status", "reason")


class RunReports:
    """The report folder of one run. Files are written atomically, and replaced when written again."""

    def __init__(self, home: str, run: Run) -> None:
        self.run = run
        self.folder: UPath = home_path(home) / REPORTS / dated_name(run.started_at, run.run_id)

    def write_csv(self, frame: pl.DataFrame | pl.LazyFrame, name: str) -> UPath:
        """Write a table for a spreadsheet (`name` as in `stock-mismatches.csv`); a LazyFrame is streamed.

        UTF-8, lists joined by ' | ', decimals without trailing zeros. No text of a feed is run as a formula
        (core/spreadsheets.py); the tables keep the text as it is.
        """
        path = self.folder / name
        with replacing(path) as file:
            as_csv(frame.lazy()).sink_csv(file, quote_style="non_numeric")
        return path

    def write_json(self, value: Mapping[str, Any], name: str = SUMMARY) -> UPath:
        """Write a summary; decimals as text, times as ISO 8601."""
        path = self.folder / name
        with replacing(path) as file:
            file.write_text(json_text(value) + "\n", encoding="utf-8")
        return path

    def write_operations(self, kind: Kind, entries: Iterable[LogEntry]) -> Counts:
        """Write `{kind}-log.ndjson`, one line per operation, and `{kind}-summary.json`; returns the counts.

        The summary is counted from the lines of the log, so the two cannot differ.
        """
        statuses: Counter[Status] = Counter()
        reasons: dict[str, Counter[str]] = {}
        examples: dict[tuple[Status, str | None], list[dict[str, str | None]]] = {}
        with replacing(self.folder / f"{kind}-log.ndjson") as file, file.open("w", encoding="utf-8") as log:
            for entry in entries:
                status, reason = reported(entry)
                statuses[status] += 1
                one = example(kind, entry.operation)
                few = examples.setdefault((status, reason), [])
                # One of each product: its variants come one after another.
                if len(few) < EXAMPLES and not (few and few[-1]["title"] == one["title"]):
                    few.append({"status": status, "reason": reason, **one})
                if reason:
                    reasons.setdefault(status, Counter())[reason] += 1
                log.write(json_text(_log_line(entry), indent=None) + "\n")
        counts = Counts.of(statuses)
        told = {status: dict(texts.most_common(MOST_REASONS)) for status, texts in reasons.items()}
        summary = {
            "run": self.run.run_id,
            "shop": self.run.shop,
            "job": self.run.job,
            "kind": kind,
            "dry_run": self.run.dry_run,
            "started_at": self.run.started_at,
            **counts.as_dict(),
            "reasons": told,
            "examples": [
                one
                for (status, reason), few in examples.items()
                if reason is None or reason in told[status]
                for one in few
            ],
        }
        self.write_json(summary, f"{kind}-summary.json")
        return counts

    def write_results(self, entries: Iterable[LogEntry]) -> UPath:
        """Write `results.csv`, one line per operation of the run, as it comes: before and after as a person reads them.

        A table for a spreadsheet like the others: no text of others is run as a formula.
        """
        path = self.folder / RESULTS
        with replacing(path) as file, file.open("w", encoding="utf-8", newline="") as lines:
            write_rows(lines, RESULT_COLUMNS, map(_result, entries))
        return path

    def write_page(self, *, in_no_feed: int = 0) -> None:
        """Write what the kinds' summaries say in plain lines (preview.page)."""
        lines = page((read_summary(path) for path in of_kinds(self.folder)), in_no_feed=in_no_feed)
        with replacing(self.folder / PAGE) as file:
            file.write_text("\n".join([*map(legible, lines), ""]), encoding="utf-8")

    def point_latest(self) -> None:
        """Point `reports/latest` to this folder, unless it already leads to a newer run.

        It is a symbolic link where the file system has them; elsewhere `latest.txt` holds the name.
        """
        newest = latest_folder(self.folder.parent)
        if newest is not None and newest.name > self.folder.name:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        if (local := local_path(self.folder.parent)) is not None:
            try:
                with replacing(UPath(local / LATEST)) as link:
                    link.symlink_to(self.folder.name, target_is_directory=True)
                return
            except OSError:
                pass  # Windows without the right to create links, some network drives
        with replacing(self.folder.parent / f"{LATEST}.txt") as file:
            file.write_text(f"{self.folder.name}\n", encoding="utf-8")


@dataclass(frozen=True)
class Reports:
    """The report folders below a home folder."""

    home: str
    """A folder or any fsspec address."""

    def of(self, run: Run) -> RunReports:
        """The report folder of a run."""
        return RunReports(self.home, run)

    def latest(self) -> UPath | None:
        """The report folder of the newest run; None before the first."""
        return latest_reports(self.home)

    def latest_summary(self) -> dict[str, Any] | None:
        """sync-summary.json of the newest run; None before the first."""
        return latest_summary(self.home)


def _result(entry: LogEntry) -> tuple[str, ...]:
    status, reason = reported(entry)
    tell = KINDS[Kind(entry.kind)].tell
    before, after = (tell(values) if values else "" for values in (entry.before, entry.after))
    return entry.key, entry.title or "", entry.kind, before, after, status, reason or ""


def _log_line(entry: LogEntry) -> dict[str, Any]:
    status, reason = reported(entry)
    return {
        "time": entry.finished_at or entry.created_at,
        "run": entry.run_id,
        "kind": entry.kind,
        "key": entry.key,
        "title": entry.title,
        "target": entry.target_id,
        "before": entry.before,
        "after": entry.after,
        "status": status,
        "error": reason,
    }
