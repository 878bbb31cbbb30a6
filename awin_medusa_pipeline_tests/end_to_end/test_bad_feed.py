"""A feed that must not be used: the shop stays as it is, one sentence says what to do, and the key shows nowhere."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest

from awin_medusa_pipeline.clients import awin
from awin_medusa_pipeline.clients.http import Backoff
from awin_medusa_pipeline.sandbox import Sandbox
from awin_medusa_pipeline_tests.end_to_end.feeds import ADDRESS, KEY, Answer, Web, row, text_of, web_server
from awin_medusa_pipeline_tests.end_to_end.pipeline import Json, Pipeline, pipeline_on
from awin_medusa_pipeline_tests.end_to_end.plain import state_of

# Names that do not compress: the size of a packed feed then follows the number of its rows.
ROWS = [row(f"R{number}", product_name=sha256(bytes([number])).hexdigest()) for number in range(12)]


def packed(text: str) -> bytes:
    return gzip.compress(text.encode(), 1)


GOOD = Answer(packed(text_of(*ROWS)), type="application/x-gzip")
FAULTS = {
    "key_refused": (Answer(b"Invalid API key " + KEY.encode(), 401), "Copy the address anew from AWIN"),
    "feed_gone": (Answer(b"Not found", 404), "look up the id in its feed list"),
    "server_error": (Answer(b"Error " + KEY.encode(), 500), "so check the key in AWIN_FEED_URL"),
    "throttled": (Answer(b"Download throttled"), "Wait an hour"),
    "web_page": (Answer(b"<!DOCTYPE html><html><title>Sign in</title></html>", type="text/html"), "web page"),
    "json": (
        Answer(json.dumps({"error": f"no access for {KEY}"}).encode(), type="application/json"),
        "advertiser, language and format must exist in AWIN",
    ),
    "truncated": (Answer(GOOD.body[: len(GOOD.body) // 2]), "ends too early"),
    "empty": (Answer(b""), "empty"),
    "header_only": (Answer(packed(text_of())), "still offers products"),
    "missing_columns": (Answer(packed("colour,size\nred,S\n")), "column"),
    "no_offers": (Answer(packed(text_of(*(one | {"search_price": "0.00"} for one in ROWS)))), "not one of its 12 rows"),
    "shrunken": (Answer(packed(text_of(ROWS[0]))), "accept_smaller_feed"),
}


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
        web.answers[ADDRESS] = GOOD
        assert pipeline.run().summary["import"]["applied"] == len(ROWS)
        yield Synced(pipeline, web, state_of(sandbox.shop))


@pytest.mark.parametrize("fault", FAULTS)
def test_bad_feed(synced: Synced, sandbox: Sandbox, capfd: pytest.CaptureFixture[str], fault: str) -> None:
    synced.web.answers[ADDRESS], to_do = FAULTS[fault]
    told = len(sandbox.slack_messages())
    finished = synced.pipeline.end_of()
    assert finished.step == "awin_feeds"
    assert finished.error
    assert to_do in finished.error
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
    feed.write_text(text_of(*ROWS[:3]))
    assert "accept_smaller_feed" in str(pipeline.end_of().error)
    summary = pipeline.run(feed={"accept_smaller_feed": True}).summary
    assert summary["medusa_only"] == len(ROWS) - 3
