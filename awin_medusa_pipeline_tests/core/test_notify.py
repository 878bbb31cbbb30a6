"""Messages by way of the outbox: in order, once, and whatever becomes of Slack none is lost."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from awin_medusa_pipeline.core.notify import deliver, post
from awin_medusa_pipeline.core.slack import SlackClient
from awin_medusa_pipeline.core.store.database import open_database
from awin_medusa_pipeline.core.store.outbox import Outbox
from awin_medusa_pipeline_tests.support.slack_server import (
    HOOK,
    SlackServer,
    by_webhook,
    collected_waits,
    slack_server,
)


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    with slack_server() as server:
        yield server


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    return collected_waits(monkeypatch)


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with open_database(f"sqlite:///{tmp_path / 'state.db'}") as database:
        yield Outbox(database)


def test_deliver_in_order_and_once(slack: SlackServer, outbox: Outbox) -> None:
    for name in ("first", "second"):
        outbox.put(name, {"text": name})
    client = by_webhook(slack)
    assert deliver(outbox, client) == 2
    assert deliver(outbox, client) == 0
    assert slack.texts == ["first", "second"]


def test_post_keeps_no_secret(slack: SlackServer, waits: list[float], outbox: Outbox) -> None:
    slack.answers = [(500, {}, f"{HOOK} feedkey")]
    client = by_webhook(slack, secrets=("feedkey",))
    assert post(outbox, client, "run", {"text": "a feedkey", "blocks": []}) == 0
    [kept] = outbox.pending()
    assert kept.payload == {"text": "a ***", "blocks": []}
    assert kept.last_error is not None
    assert "feedkey" not in kept.last_error
    slack.answers = [(200, {}, "ok")]
    assert post(outbox, client, "run", {"text": "again"}) == 1
    assert slack.texts[-1] == "a ***"


def test_a_long_queue_does_not_outlast_a_sensor(slack: SlackServer, outbox: Outbox) -> None:
    outbox.put("a", {"text": "a"})
    assert deliver(outbox, by_webhook(slack), seconds=0) == 0
    assert len(outbox.pending()) == 1


def test_slack_down_loses_nothing(
    slack: SlackServer, waits: list[float], outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("first", "second"):
        outbox.put(name, {"text": name})
    slack.answers = [(503, {}, "down")]
    assert deliver(outbox, by_webhook(slack)) == 0
    assert "kept and sent with the next chance" in caplog.text
    assert HOOK not in caplog.text
    first, second = outbox.pending()
    assert first.last_error is not None
    assert "HTTP 503 down" in first.last_error
    assert second.attempts == 0  # no use in asking again at once

    slack.answers, slack.received = [(200, {}, "ok")], []
    assert deliver(outbox, by_webhook(slack)) == 2
    assert slack.texts == ["first", "second"]


def test_a_refused_message_does_not_block_the_next(slack: SlackServer, outbox: Outbox) -> None:
    for name in ("bad", "good"):
        outbox.put(name, {"text": name})
    slack.answers = [(400, {}, "no_text"), (200, {}, "ok")]
    assert deliver(outbox, by_webhook(slack)) == 1
    assert [message.dedupe_key for message in outbox.pending()] == ["bad"]


def test_without_slack_the_log_gets_it(outbox: Outbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    outbox.put("a", {"text": "all well"})
    assert deliver(outbox, SlackClient()) == 1
    assert "all well" in caplog.text
    assert outbox.pending() == []  # or they would all arrive on the day that Slack is set up


def test_a_broken_store_does_not_reach_the_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'state.db'}")
    database.close()
    (tmp_path / "state.db").write_bytes(b"broken " * 5000)
    assert deliver(Outbox(database), SlackClient()) == 0
    assert "The file is damaged" in caplog.text
