"""Judges how much change is too much, per kind of operation and per merchant, against the shop.

feed_guards.py judges the feeds themselves. The limits come from other people's accidents: a feed cut to 1.35 of 2.31
million rows looked valid and emptied catalogues; in a joint download, one advertiser's broken feed hides behind the
others.
"""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from awin_medusa_pipeline.sync.domain.discrepancies import WRITTEN
from awin_medusa_pipeline.sync.domain.operations import Decision, money_text
from awin_medusa_pipeline.sync.domain.rules import PRICE_WINDOW, Limits, Scope

CODES: Mapping[str, str] = {
    "too_many_to_hide": "more products would be hidden at once than GUARD_HIDE_PERCENT and GUARD_HIDE_FLOOR allow",
    "all_to_hide": "every published product would be hidden",
    "too_many_to_set_to_zero": "more levels would be set to zero at once than GUARD_ZERO_PERCENT and GUARD_ZERO_FLOOR "
    "allow",
    "all_to_set_to_zero": "every stocked variant would be set to zero",
    "prices_jump": "more prices would change by much than GUARD_PRICE_PERCENT allows",
    "prices_move": "all prices would move together, by more than GUARD_PRICE_MEDIAN_PERCENT or half of it on average",
    "too_many_to_sell_again": "more that was sold out would be in stock at once than GUARD_GROWN_PERCENT and "
    "GUARD_GROWN_FLOOR allow",
    "too_many_to_restore": "more hidden products would be published at once than GUARD_GROWN_PERCENT and "
    "GUARD_GROWN_FLOOR allow",
    "too_many_to_rewrite": "more products would get other texts or images at once than GUARD_GROWN_PERCENT and "
    "GUARD_GROWN_FLOOR allow",
    "shrunken_catalogue": "the shop lacks most of what was imported into it before, as if it had been emptied",
    "grown_feed": "the feed has far more offers than the last ones (GUARD_GROWN_PERCENT, GUARD_GROWN_FLOOR)",
    "new_merchant": "the feed holds offers of a merchant whom it did not speak for before",
    "short_feed": "the feed has far fewer offers than the last ones (GUARD_ACCEPTED_PERCENT)",
    "many_...": "many rows were rejected, most of them for the reason behind many_ (GUARD_REJECTED_PERCENT)",
    "changed_header": "the feed has other columns than the last one",
    "other_merchants": "the feed has none of the merchants of the last one",
    "no_stock": "a merchant says nothing of stock any more",
    "wrong_encoding": "the text of the feed is not UTF-8",
    "unread_stock": "a merchant's stock column holds words that are not understood, so nobody knows what is in stock",
    "unread_cells": "cells are filled and not understood; a remark, each is left as if the feed did not say",
    "frozen": "the feed has not changed for many days (GUARD_FROZEN_DAYS); a remark, nothing is held",
    "asked": "an owner of a field is `ask`",
    "uncertain": "one sign alone says that a product of the shop is an offer of the feed, or another speaks against it",
    "given_up": "changes that an earlier run began, and that the shop refused to look up for days; a remark",
    "new_merchant_id": "a remark: products of a merchant that left the feed are offered under another merchant id",
    "never_fed": "a product that no feed ever held would be hidden; asked once per product",
    "first_price": "an adopted variant would get its first price from the feed",
    "price_jump": "a single price would fall or rise by more than GUARD_PRICE_JUMP allows",
    "price_creep": "a single price would have fallen or risen within 30 days, in small steps, by more than "
    "GUARD_PRICE_JUMP allows",
}
"""Meaning of each guard's code."""

ASKED = "you want to be asked first (SYNC_OWNER_...=ask) [asked]"
QUESTIONS: Mapping[str, str] = {
    "asked": ASKED,
    "uncertain": "these products of the shop may be offers of the feed, but the signs are no proof; approving writes "
    "our key to them, and from then on they are kept in line [uncertain]",
    "never_fed": "these published products are in no feed and never were; approving hides them [never_fed]",
    "first_price": "these products were adopted, and the feed has another price; approving sets it [first_price]",
    "price_jump": "each of these prices would fall or rise by more than GUARD_PRICE_JUMP allows; approving sets them "
    "[price_jump]",
    "price_creep": "each of these prices has moved in small steps, and would now be further than GUARD_PRICE_JUMP "
    f"allows from what it was within the last {PRICE_WINDOW.days} days; approving sets them, and what they then are is "
    "the new measure [price_creep]",
}
"""What a person is asked about single rows, by code, whatever the shares of the others."""


def question(code: str, rows: pl.DataFrame) -> str:
    """What a person is asked about those of the rows whose `question` has this code."""
    if code != "price_creep":
        return QUESTIONS[code]
    furthest = rows.filter(question=code).sort(pl.col("moved_percent").abs(), "variant_id", descending=[True, False])
    row = furthest.row(0, named=True)
    was, wanted = (f"{money_text(row[name])} {row['currency'].upper()}" for name in ("earlier_price", "price"))
    told = f"the furthest from {was} on {row['earlier_on']} to {wanted}, {row['moved_percent']:+.0f} %"
    return QUESTIONS[code].replace(f" [{code}]", f"; {told} [{code}]")


_WIDER = {Scope.SET_TO_ZERO: Scope.STOCK, Scope.SELL_AGAIN: Scope.STOCK, Scope.CONTENT: Scope.IMPORT}
# From this number on, losing all at once is more often a faulty feed than the end of a range, even in a small shop.
ALL_OF = 5


@dataclass(frozen=True)
class TrippedGuard:
    """A tripped guard with its reason code. `merchant_id` None: it concerns the whole feed or shop."""

    guard: str
    holds: Scope
    sentence: str
    merchant_id: str | None = None
    number: float | None = None
    """What was counted, where the guard counts."""
    limit: float | None = None
    """The most that it lets pass; of a short feed the least."""

    @property
    def reason(self) -> str:
        """The sentence with the code to look up."""
        return f"{self.sentence} [{self.guard}]"


def check_hides(to_hide: pl.DataFrame, catalog: pl.LazyFrame, limits: Limits) -> list[TrippedGuard]:
    """Trips for hiding these MedusaOnlyProduct rows, beside the published products of CatalogVariant rows.

    Those with a `question` do not count: each of them waits anyway.
    """
    if "question" in to_hide.columns:
        to_hide = to_hide.filter(pl.col("question").is_null())
    published = catalog.filter(pl.col("status") == "published").select("product_id", "external_id").unique("product_id")
    return check_share(
        to_hide.select(merchant_id=merchant_of(pl.col("external_id"))),
        published.select(merchant_id=merchant_of(pl.col("external_id"))).collect(),
        Scope.HIDE,
        limits.hide_share,
        limits.hide_floor,
    )


def check_vanished(vanished: pl.DataFrame, there: int) -> list[TrippedGuard]:
    """Trips where the shop has lost most of its products, be it emptied, put back, or answering with less than it has.

    `vanished`: MissingProduct rows that were imported before and are to be imported again; `there`: products of ours
    that the shop still shows.
    """
    gone, limit = vanished["product_key"].n_unique(), max(there, ALL_OF - 1)
    if gone <= limit:
        return []
    words = f"the shop has lost {gone:,} products that were imported into it before, and shows {there:,} of ours: look "
    words += "into Medusa Admin whether it is whole; if it was emptied on purpose, approve, and they are made anew"
    return [TrippedGuard("shrunken_catalogue", Scope.IMPORT, words, number=gone, limit=limit)]


def check_zero_levels(mismatches: pl.DataFrame, catalog: pl.LazyFrame, limits: Limits) -> list[TrippedGuard]:
    """Check setting StockMismatch rows to zero against the stocked variants of CatalogVariant rows."""
    key = pl.coalesce("offer_key", "external_id")
    stocked = catalog.filter(pl.col("level") > 0).select(merchant_id=merchant_of(key)).collect()
    return check_share(
        mismatches.filter(set_to_zero()).select(merchant_id=merchant_of(pl.col("offer_key"))),
        stocked,
        Scope.SET_TO_ZERO,
        limits.zero_share,
        limits.zero_floor,
    )


def set_to_zero() -> pl.Expr:
    """Whether StockMismatch rows set a level to zero."""
    return (pl.col("wanted_level") == 0) & (pl.col("level") > 0) & pl.col("reason").is_in(WRITTEN)


def check_share(rows: pl.DataFrame, base: pl.DataFrame, guarded: Scope, share: float, floor: int) -> list[TrippedGuard]:
    """Check "at most max(share of the base, floor), and never all" for the whole, else for each merchant.

    Both frames have a column merchant_id (null: not from AWIN); `rows` are the changes, `base` all possible ones.
    """
    changing, whole = _by_merchant(rows), _by_merchant(base)

    def trip(merchant: str | None, number: int, of: int) -> list[TrippedGuard]:
        if number <= (limit := max(share * of, floor)):
            return []
        what = f"{_words(guarded)} {number:,} of {of:,}{of_merchant(merchant)}"
        words = f"{what} is more than {share:.0%}: {_advice(guarded)}"
        return [TrippedGuard(f"too_many_to_{guarded}", guarded, words, merchant, number, limit)]

    number, of = sum(changing.values()), sum(whole.values())
    if number >= of >= ALL_OF:
        return [
            TrippedGuard(
                f"all_to_{guarded}",
                guarded,
                f"{_words(guarded)} all {of:,} would leave nothing: {_advice(guarded)}",
                number=number,
                limit=of - 1,
            )
        ]
    return _of_the_whole_or_merchants(changing, whole, trip)


def _of_the_whole_or_merchants(
    changing: Mapping[str, int], whole: Mapping[str, int], trip: Callable[[str | None, int, int], list[TrippedGuard]]
) -> list[TrippedGuard]:
    """Trips of all together, else of single merchants: one can hide behind the others. Both count by merchant_id."""
    return trip(None, sum(changing.values()), sum(whole.values())) or [
        found for merchant in sorted(changing) for found in trip(merchant, changing[merchant], whole.get(merchant, 0))
    ]


def check_restores(returning: pl.DataFrame, catalog: pl.LazyFrame, limits: Limits) -> list[TrippedGuard]:
    """Trips for publishing ReturningProduct rows again, beside the published products of CatalogVariant rows."""
    published = catalog.filter(pl.col("status") == "published").unique("product_id")
    base = published.select(merchant_id=merchant_of(pl.col("external_id"))).collect()
    return _grown(returning, base, Scope.RESTORE, "restore", "publishing {} hidden products again", limits)


def check_levels_from_zero(mismatches: pl.DataFrame, catalog: pl.LazyFrame, limits: Limits) -> list[TrippedGuard]:
    """Trips for StockMismatch rows that put on sale what is sold out, beside the variants that are in stock."""
    stocked = catalog.filter(pl.col("level") > 0)
    base = stocked.select(merchant_id=merchant_of(pl.coalesce("offer_key", "external_id"))).collect()
    words = "putting {} sold out variants on sale again"
    return _grown(mismatches.filter(sold_again()), base, Scope.SELL_AGAIN, "sell_again", words, limits)


def sold_again() -> pl.Expr:
    """Whether StockMismatch rows put something on sale that was sold out."""
    return (pl.col("wanted_level") > 0) & (pl.col("level") == 0) & pl.col("reason").is_in(WRITTEN)


def check_content(mismatches: pl.DataFrame, matched: pl.LazyFrame, limits: Limits) -> list[TrippedGuard]:
    """Trips for ContentMismatch rows that overwrite something, by products, beside those of MatchedProduct rows."""
    overwritten = mismatches.filter((pl.col("decision") == Decision.UPDATE) & (pl.col("shop_value") != ""))
    base = matched.select("product_id", "merchant_id").unique("product_id").select("merchant_id").collect()
    words = "rewriting {} products"
    return _grown(overwritten.unique("product_id"), base, Scope.CONTENT, "rewrite", words, limits)


def _grown(
    rows: pl.DataFrame, base: pl.DataFrame, guarded: Scope, code: str, words: str, limits: Limits
) -> list[TrippedGuard]:
    """Check "at most max(share of the base, floor)" for the whole, else for each merchant, as check_share does."""
    changing, whole = _by_merchant(rows), _by_merchant(base)

    def trip(merchant: str | None, number: int, of: int) -> list[TrippedGuard]:
        if number <= (limit := max(limits.grown_share * of, limits.grown_floor)):
            return []
        sentence = (
            f"{words.format(f'{number:,}')}{of_merchant(merchant)} at once, where there are {of:,}, is more than "
        )
        sentence += f"{limits.grown_share:.0%}: look at some of them"
        return [TrippedGuard(f"too_many_to_{code}", guarded, sentence, merchant, number, limit)]

    return _of_the_whole_or_merchants(changing, whole, trip)


def check_prices(mismatches: pl.DataFrame, matched: pl.LazyFrame, limits: Limits) -> list[TrippedGuard]:
    """Check the number of large changes in PriceMismatch rows against all MatchedProduct rows.

    Judged by what tonight changes, and by what it and the small steps before it have changed together.
    """
    asked = pl.col("question").is_in(["price_jump", "price_creep"]).fill_null(False)
    going = mismatches.filter((pl.col("decision") == Decision.UPDATE) | asked)
    whole = _by_merchant(matched.select("merchant_id").collect())
    together = going.with_columns(change_percent=pl.coalesce("moved_percent", "change_percent"))
    return _price_trips(going, whole, limits) or _price_trips(
        together, whole, limits, f" within {PRICE_WINDOW.days} days"
    )


def _price_trips(going: pl.DataFrame, whole: Mapping[str, int], limits: Limits, within: str = "") -> list[TrippedGuard]:
    jumps = (pl.col("change_percent").abs() >= limits.price_change * 100) | (pl.col("shop_price") == 0)
    changing = _by_merchant(going.filter(jumps.fill_null(False)))

    def trip(merchant: str | None, number: int, of: int) -> list[TrippedGuard]:
        if number <= (limit := limits.price_share * of):
            return []
        words = f"{number:,} of {of:,} prices{of_merchant(merchant)} would change by {limits.price_change:.0%} or more"
        words += f"{within}, and that is more than {limits.price_share:.0%} of them: check whether "
        words += "SYNC_PRICE_COLUMN names the right column"
        return [TrippedGuard("prices_jump", Scope.PRICE, words, merchant, number, limit)]

    return _of_the_whole_or_merchants(changing, whole, trip) or _prices_move(going, whole, limits, within)


def _prices_move(changing: pl.DataFrame, whole: Mapping[str, int], limits: Limits, within: str) -> list[TrippedGuard]:
    """Trips where all prices together move by much: a column with other prices moves all of them a little.

    Judged by the price in the middle, and by the average, which half of the prices cannot move unseen.

    `changing`: PriceMismatch rows that would be written; `whole`: matched variants per merchant, of which the others
    do not move.
    """
    if changing.is_empty():
        return []
    moves = changing.select(
        pl.col("merchant_id").fill_null(""), pl.col("change_percent").fill_null(100.0).clip(-100, 100)
    )
    by_merchant = dict(moves.group_by("merchant_id").agg("change_percent").iter_rows())

    def trip(merchant: str | None, found: Sequence[float], of: int) -> list[TrippedGuard]:
        if len(found) < ALL_OF:
            return []
        moves = [*found, *[0.0] * max(of - len(found), 0)]
        middle, average, limit = statistics.median(moves), statistics.fmean(moves), limits.price_median * 100
        if abs(middle) > limit:
            what, moved = f"the price in the middle of all {of:,}{of_merchant(merchant)}", middle
        elif abs(average) > (limit := limit / 2):
            what, moved = f"on average, all {of:,} prices{of_merchant(merchant)}", average
        else:
            return []
        words = f"{what} would move by {moved:+.0f} %{within}, and that is more than {limit:.0f} %: check whether "
        words += "SYNC_PRICE_COLUMN names the right column, and the currency"
        return [TrippedGuard("prices_move", Scope.PRICE, words, merchant, moved, limit)]

    return trip(None, moves["change_percent"].to_list(), sum(whole.values())) or [
        found
        for merchant in sorted(by_merchant)
        for found in trip(merchant, by_merchant[merchant], whole.get(merchant, 0))
    ]


def holds(trip: TrippedGuard, guarded: Scope) -> bool:
    """Whether a trip holds back changes of this kind."""
    return trip.holds in {guarded, Scope.EVERYTHING, _WIDER.get(guarded)}


def held(trips: Iterable[TrippedGuard], guarded: Scope) -> pl.Expr:
    """Whether the trips hold back a row, by its merchant_id."""
    concerned = [trip for trip in trips if holds(trip, guarded)]
    if any(trip.merchant_id is None for trip in concerned):
        return pl.lit(True)
    return pl.col("merchant_id").is_in([trip.merchant_id for trip in concerned]).fill_null(False)


def merchant_of(key: pl.Expr) -> pl.Expr:
    """Read merchant_id from product or offer keys; null for products that are not from AWIN."""
    return key.str.extract("^awin:([^:]+):")


def _by_merchant(rows: pl.DataFrame) -> dict[str, int]:
    named = rows.select(pl.col("merchant_id").fill_null("")).group_by("merchant_id").len()
    return dict(named.iter_rows())


def _words(guarded: Scope) -> str:
    return "hiding" if guarded is Scope.HIDE else "setting to zero"


def _advice(guarded: Scope) -> str:
    return "check whether the feed is whole" if guarded is Scope.HIDE else "check whether its stock column is right"


def of_merchant(merchant: str | None) -> str:
    """Words that say of whom a number is, to follow it."""
    if merchant is None:
        return ""
    return f" of merchant {merchant}" if merchant else " that are not from AWIN"
