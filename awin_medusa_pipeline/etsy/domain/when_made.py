"""Keeps by its meaning when a product was made: Etsy's groups of years move each January (2020_2025, 2020_2026)."""

import re
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BeforeValidator, StringConstraints

MADE_TO_ORDER = "made_to_order"
THIS_DECADE = "this_decade"
VINTAGE = "vintage"
"""At least 20 years old, without a closer year: Etsy's before_2007 in 2026."""
VINTAGE_2000S = "vintage_2000s"
"""Since 2000, and at least 20 years old: 2000_2006 in 2026."""
LATE_2000S = "late_2000s"
"""Up to 2009, and less than 20 years old: 2007_2009 in 2026."""
VINTAGE_YEARS = 20

_MEANINGS = (MADE_TO_ORDER, THIS_DECADE, VINTAGE, VINTAGE_2000S, LATE_2000S)
_FORM = rf"^({'|'.join(_MEANINGS)}|before_\d{{4}}|\d{{4}}_\d{{4}}|\d{{4}}s)$"
_ETSY_BEHIND_UTC = timedelta(hours=5)
"""Etsy is in New York; the year ends there when it has begun here."""


def when_made_meaning(value: str) -> str:
    """Read Etsy's group of years by its meaning; a group that never moves (1990s, 2010_2019) is its own meaning."""
    if re.fullmatch(r"before_20\d\d", value):
        return VINTAGE
    years = re.fullmatch(r"(20\d\d)_(20\d\d)", value)
    if years is None:
        return value
    first, last = map(int, years.groups())
    if first == 2000:
        return value if last == 2009 else VINTAGE_2000S
    if last == 2009:
        return LATE_2000S
    return THIS_DECADE if last != first + 9 else value


WhenMade = Annotated[
    str,
    StringConstraints(pattern=_FORM),
    BeforeValidator(lambda value: when_made_meaning(value) if isinstance(value, str) else value),
]


def etsy_group(meaning: str, now: datetime) -> str:
    """Return the group of years that has this meaning at Etsy. `now`: aware UTC."""
    year = (now - _ETSY_BEHIND_UTC).year
    vintage = year - VINTAGE_YEARS
    moving = {
        THIS_DECADE: f"{year // 10 * 10}_{year}",
        VINTAGE: f"before_{vintage + 1}",
        VINTAGE_2000S: f"2000_{min(vintage, 2009)}",
        LATE_2000S: f"{vintage + 1}_2009" if vintage < 2009 else "2000_2009",
    }
    return moving.get(meaning, meaning)


def is_vintage(meaning: str) -> bool:
    """Whether it is at least 20 years old: then Etsy does not ask who made it."""
    return meaning in (VINTAGE, VINTAGE_2000S) or re.fullmatch(r"\d{4}s|2000_2009|before_\d{4}", meaning) is not None
