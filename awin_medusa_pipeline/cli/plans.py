"""Runs `awin-medusa plans`: shows, approves and rejects plans that guards held or dry runs proposed."""

import getpass
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from awin_medusa_pipeline.cli.application import open_app
from awin_medusa_pipeline.cli.sync import approve_and_apply
from awin_medusa_pipeline.cli.terminal import age, console, say, short
from awin_medusa_pipeline.core.errors import Action
from awin_medusa_pipeline.remedies import command
from awin_medusa_pipeline.sync.domain.kinds import KINDS
from awin_medusa_pipeline.sync.domain.operations import Kind
from awin_medusa_pipeline.sync.store.held_plans import SHOWN, HeldPlan, HeldPlans, PlanState

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode="rich")

Hash = Annotated[
    str,
    typer.Argument(
        metavar="HASH",
        help="The plan's hash, or the id of a dry run for all that it proposed; the beginning is enough.",
    ),
]
SHOWN_ROWS = 20


@app.callback()
def plans() -> None:
    """Review plans that a guard held because too much would have changed at once.

    Exactly the rows that you approve are applied; one that has changed since is left out. Plans expire (PLAN_HOURS).
    """


@app.command(name="list")
def list_plans() -> None:
    """List the plans of this shop, newest first."""
    with open_app() as opened:
        found = HeldPlans(opened.database).all(opened.shop_address)
    if not found:
        say("No plan is held.")
        return
    table = Table("hash", "kind", "rows", "state", "made", "why")
    for plan in found:
        expired = plan.state is PlanState.HELD and plan.expires_at <= datetime.now(UTC)
        waiting = "proposed" if plan.proposed and plan.state is PlanState.HELD else str(plan.state)
        state = "expired" if expired else waiting
        rows = f"{plan.row_count:,}"
        table.add_row(plan.hash[:SHOWN], plan.kind, rows, state, age(plan.created_at), "; ".join(plan.reasons))
    console.print(table)


@app.command(name="show")
def show_plan(start: Hash) -> None:
    """Show what a plan would do, row by row."""
    with open_app() as opened:
        plans = HeldPlans(opened.database)
        for plan in plans.find(start):
            _show(plans, plan)


def _show(plans: HeldPlans, plan: HeldPlan) -> None:
    say((plan.kind, "bold"), f", {plan.row_count:,} rows: {_decision(plan)}")
    rows = plans.rows(plan).select(KINDS[Kind(plan.kind)].shown)
    shown = Table(*(name.replace("_", " ") for name in rows.columns))
    for row in rows.head(SHOWN_ROWS).iter_rows():
        shown.add_row(*("" if cell is None else short(cell) for cell in row))
    console.print(shown)
    if len(rows) > SHOWN_ROWS:
        say(f"... and {len(rows) - SHOWN_ROWS:,} more; all are in the reports of run {plan.run_id[:8]}.")


@app.command()
def approve(start: Hash) -> None:
    """Apply a plan: these rows and nothing else, each compared with the shop just before."""
    with open_app() as opened:
        approve_and_apply(opened, start)


@app.command()
def reject(start: Hash) -> None:
    """Never apply this plan. Each of its rows stays as it is until what would be written changes."""
    with open_app() as opened:
        plans = HeldPlans(opened.database)
        for plan in plans.find(start):
            plans.reject(plan, getpass.getuser())
            say(f"Rejected: {plan.kind}, {plan.row_count:,} rows.")
    say(f"To be asked again: awin-medusa plans forget {start}")


@app.command()
def forget(start: Hash) -> None:
    """Forget what was decided on a plan, so that the next sync plans its rows again."""
    with open_app() as opened:
        plans = HeldPlans(opened.database)
        for plan in plans.find(start):
            say(f"Forgotten: {plan.kind}, {plans.forget(plan):,} decisions.")


def _decision(plan: HeldPlan) -> str:
    why = "; ".join(plan.reasons)
    if plan.decided_by:
        return f"{why} ({plan.state} by {plan.decided_by})"
    return f"{why}. To apply it all the same: {command(Action.APPROVE_PLAN, plan.hash[:SHOWN])}"
