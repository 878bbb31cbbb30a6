"""Errors as sentences: what was tried, what came back, what to do, and how."""

import pytest

from awin_medusa_pipeline.core.errors import Action, PermanentError, PipelineError, StoreError, TransientError


def error(to_do: str = "List the plans.", *, code: str = "", action: Action | None = None) -> PipelineError:
    return PermanentError("Looking for the plan", "there is none", to_do, code=code, action=action, target="0123")


@pytest.mark.parametrize(
    ("raised", "how", "expected"),
    [
        pytest.param(error(), "", "Looking for the plan: there is none. List the plans.", id="plain"),
        pytest.param(error(code="gone"), "", "Looking for the plan: there is none. List the plans. [gone]", id="code"),
        pytest.param(
            error(action=Action.LIST_PLANS),
            "awin-medusa plans list",
            "Looking for the plan: there is none. List the plans: awin-medusa plans list.",
            id="action",
        ),
        pytest.param(
            error(code="gone", action=Action.LIST_PLANS),
            "plans list",
            "Looking for the plan: there is none. List the plans: plans list. [gone]",
            id="action and code",
        ),
        pytest.param(error("List them"), "x", "Looking for the plan: there is none. List them: x.", id="no full stop"),
    ],
)
def test_sentence(raised: PipelineError, how: str, expected: str) -> None:
    assert raised.sentence(how) == expected
    assert str(raised) == raised.sentence()
    assert how == "" or how not in str(raised)


def test_an_error_keeps_its_parts() -> None:
    raised = error(code="gone", action=Action.LIST_PLANS)
    assert (raised.tried, raised.came_back, raised.to_do) == (
        "Looking for the plan",
        "there is none",
        "List the plans.",
    )
    assert (raised.code, raised.action, raised.target, raised.status) == ("gone", Action.LIST_PLANS, "0123", None)


@pytest.mark.parametrize("kind", [PermanentError, TransientError, StoreError])
def test_every_error_is_a_pipeline_error(kind: type[PipelineError]) -> None:
    raised = kind("Reading the shop", "HTTP 500", "Look at the log.", status=500)
    assert isinstance(raised, PipelineError)
    assert (raised.status, raised.code, raised.action) == (500, "", None)
    assert str(raised) == "Reading the shop: HTTP 500. Look at the log."


def test_a_transient_error_knows_when_to_try_again() -> None:
    assert TransientError("a", "b", "c", retry_after=7.0).retry_after == 7.0
    assert TransientError("a", "b", "c").retry_after is None
