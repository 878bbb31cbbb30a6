"""Assembles the Dagster definitions."""

import dagster as dg

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.defs import alerts, checks, lost_runs, requests, schedules
from awin_medusa_pipeline.defs.etsy import assets as etsy
from awin_medusa_pipeline.defs.etsy import decide
from awin_medusa_pipeline.defs.etsy import jobs as jobs_etsy
from awin_medusa_pipeline.defs.etsy import sensors as sensors_etsy
from awin_medusa_pipeline.defs.io_managers import ParquetIOManager
from awin_medusa_pipeline.defs.resources import app_of_run, sync_run
from awin_medusa_pipeline.defs.shown import Links
from awin_medusa_pipeline.defs.sync import applied, awin, discrepancies, jobs, medusa, plans, summary


def build_defs(app: App, **resources: object) -> dg.Definitions:
    """Build all definitions for one installation; `resources` override those below, by key."""
    io_manager = ParquetIOManager(app.tables, Links.of(app))
    return dg.Definitions(
        assets=schedules.with_freshness(
            dg.load_assets_from_modules([awin, medusa, discrepancies, applied, summary, etsy]), app.settings
        ),
        asset_checks=checks.all_checks(),
        jobs=[*jobs.all_jobs, *plans.all_jobs, *jobs_etsy.all_jobs, *decide.all_jobs],
        schedules=schedules.all_schedules(app.settings),
        sensors=[
            alerts.slack_on_run_failure,
            lost_runs.lost_run_sensor,
            *requests.all_sensors,
            *sensors_etsy.all_sensors,
        ],
        resources={"app": app_of_run(app), "sync_run": sync_run, "io_manager": io_manager, **resources},
        # 12 steps in 2.7 s instead of 22 s (measured); polars uses the cores itself.
        executor=dg.in_process_executor,
    )
