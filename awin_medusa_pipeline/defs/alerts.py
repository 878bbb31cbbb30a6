"""What starts by itself when something happens.

What belongs here: sensors; they read and tell, nothing else (Dagster ends one after 60 s).
"""

import dagster as dg

from awin_medusa_pipeline.core.messages import failure_key, failure_message, run_url
from awin_medusa_pipeline.core.store.database import Database, database_url, open_database
from awin_medusa_pipeline.defs.failures import RunFailure, failure_of
from awin_medusa_pipeline.defs.resources import Slack
from awin_medusa_pipeline.settings import Settings


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
    with open_database(database_url(Settings())) as database:
        alert(slack, database, context.dagster_run, failure_of(context.instance, context.dagster_run.run_id))


def alert(slack: Slack, database: Database, run: dg.DagsterRun, failure: RunFailure) -> None:
    """One message for a failed run, however often it is called."""
    settings = Settings()
    message = failure_message(
        job=run.job_name,
        step=failure.step,
        error=failure.error,
        url=run_url(settings.dagster_webserver_url, run.run_id),
        shop=settings.medusa_backend_url,
    )
    slack.tell(database, failure_key(run.run_id), message)
