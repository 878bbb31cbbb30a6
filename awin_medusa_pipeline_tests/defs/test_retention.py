"""Retention: what is old goes with all its files, what is at work or not ours stays."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from awin_medusa_pipeline.core.files import home_path
from awin_medusa_pipeline.core.store.database import Database, open_database
from awin_medusa_pipeline.core.store.outbox import Outbox
from awin_medusa_pipeline.core.tables import Tables
from awin_medusa_pipeline.defs.retention import Pruned, expired, prune
from awin_medusa_pipeline.sync.domain.traced import TRACED
from awin_medusa_pipeline.sync.store.ledger import Ledger, Run
from awin_medusa_pipeline.sync.store.past_reports import REPORTS
from awin_medusa_pipeline.sync.store.reports import Reports, RunReports
from awin_medusa_pipeline_tests.support.factories import NO_REJECTS

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with open_database(f"sqlite:///{tmp_path / 'state.db'}") as opened:
        yield opened


CASES = [
    pytest.param(["20261101T020000Z-a", "20261022T020000Z-b"], [], id="young_and_30_days_sharp"),
    pytest.param(["20261101T020000Z-a", "20261022T015959Z-b", "20250101T000000Z-c"], [1, 2], id="old"),
    pytest.param(["20250101T000000Z-a", "20250102T000000Z-b"], [0], id="the_newest_stays"),
    pytest.param(["latest", "notes", "20250101", "20251399T999999Z-x", "20261101T020000Z-a"], [], id="not_ours"),
    pytest.param([], [], id="none"),
]


@pytest.mark.parametrize(("names", "old"), CASES)
def test_expired(names: list[str], old: list[int]) -> None:
    assert expired(names, NOW) == sorted(names[index] for index in old)


def test_prune_without_dagster(any_home: str, database: Database) -> None:
    home, tables = any_home, Tables(any_home, TRACED)
    assert prune(home, database, None, now=NOW) == Pruned()
    for name, age in (("old", 31), ("young", 29)):
        run = Run(run_id=name, shop="s", job="j", started_at=NOW - age * DAY, dry_run=False)
        RunReports(home, run).write_json({"run": name})
        RunReports(home, run).point_latest()
        tables.keep("awin_feed_rejects", name, NO_REJECTS, now=run.started_at)
    Ledger(database).start_run("r", shop="s", job="j", started_at=NOW - 401 * DAY)
    outbox = Outbox(database, now=lambda: NOW - 31 * DAY)
    outbox.put("old", {"text": "old"})
    message = outbox.claim()
    assert message is not None
    outbox.mark_sent(message)
    table = home_path(home) / "tables" / "awin_feed.parquet"
    table.parent.mkdir(parents=True, exist_ok=True)
    table.write_bytes(b"table")

    assert prune(home, database, None, now=NOW) == Pruned(reports=1, history=1, ledger_runs=1, messages=1)
    assert Reports(home).latest_summary() == {"run": "young"}
    assert tables.kept("awin_feed_rejects", "old") is None
    assert tables.kept("awin_feed_rejects", "young") is not None
    assert table.exists()
    assert prune(home, database, None, now=NOW) == Pruned()


@dg.op
def talk(context: dg.OpExecutionContext) -> None:
    print("to the compute log")  # noqa: T201


@dg.job(executor_def=dg.in_process_executor)
def talking() -> None:
    talk()


def traces(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    root = Path(instance.root_directory)
    return [str(path.relative_to(root)) for path in root.rglob(f"*{run_id}*")]


def test_dagsters_own_runs(tmp_path: Path, database: Database) -> None:
    (tmp_path / "dagster").mkdir()
    with dg.instance_for_test(temp_dir=str(tmp_path / "dagster")) as instance:
        done = talking.execute_in_process(instance=instance).run_id
        at_work = instance.create_run_for_job(talking, status=dg.DagsterRunStatus.STARTED).run_id
        assert len(traces(instance, done)) >= 2  # the run's own database and its compute logs

        def prune_at(age: timedelta) -> int:
            return prune(str(tmp_path), database, instance, now=datetime.now(UTC) + age).dagster_runs

        assert prune_at(29 * DAY) == 0
        assert prune_at(31 * DAY) == 1
        assert [run.run_id for run in instance.get_runs()] == [at_work]
        assert traces(instance, done) == []
        assert prune_at(31 * DAY) == 0


def test_a_stubborn_run_does_not_keep_the_rest(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with dg.instance_for_test() as instance:
        stubborn, other = (talking.execute_in_process(instance=instance).run_id for _ in range(2))
        delete = type(instance).delete_run

        def refuse(self: dg.DagsterInstance, run_id: str) -> None:
            if run_id == stubborn:
                raise OSError("the disk says no")
            delete(self, run_id)

        monkeypatch.setattr(type(instance), "delete_run", refuse)
        assert prune(str(tmp_path), database, instance, now=datetime.now(UTC) + 31 * DAY).dagster_runs == 1
        assert [run.run_id for run in instance.get_runs()] == [stubborn]
        assert other not in caplog.text
        assert "the disk says no" in caplog.text


def test_reports_at_another_address(any_home: str, database: Database) -> None:
    reports = home_path(any_home) / REPORTS
    for name in ("20250101T000000Z-a", "20261101T020000Z-b"):
        (reports / name / "x").parent.mkdir(parents=True)
        (reports / name / "x").write_text("x")
    assert prune(any_home, database, None, now=NOW).reports == 1
    assert [path.name for path in reports.iterdir()] == ["20261101T020000Z-b"]
