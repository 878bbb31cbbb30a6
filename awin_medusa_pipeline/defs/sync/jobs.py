"""Defines the jobs of a sync: the assets that each selects, and its default config.

Every job that applies reads feed and shop first: it never acts on old tables.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import dagster as dg
from pydantic import Field

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.defs.per_shop import ONLY, SHOP, own_config
from awin_medusa_pipeline.defs.resources import APPLIES_TAG
from awin_medusa_pipeline.defs.retention import prune
from awin_medusa_pipeline.defs.shown import Links, table
from awin_medusa_pipeline.defs.steps import StepError, op
from awin_medusa_pipeline.defs.sync.applied import ApplyConfig, ShopRun
from awin_medusa_pipeline.defs.sync.awin import FeedConfig, awin_feeds
from awin_medusa_pipeline.defs.tags import MODE_TAG
from awin_medusa_pipeline.defs.taken_up import ANEW, ONCE
from awin_medusa_pipeline.sync.domain.kinds import ASSETS, KINDS
from awin_medusa_pipeline.sync.domain.operations import OUTCOMES, Kind
from awin_medusa_pipeline.sync.engine.apply import ApplyResult

_TABLES = dg.AssetSelection.groups("awin", "medusa", "discrepancies", "summary")


def _job(name: str, description: str, *applying: Kind, limit: int = 0) -> Any:
    # Every field, since Dagster opens its form with this config: what is left out here cannot be seen there.
    config = ApplyConfig(dry_run=False, limit=limit).model_dump()
    assets = [KINDS[kind].asset for kind in applying]
    mode = ("pilot" if limit else "apply") if assets else "detect"
    return dg.define_asset_job(
        name,
        selection=_TABLES | dg.AssetSelection.assets(*assets) if assets else _TABLES,
        description=description,
        config={
            "ops": {asset: {"config": config} for asset in assets}
            | {awin_feeds.op.name: {"config": FeedConfig().model_dump()}}
        },
        # The first ten that are missing would be ten others the second time.
        tags={SHOP: ONLY}
        | (ONCE if limit else ANEW)
        | {MODE_TAG: mode}
        | ({APPLIES_TAG: "by default"} if assets else {}),
    )


@dataclass(frozen=True)
class Part:
    """A part of a job: the default config of its ops, and its assets."""

    ops: Mapping[str, Any]
    keys: Sequence[dg.AssetKey]


def part_of(job: dg.JobDefinition, kinds: Collection[Kind]) -> Part:
    """Select a job's tables, and of its applying assets those of these kinds; no kind stands for all."""
    others = {entry.asset for kind, entry in KINDS.items() if kinds and kind not in kinds}
    ops = own_config(job).get("ops", {})
    keys = [key for key in job.asset_layer.executable_asset_keys if key.to_user_string() not in others]
    return Part({asset: own for asset, own in ops.items() if asset not in others}, sorted(keys))


def run_config(
    job: dg.JobDefinition,
    applying: Mapping[str, Any] | None = None,
    only: Collection[Kind] = (),
    ops: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Compose the config of a run.

    `applying`: config of the applying assets, instead of the job's own; `only`: kinds to apply, when not all. `ops`:
    config of other ops, by name.
    """
    own = part_of(job, only).ops
    applied = {op: {"config": dict(applying)} if applying and op in ASSETS else config for op, config in own.items()}
    others = {op: {"config": dict(values)} for op, values in (ops or {}).items()}
    return own_config(job) | {"ops": applied | others}


detect_discrepancies_job = _job("detect_discrepancies_job", "Compare feed and shop; change nothing.")
daily_sync_job = _job(
    "daily_sync_job", f"Bring the shop in line: {', '.join(entry.words for entry in KINDS.values())}.", *KINDS
)
pilot_import_job = _job("pilot_import_job", "Import the first 10 missing products, to look at.", Kind.IMPORT, limit=10)
import_missing_job = _job("import_missing_job", "Import every product that the shop lacks.", Kind.IMPORT)
hide_medusa_only_job = _job("hide_medusa_only_job", "Hide what is only in the shop.", Kind.HIDE)
reconcile_stock_job = _job("reconcile_stock_job", "Set levels as the feed asks for them.", Kind.STOCK)


@op(description="Remove reports and Dagster runs older than 30 days, and the operation log after 400 days.")
def prune_old_runs(context: dg.OpExecutionContext, app: dg.ResourceParam[App]) -> None:
    """Remove old data, and log how many items of each sort."""
    pruned = prune(app.home, app.database, context.instance)
    context.log.info(", ".join(f"{number} {name}" for name, number in asdict(pruned).items()))


class UndoConfig(dg.Config):
    """The run to take back, and how far."""

    run_id: str = Field(
        default="", description="The run to take back, or the beginning of its id: the list of runs shows it."
    )
    dry_run: bool = Field(default=True, description="Only show what would be taken back.")
    only: str | None = Field(
        default="",
        pattern=f"^({'|'.join(Kind)})?$",
        description=f"Take back this kind alone: {', '.join(Kind)}. Blank: all of them.",
    )


@op(description="Take back what a run applied, where the shop still shows it. Products that it made become drafts.")
def undo_run(context: dg.OpExecutionContext, config: UndoConfig, app: dg.ResourceParam[App], sync_run: ShopRun) -> None:
    """Take back a run. The reversals are logged as operations of this run, so it can be taken back as well."""
    kinds = [Kind(config.only)] if config.only else list(Kind)
    results = sync_run.take_back(config.run_id, kinds, dry_run=config.dry_run)
    for kind, result in results.items():
        context.log.info(f"{kind} of run {config.run_id} taken back: {result.counts.as_dict()}")
        for key, reason in result.failures:
            context.log.error(f"{kind} {key}: {reason}")
        if result.stopped_reason:
            raise StepError(result.stopped_reason)
    context.add_output_metadata(taken_back_metadata(config.run_id, results, Links.of(app).run(sync_run.id)))


def taken_back_metadata(start: str, results: Mapping[Kind, ApplyResult], page: dg.MetadataValue) -> dict[str, Any]:
    """What was taken back of which run, and what was left alone; `page`: where each row is shown."""
    rows = [{"kind": str(kind)} | result.counts.as_dict() for kind, result in results.items() if result.counts.planned]
    return {"taken_back": start, "outcome": table(rows, ("kind", *OUTCOMES)), "run_in_console": page}


@dg.job(
    description="Take back what a run applied; what someone changed since is listed, not touched.",
    tags={SHOP: ONLY} | ONCE,
)
def undo_run_job() -> None:
    """See sync/engine/undo.py."""
    undo_run()


@dg.job(description="Remove reports and Dagster runs after 30 days, and the operation log after 400 days.", tags=ANEW)
def retention_job() -> None:
    """See defs/retention.py."""
    prune_old_runs()


all_jobs: Sequence[Any] = [
    detect_discrepancies_job,
    daily_sync_job,
    pilot_import_job,
    import_missing_job,
    hide_medusa_only_job,
    reconcile_stock_job,
    undo_run_job,
    retention_job,
]
