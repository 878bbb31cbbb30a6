"""Slack, played by a server on the loopback address: refused, throttled, broken, silent; and what is never lost."""

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from awin_medusa_pipeline.core.errors import PermanentError, TransientError
from awin_medusa_pipeline.core.slack import SlackClient, deliver, known_secrets, post
from awin_medusa_pipeline.core.store.database import open_database
from awin_medusa_pipeline.core.store.outbox import Outbox
from awin_medusa_pipeline.settings import Settings

TOKEN = "xoxb-not-to-be-seen"
PAYLOAD = {"text": "hello", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "*hello*"}}]}


class Slack:
    """Answers each request with the next of `answers` (the last one again and again) and remembers what came."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], str]] = [(200, {}, "ok")]
        self.received: list[tuple[str, dict[str, Any]]] = []
        slack = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                slack.received.append((self.path, json.loads(body)))
                status, headers, text = slack.answers.pop(0) if len(slack.answers) > 1 else slack.answers[0]
                self.send_response(status)
                for name, value in {"content-type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def texts(self) -> list[str]:
        return [body["text"] for _, body in self.received]


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slack]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    server = Slack()
    yield server
    server.server.shutdown()
    server.server.server_close()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the retry handlers of slack_sdk slept, without sleeping."""
    slept: list[float] = []
    monkeypatch.setattr("slack_sdk.http_retry.builtin_handlers.time.sleep", slept.append)
    monkeypatch.setattr("slack_sdk.http_retry.handler.time.sleep", slept.append)
    return slept


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with open_database(f"sqlite:///{tmp_path / 'state.db'}") as database:
        yield Outbox(database)


def by_webhook(slack: Slack, **options: Any) -> SlackClient:
    return SlackClient(webhook_url=SecretStr(f"{slack.address}/services/T0/B0/hunter2"), **options)


def by_token(slack: Slack, **options: Any) -> SlackClient:
    return SlackClient(bot_token=SecretStr(TOKEN), channel="#shop", base_url=f"{slack.address}/api/", **options)


def test_webhook(slack: Slack) -> None:
    by_webhook(slack).send(PAYLOAD)
    assert slack.received == [("/services/T0/B0/hunter2", PAYLOAD)]


def test_bot_token(slack: Slack) -> None:
    slack.answers = [(200, {}, '{"ok": true}')]
    by_token(slack).send(PAYLOAD)
    [(path, body)] = slack.received
    assert path == "/api/chat.postMessage"
    assert body["channel"] == "#shop"
    assert body["text"] == "hello"


def test_secrets_are_blotted_out_of_messages(slack: Slack) -> None:
    client = by_webhook(slack, secrets=("feedkey",))
    assert client.webhook_url
    client.send({"text": f"feedkey {client.webhook_url.get_secret_value()}", "blocks": [{"x": ["a feedkey"]}]})
    [(_, body)] = slack.received
    assert body == {"text": "*** ***", "blocks": [{"x": ["a ***"]}]}


@pytest.mark.parametrize(
    ("make", "answers"),
    [
        pytest.param(by_webhook, [(400, {}, "invalid_blocks"), (200, {}, "ok")], id="webhook"),
        pytest.param(
            by_token, [(200, {}, '{"ok": false, "error": "invalid_blocks"}'), (200, {}, '{"ok": true}')], id="token"
        ),
    ],
)
def test_refused_blocks_are_sent_as_text(slack: Slack, make: Any, answers: list[Any]) -> None:
    slack.answers = answers
    make(slack).send(PAYLOAD)
    assert slack.texts == ["hello", "hello"]
    assert ["blocks" in body for _, body in slack.received] == [True, False]


LATER, NEVER = TransientError, PermanentError
FAULTS = [
    (by_webhook, [(404, {}, "no_service")], NEVER, r"HTTP 404 no_service\. Check SLACK_WEBHOOK_URL", 1),
    (by_webhook, [(403, {}, "invalid_token")], NEVER, "HTTP 403", 1),
    (by_webhook, [(400, {}, "invalid_blocks"), (400, {}, "no_text")], NEVER, "no_text", 2),
    (by_webhook, [(500, {}, "oops")], LATER, "HTTP 500 oops", 3),
    (by_webhook, [(429, {"Retry-After": "2"}, "slow")], LATER, "HTTP 429", 3),
    (by_webhook, [(429, {"Retry-After": "3600"}, "slow")], LATER, "HTTP 429", 1),
    (by_webhook, [(429, {"Retry-After": "Sat, 21 Nov 2026"}, "slow")], LATER, "HTTP 429", 1),
    (by_token, [(200, {}, '{"ok": false, "error": "channel_not_found"}')], NEVER, "channel_not_found", 1),
    (by_token, [(429, {"Retry-After": "1"}, '{"ok": false, "error": "ratelimited"}')], LATER, "429", 3),
    (by_token, [(200, {}, "<html>")], NEVER, "non-JSON", 1),
]


@pytest.mark.parametrize(("make", "answers", "kind", "sentence", "requests"), FAULTS)
def test_faults(
    slack: Slack, waits: list[float], make: Any, answers: list[Any], kind: type, sentence: str, requests: int
) -> None:
    slack.answers = answers
    with pytest.raises(kind, match=sentence) as caught:
        make(slack).send(PAYLOAD)
    assert len(slack.received) == requests
    assert "hunter2" not in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_retry_after_is_honoured(slack: Slack, waits: list[float]) -> None:
    slack.answers = [(429, {"Retry-After": "7"}, "slow"), (200, {}, "ok")]
    by_webhook(slack).send(PAYLOAD)
    assert 7 <= sum(waits) < 9


def test_nobody_answers(waits: list[float]) -> None:
    client = SlackClient(webhook_url=SecretStr("http://127.0.0.1:1/services/hunter2"))
    with pytest.raises(TransientError, match="no answer") as caught:
        client.send(PAYLOAD)
    assert "hunter2" not in str(caught.value)


def test_a_webhook_that_is_no_address(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(TransientError) as caught:
        SlackClient(webhook_url=SecretStr("hunter2")).send(PAYLOAD)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in caplog.text  # slack_sdk would log it


def test_a_token_without_a_channel() -> None:
    with pytest.raises(PermanentError, match="Set SLACK_CHANNEL"):
        SlackClient(bot_token=SecretStr(TOKEN)).send(PAYLOAD)


def test_deliver_in_order_and_once(slack: Slack, outbox: Outbox) -> None:
    for name in ("first", "second"):
        outbox.put(name, {"text": name})
    client = by_webhook(slack)
    assert deliver(outbox, client) == 2
    assert deliver(outbox, client) == 0
    assert slack.texts == ["first", "second"]


def test_post_keeps_no_secret(slack: Slack, waits: list[float], outbox: Outbox) -> None:
    slack.answers = [(500, {}, "hunter2 feedkey")]
    client = by_webhook(slack, secrets=("feedkey",))
    assert post(outbox, client, "run", {"text": "a feedkey", "blocks": []}) == 0
    [kept] = outbox.pending()
    assert kept.payload == {"text": "a ***", "blocks": []}
    assert kept.last_error is not None
    assert "feedkey" not in kept.last_error
    slack.answers = [(200, {}, "ok")]
    assert post(outbox, client, "run", {"text": "again"}) == 1
    assert slack.texts[-1] == "a ***"


def test_a_long_queue_does_not_outlast_a_sensor(slack: Slack, outbox: Outbox) -> None:
    outbox.put("a", {"text": "a"})
    assert deliver(outbox, by_webhook(slack), seconds=0) == 0
    assert len(outbox.pending()) == 1


def test_slack_down_loses_nothing(
    slack: Slack, waits: list[float], outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("first", "second"):
        outbox.put(name, {"text": name})
    slack.answers = [(503, {}, "down")]
    assert deliver(outbox, by_webhook(slack)) == 0
    assert "kept and sent with the next chance" in caplog.text
    assert "hunter2" not in caplog.text
    first, second = outbox.pending()
    assert first.last_error is not None
    assert "HTTP 503 down" in first.last_error
    assert second.attempts == 0  # no use in asking again at once

    slack.answers, slack.received = [(200, {}, "ok")], []
    assert deliver(outbox, by_webhook(slack)) == 2
    assert slack.texts == ["first", "second"]


def test_a_refused_message_does_not_block_the_next(slack: Slack, outbox: Outbox) -> None:
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


def test_known_secrets() -> None:
    key, other = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"
    settings = Settings(
        _env_file=None,
        awin_feed_url=SecretStr(
            f"https://productdata.awin.com/datafeed/download/apikey/{key}/fid/1/ "
            f"https://ui.awin.com/productdata-darwin-download/publisher/1/{other}/1/feed/F1.csv.gz /feeds/local.csv"
        ),
        awin_medusa_database_url=SecretStr("postgresql://u:pw-of-store@h/d"),
        slack_bot_token=SecretStr(TOKEN),
    )
    secrets = known_secrets(settings)
    assert {key, other, "pw-of-store", TOKEN} <= set(secrets)
    assert "/feeds/local.csv" not in secrets
    assert key not in repr(SlackClient.from_settings(settings))
