"""The message about a failed run: what it says, within Slack's limits."""

import pytest

from awin_medusa_pipeline.defs.alerts import failure_message
from awin_medusa_pipeline_tests.support.payloads import said, within_limits

URL = "http://localhost:3000/runs/abc"
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
