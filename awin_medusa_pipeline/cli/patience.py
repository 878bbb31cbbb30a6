"""Ends connections whose request does not come in: uvicorn itself waits for ever, and each one costs a file handle.

What a proxy in front does beyond that: answers that nobody reads, and many addresses at once.
"""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.auto import AutoHTTPProtocol

SECONDS = 20.0
"""Within which a request has to be there, its body too."""
MOST = 200
"""Connections that may wait for their request; one more ends the oldest."""


class PatientProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """uvicorn's protocol for one connection, with a deadline for each request; WebSockets are left alone."""

    waiting: dict["PatientProtocol", asyncio.TimerHandle] = {}  # noqa: RUF012
    """Connections without a whole request, the oldest first."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Expect the first request."""
        super().connection_made(cast(asyncio.Transport, transport))
        self._expect()

    def data_received(self, data: bytes) -> None:
        """Take a part of a request; the deadline counts from its first part."""
        uvicorn = cast(Any, self)
        before, was_open = uvicorn.cycle, _is_open(uvicorn.cycle)
        self._expect()
        super().data_received(data)
        is_whole = not _is_open(uvicorn.cycle) and (uvicorn.cycle is not before or was_open)
        if is_whole or uvicorn.transport.is_closing() or uvicorn.transport.get_protocol() is not self:
            self._forget()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._forget()
        super().connection_lost(exc)

    def _expect(self) -> None:
        if self in self.waiting:
            return
        self.waiting[self] = asyncio.get_running_loop().call_later(SECONDS, self._end)
        if len(self.waiting) > MOST:
            next(iter(self.waiting))._end()

    def _end(self) -> None:
        self._forget()
        uvicorn = cast(Any, self)
        answering = uvicorn.cycle is not None and not _is_open(uvicorn.cycle) and not uvicorn.cycle.response_complete
        if not answering:
            uvicorn.transport.close()

    def _forget(self) -> None:
        if timer := self.waiting.pop(self, None):
            timer.cancel()


def _is_open(cycle: Any) -> bool:
    """Whether parts of a request are still to come."""
    return bool(cycle is not None and cycle.more_body)
