"""Reads the reports of past runs."""

import json
from collections.abc import Iterator
from typing import Any

from upath import UPath

from awin_medusa_pipeline.core.files import home_path, local_path
from awin_medusa_pipeline.sync.domain.operations import Status

REPORTS = "reports"
LATEST = "latest"
SUMMARY = "sync-summary.json"
PAGE = "changes.txt"


def latest_reports(home: str) -> UPath | None:
    """The report folder of the newest run; None before the first. `home`: a folder or any fsspec address."""
    return latest_folder(home_path(home) / REPORTS)


def latest_summary(home: str) -> dict[str, Any] | None:
    """sync-summary.json of the newest run; None before the first."""
    folder = latest_reports(home)
    if folder is None or not (folder / SUMMARY).exists():
        return None
    return read_summary(folder / SUMMARY)


def latest_folder(reports: UPath) -> UPath | None:
    """The folder that `latest` leads to; None before the first report."""
    local = local_path(reports)
    if local is not None and (local / LATEST).is_symlink():
        return reports / (local / LATEST).readlink().name
    pointer = reports / f"{LATEST}.txt"
    return reports / pointer.read_text(encoding="utf-8").strip() if pointer.exists() else None


def read_page(folder: UPath) -> list[str]:
    """The plain lines about a run; none before it has ended."""
    path = folder / PAGE
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def reasons(folder: UPath) -> Iterator[tuple[str, str, str, int]]:
    """Yield why a run's operations were not applied, from `{kind}-summary.json`: kind, outcome, reason, number."""
    for path in of_kinds(folder):
        summary = read_summary(path)
        for outcome, texts in summary.get("reasons", {}).items():
            for reason, number in texts.items():
                yield summary["kind"], outcome, reason, number


def of_kinds(folder: UPath) -> list[UPath]:
    """The `{kind}-summary.json` files in a report folder."""
    return sorted(path for path in folder.glob("*-summary.json") if path.name != SUMMARY)


def read_summary(path: UPath) -> dict[str, Any]:
    """A summary from its file."""
    summary: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return summary


def failures(folder: UPath) -> Iterator[tuple[str, str, str]]:
    """Yield the failed operations from the logs in a report folder: kind, key and reason."""
    for log in sorted(folder.glob("*-log.ndjson")):
        with log.open(encoding="utf-8") as lines:
            for line in map(json.loads, lines):
                if line["status"] == Status.FAILED:
                    yield line["kind"], line["key"], line["error"]
