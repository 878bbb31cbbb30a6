"""Uploads the images of one listing to Etsy, each once, and puts them in the order of the product.

An image that cannot be had costs that image alone.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.core.http import Backoff, UnknownOutcomeError
from awin_medusa_pipeline.core.images import KINDS, ImageError, ImageFetcher, Picture
from awin_medusa_pipeline.etsy.client.client import SENDS, EtsyClient
from awin_medusa_pipeline.etsy.domain.findings import join_names
from awin_medusa_pipeline.etsy.domain.listing import MOST_IMAGES
from awin_medusa_pipeline.etsy.engine.conversion import LARGEST_SOURCE, for_etsy

WAITS = (0.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds before each look at what was written: 30 in all, since Etsy's reads are some seconds behind its writes."""
_REFUSALS = (400, 413, 415)
"""Statuses by which Etsy refuses a picture: its content, its size, its type."""


class ImageSource(Protocol):
    """Provides images as they are; for Etsy what `open_images` opens."""

    def __call__(self, address: str) -> Picture:
        """Fetch one image. Raises ImageError."""


def open_images(hosts: Collection[str] = (), backoff: Backoff | None = None) -> ImageFetcher:
    """Open a source of all images that can be made right for Etsy. Use it in a `with`.

    `hosts`: those of the own network that may be asked.
    """
    return ImageFetcher(KINDS, hosts=hosts, largest=LARGEST_SOURCE, backoff=backoff)


@dataclass(frozen=True)
class MissingImage:
    """An image that a listing has to do without. `sha256`: of its bytes where Etsy refused them; else ""."""

    why: str
    sha256: str = ""


def missing_sentence(missing: Mapping[str, MissingImage], number: int) -> str:
    """Say which of a listing's `number` images it has to do without, and why."""
    names = join_names([f"{address} ({one.why})" for address, one in missing.items()])
    return f"Without {len(missing)} of its {number} pictures: {names}."


@dataclass
class ListingImages:
    """The images of one listing.

    `shown`: their ids as Etsy shows them, in order. `known`: SHA-256 of an image as it was fetched -> id of what was
    uploaded of it, which `store_known` stores: another release of Pillow uploads nothing again. `alt_text`: what a
    screen reader says of each. `before_detaching`: what has to be done before an image is taken away.
    """

    client: EtsyClient
    listing_id: int
    images: ImageSource
    shown: list[int]
    known: dict[str, int]
    store_known: Callable[[dict[str, int]], None]
    sleep: Callable[[float], None]
    alt_text: str = ""
    before_detaching: Callable[[], None] = lambda: None
    missing: dict[str, MissingImage] = field(default_factory=dict)
    """Address -> why, for each image that could not be had."""

    def upload_all(self, addresses: Sequence[str]) -> None:
        """Make these the images of the listing, in this order; those that cannot be had are `missing`.

        When none is left, the listing keeps what it has; raises Etsy's refusal where that was the reason. Raises
        PipelineError for what is no image's fault; what was uploaded by then is stored.
        """
        wanted: dict[str, int] = {}
        refusal = None
        for address in addresses:
            sha256 = ""
            try:
                picture = self.images(address)
                if picture.sha256 not in self.known:
                    ready = for_etsy(picture, address)
                    self._make_room(wanted.values())
                    sha256 = picture.sha256
                    self.known[sha256] = self._upload(ready)
                    self.store_known(self.known)
            except ImageError as fault:
                self.missing[address] = MissingImage(fault.came_back)
            except PermanentError as fault:
                if not sha256 or fault.status not in _REFUSALS:
                    raise
                refusal = fault
                self.missing[address] = MissingImage(f"Etsy refused it: {fault.came_back}", sha256)
            else:
                wanted[picture.sha256] = self.known[picture.sha256]
        if wanted:
            self.arrange(list(wanted.values()))
            self.known = wanted
        elif refusal:
            raise refusal

    def arrange(self, wanted: list[int]) -> None:
        """Set exactly these images, in this order, unless Etsy shows them so already."""
        if self.shown == wanted:
            return
        if set(self.shown) - set(wanted):
            self.before_detaching()
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
                image = self.client.upload_image(
                    self.listing_id, picture.content, picture.name, rank=rank, alt_text=self.alt_text
                )
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
