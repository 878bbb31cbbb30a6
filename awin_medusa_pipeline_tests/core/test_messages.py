"""What every message shares: its lines, its links and Slack's limits."""

import pytest

from awin_medusa_pipeline.core.errors import Action
from awin_medusa_pipeline.core.messages import (
    Hint,
    Line,
    Message,
    duration_text,
    first_lines,
    fit,
    line_text,
    message_payload,
)
from awin_medusa_pipeline_tests.support.payloads import said, within_limits

URL = "http://localhost:3000/runs/abc"


def typed(action: Action, target: str) -> str:
    """How a person carries out an action, in the words of no face in particular."""
    return f"do {action} {target}".rstrip()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Plain.", "Plain."),
        (Hint("To apply it", Action.APPROVE_PLAN, "0123"), "To apply it: do approve_plan 0123"),
        (Hint("See them", Action.LIST_PLANS), "See them: do list_plans"),
    ],
)
def test_line_text(line: Line, expected: str) -> None:
    assert line_text(line, typed) == expected


MESSAGES = [
    pytest.param(Message(":x:", "Lost"), [":x: *Lost*"], id="a title alone"),
    pytest.param(Message(":x:", "a < b", ["c & d"]), ["*a &lt; b*", "c &amp; d"], id="escaped"),
    pytest.param(
        Message(":x:", "Held", [Hint("Approve", Action.APPROVE_PLAN, "01")]), ["do approve_plan 01"], id="hint"
    ),
    pytest.param(Message(":x:", "Lost", ["One", "Two"], URL), ["One\\nTwo", f"<{URL}|Open run>"], id="a link"),
    pytest.param(
        Message("", "<" * 9000, ["head", "<&>" * 9000, "tail"], URL), ["head", "shortened", "tail"], id="long"
    ),
]


@pytest.mark.parametrize(("message", "expected"), MESSAGES)
def test_message_payload(message: Message, expected: list[str]) -> None:
    payload = message_payload(message, typed)
    assert [words for words in expected if words not in said(payload)] == []
    assert (URL in payload["text"]) == (URL in said(payload)) == bool(message.url)
    assert within_limits(payload)


@pytest.mark.parametrize("text", ["", "a" * 100, "&" * 100, "a&" * 5000, "<" * 99 + "z" * 4000])
@pytest.mark.parametrize("limit", [60, 100, 3000])
def test_fit_keeps_entities_whole(text: str, limit: int) -> None:
    fitted = fit(text, limit)
    assert len(fitted) <= limit
    assert fitted.count("&") == fitted.count(";")


def test_first_lines_keeps_the_cause() -> None:
    lines = first_lines("\n\n".join(f"line {number}" for number in range(30))).split("\n")
    assert (lines[0], lines[-1], len(lines)) == ("line 0", "line 29", 13)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.2, "under 1 s"), (1, "1 s"), (60, "1 min"), (3725, "1 h 2 min 5 s"), (59.9, "1 min")],
)
def test_duration_text(seconds: float, expected: str) -> None:
    assert duration_text(seconds) == expected
