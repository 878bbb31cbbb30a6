"""retention_job on what months of syncs leave: old reports, an old operation log, an old run of Dagster's."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from awin_medusa_pipeline.core.store.database import open_database
from awin_medusa_pipeline.core.store.outbox import Outbox
from awin_medusa_pipeline.defs.build import build_defs
from awin_medusa_pipeline.shops import Shops
from awin_medusa_pipeline.sync.domain.operations import Kind
from awin_medusa_pipeline.sync.store.ledger import Ledger


def test_what_is_old_goes_and_the_rest_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, dagster_home = tmp_path / "home", tmp_path / "dagster"
    dagster_home.mkdir()
    monkeypatch.setenv("AWIN_MEDUSA_HOME", str(home))
    now = datetime.now(UTC)
    ages = {"old": 31, "young": 29}
    names = {age: f"{now - timedelta(days=days):%Y%m%dT%H%M%SZ}-{age}" for age, days in ages.items()}
    for name in names.values():
        (home / "reports" / name).mkdir(parents=True)
    with open_database(f"sqlite:///{home / 'state.db'}") as database:
        for run_id, days in (("ancient", 401), ("last-year", 399)):
            started_at = now - timedelta(days=days)
            Ledger(database).start_run(run_id, shop="s", job="daily_sync_job", started_at=started_at)
            Ledger(database).record_not_sent(run_id, Kind.HIDE, [])
        Outbox(database).put("unsent", {"text": "waits for ever"})
    job = build_defs(Shops.open()).resolve_job_def("retention_job")
    with dg.instance_for_test(temp_dir=str(dagster_home)) as instance:
        runs = {age: job.execute_in_process(instance=instance).run_id for age in ages}
        with sqlite3.connect(dagster_home / "history" / "runs.db") as storage:
            for age, run_id in runs.items():
                created = f"{now - timedelta(days=ages[age]):%Y-%m-%d %H:%M:%S.%f}"
                storage.execute("UPDATE runs SET create_timestamp = ? WHERE run_id = ?", (created, run_id))
        # The two runs above removed the old reports; these are for the one that is tested.
        (home / "reports" / names["old"]).mkdir(exist_ok=True)
        result = job.execute_in_process(instance=instance)
        assert {run.run_id for run in instance.get_runs()} == {runs["young"], result.run_id}
        (told,) = (
            record.event_log_entry.user_message
            for record in instance.get_records_for_run(result.run_id).records
            if "dagster_runs" in record.event_log_entry.user_message
        )
    assert {"1 reports", "0 ledger_runs", "1 dagster_runs"} <= set(told.split(", "))
    assert [path.name for path in (home / "reports").iterdir()] == [names["young"]]
    with open_database(f"sqlite:///{home / 'state.db'}") as database:
        assert Ledger(database).run("ancient") is None
        assert Ledger(database).run("last-year")
        assert len(Outbox(database).pending()) == 1
