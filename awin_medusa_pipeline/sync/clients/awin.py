"""Downloads an AWIN feed to a file, or says in one sentence why not. The key in the address is never shown."""

import hashlib
import re
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit
from urllib.request import getproxies

import httpx
from upath import UPath

from awin_medusa_pipeline.core.errors import Action
from awin_medusa_pipeline.core.files import replacing
from awin_medusa_pipeline.core.hidden import redact
from awin_medusa_pipeline.core.http import (
    RETRYABLE_STATUS,
    Backoff,
    TransientError,
    certificates,
    retry_after_seconds,
)
from awin_medusa_pipeline.core.internet import FirstDecides, GuardedTransport, NotOnTheInternetError
from awin_medusa_pipeline.sync.clients.awin_address import label_of, local_path, secrets_in
from awin_medusa_pipeline.sync.domain.feed.errors import Fault, FeedError
from awin_medusa_pipeline.sync.domain.feed.facts import FeedVersion
from awin_medusa_pipeline.sync.domain.feed.feed import FeedRules, check_feed

# Below this a feed is faulty (one lost 89 % between two lists). A feed that lost less is used, since its stock and
# prices still count; guards hold the rest.
SMALLEST_SHARE = 0.25
# AWIN blocks a feed that is downloaded more than five times an hour.
ATTEMPTS = 4
TIMEOUT = httpx.Timeout(connect=10, read=60, write=30, pool=10)
# Some of AWIN's hosts answer 404 to clients without a User-Agent.
USER_AGENT = "Mozilla/5.0 (compatible; awin-medusa-pipeline)"
# After PATIENCE seconds, a download slower than SLOWEST bytes per second would still be running the next night.
PATIENCE, SLOWEST = 120.0, 5_000
# AWIN redirects between its own hosts, with the key in the address.
OF_AWIN = re.compile(r"(^|\.)(awin|productserve)\.com$")

_LONGEST_MARK = 500
_PROXIES = {"http", "https", "all"}

Progress = Callable[[int, int | None, float], None]
"""Bytes done, bytes in total (None: unknown), seconds since the start."""


@dataclass(frozen=True)
class DownloadedFeed:
    """A feed on disk, still packed. `downloaded_at` is aware UTC, `label` the address without its secrets."""

    path: Path
    label: str
    sha256: str
    bytes: int
    unchanged: bool
    downloaded_at: datetime
    etag: str | None = None
    last_modified: str | None = None

    @property
    def version(self) -> FeedVersion:
        """Version to remember once the feed is accepted."""
        return FeedVersion(self.sha256, self.bytes, self.etag, self.last_modified)


def download(
    address: str,
    folder: Path,
    *,
    previous: FeedVersion | None = None,
    usual_bytes: int | None = None,
    rules: FeedRules | None = None,
    token: str | None = None,
    progress: Progress | None = None,
    accept_smaller: bool = False,
    most: int | None = None,
    backoff: Backoff | None = None,
) -> DownloadedFeed:
    """Download the feed at an http(s) address, or take the file at a local path, and check that it is a whole feed.

    `token` is sent to AWIN's enhanced feeds only. `most` ends a download after about that many bytes: enough to check
    that it is a feed, not to use it. `usual_bytes`: size of the accepted feeds before it. Raises FeedError.
    """
    label, rules = label_of(address), rules or FeedRules()
    secrets = [*secrets_in(address), *([token] if token else [])]
    path = local_path(address)
    try:
        _check_address(address, label)
        if path is not None:
            feed = _local(path, label, rules, previous)
        else:
            feed = _Download(address, folder, label, secrets, rules, previous, token, progress, most).run(
                backoff or Backoff(attempts=ATTEMPTS, first_wait=5, longest_wait=120)
            )
        if usual_bytes and not accept_smaller and feed.bytes < SMALLEST_SHARE * usual_bytes:
            raise FeedError(
                Fault.SHRUNKEN,
                f"Checking the feed {label}",
                f"it has {feed.bytes:,} bytes where the last accepted ones had {usual_bytes:,}",
                "Check it; if the advertiser really sells that much less, run once with accept_smaller_feed.",
                action=Action.ACCEPT_SMALLER_FEED,
            )
    except FeedError as error:
        # A server may repeat the address in its answer.
        texts = [redact(text, secrets) for text in (error.tried, error.came_back, error.to_do)]
        raise FeedError(error.code, *texts, status=error.status, action=error.action) from None
    return feed


def _check_address(address: str, label: str) -> None:
    try:
        scheme = urlsplit(address).scheme.lower()
    except ValueError:
        scheme = "?"
    if scheme not in ("http", "https", "file") and (scheme == "?" or "://" in address):
        raise _bad_address(label, "it is not a web address")


def _bad_address(label: str, came_back: str) -> FeedError:
    to_do = "Correct AWIN_FEED_URL: an https address, or the path of a file."
    return FeedError(Fault.BAD_ADDRESS, f"Downloading the feed {label}", came_back, to_do)


def _local(path: Path, label: str, rules: FeedRules, previous: FeedVersion | None) -> DownloadedFeed:
    try:
        sha256 = _hash_of(path)
        size = path.stat().st_size
    except OSError as error:
        gone = isinstance(error, FileNotFoundError)
        raise FeedError(
            Fault.NO_FILE if gone else Fault.UNREADABLE_FILE,
            f"Opening the feed {label}",
            error.strerror or "it cannot be read",
            "Correct AWIN_FEED_URL, or put the file there."
            if gone
            else "Name a file that this program may read in AWIN_FEED_URL.",
        ) from None
    check_feed(path, label=label, rules=rules, whole=False)  # parsing it to the end, later, detects a cut
    unchanged = previous is not None and previous.sha256 == sha256
    return DownloadedFeed(path, label, sha256, size, unchanged, datetime.now(UTC))


def _hash_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass
class _Download:
    """The download of one feed."""

    address: str = field(repr=False)
    folder: Path
    label: str
    secrets: list[str] = field(repr=False)
    rules: FeedRules
    previous: FeedVersion | None
    token: str | None = field(repr=False)
    progress: Progress | None
    most: int | None

    def run(self, backoff: Backoff) -> DownloadedFeed:
        """Try until the feed is downloaded, or no further try would help."""
        try:
            hooks = {"request": [self._refuse_unsafe]}
            # A proxy looks names up itself, and is what keeps its users out of the own network.
            guarded = None if _PROXIES & getproxies().keys() else GuardedTransport(FirstDecides())
            with httpx.Client(
                transport=guarded,
                follow_redirects=True,
                timeout=TIMEOUT,
                headers=self._headers(),
                event_hooks=hooks,
                verify=certificates(),
            ) as client:
                for attempt in backoff.retrying(repeat_unknown=True):
                    with attempt:
                        return self._fetch(client)
        except _RetryableError as error:
            raise error.fault from None
        raise AssertionError("tenacity ends with a result or an error")

    @property
    def _path(self) -> Path:
        """One file per address, whatever the key."""
        name = hashlib.sha256(redact(self.address, self.secrets).encode()).hexdigest()[:16]
        return self.folder / f"feed-{name}"

    @property
    def _tried(self) -> str:
        return f"Downloading the feed {self.label}"

    def _headers(self) -> dict[str, str]:
        # We unpack ourselves: AWIN sometimes adds the transfer encoding gzip to a gzip file.
        headers = {"Accept-Encoding": "identity", "User-Agent": USER_AGENT}
        parts = urlsplit(self.address)
        enhanced = "/awinfeeds/" in parts.path and re.search(
            r"(^|\.)awin\.com$|^localhost$|^127\.", parts.hostname or ""
        )
        if self.token and enhanced:
            headers["Authorization"] = f"Bearer {self.token}"
        if self.previous and self._has_previous:
            marks = {"If-None-Match": self.previous.etag, "If-Modified-Since": self.previous.last_modified}
            headers |= {name: mark for name, mark in marks.items() if mark and _can_be_sent(mark)}
        return headers

    @cached_property
    def _has_previous(self) -> bool:
        """Whether the file on this machine is the previous version; another machine may have downloaded that."""
        return self.previous is not None and self._path.exists() and _hash_of(self._path) == self.previous.sha256

    def _fetch(self, client: httpx.Client) -> DownloadedFeed:
        """Try once. Raises TransientError where another try may help."""
        try:
            with client.stream("GET", self.address) as response:
                if response.status_code == 304 and self.previous and self._has_previous:
                    return self._feed(self.previous.sha256, self.previous.bytes, response)
                if response.status_code != 200:
                    self._refuse(response)
                with replacing(UPath(self._path)) as part:
                    sha256, size = self._write(response, part)
                    self._check(part, size)
                return self._feed(sha256, size, response)
        except NotOnTheInternetError as error:
            to_do = "Copy the address again from AWIN into AWIN_FEED_URL."
            came_back = f"it redirects into your own network ({error}); it was not followed"
            raise FeedError(Fault.UNSAFE_REDIRECT, self._tried, came_back, to_do) from None
        except httpx.TooManyRedirects:
            to_do = "Copy the address again from AWIN into AWIN_FEED_URL."
            raise FeedError(Fault.REDIRECT_LOOP, self._tried, "it redirects in a circle", to_do) from None
        except (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.DecodingError) as error:
            raise _bad_address(self.label, f"the address does not work ({type(error).__name__})") from None
        except httpx.HTTPError as error:
            raise self._retryable(*_connection_fault(error)) from None

    def _check(self, part: Path, size: int) -> None:
        with part.open("rb") as file:
            start = file.read(2_000)
        if b"throttled" in start.lower() and b"\n" not in start.strip():
            raise self._throttled(None)
        try:
            check_feed(part, label=self.label, rules=self.rules, whole=self.most is None)
        except FeedError as error:
            cut = error.code == Fault.TRUNCATED
            if cut and self.most is None:
                raise _RetryableError(error) from None
            if not (cut and self.most is not None and size >= self.most):
                raise

    def _feed(self, sha256: str, size: int, response: httpx.Response) -> DownloadedFeed:
        return DownloadedFeed(
            path=self._path,
            label=self.label,
            sha256=sha256,
            bytes=size,
            unchanged=self.previous is not None and self.previous.sha256 == sha256,
            downloaded_at=datetime.now(UTC),
            etag=response.headers.get("etag"),
            last_modified=response.headers.get("last-modified"),
        )

    def _write(self, response: httpx.Response, part: Path) -> tuple[str, int]:
        length = response.headers.get("content-length", "")
        total = int(length) if length.isdigit() else None
        digest, done, start, reported_at = hashlib.sha256(), 0, time.monotonic(), 0.0
        with part.open("wb") as file:
            for piece in response.iter_raw():
                file.write(piece)
                digest.update(piece)
                done += len(piece)
                seconds = time.monotonic() - start
                if self.progress and seconds - reported_at >= 1:
                    self.progress(done, total, reported_at := seconds)
                if self.most is not None and done >= self.most:
                    break
                if seconds > PATIENCE and done < SLOWEST * seconds:
                    raise self._retryable(*TOO_SLOW)
        if self.progress:
            self.progress(done, total, time.monotonic() - start)
        return digest.hexdigest(), done

    def _refuse(self, response: httpx.Response) -> NoReturn:
        """Raise the error for an answer without a feed."""
        body = next(response.iter_raw(2_000), b"").decode("utf-8", "replace")
        status, text = response.status_code, " ".join(re.sub(r"<[^>]*>", " ", body).split())[:160]
        came_back = f"HTTP {status}" + (f" “{redact(text, self.secrets)}”" if text else "")
        retry_after = retry_after_seconds(response)
        if status == 429 or "throttled" in body.lower():
            raise self._throttled(retry_after)
        if status in RETRYABLE_STATUS or status >= 500:
            code, to_do = Fault.UNAVAILABLE, "AWIN is down for the moment; the next run tries again."
            if status == 500:
                code = Fault.SERVER_ERROR
                to_do = "AWIN may be down; it also answers a wrong key like this, so check the key in AWIN_FEED_URL."
            raise self._retryable(code, came_back, to_do, status, retry_after)
        code, to_do = Fault.REFUSED, "Check the address in AWIN_FEED_URL."
        if status in (401, 403) and "/awinfeeds/" in self.address:
            code, to_do = Fault.WRONG_TOKEN, "Set AWIN_API_TOKEN to the token of ui.awin.com/awin-api."
        elif status == 401:
            code = Fault.WRONG_KEY
            to_do = "Copy the address again from AWIN (Toolbox > Create-a-Feed) into AWIN_FEED_URL."
        elif status == 403:
            code = Fault.NO_ACCESS
            to_do = (
                "Look in AWIN whether you are still joined to the advertiser's programme, then copy the address again."
            )
        elif status in (404, 410):
            code = Fault.NOT_FOUND
            to_do = "AWIN gives feeds new ids now and then: look up the id in its feed list and correct AWIN_FEED_URL."
        raise FeedError(code, self._tried, came_back, to_do, status=status)

    def _throttled(self, retry_after: float | None) -> "_RetryableError":
        return self._retryable(
            Fault.THROTTLED,
            "AWIN says that it was downloaded too often",
            "Wait an hour: more than 5 downloads of a feed in one hour, or 5 at a time, are blocked.",
            429,
            retry_after,
        )

    def _retryable(
        self, code: str, came_back: str, to_do: str, status: int | None = None, retry_after: float | None = None
    ) -> "_RetryableError":
        return _RetryableError(FeedError(code, self._tried, came_back, to_do, status=status), retry_after)

    def _refuse_unsafe(self, request: httpx.Request) -> None:
        """Refuse a redirect that would give the key to a foreign host or send it unencrypted; called per request."""
        first, host = urlsplit(self.address), request.url.host
        in_clear = first.scheme.lower() == "https" and request.url.scheme != "https"
        elsewhere = host != first.hostname and not (OF_AWIN.search(host) and OF_AWIN.search(first.hostname or ""))
        if in_clear or (elsewhere and any(secret in str(request.url) for secret in self.secrets)):
            came_back = f"it redirects to {host}" + (
                " without encryption" if in_clear else ", which would get your key"
            )
            raise FeedError(
                Fault.UNSAFE_REDIRECT,
                self._tried,
                f"{came_back}; it was not followed",
                "Copy the address again from AWIN into AWIN_FEED_URL, and tell AWIN if that does not help.",
            )


def _can_be_sent(mark: str) -> bool:
    """Whether a request can hold what an answer's header held: bytes that are no ASCII failed each later night."""
    return mark.isascii() and mark.isprintable() and len(mark) <= _LONGEST_MARK


class _RetryableError(TransientError):
    """A fault that another try may avoid; `fault` is the error raised after the last one."""

    def __init__(self, fault: FeedError, retry_after: float | None = None) -> None:
        super().__init__(fault.tried, fault.came_back, fault.to_do, status=fault.status, retry_after=retry_after)
        self.fault = fault


TOO_SLOW = (
    Fault.TOO_SLOW,
    "the server sends too slowly, or nothing at all",
    "Check the network; the next run tries again.",
)


def _connection_fault(error: BaseException) -> tuple[str, str, str]:
    """Code, what came back and what to do, from the chain of causes."""
    if isinstance(error, httpx.ReadTimeout | httpx.WriteTimeout):
        return TOO_SLOW
    name, connecting = type(error).__name__, isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
    causes = [error]
    while cause := causes[-1].__cause__ or causes[-1].__context__:
        causes.append(cause)
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return (
            Fault.UNKNOWN_HOST,
            "there is no server of that name",
            "Check the address for typing errors, and the network of this machine.",
        )
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return (
            Fault.NO_SECURE_CONNECTION,
            "no encrypted connection was possible (its certificate is not valid, or it does not speak https)",
            "Check the address, and the clock of this machine.",
        )
    if connecting:
        to_do = "Check the network, and the address; the next run tries again."
        return Fault.NO_CONNECTION, f"no connection ({name})", to_do
    to_do = "Check the network; the next run tries again."
    return Fault.CONNECTION_BROKE, f"the connection broke ({name})", to_do
