"""Sends HTTP requests for all clients: errors as ours, retries with backoff, secrets kept out of text."""

import logging
import random
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate, parsedate_to_datetime
from functools import cache
from typing import Any

import httpx
import tenacity

from awin_medusa_pipeline.core.deadline import within
from awin_medusa_pipeline.core.errors import PermanentError as PermanentError
from awin_medusa_pipeline.core.errors import PipelineError as PipelineError
from awin_medusa_pipeline.core.errors import TransientError as TransientError

# An AWIN address holds the key: httpx logs every address at INFO, httpcore every redirect's target at DEBUG.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)

RETRYABLE_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
NEVER_SENT = (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL)
LONGEST_REQUEST = 300.0
"""Seconds for one request with all of its answer; a page of a catalogue takes one or two."""
LARGEST_ANSWER = 256 << 20
"""Bytes of an answer, unpacked: 7 MB of gzip unpack to gigabytes. A page of a catalogue has one or two million."""
_LONGEST_ASKED = 366 * 86_400.0
_CHECK_SERVER = "Check that it is up and reachable."


@cache
def certificates() -> ssl.SSLContext:
    """Load the certificates that servers are checked against, once: a client that loads its own takes 20 to 40 ms."""
    return httpx.create_ssl_context()


class PayloadTooLargeError(PermanentError):
    """HTTP 413: the content may pass in smaller parts."""


class UnknownOutcomeError(TransientError):
    """A write without an answer: it may have been carried out, so check before repeating it."""


def retry_after_seconds(response: httpx.Response) -> float | None:
    """Seconds of a Retry-After header, a number or a date (RFC 9110); None when it is missing or neither.

    More than a year is a year. A date is compared with the server's own clock, since clocks differ.
    """
    value = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", value):
        return min(float(value), _LONGEST_ASKED)
    try:
        until, now = map(parsedate_to_datetime, (value, response.headers.get("date") or formatdate(usegmt=True)))
        return min(max(0.0, (until - now).total_seconds()), _LONGEST_ASKED)
    except (ValueError, TypeError, OverflowError):  # no date, or one without a time zone, or with an endless one
        return None


@dataclass
class Backoff:
    """Limits for retrying a call. Times in seconds."""

    attempts: int = 6
    first_wait: float = 0.5
    longest_wait: float = 60.0
    longest_total: float = 300.0
    sleep: Callable[[float], None] = time.sleep
    when_limited: Callable[[], None] = lambda: None
    """Told of each answer that says that the server is asked too much."""
    _resume_at: float = field(default=0.0, init=False)
    _gave_up: bool = field(default=False, init=False)
    """Whether the last call was given up after all its attempts."""
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def hold_all_until(self, seconds_from_now: float) -> None:
        """Make every thread that shares this backoff wait: a 429 applies to the client, not to one call."""
        with self._lock:
            self._resume_at = max(self._resume_at, time.monotonic() + seconds_from_now)

    def wait_for_turn(self) -> None:
        """Sleep while another thread's 429 is being honoured."""
        if (left := self._resume_at - time.monotonic()) > 0:
            self.sleep(left)

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        wait: float = min(self.longest_wait, self.first_wait * 2 ** (state.attempt_number - 1))
        wait *= 0.75 + random.random() / 2
        if isinstance(error, TransientError) and error.retry_after is not None:
            wait = min(self.longest_wait, error.retry_after + random.random() / 10)
        if isinstance(error, TransientError) and error.status in (429, 503):
            self.when_limited()
        if isinstance(error, TransientError) and error.status == 429:
            self.hold_all_until(wait)
        return wait

    def retrying(self, *, repeat_unknown: bool, one_server: bool = False) -> tenacity.Retrying:
        """Make a tenacity controller.

        `repeat_unknown`: for calls that are safe to send twice. `one_server`: all calls go to the same one, so that
        after one that was given up the next are tried once each, until one is answered: a thousand calls to a server
        that answers nothing would take minutes each. One that asks for more than `longest_total` is not asked again.
        """

        def may_retry(state: tenacity.RetryCallState) -> bool:
            error = state.outcome.exception() if state.outcome else None
            if not isinstance(error, TransientError):
                self._gave_up = False
                return False
            too_long = (error.retry_after or 0) > self.longest_total
            return not too_long and (repeat_unknown or not isinstance(error, UnknownOutcomeError))

        def is_over(state: tenacity.RetryCallState) -> bool:
            attempts = 1 if one_server and self._gave_up else self.attempts
            over = state.attempt_number >= attempts or (state.seconds_since_start or 0) >= self.longest_total
            self._gave_up = self._gave_up or over
            return over

        return tenacity.Retrying(retry=may_retry, stop=is_over, wait=self._wait, sleep=self.sleep, reraise=True)


@contextmanager
def as_our_errors(tried: str, *, writes: bool) -> Iterator[None]:
    """Turn httpx's errors into ours.

    Raises TransientError when nothing can have reached the server, UnknownOutcomeError for a write that may have, and
    PermanentError for an address or a key that cannot be sent.
    """
    try:
        yield
    except NOT_SENT as error:
        raise TransientError(tried, f"no connection ({type(error).__name__})", _CHECK_SERVER) from None
    except httpx.TooManyRedirects:
        raise PermanentError(tried, "it redirects in a circle", "Check the address.") from None
    except NEVER_SENT as error:
        came_back = f"no such request can be sent ({type(error).__name__})"
        raise PermanentError(tried, came_back, "Check the address and the key for typing errors.") from None
    except httpx.RequestError as error:
        kind = UnknownOutcomeError if writes else TransientError
        raise kind(tried, f"the connection broke ({type(error).__name__})", _CHECK_SERVER) from None


def ask_before_writing(client: httpx.Client, may_write: Callable[[], None]) -> None:
    """Call `may_write`, which may raise, before each request that may change something, retries included.

    At the last moment there is, when its connection stands: to connect can take as long as a lease lasts.
    """

    def trace(event: str, _: Mapping[str, Any]) -> None:
        if event.endswith("send_request_headers.started"):
            may_write()

    def watch(request: httpx.Request) -> None:
        if request.method not in ("GET", "HEAD"):
            request.extensions["trace"] = trace

    client.event_hooks = {**client.event_hooks, "request": [*client.event_hooks["request"], watch]}


def json_of(response: httpx.Response) -> Any:
    """What an answer holds as JSON; None where it is none, or nested without end."""
    try:
        return response.json()
    except (ValueError, RecursionError):
        return None


def send(client: httpx.Client, method: str, url: str, *, tried: str, writes: bool, **options: Any) -> httpx.Response:
    """Send one request; errors as in `as_our_errors`. The caller checks the status."""
    with (
        as_our_errors(tried, writes=writes),
        within(LONGEST_REQUEST),
        client.stream(method, url, **options) as response,
    ):
        pieces, size = [], 0
        for piece in response.iter_bytes():
            pieces.append(piece)
            size += len(piece)
            if size > LARGEST_ANSWER:
                kind = UnknownOutcomeError if writes else PermanentError
                came_back = f"an answer of more than {LARGEST_ANSWER >> 20} MB"
                raise kind(tried, came_back, "Look at what answers there.", status=response.status_code)
        response._content = b"".join(pieces)  # as its own read() does, which has no bound
        return response
