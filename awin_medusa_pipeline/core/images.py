"""Fetches images from addresses that others chose: from the internet alone, bounded in size and time."""

import hashlib
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

import httpx

from awin_medusa_pipeline.core.addresses import without_credentials
from awin_medusa_pipeline.core.deadline import within
from awin_medusa_pipeline.core.http import (
    Backoff,
    PermanentError,
    PipelineError,
    TransientError,
    as_our_errors,
)
from awin_medusa_pipeline.core.internet import (
    GuardedBackend,
    GuardedTransport,
    NotOnTheInternetError,
    Resolver,
    check_url,
    resolve,
)

LARGEST = 20 * 1024 * 1024
LONGEST = 60.0
"""Seconds for one image, with all its tries, redirects and headers: a server that trickles would hold up a run."""
MOST_REDIRECTS = 5
# Not SVG: it may hold scripts, which would run under the shop's own address.
_EXTENSIONS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/gif": "gif",
    "image/avif": "avif",
    "image/bmp": "bmp",
}
KINDS = tuple(_EXTENSIONS)
WEB_KINDS = tuple(kind for kind in KINDS if kind != "image/bmp")
"""What a shop shows to a browser as it is."""
LONGEST_SHOWN = 300
_BEGINNING = 32
"""Bytes that tell the type."""


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


def kind_of(content: bytes) -> str | None:
    """Read the MIME type of a picture from its first 32 bytes; None where they are of none that is known.

    What a server says in its header is often wrong: image/jpg, application/octet-stream, or a webp called image/jpeg.
    """
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    if content[4:8] == b"ftyp" and (b"avif" in content[8:32] or b"avis" in content[8:32]):
        return "image/avif"
    # With the length of its second header: BM alone are two letters.
    return "image/bmp" if content.startswith(b"BM") and content[15:18] == bytes(3) and content[14:15] else None


class ImageFetcher:
    """Fetches images of these `kinds` (MIME types) and at most `largest` bytes. Use it in a `with`.

    The type is read from the bytes alone. Threads may share it. `hosts`: those that may be asked although they are not
    on the internet, each as a host or a host with a port.
    """

    def __init__(
        self,
        kinds: Collection[str] = WEB_KINDS,
        *,
        hosts: Collection[str] = (),
        largest: int = LARGEST,
        backoff: Backoff | None = None,
        resolver: Resolver = resolve,
    ) -> None:
        self._kinds, self._largest = kinds, largest
        backend = GuardedBackend(hosts, resolver=resolver)
        self._web = httpx.Client(
            transport=GuardedTransport(backend),
            timeout=httpx.Timeout(20.0),
            # What is unpacked could be a thousand times as large; pictures are packed as they are.
            headers={"accept": "image/*", "accept-encoding": "identity"},
            event_hooks={"request": [lambda request: check_url(request.url, backend)]},
            follow_redirects=True,
            max_redirects=MOST_REDIRECTS,
            trust_env=False,
        )
        # An image is not worth minutes of waiting: the product goes without it.
        self._backoff = backoff or Backoff(attempts=3, longest_wait=5.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._web.close()

    def __call__(self, address: str) -> Picture:
        """Fetch one image, with a few tries. Raises ImageError."""
        tried = f"Fetching the image {without_credentials(address[:LONGEST_SHOWN])}"
        started = time.monotonic()
        try:
            with within(LONGEST):
                return self._backoff.retrying(repeat_unknown=True)(self._fetch, address, tried)
        except PipelineError as error:
            if time.monotonic() - started >= LONGEST:
                raise _too_slow(tried) from None
            raise ImageError(error.tried, error.came_back, error.to_do) from None
        except NotOnTheInternetError as error:
            to_do = "Give the product another image; a host of your own network can be named in IMAGE_ALLOWED_HOSTS."
            raise ImageError(tried, str(error), to_do) from None

    def _fetch(self, address: str, tried: str) -> Picture:
        with as_our_errors(tried, writes=False), self._web.stream("GET", address) as response:
            if response.status_code >= 500 or response.status_code == 429:
                raise TransientError(tried, f"HTTP {response.status_code}", "It may be there tomorrow.")
            if not response.is_success:
                raise ImageError(tried, f"HTTP {response.status_code}", "Give the product another image.")
            content, kind = bytearray(), None
            for part in response.iter_raw():
                content += part
                if kind is None and len(content) >= _BEGINNING:
                    kind = self._kind(tried, bytes(content[:_BEGINNING]), response)
                if len(content) > self._largest:
                    raise ImageError(tried, f"it has more than {self._largest:,} bytes", "Use a smaller image.")
            return Picture(bytes(content), kind or self._kind(tried, bytes(content), response))

    def _kind(self, tried: str, beginning: bytes, response: httpx.Response) -> str:
        """Return the type; raises ImageError for one that is not among `kinds`."""
        kind = kind_of(beginning)
        if kind in self._kinds:
            return str(kind)
        called = response.headers.get("content-type", "").partition(";")[0].strip().lower()[:60]
        what = kind or f"no picture that is known, called {called or 'nothing'}"
        raise ImageError(tried, f"it is {what}", f"Taken are {', '.join(self._kinds)}.")


def _too_slow(tried: str) -> ImageError:
    return ImageError(tried, f"it was not there after {LONGEST:.0f} seconds", "Use another image.")
