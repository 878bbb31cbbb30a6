"""Product images from the advertiser's address to Medusa's own file storage.

What belongs here: fetching an image safely and uploading it. What does not: whether that is wanted
(SYNC_REHOST_IMAGES), or which images a product has.
"""

import hashlib
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

import httpx

from awin_medusa_pipeline.clients.http import Backoff, RemoteError, TransientError, as_our_errors
from awin_medusa_pipeline.clients.medusa import MedusaClient

log = logging.getLogger(__name__)

LARGEST = 20 * 1024 * 1024
# Not SVG: a stranger's drawing may hold scripts, and would run under the shop's own address.
_EXTENSIONS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/gif": "gif",
    "image/avif": "avif",
}


class ImageHost:
    """Uploads images once a run. A broken image costs the image, not the product."""

    def __init__(self, client: MedusaClient, backoff: Backoff | None = None) -> None:
        self._medusa = client
        self._web = httpx.Client(timeout=httpx.Timeout(20.0), follow_redirects=True)
        # An image is not worth minutes of waiting: the product goes on without it.
        self._backoff = backoff or Backoff(attempts=3, longest_wait=5.0)
        self._uploaded: dict[str, str | None] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._web.close()

    def __call__(self, urls: Sequence[str]) -> list[str]:
        """Addresses in Medusa's storage, in the same order, without the ones that could not be had."""
        new = [url for url in dict.fromkeys(urls) if url not in self._uploaded]
        with ThreadPoolExecutor(4) as threads:
            self._uploaded.update(zip(new, threads.map(self._rehost, new), strict=True))
        return [address for url in urls if (address := self._uploaded[url])]

    def _rehost(self, url: str) -> str | None:
        try:
            return self._medusa.upload(*self._backoff.retrying(repeat_unknown=True)(self._fetch, url))
        except (RemoteError, ValueError) as error:
            log.warning("The product is imported without this image. %s", error)
            return None

    def _fetch(self, url: str) -> tuple[str, bytes, str]:
        tried = f"Fetching the image {url}"
        with as_our_errors(tried, writes=False), self._web.stream("GET", url) as response:
            kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            if response.status_code >= 500 or response.status_code == 429:
                raise TransientError(tried, f"HTTP {response.status_code}", "It may be there tomorrow.")
            if not response.is_success or kind not in _EXTENSIONS:
                raise ValueError(f"{tried}: HTTP {response.status_code}, {kind or 'no type'}.")
            content = bytearray()
            for part in response.iter_bytes():
                content += part
                if len(content) > LARGEST:
                    raise ValueError(f"{tried}: it has more than {LARGEST:,} bytes.")
        # Medusa garbles names that are not ASCII, and two files of one name in a call can collide.
        return f"{hashlib.sha256(content).hexdigest()[:24]}.{_EXTENSIONS[kind]}", bytes(content), kind
