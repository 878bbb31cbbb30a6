"""Slack, played by a server on the loopback address: refused, throttled, broken, silent."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from awin_medusa_pipeline.core.errors import PermanentError, TransientError
from awin_medusa_pipeline.core.slack import SlackClient
from awin_medusa_pipeline_tests.support.slack_server import (
    HOOK,
    TOKEN,
    SlackServer,
    by_token,
    by_webhook,
    collected_waits,
    slack_server,
)

PAYLOAD = {"text": "hello", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "*hello*"}}]}


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    with slack_server() as server:
        yield server


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    return collected_waits(monkeypatch)


def test_webhook(slack: SlackServer) -> None:
    by_webhook(slack).send(PAYLOAD)
    assert slack.received == [(f"/services/T0/B0/{HOOK}", PAYLOAD)]


def test_bot_token(slack: SlackServer) -> None:
    slack.answers = [(200, {}, '{"ok": true}')]
    by_token(slack).send(PAYLOAD)
    [(path, body)] = slack.received
    assert path == "/api/chat.postMessage"
    assert body["channel"] == "#shop"
    assert body["text"] == "hello"


def test_secrets_are_blotted_out_of_messages(slack: SlackServer) -> None:
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
def test_refused_blocks_are_sent_as_text(slack: SlackServer, make: Any, answers: list[Any]) -> None:
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
    slack: SlackServer, waits: list[float], make: Any, answers: list[Any], kind: type, sentence: str, requests: int
) -> None:
    slack.answers = answers
    with pytest.raises(kind, match=sentence) as caught:
        make(slack).send(PAYLOAD)
    assert len(slack.received) == requests
    assert HOOK not in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_retry_after_is_honoured(slack: SlackServer, waits: list[float]) -> None:
    slack.answers = [(429, {"Retry-After": "7"}, "slow"), (200, {}, "ok")]
    by_webhook(slack).send(PAYLOAD)
    assert 7 <= sum(waits) < 9


def test_nobody_answers(waits: list[float]) -> None:
    client = SlackClient(webhook_url=SecretStr(f"http://127.0.0.1:1/services/{HOOK}"))
    with pytest.raises(TransientError, match="no answer") as caught:
        client.send(PAYLOAD)
    assert HOOK not in str(caught.value)


def test_a_webhook_that_is_no_address(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(TransientError) as caught:
        SlackClient(webhook_url=SecretStr(HOOK)).send(PAYLOAD)
    assert HOOK not in str(caught.value)
    assert HOOK not in caplog.text  # slack_sdk would log it


def test_a_token_without_a_channel() -> None:
    with pytest.raises(PermanentError, match="Set SLACK_CHANNEL"):
        SlackClient(bot_token=SecretStr(TOKEN)).send(PAYLOAD)
