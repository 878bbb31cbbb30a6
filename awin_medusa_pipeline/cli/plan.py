"""Runs `awin-medusa plans show`, `reject` and `forget`: the rows of a plan, and the decision not to apply it."""

import getpass
from collections.abc import Mapping
from typing import Any

from rich.table import Table

from awin_medusa_pipeline.cli.application import open_app
from awin_medusa_pipeline.cli.arguments import AsJson, Hash
from awin_medusa_pipeline.cli.documents import plan_document
from awin_medusa_pipeline.cli.terminal import print_json, say, short, show_table
from awin_medusa_pipeline.core.errors import Action
from awin_medusa_pipeline.remedies import command
from awin_medusa_pipeline.sync.domain.kinds import KINDS
from awin_medusa_pipeline.sync.domain.operations import Kind
from awin_medusa_pipeline.sync.store.held_plans import SHOWN, HeldPlan, HeldPlans

SHOWN_ROWS = 20


def show_plan(start: Hash, as_json: AsJson = False) -> None:
    """Show what a plan would do, row by row."""
    with open_app() as opened:
        plans = HeldPlans(opened.database)
        found = plans.find(start)
        if as_json:
            print_json({"plans": [_document(plans, plan) for plan in found]})
            return
        for plan in found:
            _show(plans, plan)


def _document(plans: HeldPlans, plan: HeldPlan) -> Mapping[str, Any]:
    return {**plan_document(plan), "changes": plans.rows(plan).to_dicts()}


def _show(plans: HeldPlans, plan: HeldPlan) -> None:
    say((plan.kind, "bold"), f", {plan.row_count:,} rows: {_decision(plan)}")
    say((plan.hash, "dim"))
    entry = KINDS[Kind(plan.kind)]
    rows = plans.rows(plan).select(entry.key, *(name for name in entry.shown if name != entry.key))
    shown = Table(*(name.replace("_", " ") for name in rows.columns))
    for key, *cells in rows.head(SHOWN_ROWS).iter_rows():
        shown.add_row(str(key), *("" if cell is None else short(cell) for cell in cells))
    show_table(shown)
    if len(rows) > SHOWN_ROWS:
        say(f"... and {len(rows) - SHOWN_ROWS:,} more; all are in the reports of run {plan.run_id[:8]}.")


def reject(start: Hash) -> None:
    """Never apply this plan. Each of its rows stays as it is until what would be written changes."""
    with open_app() as opened:
        plans = HeldPlans(opened.database)
        for plan in plans.find(start):
            plans.reject(plan, getpass.getuser())
            say(f"Rejected: {plan.kind}, {plan.row_count:,} rows.")
    say(f"To be asked again: awin-medusa plans forget {start}")


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
