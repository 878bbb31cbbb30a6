"""The first change of a shop, from the command line: shown, asked about, and carried out exactly."""

import os
from pathlib import Path
from typing import Any

import pytest

from awin_medusa_pipeline.sandbox import Sandbox
from awin_medusa_pipeline.sync.store.ledger import Ledger
from awin_medusa_pipeline_tests.end_to_end.test_own_products import hidden, make
from awin_medusa_pipeline_tests.support.command_line import run
from awin_medusa_pipeline_tests.support.feeds import row, write_rows
from awin_medusa_pipeline_tests.support.pipeline import Pipeline
from awin_medusa_pipeline_tests.support.plain import products_in

ASKED = "This shop has not been changed by this program yet."


@pytest.fixture
def bowls(pipeline: Pipeline, sandbox: Sandbox, tmp_path: Path) -> Pipeline:
    """A shop with three bowls made by hand, and a feed of twelve kettles."""
    pipeline.environment.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    pipeline.environment.setenv("AWIN_MEDUSA_ENV_FILE", str(tmp_path / "none"))
    for number in range(3):
        make(sandbox.shop, f"Bowl of clay {number}", f"clay-{number}", 30, level=2)
    write_rows(sandbox.feed_file, *(row(f"a{number:02}") for number in range(12)))
    return pipeline


def last(pipeline: Pipeline) -> Any:
    with pipeline.database() as database:
        return Ledger(database).recent_runs(os.environ["MEDUSA_BACKEND_URL"], 1)[0]


def test_the_first_change_is_shown_asked_about_and_exactly_that(bowls: Pipeline, sandbox: Sandbox) -> None:
    asked = run("sync", "--pilot", "10")
    assert asked.exit_code == 1
    lines = asked.output.splitlines()
    assert "3 published products are in no feed." in lines
    assert {"import: 10", "import: 2 skipped: beyond the limit of 10"} <= set(lines)
    assert any(line.startswith("  Kettle a09 ") and line.endswith("10 GBP, 10 in stock") for line in lines)
    assert any(line.startswith("  Bowl of clay 2 ") and line.endswith("published -> draft") for line in lines)
    assert ASKED in lines
    assert len(products_in(sandbox.shop)) == 3, "nothing was changed"
    shown = last(bowls).run_id

    write_rows(sandbox.feed_file, *(row(f"a{number:02}", search_price="11.00") for number in range(12)), row("new"))
    approved = run("plans", "approve", shown[:8])
    assert approved.exit_code == 0, approved.output
    made = {handle: product for handle, product in products_in(sandbox.shop).items() if handle.startswith("kettle")}
    assert len(made) == 10
    assert {price["amount"] for one in made.values() for price in one["variants"][0]["prices"]} == {10}, "as shown"
    assert hidden(sandbox.shop) == set(), "what waited for a decision still waits"
    again = run("plans", "approve", shown[:8])
    assert again.exit_code == 1
    assert "it is applied by" in again.output

    later = run("sync")
    assert ASKED not in later.output
    assert later.exit_code == 0, later.output
    assert len(products_in(sandbox.shop)) == 3 + 13


def test_yes_asks_nothing_and_the_last_run_is_undone_by_name(bowls: Pipeline, sandbox: Sandbox) -> None:
    assert run("undo", "--last").exit_code == 1, "nothing was changed yet"
    changed = run("sync", "--yes")
    assert ASKED not in changed.output
    assert len(products_in(sandbox.shop)) == 3 + 12
    before = products_in(sandbox.shop)
    looked = run("undo", "--last", "--dry-run")
    assert looked.exit_code == 0, looked.output
    assert any(
        line.startswith("  Kettle a00 ") and line.endswith("published -> draft") for line in looked.output.splitlines()
    )
    assert products_in(sandbox.shop) == before
    undone = run("undo", "--last")
    assert "hide: 12 applied" in undone.output
    assert len(hidden(sandbox.shop)) == 12
    assert run("undo").exit_code == 2
