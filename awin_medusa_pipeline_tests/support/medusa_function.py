"""A Medusa that is a function, for what no real one does on demand."""

from collections.abc import Callable
from typing import TypeAlias

import httpx

from awin_medusa_pipeline.core.http import Backoff
from awin_medusa_pipeline.medusa.client import MedusaClient

KEY = "sk_0123456789abcdef"
SHOP = "http://shop"
Answer: TypeAlias = Callable[[httpx.Request], httpx.Response]


def client_of(answer: Answer, *, key: str | None = KEY, waits: list[float] | None = None) -> MedusaClient:
    """A client whose shop is a function; `waits` collects what it would sleep."""
    sleep = (lambda seconds: None) if waits is None else waits.append
    client = MedusaClient(SHOP, admin_key=key, publishable_key=None if key else "pk_1", backoff=Backoff(sleep=sleep))
    client._client = httpx.Client(
        base_url=SHOP, auth=client._client.auth, headers=client._client.headers, transport=httpx.MockTransport(answer)
    )
    return client
