"""Defines what a shop owner decides about a sync: levels, owners of fields, what is hidden, and limits of the guards.

The settings are made of these, so nothing here needs a library of tables, which takes long to load.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

PRICE, ADOPTED = "price", "adopted"
CONTENT = ("title", "description", "images", "category")
LISTS = ("images", "category")
"""Fields whose value is a list; as text, one entry per line, since addresses and handles have no line breaks."""


class Owner(StrEnum):
    """Who has the last word on a field."""

    FEED = "feed"
    """Always set to the feed's value."""
    SHOP = "shop"
    """Written when the product is created, and never again."""
    FIRST_WRITE = "first-write"
    """Written once: when the product is created, or later where the shop has no value and this program wrote none."""
    ASK = "ask"
    """Differences wait for a person, as a held plan."""


@dataclass(frozen=True)
class PriceJump:
    """How far a single price may move without a question, in percent of the shop's."""

    fall_percent: float = 50
    rise_percent: float = 200


PRICE_JUMP = PriceJump()
PRICE_WINDOW = timedelta(days=30)
"""Small steps are measured together for so long.

An approved plan resets the measure, and is kept no longer than this. A sale that is lowered in steps is one question.
"""
Owners = Mapping[str, Mapping[str, Owner]]
"""Owner by field and merchant_id; "*" stands for every other merchant."""
DEFAULT_OWNERS: Owners = {PRICE: {"*": Owner.FEED}} | {field: {"*": Owner.FIRST_WRITE} for field in CONTENT}


@dataclass(frozen=True)
class StockRules:
    """How the feed's stock cells become levels in the shop."""

    in_stock_level: int = 10
    use_feed_quantity: bool = False
    unknown_level: int | None = None
    """Level of an offer whose stock is blank in a feed that fills the column; None keeps the shop's."""


@dataclass(frozen=True)
class HideRules:
    """What the shop owner decided about hiding."""

    hold_loose: bool = True
    """Whether what looks like an offer of the feed waits for a person."""
    after: int = 1
    """Accepted feeds in a row that must lack a product."""
    ours_alone: bool = False
    """Whether products that no feed ever held are left alone."""
    uncounted_sold_out: bool = False
    """Whether what is sold out is hidden where Medusa does not count it."""


class Scope(StrEnum):
    """Changes that a guard holds back; all others go on."""

    EVERYTHING = "everything"
    IMPORT = "import"
    HIDE = "hide"
    RESTORE = "restore"
    STOCK = "stock"
    SET_TO_ZERO = "set_to_zero"
    SELL_AGAIN = "sell_again"
    PRICE = "price"
    CONTENT = "content"


@dataclass(frozen=True)
class Limits:
    """Limits of the guards; shares are of 1. The floors let a small shop work: one product of five is 20 %."""

    hide_share: float = 0.10
    hide_floor: int = 20
    zero_share: float = 0.25
    zero_floor: int = 50
    accepted_share: float = 0.80
    rejected_share: float = 0.10
    price_change: float = 0.50
    price_share: float = 0.05
    """At most this share of matched variants may change in price by as much as price_change."""
    price_median: float = 0.20
    """At most so far may the price in the middle of all matched ones move, and on average all of them half as far."""
    grown_share: float = 0.50
    grown_floor: int = 100
    """How much more there may be at once than usual: of a merchant's offers, or of changes of one kind."""
    frozen_for: timedelta = timedelta(days=14)


@dataclass(frozen=True)
class GentleHours:
    """Hours of a day, UTC, in which the shop is spared: `first` to the beginning of `end`, over midnight too."""

    first: int
    end: int

    def holds(self, at: datetime) -> bool:
        """Whether a time is in them."""
        hour = at.astimezone(UTC).hour
        return self.first <= hour < self.end if self.first < self.end else hour >= self.first or hour < self.end
