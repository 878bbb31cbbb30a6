"""Decisions of people: what they change, who is remembered, and the runs that they ask for."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.contracts import dtypes
from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.core.store.audit import Audit, Who
from awin_medusa_pipeline.core.store.run_requests import RunRequests
from awin_medusa_pipeline.decisions import Decider
from awin_medusa_pipeline.defs.build import build_defs
from awin_medusa_pipeline.defs.requests import all_sensors
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline.shops import Shops
from awin_medusa_pipeline.sync.domain.contracts import MedusaOnlyProduct
from awin_medusa_pipeline.sync.domain.operations import Kind
from awin_medusa_pipeline.sync.store.held_plans import HeldPlan, HeldPlans, PlanError, PlanState
from awin_medusa_pipeline.sync.store.ledger import Ledger

SHOP = "http://shop.test"
ROWS = pl.DataFrame([{"product_id": "prod_1", "title": "Lamp"}], schema=dict(dtypes(MedusaOnlyProduct)))
ANNA = Who("anna", "console", "127.0.0.1")


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with App(Settings(awin_medusa_home=str(tmp_path), medusa_backend_url=SHOP)) as opened:
        yield opened


@pytest.fixture
def anna(app: App) -> Decider:
    return Decider(app, ANNA)


def held(app: App, run_id: str = "run-1") -> HeldPlan:
    return HeldPlans(app.database).keep(SHOP, Kind.HIDE, run_id, ROWS, ["too many"], hours=24)


def audit(app: App) -> list[tuple[str, str, str, str | None, str | None]]:
    entries = Audit(app.database).newest(10)
    return [(one.who, one.via, one.action, one.address, one.comment) for one in entries]


def test_an_approved_plan_is_remembered_with_who_and_why_and_asks_for_its_run(app: App, anna: Decider) -> None:
    plan = held(app)
    approved = anna.approve_plan(plan.hash[:8], "  the season is over ")
    request = anna.apply_approved(approved)
    assert [one.state for one in HeldPlans(app.database).all(SHOP)] == [PlanState.APPROVED]
    assert audit(app) == [("anna", "console", "approve_plan", "127.0.0.1", "the season is over")]
    assert request.job == "daily_sync_job"
    assert request.applying == {"dry_run": False, "approve_plan": plan.hash}
    assert request.kinds == ["hide"]
    assert request.requested_by == "anna"


def test_a_rejected_plan_asks_for_no_run(app: App, anna: Decider) -> None:
    plan = held(app)
    anna.reject_plan(plan.hash)
    assert [one.state for one in HeldPlans(app.database).all(SHOP)] == [PlanState.REJECTED]
    assert RunRequests(app.database).waiting() == []


def test_a_plan_is_decided_once(app: App, anna: Decider) -> None:
    plan = held(app)
    anna.reject_plan(plan.hash)
    with pytest.raises(PlanError, match="rejected by anna"):
        Decider(app, Who("ben", "api")).approve_plan(plan.hash)
    assert [entry[0] for entry in audit(app)] == ["anna"]


def test_a_run_to_take_back_is_looked_up_first(app: App, anna: Decider) -> None:
    with pytest.raises(PermanentError, match="no run on"):
        anna.undo("0123abcd")
    assert RunRequests(app.database).waiting() == []
    Ledger(app.database).start_run("0123abcd-0000", shop=SHOP, job="daily_sync_job")
    request = anna.undo("0123")
    assert request.ops == {"undo_run": {"run_id": "0123abcd-0000", "dry_run": False}}


def test_the_sensor_hands_each_request_to_dagster_once(app: App, anna: Decider) -> None:
    anna.sync(dry_run=True, limit=5)
    Ledger(app.database).start_run("0123abcd-0000", shop=SHOP, job="daily_sync_job")
    anna.undo("0123abcd")
    defs = build_defs(Shops.of(app))
    asked = {}
    for sensor in all_sensors:
        context = dg.build_sensor_context(
            repository_def=defs.get_repository_def(), resources={"shops": Shops.of(app)}, sensor_name=sensor.name
        )
        result = sensor.evaluate_tick(context)
        (run,) = result.run_requests or []
        asked[sensor.name] = run
        context = dg.build_sensor_context(
            repository_def=defs.get_repository_def(), resources={"shops": Shops.of(app)}, cursor=result.cursor
        )
        assert not sensor.evaluate_tick(context).run_requests
    sync, undo = asked["sync_request_sensor"], asked["undo_request_sensor"]
    assert sync.run_config["ops"]["imported_products"] == {"config": {"dry_run": True, "limit": 5}}
    assert sync.tags["awin_medusa/request"] == "1"
    assert sync.tags["awin_medusa/shop"] == "default"
    config = {"run_id": "0123abcd-0000", "dry_run": False}
    assert undo.run_config["ops"] == {"undo_run": {"config": config}}
