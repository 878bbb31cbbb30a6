"""The sentence that a person gets for a failed run."""

from collections.abc import Iterator

import dagster as dg
import pytest
from dagster._core.errors import DagsterExecutionInterruptedError

from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.defs.failures import failure_of, how_it_ended


@dg.asset
def refused() -> None:
    raise PermanentError("Reading the shop", "HTTP 401", "Check the key.")


@dg.asset
def stopped() -> None:
    raise dg.Failure("The plan was left early.", allow_retries=False)


@dg.asset
def mistaken() -> None:
    raise KeyError("sku")


@dg.asset
def interrupted() -> None:
    raise DagsterExecutionInterruptedError


def judged(name: str, **words: str) -> dg.AssetsDefinition:
    """Make an asset that ends well and fails its own check."""

    @dg.asset(name=name, check_specs=[dg.AssetCheckSpec("looks_right", asset=name, blocking=True)])
    def made() -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        yield dg.MaterializeResult()
        yield dg.AssetCheckResult(passed=False, **words)

    return made


@pytest.mark.parametrize(
    ("definitions", "step", "error"),
    [
        ([refused], "refused", "Reading the shop: HTTP 401. Check the key."),
        ([stopped], "stopped", "The plan was left early."),
        ([mistaken], "mistaken", "'sku'"),
        (
            [interrupted],
            "interrupted",
            "It was stopped from outside (Ctrl-C, or the machine went down). Run it again: it goes on from there.",
        ),
        ([judged("told", description="3 operations failed.")], "told", "3 operations failed."),
        ([judged("silent")], "silent", "The check looks_right failed."),
    ],
)
def test_failure_is_told_by_step_and_words(definitions: list[dg.AssetsDefinition], step: str, error: str):
    with dg.instance_for_test() as instance:
        result = dg.materialize(definitions, instance=instance, raise_on_error=False)
        failure = failure_of(instance, result.run_id)
    assert (failure.step, failure.error) == (step, error)


@dg.job
def goes_on() -> None:
    """A run of it is made and never started."""


def test_how_a_run_ended():
    with dg.instance_for_test() as instance:
        result = dg.materialize([refused], instance=instance, raise_on_error=False)
        assert how_it_ended(instance, result.run_id) == f"Its run {result.run_id[:8]} ended as failure"
        assert how_it_ended(instance, "nonsense") == "Dagster knows no run nonsense"
        going_on = instance.create_run_for_job(job_def=goes_on)
        assert how_it_ended(instance, going_on.run_id) is None
