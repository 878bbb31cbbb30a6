"""Bounds the whole time of a request: httpx bounds each read, so that a server that trickles holds it up for ever."""

import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpcore
import httpx

_ends_at: ContextVar[float | None] = ContextVar("_ends_at", default=None)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """End every wait of a bounded connection in this thread after so many seconds in all; an outer end that comes
    earlier holds."""
    end, outer = time.monotonic() + seconds, _ends_at.get()
    token = _ends_at.set(end if outer is None else min(end, outer))
    try:
        yield
    finally:
        _ends_at.reset(token)


def left(timeout: float | None, over: type[Exception] = httpcore.ConnectTimeout) -> float | None:
    """Seconds that a wait may take. Raises `over` when there are none."""
    if (end := _ends_at.get()) is None:
        return timeout
    seconds = end - time.monotonic()
    if seconds <= 0:
        raise over("the time is over")
    return seconds if timeout is None else min(timeout, seconds)


class BoundedStream(httpcore.NetworkStream):
    """A connection whose waits end when `within` says so."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read some bytes."""
        return self._inner.read(max_bytes, left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all bytes."""
        self._inner.write(buffer, left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        """Close the connection."""
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Go on encrypted."""
        return BoundedStream(self._inner.start_tls(ssl_context, server_hostname, left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        """What is known of the connection."""
        return self._inner.get_extra_info(info)


class _BoundedBackend(httpcore.SyncBackend):
    def connect_tcp(self, *args: Any, **options: Any) -> httpcore.NetworkStream:
        return BoundedStream(super().connect_tcp(*args, **options))


def bound_answers(client: httpx.Client) -> httpx.Client:
    """Make every connection of a client one that `within` bounds."""
    for transport in (client._transport, *client._mounts.values()):
        if isinstance(transport, httpx.HTTPTransport):  # it has no public way to name a network backend
            transport._pool._network_backend = _BoundedBackend()
    return client
