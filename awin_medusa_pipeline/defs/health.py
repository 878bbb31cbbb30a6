"""Examines Dagster's part of an installation: its home, its daemon, and the two schedules."""

import time
from collections.abc import Mapping

import dagster as dg

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.errors import Action
from awin_medusa_pipeline.defs.launch import dagster_home
from awin_medusa_pipeline.defs.schedules import schedules_of
from awin_medusa_pipeline.health import Finding, Findings, Rule, State
from awin_medusa_pipeline.settings import Settings

DAEMON_SILENCE = 120  # seconds; its heartbeat comes every 30
VALID_CRON = "0 0 * * *"


def dagster_findings(app: App) -> Findings:
    """Examine the home, and whether a daemon is alive."""
    yield Finding("Dagster", State.OK, f"home: {dagster_home(app)}")
    with dg.DagsterInstance.get() as instance:
        alive = daemon_is_alive(instance)
    if alive:
        yield Finding("Dagster", State.OK, "the daemon is alive: schedules and sensors run")
    else:
        to_do = "Let a service run dagster-daemon, sync by hand, or keep the UI running."
        found = "no daemon is alive: the nightly sync will not start"
        yield Finding("Dagster", State.NOTE, found, to_do, Action.START_UI)


def daemon_is_alive(instance: dg.DagsterInstance) -> bool:
    """Whether a daemon runs, as its heartbeats say."""
    beats = [beat.timestamp for name, beat in instance.get_daemon_heartbeats().items() if name == "SCHEDULER"]
    return max(beats, default=0) > time.time() - DAEMON_SILENCE


def _check_cron(settings: Settings, **others: str) -> None:
    try:
        schedules_of(App(settings.model_copy(update=others)))
    except dg.DagsterError as error:
        raise ValueError(str(error)) from None


CRON_RULES: Mapping[str, Rule] = {
    "sync_cron": lambda settings: _check_cron(settings, etsy_cron=VALID_CRON),
    "etsy_cron": lambda settings: _check_cron(settings, sync_cron=VALID_CRON),
}
