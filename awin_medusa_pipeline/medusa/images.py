"""Copies images to Medusa's own file storage."""

import logging
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Self

from awin_medusa_pipeline.core.errors import PipelineError
from awin_medusa_pipeline.core.http import Backoff
from awin_medusa_pipeline.core.images import LARGEST, ImageFetcher
from awin_medusa_pipeline.medusa.client import MedusaClient

log = logging.getLogger(__name__)


class ImageHost:
    """Uploads each image once per run. A broken image costs the image, not the product."""

    def __init__(
        self,
        client: MedusaClient,
        backoff: Backoff | None = None,
        *,
        hosts: Collection[str] = (),
        largest: int = LARGEST,
    ) -> None:
        self._medusa = client
        self._fetch = ImageFetcher(hosts=hosts, largest=largest, backoff=backoff)
        self._uploaded: dict[str, str | None] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._fetch.__exit__(*error)

    def __call__(self, urls: Sequence[str]) -> list[str]:
        """Upload images; returns their addresses in Medusa's storage in order, without those that failed."""
        new = [url for url in dict.fromkeys(urls) if url not in self._uploaded]
        with ThreadPoolExecutor(4) as threads:
            self._uploaded.update(zip(new, threads.map(self._rehost, new), strict=True))
        return [address for url in urls if (address := self._uploaded[url])]

    def _rehost(self, url: str) -> str | None:
        try:
            picture = self._fetch(url)
            return self._medusa.upload(picture.name, picture.content, picture.kind)
        except PipelineError as error:
            log.warning("The product is imported without this image. %s", error)
            return None
