"""The pictures of a listing: added, ordered by rank, taken away; and which variant shows which."""

from typing import Any

from awin_medusa_pipeline.sandbox.etsy import views
from awin_medusa_pipeline.sandbox.etsy.answers import Answer, as_json, check, refusal
from awin_medusa_pipeline.sandbox.etsy.received import Received
from awin_medusa_pipeline.sandbox.etsy.requests import File
from awin_medusa_pipeline.sandbox.etsy.rules import fields
from awin_medusa_pipeline.sandbox.etsy.rules import images as rules
from awin_medusa_pipeline.sandbox.etsy.state import Image, Listing, Shown, State


def upload(call: Received) -> Answer:
    """uploadListingImage: a new picture, or one that the shop has.

    Without `overwrite` it is one picture more, also on a rank that another has; with it the others of that rank go.
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


def read(call: Received) -> Answer:
    """getListingImage."""
    found = call.listing
    return as_json(views.image(found.listing_id, _shown(call, found), call.state, call.base_url))


def delete(call: Received) -> Answer:
    """deleteListingImage: the listing shows it no more; the shop keeps it."""
    found = call.writable
    gone = _shown(call, found)
    if found.state == "active" and len(found.images) == 1:
        raise refusal(400, "Stand-in: an active listing keeps its last image")
    found.show([shown for shown in found.images if shown is not gone])
    return Answer(204)


def read_variations(call: Received) -> Answer:
    """getListingVariationImages."""
    found = call.listing.variation_images
    return as_json(call.result(found))


def link_variations(call: Received) -> Answer:
    """updateVariationImages: all links anew, along one property."""
    found, body = call.writable, call.request.json
    links = body.get("variation_images") if isinstance(body, dict) else None
    if not isinstance(links, list):
        raise refusal(400, "Missing input parameter: [variation_images]")
    products = found.inventory["products"]
    values = {(v["property_id"], v["value_ids"][0]): v["values"][0] for p in products for v in p["property_values"]}
    shown = {shown.image_id for shown in found.images}
    keys = ("property_id", "value_id", "image_id")
    known: list[dict[str, Any]] = []
    for link in links:
        if not isinstance(link, dict) or set(link) != set(keys):
            raise refusal(400, f"Stand-in: a link has {', '.join(keys)}")
        if (link["property_id"], link["value_id"]) not in values or link["image_id"] not in shown:
            raise refusal(400, "Stand-in: a link is between a value and an image of the listing")
        known.append(link | {"value": values[link["property_id"], link["value_id"]]})
    if len({link["property_id"] for link in known}) > 1:
        raise refusal(400, "Stand-in: images go along one property only")
    found.variation_images = known
    return as_json(call.result(known))


def _add(state: State, file: File) -> int:
    image_id = state.next_id("image")
    width, height = rules.size(file.content) or (0, 0)
    kind = rules.kind(file.content) or ""
    state.kept.images[image_id] = Image(state.add_picture(file.content), kind, width, height, int(state.now()))
    return image_id


def _shown(call: Received, found: Listing) -> Shown:
    image_id = call.ids["listing_image_id"]
    for shown in found.images:
        if shown.image_id == image_id:
            return shown
    raise refusal(404, f"Stand-in: Could not find a listing image with listing_image_id = {image_id}")
