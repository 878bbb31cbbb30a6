"""How much change is too much, per kind of operation and per merchant.

What belongs here: judging a plan against the shop and against earlier feeds; pure. What does not: what happens to the
rows that are held (engine/held.py). The limits come from pain that others had: a cut feed of 1.35 of 2.31 million rows
looked valid and emptied catalogues; one advertiser's broken feed hides behind the others in a joint download.
"""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

import polars as pl


class Guarded(StrEnum):
    """What a guard holds back; everything else goes on."""

    EVERYTHING = "everything"
    HIDE = "hide"
    SET_TO_ZERO = "set_to_zero"
    PRICE = "price"


@dataclass(frozen=True)
class Limits:
    """Shares are of 1. The floors let a small shop work: one product of five is 20 %."""

    hide_share: float = 0.10
    hide_floor: int = 20
    zero_share: float = 0.25
    zero_floor: int = 50
    accepted_share: float = 0.80
    rejected_share: float = 0.10
    price_change: float = 0.50
    price_share: float = 0.05
    frozen_for: timedelta = timedelta(days=14)


# A single odd feed must not be the measure of the next.
HISTORY = 5
HISTORY_NEEDED = 3


@dataclass(frozen=True)
class Trip:
    """A guard that tripped. `merchant_id` None: it concerns the whole feed or shop."""

    guard: str
    holds: Guarded
    sentence: str
    merchant_id: str | None = None


@dataclass(frozen=True)
class FeedFacts:
    """One accepted feed in numbers."""

    label: str
    accepted: int
    rejected: int
    header: str | None
    accepted_by_merchant: Mapping[str, int] = field(default_factory=dict)


def too_many(rows: pl.DataFrame, base: pl.DataFrame, guarded: Guarded, share: float, floor: int) -> list[Trip]:
    """Trips of "at most max(share of the base, floor)", for the whole and for each merchant.

    Both frames have a column merchant_id (null: not from AWIN), a row for each thing to change, or that could be.
    """
    trips = []
    counts = _by_merchant(rows), _by_merchant(base)
    for merchant in [None, *sorted(counts[0])]:
        changing, whole = (sum(c.values()) if merchant is None else c.get(merchant, 0) for c in counts)
        if changing > max(share * whole, floor):
            trips.append(
                Trip(
                    f"too_many_to_{guarded}",
                    guarded,
                    f"{_words(guarded, changing)} of {whole:,}{_of(merchant)} is more than {share:.0%}",
                    merchant,
                )
            )
    return trips


def short_feed(now: FeedFacts, before: Sequence[FeedFacts], limits: Limits) -> list[Trip]:
    """Trips of a feed with far fewer offers than the last ones, as a whole or of one merchant."""
    if len(before) < HISTORY_NEEDED:
        return []
    recent = before[:HISTORY]
    median = statistics.median(feed.accepted for feed in recent)
    trips = []
    if now.accepted < limits.accepted_share * median:
        trips.append(_short(now.label, now.accepted, median, None))
    for merchant in sorted({merchant for feed in recent for merchant in feed.accepted_by_merchant}):
        usual = statistics.median(feed.accepted_by_merchant.get(merchant, 0) for feed in recent)
        accepted = now.accepted_by_merchant.get(merchant, 0)
        if accepted < limits.accepted_share * usual:
            trips.append(_short(now.label, accepted, usual, merchant))
    return trips


def many_rejected(now: FeedFacts, limits: Limits) -> list[Trip]:
    """Trip of a feed of which many rows could not be read: what is rejected looks as if it had left."""
    rows = now.accepted + now.rejected
    if now.rejected <= limits.rejected_share * rows:
        return []
    sentence = f"{now.rejected:,} of {rows:,} rows of the feed {now.label} were rejected"
    return [Trip("many_rejected", Guarded.HIDE, sentence)]


def changed_header(now: FeedFacts, before: Sequence[FeedFacts]) -> list[Trip]:
    """Trip of a feed with other columns than the last one: any of them may mean something else."""
    if not before or before[0].header in (None, now.header):
        return []
    return [Trip("changed_header", Guarded.EVERYTHING, f"the columns of the feed {now.label} have changed")]


def frozen_feed(label: str, same_since: datetime, now: datetime, limits: Limits) -> str | None:
    """A warning when a feed has been byte for byte the same for long; times are aware."""
    days = (now - same_since).days
    if now - same_since <= limits.frozen_for:
        return None
    return f"The feed {label} has not changed for {days} days; ask the advertiser whether it is still kept."


def big_price_changes(matched: pl.DataFrame, limits: Limits) -> list[Trip]:
    """Trips of prices that jump: more than `price_share` of the matched by more than `price_change`.

    `matched`: merchant_id, price, shop_price. A decimal point that moved looks like this.
    """
    shop = pl.col("shop_price").cast(pl.Float64)
    jumps = matched.filter((shop > 0) & ((pl.col("price").cast(pl.Float64) - shop).abs() > limits.price_change * shop))
    return too_many(jumps, matched, Guarded.PRICE, limits.price_share, 0)


def held(trips: Iterable[Trip], guarded: Guarded) -> pl.Expr:
    """Which rows the trips hold back, by merchant_id."""
    concerned = [trip for trip in trips if trip.holds in (guarded, Guarded.EVERYTHING)]
    if any(trip.merchant_id is None for trip in concerned):
        return pl.lit(True)
    return pl.col("merchant_id").is_in([trip.merchant_id for trip in concerned]).fill_null(False)


def _by_merchant(rows: pl.DataFrame) -> dict[str, int]:
    named = rows.select(pl.col("merchant_id").fill_null("")).group_by("merchant_id").len()
    return dict(named.iter_rows())


def _short(label: str, accepted: int, usual: float, merchant: str | None) -> Trip:
    sentence = f"the feed {label} has {accepted:,} offers{_of(merchant)} where the last ones had {usual:,.0f}"
    return Trip("short_feed", Guarded.HIDE, sentence, merchant)


def _words(guarded: Guarded, number: int) -> str:
    doing = {Guarded.HIDE: "hiding", Guarded.SET_TO_ZERO: "setting to zero", Guarded.PRICE: "changing the price of"}
    return f"{doing[guarded]} {number:,}"


def _of(merchant: str | None) -> str:
    if merchant is None:
        return ""
    return f" of merchant {merchant}" if merchant else " that are not from AWIN"
