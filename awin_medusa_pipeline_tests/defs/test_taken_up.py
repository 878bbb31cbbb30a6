"""A run whose process has died is started again, where that does no harm; it waits until the dead one is silent."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.store.database import database_time
from awin_medusa_pipeline.core.store.leases import Lease, Leases
from awin_medusa_pipeline.defs.build import build_defs
from awin_medusa_pipeline.defs.lost_runs import OURS
from awin_medusa_pipeline.defs.taken_up import wait_for_shop
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline.shops import Shops

SHOP = "http://127.0.0.1:9"
SYNCS = (
    "detect_discrepancies_job",
    "daily_sync_job",
    "import_missing_job",
    "hide_medusa_only_job",
    "reconcile_stock_job",
)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with App(Settings(awin_medusa_home=str(tmp_path / "home"), medusa_backend_url=SHOP)) as app:
        yield app


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_job_says_what_becomes_of_it(name: str, app: App) -> None:
    tags = build_defs(Shops.of(app)).resolve_job_def(name).tags
    again = name in (*SYNCS, "retention_job")
    assert tags.get("dagster/retry_strategy") == ("ALL_STEPS" if again else None)
    assert tags.get("dagster/max_retries") == (None if again else "0")


def run_after(instance: dg.DagsterInstance, app: App, *, finished: bool) -> tuple[dg.DagsterRun, dg.DagsterRun]:
    """A run, and one that takes it up."""
    job = build_defs(Shops.of(app)).resolve_job_def("daily_sync_job")
    dead = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    if finished:
        instance.report_run_failed(dead)
    return dead, instance.create_run_for_job(job, parent_run_id=dead.run_id, root_run_id=dead.run_id)


def hold_elsewhere(app: App, run_id: str) -> None:
    """Let a run of another machine hold the shop."""
    Leases(app.database).take(SHOP, run_id=run_id, job="daily_sync_job")
    with app.database.writing() as session:
        row = session.get_one(Lease, SHOP)
        row.boot, row.namespace, row.beat = "of another machine", "", None


def fall_silent(app: App) -> None:
    with app.database.writing() as session:
        session.get_one(Lease, SHOP).expires_at = database_time(session) - timedelta(seconds=1)


def waits(app: App, instance: dg.DagsterInstance, run: dg.DagsterRun, silent_after: int = 3) -> int:
    """How often the run looks before it goes on."""
    looks: list[float] = []

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == silent_after:
            fall_silent(app)
        assert len(looks) < 10

    wait_for_shop(app, instance, run, sleep)
    return len(looks)


def test_it_waits_until_the_dead_run_is_silent(app: App, instance: dg.DagsterInstance) -> None:
    dead, again = run_after(instance, app, finished=True)
    hold_elsewhere(app, dead.run_id)
    assert waits(app, instance, again) == 3


@pytest.mark.parametrize("case", ["of nobody", "of another run", "of one that lives", "of this machine", "the first"])
def test_it_does_not_wait_for(case: str, app: App, instance: dg.DagsterInstance) -> None:
    dead, again = run_after(instance, app, finished=case != "of one that lives")
    if case != "of nobody":
        hold_elsewhere(app, "another" if case == "of another run" else dead.run_id)
    if case == "of this machine":
        with app.database.writing() as session:
            row = session.get_one(Lease, SHOP)
            row.expires_at = None  # as of a process that is known to be gone
    assert waits(app, instance, dead if case == "the first" else again) == 0
