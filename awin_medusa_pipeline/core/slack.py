"""The way to Slack: an incoming webhook, or a bot token with a channel, or the log alone when neither is set.

What belongs here: sending a payload, and emptying the outbox. What does not: the words (messages.py) and keeping them
(core/store/outbox.py). A fault of Slack never reaches who delivers: the message stays, and goes with the next chance.
"""

import logging
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import urlsplit

from dagster_slack import SlackResource
from pydantic import SecretStr
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry import HttpRequest, HttpResponse, RetryHandler, RetryState
from slack_sdk.http_retry.builtin_handlers import (
    ConnectionErrorRetryHandler,
    RateLimitErrorRetryHandler,
    ServerErrorRetryHandler,
)
from slack_sdk.webhook import WebhookClient

from awin_medusa_pipeline.core.errors import PermanentError, RemoteError, TransientError
from awin_medusa_pipeline.core.http import redact
from awin_medusa_pipeline.core.store.database import StoreError
from awin_medusa_pipeline.core.store.outbox import Outbox
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline.sync.clients.awin_address import local_path, secrets_in

log = logging.getLogger(__name__)
# slack_sdk logs the webhook's address, which is its only secret: at DEBUG, and a mistyped one at ERROR.
logging.getLogger("slack_sdk").setLevel(logging.CRITICAL)

API = "https://slack.com/api/"
# Dagster ends a sensor after 60 s: a message takes at most 35 s (three tries, two waits), none is begun after 20 s.
TIMEOUT = 5
LONGEST_WAIT = 10  # a longer Retry-After is left to the next delivery
DELIVERY_SECONDS = 20
TRIED = "Sending a message to Slack"
WAIT = "It is kept and sent with the next chance."
BLOCKS_REFUSED = re.compile(r"invalid_blocks|invalid_attachments|msg_blocks_too_long|invalid_payload")


class _RateLimit(RateLimitErrorRetryHandler):
    """Waits as long as Slack asks, unless that is so long that a run would hang on a message."""

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
    """Sends payloads of messages.py, `secrets` blotted out of them; the bot token goes before the webhook."""

    webhook_url: SecretStr | None = None
    bot_token: SecretStr | None = None
    channel: str | None = None
    base_url: str = API
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def from_settings(cls, settings: Settings, *, base_url: str = API) -> "SlackClient":
        """The way that the settings name."""
        return cls(
            settings.slack_webhook_url,
            settings.slack_bot_token,
            settings.slack_channel,
            base_url,
            tuple(known_secrets(settings)),
        )

    @property
    def configured(self) -> bool:
        """False: messages go to the log only."""
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
        """The payload with every secret blotted out."""
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
        client = SlackResource(token=token.get_secret_value()).get_client()
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
        # Of a webhook the path is the secret: a server's error page may show it without the host.
        paths = [path for address in own if len(path := urlsplit(address).path) > 1]
        return [*self.secrets, *own, *paths]


def post(outbox: Outbox, client: SlackClient, dedupe_key: str, payload: Mapping[str, Any]) -> int:
    """Keep a message, free of secrets, then deliver all that waits; how many went.

    Raises StoreError when it cannot be kept; a fault of Slack never raises.
    """
    outbox.put(dedupe_key, client.redacted(payload))
    return deliver(outbox, client)


def deliver(outbox: Outbox, client: SlackClient, *, seconds: float = DELIVERY_SECONDS) -> int:
    """Send what waits in the outbox, oldest first; how many went. Never raises: after a fault the rest waits."""
    sent = last = 0
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end and (message := outbox.claim(after=last)) is not None:
            last = message.id
            try:
                if client.configured:
                    client.send(message.payload)
                else:
                    log.info("Slack is not configured; the message was: %s", message.payload.get("text"))
            except RemoteError as error:
                log.warning("%s", error)
                outbox.mark_failed(message, str(error))
                if isinstance(error, TransientError):
                    break  # the next one would wait as long for the same answer
            else:
                outbox.mark_sent(message)
                sent += 1
    except StoreError as error:
        log.warning("%s", error)
    except Exception as error:  # a message must never fail a sync
        log.warning("%s: %s. %s", TRIED, type(error).__name__, WAIT)
    return sent


def known_secrets(settings: Settings) -> list[str]:
    """Every secret of the settings: keys and tokens, and of feed and database addresses what must not be seen."""
    addresses = {"awin_feed_url", "awin_medusa_database_url"}
    secrets = [
        value.get_secret_value() for name, value in settings if isinstance(value, SecretStr) and name not in addresses
    ]
    # Of keys to the tokens at rest there may be several.
    secrets += [key for text in secrets for key in re.split(r"[\s,]+", text)]
    for address in settings.feed_addresses:
        if local_path(address) is None:
            secrets += [address, *secrets_in(address)]
    if settings.awin_medusa_database_url:
        secrets.append(urlsplit(settings.awin_medusa_database_url.get_secret_value()).password or "")
    return [secret for secret in secrets if secret]


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
