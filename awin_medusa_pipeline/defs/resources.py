"""What assets and ops reach the outside through: the App, and the run on the shop that they are part of.

Both are plain objects: neither has a field that Dagster would show or store.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster_slack import SlackResource
from slack_sdk import WebClient

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline.sync.engine.runs import SyncRun, is_dry_run, will_apply

IMPLICIT_JOB = "__ASSET_JOB"
"""Dagster's name for a run of assets that no job of ours selects."""
APPLIES_TAG = "awin_medusa/applies"
"""On jobs that change the shop unless their config says otherwise."""


def new_app() -> App:
    """The App of this process, from the environment."""
    return App(Settings(), slack_client=_slack_client)


def _slack_client(token: str) -> WebClient:
    return SlackResource(token=token).get_client()


@dg.resource(required_resource_keys={"app"}, description="The run on the shop; a lease that it takes ends with it.")
def sync_run(context: dg.InitResourceContext) -> Iterator[SyncRun]:
    """The SyncRun of a Dagster run, made by whichever step comes first."""
    app: App = context.resources.app
    run = context.run
    assert run is not None
    asked, by_hand = _dry_runs(run), run.job_name.startswith(IMPLICIT_JOB)
    with app.sync_run(run.run_id, job=run.job_name, dry_run=is_dry_run(asked, by_hand=by_hand)) as started:
        yield started


def applies(run: dg.DagsterRun) -> bool:
    """Whether a run is going to change the shop: started with one click, a job has an empty run config."""
    return will_apply(_dry_runs(run), by_default=APPLIES_TAG in run.tags)


def _dry_runs(run: dg.DagsterRun) -> set[bool | None]:
    """What the run config says of dry_run, over all of its ops."""
    ops: dict[str, Any] = run.run_config.get("ops") or {}  # type: ignore[assignment]
    return {(op.get("config") or {}).get("dry_run") for op in ops.values()}
