"""Report folders: names, readable tables, logs that add up, and what `latest` leads to."""

import csv
import json
import weakref
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from upath import UPath

from awin_medusa_pipeline.core.contracts import MONEY
from awin_medusa_pipeline.core.files import home_path, local_path
from awin_medusa_pipeline.core.store.database import open_database
from awin_medusa_pipeline.sync.domain.operations import OUTCOMES, Kind, NotSent, Operation, Status
from awin_medusa_pipeline.sync.store.ledger import Ledger, LogEntry, Outcome, Run
from awin_medusa_pipeline.sync.store.past_reports import REPORTS, failures, latest_folder, reasons
from awin_medusa_pipeline.sync.store.reports import Reports, RunReports

APPLIED = Status.APPLIED


def run(run_id: str = "0123456789abcdef", hour: int = 2) -> Run:
    started = datetime(2026, 11, 21, hour, 0, 7, tzinfo=UTC)
    return Run(run_id=run_id, shop="http://shop", job="daily_sync_job", started_at=started, dry_run=False)


@pytest.fixture
def home(any_home: str) -> str:
    return any_home


def test_the_folder_has_the_name_of_its_run(home: str) -> None:
    assert Reports(home).of(run()).folder == home_path(home) / REPORTS / "20261121T020007Z-01234567"


@pytest.mark.parametrize("lazy", [False, True])
def test_csv_is_readable_and_runs_no_formula(home: str, lazy: bool) -> None:
    table = pl.DataFrame(
        {
            "name": ["=HYPERLINK(1)", "+49 30", "-5 %", "@x", "\tx", 'a "b", c\nd', None, "plain - x"],
            "price": [Decimal(text) for text in ("100", "19.9", "-3.1", "0", "0.0001", "1.05", "10", "7")],
            "images": [["=a", "b"], [], None, ["x"], ["y"], ["z"], ["z"], ["z"]],
            "level": [-1, 2, None, 4, 5, 6, 7, 8],
            "sizes": [[1, 2]] * 8,
            "prices": [[{"currency": "eur", "amount": Decimal("1.5")}]] * 8,
            "published": [True] * 8,
        },
        schema_overrides={"price": MONEY},
    )
    path = RunReports(home, run()).write_csv(table.lazy() if lazy else table, "stock-mismatches.csv")
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines(keepends=True)))
    assert [row["name"] for row in rows] == [
        "'=HYPERLINK(1)", "'+49 30", "'-5 %", "'@x", "'\tx", 'a "b", c\nd', "", "plain - x",
    ]  # fmt: skip
    assert [row["price"] for row in rows] == ["100", "19.9", "-3.1", "0", "0.0001", "1.05", "10", "7"]
    assert [row["images"] for row in rows][:4] == ["'=a | b", "", "", "x"]
    assert [row["level"] for row in rows][:3] == ["-1", "2", ""]
    assert rows[0]["sizes"] == "1 | 2"
    assert json.loads(rows[0]["prices"])["currency"] == "eur"
    assert rows[0]["published"] == "true"


def test_an_empty_table_has_its_header(home: str) -> None:
    path = RunReports(home, run()).write_csv(pl.DataFrame(schema={"sku": pl.String, "price": MONEY}), "empty.csv")
    assert path.read_text() == '"sku","price"\n'


def test_logs_and_summaries_from_the_ledger(tmp_path: Path) -> None:
    with open_database(f"sqlite:///{tmp_path / 'state.db'}") as database:
        ledger = Ledger(database)
        row = ledger.start_run("0123456789abcdef", shop="http://shop", job="daily_sync_job")
        made, refused, _lost = ledger.record_intents(
            row.run_id, Kind.IMPORT, [Operation("a", {"title": "Ä"}), Operation("b", {}), Operation("c", {})]
        )
        ledger.record_outcomes(
            [Outcome(made, Status.APPLIED, "prod_a"), Outcome(refused, Status.FAILED, reason="HTTP 400")]
        )
        ledger.record_not_sent(row.run_id, Kind.IMPORT, [NotSent(Operation("d", {}), "too many", Status.HELD)])
        reports = RunReports(str(tmp_path), row)
        counts = reports.write_operations(Kind.IMPORT, ledger.rows(row.run_id, Kind.IMPORT))
        assert counts == ledger.counts(row.run_id)[Kind.IMPORT]

    lines = [json.loads(line) for line in (reports.folder / "import-log.ndjson").read_text().splitlines()]
    first = lines[0]
    assert list(first) == ["time", "run", "kind", "key", "title", "target", "before", "after", "status", "error"]
    assert datetime.fromisoformat(first["time"]).tzinfo is not None
    assert (first["key"], first["target"], first["after"], first["status"]) == (
        "a",
        "prod_a",
        {"title": "Ä"},
        "applied",
    )
    assert [(line["status"], line["error"]) for line in lines[1:]] == [
        ("failed", "HTTP 400"),
        ("failed", "outcome unknown"),
        ("held", "too many"),
    ]
    summary = json.loads((reports.folder / "import-summary.json").read_text())
    assert {name: summary[name] for name in OUTCOMES} == counts.as_dict()
    assert summary["planned"] == len(lines) == 4
    assert summary["reasons"] == {"failed": {"HTTP 400": 1, "outcome unknown": 1}, "held": {"too many": 1}}
    assert sorted(reasons(reports.folder)) == [
        ("import", "failed", "HTTP 400", 1),
        ("import", "failed", "outcome unknown", 1),
        ("import", "held", "too many", 1),
    ]
    assert list(failures(reports.folder)) == [("import", "b", "HTTP 400"), ("import", "c", "outcome unknown")]


def test_results_have_a_row_per_operation(home: str) -> None:
    level = LogEntry(kind="stock", key="v_1", title="Lamp", before={"level": 0}, after={"level": 10}, status=APPLIED)
    formula = {"price": "12.50", "currency": "eur", "level": 3}
    made = LogEntry(kind="import", key="=1+1", title='@a "b", c', before=None, after=formula, status=Status.FAILED)
    made.reason = "-HTTP 400\nsecond line"
    lost = LogEntry(kind="hide", key="p_1", before={"status": "published"}, after={"status": "draft"})
    lost.status = Status.INTENT
    path = RunReports(home, run()).write_results(iter([level, made, lost]))
    header, *rows = csv.reader(path.read_text(encoding="utf-8").splitlines(keepends=True))
    assert header == ["key", "title", "kind", "before", "after", "status", "reason"]
    assert rows == [
        ["v_1", "Lamp", "stock", "0 in stock", "10 in stock", "applied", ""],
        ["'=1+1", '\'@a "b", c', "import", "", "12.5 EUR, 3 in stock", "failed", "'-HTTP 400\nsecond line"],
        ["p_1", "", "hide", "published", "draft", "failed", "outcome unknown"],
    ]


def test_results_are_written_as_they_come(tmp_path: Path) -> None:
    """A run of a million operations must not be in memory at once."""
    alive = peak = 0

    def gone() -> None:
        nonlocal alive
        alive -= 1

    def entries() -> Iterator[LogEntry]:
        nonlocal alive, peak
        for number in range(2_000):
            entry = LogEntry(kind="stock", key=f"v_{number}", after={"level": number}, status=APPLIED)
            weakref.finalize(entry, gone)
            alive += 1
            peak = max(peak, alive)
            yield entry
            del entry

    path = RunReports(str(tmp_path), run()).write_results(entries())
    assert len(path.read_text().splitlines()) == 2_001
    assert peak < 10


def test_a_kind_without_operations_has_files_too(home: str) -> None:
    reports = RunReports(home, run())
    assert reports.write_operations(Kind.HIDE, []).planned == 0
    assert (reports.folder / "hide-log.ndjson").read_text() == ""
    assert json.loads((reports.folder / "hide-summary.json").read_text())["planned"] == 0


def test_latest_leads_to_the_newest(home: str) -> None:
    assert (Reports(home).latest(), Reports(home).latest_summary()) == (None, None)
    early, late = RunReports(home, run("early", 2)), RunReports(home, run("late", 3))
    for reports, number in ((early, 1), (late, 2)):
        reports.write_json({"feed_rows": number, "price": Decimal("1.10")})
        reports.point_latest()
    assert Reports(home).latest_summary() == {"feed_rows": 2, "price": "1.10"}
    early.point_latest()  # ended later, but its numbers are older
    assert Reports(home).latest_summary() == {"feed_rows": 2, "price": "1.10"}
    assert Reports(home).latest() == latest_folder(home_path(home) / REPORTS) == late.folder


def test_latest_is_a_link_that_survives_a_move(tmp_path: Path) -> None:
    reports = RunReports(str(tmp_path / "old"), run())
    reports.write_json({"feed_rows": 1})
    reports.point_latest()
    (tmp_path / "old").rename(tmp_path / "new")
    link = tmp_path / "new" / REPORTS / "latest"
    assert link.is_symlink()
    assert json.loads((link / "sync-summary.json").read_text()) == {"feed_rows": 1}


def test_latest_as_a_file_where_links_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    reports = RunReports(str(tmp_path), run())
    reports.write_json({"feed_rows": 1})
    reports.point_latest()
    assert (tmp_path / REPORTS / "latest.txt").read_text() == f"{reports.folder.name}\n"
    assert Reports(str(tmp_path)).latest_summary() == {"feed_rows": 1}


def test_writing_again_replaces(home: str) -> None:
    reports = RunReports(home, run())
    for number in (1, 2):
        path = reports.write_json({"n": number}, "x.json")
    assert json.loads(path.read_text()) == {"n": 2}
    names = [found.name for found in UPath(reports.folder).iterdir()]
    assert names == ["x.json"]
    assert (local_path(path) is None) == home.startswith(("memory:", "s3:"))
