"""Adds images to a listing and reads them."""

from awin_medusa_pipeline.sandbox.etsy import views
from awin_medusa_pipeline.sandbox.etsy.answers import Answer, as_json, check
from awin_medusa_pipeline.sandbox.etsy.received import Received
from awin_medusa_pipeline.sandbox.etsy.requests import File
from awin_medusa_pipeline.sandbox.etsy.rules import fields
from awin_medusa_pipeline.sandbox.etsy.rules import images as rules
from awin_medusa_pipeline.sandbox.etsy.state import Image, Shown, State


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


def _add(state: State, file: File) -> int:
    image_id = state.next_id("image")
    width, height = rules.size(file.content) or (0, 0)
    kind = rules.kind(file.content) or ""
    state.kept.images[image_id] = Image(state.add_picture(file.content), kind, width, height, int(state.now()))
    return image_id
