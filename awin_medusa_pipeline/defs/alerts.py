"""Sends every failed run to Slack."""

import dagster as dg

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.messages import (
    SECTION_LIMIT,
    TITLE_LIMIT,
    Payload,
    first_lines,
    fit,
    link,
    payload,
    section,
)
from awin_medusa_pipeline.defs.failures import RunFailure, failure_of
from awin_medusa_pipeline.defs.per_shop import app_of
from awin_medusa_pipeline.shops import Shops


@dg.run_failure_sensor(
    name="slack_on_run_failure",
    description="Sends every failed run to Slack: the step and the first lines of the error.",
    # Without it, the sensor never sees runs of Dagster's command line (measured).
    monitor_all_code_locations=True,
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=15,
)
def slack_on_run_failure(context: dg.RunFailureSensorContext, shops: dg.ResourceParam[Shops]) -> None:
    """Send the alert through the outbox: Dagster calls a sensor once per run, even when it fails."""
    # A run may be of no shop: of another project, or launched without one.
    app = app_of(shops, context.dagster_run) or shops.common
    alert(app, context.dagster_run, failure_of(context.instance, context.dagster_run.run_id))


def alert(app: App, run: dg.DagsterRun, failure: RunFailure) -> None:
    """Send one message per failed run, however often this is called."""
    message = failure_message(
        job=run.job_name,
        step=failure.step,
        error=failure.error,
        url=app.run_url(run.run_id),
        shop=app.settings.medusa_backend_url,
    )
    app.notify(failure_key(run.run_id), message)


def failure_key(run_id: str) -> str:
    """Outbox dedupe key for a failed run: the first sender wins, so a detailed message can replace the generic one."""
    return f"failure-{run_id}"


def failure_message(*, job: str, step: str | None, error: str, url: str, shop: str | None = None) -> Payload:
    """Build the message about a failed run: job, step and the first lines of the error."""
    title = f"{job} failed" + (f" on {shop}" if shop else "") + (f" at step {step}" if step else "")
    short = first_lines(error)
    # A fence inside the error would end the block early.
    quoted = fit(short.replace("```", "'''"), SECTION_LIMIT - 8)
    blocks = [section(f":rotating_light: *{fit(title, TITLE_LIMIT)}*"), section(f"```\n{quoted}\n```")]
    return payload([title, short], blocks, link(url), url)
