"""Checks uploadListingImage and updateVariationImages, and reads the type and size of an image from its first bytes."""

import struct
from collections.abc import Collection, Mapping
from typing import Any

from awin_medusa_pipeline.sandbox.etsy.answers import Problem
from awin_medusa_pipeline.sandbox.etsy.requests import File
from awin_medusa_pipeline.sandbox.etsy.rules import fields
from awin_medusa_pipeline.sandbox.etsy.rules.listing import MOST_IMAGES, Has

FIELDS: dict[str, fields.Parser] = {
    "listing_image_id": fields.whole,
    "rank": fields.whole,
    "overwrite": fields.truth,
    "is_watermarked": fields.truth,
    "alt_text": str,
}
LARGEST = 10 * 1024 * 1024
SMALLEST_SIDE = 10
ALT_TEXT_LENGTH = 500
NO_IMAGE = Problem("Either a valid image file or a listing_image_id must be provided.")
_FULL = Problem(
    f"Listings are only allowed {MOST_IMAGES} images. Please delete a ListingImage before trying to upload another."
)


def upload(values: Mapping[str, Any], file: File | None, *, ranks: list[int], has: Has) -> list[Problem]:
    """Check the upload of an image to a listing whose images have these ranks."""
    known = values.get("listing_image_id")
    if known is not None and known not in has.image_ids:
        return [Problem(f"Stand-in: the shop has no listing_image_id {known}.", status=404)]
    if (file is None) == (known is None):
        return [NO_IMAGE]
    problems = _file(file) if file else []
    if values.get("rank", 1) < 1:
        problems.append(Problem("Stand-in: the first rank is 1."))
    if len(values.get("alt_text", "")) > ALT_TEXT_LENGTH:
        problems.append(Problem(f"Stand-in: alt_text has up to {ALT_TEXT_LENGTH} characters."))
    replaces = values.get("overwrite", False) and values.get("rank", 1) in ranks
    return problems + ([_FULL] if len(ranks) >= MOST_IMAGES and not replaces else [])


def variation_images(places: Any, values: Collection[tuple[int, int]], image_ids: Collection[int]) -> list[Problem]:
    """Check the links of a listing that has these (property, value) ids and images. Words: open-api #148."""
    names = {"property_id", "value_id", "image_id"}
    if not isinstance(places, list) or not all(isinstance(p, Mapping) and p.keys() == names for p in places):
        return [Problem("Missing input parameter: [variation_images]")]
    problems = []
    if len({place["property_id"] for place in places}) > 1:
        problems.append("images are linked with the values of one property only")
    if len({place["value_id"] for place in places}) < len(places):
        problems.append("a value has one image")
    for place in places:
        if (place["property_id"], place["value_id"]) not in values:
            which = f"variation with property_id {place['property_id']} and value_id {place['value_id']}"
            problems.append(f"{which} is invalid")
        elif place["image_id"] not in image_ids:
            problems.append(f"the listing has no image_id {place['image_id']}")
    return [Problem(f"Could not update variation images because of the following error: {said}") for said in problems]


def _file(file: File) -> list[Problem]:
    found = size(file.content)
    if not file.name or found is None:
        return [NO_IMAGE]
    if len(file.content) > LARGEST:
        return [Problem(f"Stand-in: an image has up to {LARGEST} bytes.")]
    if min(found) <= SMALLEST_SIDE:
        return [Problem(f"Stand-in: height and width of an image are more than {SMALLEST_SIDE} px.")]
    return []


def kind(content: bytes) -> str | None:
    """Return image/png, image/gif or image/jpeg; None for anything else, which Etsy refuses."""
    starts = {b"\x89PNG\r\n\x1a\n": "image/png", b"GIF8": "image/gif", b"\xff\xd8\xff": "image/jpeg"}
    return next((name for start, name in starts.items() if content.startswith(start)), None)


def size(content: bytes) -> tuple[int, int] | None:
    """Return width and height in pixels; None if it is not an image."""
    try:
        match kind(content):
            case "image/png":
                width, height = struct.unpack(">II", content[16:24])
            case "image/gif":
                width, height = struct.unpack("<HH", content[6:10])
            case "image/jpeg":
                return _jpeg_size(content)
            case _:
                return None
    except struct.error:
        return None
    return width, height


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    """Read the frame header (SOF): the first marker from C0 to CF that is not a table (C4, C8, CC)."""
    place = 2
    while content[place : place + 1] == b"\xff":
        marker, length = struct.unpack(">BH", content[place + 1 : place + 4])
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", content[place + 5 : place + 9])
            return width, height
        place += 2 + length
    return None
