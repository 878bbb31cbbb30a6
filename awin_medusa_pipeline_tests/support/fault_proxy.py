"""Stands before a real Medusa as an HTTP proxy that fails as networks, proxies and shops fail.

Faults are of transport and of answers; what Medusa itself refuses, the real one says.
"""

import contextlib
import json
import random
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from types import TracebackType
from typing import Any, Self

import httpx

from awin_medusa_pipeline.core.http import certificates

PAGE = b"<html><body><h1>Bad gateway</h1></body></html>"
ANSWERS: dict[str, tuple[int, str, bytes]] = {
    "401": (401, "application/json", b'{"message":"Unauthorized"}'),
    "403": (403, "application/json", b'{"message":"Forbidden"}'),
    "413": (413, "application/json", b'{"message":"request entity too large","type":"unknown_error"}'),
    "429": (429, "application/json", b'{"message":"Too many requests"}'),
    "500": (500, "application/json", b'{"code":"unknown_error","message":"An unknown error occurred."}'),
    "502": (502, "text/html", PAGE),
    "522": (522, "text/html", PAGE),
    "page": (200, "text/html", PAGE),
}


@dataclass(frozen=True)
class Fault:
    """One fault, for the next request that begins with `on` ("POST /admin/products/batch").

    `kind`: a name of ANSWERS, given instead of the shop's answer; "reset"; or nothing but a delay. With `after` the
    shop gets the request first. `seconds`: how long the answer is held back.
    """

    kind: str = ""
    on: str = "POST"
    after: bool = False
    seconds: float = 0.0
    retry_after: str | None = None


@dataclass
class FaultProxy:
    """`with FaultProxy(shop.base_url) as proxy`: the shop at another address, with faults taken from a list in order.

    `largest`: bodies above this many bytes get 413. `seeded`: a generator of faults beside the list, asked each time.
    """

    target: str
    faults: list[Fault] = field(default_factory=list)
    largest: int | None = None
    seeded: Callable[[str], Fault | None] = lambda request: None
    requests: list[str] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def __enter__(self) -> Self:
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._shop = httpx.Client(
            base_url=self.target, timeout=60, limits=httpx.Limits(keepalive_expiry=4), verify=certificates()
        )
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._shop.close()

    @property
    def address(self) -> str:
        """Address of the shop behind the proxy."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def sent(self, start: str) -> int:
        """Count the requests that began so."""
        return sum(request.startswith(start) for request in self.requests)

    def fault_of(self, request: str, size: int) -> Fault | None:
        """Take the fault that happens to a request; None: it goes through."""
        with self.lock:
            self.requests.append(request)
            for fault in self.faults:
                if request.startswith(fault.on):
                    self.faults.remove(fault)
                    return fault
            if self.largest is not None and size > self.largest:
                return Fault("413")
            return self.seeded(request)

    def forward(self, method: str, path: str, headers: dict[str, str], body: bytes) -> httpx.Response:
        """Pass a request on; the shop's own answer."""
        return self._shop.request(method, path, headers=headers, content=body)


def seeded_faults(seed: int, share: float = 0.3, most: int = 25) -> Callable[[str], Fault | None]:
    """Make faults at random that a retry, a look or a halving gets over; at most `most`, so that the run has an end."""
    dice = random.Random(seed)
    left = [most]

    def fault(request: str) -> Fault | None:
        if dice.random() >= share or not left[0]:
            return None
        left[0] -= 1
        return Fault(dice.choice(["429", "500", "502", "reset"]), after=dice.random() < 0.5)

    return fault


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a client that was killed: it is no error of the server's."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body are two writes; with Nagle's algorithm the second would wait 40 ms.
    disable_nagle_algorithm = True
    owner: FaultProxy

    def do_any(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True  # the client was killed
            return
        fault = self.owner.fault_of(f"{self.command} {self.path}", len(body)) or Fault(after=True)
        answer: tuple[int, str, bytes] | None = None
        # A 429 says that the request was not carried out, so it never is.
        if (fault.after or not fault.kind) and fault.kind != "429":
            shown = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            try:
                response = self.owner.forward(self.command, self.path, shown, body)
            except httpx.TransportError:
                fault = Fault("reset")  # somebody killed the shop
            else:
                answer = (response.status_code, response.headers.get("content-type", ""), response.content)
        time.sleep(fault.seconds)
        if fault.kind == "reset":
            self.close_connection = True
            self._hang_up()
            return
        try:
            self._answer(*(ANSWERS.get(fault.kind) or answer or ANSWERS["500"]), fault.retry_after)
        except OSError:
            self.close_connection = True  # the client gave up waiting

    def _hang_up(self) -> None:
        with contextlib.suppress(OSError):  # the client was killed
            self.connection.shutdown(socket.SHUT_RDWR)

    def _answer(self, status: int, kind: str, content: bytes, retry_after: str | None) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(content)))
        if retry_after is not None:
            self.send_header("retry-after", retry_after)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_any  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""


class AnsweringServer:
    """`with AnsweringServer(answer) as address`: a server of one function, path -> (status, type, content)."""

    def __init__(self, answer: Callable[[str], tuple[int, str, bytes]]) -> None:
        class Handler(_Handler):
            def do_any(self) -> None:
                self.rfile.read(int(self.headers.get("content-length") or 0))
                self._answer(*answer(self.path), None)

            do_GET = do_POST = do_any  # noqa: N815

        self._server = _Server(("127.0.0.1", 0), Handler)

    def __enter__(self) -> str:
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def as_json(body: Any, status: int = 200) -> tuple[int, str, bytes]:
    """Make an answer of an AnsweringServer."""
    return status, "application/json", json.dumps(body).encode()
