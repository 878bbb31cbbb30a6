"""What is remembered of a listing between two runs, so that the next one sends only what differs.

What belongs here: the shape of product_etsy_link.metadata. What does not: what is made of it (plan.py).
"""

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class _Model(BaseModel):
    # A later release may remember more; what is not known is not needed.
    model_config = ConfigDict(frozen=True, extra="ignore")


class Intent(_Model):
    """A draft that is about to be made, written down before the call: after a crash it is looked for at Etsy."""

    title: str
    content_hash: str
    at: AwareDatetime
    """Drafts made at Etsy before this time are not ours."""


class ListingMemory(_Model):
    """What Etsy was last given for one product. None: nothing yet, so the part is to be sent."""

    content_hash: str | None = None
    inventory_hash: str | None = None
    images_hash: str | None = None
    """Of the addresses in order: an unchanged list is not downloaded again."""
    image_ids: dict[str, int] = Field(default_factory=dict)
    """SHA-256 of an image's bytes -> listing_image_id: what Etsy has is not uploaded twice."""
    shown: dict[str, str] = Field(default_factory=dict)
    """Field -> value as a person was last shown it, for the differences of the next preview."""
    state: str | None = None
    """As Etsy last told it: draft, active, inactive, sold_out, expired, removed, or one that Etsy adds."""
    paused: bool = False
    """We set it inactive, so it is ours to set active again."""
    intent: Intent | None = None
