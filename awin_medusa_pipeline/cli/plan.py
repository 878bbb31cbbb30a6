"""Runs `awin-medusa plans show`: the rows of a plan."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from awin_medusa_pipeline.cli.application import open_app
from awin_medusa_pipeline.cli.arguments import AsJson, Hash
from awin_medusa_pipeline.cli.documents import plan_document
from awin_medusa_pipeline.cli.terminal import print_json, say, short, show_table
from awin_medusa_pipeline.core.errors import Action
from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.remedies import command
from awin_medusa_pipeline.sync.domain.kinds import KINDS
from awin_medusa_pipeline.sync.domain.operations import Kind
from awin_medusa_pipeline.sync.store.plan_list import SHOWN, HeldPlan, PlanList
from awin_medusa_pipeline.sync.store.plan_rows import rows_of

SHOWN_ROWS = 20


def show_plan(start: Hash, as_json: AsJson = False) -> None:
    """Show what a plan would do, row by row."""
    with open_app() as opened:
        database = opened.database
        found = PlanList(database).find(start)
        if as_json:
            print_json({"plans": [_document(database, plan) for plan in found]})
            return
        for plan in found:
            _show(database, plan)


def _document(database: Database, plan: HeldPlan) -> Mapping[str, Any]:
    return {**plan_document(plan), "changes": rows_of(database, plan).to_dicts()}


def _show(database: Database, plan: HeldPlan) -> None:
    say((plan.kind, "bold"), f", {plan.row_count:,} rows: {_decision(plan)}")
    say((plan.hash, "dim"))
    entry = KINDS[Kind(plan.kind)]
    rows = rows_of(database, plan)
    rows = rows.select(entry.key, *(name for name in entry.shown if name != entry.key and name in rows))
    shown = Table(*(name.replace("_", " ") for name in rows.columns))
    for key, *cells in rows.head(SHOWN_ROWS).iter_rows():
        shown.add_row(str(key), *("" if cell is None else short(cell) for cell in cells))
    show_table(shown)
    if len(rows) > SHOWN_ROWS:
        say(f"... and {len(rows) - SHOWN_ROWS:,} more; all are in the reports of run {plan.run_id[:8]}.")


def _decision(plan: HeldPlan) -> str:
    why = "; ".join(plan.reasons)
    if plan.decided_by:
        return f"{why} ({plan.state} by {plan.decided_by})"
    return f"{why}. To apply it all the same: {command(Action.APPROVE_PLAN, plan.hash[:SHOWN])}"
