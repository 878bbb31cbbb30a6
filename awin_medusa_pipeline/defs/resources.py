"""Provides the resources of assets and ops: the App, and the run on the shop that they belong to.

Both are plain objects, without fields that Dagster would show or store.
"""

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import dagster as dg
from dagster_slack import SlackResource
from slack_sdk import WebClient

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.store.leases import Leases
from awin_medusa_pipeline.core.store.run_requests import RunRequests
from awin_medusa_pipeline.defs.leftovers import remove_leftovers
from awin_medusa_pipeline.defs.per_shop import PARTITION_TAG
from awin_medusa_pipeline.defs.steps import as_failure
from awin_medusa_pipeline.defs.tags import tag_run, tags_of
from awin_medusa_pipeline.defs.taken_up import wait_for_shop
from awin_medusa_pipeline.defs.workers import check_workers
from awin_medusa_pipeline.shops import Shops
from awin_medusa_pipeline.sync.domain.kinds import ASSETS
from awin_medusa_pipeline.sync.engine.runs import SyncRun, is_dry_run, will_apply

IMPLICIT_JOB = "__ASSET_JOB"
"""Dagster's job name for assets materialised by hand."""
APPLIES_TAG = "awin_medusa/applies"
"""On jobs that change the shop unless their config says otherwise."""
REQUEST_TAG = "awin_medusa/request"
"""On the runs that a person asked for: the id of the request."""


def new_shops() -> Shops:
    """Open the shops that the environment describes."""
    return Shops.open(partial(App, slack_client=_slack_client))


def _slack_client(token: str) -> WebClient:
    return SlackResource(token=token).get_client()


def app_of_run(shops: Shops) -> dg.ResourceDefinition:
    """Make the resource that is the App of a run's shop; a run that uses it gives signs of life in the state store."""

    @dg.resource(description="The shop. While a run uses it, the run gives signs of life.")
    def resource(context: dg.InitResourceContext) -> Iterator[App]:
        run = context.run
        assert run is not None  # sensors take all shops
        with as_failure():
            app = shops.choose(run.tags.get(PARTITION_TAG, ""))
            app.take_process()
            if context.instance:
                check_workers(app, context.instance)
            with Leases(app.database).hold_run(run.run_id, job=run.job_name):
                remove_leftovers(app)
                yield app

    return resource


@dg.resource(required_resource_keys={"app"}, description="The run on the shop; a lease that it takes ends with it.")
def sync_run(context: dg.InitResourceContext) -> Iterator[SyncRun]:
    """Make the SyncRun of a Dagster run."""
    app: App = context.resources.app
    run = context.run
    assert run is not None
    if request := run.tags.get(REQUEST_TAG):
        RunRequests(app.database).mark_started(int(request), run.run_id)
    dry_run = is_dry_run(_dry_run_values(run), by_hand=run.job_name.startswith(IMPLICIT_JOB))
    if context.instance:
        tag_run(context.instance, run, tags_of(run, dry_run=dry_run))
        wait_for_shop(app, context.instance, run, time.sleep)
    with as_failure(), app.sync_run(run.run_id, job=run.job_name, dry_run=dry_run) as started:
        yield started


def may_apply(run: dg.DagsterRun) -> bool:
    """Whether a run has an applying asset, be it for a dry run; that asks for a key that may change the shop."""
    selected = {key.to_user_string() for key in run.asset_selection or ()}
    return APPLIES_TAG in run.tags or bool(selected & set(ASSETS)) or bool(_dry_run_values(run) - {None})


def applies(run: dg.DagsterRun) -> bool:
    """Whether a run is going to change the shop; a job started with one click has an empty run config."""
    return will_apply(_dry_run_values(run), by_default=APPLIES_TAG in run.tags)


def _dry_run_values(run: dg.DagsterRun) -> set[bool | None]:
    """Values of dry_run in the run config of all ops; None for ops without it."""
    ops: dict[str, Any] = run.run_config.get("ops") or {}  # type: ignore[assignment]
    return {(op.get("config") or {}).get("dry_run") for op in ops.values()}
