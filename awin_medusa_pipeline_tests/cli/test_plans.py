"""What a person sees of held plans."""

import getpass
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.cli.main import app
from awin_medusa_pipeline.cli.terminal import console
from awin_medusa_pipeline.core.contracts import dtypes
from awin_medusa_pipeline.core.store.audit import Audit
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline.sync.domain import contracts
from awin_medusa_pipeline.sync.domain.operations import Kind
from awin_medusa_pipeline.sync.store.held_plans import HeldPlan, HeldPlans

SHOP = "http://127.0.0.1:9"
REASON = "hiding 30 of 60 is more than 10%: check whether the feed is whole [too_many_to_hide]"
TITLE = "[/b] Lamp [red] :car:"


def only_in_shop(number: int) -> dict[str, object]:
    row = dict.fromkeys(contracts.MedusaOnlyProduct.column_names())
    names = {"product_id": f"prod_{number}", "handle": f"lamp-{number}", "title": f"{TITLE} {number}"}
    return row | names | {"status": "published", "loose_match": False}


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HeldPlan]:
    for name, value in {
        "AWIN_MEDUSA_HOME": str(tmp_path),
        "AWIN_MEDUSA_ENV_FILE": str(tmp_path / ".env"),
        "MEDUSA_BACKEND_URL": SHOP,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(console, "width", 200)
    with App(Settings()) as opened:
        database = opened.database
        rows = pl.DataFrame(map(only_in_shop, range(30)), schema=dict(dtypes(contracts.MedusaOnlyProduct)))
        yield HeldPlans(database).keep(SHOP, Kind.HIDE, "run-of-that-night", rows, [REASON], hours=24)


def shown(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["plans", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_list(plan: HeldPlan) -> None:
    told = shown("list")
    assert plan.hash[:12] in told
    assert REASON in told


def test_show_tells_which_products_and_what_to_do(plan: HeldPlan) -> None:
    told = shown("show", plan.hash[:4])
    assert f"hide, 30 rows: {REASON}. To apply it all the same: awin-medusa plans approve {plan.hash[:12]}" in told
    assert told.count(TITLE) == 20
    assert "... and 10 more; all are in the reports of run run-of-t." in told


def test_a_plan_of_before_an_upgrade_is_shown_without_the_columns_that_are_new(plan: HeldPlan) -> None:
    with App(Settings()) as opened, opened.database.writing() as session:
        kept = BytesIO()
        HeldPlans(opened.database).rows(plan).drop("reason").write_parquet(kept)
        session.execute(sa.update(HeldPlan).values(table=kept.getvalue()))
    assert shown("show", plan.hash[:4]).count(TITLE) == 20


def test_a_rejected_plan_says_who_rejected_it(plan: HeldPlan) -> None:
    assert "Rejected: hide, 30 rows." in shown("reject", plan.hash)
    assert "rejected by " in shown("show", plan.hash)
    assert "rejected" in shown("list")
    assert "Forgotten: hide, 30 decisions." in shown("forget", plan.hash)
    assert decided(plan.hash) == [("reject_plan", "no longer"), ("reject_plan", None)]


def test_an_approval_is_recorded_also_where_its_run_fails(plan: HeldPlan) -> None:
    result = CliRunner().invoke(app, ["plans", "approve", plan.hash])
    assert result.exit_code == 1
    assert decided(plan.hash) == [("approve_plan", None)]


def decided(target: str) -> list[tuple[str, str | None]]:
    """What was decided, newest first; all of it at the command line by the user of this machine."""
    with App(Settings()) as opened:
        entries = Audit(opened.database).newest(10, target)
    assert {(one.who, one.via, one.address) for one in entries} == {(getpass.getuser(), "command line", None)}
    return [(one.action, one.comment) for one in entries]
