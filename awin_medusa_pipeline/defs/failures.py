"""Why a run failed: the step and a sentence, found in Dagster's records.

What belongs here: reading Dagster's events. What does not: who is told (alerts.py, cli/main.py).
"""

import re
from dataclasses import dataclass

import dagster as dg
from dagster import DagsterEventType
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.events.log import EventLogEntry
from dagster._core.execution.plan.objects import StepFailureData
from dagster_shared.error import SerializableErrorInfo


@dataclass(frozen=True)
class RunFailure:
    """The first step that failed, None when the run failed outside of one; and the words of its error."""

    step: str | None
    error: str

    def __str__(self) -> str:
        """`failed at awin_feeds. What was tried: what came back. What to do.`"""
        return f"failed{f' at {self.step}' if self.step else ''}. {self.error}"


def failure_of(instance: dg.DagsterInstance, run_id: str) -> RunFailure:
    """Why this run failed; of a blocking check its description, which Dagster's own error leaves out."""
    kinds = {DagsterEventType.STEP_FAILURE, DagsterEventType.ASSET_CHECK_EVALUATION, DagsterEventType.RUN_FAILURE}
    entries = [record.event_log_entry for record in instance.get_records_for_run(run_id, of_type=kinds).records]
    for entry in entries:
        data = entry.dagster_event.event_specific_data if entry.dagster_event else None
        if isinstance(data, StepFailureData):
            described = _failed_checks(entries, entry.step_key)
            return RunFailure(entry.step_key, described or (sentence(data.error) if data.error else entry.message))
    events = [entry.dagster_event for entry in entries if entry.dagster_event]
    told = [event.message for event in events if event.event_type is DagsterEventType.RUN_FAILURE and event.message]
    return RunFailure(None, next(iter(told), "no error was recorded"))


def how_it_ended(instance: dg.DagsterInstance, run_id: str) -> str | None:
    """How a run ended, without a full stop; None while it may go on."""
    run = instance.get_run_by_id(run_id)
    if run is None:
        return f"Dagster knows no run {run_id}"
    return f"Its run {run_id[:8]} ended as {run.status.value.lower()}" if run.is_finished else None


def sentence(error: SerializableErrorInfo) -> str:
    """The words of what was raised at first, without Dagster's wrapping and the name of the class."""
    while error.cause:
        error = error.cause
    if error.cls_name == DagsterExecutionInterruptedError.__name__:
        return "It was stopped from outside (Ctrl-C, or the machine went down). Run it again: it goes on from there."
    return re.sub(rf"^[\w.]*\b{re.escape(str(error.cls_name))}: ", "", str(error.message).strip())


def _failed_checks(entries: list[EventLogEntry], step: str | None) -> str:
    checks = [entry.asset_check_evaluation for entry in entries if entry.step_key == step]
    return " ".join(
        check.description or f"The check {check.check_name} failed." for check in checks if check and not check.passed
    )
