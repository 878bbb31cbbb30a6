"""Schedules the nightly jobs, in UTC, and says when their tables are overdue."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import dagster as dg

from awin_medusa_pipeline.defs.etsy.jobs import etsy_daily_job, etsy_sales_job
from awin_medusa_pipeline.defs.sync.jobs import daily_sync_job, part_of, retention_job
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline.sync.domain.operations import Kind

NIGHTLY = ("awin_feed", "sync_summary")
LATE, MISSED = timedelta(hours=2), timedelta(hours=5)


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
            description="Each night at SYNC_CRON: reads feed and shop, and applies the kinds that SYNC_KINDS names.",
            job=daily_sync_job,
            execution_fn=lambda context: sync_request(context, settings.sync_kinds),
            cron_schedule=settings.sync_cron,
            execution_timezone="UTC",
            default_status=dg.DefaultScheduleStatus.RUNNING,
        ),
        dg.ScheduleDefinition(
            name="etsy_daily_schedule",
            description="Each night at ETSY_CRON: compares the listings on Etsy with Medusa, and asks for a "
            "confirmation of what differs. Off until ETSY_KEYSTRING is set.",
            job=etsy_daily_job,
            cron_schedule=settings.etsy_cron,
            execution_timezone="UTC",
            # Without an app at Etsy it would have nothing to do.
            default_status=dg.DefaultScheduleStatus.RUNNING
            if settings.etsy_keystring
            else dg.DefaultScheduleStatus.STOPPED,
        ),
        dg.ScheduleDefinition(
            name="etsy_sales_schedule",
            description="Every hour: lowers the levels in Medusa by what was sold on Etsy. Off until "
            "ETSY_IMPORT_SALES is on.",
            job=etsy_sales_job,
            # Away from the full hour, at which the syncs of the night begin.
            cron_schedule="40 * * * *",
            execution_timezone="UTC",
            default_status=dg.DefaultScheduleStatus.RUNNING
            if settings.etsy_import_sales
            else dg.DefaultScheduleStatus.STOPPED,
        ),
        dg.ScheduleDefinition(
            name="retention_schedule",
            description="Each morning: removes reports and runs after 30 days, and the operation log after 400.",
            job=retention_job,
            # After the nightly sync, before anybody looks at it in the morning.
            cron_schedule="30 5 * * *",
            execution_timezone="UTC",
            default_status=dg.DefaultScheduleStatus.RUNNING,
        ),
    ]


def with_freshness(assets: Iterable[object], settings: Settings) -> list[Any]:
    """The assets, of which those of every night are marked as overdue when a night is missed.

    Late after LATE, missed after MISSED, both after the longest time that SYNC_CRON leaves between two runs.
    """
    apart = longest_gap(settings.sync_cron)
    policy = dg.FreshnessPolicy.time_window(fail_window=apart + MISSED, warn_window=apart + LATE)

    def mark(spec: dg.AssetSpec) -> dg.AssetSpec:
        nightly = spec.key.to_user_string() in NIGHTLY
        return spec.replace_attributes(freshness_policy=policy) if nightly else spec

    return [one.map_asset_specs(mark) if isinstance(one, dg.AssetsDefinition) else one for one in assets]


def longest_gap(cron: str) -> timedelta:
    """The longest time between two runs of a schedule, in the next two months."""
    start = datetime.now(UTC)
    windows = dg.TimeWindowPartitionsDefinition(start=start, fmt="%Y-%m-%dT%H:%M", cron_schedule=cron)
    keys = windows.get_partition_keys(current_time=start + timedelta(days=62))
    times = [windows.time_window_for_partition_key(key).start for key in keys]
    return max((later - earlier for earlier, later in pairwise(times)), default=timedelta(days=62))
