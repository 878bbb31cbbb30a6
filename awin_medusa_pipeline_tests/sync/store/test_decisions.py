"""What a person decided about a row holds while the row would write the same, on both databases."""

from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from awin_medusa_pipeline.core.contracts import dtypes
from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.sync.domain import contracts
from awin_medusa_pipeline.sync.domain.kinds import KINDS
from awin_medusa_pipeline.sync.domain.operations import Kind
from awin_medusa_pipeline.sync.store.decisions import Decisions, decisions_on
from awin_medusa_pipeline.sync.store.held_plans import HeldPlan, HeldPlans

SHOP = "http://shop.test"
PRICE: dict[str, Any] = {"currency": "gbp", "price": Decimal("9.9900"), "shop_price": Decimal("20.0000")}


def rows(kind: Kind, *values: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(values), schema=dict(dtypes(contracts.TABLES[KINDS[kind].table])), strict=False)


def keep(database: Database, kind: Kind, frame: pl.DataFrame) -> HeldPlan:
    return HeldPlans(database).keep(SHOP, kind, "run-1", frame, ["why"], hours=24)


@pytest.mark.parametrize(
    ("kind", "decided", "now", "holds"),
    [
        (Kind.PRICE, PRICE, {}, True),
        (Kind.PRICE, PRICE, {"shop_price": Decimal("21.0000")}, True),
        (Kind.PRICE, PRICE, {"price": Decimal("9.9800")}, False),
        (Kind.PRICE, PRICE, {"variant_id": "v2"}, False),
        (Kind.STOCK, {"wanted_level": 0, "level": 5}, {"level": 6}, True),
        (Kind.STOCK, {"wanted_level": 0, "level": 5}, {"wanted_level": 3}, False),
        (Kind.HIDE, {"product_id": "p1", "title": "Bowl"}, {"title": "Vase"}, True),
        (Kind.ADOPT, {"offer_key": "awin:1:a", "title": "Bowl", "price": Decimal(1)}, {"price": Decimal(2)}, True),
        (Kind.ADOPT, {"offer_key": "awin:1:a", "title": "Bowl"}, {"title": "Vase"}, False),
        (Kind.ADOPT, {"offer_key": "awin:1:a", "title": "Bowl"}, {"offer_key": "awin:1:b"}, False),
        (Kind.IMPORT, {"offer_key": "awin:1:a", "name": "Bowl", "price": Decimal(1)}, {"price": Decimal(2)}, True),
        (Kind.CONTENT, {"key": "p1:title", "value": "Bowl"}, {"value": "Vase"}, False),
    ],
)
def test_a_rejection_holds_while_what_would_be_written_stays(
    kind: Kind, decided: dict[str, Any], now: dict[str, Any], holds: bool, database: Database
) -> None:
    first = {KINDS[kind].key: "v1"} | decided
    plan = keep(database, kind, rows(kind, first))
    HeldPlans(database).reject(plan, "ada")
    found = decisions_on(database, SHOP, kind, rows(kind, first | now))
    assert bool(found.rejected) is holds
    assert not found.approved
    assert all("kept by your decision: ada rejected" in sentence for sentence in found.rejected.values())


def test_the_last_decision_counts_and_can_be_forgotten(database: Database) -> None:
    plans, product = HeldPlans(database), rows(Kind.HIDE, {"product_id": "p1"})
    both = rows(Kind.HIDE, {"product_id": "p1"}, {"product_id": "p2"})
    plans.reject(keep(database, Kind.HIDE, product), "ada")
    plan = plans.approve(keep(database, Kind.HIDE, both), "bob")
    assert decisions_on(database, SHOP, Kind.HIDE, both) == Decisions(frozenset({"p1", "p2"}))
    assert decisions_on(database, SHOP, Kind.HIDE, product).approved == {"p1"}
    assert decisions_on(database, "http://other.test", Kind.HIDE, both) == Decisions()
    assert decisions_on(database, SHOP, Kind.RESTORE, rows(Kind.RESTORE, {"product_id": "p1"})) == Decisions()
    assert plans.forget(plan) == 2
    assert decisions_on(database, SHOP, Kind.HIDE, both) == Decisions()
