"""A feed that must not be used: the shop stays as it is, one sentence says what to do, and the key shows nowhere."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from awin_medusa_pipeline.core.http import Backoff
from awin_medusa_pipeline.sandbox import Sandbox
from awin_medusa_pipeline.sync.clients import awin
from awin_medusa_pipeline_tests.support.feeds import ADDRESS, KEY, Answer, Web, row, text_of, web_server
from awin_medusa_pipeline_tests.support.pipeline import Json, Pipeline, pipeline_on
from awin_medusa_pipeline_tests.support.plain import state_of
from awin_medusa_pipeline_tests.tools.broken_feeds import BROKEN, GOOD, ROWS, packed

# One for each place where a feed is refused, or held; all of them, without Dagster: tools/test_broken_feeds.py.
FAULTS = {
    "the key is refused": "Copy the address again from AWIN",
    "the feed has another id now": "look up the id in its feed list",
    "error 500 for ever": "so check the key in AWIN_FEED_URL",
    "throttled, in words": "Wait an hour",
    "a page to log in": "with its key: copy it again",
    "an error in JSON": "advertiser, language and format must exist in AWIN",
    "gzip cut in half": "ends too early",
    "an empty file": "empty",
    "a header and nothing else": "still offers products",
    "no column with the price": "column",
    "every price is zero": "not one of its 60 rows",
    "less than a quarter of yesterday's size": "accept_smaller_feed",
}
HELD = (
    "plain text cut in the middle",
    "another advertiser's feed",
    "everything is sold out",
    "the stock column is blank",
)
NAMED = {broken.name: broken for broken in BROKEN}


@dataclass(frozen=True)
class Synced:
    pipeline: Pipeline
    web: Web
    shop: Json


@pytest.fixture(scope="module")
def synced(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Synced]:
    """A shop that is in line with yesterday's feed."""
    sandbox.reset()
    with web_server() as web, pipeline_on(sandbox, tmp_path_factory.mktemp("bad") / "home") as pipeline:
        pipeline.environment.setattr(awin, "Backoff", partial(Backoff, sleep=lambda seconds: None))
        pipeline.environment.setenv("AWIN_FEED_URL", web.url + ADDRESS)
        web.answers[ADDRESS] = Answer(packed(GOOD))
        assert pipeline.run().summary["import"]["applied"] == len(ROWS)
        pipeline.run()
        pipeline.run()
        yield Synced(pipeline, web, state_of(sandbox.shop))


@pytest.mark.parametrize("fault", FAULTS)
def test_bad_feed(synced: Synced, sandbox: Sandbox, capfd: pytest.CaptureFixture[str], fault: str) -> None:
    synced.web.answers[ADDRESS], to_do = NAMED[fault].answer, FAULTS[fault]
    told = len(sandbox.slack_messages())
    finished = synced.pipeline.end_of()
    assert finished.step == "awin_feeds"
    assert finished.error
    assert to_do in finished.error
    assert finished.error.endswith(f"[{NAMED[fault].code}]")
    assert len(finished.error.splitlines()) == 1
    (message,) = sandbox.slack_messages()[told:]
    assert message["text"].startswith("daily_sync_job failed")
    assert finished.error[:80] in message["text"]
    assert state_of(sandbox.shop) == synced.shop
    output = capfd.readouterr()
    assert finished.error[:40] in output.err, "the terminal shows it too"
    places = {where for where, text in synced.pipeline.everything_said(finished.run_id) if KEY in text}
    assert places == set()
    assert KEY not in output.out + output.err + json.dumps(sandbox.slack_messages())


@pytest.mark.parametrize("fault", HELD)
def test_a_feed_that_is_held(synced: Synced, sandbox: Sandbox, fault: str) -> None:
    synced.web.answers[ADDRESS] = NAMED[fault].answer
    finished = synced.pipeline.run()
    assert state_of(sandbox.shop) == synced.shop
    assert any(f"[{NAMED[fault].code}]" in note for note in finished.summary["notes"])
    assert f"[{NAMED[fault].code}]" in sandbox.slack_messages()[-1]["text"]


def test_a_currency_that_the_shop_lacks(synced: Synced, sandbox: Sandbox) -> None:
    synced.web.answers[ADDRESS] = Answer(packed(GOOD.replace("GBP", "JPY")))
    finished = synced.pipeline.end_of()
    assert str(finished.error).endswith("[currency_not_in_shop]")
    assert state_of(sandbox.shop) == synced.shop


def test_the_next_good_feed_is_taken(synced: Synced, sandbox: Sandbox) -> None:
    synced.web.answers[ADDRESS] = Answer(packed(text_of(*ROWS, row("new"))))
    summary = synced.pipeline.run().summary
    assert (summary["matched"], summary["import"]["applied"]) == (len(ROWS), 1)


@pytest.mark.parametrize(
    ("address", "to_do"), [(" ", "Set it in .env to your feed's address"), ("{}/none.csv", "Correct AWIN_FEED_URL")]
)
def test_no_feed(pipeline: Pipeline, sandbox: Sandbox, tmp_path: Path, address: str, to_do: str) -> None:
    pipeline.environment.setenv("AWIN_FEED_URL", address.format(tmp_path))
    finished = pipeline.end_of()
    assert finished.step == "awin_feeds"
    assert finished.error
    assert to_do in finished.error
    assert len(sandbox.slack_messages()) == 1


def test_a_really_smaller_feed_is_taken_when_told_so(pipeline: Pipeline, sandbox: Sandbox, tmp_path: Path) -> None:
    feed = tmp_path / "feed.csv"
    pipeline.environment.setenv("AWIN_FEED_URL", str(feed))
    feed.write_text(text_of(*ROWS))
    pipeline.run()
    feed.write_text(text_of(*ROWS[:10]))
    assert "accept_smaller_feed" in str(pipeline.end_of().error)
    summary = pipeline.run(feed={"accept_smaller_feed": True}).summary
    assert summary["medusa_only"] == len(ROWS) - 10
