"""The jobs: which assets, and with which config by default.

What belongs here: selections. A job that applies reads feed and shop afresh first: it never acts on an old table.
"""

from dataclasses import asdict
from typing import TypeAlias

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from awin_medusa_pipeline.resources import StateStore
from awin_medusa_pipeline.retention import prune
from awin_medusa_pipeline.settings import Settings

UnresolvedJob: TypeAlias = UnresolvedAssetJobDefinition
APPLYING = ("imported_products", "hidden_products", "restored_products", "stock_updates")
SHOP_TAG = {"awin_medusa/shop": "default"}
"""One run a shop: dagster.yaml limits this tag to one at a time."""

_TABLES = dg.AssetSelection.groups("awin", "medusa", "discrepancies")


def _job(name: str, description: str, *applying: str, limit: int | None = None) -> UnresolvedJob:
    config = {"dry_run": False} | ({"limit": limit} if limit else {})
    return dg.define_asset_job(
        name,
        selection=_TABLES | dg.AssetSelection.assets(*applying) if applying else _TABLES,
        description=description,
        config={"ops": {asset: {"config": config} for asset in applying}} if applying else None,
        tags=SHOP_TAG,
    )


detect_discrepancies_job = _job("detect_discrepancies_job", "Compare feed and shop; change nothing.")
daily_sync_job = _job("daily_sync_job", "Bring the shop in line: import, hide, restore, set stock.", *APPLYING)
pilot_import_job = _job("pilot_import_job", "Import the first 10 missing products, to look at.", APPLYING[0], limit=10)
import_missing_job = _job("import_missing_job", "Import every product that the shop lacks.", "imported_products")
hide_medusa_only_job = _job("hide_medusa_only_job", "Hide what is only in the shop.", "hidden_products")
reconcile_stock_job = _job("reconcile_stock_job", "Set levels as the feed asks for them.", "stock_updates")


@dg.op(description="Remove reports and Dagster runs older than 30 days, and the operation log after 400 days.")
def prune_old_runs(context: dg.OpExecutionContext, store: StateStore) -> None:
    """Counts of what was removed go to the log and the run's metadata."""
    pruned = prune(Settings().awin_medusa_home, store.database, context.instance)
    context.log.info(", ".join(f"{number} {name}" for name, number in asdict(pruned).items()))


@dg.job(description="Remove what is old enough to go.")
def retention_job() -> None:
    """See retention.py."""
    prune_old_runs()


all_jobs: list[UnresolvedJob | dg.JobDefinition] = [
    detect_discrepancies_job,
    daily_sync_job,
    pilot_import_job,
    import_missing_job,
    hide_medusa_only_job,
    reconcile_stock_job,
    retention_job,
]
