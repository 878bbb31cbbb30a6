"""Slack, played by a server on the loopback address."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pydantic import SecretStr

from awin_medusa_pipeline.core.slack import SlackClient

TOKEN = "xoxb-not-to-be-seen"
HOOK = "hunter2"
"""The secret of the webhook's address."""


class SlackServer:
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
        """The texts of what came."""
        return [body["text"] for _, body in self.received]

    @property
    def webhook(self) -> SecretStr:
        """The address of a webhook."""
        return SecretStr(f"{self.address}/services/T0/B0/{HOOK}")


@contextmanager
def slack_server() -> Iterator[SlackServer]:
    """Play Slack, past any proxy of the environment."""
    with pytest.MonkeyPatch.context() as environment:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
            environment.delenv(name, raising=False)
        slack = SlackServer()
        try:
            yield slack
        finally:
            slack.server.shutdown()
            slack.server.server_close()


def by_webhook(slack: SlackServer, **options: Any) -> SlackClient:
    """A client that sends by the webhook."""
    return SlackClient(webhook_url=slack.webhook, **options)


def by_token(slack: SlackServer, **options: Any) -> SlackClient:
    """A client that sends as a bot."""
    return SlackClient(bot_token=SecretStr(TOKEN), channel="#shop", base_url=f"{slack.address}/api/", **options)


def collected_waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the retry handlers of slack_sdk would sleep from now on; they no longer do."""
    slept: list[float] = []
    monkeypatch.setattr("slack_sdk.http_retry.builtin_handlers.time.sleep", slept.append)
    monkeypatch.setattr("slack_sdk.http_retry.handler.time.sleep", slept.append)
    return slept
