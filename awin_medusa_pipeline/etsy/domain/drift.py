"""Where a listing on Etsy is no more what it was made: sold, edited by hand, expired, its pictures changed.

What belongs here: comparing what Etsy shows with what it was last given. What does not: asking Etsy, and what is then
to be done (plan.py, with the memory that comes out of here). Pure.
"""

from dataclasses import dataclass

from awin_medusa_pipeline.etsy.domain.listing import Listing
from awin_medusa_pipeline.etsy.domain.memory import ListingMemory
from awin_medusa_pipeline.etsy.domain.requests import Inventory


@dataclass(frozen=True)
class Shown:
    """A listing as Etsy shows it. `inventory` None: Etsy did not show it."""

    state: str
    title: str
    description: str
    tags: tuple[str, ...]
    image_ids: tuple[int, ...]
    inventory: Inventory | None


@dataclass(frozen=True)
class Drift:
    """What is now known of a listing, and what of it a person should know."""

    memory: ListingMemory
    sentences: tuple[str, ...] = ()


def drift(wanted: Listing | None, memory: ListingMemory, shown: Shown) -> Drift:
    """The memory with what Etsy shows: a part that differs is forgotten, so that it is sent again.

    `wanted`: the listing as it should be; None: none can be made now, so the state alone is looked at. What Etsy may
    write in another way (spaces, the case of tags) is no difference.
    """
    changes: dict[str, object] = {}
    seen = dict(memory.shown)
    sentences = []
    if wanted and wanted.content_hash == memory.content_hash and (texts := _texts(wanted, shown)):
        changes["content_hash"] = None
        seen |= texts
        sentences.append(f"On Etsy someone changed its {' and '.join(texts)}.")
    if wanted and wanted.inventory_hash == memory.inventory_hash and _differs(wanted.inventory, shown.inventory):
        assert shown.inventory is not None
        changes["inventory_hash"] = None
        seen = _without_variants(seen) | _variants(wanted.model_copy(update={"inventory": shown.inventory}).shown)
        sentences.append(_about_stock(wanted.inventory, shown.inventory))
    if wanted and wanted.images_hash == memory.images_hash and set(memory.image_ids.values()) != set(shown.image_ids):
        changes["images_hash"] = None
        seen["images"] = f"{len(shown.image_ids)} on Etsy"
        sentences.append("On Etsy someone changed its pictures.")
    if shown.state != memory.state and memory.state is not None:
        sentences.append(f"On Etsy it went from {memory.state} to {shown.state}.")
    changes |= {"state": shown.state, "shown": seen}
    return Drift(memory.model_copy(update=changes), tuple(sentences))


def _texts(wanted: Listing, shown: Shown) -> dict[str, str]:
    draft = wanted.draft
    different = {
        "title": _words(shown.title) != _words(draft.title),
        "description": _words(shown.description) != _words(draft.description),
        "tags": {tag.casefold() for tag in shown.tags} != {tag.casefold() for tag in draft.tags or ()},
    }
    as_shown = {"title": shown.title, "description": shown.description, "tags": ", ".join(shown.tags)}
    return {name: as_shown[name] for name, differs in different.items() if differs}


def _words(text: str) -> list[str]:
    return text.split()


def _differs(wanted: Inventory, shown: Inventory | None) -> bool:
    return shown is not None and wanted.comparable() != shown.comparable()


def _about_stock(wanted: Inventory, shown: Inventory) -> str:
    less = _pieces(wanted) - _pieces(shown)
    if less > 0:
        return (
            f"Etsy has {less:,} fewer of it than it was given: sold there? Then lower the level in Medusa before you "
            "confirm, or they are offered again."
        )
    return "On Etsy someone changed its prices, quantities or SKUs."


def _pieces(inventory: Inventory) -> int:
    return sum(product.offerings[0].quantity for product in inventory.products)


_OF_A_VARIANT = ("price", "quantity", "sku")


def _variants(shown: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in shown.items() if name.split(" ")[0] in _OF_A_VARIANT}


def _without_variants(shown: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in shown.items() if name.split(" ")[0] not in _OF_A_VARIANT}
