"""Bodies that Etsy takes, to be spoilt by tests; and a picture."""

from typing import Any

from awin_medusa_pipeline.sandbox.etsy import shop

DRAFT = {
    "quantity": "3",
    "title": "Blue mug",
    "description": "Holds coffee.",
    "price": "12.50",
    "who_made": "i_did",
    "when_made": "made_to_order",
    "is_supply": "false",
    "taxonomy_id": str(shop.MUGS),
    "shipping_profile_id": str(shop.MANUAL_PROFILE),
    "readiness_state_id": str(shop.READY_TO_SHIP),
}
ALL_FOUR = ("price_on_property", "quantity_on_property", "sku_on_property", "readiness_state_on_property")


def offering(price: Any = 12.5, quantity: Any = 3, **changes: Any) -> dict[str, Any]:
    """One offering."""
    return {
        "price": price,
        "quantity": quantity,
        "is_enabled": True,
        "readiness_state_id": shop.READY_TO_SHIP,
        **changes,
    }


def value(text: str, property_id: int = 513, name: str = "Colour", **changes: Any) -> dict[str, Any]:
    """One value of a variation."""
    return {"property_id": property_id, "property_name": name, "value_ids": [], "values": [text], **changes}


def product(sku: str = "", values: Any = (), **changes: Any) -> dict[str, Any]:
    """One variant; `changes` of its offering."""
    return {"sku": sku, "property_values": list(values), "offerings": [offering(**changes)]}


def simple(**changes: Any) -> dict[str, Any]:
    """An inventory without variations."""
    return {"products": [product("MUG", **changes)]}


def colours(*texts: str, **on_property: Any) -> dict[str, Any]:
    """An inventory along one property: one product a colour, all with one price, quantity and SKU."""
    return {"products": [product("MUG", [value(text)]) for text in texts], **on_property}


def png(side: int = 100, tail: bytes = b"") -> bytes:
    """The head of a PNG, enough to know its size; then any bytes."""
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + side.to_bytes(4, "big") * 2 + tail
