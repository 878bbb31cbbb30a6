"""Parses the form fields of createDraftListing and updateListing."""

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from awin_medusa_pipeline.sandbox.etsy.answers import Problem

WHO_MADE = ("i_did", "someone_else", "collective")
WHEN_MADE = (
    "made_to_order",
    "2020_2026",
    "2010_2019",
    "2007_2009",
    "before_2007",
    "2000_2006",
    *(f"{decade}s" for decade in range(1990, 1890, -10)),
    "1800s",
    "1700s",
    "before_1700",
)
"""Etsy's values for 2026; they change each January."""
TYPES = ("physical", "download", "both")
WEIGHT_UNITS = ("oz", "lb", "g", "kg")
LENGTH_UNITS = ("in", "ft", "mm", "cm", "m", "yd", "inches")
TRIO = ("who_made", "when_made", "is_supply")

Parser = Callable[[str], Any]
"""Turns the text of a form field into its value. Raises ValueError with the expected kind."""


def whole(text: str) -> int:
    """Parse a whole number."""
    if not text.isascii() or not text.removeprefix("-").isdigit():
        raise ValueError("int")
    return int(text)


def decimal(text: str) -> Decimal:
    """Parse a decimal number of either sign."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError("float") from None
    if not number.is_finite():
        raise ValueError("float")
    return number


def truth(text: str) -> bool:
    """Parse true or false."""
    if text not in ("true", "false", "1", "0"):
        raise ValueError("bool")
    return text in ("true", "1")


def words(text: str) -> list[str]:
    """Parse words separated by commas."""
    return [word.strip() for word in text.split(",")] if text else []


def ids(text: str) -> list[int]:
    """Parse whole numbers separated by commas."""
    return [whole(word) for word in words(text)]


def one_of(*known: str) -> Parser:
    """Build a parser that accepts only these words."""

    def parse(text: str) -> str:
        if text not in known:
            raise ValueError("|".join(known))
        return text

    return parse


_BOTH: dict[str, Parser] = {
    "title": str,
    "description": str,
    "who_made": one_of(*WHO_MADE),
    "when_made": one_of(*WHEN_MADE),
    "is_supply": truth,
    "taxonomy_id": whole,
    "shipping_profile_id": whole,
    "return_policy_id": whole,
    "shop_section_id": whole,
    "materials": words,
    "tags": words,
    "item_weight": decimal,
    "item_length": decimal,
    "item_width": decimal,
    "item_height": decimal,
    "production_partner_ids": ids,
    "image_ids": ids,
    "should_auto_renew": truth,
    "is_taxable": truth,
    "type": one_of(*TYPES),
    "ecgt_garan_brand": str,
    "ecgt_garan_years": whole,
    "ecgt_garan_model": str,
    "ecgt_garan_guarantee_details": str,
    "ecgt_other_commercial_guarantee_details": str,
    "ecgt_after_sales_service_info": str,
    "ecgt_software_update_details": str,
}
CREATE: dict[str, Parser] = {
    **_BOTH,
    "quantity": whole,
    "price": decimal,
    "readiness_state_id": whole,
    "processing_min": whole,
    "processing_max": whole,
    "styles": words,
    "is_customizable": truth,
    "item_weight_unit": one_of(*WEIGHT_UNITS),
    "item_dimensions_unit": one_of(*LENGTH_UNITS),
}
UPDATE: dict[str, Parser] = {
    **_BOTH,
    "state": one_of("active", "inactive"),
    "featured_rank": whole,
    "item_weight_unit": one_of("", *WEIGHT_UNITS),
    "item_dimensions_unit": one_of("", *LENGTH_UNITS),
}


def parse(form: Mapping[str, str], fields: Mapping[str, Parser]) -> tuple[dict[str, Any], list[Problem]]:
    """Parse a form into values by name and problems. As Etsy does, it ignores unknown names."""
    values: dict[str, Any] = {}
    problems = []
    for name, text in form.items():
        if name not in fields:
            continue
        try:
            values[name] = fields[name](text)
        except ValueError as error:
            problems.append(Problem(f"Stand-in: Expected {error} value for '{name}' (got {text!r})."))
    return values, problems
