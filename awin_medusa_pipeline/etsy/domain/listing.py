"""Turns a Medusa product into an Etsy listing, and finds what Etsy would refuse before a person sees the job.

What can be corrected without changing what is sold is corrected, with a note; the rest is a problem. The limits are
Etsy's unless stated otherwise.
"""

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from awin_medusa_pipeline.etsy.domain import text
from awin_medusa_pipeline.etsy.domain.config import EtsyAccountConfig, ListingDefaults
from awin_medusa_pipeline.etsy.domain.findings import Findings, Note, Problem
from awin_medusa_pipeline.etsy.domain.inventory import MOST_PIECES, make_inventory
from awin_medusa_pipeline.etsy.domain.requests import DraftListing, Inventory, ListingPatch
from awin_medusa_pipeline.etsy.domain.shown import shorten, variant_fields
from awin_medusa_pipeline.etsy.domain.when_made import is_vintage
from awin_medusa_pipeline.medusa.models import ShopProduct

MOST_IMAGES = 20
BLANK_STAYS = ("tags", "materials")
"""Fields that cannot be cleared on Etsy (FormRequest.form)."""
OWN_TAG = "AWIN"
"""The sync tags the products that it imports with this; it means nothing to a buyer."""
MADE = ("who_made", "when_made", "is_supply")
_SIZES = ("item_length", "item_width", "item_height", "item_dimensions_unit")


class Listing(BaseModel):
    """A listing as it should be on Etsy."""

    model_config = ConfigDict(frozen=True)

    draft: DraftListing
    inventory: Inventory
    images: tuple[str, ...]
    """Addresses of its images, in order."""
    variant_ids: tuple[str | None, ...]
    """Medusa variant of each product of the inventory; None for a combination that the shop lacks."""

    def patch(self, fields: Collection[str]) -> ListingPatch:
        """The change of these fields, with those that Etsy takes only together."""
        names = {name for field in fields for name in _together(field)}
        return ListingPatch(**{name: getattr(self.draft, name) for name in ListingPatch.model_fields if name in names})

    @property
    def content(self) -> dict[str, str]:
        """Field -> value of what is no variant and no image, in the form that is sent."""
        return self.patch(ListingPatch.model_fields).form()

    @property
    def content_hash(self) -> str:
        """Hash of the content."""
        return _hash(self.content)

    @property
    def quantities(self) -> dict[str, int]:
        """Medusa variant -> pieces that are offered."""
        pairs = zip(self.variant_ids, self.inventory.products, strict=True)
        return {variant_id: product.offerings[0].quantity for variant_id, product in pairs if variant_id is not None}

    @property
    def images_hash(self) -> str:
        """Hash of the image addresses, in order."""
        return _hash(self.images)

    @property
    def fields(self) -> dict[str, str]:
        """Field -> value as text, for comparisons and a preview; with price, quantity and SKU of each variant."""
        content = {name: shorten(value) for name, value in self.content.items()}
        first = {name: content[name] for name in ("title", "description") if name in content}
        images = {"images": f"{len(self.images)} ({self.images_hash[:8]})"}
        return first | content | variant_fields(self.inventory, self.variant_ids) | images


@dataclass(frozen=True)
class PreparedListing:
    """A prepared listing, or the reasons why there is none."""

    listing: Listing | None
    problems: tuple[Problem, ...] = ()
    notes: tuple[Note, ...] = ()


def prepare_listing(
    product: ShopProduct, config: EtsyAccountConfig, currency: str, *, publish: bool
) -> PreparedListing:
    """Prepare the listing of a product for an account that sells in `currency` (ISO 4217).

    `publish`: it is going to be for sale, for which Etsy requires more than for a draft.
    """
    found = Findings()
    defaults = config.defaults_for(product.categories)
    content = _texts(product, currency, found) | _references(defaults, config, found, publish=publish)
    content |= _measures(product, config, found)
    images = _images(product.images, found, publish=publish)
    made = make_inventory(product.variants, config, currency, defaults.readiness_state_id, found)
    if found.problems or made is None:
        return PreparedListing(None, tuple(found.problems), tuple(found.notes))
    inventory, variant_ids = made
    for_sale = [offering for product in inventory.products for offering in product.offerings if offering.is_enabled]
    draft = DraftListing(
        **content,
        price=min(offering.price for offering in for_sale),
        quantity=min(MOST_PIECES, sum(offering.quantity for offering in for_sale)),
        should_auto_renew=config.auto_renew,
    )
    listing = Listing(draft=draft, inventory=inventory, images=images, variant_ids=variant_ids)
    return PreparedListing(listing, notes=tuple(found.notes))


def words_that_stay(listing: Listing, shown: Mapping[str, str]) -> tuple[Note, ...]:
    """Say which words the product has no longer, but Etsy keeps: a blank list is never sent. `shown`: as of before."""
    return tuple(
        Note(name, f"It has no {name} any more. Those on Etsy stay: take them away there.")
        for name in BLANK_STAYS
        if shown.get(name) and not getattr(listing.draft, name)
    )


def _texts(product: ShopProduct, currency: str, found: Findings) -> dict[str, Any]:
    title, description = text.title(product.title, currency), text.description(product.description)
    tags = text.tags(tag for tag in product.tags if tag != OWN_TAG)
    materials = text.materials(re.split(r"[,;/]", product.material) if product.material else ())
    texts = {"title": title.text, "description": description.text, "tags": tags.words, "materials": materials.words}
    for name, cleaned in (("title", title), ("description", description), ("tags", tags), ("materials", materials)):
        for change in cleaned.changes:
            found.add_note(name, f"{name.capitalize()}: {change}.")
    if not any(map(str.isalnum, title.text)):
        found.add_problem("title_empty", "title", "It has no title that Etsy takes: give it one in Medusa.")
    if not description.text:
        found.add_problem("description_empty", "description", "It has no description: Etsy asks for one.")
    return texts


def _references(
    defaults: ListingDefaults, config: EtsyAccountConfig, found: Findings, *, publish: bool
) -> dict[str, Any]:
    needed = {
        "taxonomy_id": "a category of Etsy",
        "shipping_profile_id": "a shipping profile",
        "readiness_state_id": "a processing profile",
        "who_made": "who made it",
        "when_made": "when it was made",
    }
    if publish and not config.eu_shop:
        needed["return_policy_id"] = "a return policy"
    for name, words in needed.items():
        if getattr(defaults, name) is None:
            to_do = "Set it for the Etsy shop or for one of the product's categories."
            if name == "return_policy_id":
                to_do += " A shop in the EU needs none: set eu_shop to true."
            found.add_problem(f"{name}_missing", name, f"Etsy asks for {words} ({name}). {to_do}")
    made_by_others = defaults.who_made == "someone_else" and not defaults.production_partner_ids
    if made_by_others and defaults.when_made and not defaults.is_supply and not is_vintage(defaults.when_made):
        found.add_problem(
            "not_for_etsy",
            "who_made",
            "Etsy takes new things that someone else made only with a production partner (production_partner_ids), as "
            "supplies, or when they are 20 years old.",
        )
    return defaults.model_dump()


def _measures(product: ShopProduct, config: EtsyAccountConfig, found: Findings) -> dict[str, Any]:
    """Find weight and size. Etsy: more than 0 (measured: 0 is answered with HTTP 500)."""
    sizes = {f"item_{name}": getattr(product, name) for name in ("length", "width", "height")}
    known: dict[str, Any] = {name: size for name, size in sizes.items() if size and size > 0}
    if known:
        known["item_dimensions_unit"] = config.length_unit
    if product.weight and product.weight > 0:
        known |= {"item_weight": product.weight, "item_weight_unit": config.weight_unit}
    if config.calculated_shipping:
        for name in ("item_weight", *sizes):
            if name not in known:
                words = name.removeprefix("item_")
                sentence = (
                    f"The shipping profile computes postage, for which Etsy asks for the {words}: give it in Medusa."
                )
                found.add_problem(f"{words}_missing", name, sentence)
    return known


def _images(addresses: Iterable[str], found: Findings, *, publish: bool) -> tuple[str, ...]:
    usable = [address for address in addresses if address.startswith(("http://", "https://"))]
    if len(usable) > MOST_IMAGES:
        found.add_note("images", f"Etsy takes the first {MOST_IMAGES} of its {len(usable)} images.")
    if not usable and publish:
        found.add_problem("images_missing", "images", "It has no image: Etsy publishes nothing without one.")
    elif not usable:
        found.add_note("images", "It has no image; Etsy will ask for one before it can be published.")
    return tuple(usable[:MOST_IMAGES])


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _together(field: str) -> tuple[str, ...]:
    """Etsy takes who, when and supply only together; a weight or size means nothing without its unit."""
    if field in MADE:
        return MADE
    if field.startswith("item_weight"):
        return ("item_weight", "item_weight_unit")
    return _SIZES if field in _SIZES else (field,)
