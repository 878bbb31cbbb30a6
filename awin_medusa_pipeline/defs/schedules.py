"""Schedules the nightly jobs, in UTC."""

from collections.abc import Collection

import dagster as dg

from awin_medusa_pipeline.defs.etsy.jobs import etsy_daily_job
from awin_medusa_pipeline.defs.sync.jobs import daily_sync_job, part_of, retention_job
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline.sync.domain.operations import Kind


def sync_request(context: dg.ScheduleEvaluationContext, kinds: Collection[Kind]) -> dg.RunRequest:
    """Request daily_sync_job with these kinds applied; the others are only reported."""
    if set(kinds) == set(Kind):
        return dg.RunRequest()
    part = part_of(context.repository_def.get_job(daily_sync_job.name), kinds)
    return dg.RunRequest(run_config={"ops": part.ops}, asset_selection=part.keys)


def all_schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """Make the schedules, switched on by default: a shop owner expects the nightly sync without a click."""
    return [
        dg.ScheduleDefinition(
            name="daily_sync_schedule",
            job=daily_sync_job,
            execution_fn=lambda context: sync_request(context, settings.sync_kinds),
            cron_schedule=settings.sync_cron,
            execution_timezone="UTC",
            default_status=dg.DefaultScheduleStatus.RUNNING,
        ),
        dg.ScheduleDefinition(
            name="etsy_daily_schedule",
            job=etsy_daily_job,
            cron_schedule=settings.etsy_cron,
            execution_timezone="UTC",
            # Without an app at Etsy it would have nothing to do.
            default_status=dg.DefaultScheduleStatus.RUNNING
            if settings.etsy_keystring
            else dg.DefaultScheduleStatus.STOPPED,
        ),
        dg.ScheduleDefinition(
            name="retention_schedule",
            job=retention_job,
            # After the nightly sync, before anybody looks at it in the morning.
            cron_schedule="30 5 * * *",
            execution_timezone="UTC",
            default_status=dg.DefaultScheduleStatus.RUNNING,
        ),
    ]
