"""Defines what is remembered of a listing between two runs, so that the next run sends only what differs.

The state store keeps it as JSON in product_etsy_link.metadata.
"""

from pydantic import AliasChoices, AwareDatetime, BaseModel, ConfigDict, Field


class _Model(BaseModel):
    # A later release may remember more; unknown fields are ignored.
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class DraftIntent(_Model):
    """A draft that is about to be made. It is stored before the call, so that after a crash we look for it on Etsy."""

    title: str
    content_hash: str
    at: AwareDatetime
    """Drafts made on Etsy before this time are not ours."""
    sent_at: AwareDatetime | None = None
    """When it was last tried."""


class VariantStock(_Model):
    """Pieces of one variant, in Medusa and on Etsy."""

    given: int
    """Pieces that Etsy was last given, or showed since when that was less."""
    level: int | None
    """Pieces in Medusa at the last look; None: not counted."""
    gone: int = 0
    """Pieces that went on Etsy and that Medusa does not know of; below 0: Etsy does not show yet that they went."""
    since: AwareDatetime | None = None
    """When pieces were last found to have gone."""
    imported: int = 0
    """Pieces of all sales that the sale import had dealt with by the last look."""


class InventoryPut(_Model):
    """The last write of the variants, stored before the call: after a crash its outcome is read off Etsy."""

    at: AwareDatetime
    quantities: dict[str, int]
    """Medusa variant -> pieces."""
    replaced: tuple[int, ...] = ()
    """Etsy's ids of the products that it replaces: Etsy gives new ones with every write (open-api #523)."""
    answered: bool = False
    """Etsy has taken it."""


class LinkedImage(_Model):
    """A picture that the seller linked with a value of a variation; ids as Etsy gave them."""

    property_id: int
    value_id: int
    value: str | None = None
    image_id: int


class ListingMemory(_Model):
    """What Etsy was last given for one product, and what it showed since."""

    written: dict[str, str] = Field(default_factory=dict, validation_alias=AliasChoices("written", "shown"))
    """Field -> value as Etsy was last given it (domain/shown.py); "shown" in older releases."""
    seen: dict[str, str] = Field(default_factory=dict)
    """Field -> value as Etsy last showed it; a field that Etsy does not show is absent."""
    told: dict[str, str] = Field(default_factory=dict)
    """Field -> value of the seller's that the owner was told about."""
    stock: dict[str, VariantStock] = Field(default_factory=dict)
    """Medusa variant -> its pieces."""
    put: InventoryPut | None = None
    """The last write of the variants, until Etsy's reads must show it."""
    images_hash: str | None = None
    """Hash of the image addresses in order: an unchanged list is not downloaded again. None: to be sent again."""
    image_ids: dict[str, int] = Field(default_factory=dict)
    """SHA-256 of an image as it was fetched -> listing_image_id, so that no image is uploaded twice."""
    missing_images: dict[str, str] = Field(default_factory=dict)
    """Address of an image that the listing does without -> SHA-256 of its bytes where Etsy refused them; "" where they
    could not be had. Each look tries them again; until one can be had, nobody is asked about it."""
    linked_images: tuple[LinkedImage, ...] = ()
    """Links that a change may have cut and that are not there again yet."""
    has_linked_images: bool = False
    """Whether there were links when they were last read: then they are read again before variants are written."""
    state: str | None = None
    """State that Etsy last reported: draft, active, inactive, sold_out, expired, removed, or one that Etsy adds."""
    paused: bool = False
    """We set it inactive, so we may set it active again."""
    intent: DraftIntent | None = None
    made_at: AwareDatetime | None = None
    """When the draft was made. Etsy's reads are some seconds behind: a younger listing may not be found."""
