"""The words to the shop owner: what they say, and Slack's limits."""

import json
from typing import Any

import pytest

from awin_medusa_pipeline.core.messages import (
    BLOCK_LIMIT,
    SECTION_LIMIT,
    TEXT_LIMIT,
    duration_text,
    failure_message,
    first_lines,
    fit,
    run_url,
    sync_message,
)

URL = "http://localhost:3000/runs/abc"
NOTHING = {"planned": 0, "applied": 0, "unchanged": 0, "skipped": 0, "held": 0, "failed": 0}
SUMMARY: dict[str, Any] = {
    "feed_rows": 5000,
    "missing_in_medusa": 1234,
    "medusa_only": 3,
    "stock_mismatches": 25,
    "import": NOTHING | {"planned": 1234, "applied": 1234},
    "hide": NOTHING,
}


def said(payload: dict[str, Any]) -> str:
    return json.dumps(payload["blocks"], ensure_ascii=False)


def within_limits(payload: dict[str, Any]) -> bool:
    sections = [block["text"]["text"] for block in payload["blocks"] if block["type"] == "section"]
    short = all(0 < len(text) <= SECTION_LIMIT for text in sections)
    return short and len(payload["blocks"]) <= BLOCK_LIMIT and len(payload["text"]) <= TEXT_LIMIT


SYNCS = [
    pytest.param(
        {}, {}, [":white_check_mark:", "finished", "1,234 missing in the shop", "3 only in the shop"], id="ok"
    ),
    pytest.param({}, {}, ["25 stock mismatches", "*import*: 1,234 applied", "*hide*: nothing to do"], id="kinds"),
    pytest.param({}, {"dry_run": True}, ["dry run, nothing was changed"], id="dry_run"),
    pytest.param(
        {"stock": NOTHING | {"planned": 9, "applied": 4, "failed": 2, "held": 3}},
        {"notes": ["Held: see `awin-medusa plans`"]},
        [":warning:", "finished, please look", "4 applied, 2 failed, 3 held", "awin-medusa plans"],
        id="trouble",
    ),
    pytest.param({"import": NOTHING | {"held": 1}}, {}, [":warning:"], id="held"),
    pytest.param({}, {"shop": "<shop> & co"}, ["&lt;shop&gt; &amp; co"], id="escaped"),
    pytest.param({}, {"notes": ["<&>" * 3000] * 100}, ["shortened"], id="far_too_much"),
]


@pytest.mark.parametrize(("more", "options", "expected"), SYNCS)
def test_sync_message(more: dict[str, Any], options: dict[str, Any], expected: list[str]) -> None:
    payload = sync_message(
        SUMMARY | more, **{"job": "daily_sync_job", "shop": "http://shop", "seconds": 200.4, "url": URL} | options
    )
    assert [words for words in expected if words not in said(payload)] == []
    for part in (said(payload), payload["text"]):
        assert f"<{URL}|Open run>" in part
    assert "3 min 20 s" in said(payload)
    assert "1,234 missing" in payload["text"]
    assert within_limits(payload)


FAILURES = [
    pytest.param("boom", ["boom"], id="short"),
    pytest.param("", ["no error text"], id="none"),
    pytest.param("a <b> & c", ["a &lt;b&gt; &amp; c"], id="escaped"),
    pytest.param("x ``` y", ["x ''' y"], id="fence"),
    pytest.param("head " + "<" * 9000 + " tail", ["head", "shortened", "tail"], id="one_long_line"),
    pytest.param("\n".join(map(str, range(100))), ["0\\n1\\n", "shortened", "99"], id="many_lines"),
]


@pytest.mark.parametrize(("error", "expected"), FAILURES)
def test_failure_message(error: str, expected: list[str]) -> None:
    payload = failure_message(job="daily_sync_job", step="awin_feed", error=error, url=URL, shop="http://shop")
    assert [words for words in expected if words not in said(payload)] == []
    for part in (said(payload), payload["text"]):
        assert "daily_sync_job failed on http://shop at step awin_feed" in part
        assert f"<{URL}|Open run>" in part
    assert within_limits(payload)


def test_a_failure_without_a_step() -> None:
    assert failure_message(job="j", step=None, error="e", url=URL)["text"].startswith("j failed\ne\n")


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


def test_run_url() -> None:
    assert run_url("http://localhost:3000/", "abc") == URL
