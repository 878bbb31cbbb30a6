"""Uploads the images of one listing to Etsy, each once, and puts them in the order of the product."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.core.http import UnknownOutcomeError
from awin_medusa_pipeline.core.images import Picture
from awin_medusa_pipeline.etsy.client.client import SENDS, EtsyClient
from awin_medusa_pipeline.etsy.domain.listing import MOST_IMAGES

IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif")
LARGEST_IMAGE = 10 * 1024 * 1024
"""Bytes. Etsy: jpg, png and gif up to 10 MB."""
WAITS = (0.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds before each look at what was written: 30 in all, since Etsy's reads are some seconds behind its writes."""


class ImageSource(Protocol):
    """Provides images; for Etsy ImageFetcher(IMAGE_TYPES, largest=LARGEST_IMAGE)."""

    def __call__(self, address: str) -> Picture:
        """Fetch one image. Raises ImageError."""


@dataclass
class ListingImages:
    """The images of one listing.

    `shown`: their ids as Etsy shows them, in order. `known`: SHA-256 -> id of each image that was uploaded, which
    `store_known` stores.
    """

    client: EtsyClient
    listing_id: int
    images: ImageSource
    shown: list[int]
    known: dict[str, int]
    store_known: Callable[[dict[str, int]], None]
    sleep: Callable[[float], None]

    def upload_all(self, addresses: Sequence[str]) -> None:
        """Make these the images of the listing, in this order.

        Raises ImageError for one that cannot be fetched, and PipelineError; what was uploaded by then is stored.
        """
        wanted: dict[str, int] = {}
        for address in addresses:
            picture = self.images(address)
            if picture.sha256 not in self.known:
                self._make_room(wanted.values())
                self.known[picture.sha256] = self._upload(picture)
                self.store_known(self.known)
            wanted[picture.sha256] = self.known[picture.sha256]
        self.arrange(list(wanted.values()))
        self.known = wanted

    def arrange(self, wanted: list[int]) -> None:
        """Set exactly these images, in this order, unless Etsy shows them so already."""
        if self.shown == wanted:
            return
        try:
            self.client.set_image_order(self.listing_id, wanted)
        except PermanentError as error:
            if error.status in (400, 404):
                # Etsy may have lost one: what it does not show is uploaded again by the next attempt.
                there = self._read_ids()
                self.store_known({sha256: image_id for sha256, image_id in self.known.items() if image_id in there})
            raise
        self.shown = wanted

    @property
    def wanted(self) -> list[int]:
        """The ids of the images that the listing should show, in order."""
        return list(self.known.values())

    def arrange_again(self, there: list[int]) -> None:
        """Set them once more, since Etsy shows others (`there`)."""
        self.shown = there
        self.arrange(self.wanted)

    def _upload(self, picture: Picture) -> int:
        for left in reversed(range(SENDS)):
            # Without a rank Etsy assumes the first one, whatever is there.
            rank = len(self.shown) + 1
            try:
                image = self.client.upload_image(self.listing_id, picture.content, picture.name, rank=rank)
            except UnknownOutcomeError:
                new = self._look_for_new()
                if len(new) == 1:
                    return new[0]
                if not left:
                    raise
            else:
                self.shown = [*self.shown, image.listing_image_id]
                return image.listing_image_id
        raise AssertionError("the last try returns or raises")

    def _look_for_new(self) -> list[int]:
        """Find the images that were added without an answer; Etsy's reads have time to show them."""
        before, new = self.shown, []
        for wait in WAITS:
            self.sleep(wait)
            self.shown = self._read_ids()
            if new := [image_id for image_id in self.shown if image_id not in before]:
                break
        return new

    def _make_room(self, wanted: Collection[int]) -> None:
        """Remove unwanted images when the listing is full; one image always stays, as Etsy requires."""
        if len(self.shown) >= MOST_IMAGES:
            self.arrange([image_id for image_id in self.shown if image_id in wanted] or self.shown[:1])

    def _read_ids(self) -> list[int]:
        return [image.listing_image_id for image in self.client.images(self.listing_id)]
