"""Starts the runs that people asked for in the console, by the API, or by approving a plan."""

import json
from typing import Any

import dagster as dg

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.store.run_requests import RunRequest, RunRequests
from awin_medusa_pipeline.defs.per_shop import name_of, of_each, shop_tag
from awin_medusa_pipeline.defs.resources import REQUEST_TAG
from awin_medusa_pipeline.defs.sync.jobs import daily_sync_job, part_of, run_config, undo_run_job
from awin_medusa_pipeline.defs.tags import TRIGGER_TAG, USER_TAG
from awin_medusa_pipeline.shops import Shops
from awin_medusa_pipeline.sync.domain.operations import Kind


def request_sensor(name: str, job: Any) -> dg.SensorDefinition:
    """Make the sensor that starts the requested runs of one job."""

    # By name: Dagster warns of a beta parameter of its own where a sensor holds the job itself.
    @dg.sensor(
        name=name,
        job_name=job.name,
        description=f"Starts {job.name} where a person asked for it: in the console, by the API, or by approving a "
        "plan.",
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=10,
    )
    def sensor(context: dg.SensorEvaluationContext, shops: dg.ResourceParam[Shops]) -> dg.SensorResult:
        """Hand every request to Dagster once: the cursor has the id of the last, and no run key is used twice."""
        last = last_requests(context.cursor)
        asked = of_each(shops, lambda app: RunRequests(app.database).waiting(), context.log)
        waiting = [
            (app, request)
            for app, requests in asked.items()
            for request in requests
            if request.id > last.get(app.shop, 0) and request.job == job.name
        ]
        if not waiting:
            return dg.SensorResult(skip_reason="Nobody asked for a run.")
        repository = context.repository_def
        assert repository is not None
        runs = [_run_request(repository.get_job(job.name), app, request) for app, request in waiting]
        return dg.SensorResult(run_requests=runs, cursor=json.dumps(last | {app.shop: one.id for app, one in waiting}))

    return sensor


def last_requests(cursor: str | None) -> dict[str, int]:
    """The id of each shop's last request; a cursor of an earlier release is that of the only shop."""
    found = json.loads(cursor or "{}")
    return {"": found} if isinstance(found, int) else found


def _run_request(job: dg.JobDefinition, app: App, request: RunRequest) -> dg.RunRequest:
    kinds = [Kind(kind) for kind in request.kinds]
    return dg.RunRequest(
        run_key=name_of(f"request-{request.id}", app),
        partition_key=app.shop or None,
        run_config=run_config(job, request.applying, kinds, request.ops),
        asset_selection=part_of(job, kinds).keys if kinds else None,
        tags=shop_tag(app)
        | request.tags
        | {REQUEST_TAG: str(request.id), TRIGGER_TAG: request.via, USER_TAG: request.requested_by},
    )


all_sensors = [
    request_sensor("sync_request_sensor", daily_sync_job),
    request_sensor("undo_request_sensor", undo_run_job),
]
