"""Fetches images from any address, bounded in size and time."""

import hashlib
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

import httpx

from awin_medusa_pipeline.core.http import (
    Backoff,
    PermanentError,
    PipelineError,
    TransientError,
    as_our_errors,
    certificates,
)

LARGEST = 20 * 1024 * 1024
LONGEST = 60.0
"""Seconds for one image: a server that trickles bytes would hold up a run for ever."""
# Not SVG: it may hold scripts, which would run under the shop's own address.
_EXTENSIONS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/gif": "gif",
    "image/avif": "avif",
}

# What servers send instead of the real type: old browsers' names, and stores of files that know none.
_UNSURE = ("image/jpg", "image/pjpeg", "image/x-png", "application/octet-stream", "binary/octet-stream", "")
_BEGINNINGS = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png", b"GIF8": "image/gif"}


@dataclass(frozen=True)
class Picture:
    """A fetched image."""

    content: bytes = field(repr=False)
    kind: str
    """MIME type."""

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the content, in hex."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def name(self) -> str:
        """ASCII and unique file name: Medusa garbles other characters, and equal names in one call can collide."""
        return f"{self.sha256[:24]}.{_EXTENSIONS[self.kind]}"


class ImageError(PermanentError):
    """An image that cannot be fetched or is not acceptable: the fault lies with its address, not its destination."""


class ImageFetcher:
    """Fetches images of these `kinds` (MIME types) and at most `largest` bytes. Use it in a `with`."""

    def __init__(
        self, kinds: Collection[str] = tuple(_EXTENSIONS), *, largest: int = LARGEST, backoff: Backoff | None = None
    ) -> None:
        self._kinds, self._largest = kinds, largest
        self._web = httpx.Client(
            timeout=httpx.Timeout(20.0), follow_redirects=True, max_redirects=5, verify=certificates()
        )
        # An image is not worth minutes of waiting: the product goes without it.
        self._backoff = backoff or Backoff(attempts=3, longest_wait=5.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._web.close()

    def __call__(self, address: str) -> Picture:
        """Fetch one image, with a few tries. Raises ImageError."""
        try:
            return self._backoff.retrying(repeat_unknown=True)(self._fetch, address)
        except PipelineError as error:
            raise ImageError(error.tried, error.came_back, error.to_do) from None

    def _fetch(self, address: str) -> Picture:
        tried = f"Fetching the image {address}"
        ends_at = time.monotonic() + LONGEST
        with as_our_errors(tried, writes=False), self._web.stream("GET", address) as response:
            kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            if response.status_code >= 500 or response.status_code == 429:
                raise TransientError(tried, f"HTTP {response.status_code}", "It may be there tomorrow.")
            if not response.is_success:
                raise ImageError(tried, f"HTTP {response.status_code}", "Give the product another image.")
            if kind not in (*self._kinds, *_UNSURE):
                raise self._refused(tried, kind)
            content = bytearray()
            for part in response.iter_bytes():
                content += part
                if len(content) > self._largest:
                    raise ImageError(tried, f"it has more than {self._largest:,} bytes", "Use a smaller image.")
                if time.monotonic() > ends_at:
                    raise ImageError(tried, f"it was not there after {LONGEST:.0f} seconds", "Use another image.")
        if kind in _UNSURE:
            kind = next((known for start, known in _BEGINNINGS.items() if content.startswith(start)), kind)
        if kind not in self._kinds:
            raise self._refused(tried, kind)
        return Picture(bytes(content), kind)

    def _refused(self, tried: str, kind: str) -> ImageError:
        return ImageError(tried, kind or "no type", f"Taken are {', '.join(self._kinds)}.")
