"""Reads inventories of listings and replaces them, each time with new ids for all products."""

from decimal import Decimal
from typing import Any

from awin_medusa_pipeline.sandbox.etsy import shop, views
from awin_medusa_pipeline.sandbox.etsy.answers import Answer, as_json, check, refusal
from awin_medusa_pipeline.sandbox.etsy.received import Received
from awin_medusa_pipeline.sandbox.etsy.rules import inventory as rules
from awin_medusa_pipeline.sandbox.etsy.state import Listing, State

Json = dict[str, Any]

CONFLICT_SECONDS = 10
"""How long a change counts as made a moment ago; Etsy does not say."""


def read(call: Received) -> Answer:
    """getListingInventory."""
    found = call.listing
    shown = views.listing(found, call.state, call.base_url) if "Listing" in call.includes else None
    return as_json(views.inventory(found, call.state.settings) | {"listing": shown})


def read_batch(call: Received) -> Answer:
    """getListingsInventoryByListingIds: refused if any id is unknown."""
    found = [call.find(listing_id) for listing_id in dict.fromkeys(call.listing_ids())]
    return as_json(call.result([call.view(listing, {"Inventory"}) for listing in found]))


def replace(call: Received) -> Answer:
    """updateListingInventory."""
    found, body = call.writable, call.request.json
    _check_conflict(found, call.state)
    most = int(call.choice("max_variations_supported", "2", "2", "3"))
    taxonomy_id = found.fields["taxonomy_id"]
    possible = shop.possible_value_ids(taxonomy_id)
    known = {*possible.values(), *call.state.kept.value_ids.values()}
    physical = found.fields["type"] != "download"
    check(rules.replacement(body, rules.Context(call.state.has, taxonomy_id, physical, known, most)))
    products = [_product(product, call.state, possible, taxonomy_id) for product in body["products"]]
    found.stock({"products": products, **{name: body.get(name) or [] for name in rules.ON_PROPERTY}})
    found.fields["updated_timestamp"] = int(call.state.now())
    return as_json(views.inventory(found, call.state.settings))


def _check_conflict(found: Listing, state: State) -> None:
    """Refuse once what may not know of a change that was made a moment ago. Raises RefusedError with 409."""
    at, found.disturbed_at = found.disturbed_at, None
    if at is not None and state.settings.conflicts and state.now() - at < CONFLICT_SECONDS:
        raise refusal(409, "Stand-in: the inventory has just been changed by someone else")


def _product(product: Json, state: State, possible: dict[tuple[int, str], int], taxonomy_id: int) -> Json:
    offering = product["offerings"][0]
    return {
        "product_id": state.next_id("product"),
        "sku": product.get("sku") or "",
        "is_deleted": False,
        "offerings": [
            {
                "offering_id": state.next_id("offering"),
                "quantity": offering["quantity"],
                "is_enabled": offering["is_enabled"],
                "is_deleted": False,
                "price": views.money(round(Decimal(str(offering["price"])) * views.DIVISOR), state.settings.currency),
                "readiness_state_id": offering.get("readiness_state_id"),
            }
        ],
        "property_values": [
            _property_value(value, state, possible, taxonomy_id) for value in product.get("property_values", [])
        ],
    }


def _property_value(value: Json, state: State, possible: dict[tuple[int, str], int], taxonomy_id: int) -> Json:
    property_id, text, scale_id = value["property_id"], value["values"][0], value.get("scale_id")
    known = next(entry for entry in shop.properties(taxonomy_id) if entry["property_id"] == property_id)
    custom = property_id in shop.CUSTOM_PROPERTIES
    scale_names = {scale["scale_id"]: scale["display_name"] for scale in known["scales"]}
    return {
        "property_id": property_id,
        "property_name": value["property_name"] if custom else known["name"],
        "scale_id": scale_id,
        "scale_name": scale_names.get(scale_id),
        "value_ids": [possible.get((property_id, text)) or state.value_id(property_id, text)],
        "values": [text],
    }
