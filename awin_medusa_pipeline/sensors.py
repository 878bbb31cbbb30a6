"""What starts by itself when something happens.

What belongs here: sensors; they read and tell, nothing else (Dagster ends one after 60 s).
"""

import dagster as dg
from dagster._utils.error import SerializableErrorInfo

from awin_medusa_pipeline.messages import failure_message, run_url
from awin_medusa_pipeline.resources import Slack
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline.store.database import Database, database_url, open_database


@dg.run_failure_sensor(
    name="slack_on_run_failure",
    description="Tells Slack of every failed run: the step and the error's first lines.",
    # Without it, runs of Dagster's command line are never seen (measured).
    monitor_all_code_locations=True,
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=15,
)
def slack_on_run_failure(context: dg.RunFailureSensorContext, slack: Slack) -> None:
    """Dagster calls it once a run and never again, so the message goes by the outbox."""
    events = context.get_step_failure_events()
    first = events[0] if events else None
    error = first.step_failure_data.error if first else None
    with open_database(database_url(Settings())) as database:
        alert(
            slack,
            database,
            context.dagster_run,
            step=first.step_key if first else None,
            error=sentence(error) if error else context.failure_event.message or "no error was recorded",
        )


def alert(slack: Slack, database: Database, run: dg.DagsterRun, *, step: str | None, error: str) -> None:
    """One message for a failed run, however often it is called."""
    settings = Settings()
    url = run_url(settings.dagster_webserver_url, run.run_id)
    message = failure_message(job=run.job_name, step=step, error=error, url=url, shop=settings.medusa_backend_url)
    slack.tell(database, f"failure-{run.run_id}", message)


def sentence(error: SerializableErrorInfo) -> str:
    """The words of what an asset raised, without Dagster's wrapping and the name of the class."""
    while error.cause:
        error = error.cause
    return str(error.message).strip().removeprefix(f"{error.cls_name}: ").removeprefix("dagster._core.errors.")
