"""What every client shares: retries, waits, and faults as our errors."""

import contextlib
import gzip
import socket
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate

import httpx
import pytest

from awin_medusa_pipeline.core import http
from awin_medusa_pipeline.core.deadline import bound_answers
from awin_medusa_pipeline.core.hidden import redact
from awin_medusa_pipeline.core.http import (
    Backoff,
    PermanentError,
    TransientError,
    UnknownOutcomeError,
    ask_before_writing,
    retry_after_seconds,
    send,
)
from awin_medusa_pipeline_tests.support.fault_proxy import AnsweringServer, as_json

FAULT = ("GET http://shop", "HTTP 503", "Wait.")


def waits_of(error: Exception, *, repeat_unknown: bool = True, **options: float) -> list[float]:
    """Waits between the tries of a call that always fails, until it gives up with its own error."""
    waits: list[float] = []
    backoff = Backoff(sleep=waits.append, **options)

    def call() -> None:
        raise error

    with pytest.raises(type(error)):
        backoff.retrying(repeat_unknown=repeat_unknown)(call)
    return waits


def test_waits_grow_and_end() -> None:
    waits = waits_of(TransientError(*FAULT))
    assert len(waits) == 5
    for wait, expected in zip(waits, (0.5, 1, 2, 4, 8), strict=True):
        assert 0.75 * expected <= wait <= 1.25 * expected
    assert max(waits_of(TransientError(*FAULT), attempts=12, longest_wait=3.0)) <= 3.0 * 1.25


@pytest.mark.parametrize(
    ("error", "repeat_unknown", "tries"),
    [
        (TransientError(*FAULT), False, 6),
        (UnknownOutcomeError(*FAULT), True, 6),
        (UnknownOutcomeError(*FAULT), False, 1),
        (PermanentError(*FAULT), True, 1),
        (ValueError("ours"), True, 1),
    ],
    ids=["transient", "unknown, safe to repeat", "unknown, not safe", "permanent", "a defect"],
)
def test_what_is_repeated(error: Exception, repeat_unknown: bool, tries: int) -> None:
    assert len(waits_of(error, repeat_unknown=repeat_unknown)) == tries - 1


@pytest.mark.parametrize(("asked", "waited"), [(7.0, [7.0]), (0.0, [0.0]), (250.0, [60.0]), (86_400.0, [])])
def test_retry_after_is_honoured_within_reason(asked: float, waited: list[float]) -> None:
    """A server that asks for a day is not asked again today."""
    waits = waits_of(TransientError(*FAULT, status=429, retry_after=asked), attempts=2)
    assert waits == [pytest.approx(seconds, abs=0.11) for seconds in waited]


def test_after_a_call_that_was_given_up_the_same_server_is_asked_once_a_call_until_it_answers() -> None:
    backoff = Backoff(attempts=4, sleep=lambda seconds: None)
    answers: list[bool] = []

    def call() -> None:
        answers.append(up)
        if not up:
            raise TransientError(*FAULT)

    def tries(*, one_server: bool = True) -> int:
        before = len(answers)
        with contextlib.suppress(TransientError):
            backoff.retrying(repeat_unknown=True, one_server=one_server)(call)
        return len(answers) - before

    up = False
    assert [tries() for _ in range(3)] == [4, 1, 1]
    assert tries(one_server=False) == 4
    up = True
    assert tries() == 1
    up = False
    assert [tries() for _ in range(2)] == [4, 1]


def dripping(between: float, *, head: bool) -> Iterator[str]:
    """A server that sends one byte after the other, of the head or of the body, and never ends; its address."""
    over = threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.1 200 OK\r\n" + (b"x-" if head else b"content-length: 9999\r\n\r\n"))
            while not over.wait(between):
                connection.sendall(b"a")

    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        over.set()


@pytest.mark.parametrize("head", [True, False], ids=["head", "body"])
@pytest.mark.parametrize(("writes", "fault"), [(True, UnknownOutcomeError), (False, TransientError)])
def test_a_server_that_drips_bytes_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch, head: bool, writes: bool, fault: type[Exception]
) -> None:
    monkeypatch.setattr(http, "LONGEST_REQUEST", 0.3)
    began = time.monotonic()
    with contextlib.contextmanager(dripping)(0.02, head=head) as address, bound_answers(httpx.Client()) as client:
        with pytest.raises(fault):
            send(client, "POST", address, tried="POST", writes=writes)
        assert time.monotonic() - began < 2
        monkeypatch.setattr(http, "LONGEST_REQUEST", 60.0)
        with AnsweringServer(lambda path: as_json({})) as other:
            assert send(client, "GET", other, tried="GET", writes=False).json() == {}


def test_a_client_asks_before_each_request_that_writes_also_when_it_is_sent_again() -> None:
    asked: list[str] = []

    def may_write() -> None:
        asked.append("asked")
        if len(asked) == 3:
            raise PermanentError("Changing the shop", "another run has it", "Wait.")

    seen: list[str] = []

    def answer(path: str) -> tuple[int, str, bytes]:
        seen.append(path)
        return as_json({})

    with AnsweringServer(answer) as address, httpx.Client(base_url=address) as client:
        ask_before_writing(client, may_write)
        for path in ("/a", "/b"):
            send(client, "GET", path, tried="GET", writes=False)
            send(client, "POST", path, tried="POST", writes=True)
        with pytest.raises(PermanentError, match="another run has it"):
            send(client, "POST", "/c", tried="POST", writes=True)
        assert send(client, "GET", "/d", tried="GET", writes=False).is_success
    assert seen == ["/a", "/a", "/b", "/b", "/d"]
    assert len(asked) == 3


@pytest.mark.parametrize(("status", "told"), [(429, 3), (503, 3), (500, 0), (None, 0)])
def test_answers_that_say_it_is_too_much_are_told(status: int | None, told: int) -> None:
    heard: list[None] = []
    backoff = Backoff(attempts=3, sleep=lambda seconds: None, when_limited=lambda: heard.append(None))

    def call() -> None:
        raise TransientError(*FAULT, status=status)

    with pytest.raises(TransientError):
        backoff.retrying(repeat_unknown=True)(call)
    assert len(heard) == told


def test_one_429_makes_every_thread_wait() -> None:
    waits: list[float] = []
    backoff = Backoff(attempts=2, sleep=waits.append)
    backoff.wait_for_turn()
    assert waits == []

    def call() -> None:
        raise TransientError(*FAULT, status=429, retry_after=30.0)

    with pytest.raises(TransientError):
        backoff.retrying(repeat_unknown=True)(call)
    other = threading.Thread(target=backoff.wait_for_turn)
    other.start()
    other.join()
    assert waits[-1] == pytest.approx(30.0, abs=1.0)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 0.5 ", 0.5),
        ("", None),
        ("soon", None),
        ("Sat, 21 Nov 2026 12:00:07 GMT", 7.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0.0),
        ("Sat, 21 Nov 2026 12:00:07 -0000", None),
        ("-3", None),
        ("Sat, 21 Nov 2026 12:00:07 +99999999999999", None),
        ("9" * 5_000, 366 * 86_400.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 366 * 86_400.0),
    ],
)
def test_retry_after_header(header: str, seconds: float | None) -> None:
    headers = {"retry-after": header, "date": "Sat, 21 Nov 2026 12:00:00 GMT"}
    assert retry_after_seconds(httpx.Response(429, headers=headers)) == seconds
    assert retry_after_seconds(httpx.Response(429)) is None


def test_retry_after_a_date_by_a_server_that_does_not_tell_the_time() -> None:
    until = formatdate(time.time() + 30, usegmt=True)
    seconds = retry_after_seconds(httpx.Response(429, headers={"retry-after": until}))
    assert seconds == pytest.approx(30, abs=3)


def test_redact_takes_the_longest_secret_first() -> None:
    assert redact("key=abcdef and abc", ["abc", "abcdef", ""]) == "key=*** and ***"


TRANSPORT: dict[str, tuple[Exception, type[Exception], type[Exception]]] = {
    "refused": (httpx.ConnectError("x"), TransientError, TransientError),
    "no route in time": (httpx.ConnectTimeout("x"), TransientError, TransientError),
    "no free connection": (httpx.PoolTimeout("x"), TransientError, TransientError),
    "answer too late": (httpx.ReadTimeout("x"), TransientError, UnknownOutcomeError),
    "reset": (httpx.ReadError("x"), TransientError, UnknownOutcomeError),
    "closed": (httpx.RemoteProtocolError("x"), TransientError, UnknownOutcomeError),
    "broken while sending": (httpx.WriteError("x"), TransientError, UnknownOutcomeError),
    "broken encoding": (httpx.DecodingError("x"), TransientError, UnknownOutcomeError),
    "address without http": (httpx.UnsupportedProtocol("x"), PermanentError, PermanentError),
    "line break in a key": (
        httpx.LocalProtocolError("Illegal header value b'sk_secret'"),
        PermanentError,
        PermanentError,
    ),
}


@pytest.mark.parametrize(("fault", "reading", "writing"), TRANSPORT.values(), ids=TRANSPORT.keys())
def test_transport_faults(fault: Exception, reading: type[Exception], writing: type[Exception]) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise fault

    with httpx.Client(transport=httpx.MockTransport(fail)) as client:
        for writes, expected in ((False, reading), (True, writing)):
            with pytest.raises(expected) as told:
                send(client, "POST", "http://shop", tried="POST http://shop", writes=writes)
            assert type(told.value) is expected
            assert str(told.value).startswith("POST http://shop: ")
            assert "sk_secret" not in str(told.value)
            assert told.value.__suppress_context__


@pytest.mark.parametrize(("writes", "fault"), [(True, UnknownOutcomeError), (False, PermanentError)])
@pytest.mark.parametrize("coding", ["gzip", "identity"])
def test_an_answer_that_unpacks_without_end(
    monkeypatch: pytest.MonkeyPatch, writes: bool, fault: type[Exception], coding: str
) -> None:
    """Seen: 7 MB of gzip took 3 GB of memory."""
    monkeypatch.setattr(http, "LARGEST_ANSWER", 1 << 20)

    def answer(size: int) -> httpx.Response:
        text = b"[" + b" " * (size - 2) + b"]"
        content = gzip.compress(text) if coding == "gzip" else text
        return httpx.Response(200, headers={"content-encoding": coding}, stream=httpx.ByteStream(content))

    sizes = iter((1 << 20, (1 << 20) + 1))
    with httpx.Client(transport=httpx.MockTransport(lambda request: answer(next(sizes)))) as client:
        assert send(client, "GET", "http://shop", tried="x", writes=writes).json() == []
        with pytest.raises(fault, match="an answer of more than 1 MB"):
            send(client, "GET", "http://shop", tried="x", writes=writes)


def test_a_status_is_the_callers_to_judge() -> None:
    with httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(500))) as client:
        assert send(client, "GET", "http://shop", tried="x", writes=False).status_code == 500
