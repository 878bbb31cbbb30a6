"""Adds a run's reports up: rows in are the sum of what became of them, and every file says the same."""

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

KINDS = ("adopt", "import", "hide", "restore", "stock", "price", "content")
OUTCOMES = ("applied", "unchanged", "skipped", "held", "failed")
TABLES = {
    "rejected-rows.csv": "rejected_rows",
    "missing-awin-products.csv": "missing_in_medusa",
    "medusa-only-products.csv": "medusa_only",
    "stock-mismatches.csv": "stock_mismatches",
    "price-mismatches.csv": "price_mismatches",
    "content-mismatches.csv": "content_mismatches",
    "adoption-candidates.csv": "adoption_candidates",
    "loose-matches.csv": "loose_matches",
}
RESULTS = "results.csv"
ROWS_OF = dict(
    zip(
        KINDS,
        (
            "adoption_candidates",
            "missing_in_medusa",
            "medusa_only",
            "returning",
            "stock_mismatches",
            "price_mismatches",
            "content_mismatches",
        ),
        strict=True,
    )
)


def assert_adds_up(folder: Path) -> dict[str, Any]:
    """Hold sync-summary.json of a report folder against itself, the CSV tables and the operation logs; the summary."""
    summary: dict[str, Any] = json.loads((folder / "sync-summary.json").read_text())
    assert summary["feed_rows"] == summary["accepted_rows"] + summary["rejected_rows"]
    assert summary["accepted_rows"] == summary["matched"] + summary["missing_in_medusa"]
    assert summary["matched"] == sum(summary["matched_by"].values())
    parts = ("catalog_matched", "medusa_only", "catalog_only_hidden", "half_made")
    assert summary["catalog_products"] == sum(summary[part] for part in parts)
    assert {file.name for file in folder.glob("*.csv")} == {*TABLES, RESULTS}
    for name, count in TABLES.items():
        with (folder / name).open(newline="", encoding="utf-8") as file:
            assert (name, sum(1 for _ in csv.DictReader(file))) == (name, _rows(summary, count))
    for kind in KINDS:
        _assert_kind_adds_up(folder, summary, kind)
    assert_results_are_the_logs(folder)
    return summary


def assert_results_are_the_logs(folder: Path) -> None:
    """Hold results.csv against the logs of the kinds: the same operations with the same end."""
    logs = [log.read_text().splitlines() for log in folder.glob("*-log.ndjson")]
    lines = [json.loads(line) for log in logs for line in log]
    with (folder / RESULTS).open(newline="", encoding="utf-8") as file:
        rows = [(row["kind"], row["key"], row["status"], row["reason"]) for row in csv.DictReader(file)]
    assert sorted(rows) == sorted((one["kind"], one["key"], one["status"], one["error"] or "") for one in lines)


def _rows(summary: dict[str, Any], count: str) -> int:
    """Rows of a table; what is hidden beside what left the feed stands in the same one."""
    return int(summary[count]) + (int(summary["uncounted_sold_out"]) if count == "medusa_only" else 0)


def _assert_kind_adds_up(folder: Path, summary: dict[str, Any], kind: str) -> None:
    counts = summary[kind]
    assert counts["planned"] == sum(counts[outcome] for outcome in OUTCOMES)
    log = folder / f"{kind}-log.ndjson"
    if not log.exists():
        assert counts["planned"] == 0, f"{kind}: no log of {counts['planned']} operations"
        return
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    of_kind = json.loads((folder / f"{kind}-summary.json").read_text())
    assert {line["run"] for line in lines} <= {summary["run"]}
    assert len({line["key"] for line in lines}) == len(lines), f"{kind}: a row was counted twice"
    assert dict(Counter(line["status"] for line in lines)) == {name: counts[name] for name in OUTCOMES if counts[name]}
    assert {name: of_kind[name] for name in ("planned", *OUTCOMES)} == counts
    rows = _rows(summary, ROWS_OF[kind]) - summary.get(f"{kind}_kept", 0)
    assert counts["planned"] == rows, f"{kind}: a row of the table has no operation"
