"""Adds images to a listing, reads and removes them, and links them with values of variations."""

from typing import Any

from awin_medusa_pipeline.sandbox.etsy import views
from awin_medusa_pipeline.sandbox.etsy.answers import Answer, as_json, check, refusal
from awin_medusa_pipeline.sandbox.etsy.received import Received
from awin_medusa_pipeline.sandbox.etsy.requests import File
from awin_medusa_pipeline.sandbox.etsy.rules import fields
from awin_medusa_pipeline.sandbox.etsy.rules import images as rules
from awin_medusa_pipeline.sandbox.etsy.state import Image, Listing, Shown, State, VariationImage


def upload(call: Received) -> Answer:
    """uploadListingImage: a new image, or one that the shop has.

    Without `overwrite` the image is added, even on a rank already taken; with it, it replaces the images of that rank.
    """
    found = call.writable
    texts, files = call.request.parts
    values, problems = fields.parse(texts, rules.FIELDS)
    file = files.get("image")
    ranks = [shown.rank for shown in found.images if shown.image_id != values.get("listing_image_id")]
    check(problems or rules.upload(values, file, ranks=ranks, has=call.state.has))
    image_id = _add(call.state, file) if file else values["listing_image_id"]
    new = Shown(image_id, values.get("rank", 1), values.get("alt_text", ""))
    others = [shown for shown in found.images if shown.image_id != image_id]
    if values.get("overwrite"):
        others = [shown for shown in others if shown.rank != new.rank]
    found.show([new, *others])
    return as_json(views.image(found.listing_id, new, call.state, call.base_url), 201)


def read_all(call: Received) -> Answer:
    """getListingImages."""
    return as_json(call.result(views.images(call.listing, call.state, call.base_url)))


def delete(call: Received) -> Answer:
    """deleteListingImage: the last one stays, also on a draft (measured by eli-jordan in 2026-09)."""
    found, image_id = call.writable, call.ids["listing_image_id"]
    others = [shown for shown in found.images if shown.image_id != image_id]
    if len(others) == len(found.images):
        raise refusal(404, f"Stand-in: Could not find a listing image with listing_image_id = {image_id}")
    if not others:
        said = "Listings must have at least 1 image. Please add another ListingImage before trying to delete."
        raise refusal(400, said)
    found.show(others)
    return Answer(204)


def read_variations(call: Received) -> Answer:
    """getListingVariationImages."""
    return _variations(call, call.listing)


def link_variations(call: Received) -> Answer:
    """updateVariationImages: replaces all links (spec; one property only, by Etsy's words in its reference)."""
    found, body = call.writable, call.request.json
    places = body.get("variation_images") if isinstance(body, dict) else None
    check(rules.variation_images(places, found.values(), [shown.image_id for shown in found.images]))
    found.variation_images = [VariationImage(**place) for place in places or ()]
    return _variations(call, found)


def _variations(call: Received, found: Listing) -> Answer:
    values = found.values()
    results: list[dict[str, Any]] = [
        {
            "property_id": place.property_id,
            "value_id": place.value_id,
            "value": views.value_text(values[place.property_id, place.value_id], call.state.settings),
            "image_id": place.image_id,
        }
        for place in found.variation_images
    ]
    return as_json(call.result(results))


def _add(state: State, file: File) -> int:
    image_id = state.next_id("image")
    width, height = rules.size(file.content) or (0, 0)
    kind = rules.kind(file.content) or ""
    state.kept.images[image_id] = Image(state.add_picture(file.content), kind, width, height, int(state.now()))
    return image_id
