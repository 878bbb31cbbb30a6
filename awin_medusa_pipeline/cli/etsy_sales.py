"""Runs `awin-medusa etsy sales`."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from awin_medusa_pipeline.cli.application import open_app
from awin_medusa_pipeline.cli.arguments import AsJson
from awin_medusa_pipeline.cli.sync import end
from awin_medusa_pipeline.cli.terminal import JobSteps, age, commands, print_json, say, show_table
from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.defs.launch import run_job
from awin_medusa_pipeline.defs.per_shop import ETSY, ONLY
from awin_medusa_pipeline.etsy.domain.sales import BY_HAND
from awin_medusa_pipeline.etsy.store.accounts import EtsyAccount
from awin_medusa_pipeline.etsy.store.sales import EtsySale, EtsySalesCursor
from awin_medusa_pipeline.sync.store.ledger import SALES_JOB


def sales(
    import_now: Annotated[bool, typer.Option("--import", help="Import them first, here and now.")] = False,
    number: Annotated[int, typer.Option(min=1, metavar="N", help="Show N sales of each shop.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List what was sold on Etsy of late, and what became of it in Medusa.

    Sales are imported every hour where ETSY_IMPORT_SALES is on. What stands there in yellow you have to book by hand.
    """
    outcome = None
    with open_app() as app:
        if import_now and not app.etsy.rules.import_sales:
            to_do = "Set ETSY_IMPORT_SALES=true in .env."
            raise PermanentError("Importing the sales on Etsy", "ETSY_IMPORT_SALES is off", to_do)
        if import_now:
            with JobSteps(SALES_JOB) as steps:
                outcome = run_job(app, SALES_JOB, steps, tags={ETSY: app.shop or ONLY})
        of, switched_on = app.etsy.sold, app.etsy.rules.import_sales
        accounts = app.etsy.accounts.active()
        found = {one.id: (of.cursor(one.id), of.recent(one.id, number)) for one in accounts}
    if as_json:
        print_json({"shops": [_document(one, *found[one.id]) for one in accounts]})
    else:
        for account in accounts:
            _show(account, *found[account.id], switched_on=switched_on)
        if not accounts:
            say("No Etsy shop is connected.")
            commands([("awin-medusa etsy connect --import-sales", "connect one, with its orders")])
    if outcome:
        end(outcome)


def _show(account: EtsyAccount, cursor: EtsySalesCursor | None, rows: list[EtsySale], *, switched_on: bool) -> None:
    if cursor is None:
        until = "its sales are not imported" + ("" if switched_on else " (ETSY_IMPORT_SALES is off)")
    else:
        until = f"imported {age(cursor.imported_at)}" if cursor.imported_at else "not imported yet"
    say((account.shop_name, "bold"), f": {until}")
    if not rows:
        return
    table = Table("sold", "order", "product", "pieces", "in Medusa", "why")
    for row in rows:
        state = Text(_state(row), style="yellow" if row.state in BY_HAND else "")
        name = f"{row.title}\n{row.variant}" if row.variant else row.title
        table.add_row(age(row.sold_at), str(row.receipt_id), name, str(row.pieces), state, row.reason or "")
    show_table(table)


def _state(row: EtsySale) -> str:
    return f"{row.state}, {row.taken}" if row.taken not in (0, row.pieces) else str(row.state)


def _document(account: EtsyAccount, cursor: EtsySalesCursor | None, rows: list[EtsySale]) -> Mapping[str, Any]:
    return {
        "shop": account.shop_name,
        "imported_at": cursor.imported_at if cursor else None,
        "sales": [
            {
                "transaction_id": row.transaction_id,
                "receipt_id": row.receipt_id,
                "sold_at": row.sold_at,
                "title": row.title,
                "variant": row.variant,
                "pieces": row.pieces,
                "state": row.state,
                "product_id": row.product_id,
                "variant_id": row.variant_id,
                "taken": row.taken,
                "reason": row.reason,
                "run": row.run_id,
            }
            for row in rows
        ],
    }
