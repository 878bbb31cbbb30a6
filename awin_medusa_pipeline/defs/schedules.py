"""Schedules the nightly jobs, in UTC, and says when their tables are overdue."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import dagster as dg

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.defs.etsy.jobs import etsy_daily_job, etsy_sales_job
from awin_medusa_pipeline.defs.per_shop import name_of, partitions_of
from awin_medusa_pipeline.defs.sync.jobs import daily_sync_job, part_of, retention_job
from awin_medusa_pipeline.shops import Shops
from awin_medusa_pipeline.sync.domain.operations import Kind

NIGHTLY = ("awin_feed", "sync_summary")
LATE, MISSED = timedelta(hours=2), timedelta(hours=5)


def sync_request(context: dg.ScheduleEvaluationContext, app: App) -> dg.RunRequest:
    """Request daily_sync_job with the kinds of SYNC_KINDS applied; the others are only reported."""
    kinds = app.settings.sync_kinds
    if set(kinds) == set(Kind):
        return dg.RunRequest(partition_key=app.shop or None)
    part = part_of(context.repository_def.get_job(daily_sync_job.name), kinds)
    return dg.RunRequest(run_config={"ops": part.ops}, asset_selection=part.keys, partition_key=app.shop or None)


def one_each(context: dg.ScheduleEvaluationContext, apps: Iterable[App]) -> Iterator[dg.RunRequest]:
    """Request a run for each of these shops."""
    for app in apps:
        key = name_of(f"{context.scheduled_execution_time:%Y%m%dT%H%M}", app)
        yield dg.RunRequest(run_key=key, partition_key=app.shop or None)


def all_schedules(shops: Shops) -> list[dg.ScheduleDefinition]:
    """Make the schedules, switched on by default: a shop owner expects the nightly sync without a click."""
    apps = list(shops.values())
    return [
        *(schedule for app in apps for schedule in schedules_of(app)),
        _schedule(
            "etsy_sales_schedule",
            "Every hour: lowers the levels in Medusa by what was sold on Etsy. Off until ETSY_IMPORT_SALES is on.",
            etsy_sales_job,
            # Away from the full hour, at which the syncs of the night begin.
            "40 * * * *",
            lambda context: one_each(context, [app for app in apps if app.settings.etsy_import_sales]),
            on=any(app.settings.etsy_import_sales for app in apps),
        ),
        _schedule(
            "retention_schedule",
            "Each morning: removes reports and runs after 30 days, and the operation log after 400.",
            retention_job,
            # After the nightly sync, before anybody looks at it in the morning.
            "30 5 * * *",
            lambda context: one_each(context, apps),
        ),
    ]


def schedules_of(app: App) -> list[dg.ScheduleDefinition]:
    """Make those whose hour is a setting of the shop."""
    return [
        _schedule(
            name_of("daily_sync_schedule", app),
            "Each night at SYNC_CRON: reads feed and shop, and applies the kinds that SYNC_KINDS names.",
            daily_sync_job,
            app.settings.sync_cron,
            lambda context: sync_request(context, app),
        ),
        _schedule(
            name_of("etsy_daily_schedule", app),
            "Each night at ETSY_CRON: compares the listings on Etsy with Medusa, and asks for a confirmation of what "
            "differs. Off until ETSY_KEYSTRING is set.",
            etsy_daily_job,
            app.settings.etsy_cron,
            lambda _: dg.RunRequest(partition_key=app.shop or None),
            # Without an app at Etsy it would have nothing to do.
            on=bool(app.settings.etsy_keystring),
        ),
    ]


def _schedule(
    name: str, description: str, job: Any, cron: str, requests: Callable[..., Any], *, on: bool = True
) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name=name,
        description=description,
        job_name=job.name,
        execution_fn=requests,
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING if on else dg.DefaultScheduleStatus.STOPPED,
    )


def for_shops(assets: Iterable[object], shops: Shops) -> list[Any]:
    """The assets, with a partition per shop where there are several; those of every night become overdue.

    Late after LATE, missed after MISSED, both after the longest time that SYNC_CRON leaves between two runs. Dagster
    knows one time per asset, whichever shop it was for.
    """
    partitions = partitions_of(shops)
    apart = max(longest_gap(app.settings.sync_cron) for app in shops.values())
    policy = dg.FreshnessPolicy.time_window(fail_window=apart + MISSED, warn_window=apart + LATE)

    def mark(spec: dg.AssetSpec) -> dg.AssetSpec:
        nightly = spec.key.to_user_string() in NIGHTLY
        return spec.replace_attributes(
            partitions_def=partitions, freshness_policy=policy if nightly else spec.freshness_policy
        )

    return [one.map_asset_specs(mark) if isinstance(one, dg.AssetsDefinition) else one for one in assets]


def longest_gap(cron: str) -> timedelta:
    """The longest time between two runs of a schedule, in the next two months.

    Raises PermanentError where it is none.
    """
    start, form = datetime.now(UTC), "%Y-%m-%dT%H:%M"
    try:
        windows = dg.TimeWindowPartitionsDefinition(start=start, fmt=form, cron_schedule=cron)
    except dg.DagsterInvalidDefinitionError:
        to_do = "Correct it: five fields in UTC, such as 0 2 * * * for each night at two."
        raise PermanentError("Reading SYNC_CRON", f"{cron!r} is no time that comes again", to_do) from None
    # To ask for the window of each key takes minutes where a run is due each minute.
    keys = windows.get_partition_keys(current_time=start + timedelta(days=62))
    times = [datetime.strptime(key, form) for key in keys]  # noqa: DTZ007  # all of them are UTC
    return max((later - earlier for earlier, later in pairwise(times)), default=timedelta(days=62))
