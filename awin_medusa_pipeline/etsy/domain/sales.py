"""Tells what a sale on Etsy means for Medusa: whether it counts, which variant it is, and how its levels change."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from awin_medusa_pipeline.etsy.domain import text
from awin_medusa_pipeline.medusa.models import ShopVariant


class Standing(StrEnum):
    """What an order is worth now."""

    OPEN = "open"
    """Not paid yet."""
    SOLD = "sold"
    PARTLY_REFUNDED = "partly_refunded"
    OFF = "off"
    """Cancelled, or the whole price was given back."""


_OFF = ("canceled", "cancelled", "fully refunded")


def standing_of(status: str, *, is_paid: bool) -> Standing:
    """Read the status of an order. Etsy's spec has it in lower case, its answers have capitals."""
    status = status.casefold()
    if status in _OFF:
        return Standing.OFF
    if status == "partially refunded":
        return Standing.PARTLY_REFUNDED
    return Standing.SOLD if is_paid else Standing.OPEN


class SaleState(StrEnum):
    """What became of a sale in Medusa."""

    TAKING = "taking"
    """Recorded before the level is lowered; the outcome is not known yet."""
    TAKEN = "taken"
    RETURNING = "returning"
    """Recorded before the pieces are put back."""
    RETURNED = "returned"
    """The order was cancelled or refunded, and nothing of it is off Medusa."""
    UNCOUNTED = "uncounted"
    """Medusa does not count this variant, so there is nothing to lower."""
    UNLINKED = "unlinked"
    """Its listing belongs to no product that this program brought to Etsy."""
    UNKNOWN = "unknown"
    """Nobody can tell which variant of the product it is, or Medusa refused the change."""
    DOUBTFUL = "doubtful"
    """A run was ended while Medusa was asked, and somebody changed the level since: never done a second time."""
    UNDONE = "undone"
    """A person took back what the import did; it stays so."""


OPEN_STATES = (SaleState.TAKING, SaleState.RETURNING)
DEALT_WITH = (SaleState.TAKEN, SaleState.RETURNED, SaleState.UNCOUNTED)
"""Medusa knows of these."""
BY_HAND = (SaleState.UNKNOWN, SaleState.DOUBTFUL)
"""A person has to book these by hand."""


@dataclass(frozen=True)
class Sale:
    """One transaction of an order. `chosen`: name and value of each option, as the buyer saw them."""

    transaction_id: int
    receipt_id: int
    listing_id: int | None
    title: str
    sku: str
    chosen: tuple[tuple[str, str], ...]
    pieces: int
    sold_at: datetime
    """When the order was made, aware UTC."""

    @property
    def variant(self) -> str:
        """What the buyer chose, for a person: the SKU, else the values."""
        return self.sku or " / ".join(value for _, value in self.chosen)


def choose_variant(sale: Sale, variants: Sequence[ShopVariant]) -> ShopVariant | None:
    """Find the variant that was sold: by its SKU, else by its values, else the only one; None: it cannot be told.

    SKUs and values are compared in the form in which a listing has them. Values are compared with the names of their
    options first, then without: a seller may have given an option another name at Etsy, whose values can also get
    another case there.
    """
    skus = [variant for variant in variants if sale.sku and _spaced(variant.sku or "") == _spaced(sale.sku)]
    if len(skus) == 1:
        return skus[0]
    options = _varying(variants)
    named, bare = Counter(map(_folded, sale.chosen)), Counter(_folded(pair)[1] for pair in sale.chosen)
    by_name = [v for v, own in options if own and Counter(own) <= named]
    by_value = [v for v, own in options if own and Counter(value for _, value in own) <= bare]
    for found in (by_name, by_value):
        if len(found) == 1:
            return found[0]
    return variants[0] if len(variants) == 1 else None


def _varying(variants: Sequence[ShopVariant]) -> list[tuple[ShopVariant, list[tuple[str, str]]]]:
    """Pair each variant with its folded options, without those that are the same for all: a listing lacks these."""
    values = {title: {variant.options.get(title) for variant in variants} for v in variants for title in v.options}
    return [
        (variant, [_folded(option) for option in variant.options.items() if len(values[option[0]]) > 1])
        for variant in variants
    ]


def _folded(option: tuple[str, str]) -> tuple[str, str]:
    name, value = (text.variation(part).text.casefold() for part in option)
    return name, value


def _spaced(sku: str) -> str:
    return " ".join(sku.split())


@dataclass(frozen=True)
class Level:
    """A level as Medusa shows it; `updated_at`: its text, which changes with every change of the level."""

    stocked: int
    updated_at: str


@dataclass(frozen=True)
class LevelChange:
    """One level that a sale changes. `each`: pieces of the item in one piece of the variant.

    `updated_at`: that of the level before the change; `entry`: its row in the operation log.
    """

    item: str
    each: int
    before: int
    after: int
    updated_at: str = ""
    entry: int = 0


def lower(each: Mapping[str, int], pieces: int, levels: Mapping[str, Level]) -> list[LevelChange]:
    """Lower the levels of a variant's items, never below nothing; an item without a level has nothing.

    `each`: pieces of each item in one piece of the variant, more than one item for a kit.
    """
    changes = []
    for item, number in each.items():
        shown = levels.get(item, Level(0, ""))
        after = min(shown.stocked, max(0, shown.stocked - pieces * number))
        changes.append(LevelChange(item, number, shown.stocked, after, shown.updated_at))
    return changes


def put_back(taken: Sequence[LevelChange], levels: Mapping[str, Level]) -> list[LevelChange]:
    """Raise the levels by what was taken off them; an item whose level is gone is left out."""
    return [
        LevelChange(one.item, one.each, shown.stocked, shown.stocked + one.before - one.after, shown.updated_at)
        for one in taken
        if (shown := levels.get(one.item))
    ]


def again(change: LevelChange, shown: Level) -> LevelChange:
    """The same change from the level as it is now."""
    after = shown.stocked + change.after - change.before
    if after < shown.stocked:
        after = min(shown.stocked, max(0, after))
    return LevelChange(change.item, change.each, shown.stocked, after, shown.updated_at)


def pieces_moved(changes: Sequence[LevelChange]) -> int:
    """Pieces of the variant that changes of its items make up: for a kit, as many as the scarcest item."""
    return min((abs(one.before - one.after) // one.each for one in changes), default=0)


class Happened(StrEnum):
    """What became of a change whose outcome was not recorded."""

    DONE = "done"
    NOT_DONE = "not_done"
    UNKNOWN = "unknown"


def what_happened(change: LevelChange, shown: Level | None) -> Happened:
    """Tell whether a level was changed, from what Medusa shows of it now."""
    if shown is None:
        return Happened.UNKNOWN
    if shown.updated_at == change.updated_at:
        return Happened.NOT_DONE
    return Happened.DONE if shown.stocked == change.after else Happened.UNKNOWN
