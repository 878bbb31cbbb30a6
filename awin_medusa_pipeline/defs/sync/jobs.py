"""The jobs: which assets, and with which config by default.

What belongs here: selections. A job that applies reads feed and shop afresh first: it never acts on an old table.
"""

from dataclasses import asdict
from typing import TypeAlias

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from pydantic import Field

from awin_medusa_pipeline.defs.resources import APPLIES_TAG, MedusaResource, StateStore, shop_of
from awin_medusa_pipeline.defs.retention import prune
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline.sync.engine.apply import Engine
from awin_medusa_pipeline.sync.engine.undo import Undo
from awin_medusa_pipeline.sync.store.ledger import Kind

UnresolvedJob: TypeAlias = UnresolvedAssetJobDefinition
APPLYING = (
    *("imported_products", "hidden_products", "restored_products"),
    *("stock_updates", "price_updates", "content_updates"),
)
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
        tags=SHOP_TAG | ({APPLIES_TAG: "by default"} if applying else {}),
    )


detect_discrepancies_job = _job("detect_discrepancies_job", "Compare feed and shop; change nothing.")
daily_sync_job = _job(
    "daily_sync_job", "Bring the shop in line: import, hide, restore, stock, prices, content.", *APPLYING
)
pilot_import_job = _job("pilot_import_job", "Import the first 10 missing products, to look at.", APPLYING[0], limit=10)
import_missing_job = _job("import_missing_job", "Import every product that the shop lacks.", "imported_products")
hide_medusa_only_job = _job("hide_medusa_only_job", "Hide what is only in the shop.", "hidden_products")
reconcile_stock_job = _job("reconcile_stock_job", "Set levels as the feed asks for them.", "stock_updates")


@dg.op(description="Remove reports and Dagster runs older than 30 days, and the operation log after 400 days.")
def prune_old_runs(context: dg.OpExecutionContext, store: StateStore) -> None:
    """Counts of what was removed go to the log and the run's metadata."""
    pruned = prune(Settings().awin_medusa_home, store.database, context.instance)
    context.log.info(", ".join(f"{number} {name}" for name, number in asdict(pruned).items()))


class UndoConfig(dg.Config):
    """Which run to take back, and how far."""

    run_id: str = Field(description="The run to take back, or the beginning of its id.")
    dry_run: bool = Field(default=True, description="Only tell what would be taken back.")
    only: str | None = Field(
        default=None,
        pattern=f"^({'|'.join(Kind)})$",
        description=f"Take back this kind alone: {', '.join(Kind)}.",
    )


@dg.op(description="Take back what a run applied, where the shop still shows it. What it made goes to draft.")
def undo_run(context: dg.OpExecutionContext, config: UndoConfig, medusa: MedusaResource, store: StateStore) -> None:
    """The opposites are operations of this run, in its logs and reports, so this run can be taken back as well."""
    settings, run = Settings(), store.run(context.run)
    undone = store.ledger.find_run(config.run_id)
    if undone is None or undone.shop != run.shop:
        raise dg.Failure(
            f"Taking back the run {config.run_id}: it is not in the operation log of the shop {run.shop}. "
            "Its id stands in the Dagster UI, in Slack's message and in the names of the report folders.",
            allow_retries=False,
        )
    permit = (lambda: None) if config.dry_run else store.lease(context.run)
    with medusa.client(applying=True) as client:
        shop = shop_of(client, settings)
        undo = Undo(client, shop, Engine(store.ledger, run.run_id, permit=permit), config.dry_run)
        for kind in [Kind(config.only)] if config.only else list(Kind):
            result = undo.take_back(kind, store.ledger.rows(undone.run_id, kind))
            context.log.info(f"{kind} of run {undone.run_id} taken back: {dict(result.counts)}")
            for key, reason in result.failures:
                context.log.error(f"{kind} {key}: {reason}")
            if result.stopped_reason:
                raise dg.Failure(result.stopped_reason, allow_retries=False)
    for name in store.ledger.counts(run.run_id):
        store.reports(context.run).write_operations(name, store.ledger.rows(run.run_id, name))
    store.ledger.finish_run(run.run_id)


@dg.job(description="Take back what a run applied; what someone changed since is listed, not touched.", tags=SHOP_TAG)
def undo_run_job() -> None:
    """See sync/engine/undo.py."""
    undo_run()


@dg.job(description="Remove what is old enough to go.")
def retention_job() -> None:
    """See defs/retention.py."""
    prune_old_runs()


all_jobs: list[UnresolvedJob | dg.JobDefinition] = [
    detect_discrepancies_job,
    daily_sync_job,
    pilot_import_job,
    import_missing_job,
    hide_medusa_only_job,
    reconcile_stock_job,
    undo_run_job,
    retention_job,
]
