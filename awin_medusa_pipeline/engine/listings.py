"""Products onto Etsy, one after the other: made once, changed only where they differ.

What belongs here: the order of the calls, what is written down between them, and looking before anything is repeated.
What does not: what a listing should be and what differs (domain/), how a call is sent (clients/), and a whole job
(engine/etsy_jobs.py).
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol

from awin_medusa_pipeline.clients.etsy import EtsyClient
from awin_medusa_pipeline.clients.images import Picture
from awin_medusa_pipeline.domain.listing_plan import Part
from awin_medusa_pipeline.domain.shop_products import ShopProduct
from awin_medusa_pipeline.store.etsy_accounts import EtsyAccount
from awin_medusa_pipeline.store.etsy_jobs import EtsyJob, EtsyJobProduct
from awin_medusa_pipeline.store.etsy_links import EtsyLinks


class Became(StrEnum):
    """What became of a product on Etsy."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    DEACTIVATED = "deactivated"
    FAILED = "failed"


@dataclass(frozen=True)
class ListingOutcome:
    """What became of one product. `sentence`: why it failed and what to do; `parts`: what was done."""

    product_id: str
    title: str
    became: Became
    listing_id: int | None = None
    url: str | None = None
    sentence: str | None = None
    parts: tuple[Part, ...] = ()


class ImageSource(Protocol):
    """Where pictures come from."""

    def __call__(self, address: str) -> Picture:
        """One picture. Raises ImageError."""


@dataclass
class ListingSync:
    """Syncs products of a job that this run has claimed."""

    client: EtsyClient
    links: EtsyLinks
    job: EtsyJob
    account: EtsyAccount
    images: ImageSource
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], None] = time.sleep

    def sync(self, rows: Sequence[EtsyJobProduct], products: Mapping[str, ShopProduct]) -> Iterator[ListingOutcome]:
        """Up to 100 products of the job; `products`: those of them that Medusa has. Raises RemoteError for what
        concerns the whole account; then the rest has no outcome."""
        raise NotImplementedError
