"""Connections whose request does not come in: they are ended, and everybody else is answered meanwhile."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
import uvicorn

from awin_medusa_pipeline.cli import patience

DEADLINE = 1.0


async def page(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the size of the request; at /slow only after twice the deadline."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        return
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size, more = size + len(message["body"]), message["more_body"]
    if scope["path"] == "/slow":
        await asyncio.sleep(2 * DEADLINE)
    body = str(size).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    monkeypatch.setattr(patience, "SECONDS", DEADLINE)
    config = uvicorn.Config(page, port=0, http=patience.PatientProtocol, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()
    finally:
        server.should_exit = True
        thread.join()
    assert not patience.PatientProtocol.waiting


def seconds_until_closed(held: socket.socket, drip: bytes) -> float:
    """Send `drip` now and then until the other side closes."""
    started = time.monotonic()
    held.settimeout(0.1)
    while time.monotonic() - started < 10:
        try:
            if held.recv(1000) == b"":
                break
        except TimeoutError:
            try:
                held.sendall(drip)
            except OSError:
                break
        except OSError:
            break
    return time.monotonic() - started


@pytest.mark.parametrize(
    "begin",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"GET / HTTP/1.1\r\nhost: a\r\nx-drip: ", id="headers that drip"),
        pytest.param(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9000\r\n\r\n", id="a body that drips"),
        pytest.param(b"GET / HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\nx: ", id="a second request"),
    ],
)
def test_a_request_that_does_not_come_in_is_ended(address: tuple[str, int], begin: bytes) -> None:
    with socket.create_connection(address) as held:
        held.sendall(begin)
        assert DEADLINE * 0.9 < seconds_until_closed(held, b"x" if begin else b"") < DEADLINE * 3


def test_everybody_else_is_answered(address: tuple[str, int]) -> None:
    with ExitStack() as stack:
        held = [stack.enter_context(socket.create_connection(address)) for _ in range(patience.MOST + 50)]
        started = time.monotonic()
        assert httpx.post("http://{}:{}/".format(*address), content=b"12345").text == "5"
        assert time.monotonic() - started < DEADLINE
        held[0].settimeout(1)
        assert held[0].recv(1) == b""


def test_an_answer_may_take_longer(address: tuple[str, int]) -> None:
    with httpx.Client(base_url="http://{}:{}".format(*address)) as client:
        assert client.get("/slow", timeout=10).text == "0"
        time.sleep(DEADLINE)
        assert client.post("/", content=b"123").text == "3"


def test_a_websocket_may_be_silent(address: tuple[str, int]) -> None:
    """Dagster's pages keep one open for as long as they are looked at."""
    asked = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    asked += b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    with socket.create_connection(address) as held:
        held.sendall(asked)
        assert held.recv(1000).startswith(b"HTTP/1.1 101")
        held.settimeout(2 * DEADLINE)
        with pytest.raises(TimeoutError):
            held.recv(1000)
