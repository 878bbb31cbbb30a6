"""Steps whose failure opens on one sentence, and that all steps of the project are such."""

import ast
import errno
from typing import Any

import dagster as dg
import polars as pl
import pytest

from awin_medusa_pipeline.core.errors import Action, PermanentError, StoreError
from awin_medusa_pipeline.core.tables import Tables
from awin_medusa_pipeline.defs import steps
from awin_medusa_pipeline.defs.io_managers import ParquetIOManager
from awin_medusa_pipeline.defs.shown import Links
from awin_medusa_pipeline_tests.support.places import PACKAGE

FAULT = PermanentError("Reading the shop", "HTTP 401", "Check the key.", action=Action.LIST_PLANS)
SENTENCE = "Reading the shop: HTTP 401. Check the key: awin-medusa plans list."


@steps.asset(group_name="shop")
def refused() -> None:
    raise FAULT


@steps.multi_asset(outs={"one": dg.AssetOut(), "other": dg.AssetOut()})
def both():
    yield dg.Output(1, "one")
    raise FAULT


@steps.asset(group_name="shop")
def stopped() -> None:
    raise steps.StepError(SENTENCE, {"applied": 3})


@dg.resource
def broken(context: dg.InitResourceContext) -> None:
    with steps.as_failure():
        raise StoreError("Reading the shop", "HTTP 401", "Check the key: awin-medusa plans list.")


@steps.asset(group_name="shop")
def lacking(store: dg.ResourceParam[object]) -> None:
    pass


def errors_of(*definitions: dg.AssetsDefinition, **resources: object) -> list[Any]:
    """All errors that Dagster records of a run: of the step, and of the run."""
    with dg.instance_for_test() as instance:
        result = dg.materialize([*definitions], resources=resources, instance=instance, raise_on_error=False)
        assert not result.success
        entries = [record.event_log_entry for record in instance.get_records_for_run(result.run_id).records]
    data = [entry.dagster_event.event_specific_data for entry in entries if entry.dagster_event]
    return [error for one in data if (error := getattr(one, "error", None))]


@pytest.mark.parametrize("definitions", [[refused], [both], [stopped]])
def test_a_failure_of_ours_is_one_sentence(definitions: list[dg.AssetsDefinition]) -> None:
    assert {error.to_string() for error in errors_of(*definitions)} == {SENTENCE}


def test_so_is_one_before_the_first_step() -> None:
    assert {error.to_string() for error in errors_of(lacking, store=broken)} == {SENTENCE}


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(OSError(errno.ENOSPC, "No space left on device", "/srv/home/feed.csv"), id="of ours"),
        pytest.param(pl.exceptions.ComputeError("underlying IO error: No space left on device"), id="of polars"),
        pytest.param(OSError(errno.EROFS, "Read-only file system", "/srv/home/feed.csv"), id="read-only"),
    ],
)
@pytest.mark.parametrize("by_io_manager", [False, True])
def test_a_full_or_read_only_disk_is_one_sentence(error: Exception, by_io_manager: bool) -> None:
    class Broken(Tables):
        def write(self, *_: Any) -> Any:
            raise error

    @steps.asset(group_name="shop")
    def table() -> pl.DataFrame:
        if by_io_manager:
            return pl.DataFrame()
        raise error

    links = Links(shop="http://shop.example", console="http://console.example", etsy=())
    (told, *_) = errors_of(table, io_manager=ParquetIOManager(Broken("/srv/home", {}), links))
    assert told.to_string().startswith("Writing to /")
    assert "\n" not in told.to_string().strip()


def test_a_mistake_in_the_program_keeps_its_stack() -> None:
    @steps.asset(group_name="shop")
    def mistaken() -> None:
        raise KeyError("sku")

    error, *_ = errors_of(mistaken)
    assert error.cause.cls_name == "KeyError"
    assert any("mistaken" in line for line in error.cause.stack)


def test_a_stopped_step_says_what_it_did() -> None:
    with dg.instance_for_test() as instance:
        result = dg.materialize([stopped], instance=instance, raise_on_error=False)
    (event,) = result.get_step_failure_events()
    assert event.step_failure_data.user_failure_data
    assert event.step_failure_data.user_failure_data.metadata["applied"].value == 3


def test_an_op_says_what_started_its_run() -> None:
    @steps.op()
    def done(context: dg.OpExecutionContext) -> None:
        pass

    @dg.job
    def by_hand() -> None:
        done()

    with dg.instance_for_test() as instance:
        run_id = by_hand.execute_in_process(instance=instance).run_id
        run = instance.get_run_by_id(run_id)
    assert run
    assert run.tags["awin_medusa/trigger"] == "command line"


def test_every_step_of_the_project_is_made_so() -> None:
    """Made by Dagster's own decorators, a step would show a stack trace to the shop owner."""
    own = {"asset", "multi_asset", "op", "asset_check", "graph_asset", "Failure"}
    found = [
        f"{path.name}:{node.lineno} dg.{node.attr}"
        for path in sorted((PACKAGE / "defs").rglob("*.py"))
        if path.name != "steps.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "dg"
        if node.attr in own
    ]
    assert found == []
