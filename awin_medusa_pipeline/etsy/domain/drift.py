"""Finds where a listing on Etsy differs from what Etsy was given: sold, edited by hand, expired, other images.

The memory that comes out of it makes the next plan send those parts again (plan.py).
"""

from dataclasses import dataclass

from awin_medusa_pipeline.etsy.domain.listing import Listing
from awin_medusa_pipeline.etsy.domain.memory import ListingMemory
from awin_medusa_pipeline.etsy.domain.requests import Inventory


@dataclass(frozen=True)
class ShownListing:
    """A listing as Etsy shows it. `inventory` None: Etsy did not return it."""

    state: str
    title: str
    description: str
    tags: tuple[str, ...]
    image_ids: tuple[int, ...]
    inventory: Inventory | None


@dataclass(frozen=True)
class Drift:
    """The updated memory of a listing, and sentences about it for a person."""

    memory: ListingMemory
    sentences: tuple[str, ...] = ()


def find_drift(wanted: Listing | None, memory: ListingMemory, shown: ShownListing) -> Drift:
    """Update the memory with what Etsy shows: the hash of a part that differs is dropped, so that it is sent again.

    `wanted`: the listing as it should be; None: none can be made now, so only the state is compared. What Etsy may
    rewrite (spaces, the case of tags) is no difference.
    """
    changes: dict[str, object] = {}
    seen = dict(memory.shown)
    sentences = []
    if wanted and wanted.content_hash == memory.content_hash and (texts := _changed_texts(wanted, shown)):
        changes["content_hash"] = None
        seen |= texts
        sentences.append(f"On Etsy someone changed its {' and '.join(texts)}.")
    if (
        wanted
        and wanted.inventory_hash == memory.inventory_hash
        and _inventories_differ(wanted.inventory, shown.inventory)
    ):
        assert shown.inventory is not None
        changes["inventory_hash"] = None
        seen = _without_variants(seen) | _variants(wanted.model_copy(update={"inventory": shown.inventory}).shown)
        sentences.append(_stock_sentence(wanted.inventory, shown.inventory))
    if wanted and wanted.images_hash == memory.images_hash and set(memory.image_ids.values()) != set(shown.image_ids):
        changes["images_hash"] = None
        seen["images"] = f"{len(shown.image_ids)} on Etsy"
        sentences.append("On Etsy someone changed its pictures.")
    if shown.state != memory.state and memory.state is not None:
        sentences.append(f"On Etsy it went from {memory.state} to {shown.state}.")
    changes |= {"state": shown.state, "shown": seen}
    return Drift(memory.model_copy(update=changes), tuple(sentences))


def _changed_texts(wanted: Listing, shown: ShownListing) -> dict[str, str]:
    draft = wanted.draft
    tags = draft.tags or ()
    different = {
        "title": _words(shown.title) != _words(draft.title),
        "description": _words(shown.description) != _words(draft.description),
        # A product without tags leaves those on Etsy as they are.
        "tags": bool(tags) and {tag.casefold() for tag in shown.tags} != {tag.casefold() for tag in tags},
    }
    as_shown = {"title": shown.title, "description": shown.description, "tags": ", ".join(shown.tags)}
    return {name: as_shown[name] for name, differs in different.items() if differs}


def _words(text: str) -> list[str]:
    return text.split()


def _inventories_differ(wanted: Inventory, shown: Inventory | None) -> bool:
    return shown is not None and wanted.comparable() != shown.comparable()


def _stock_sentence(wanted: Inventory, shown: Inventory) -> str:
    less = _count_pieces(wanted) - _count_pieces(shown)
    if less > 0:
        return (
            f"Etsy has {less:,} fewer of it than it was given: sold there? Then lower the level in Medusa before you "
            "confirm, or they are offered again."
        )
    return "On Etsy someone changed its prices, quantities or SKUs."


def _count_pieces(inventory: Inventory) -> int:
    return sum(product.offerings[0].quantity for product in inventory.products)


_OF_A_VARIANT = ("price", "quantity", "sku")


def _variants(shown: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in shown.items() if name.split(" ")[0] in _OF_A_VARIANT}


def _without_variants(shown: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in shown.items() if name.split(" ")[0] not in _OF_A_VARIANT}
