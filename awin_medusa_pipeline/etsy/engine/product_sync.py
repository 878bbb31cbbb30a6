"""Holds one product while it is synced, and says what Etsy does not show yet of what it was given."""

from dataclasses import dataclass, field
from enum import StrEnum

from awin_medusa_pipeline.core.errors import PipelineError
from awin_medusa_pipeline.etsy.client.answers import ListedInventory, ListingAnswer
from awin_medusa_pipeline.etsy.domain.listing import Listing
from awin_medusa_pipeline.etsy.domain.memory import ListingMemory
from awin_medusa_pipeline.etsy.domain.owners import IMAGES
from awin_medusa_pipeline.etsy.domain.plan import ListingPlan, Part
from awin_medusa_pipeline.etsy.domain.requests import Inventory
from awin_medusa_pipeline.etsy.domain.shown import (
    PROCESSING,
    VARIATIONS,
    ShownVariant,
    keep_processing,
    keep_variations,
    same,
    shown_fields,
    unshown_variant,
)
from awin_medusa_pipeline.etsy.domain.stock import Imported
from awin_medusa_pipeline.etsy.engine.images import ListingImages
from awin_medusa_pipeline.etsy.engine.variation_pictures import VariationPictures
from awin_medusa_pipeline.etsy.store.jobs import EtsyJobProduct
from awin_medusa_pipeline.medusa.models import ShopProduct


class ListingResult(StrEnum):
    """What a sync did to the listing of a product."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    DEACTIVATED = "deactivated"
    FAILED = "failed"


@dataclass(frozen=True)
class ListingOutcome:
    """The outcome of one product. `sentence`: why it failed and what to do, or what is worth knowing."""

    product_id: str
    result: ListingResult
    listing_id: int | None = None
    sentence: str | None = None


@dataclass
class ProductSync:
    """The sync of one product.

    `listed`: its listing as Etsy showed it, or as a call has answered since; `variants`: as Etsy showed them before.
    """

    row: EtsyJobProduct
    product: ShopProduct | None
    memory: ListingMemory
    listing_id: int | None
    url: str | None
    plan: ListingPlan
    listed: ListingAnswer | None
    variants: tuple[ShownVariant, ...] = ()
    imported: Imported | None = None
    images: ListingImages | None = None
    inventory: ListedInventory | None = None
    links: VariationPictures | None = None
    note: str | None = None
    """What a person should know although the product is on Etsy."""
    unshown: str = ""
    """What Etsy does not show yet."""
    fault: PipelineError | None = None
    before: ListingMemory = field(init=False)
    """Its memory before anything was sent."""

    def __post_init__(self) -> None:
        self.before = self.memory

    @property
    def wanted(self) -> Listing:
        """The listing as it should be."""
        assert self.plan.listing is not None
        return self.plan.listing

    @property
    def id(self) -> int:
        """Id of its listing."""
        assert self.listing_id is not None
        return self.listing_id

    @property
    def writes_over(self) -> bool:
        """Whether it writes quantities over those that Etsy has."""
        return self.listing_id is not None and Part.INVENTORY in self.plan.parts

    @property
    def sent_inventory(self) -> Inventory:
        """The inventory that is sent, with what the seller chose at Etsy."""
        kept = {change.field for change in self.plan.kept}
        inventory = self.wanted.inventory
        if self.variants and VARIATIONS in kept:
            inventory = keep_variations(inventory, self.variants)
        return keep_processing(inventory, self.variants) if PROCESSING in kept else inventory

    @property
    def replaced(self) -> frozenset[int]:
        """Etsy's ids of the products before a write of the variants."""
        return frozenset(variant.product_id for variant in self.variants if variant.product_id is not None)

    def outcome(self, result: ListingResult, sentence: str | None = None) -> ListingOutcome:
        """Make the outcome."""
        return ListingOutcome(self.row.product_id, result, self.listing_id, sentence)


def turn(item: ProductSync) -> tuple[bool, bool, bool]:
    """Stock that goes down first, then what is written over quantities that were read just now.

    Of new ones first the draft that may be there already: another product of the same title could take it for its own.
    """
    return not item.plan.only_lowers_stock, not item.writes_over, item.memory.intent is None


def image_ids(listed: ListingAnswer) -> list[int]:
    """Return the ids of a listing's images, in order."""
    return [image.listing_image_id for image in sorted(listed.images, key=lambda image: image.rank)]


def find_unshown(item: ProductSync, listed: ListingAnswer | None, inventory: ListedInventory | None) -> str:
    """Name what Etsy does not show yet of what it was given; "" when it shows all of it."""
    parts = item.plan.parts
    if listed is None:
        return "listing"
    if Part.INVENTORY in parts:
        shown = inventory.variants() if inventory else ()
        if unshown := unshown_variant(item.wanted.inventory, item.wanted.variant_ids, shown, item.replaced):
            return unshown
    if item.images and image_ids(listed) != item.images.wanted:
        return IMAGES
    if Part.CONTENT in parts:
        there, wanted = shown_fields(listed.shown(None), None), item.wanted.fields
        if other := [name for name in item.plan.content if name in there and not same(name, there[name], wanted[name])]:
            return f"shows another {other[0].replace('_', ' ')}"
    wrong = Part.PUBLISH in parts and listed.state != "active"
    return f"is {listed.state}" if wrong or (Part.DEACTIVATE in parts and listed.state == "active") else ""


NOT_SHOWN = {
    "listing": "does not show it",
    IMAGES: "shows other pictures, or in another order",
}
"""What `find_unshown` names -> what Etsy does, after "it"."""
