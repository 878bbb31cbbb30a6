"""awin-medusa plans: what a guard held back, and deciding on it.

What belongs here: options, and what is shown. What does not: keeping and applying plans (sync/store/, sync/engine/).
"""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from awin_medusa_pipeline.cli.runs import run_sync
from awin_medusa_pipeline.cli.terminal import age, console, say, short
from awin_medusa_pipeline.settings import Settings

if TYPE_CHECKING:
    from awin_medusa_pipeline.sync.store.held_plans import HeldPlans

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")

Hash = Annotated[str, typer.Argument(metavar="HASH", help="The plan's hash, or the beginning of it.")]
SHOWN_ROWS = 20
ASSETS = {
    "import": "imported_products",
    "hide": "hidden_products",
    "restore": "restored_products",
    "stock": "stock_updates",
    "price": "price_updates",
    "content": "content_updates",
}
COLUMNS = {
    "import": ("sku", "title", "price", "currency", "wanted_level"),
    "hide": ("handle", "title", "skus"),
    "restore": ("handle", "title"),
    "stock": ("sku", "level", "wanted_level", "reason"),
    "price": ("sku", "currency", "shop_price", "price", "change_percent"),
    "content": ("handle", "field", "shop_value", "value"),
}
"""What tells a person which product it is, and what would change."""


@app.callback()
def plans() -> None:
    """Plans that a guard held: too much would have changed at once.

    What you approve is exactly what is applied; a row that has changed since is left out. A plan expires (PLAN_HOURS).
    """


@app.command(name="list")
def list_plans() -> None:
    """The plans of this shop, newest first."""
    with _held_plans() as held:
        found = held.all(Settings().medusa_backend_url or "")
    if not found:
        say("No plan is held.")
        return
    table = Table("hash", "kind", "rows", "state", "made", "why")
    for plan in found:
        over = plan.state == "held" and plan.expires_at <= datetime.now(UTC)
        state = "expired" if over else str(plan.state)
        rows = f"{len(plan.rows):,}"
        table.add_row(plan.hash[:12], plan.kind, rows, state, age(plan.created_at), "; ".join(plan.reasons))
    console.print(table)


@app.command(name="show")
def show_plan(start: Hash) -> None:
    """What a plan would do, row by row."""
    from awin_medusa_pipeline.sync.engine.held import rows_of, told

    with _held_plans() as held:
        plan = held.find(start)
    say((plan.kind, "bold"), f", {len(plan.rows):,} rows: {told(plan)}")
    rows = rows_of(plan).select(COLUMNS[plan.kind])
    table = Table(*(name.replace("_", " ") for name in rows.columns))
    for row in rows.head(SHOWN_ROWS).iter_rows():
        table.add_row(*("" if cell is None else short(cell) for cell in row))
    console.print(table)
    if len(rows) > SHOWN_ROWS:
        say(f"... and {len(rows) - SHOWN_ROWS:,} more; all are in the reports of run {plan.run_id[:8]}.")


@app.command()
def approve(start: Hash) -> None:
    """Apply a plan: these rows and nothing else, each looked at again just before."""
    with _held_plans() as held:
        plan = held.approve(start, getpass.getuser())
    run_sync({"dry_run": False, "approve_plan": plan.hash}, only=ASSETS[plan.kind])


@app.command()
def reject(start: Hash) -> None:
    """Never apply this plan; the same rows stay held without another message."""
    with _held_plans() as held:
        plan = held.reject(start, getpass.getuser())
    say(f"Rejected: {plan.kind}, {len(plan.rows):,} rows.")


@contextmanager
def _held_plans() -> "Iterator[HeldPlans]":
    from awin_medusa_pipeline.core.store.database import database_url, open_database
    from awin_medusa_pipeline.sync.store.held_plans import HeldPlans

    with open_database(database_url(Settings())) as database:
        yield HeldPlans(database)
