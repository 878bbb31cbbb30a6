"""Delivers messages to the shop owner through the outbox, so that no fault of Slack loses one."""

import logging
import time
from collections.abc import Mapping
from typing import Any

from awin_medusa_pipeline.core.errors import PipelineError, StoreError, TransientError
from awin_medusa_pipeline.core.slack import TRIED, WAIT, SlackClient
from awin_medusa_pipeline.core.store.outbox import Outbox

log = logging.getLogger(__name__)

# Dagster ends a sensor after 60 s: a message takes at most 35 s (three tries, two waits), and none starts after 20 s.
DELIVERY_SECONDS = 20


def post(outbox: Outbox, client: SlackClient, dedupe_key: str, payload: Mapping[str, Any]) -> int:
    """Store a message without its secrets, then deliver all that are waiting; returns how many were sent.

    Raises StoreError when it cannot be stored; a fault of Slack never raises.
    """
    outbox.put(dedupe_key, client.redacted(payload))
    return deliver(outbox, client)


def deliver(outbox: Outbox, client: SlackClient, *, seconds: float = DELIVERY_SECONDS) -> int:
    """Send the waiting messages, oldest first; returns how many. Never raises: after a fault the rest waits."""
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
            except PipelineError as error:
                log.warning("%s", error)
                outbox.mark_failed(message, str(error))
                if isinstance(error, TransientError):
                    break  # the next message would wait as long for the same answer
            else:
                outbox.mark_sent(message)
                sent += 1
    except StoreError as error:
        log.warning("%s", error)
    except Exception as error:  # a message must never fail a sync
        log.warning("%s: %s. %s", TRIED, type(error).__name__, WAIT)
    return sent
