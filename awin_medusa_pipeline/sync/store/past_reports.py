"""Reads the reports of past runs."""

import json
from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import Any

from upath import UPath

from awin_medusa_pipeline.core.files import home_path, local_path
from awin_medusa_pipeline.sync.domain.operations import Kind, Status

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


def folders(home: str) -> list[UPath]:
    """The report folders, newest first."""
    above = home_path(home) / REPORTS
    if not above.exists():
        return []
    names = (path.name for path in above.iterdir() if path.name not in (LATEST, f"{LATEST}.txt"))
    return [above / name for name in sorted(names, reverse=True)]


def newest_planning(home: str, shop: str, kind: Kind, carried_out_by: Collection[str]) -> str | None:
    """The newest run that planned a kind on a shop; None before the first, and once its reports are too old.

    `carried_out_by`: runs that only carried plans out, which are passed over.
    """
    for folder in folders(home):
        found = summary_in(folder, f"{kind}-summary.json")
        # An undo compares nothing, so its folder has no summary of the whole.
        planned = found and found["shop"] == shop and (folder / SUMMARY).exists()
        if found and planned and found["run"] not in carried_out_by:
            return str(found["run"])
    return None


def summary_in(folder: UPath, name: str = SUMMARY) -> dict[str, Any] | None:
    """A summary in a report folder; None where there is none."""
    path = folder / name
    try:
        return _parsed(path, path.stat().st_mtime)
    except (OSError, ValueError):
        return None


@lru_cache(maxsize=512)
def _parsed(path: UPath, changed: float) -> dict[str, Any]:
    """Reports do not change once they are written, so a page need not read thirty of them each time."""
    return read_summary(path)


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
