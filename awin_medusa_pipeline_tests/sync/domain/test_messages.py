"""The message about a sync: what it says, within Slack's limits."""

from typing import Any

import pytest

from awin_medusa_pipeline.sync.domain.messages import sync_message
from awin_medusa_pipeline.sync.domain.operations import Counts
from awin_medusa_pipeline_tests.support.payloads import said, within_limits

URL = "http://localhost:3000/runs/abc"
SUMMARY: dict[str, Any] = {
    "feed_rows": 5000,
    "missing_in_medusa": 1234,
    "medusa_only": 3,
    "stock_mismatches": 25,
    "import": Counts(applied=1234).as_dict(),
    "hide": Counts().as_dict(),
}
SYNCS = [
    pytest.param(
        {}, {}, [":white_check_mark:", "finished", "1,234 missing in the shop", "3 only in the shop"], id="ok"
    ),
    pytest.param({}, {}, ["25 stock mismatches", "*import*: 1,234 applied", "*hide*: nothing to do"], id="kinds"),
    pytest.param({}, {"dry_run": True}, ["dry run, nothing was changed"], id="dry_run"),
    pytest.param(
        {"stock": Counts(applied=4, failed=2, held=3).as_dict()},
        {"notes": ["Held: see `awin-medusa plans`"]},
        [":warning:", "finished, please look", "4 applied, 2 failed, 3 held", "awin-medusa plans"],
        id="trouble",
    ),
    pytest.param({"import": Counts(held=1).as_dict()}, {}, [":warning:"], id="held"),
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
