"""Removes reports, kept rows and Dagster's runs after 30 days; the operation log, decisions and Etsy jobs after 400.

Dagster keeps run storage for ever, and its delete_run leaves a database file and a folder per run on disk.
"""

import logging
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
from upath import UPath

from awin_medusa_pipeline.core.files import DATE_FORMAT, home_path
from awin_medusa_pipeline.core.store.audit import Audit
from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.core.store.outbox import Outbox
from awin_medusa_pipeline.core.store.run_requests import RunRequests
from awin_medusa_pipeline.core.tables import HISTORY
from awin_medusa_pipeline.etsy.store.jobs import EtsyJobs
from awin_medusa_pipeline.sync.domain.traced import TRACED
from awin_medusa_pipeline.sync.store import ledger
from awin_medusa_pipeline.sync.store.held_plans import HeldPlans
from awin_medusa_pipeline.sync.store.past_reports import REPORTS

log = logging.getLogger(__name__)

KEPT = timedelta(days=30)

FOLDER = re.compile(r"(\d{8}T\d{6}Z)-.+")
FINISHED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


@dataclass(frozen=True)
class Pruned:
    """Number of removed items of each sort."""

    reports: int = 0
    history: int = 0
    ledger_runs: int = 0
    messages: int = 0
    plans: int = 0
    etsy_jobs: int = 0
    decisions: int = 0
    run_requests: int = 0
    dagster_runs: int = 0


def prune(home: str, database: Database, instance: dg.DagsterInstance | None, *, now: datetime | None = None) -> Pruned:
    """Remove everything that is too old. Without an instance, Dagster's runs stay."""
    now = now or datetime.now(UTC)
    return Pruned(
        reports=_prune_dated(home_path(home) / REPORTS, now),
        history=sum(_prune_dated(home_path(home) / HISTORY / asset, now) for asset in TRACED),
        ledger_runs=ledger.Ledger(database).prune(now - ledger.KEPT),
        messages=Outbox(database).prune(now - KEPT),
        plans=HeldPlans(database).prune(now - KEPT),
        etsy_jobs=EtsyJobs(database).prune(now - ledger.KEPT),
        decisions=Audit(database).prune(now - ledger.KEPT),
        run_requests=RunRequests(database).prune(now - KEPT),
        dagster_runs=prune_dagster_runs(instance, now) if instance is not None else 0,
    )


def expired(names: Iterable[str], now: datetime) -> list[str]:
    """Names whose time is more than 30 days ago, save the newest, which `latest` leads to. Other names are not ours."""
    started = {}
    for name in names:
        if found := FOLDER.fullmatch(name):
            try:
                started[name] = datetime.strptime(found[1], DATE_FORMAT).replace(tzinfo=UTC)
            except ValueError:
                continue  # digits that are no date
    newest = max(started, default=None)
    return sorted(name for name, time in started.items() if time < now - KEPT and name != newest)


def _prune_dated(folder: UPath, now: datetime) -> int:
    """Remove entries whose names are too old; returns how many."""
    if not folder.exists():
        return 0
    old = expired((path.name for path in folder.iterdir()), now)
    for name in old:
        path = folder / name
        path.fs.rm(path.path, recursive=True)
    return len(old)


def prune_dagster_runs(instance: dg.DagsterInstance, now: datetime) -> int:
    """Remove finished runs older than 30 days from Dagster's storage, with their logs and files; returns how many."""
    removed = 0
    for run_id in instance.get_run_ids(dg.RunsFilter(statuses=FINISHED, created_before=now - KEPT)):
        try:
            instance.compute_log_manager.delete_logs(prefix=[run_id])
            instance.delete_run(run_id)
            _remove_files(instance, run_id)
        except Exception as error:  # one stubborn run must not block the rest
            log.warning("Removing run %s from Dagster's storage: %s. It is tried again next time.", run_id, error)
        else:
            removed += 1
    return removed


def _remove_files(instance: dg.DagsterInstance, run_id: str) -> None:
    # Measured with dagster 1.13: delete_run empties these files (290 kB per run of 12 steps) but does not delete them.
    database = Path(instance.root_directory) / "history" / "runs" / f"{run_id}.db"
    for suffix in ("", "-wal", "-shm", "-journal"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)
    shutil.rmtree(Path(instance.storage_directory()) / run_id, ignore_errors=True)
