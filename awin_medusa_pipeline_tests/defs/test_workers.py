"""Runs on several machines are refused where each machine would keep its own records."""

import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.defs.build import build_defs
from awin_medusa_pipeline.defs.health import dagster_findings
from awin_medusa_pipeline.defs.launch import dagster_home
from awin_medusa_pipeline.defs.workers import check_workers
from awin_medusa_pipeline.health import State, store_findings, with_faults
from awin_medusa_pipeline.sandbox.postgres import Postgres
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline.shops import Shops
from awin_medusa_pipeline_tests.support.workers import DEPLOYED

CELERY = {
    "run_launcher": {
        "module": "dagster_celery.launcher",
        "class": "CeleryRunLauncher",
        "config": {"broker": "redis://127.0.0.1:9/0", "backend": "redis://127.0.0.1:9/0"},
    }
}


@pytest.fixture
def shared(postgres: Postgres) -> Iterator[str]:
    """Make a database that every machine can use."""
    postgres.create("workers")
    yield postgres.url("workers").replace("postgres://", "postgresql+psycopg2://")
    postgres.drop("workers")


def app_of(folder: Path, url: str | None) -> App:
    settings = {"awin_medusa_home": str(folder / "home"), "medusa_backend_url": "http://127.0.0.1:9"}
    return App(Settings(**settings, awin_medusa_database_url=url))


@pytest.mark.parametrize(
    ("launcher", "state", "records", "told"),
    [
        ("own", "file", "file", None),
        ("own", "shared", "file", None),
        ("celery", "file", "file", "the state store is a SQLite file"),
        ("celery", "file", "shared", "the state store is a SQLite file"),
        ("celery", "shared", "file", "Dagster's own records are in SQLite files"),
        ("celery", "shared", "shared", None),
    ],
)
def test_halves(launcher: str, state: str, records: str, told: str | None, shared: str, tmp_path: Path) -> None:
    overrides = CELERY if launcher == "celery" else {}
    if records == "shared":
        overrides = overrides | {"storage": {"postgres": {"postgres_url": shared}}}
    with app_of(tmp_path, shared if state == "shared" else None) as app, dg.instance_for_test(overrides) as instance:
        if told is None:
            check_workers(app, instance)
        else:
            with pytest.raises(PermanentError, match=told):
                check_workers(app, instance)


def test_a_run_says_so_before_its_first_step(tmp_path: Path) -> None:
    with app_of(tmp_path, None) as app, dg.instance_for_test(CELERY) as instance:
        job = build_defs(Shops.of(app)).resolve_job_def("retention_job")
        result = job.execute_in_process(instance=instance, raise_on_error=False)
        errors = [event.message for event in result.all_events if event.is_failure]
        assert not result.success
        texts = " ".join(
            str(event.event_specific_data)
            for event in result.all_events
            if event.is_failure and event.event_specific_data
        )
        assert "Set AWIN_MEDUSA_DATABASE_URL to one PostgreSQL database" in texts + " ".join(filter(None, errors))
        assert not (tmp_path / "home" / "state.db").exists()


def test_doctor_finds_the_halves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    (tmp_path / "dagster.yaml").write_text(json.dumps(CELERY))
    with app_of(tmp_path, None) as app:
        (finding,) = with_faults("Dagster", lambda: dagster_findings(app))
    assert (finding.state, "the state store is a SQLite file" in finding.found) == (State.FAULT, True)
    assert finding.to_do.startswith("Set AWIN_MEDUSA_DATABASE_URL to one PostgreSQL database")
    with App(Settings(awin_medusa_home="s3://bucket/shop")) as app:
        (finding,) = with_faults("State store", lambda: store_findings(app))
    assert (finding.state, "a log and leases of its own" in finding.found) == (State.FAULT, True)


def test_a_variable_that_dagster_lacks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.delenv("AWIN_MEDUSA_DATABASE_URL", raising=False)
    (tmp_path / "dagster.yaml").write_text(DEPLOYED.read_text())
    with app_of(tmp_path, None) as app, pytest.raises(PermanentError) as caught:
        dagster_home(app)
    assert str(caught.value).startswith(
        f"Reading {tmp_path / 'dagster.yaml'}: it names AWIN_MEDUSA_DATABASE_URL, which is not set. Set it in the"
    )
