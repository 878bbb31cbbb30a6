"""Finds which picture belongs to which value of a variation, after variants or pictures of a listing have changed."""

from collections.abc import Mapping, Sequence

from awin_medusa_pipeline.etsy.domain.memory import LinkedImage
from awin_medusa_pipeline.etsy.domain.requests import VariationImage

PRICE = "price "


def values_changed(before: Mapping[str, str], after: Mapping[str, str]) -> bool:
    """Whether a listing that had variations gets other values; both as `Listing.shown`."""
    names = [{name for name in shown if name.startswith(PRICE)} for shown in (before, after)]
    return bool(names[0]) and names[0] != names[1]


def link_again(
    before: Sequence[LinkedImage], values: Mapping[tuple[int, int], str], images: Mapping[int, int]
) -> tuple[tuple[VariationImage, ...], tuple[str, ...]]:
    """Return the links as they should be now, and the values whose picture cannot be linked any more.

    `values`: property and id -> text of the values that the listing has now; `images`: id of a picture before -> its id
    now. A value is known by its text, since Etsy gives ids anew, and a property may have moved to another place. Etsy:
    pictures are linked with the values of one property only.
    """
    wanted: dict[tuple[int, int], VariationImage] = {}
    lost = []
    for link in before:
        place, image_id = _place(link, values), images.get(link.image_id)
        same_property = place and all(place[0] == property_id for property_id, _ in wanted)
        if place and image_id and same_property:
            property_id, value_id = place
            wanted[place] = VariationImage(property_id=property_id, value_id=value_id, image_id=image_id)
        else:
            lost.append(link.value or f"value {link.value_id}")
    return tuple(wanted.values()), tuple(lost)


def _place(link: LinkedImage, values: Mapping[tuple[int, int], str]) -> tuple[int, int] | None:
    here = (link.property_id, link.value_id)
    if link.value is None:
        return here if here in values else None
    text = link.value.casefold()
    alike = [place for place, value in values.items() if value.casefold() == text]
    own = [place for place in alike if place[0] == link.property_id]
    return own[0] if own else alike[0] if len(alike) == 1 else None
