"""Turns our errors into Dagster failures that read as a sentence, and finds in Dagster's records why a run failed."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster import DagsterEventType

from awin_medusa_pipeline.core.errors import PipelineError
from awin_medusa_pipeline.remedies import sentence as full_sentence


@dataclass(frozen=True)
class RunFailure:
    """The first step that failed (None: the run failed outside a step), and the text of its error."""

    step: str | None
    error: str

    def __str__(self) -> str:
        """The failure as text: `failed at awin_feeds. What was tried: what came back. What to do.`"""
        return f"failed{f' at {self.step}' if self.step else ''}. {self.error}"


@contextmanager
def as_failure() -> Iterator[None]:
    """Raise dg.Failure for our errors, with the command that helps; a stack trace is no use to a shop owner."""
    try:
        yield
    except PipelineError as error:
        raise dg.Failure(full_sentence(error), allow_retries=False) from None


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
    return " ".join(
        check.description or f"The check {check.check_name} failed." for check in checks if check and not check.passed
    )
