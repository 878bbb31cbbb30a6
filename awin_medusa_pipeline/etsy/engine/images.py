"""Pictures of one listing on Etsy: uploaded once each, in the order of the product.

What belongs here: what to upload, and looking before an upload is repeated. What does not: fetching a picture
(core/images.py), and when a listing's pictures are looked at (listings.py).
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.core.http import UnknownOutcomeError
from awin_medusa_pipeline.core.images import Picture
from awin_medusa_pipeline.etsy.client.client import EtsyClient
from awin_medusa_pipeline.etsy.domain.listing import MOST_IMAGES

KINDS = ("image/jpeg", "image/png", "image/gif")
LARGEST = 10 * 1024 * 1024
"""Bytes. Etsy: jpg, png and gif up to 10 MB."""
SENDS = 3


class ImageSource(Protocol):
    """Where pictures come from; ImageFetcher(KINDS, largest=LARGEST) for Etsy."""

    def __call__(self, address: str) -> Picture:
        """One picture. Raises ImageError."""


@dataclass
class ListingImages:
    """The pictures of one listing.

    `shown`: their ids as Etsy shows them, in order. `known`: SHA-256 -> id of what Etsy was given. `remember` keeps
    such a map.
    """

    client: EtsyClient
    listing_id: int
    images: ImageSource
    shown: list[int]
    known: dict[str, int]
    remember: Callable[[dict[str, int]], None]

    def bring(self, addresses: Sequence[str]) -> None:
        """Make these its pictures, in this order.

        Raises ImageError for one that cannot be had, and PipelineError; what is uploaded by then is remembered.
        """
        wanted: dict[str, int] = {}
        for address in addresses:
            picture = self.images(address)
            if picture.sha256 not in self.known:
                self._make_room(wanted.values())
                self.known[picture.sha256] = self._uploaded(picture)
                self.remember(self.known)
            wanted[picture.sha256] = self.known[picture.sha256]
        self.arrange(list(wanted.values()))
        self.known = wanted

    def arrange(self, wanted: list[int]) -> None:
        """Have these pictures and no others, in this order, unless it is so."""
        if self.shown == wanted:
            return
        try:
            self.client.set_image_order(self.listing_id, wanted)
        except PermanentError as error:
            if error.status in (400, 404):
                # Etsy may have lost one: what it does not show is uploaded again by the next try.
                there = self._there()
                self.remember({sha256: image_id for sha256, image_id in self.known.items() if image_id in there})
            raise
        self.shown = wanted

    def settle(self, there: list[int]) -> None:
        """Etsy shows `there` at the end: what is not as it was made is put right, once."""
        wanted, self.shown = self.shown, there
        self.arrange(wanted)
        if there != wanted and self._there() != wanted:
            raise PermanentError(
                f"Arranging the pictures of listing {self.listing_id}",
                "Etsy took them, but shows others, or in another order",
                "Look at the listing on Etsy, then try again.",
            )

    def _uploaded(self, picture: Picture) -> int:
        for left in reversed(range(SENDS)):
            # Etsy takes no rank for the first rank, whatever is there.
            rank = len(self.shown) + 1
            try:
                image = self.client.upload_image(self.listing_id, picture.content, picture.name, rank=rank)
            except UnknownOutcomeError:
                before, self.shown = self.shown, self._there()
                new = [image_id for image_id in self.shown if image_id not in before]
                if len(new) == 1:
                    return new[0]
                if not left:
                    raise
            else:
                self.shown = [*self.shown, image.listing_image_id]
                return image.listing_image_id
        raise AssertionError("the last try returns or raises")

    def _make_room(self, wanted: Collection[int]) -> None:
        """Take away what is not wanted when the listing is full; one picture stays in any case, as Etsy asks."""
        if len(self.shown) >= MOST_IMAGES:
            self.arrange([image_id for image_id in self.shown if image_id in wanted] or self.shown[:1])

    def _there(self) -> list[int]:
        return [image.listing_image_id for image in self.client.images(self.listing_id)]
