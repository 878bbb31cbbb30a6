"""Finds in Dagster's records why a run failed, as a sentence."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster import DagsterEventType

FIRST = "first_failure"
"""Metadata of a check: what failed first. Dagster draws descriptions as Markdown, and this is text of others."""


@dataclass(frozen=True)
class RunFailure:
    """The first step that failed (None: the run failed outside a step), and the text of its error."""

    step: str | None
    error: str

    def __str__(self) -> str:
        """The failure as text: `failed at awin_feeds. What was tried: what came back. What to do.`"""
        return f"failed{f' at {self.step}' if self.step else ''}. {self.error}"


def failure_of(instance: dg.DagsterInstance, run_id: str) -> RunFailure:
    """Find why a run failed; for a blocking check, its description, which Dagster's own error leaves out."""
    kinds = {DagsterEventType.STEP_FAILURE, DagsterEventType.ASSET_CHECK_EVALUATION, DagsterEventType.RUN_FAILURE}
    entries = [record.event_log_entry for record in instance.get_records_for_run(run_id, of_type=kinds).records]
    for entry in entries:
        if entry.dagster_event_type is DagsterEventType.STEP_FAILURE and entry.dagster_event:
            error = entry.dagster_event.step_failure_data.error
            checks = _failed_checks(entries, entry.step_key)
            return RunFailure(entry.step_key, checks or (sentence(error) if error else entry.message))
    events = [entry.dagster_event for entry in entries if entry.dagster_event]
    messages = [event.message for event in events if event.event_type is DagsterEventType.RUN_FAILURE]
    return RunFailure(None, next(filter(None, messages), "no error was recorded"))


def how_it_ended(instance: dg.DagsterInstance, run_id: str) -> str | None:
    """How a run ended, without a full stop; None while it may go on."""
    run = instance.get_run_by_id(run_id)
    if run is None:
        return f"Dagster knows no run {run_id}"
    return f"Its run {run_id[:8]} ended as {run.status.value.lower()}" if run.is_finished else None


def sentence(error: Any) -> str:
    """The text of the original error, without Dagster's wrapping and its class name.

    `error`: as Dagster records it, with cause, cls_name and message.
    """
    while error.cause:
        error = error.cause
    if error.cls_name == dg.DagsterExecutionInterruptedError.__name__:
        return "It was stopped from outside (Ctrl-C, or the machine went down). Run it again: it goes on from there."
    return re.sub(rf"^[\w.]*\b{re.escape(str(error.cls_name))}: ", "", str(error.message).strip())


def _failed_checks(entries: Sequence[dg.EventLogEntry], step: str | None) -> str:
    checks = [entry.asset_check_evaluation for entry in entries if entry.step_key == step]
    return " ".join(_check_text(check) for check in checks if check and not check.passed)


def _check_text(check: dg.AssetCheckEvaluation) -> str:
    first = check.metadata.get(FIRST)
    text = check.description or f"The check {check.check_name} failed."
    return f"{text} The first: {first.value}" if first else text
