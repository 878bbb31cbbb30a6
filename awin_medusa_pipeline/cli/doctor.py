"""Runs `awin-medusa doctor`: shows the health of the installation."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.table import Table
from rich.text import Text

from awin_medusa_pipeline.cli.arguments import AsJson
from awin_medusa_pipeline.cli.chosen import chosen_shop
from awin_medusa_pipeline.cli.terminal import Steps, print_json, say, show_table
from awin_medusa_pipeline.defs.health import CRON_RULES, dagster_findings
from awin_medusa_pipeline.health import Finding, State, examine, faults_of
from awin_medusa_pipeline.remedies import command
from awin_medusa_pipeline.shops import Shops

ORDER = (State.FAULT, State.NOTE, State.OK)
COLOURS = {State.OK: "green", State.NOTE: "yellow", State.FAULT: "red"}


def doctor(
    send_test_message: Annotated[
        bool, typer.Option("--send-test-message", help="Also send a message to Slack, to see it arrive.")
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="Also show what is as it should be.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check settings, feed, shop, state store, Slack and Dagster; each fault comes with what to do.

    Faults come first, then what you may want to know. It changes nothing. It downloads the first part of each feed;
    AWIN allows 5 downloads of a feed per hour.
    """
    findings = sorted(examine_all(send_test_message, quiet=as_json), key=lambda finding: ORDER.index(finding.state))
    faults = sum(finding.state is State.FAULT for finding in findings)
    if as_json:
        print_json({"ready": not faults, "findings": [finding_document(finding) for finding in findings]})
        raise typer.Exit(1 if faults else 0)
    shown = [finding for finding in findings if everything or finding.state is not State.OK]
    if shown:
        show_table(findings_table(shown))
    if well := len(findings) - len(shown):
        say(f"{well} more are as they should be; awin-medusa doctor --all shows them.")
    say((f"{faults} to be put right.", "red") if faults else ("Ready for a sync.", "green"))
    raise typer.Exit(1 if faults else 0)


def examine_all(send_test_message: bool, *, quiet: bool = False) -> list[Finding]:
    """Examine everything, Dagster included; with invalid settings, the settings only. `quiet`: without its steps."""
    try:
        shops = Shops.open()
    except ValidationError as error:
        return list(faults_of(error))
    name = chosen_shop.get()
    with shops, nullcontext(_tell_nobody) if quiet else Steps() as steps:
        found: list[Finding] = []
        for app in [shops.choose(name)] if name else shops.values():
            app.take_process()
            more = {} if found else {"Dagster": dagster_findings}
            of_shop = examine(app, steps, send_test_message=send_test_message, rules=CRON_RULES, more=more)
            found += [replace(one, part=f"{app.shop}: {one.part}") if app.shop else one for one in of_shop]
        return found


def _tell_nobody(step: str, state: str) -> None:
    """Show no steps: beside a JSON document nothing is printed."""


def findings_table(findings: Sequence[Finding]) -> Table:
    """Findings as a table."""
    table = Table("part", "state", "found", "what to do")
    for finding in findings:
        state = Text(finding.state, style=COLOURS[finding.state])
        table.add_row(finding.part, state, finding.found, what_to_do(finding))
    return table


def finding_document(finding: Finding) -> Mapping[str, str]:
    """A finding for `--json`."""
    return {"part": finding.part, "state": finding.state, "found": finding.found, "to_do": what_to_do(finding)}


def what_to_do(finding: Finding) -> str:
    """Remedy of a finding, with the command that carries it out."""
    if finding.action is None:
        return finding.to_do
    return f"{finding.to_do.rstrip('.')}: {command(finding.action, finding.target)}"
