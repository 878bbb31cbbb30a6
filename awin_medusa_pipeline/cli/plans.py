"""Runs `awin-medusa plans list`: the plans that guards held or dry runs proposed."""

from datetime import UTC, datetime

from rich.table import Table

from awin_medusa_pipeline.cli.application import open_app
from awin_medusa_pipeline.cli.arguments import AsJson
from awin_medusa_pipeline.cli.documents import plan_document
from awin_medusa_pipeline.cli.terminal import age, print_json, say, show_table
from awin_medusa_pipeline.sync.store.plan_list import SHOWN, HeldPlan, PlanList, PlanState


def list_plans(as_json: AsJson = False) -> None:
    """List the plans of this shop, newest first."""
    with open_app() as opened:
        found = PlanList(opened.database).all(opened.shop_address)
    if as_json:
        print_json({"plans": [plan_document(plan) for plan in found]})
        return
    if not found:
        say("No plan is held.")
        return
    table = Table("hash", "kind", "rows", "state", "made", "why")
    for plan in found:
        rows = f"{plan.row_count:,}"
        table.add_row(plan.hash[:SHOWN], plan.kind, rows, _state(plan), age(plan.created_at), "; ".join(plan.reasons))
    show_table(table)


def _state(plan: HeldPlan) -> str:
    if plan.state is not PlanState.HELD:
        return str(plan.state)
    if plan.expires_at <= datetime.now(UTC):
        return "expired"
    return "proposed" if plan.proposed else "held"
