"""Looks whether the pictures of planned products can be had, before a person confirms.

A picture that cannot be had costs that picture; a product that would be published without any is refused. What a
listing does without is tried again at each look, and planned as soon as it can be had.
"""

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import chain

from awin_medusa_pipeline.core.images import ImageError
from awin_medusa_pipeline.etsy.domain.findings import Note, Problem, join_names
from awin_medusa_pipeline.etsy.domain.memory import ListingMemory
from awin_medusa_pipeline.etsy.domain.plan import FieldChange, ListingAction, ListingPlan, Part, Proposal
from awin_medusa_pipeline.etsy.engine.conversion import for_etsy
from awin_medusa_pipeline.etsy.engine.images import ImageSource, MissingImage, missing_sentence, open_images
from awin_medusa_pipeline.etsy.store.links import EtsyLink

THREADS = 8
_NOTHING = ListingMemory()
_ORDER = tuple(Part)


def look_at_pictures(
    plans: Sequence[ListingPlan], links: Mapping[str, EtsyLink], hosts: Collection[str]
) -> list[ListingPlan]:
    """Check the pictures of the plans; `links`: of the products that have one; `hosts`: as in open_images."""
    memories = {product_id: link.memory for product_id, link in links.items()}
    with open_images(hosts) as images:
        return check_pictures(plans, memories, images)


def try_missing_again(plan: ListingPlan, memory: ListingMemory, confirmed: Proposal) -> ListingPlan:
    """Let a confirmed update send the pictures that the listing does without, as far as they can be had by now."""
    missing = plan.listing and any(address in memory.missing_images for address in plan.listing.images)
    updates = confirmed in (Proposal.UPDATE, Proposal.UPDATE_AND_PUBLISH) and not plan.only_lowers_stock
    return _with_images(plan) if missing and updates and Part.IMAGES not in plan.parts else plan


def check_pictures(
    plans: Sequence[ListingPlan], memories: Mapping[str, ListingMemory], images: ImageSource
) -> list[ListingPlan]:
    """Return the plans with what is found about their pictures.

    Fetched, each address once, are those that a plan sends and those that a listing does without (`memories`, by
    product); a plan that has neither costs nothing.
    """
    addresses = dict.fromkeys(chain.from_iterable(_to_try(plan, memories) for plan in plans))
    if not addresses:
        return list(plans)
    with ThreadPoolExecutor(THREADS) as threads:
        tried = dict(zip(addresses, threads.map(partial(_try, images), addresses), strict=True))
    return [_check(plan, memories, tried) for plan in plans]


def _to_try(plan: ListingPlan, memories: Mapping[str, ListingMemory]) -> Collection[str]:
    if plan.listing is None:
        return ()
    missing = memories.get(plan.product_id, _NOTHING).missing_images
    return [address for address in plan.listing.images if Part.IMAGES in plan.parts or address in missing]


def _try(images: ImageSource, address: str) -> MissingImage | str:
    """Fetch a picture and make it right for Etsy; return the SHA-256 of what was fetched, or why it cannot be had."""
    try:
        picture = images(address)
        for_etsy(picture, address)
    except ImageError as fault:
        return MissingImage(fault.came_back)
    return picture.sha256


def _check(
    plan: ListingPlan, memories: Mapping[str, ListingMemory], tried: Mapping[str, MissingImage | str]
) -> ListingPlan:
    to_try = _to_try(plan, memories)
    if not to_try or plan.listing is None:
        return plan
    memory = memories.get(plan.product_id, _NOTHING)
    missing = {address: why for address in to_try if (why := _why_missing(tried[address], address, memory))}
    number = len(plan.listing.images)
    if plan.publishes and len(missing) == number and not memory.image_ids:
        sentence = f"Etsy publishes nothing without a picture. {missing_sentence(missing, number)}"
        problem = Problem("images_not_there", "images", sentence)
        return replace(plan, action=ListingAction.REFUSE, parts=(), listing=None, changes=(), problems=(problem,))
    if Part.IMAGES in plan.parts:
        return _with_note(plan, missing_sentence(missing, number)) if missing else plan
    there = [address for address in to_try if address not in missing]
    # Stock that may go down at once does not wait for a picture.
    return _send_again(plan, there, len(missing)) if there and not plan.only_lowers_stock else plan


def _why_missing(found: MissingImage | str, address: str, memory: ListingMemory) -> MissingImage | None:
    if isinstance(found, MissingImage):
        return found
    refused = memory.missing_images.get(address) == found
    return MissingImage("Etsy refused it before", found) if refused else None


def _send_again(plan: ListingPlan, there: Sequence[str], still_missing: int) -> ListingPlan:
    assert plan.listing is not None
    number = len(plan.listing.images) - still_missing
    change = FieldChange("images", str(number - len(there)), str(number))
    sent = _with_images(replace(plan, changes=(*plan.changes, change)))
    return _with_note(sent, f"Can be had again: {join_names(list(there))}.")


def _with_images(plan: ListingPlan) -> ListingPlan:
    parts = tuple(sorted((*plan.parts, Part.IMAGES), key=_ORDER.index))
    return replace(plan, parts=parts, action=ListingAction.UPDATE)


def _with_note(plan: ListingPlan, sentence: str) -> ListingPlan:
    return replace(plan, notes=(*plan.notes, Note("images", sentence)))
