"""Creates, changes, publishes, reads and deletes listings."""

from collections.abc import Callable
from typing import Any

from awin_medusa_pipeline.sandbox.etsy import views
from awin_medusa_pipeline.sandbox.etsy.answers import Answer, Problem, as_json, check, refusal
from awin_medusa_pipeline.sandbox.etsy.received import Received
from awin_medusa_pipeline.sandbox.etsy.requests import FORM
from awin_medusa_pipeline.sandbox.etsy.rules import fields
from awin_medusa_pipeline.sandbox.etsy.rules import listing as rules
from awin_medusa_pipeline.sandbox.etsy.state import Fee, Listing, Shown, State

STATES = ("active", "inactive", "sold_out", "draft", "removed", "expired")
PERIOD = 120 * 86_400
"""Etsy: a listing runs four months."""
_OWN_INCLUDES = frozenset(
    ("Shipping", "Images", "Shop", "User", "Translations", "Inventory", "Videos", "Personalization", "BuyerPrice")
)
# Since 2026-07-29 Etsy includes no inventory and no shipping with single listings.
_INCLUDES = _OWN_INCLUDES - {"Shipping", "Inventory"}
_ORDERS = ("asc", "ascending", "desc", "descending", "up", "down")
_SORTED: dict[str, Callable[[dict[str, Any]], int]] = {
    "created": lambda view: view["created_timestamp"],
    "updated": lambda view: view["updated_timestamp"],
    "price": lambda view: view["price"]["amount"],
    # Etsy uses the score only in searches.
    "score": lambda view: 0,
}
_NOT_KEPT = ("quantity", "price", "readiness_state_id", "image_ids", "state")
_UNSET: dict[str, Any] = {
    "shop_section_id": None,
    "featured_rank": -1,
    "is_taxable": True,
    "is_customizable": False,
    "type": "physical",
    "tags": [],
    "materials": [],
    "styles": [],
    "shipping_profile_id": None,
    "return_policy_id": None,
    "processing_min": None,
    "processing_max": None,
    "item_weight": None,
    "item_weight_unit": None,
    "item_length": None,
    "item_width": None,
    "item_height": None,
    "item_dimensions_unit": None,
    "should_auto_renew": False,
    "production_partner_ids": [],
}


def create(call: Received) -> Answer:
    """createDraftListing."""
    values = _values(call, fields.CREATE)
    check(rules.creation(values, call.state.has))
    now = int(call.state.now())
    times = ("created_timestamp", "original_creation_timestamp", "updated_timestamp", "state_timestamp")
    kept = _plain({name: value for name, value in values.items() if name not in _NOT_KEPT})
    made = Listing(
        call.state.next_id("listing"),
        {**_UNSET, **kept, "state": "draft", **dict.fromkeys(times, now), "ending_timestamp": now + PERIOD},
        _first_inventory(values, call.state),
    )
    made.show([Shown(image_id, rank) for rank, image_id in enumerate(values.get("image_ids", ()), start=1)])
    call.state.changing_listing(made.listing_id)
    call.state.kept.listings[made.listing_id] = made
    return _answer(call, made, status=201)


def update(call: Received) -> Answer:
    """updateListing: Etsy ignores price, quantity and other fields that it does not have."""
    found = call.writable
    values = _values(call, fields.UPDATE)
    check(rules.update(values, found.fields, call.state.has))
    after = {**found.fields, **_plain({name: value for name, value in values.items() if name not in _NOT_KEPT})}
    image_ids = values.get("image_ids", [shown.image_id for shown in found.images])
    to_state = values.get("state", found.state)
    if found.state == "expired" and call.state.settings.expired_to_active == "ignored":
        to_state = found.state
    charged = _check_state(call, found, to_state, after, len(image_ids))
    now = int(call.state.now())
    found.fields = after | {"updated_timestamp": now}
    if "image_ids" in values:
        texts = {shown.image_id: shown.alt_text for shown in found.images}
        found.show([Shown(i, rank, texts.get(i, "")) for rank, i in enumerate(image_ids, start=1)])
    if to_state != found.state:
        _set_state(call, found, to_state, now)
    if charged:
        found.fields["ending_timestamp"] = now + PERIOD
        call.state.kept.fees.append(Fee(found.listing_id, call.state.now()))
    return _answer(call, found)


def read(call: Received) -> Answer:
    """getListing."""
    _check_includes(call, _INCLUDES)
    return as_json(call.view(call.listing, call.includes))


def read_shop(call: Received) -> Answer:
    """getListingsByShop."""
    _check_includes(call, _OWN_INCLUDES)
    state = call.choice("state", "active", *STATES)
    limit, offset = call.number("limit", 25, 1, 100), call.number("offset", 0, 0, 12_000)
    sort_on = call.choice("sort_on", "created", *_SORTED)
    order = call.choice("sort_order", "desc", *_ORDERS)
    found = [listing for listing in call.state.shown_listings() if listing.state == state]
    shown = [call.view(listing, call.includes) for listing in found]
    shown.sort(key=lambda view: (_SORTED[sort_on](view), view["listing_id"]), reverse=order.startswith("d"))
    return as_json(call.result(shown[offset : offset + limit], len(found)))


def read_batch(call: Received) -> Answer:
    """getListingsByListingIds: unknown ids are left out."""
    _check_includes(call, _INCLUDES)
    known = [i for i in dict.fromkeys(call.listing_ids()) if call.state.shown_listing(i)]
    return as_json(call.result([call.view(call.find(listing_id), call.includes) for listing_id in known]))


def delete(call: Received) -> Answer:
    """deleteListing."""
    del call.state.kept.listings[call.writable.listing_id]
    return Answer(204)


def pass_time(state: State) -> None:
    """End active listings after their four months, or renew and charge them."""
    now = state.now()
    for found in state.kept.listings.values():
        while found.state == "active" and found.fields["ending_timestamp"] <= now:
            state.changed = True
            state.changing_listing(found.listing_id)
            if found.fields["should_auto_renew"]:
                state.kept.fees.append(Fee(found.listing_id, found.fields["ending_timestamp"]))
                found.fields["ending_timestamp"] += PERIOD
            else:
                found.fields |= {"state": "expired", "state_timestamp": int(now)}


def _check_state(call: Received, found: Listing, to_state: str, after: dict[str, Any], image_count: int) -> bool:
    """Return whether the new state costs a fee. Raises RefusedError if the listing cannot have it."""
    if to_state == "inactive" and found.state not in ("active", "inactive"):
        raise refusal(400, f"Stand-in: Cannot deactivate a listing in this state: state = {found.state}")
    if found.state == "sold_out" and to_state == "active" and call.state.settings.sold_out_to_active == "error":
        raise refusal(500, "Server Error")
    if to_state == "active":
        readiness = found.inventory["products"][0]["offerings"][0]["readiness_state_id"]
        check(rules.publication(after | {"readiness_state_id": readiness}, image_count, call.state.has))
    # A deactivated listing is reactivated free of charge within its four months.
    paid = found.state == "inactive" and found.fields["ending_timestamp"] > call.state.now()
    return to_state == "active" != found.state and not paid


def _set_state(call: Received, found: Listing, to_state: str, now: int) -> None:
    """Set a new state. What one piece means for several offerings is not said: here each that can be bought has one."""
    if found.state == "sold_out" and call.state.settings.sold_out_to_active == "one_piece":
        found.stock(with_quantities(found.inventory, lambda offering: 1 if offering["is_enabled"] else 0))
    found.fields |= {"state": to_state, "state_timestamp": now}


def with_quantities(inventory: dict[str, Any], quantity: Callable[[dict[str, Any]], int]) -> dict[str, Any]:
    """Make an inventory with other quantities; `quantity` gets an offering."""
    products = [
        product | {"offerings": [offering | {"quantity": quantity(offering)} for offering in product["offerings"]]}
        for product in inventory["products"]
    ]
    return inventory | {"products": products}


def _values(call: Received, known: dict[str, fields.Parser]) -> dict[str, Any]:
    if call.request.content and call.request.content_type != FORM:
        raise refusal(400, f"Stand-in: the body is {FORM}; anything else is undocumented")
    blank = [name for name in ("tags", "materials", "styles") if call.request.form.get(name) == ""]
    if blank and call.state.settings.refuses_blank_words:
        raise refusal(500, "Server Error")
    values, problems = fields.parse(call.request.form, known)
    check(problems)
    return values


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Turn decimals into floats, as Etsy answers them."""
    measures = ("item_weight", "item_length", "item_width", "item_height")
    return {name: float(value) if name in measures else value for name, value in values.items()}


def _first_inventory(values: dict[str, Any], state: State) -> dict[str, Any]:
    offering = {
        "offering_id": state.next_id("offering"),
        "quantity": values["quantity"],
        "is_enabled": True,
        "is_deleted": False,
        "price": views.money(round(values["price"] * views.DIVISOR), state.settings.currency),
        "readiness_state_id": values.get("readiness_state_id"),
    }
    product = {
        "product_id": state.next_id("product"),
        "sku": "",
        "is_deleted": False,
        "offerings": [offering],
        "property_values": [],
    }
    names = ("price_on_property", "quantity_on_property", "sku_on_property", "readiness_state_on_property")
    return {"products": [product], **{name: [] for name in names}}


def _check_includes(call: Received, known: frozenset[str]) -> None:
    if unknown := sorted(call.includes - known):
        check([Problem(f"Stand-in: includes has no {', '.join(unknown)} here.")])


def _answer(call: Received, found: Listing, status: int = 200) -> Answer:
    return as_json(views.listing(found, call.state, call.base_url), status)
