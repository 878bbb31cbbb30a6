"""What every client shares: retries, waits, and faults as our errors."""

import threading
import time
from email.utils import formatdate

import httpx
import pytest

from awin_medusa_pipeline.core.hidden import redact
from awin_medusa_pipeline.core.http import (
    Backoff,
    PermanentError,
    TransientError,
    UnknownOutcomeError,
    retry_after_seconds,
    send,
)

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


@pytest.mark.parametrize(("asked", "waited"), [(7.0, 7.0), (0.0, 0.0), (3_600.0, 60.0)])
def test_retry_after_is_honoured_within_reason(asked: float, waited: float) -> None:
    waits = waits_of(TransientError(*FAULT, status=429, retry_after=asked), attempts=2)
    assert waits == [pytest.approx(waited, abs=0.11)]


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


def test_a_status_is_the_callers_to_judge() -> None:
    with httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(500))) as client:
        assert send(client, "GET", "http://shop", tried="x", writes=False).status_code == 500
