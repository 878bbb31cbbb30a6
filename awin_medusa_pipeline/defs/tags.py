"""Tags runs with what they do and what started them, and names who decides in a run."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from awin_medusa_pipeline.core.store.audit import Who
from awin_medusa_pipeline.sync.store.held_plans import SHOWN

TRIGGER_TAG = "awin_medusa/trigger"
"""schedule, sensor, hand, command line; of a requested run the face where it was asked for."""
MODE_TAG = "awin_medusa/mode"
"""detect, dry_run, pilot or apply."""
PLAN_TAG = "awin_medusa/plan"
"""The plan that is applied or decided on: the beginning of its hash, or of the run that proposed it."""
UNDOES_TAG = "awin_medusa/undoes"
"""The run that is taken back, as it was named."""
ETSY_JOB_TAG = "awin_medusa/transaction"
"""The Etsy job that is requested or decided on."""
USER_TAG = "user"
"""Where Dagster knows who started a run: Dagster+ does, and the console adds the name of who is logged in."""

_BY_TAG = {"dagster/schedule_name": "schedule", "dagster/sensor_name": "sensor", "dagster/from_ui": "hand"}


def trigger_of(run: dg.DagsterRun) -> str:
    """What started a run, a word of TRIGGER_TAG."""
    found = [word for tag, word in _BY_TAG.items() if tag in run.tags]
    # Only Dagster's web server and its daemon know where the code of a run is loaded from.
    otherwise = "hand" if run.remote_job_origin else "command line"
    return run.tags.get(TRIGGER_TAG) or (found[0] if found else otherwise)


def tag_run(instance: dg.DagsterInstance, run: dg.DagsterRun, tags: Mapping[str, str]) -> None:
    """Tag a run with its trigger and these; a tag without a value is left out."""
    wanted = {TRIGGER_TAG: trigger_of(run), **tags}
    if new := {name: value for name, value in wanted.items() if value and run.tags.get(name) != value}:
        instance.add_run_tags(run.run_id, new)


def tags_of(run: dg.DagsterRun, *, dry_run: bool) -> dict[str, str]:
    """What a run on the shop does, from its config; with an empty one its job's own tags stand."""
    configs = [op.get("config") or {} for op in _ops(run).values()]
    return {
        MODE_TAG: _mode(configs, dry_run=dry_run),
        PLAN_TAG: ", ".join(
            sorted({config["approve_plan"][:SHOWN] for config in configs if config.get("approve_plan")})
        ),
        UNDOES_TAG: ", ".join(config["run_id"] for config in configs if config.get("run_id")),
    }


def _mode(configs: list[dict[str, Any]], *, dry_run: bool) -> str:
    if dry_run:
        return "dry_run"
    if any(config.get("limit") for config in configs):
        return "pilot"
    return "apply" if any(config.get("dry_run") is False for config in configs) else ""


def decider_in(run: dg.DagsterRun) -> Who:
    """Who decides in a run: the user where Dagster knows one, else what started it."""
    by = run.tags.get(USER_TAG) or {"hand": "Dagster UI"}.get(trigger_of(run), trigger_of(run))
    return Who(f"{by} (run {run.run_id[:8]})", via="dagster")


def _ops(run: dg.DagsterRun) -> dict[str, Any]:
    ops: dict[str, Any] = run.run_config.get("ops") or {}  # type: ignore[assignment]
    return ops
