"""The sentence that a person gets for a failed run."""

import dagster as dg
import pytest
from dagster._core.errors import DagsterExecutionInterruptedError

from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.defs.failures import failure_of, how_it_ended


@dg.asset
def sound() -> None:
    pass


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


@dg.asset_check(asset=sound, blocking=True)
def looks_right() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=False, description="3 operations failed; see the log.")


@dg.asset_check(asset=sound, blocking=True)
def says_nothing() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=False)


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
        ([sound, looks_right], "sound_looks_right", "3 operations failed; see the log."),
        ([sound, says_nothing], "sound_says_nothing", "The check says_nothing failed."),
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
