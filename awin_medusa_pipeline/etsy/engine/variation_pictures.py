"""Links the pictures of a listing with the values of its variations again, as the seller had linked them.

Etsy drops a link when its picture is detached, and may drop it when variants are written (open-api #200, #384).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.etsy.client.client import EtsyClient
from awin_medusa_pipeline.etsy.domain.findings import join_names
from awin_medusa_pipeline.etsy.domain.memory import LinkedImage
from awin_medusa_pipeline.etsy.domain.variation_images import link_again

_REFUSALS = (400, 409)


@dataclass
class VariationPictures:
    """The links of one listing, over one change of it.

    `links`: as they were before the change, where they were read; kept in the listing's memory by `store` until they
    are there again, so that a run that is killed in between loses none. `had_links`: whether there were some when they
    were last read.
    """

    client: EtsyClient
    listing_id: int
    links: tuple[LinkedImage, ...] | None
    had_links: bool
    store: Callable[..., None]

    def keep(self) -> None:
        """Read the links before a change may cut them."""
        if self.links is None:
            found = self.client.variation_images(self.listing_id)
            self.links = tuple(LinkedImage.model_validate(link.model_dump()) for link in found)
            if self.links or self.had_links:
                self.store(linked_images=self.links, has_linked_images=bool(self.links))

    def restore(self, values: Mapping[tuple[int, int], str] | None, images: Mapping[int, int]) -> str | None:
        """Link again what was linked, and return what a person should know.

        `values`, `images`: as for `link_again`; `values` None: they are as they were.
        """
        links, self.links = self.links, ()
        if not links:
            return None
        if values is None:
            values = {(link.property_id, link.value_id): link.value or "" for link in links}
        wanted, lost = link_again(links, values, images)
        refused = ""
        try:
            self.client.link_images(self.listing_id, wanted)
        except PermanentError as fault:
            if fault.status not in _REFUSALS:
                raise
            refused, lost = f" Etsy said: {fault.came_back}.", tuple(link.value or "?" for link in links)
        self.store(linked_images=(), has_linked_images=bool(wanted))
        if not lost:
            return None
        return f"On Etsy the pictures of these values are not linked any more: {join_names(lost)}.{refused}"
