"""Defines the stand-in's invented shop as its seller set it up: owner, profiles, policies and categories."""

from typing import Any

Json = dict[str, Any]

USER_ID = 981_234_567
SHOP_ID = 45_678_901
SHOP_NAME = "StandInShop"
FOUNDED = 1_500_000_000
# Etsy's ids exceed 32 bits.
MANUAL_PROFILE, CALCULATED_PROFILE, DELETED_PROFILE = 210_000_000_101, 210_000_000_102, 210_000_000_103
RETURN_POLICY = 1_300_000_001
READY_TO_SHIP, MADE_TO_ORDER = 1_400_000_001, 1_400_000_002
SECTION = 50_000_001
PARTNER = 4_000_001

JEWELLERY, NECKLACES, HOME, MUGS, CLOTHING, SHIRTS = 6_001, 6_002, 6_003, 6_004, 6_005, 6_006
COLOUR, SIZE = 200, 62_809_790_503
CUSTOM_PROPERTIES = (513, 514)
"""Etsy: variations that the seller names."""
SIZE_SCALE = 301

_TREE: tuple[tuple[int, str, int | None], ...] = (
    (JEWELLERY, "Jewellery", None),
    (NECKLACES, "Necklaces", JEWELLERY),
    (HOME, "Home & Living", None),
    (MUGS, "Mugs", HOME),
    (CLOTHING, "Clothing", None),
    (SHIRTS, "Shirts", CLOTHING),
)

SHIPPING_PROFILES: tuple[Json, ...] = tuple(
    {
        "shipping_profile_id": profile_id,
        "title": title,
        "user_id": USER_ID,
        "origin_country_iso": "GB",
        "is_deleted": profile_id == DELETED_PROFILE,
        "shipping_profile_destinations": [],
        "shipping_profile_upgrades": [],
        "origin_postal_code": "N1 1AA",
        "profile_type": kind,
        "domestic_handling_fee": 0.0,
        "international_handling_fee": 0.0,
    }
    for profile_id, title, kind in (
        (MANUAL_PROFILE, "Parcel", "manual"),
        (CALCULATED_PROFILE, "Parcel by weight", "calculated"),
        (DELETED_PROFILE, "Old parcel", "manual"),
    )
)
RETURN_POLICIES: tuple[Json, ...] = (
    {
        "return_policy_id": RETURN_POLICY,
        "shop_id": SHOP_ID,
        "accepts_returns": True,
        "accepts_exchanges": True,
        "return_deadline": 30,
    },
)


def _readiness_state(readiness_state_id: int, kind: str, least: int, most: int, unit: str) -> Json:
    """Build a processing profile in Etsy's form, with weeks converted to days."""
    days = 7 if unit == "weeks" else 1
    return {
        "shop_id": SHOP_ID,
        "readiness_state_id": readiness_state_id,
        "readiness_state": kind,
        "min_processing_days": least * days,
        "max_processing_days": most * days,
        "processing_days_display_label": f"{least}-{most} {unit}",
    }


PRODUCTION_PARTNERS: tuple[Json, ...] = (
    {"production_partner_id": PARTNER, "partner_name": "Stand-in Printers", "location": "Leeds, GB"},
)
SECTIONS: tuple[Json, ...] = (
    {"shop_section_id": SECTION, "title": "Gifts", "rank": 1, "user_id": USER_ID, "active_listing_count": 0},
)
READINESS_STATES: tuple[Json, ...] = (
    _readiness_state(READY_TO_SHIP, "ready_to_ship", 1, 3, "days"),
    _readiness_state(MADE_TO_ORDER, "made_to_order", 1, 2, "weeks"),
)


def taxonomy() -> list[Json]:
    """Build the categories in Etsy's form: roots with all categories below them."""
    return [_node(*entry) for entry in _TREE if entry[2] is None]


def taxonomy_ids() -> frozenset[int]:
    """List the ids of all categories."""
    return frozenset(node_id for node_id, _, _ in _TREE)


def _node(node_id: int, name: str, parent: int | None) -> Json:
    return {
        "id": node_id,
        "level": len(_path(node_id)) - 1,
        "name": name,
        "parent_id": parent,
        "children": [_node(*entry) for entry in _TREE if entry[2] == node_id],
        "full_path_taxonomy_ids": list(_path(node_id)),
    }


def _path(node_id: int) -> tuple[int, ...]:
    parent = next(parent for known, _, parent in _TREE if known == node_id)
    return (*_path(parent), node_id) if parent else (node_id,)


def properties(taxonomy_id: int) -> list[Json]:
    """Build the properties of a category: colour and custom ones everywhere, a size with a scale for clothing."""
    colours = _property(COLOUR, "Primary color", ("Black", "Blue", "Green", "Red", "White"), None)
    sizes = _property(SIZE, "Size", ("S", "M", "L", "XL"), SIZE_SCALE)
    custom = [_property(property_id, "Custom Property", (), None) for property_id in CUSTOM_PROPERTIES]
    return [colours, *([sizes] if CLOTHING in _path(taxonomy_id) else []), *custom]


def _property(property_id: int, name: str, values: tuple[str, ...], scale: int | None) -> Json:
    return {
        "property_id": property_id,
        "name": name,
        "display_name": name,
        "scales": [{"scale_id": scale, "display_name": "EU", "description": ""}] if scale else [],
        "is_required": False,
        "supports_attributes": True,
        "supports_variations": True,
        "is_multivalued": False,
        "max_values_allowed": None,
        "possible_values": [
            {"value_id": property_id * 100 + number, "name": value, "scale_id": scale, "equal_to": []}
            for number, value in enumerate(values, start=1)
        ],
        "selected_values": [],
    }


def possible_value_ids(taxonomy_id: int) -> dict[tuple[int, str], int]:
    """Map each (property, value) of a category to Etsy's id of the value."""
    return {
        (entry["property_id"], value["name"]): value["value_id"]
        for entry in properties(taxonomy_id)
        for value in entry["possible_values"]
    }
