"""Runs `awin-medusa doctor`: shows the health of the installation."""

from collections.abc import Sequence
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.table import Table
from rich.text import Text

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.cli.terminal import Steps, console, say
from awin_medusa_pipeline.defs.health import CRON_RULES, dagster_findings
from awin_medusa_pipeline.health import Finding, State, examine, faults_of
from awin_medusa_pipeline.remedies import command
from awin_medusa_pipeline.settings import Settings

COLOURS = {State.OK: "green", State.NOTE: "yellow", State.FAULT: "red"}


def doctor(
    send_test_message: Annotated[
        bool, typer.Option("--send-test-message", help="Also send a message to Slack, to see it arrive.")
    ] = False,
) -> None:
    """Check settings, feed, shop, state store, Slack and Dagster; each fault comes with what to do.

    It changes nothing. It downloads the first part of each feed; AWIN allows 5 downloads of a feed per hour.
    """
    findings = examine_all(send_test_message)
    console.print(findings_table(findings))
    faults = sum(finding.state is State.FAULT for finding in findings)
    say((f"{faults} to be put right.", "red") if faults else ("Ready for a sync.", "green"))
    raise typer.Exit(1 if faults else 0)


def examine_all(send_test_message: bool) -> list[Finding]:
    """Examine everything, Dagster included; with invalid settings, the settings only."""
    try:
        settings = Settings()
    except ValidationError as error:
        return list(faults_of(error))
    with App(settings) as app, Steps() as steps:
        more = {"Dagster": dagster_findings}
        return list(examine(app, steps, send_test_message=send_test_message, rules=CRON_RULES, more=more))


def findings_table(findings: Sequence[Finding]) -> Table:
    """Findings as a table."""
    table = Table("part", "state", "found", "what to do")
    for finding in findings:
        state = Text(finding.state, style=COLOURS[finding.state])
        table.add_row(finding.part, state, finding.found, what_to_do(finding))
    return table


def what_to_do(finding: Finding) -> str:
    """Remedy of a finding, with the command that carries it out."""
    if finding.action is None:
        return finding.to_do
    return f"{finding.to_do.rstrip('.')}: {command(finding.action, finding.target)}"
