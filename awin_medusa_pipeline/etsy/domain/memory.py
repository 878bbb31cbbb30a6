"""Defines what is remembered of a listing between two runs, so that the next run sends only what differs.

The state store keeps it as JSON in product_etsy_link.metadata.
"""

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class _Model(BaseModel):
    # A later release may remember more; unknown fields are ignored.
    model_config = ConfigDict(frozen=True, extra="ignore")


class DraftIntent(_Model):
    """A draft that is about to be made. It is stored before the call, so that after a crash we look for it on Etsy."""

    title: str
    content_hash: str
    at: AwareDatetime
    """Drafts made on Etsy before this time are not ours."""


class LinkedImage(_Model):
    """A picture that the seller linked with a value of a variation; ids as Etsy gave them."""

    property_id: int
    value_id: int
    value: str | None = None
    image_id: int


class ListingMemory(_Model):
    """What Etsy was last given for one product. A hash of None: the part was never sent, or has to be sent again."""

    content_hash: str | None = None
    inventory_hash: str | None = None
    images_hash: str | None = None
    """Hash of the image addresses in order: an unchanged list is not downloaded again."""
    image_ids: dict[str, int] = Field(default_factory=dict)
    """SHA-256 of an image as it was fetched -> listing_image_id, so that no image is uploaded twice."""
    missing_images: dict[str, str] = Field(default_factory=dict)
    """Address of an image that the listing does without -> SHA-256 of its bytes where Etsy refused them; "" where they
    could not be had. Each look tries them again; until one can be had, nobody is asked about it."""
    linked_images: tuple[LinkedImage, ...] = ()
    """Links that a change may have cut and that are not there again yet."""
    has_linked_images: bool = False
    """Whether there were links when they were last read: then they are read again before variants are written."""
    shown: dict[str, str] = Field(default_factory=dict)
    """Field -> value as a person last saw it, for the differences in the next preview."""
    state: str | None = None
    """State that Etsy last reported: draft, active, inactive, sold_out, expired, removed, or one that Etsy adds."""
    paused: bool = False
    """We set it inactive, so we may set it active again."""
    intent: DraftIntent | None = None
