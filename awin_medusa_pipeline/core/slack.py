"""Sends payloads to Slack through an incoming webhook, or to a channel with a bot token."""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import urlsplit

from pydantic import SecretStr
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry import HttpRequest, HttpResponse, RetryHandler, RetryState
from slack_sdk.http_retry.builtin_handlers import (
    ConnectionErrorRetryHandler,
    RateLimitErrorRetryHandler,
    ServerErrorRetryHandler,
)
from slack_sdk.webhook import WebhookClient

from awin_medusa_pipeline.core.addresses import credentials_in
from awin_medusa_pipeline.core.errors import PermanentError, TransientError
from awin_medusa_pipeline.core.hidden import redact

# slack_sdk logs the webhook's address, which is its only secret: at DEBUG, and a mistyped one at ERROR.
logging.getLogger("slack_sdk").setLevel(logging.CRITICAL)

API = "https://slack.com/api/"
TIMEOUT = 5  # seconds; with three tries and two waits a message takes at most 35 s
LONGEST_WAIT = 10  # a longer Retry-After is left to the next delivery
TRIED = "Sending a message to Slack"
WAIT = "It is kept and sent with the next chance."
BLOCKS_REFUSED = re.compile(r"invalid_blocks|invalid_attachments|msg_blocks_too_long|invalid_payload")


class _RateLimit(RateLimitErrorRetryHandler):
    """Waits as long as Slack asks, up to LONGEST_WAIT, so that no run hangs on a message."""

    def _can_retry(
        self,
        *,
        state: RetryState,
        request: HttpRequest,
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> bool:
        if response is None or response.status_code != 429:
            return False
        asked = next((value[0] for name, value in response.headers.items() if name.lower() == "retry-after"), "1")
        return asked.isdigit() and int(asked) <= LONGEST_WAIT


@dataclass(frozen=True)
class SlackClient:
    """Sends payloads with all `secrets` removed; a bot token takes precedence over the webhook."""

    webhook_url: SecretStr | None = None
    bot_token: SecretStr | None = None
    channel: str | None = None
    base_url: str = API
    secrets: tuple[str, ...] = field(default=(), repr=False)
    web_client: Callable[[str], WebClient] = WebClient
    """Makes the client for a bot token."""

    @property
    def configured(self) -> bool:
        """Whether a webhook or token is set; if not, messages only go to the log."""
        return bool(self.webhook_url or self.bot_token)

    def send(self, payload: Mapping[str, Any]) -> None:
        """Send one message; when Slack refuses its blocks, its text alone.

        Raises PermanentError when Slack refuses it as it stands, TransientError when a later try may pass.
        """
        clean = self.redacted(payload)
        try:
            self._post(clean)
        except PermanentError as error:
            if "blocks" not in clean or not BLOCKS_REFUSED.search(error.came_back):
                raise
            self._post({"text": clean["text"]})

    def redacted(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """The payload with every secret replaced by ***."""
        return {key: _redacted(value, self._all_secrets()) for key, value in payload.items()}

    def _post(self, message: dict[str, Any]) -> None:
        if self.bot_token and self.channel:
            return self._post_as_bot(self.bot_token, self.channel, message)
        if self.webhook_url:
            return self._post_to_webhook(self.webhook_url, message)
        raise PermanentError(
            TRIED,
            "SLACK_BOT_TOKEN is set without SLACK_CHANNEL",
            "Set SLACK_CHANNEL to the channel's name, or use SLACK_WEBHOOK_URL.",
        )

    def _post_to_webhook(self, url: SecretStr, message: dict[str, Any]) -> None:
        client = WebhookClient(url.get_secret_value(), timeout=TIMEOUT, retry_handlers=_retry_handlers())
        try:
            answer = client.send_dict(message)
        except Exception as error:
            # urllib raises what it likes: URLError, timeouts, broken chunks, a ValueError for a bad address.
            self._no_answer(error)
        if answer.status_code != 200:
            self._refused(answer.status_code, answer.body, "Check SLACK_WEBHOOK_URL.")

    def _post_as_bot(self, token: SecretStr, channel: str, message: dict[str, Any]) -> None:
        client = self.web_client(token.get_secret_value())
        client.base_url, client.timeout, client.retry_handlers = self.base_url, TIMEOUT, _retry_handlers()
        try:
            client.chat_postMessage(channel=channel, **message)
        except SlackApiError as error:
            came_back = str(error.response.get("error") or "no reason given")
            self._refused(
                error.response.status_code, came_back, "Check SLACK_BOT_TOKEN and that the bot is in SLACK_CHANNEL."
            )
        except Exception as error:
            self._no_answer(error)

    def _no_answer(self, error: Exception) -> NoReturn:
        reason = redact(str(getattr(error, "reason", error)), self._all_secrets())
        raise TransientError(TRIED, f"no answer ({type(error).__name__}: {reason})", WAIT) from None

    def _refused(self, status: int, came_back: str, to_do: str) -> NoReturn:
        answer = f"HTTP {status} {redact(came_back, self._all_secrets())[:200]}".strip()
        if status == 429 or status >= 500 or came_back in ("ratelimited", "internal_error", "service_unavailable"):
            raise TransientError(TRIED, answer, WAIT, status=status) from None
        raise PermanentError(TRIED, answer, to_do, status=status) from None

    def _all_secrets(self) -> list[str]:
        own = [secret.get_secret_value() for secret in (self.webhook_url, self.bot_token) if secret]
        # A webhook's path is its secret, and a server's error page may show it without the host.
        paths = [path for address in own if len(path := urlsplit(address).path) > 1]
        return [*self.secrets, *own, *paths, *(secret for address in own for secret in credentials_in(address))]


def _redacted(value: Any, secrets: Sequence[str]) -> Any:
    if isinstance(value, str):
        return redact(value, secrets)
    if isinstance(value, Mapping):
        return {key: _redacted(item, secrets) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(item, secrets) for item in value]
    return value


def _retry_handlers() -> list[RetryHandler]:
    return [
        ConnectionErrorRetryHandler(max_retry_count=1),
        ServerErrorRetryHandler(max_retry_count=2),
        _RateLimit(max_retry_count=2),
    ]
