"""Held plans on both databases: one hash for the same rows, and each decided once."""

import contextlib
from datetime import timedelta
from io import BytesIO

import polars as pl
import pytest
import sqlalchemy as sa

from awin_medusa_pipeline.core.contracts import dtypes
from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.sync.domain.contracts import MedusaOnlyProduct
from awin_medusa_pipeline.sync.domain.operations import Kind
from awin_medusa_pipeline.sync.store.decisions import Decisions, decisions_on
from awin_medusa_pipeline.sync.store.held_plans import HeldPlan, HeldPlans, PlanError, PlanState
from awin_medusa_pipeline_tests.support.clock import NIGHT, Clock

SHOP = "http://shop.test"
ROWS = pl.DataFrame(
    [{"product_id": "prod_1", "title": "Lämp"}, {"product_id": "prod_2", "skus": "a | b"}],
    schema=dict(dtypes(MedusaOnlyProduct)),
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def plans(database: Database, clock: Clock) -> HeldPlans:
    return HeldPlans(database, now=clock)


def keep(plans: HeldPlans, run_id: str = "run-1", rows: pl.DataFrame = ROWS, **more: bool) -> HeldPlan:
    return plans.keep(SHOP, Kind.HIDE, run_id, rows, ["too many"], hours=24, **more)


def test_a_plan_of_before_an_upgrade_lacks_the_columns_that_are_new(plans: HeldPlans, database: Database) -> None:
    plan, old = keep(plans), BytesIO()
    ROWS.drop("feeds_missed").write_parquet(old)
    with database.writing() as session:
        session.execute(sa.update(HeldPlan).values(table=old.getvalue()))
    assert plans.rows(plan).select(ROWS.columns).equals(ROWS)


def test_the_same_rows_are_the_same_plan(plans: HeldPlans, clock: Clock) -> None:
    first = keep(plans)
    clock.now += timedelta(hours=20)
    again = keep(plans, "run-2")
    assert again.hash == first.hash
    assert (again.run_id, again.expires_at) == ("run-2", NIGHT + timedelta(hours=44))
    assert keep(plans, rows=ROWS.reverse()).hash == first.hash
    assert keep(plans, rows=ROWS[:1]).hash != first.hash
    assert len(plans.all(SHOP)) == 2
    (found,) = plans.find(first.hash[:12])
    assert plans.rows(found).equals(ROWS)


def test_an_approved_plan_is_applied_once(plans: HeldPlans) -> None:
    held = keep(plans)
    assert [plan.hash for plan in plans.of_run("run-1")] == [held.hash]
    approved = plans.approve(held, "ada")
    assert (approved.state, approved.decided_by) == (PlanState.APPROVED, "ada")
    assert plans.to_apply(held.hash, Kind.HIDE, "run-2").hash == held.hash
    plans.mark_applied(held.hash, "run-2")
    with pytest.raises(PlanError, match="applied by ada"):
        plans.to_apply(held.hash, Kind.HIDE, "run-3")


def test_a_rejected_plan_stays_rejected_until_it_is_made_anew(plans: HeldPlans) -> None:
    held = keep(plans)
    plans.reject(held, "ada")
    with pytest.raises(PlanError, match="rejected by ada"):
        plans.approve(held, "bob")
    assert keep(plans, "run-2").state is PlanState.HELD
    plans.approve(held, "bob")


def test_a_plan_expires(plans: HeldPlans, clock: Clock) -> None:
    held = keep(plans)
    clock.now += timedelta(hours=24)
    with pytest.raises(PlanError, match="expired"):
        plans.approve(held, "ada")
    assert keep(plans, "run-2").state is PlanState.HELD
    plans.approve(held, "ada")


def test_a_plan_that_was_approved_in_its_last_second_is_applied(plans: HeldPlans, clock: Clock) -> None:
    held = keep(plans)
    clock.now += timedelta(hours=24) - timedelta(seconds=1)
    plans.approve(held, "ada")
    clock.now += timedelta(minutes=5)
    assert plans.to_apply(held.hash, Kind.HIDE, "run-2").hash == held.hash
    clock.now += timedelta(hours=12)
    with pytest.raises(PlanError, match="expired"):
        plans.to_apply(held.hash, Kind.HIDE, "run-3")


@pytest.mark.parametrize(
    ("start", "kind", "why"),
    [
        ("0000", Kind.HIDE, "there is none"),
        ("", Kind.HIDE, "at least 4 letters"),
        ("000", Kind.HIDE, "at least 4 letters"),
        (None, Kind.STOCK, "it is a plan to hide"),
    ],
)
def test_what_cannot_be_applied(plans: HeldPlans, start: str | None, kind: Kind, why: str) -> None:
    held = keep(plans)
    with pytest.raises(PlanError, match=why):
        plans.to_apply(held.hash if start is None else start, kind, "ada")


def test_old_plans_are_pruned(plans: HeldPlans) -> None:
    keep(plans)
    assert plans.prune(NIGHT + timedelta(hours=24)) == 0
    assert plans.prune(NIGHT + timedelta(hours=25)) == 1


def test_all_that_a_dry_run_proposed_is_found_by_its_id(plans: HeldPlans, database: Database) -> None:
    held, proposed = keep(plans, "run-a"), keep(plans, "run-a", proposed=True)
    assert held.hash != proposed.hash
    assert [plan.hash for plan in plans.find("run-a")] == [proposed.hash]
    assert [plan.hash for plan in plans.of_run("run-a")] == [held.hash], "nothing holds what was only proposed"
    assert plans.to_apply("run-a", Kind.HIDE, "ada").state is PlanState.APPROVED
    assert decisions_on(database, SHOP, Kind.HIDE, ROWS) == Decisions(), "it was no question"
    assert plans.proposed_by("run-a") == []
    keep(plans, "run-b", ROWS[:1], proposed=True)
    newest = keep(plans, "run-c", ROWS[1:], proposed=True)
    assert {plan.hash for plan in plans.all(SHOP)} == {held.hash, proposed.hash, newest.hash}, "the one between is gone"
    with pytest.raises(PlanError, match="more than one"):
        plans.find("run-")


def test_lists_and_searches_leave_the_rows_in_the_store(database: Database) -> None:
    """Thirty plans of 20,000 rows are some hundred megabytes; measured without them: milliseconds."""
    asked: list[str] = []
    engine = database._engine
    sa.event.listen(engine, "before_cursor_execute", lambda _, __, statement, *___: asked.append(statement))
    plans = HeldPlans(database)
    for read in (plans.all, plans.of_run, plans.proposed_by, plans.waiting, plans.find):
        with contextlib.suppress(PlanError):
            read("http://shop")
    about_plans = [statement for statement in asked if "sync_held_plans" in statement]
    assert len(about_plans) == 5
    assert [statement for statement in about_plans if '"table"' in statement] == []
