"""Checks createDraftListing, updateListing and publishing.

Values are already parsed (fields.py). A listing is the dict of its fields.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from awin_medusa_pipeline.sandbox.etsy import shop
from awin_medusa_pipeline.sandbox.etsy.answers import Problem
from awin_medusa_pipeline.sandbox.etsy.rules import text
from awin_medusa_pipeline.sandbox.etsy.rules.fields import TRIO

REQUIRED = ("quantity", "title", "description", "price", "who_made", "when_made", "taxonomy_id")
MOST_PIECES = 999
MOST_IMAGES = 20
# USD 0.20 and USD 50,000 (open-api #419, #459) in the shop's currency, at fixed rates.
_PRICES: dict[str, tuple[Decimal, Decimal, str]] = {
    "USD": (Decimal("0.20"), Decimal(50_000), "$"),
    "GBP": (Decimal("0.16"), Decimal(40_000), "£"),
    "EUR": (Decimal("0.18"), Decimal(46_000), "€"),
}
_MEASURES = ("item_weight", "item_weight_unit", "item_length", "item_width", "item_height", "item_dimensions_unit")
_NEW = ("made_to_order", "2020_2026", "2010_2019", "2007_2009")
_EMPTY_IMAGES = Problem("cannot be less than 1 items", "/images", "array_too_short")
_NO_SHIPPING = Problem("A shipping_profile_id is required for physical listings.")
_NO_READINESS = Problem("A readiness_state_id is required for physical listings.")


@dataclass(frozen=True)
class Has:
    """What a listing of the shop may refer to, the shop's currency, and whether it is in the EU."""

    readiness_state_ids: Collection[int]
    image_ids: Collection[int]
    currency: str = "GBP"
    is_eu: bool = False


def creation(values: Mapping[str, Any], has: Has) -> list[Problem]:
    """Check a new draft."""
    missing = [Problem(f"Missing input parameter: [{name}]") for name in REQUIRED if name not in values]
    if missing:
        return missing
    problems = _content(values, has)
    problems += quantity(values["quantity"], least=1) + price(values["price"], has.currency)
    if values.get("type", "physical") != "download":
        problems += [] if "shipping_profile_id" in values else [_NO_SHIPPING]
        problems += [] if "readiness_state_id" in values else [_NO_READINESS]
    known = values.get("readiness_state_id")
    if known is not None and known not in has.readiness_state_ids:
        problems.append(_unknown("readiness_state_id", known))
    return problems + _together(values)


def update(values: Mapping[str, Any], listing: Mapping[str, Any], has: Has) -> list[Problem]:
    """Check a change of `listing`, except its new state (see `publication`)."""
    return _content(values, has) + _together({**listing, **values})


def publication(listing: Mapping[str, Any], image_count: int, has: Has) -> list[Problem]:
    """Check that a listing has everything it needs to be active."""
    problems = [] if image_count else [_EMPTY_IMAGES]
    if listing["type"] == "download":
        return [*problems, Problem("Stand-in: a download needs a file, and files are not played here.")]
    profile = listing.get("shipping_profile_id")
    if profile is None:
        problems.append(_NO_SHIPPING)
    if listing.get("return_policy_id") is None and not has.is_eu:
        problems.append(Problem("There was a problem with /return/policy : cannot be null"))
    if listing.get("readiness_state_id") is None:
        problems.append(_NO_READINESS)
    return problems


def quantity(number: int, *, least: int) -> list[Problem]:
    """Check a quantity. Etsy: up to 999 per offering, and at least one for a new draft."""
    if number > MOST_PIECES:
        return [Problem(f"There was a problem with /quantity : cannot be greater than {MOST_PIECES}")]
    return [Problem(f"There was a problem with /quantity : cannot be less than {least}")] if number < least else []


def price(amount: Decimal, currency: str) -> list[Problem]:
    """Check a price. Etsy: USD 0.20 to USD 50,000, in the shop's currency and its major unit."""
    least, most, sign = _PRICES[currency]
    if amount < least:
        return [Problem(f"There was a problem with /price : must be above min price {sign}{least:,.2f} {currency}")]
    if amount > most:
        return [Problem(f"There was a problem with /price : must be below max price {sign}{most:,.2f} {currency}")]
    if amount != round(amount, 2):
        return [Problem(f"Stand-in: a price in {currency} has two decimals, not {amount}.")]
    return []


def _content(values: Mapping[str, Any], has: Has) -> list[Problem]:
    given = [name for name in TRIO if name in values]
    if given and len(given) < len(TRIO):
        return [Problem("Cannot update 'when_made' without 'who_made' and without 'is_supply' and vice versa")]
    problems: list[Problem] = []
    for name, rule in (
        ("title", text.title),
        ("description", text.description),
        ("tags", text.tags),
        ("materials", text.materials),
        ("styles", text.styles),
    ):
        problems += rule(values[name]) if name in values else []
    problems += _references(values)
    problems += _images(values["image_ids"], has) if "image_ids" in values else []
    if any(values.get(name, 1) == 0 for name in _MEASURES):
        # Etsy answers this to a weight of 0 (open-api #162).
        problems.append(Problem("Server Error", status=500))
    if any(isinstance(values.get(name), Decimal) and values[name] < 0 for name in _MEASURES):
        problems.append(Problem("Stand-in: weight and size are more than 0."))
    return problems


def _references(values: Mapping[str, Any]) -> list[Problem]:
    known: dict[str, Collection[int]] = {
        "taxonomy_id": shop.taxonomy_ids(),
        "shipping_profile_id": [p["shipping_profile_id"] for p in shop.SHIPPING_PROFILES if not p["is_deleted"]],
        "return_policy_id": [policy["return_policy_id"] for policy in shop.RETURN_POLICIES],
        "shop_section_id": [shop.SECTION],
    }
    problems = [
        _unknown(name, values[name]) for name, ids in known.items() if name in values and values[name] not in ids
    ]
    unknown = [partner for partner in values.get("production_partner_ids", ()) if partner != shop.PARTNER]
    return problems + [_unknown("production_partner_ids", partner) for partner in unknown]


def _images(image_ids: Sequence[int], has: Has) -> list[Problem]:
    if not image_ids:
        return [_EMPTY_IMAGES]
    if len(image_ids) > MOST_IMAGES:
        return [Problem(f"cannot be more than {MOST_IMAGES} items", "/images", "array_too_long")]
    if len(set(image_ids)) < len(image_ids):
        return [Problem("Stand-in: an image id is given twice.")]
    return [_unknown("image_ids", image_id) for image_id in image_ids if image_id not in has.image_ids]


def _together(listing: Mapping[str, Any]) -> list[Problem]:
    """Check rules that span several fields, on the listing with its changes."""
    problems = []
    new_by_others = listing["who_made"] == "someone_else" and listing["when_made"] in _NEW
    if new_by_others and not listing.get("is_supply") and not listing.get("production_partner_ids"):
        problems.append(Problem("There was a problem with /marketplace : Oh dear, you cannot sell this item on Etsy."))
    missing = [name for name in _MEASURES if not listing.get(name)]
    if listing.get("shipping_profile_id") == shop.CALCULATED_PROFILE and missing:
        names = ", ".join(f"'{name}'" for name in missing)
        said = f"Could not set a calculated shipping profile to the listing. The listing is missing {names}"
        problems.append(Problem(said))
    return problems


def _unknown(name: str, value: int) -> Problem:
    return Problem(f"Stand-in: the shop has no {name} {value}.")
