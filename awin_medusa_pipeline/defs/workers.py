"""Refuses runs on several machines whose records each machine would keep for itself."""

import dagster as dg

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.errors import PermanentError


def check_workers(app: App, instance: dg.DagsterInstance) -> None:
    """Check that the records are shared where runs may start elsewhere. Raises PermanentError."""
    launcher = type(instance.run_launcher)
    if launcher.__module__.partition(".")[0] == "dagster":  # in this process, or in one that it starts
        return
    tried = f"Running with Dagster's {launcher.__name__}, which starts runs on several machines"
    if app.store_is_a_file:
        raise PermanentError(
            tried,
            "the state store is a SQLite file, so each machine would keep its own log and leases, and two runs would "
            "change the shop at once",
            "Set AWIN_MEDUSA_DATABASE_URL to one PostgreSQL database, the same for every machine.",
        )
    stores = (instance.run_storage, instance.event_log_storage, instance.schedule_storage)
    if any("sqlite" in type(store).__name__.lower() for store in stores):
        raise PermanentError(
            tried,
            "Dagster's own records are in SQLite files, so the other machines would not find their runs",
            "Name one PostgreSQL database for all machines under `storage:` in dagster.yaml, as in deploy/celery.",
        )
