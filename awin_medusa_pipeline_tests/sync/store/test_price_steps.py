"""How prices moved, as the operation log tells it: what was applied to this shop, and what a person approved."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import polars as pl
import sqlalchemy as sa

from awin_medusa_pipeline.core.contracts import dtypes
from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.sync.domain import contracts
from awin_medusa_pipeline.sync.domain.operations import Kind, Operation, Status
from awin_medusa_pipeline.sync.store.held_plans import PROPOSED, HeldPlans
from awin_medusa_pipeline.sync.store.ledger import Ledger, LogEntry, Outcome
from awin_medusa_pipeline.sync.store.price_steps import price_steps

SHOP = "http://shop.test"
NOW = datetime.now(UTC)


def price(amount: str | None) -> dict[str, str | None]:
    return {"price": amount, "currency": "gbp"}


def change(
    database: Database, run_id: str, was: str | None, wanted: str, *, shop: str = SHOP, status: Status = Status.APPLIED
) -> int:
    ledger = Ledger(database)
    ledger.start_run(run_id, shop=shop, job="daily_sync_job")
    operation = Operation("variant_1", price(wanted), price(was), "variant_1")
    (entry,) = ledger.record_intents(run_id, Kind.PRICE, [operation])
    ledger.record_outcomes([Outcome(entry, status)])
    return entry


def read(database: Database, since: datetime = NOW - timedelta(days=30)) -> list[tuple[object, ...]]:
    found = contracts.PriceStep.validate(price_steps(database, SHOP, ["variant_1", "variant_2"], since))
    return found.sort("id").select("before", "after", "approved").rows()


def test_only_what_was_applied_to_this_shop_in_the_window(database: Database) -> None:
    assert read(database) == []
    old = change(database, "run-0", "12", "10")
    with database.writing() as session:
        session.execute(sa.update(LogEntry).where(LogEntry.id == old).values(created_at=NOW - timedelta(days=31)))
    change(database, "run-1", "10", "9")
    change(database, "run-2", "9", "8", shop="http://other.test")
    change(database, "run-3", "9", "8", status=Status.FAILED)
    change(database, "run-4", None, "8.5")
    assert read(database) == [(Decimal(10), Decimal(9), False), (None, Decimal("8.5"), False)]
    assert price_steps(database, SHOP, ["variant_2"], NOW - timedelta(days=30)).is_empty()
    assert price_steps(database, SHOP, [], NOW).schema == pl.Schema(dtypes(contracts.PriceStep))


def test_what_a_person_approved_and_what_a_dry_run_proposed(database: Database) -> None:
    rows = pl.DataFrame(schema=dtypes(contracts.PriceMismatch))
    plans = HeldPlans(database)
    for number, (run_id, proposed) in enumerate((("asked", False), ("proposed", True))):
        change(database, run_id, str(10 - number), str(9 - number))
        plan = plans.keep(SHOP, Kind.PRICE, run_id, rows, [PROPOSED], hours=1, proposed=proposed)
        plans.mark_applied(plan.hash, run_id)
    other = plans.keep(SHOP, Kind.HIDE, "hides", pl.DataFrame(schema=dtypes(contracts.MedusaOnlyProduct)), [], hours=1)
    change(database, "hides", "8", "7")
    plans.mark_applied(other.hash, "hides")
    assert [approved for _, _, approved in read(database)] == [True, False, False]
