"""Judges how a feed is unlike the ones before it: cut, grown, rejected, with other columns, merchants or words."""

import statistics
from collections.abc import Iterable, Sequence
from datetime import datetime

from awin_medusa_pipeline.sync.domain.discrepancies import UNREAD_SHARE
from awin_medusa_pipeline.sync.domain.feed.columns import SOURCES
from awin_medusa_pipeline.sync.domain.feed.errors import commonest, faults, remedy
from awin_medusa_pipeline.sync.domain.feed.facts import FeedFacts
from awin_medusa_pipeline.sync.domain.guards import TrippedGuard, of_merchant
from awin_medusa_pipeline.sync.domain.rules import Limits, Scope

_MEANING = "check whether each of them still means the same"
# A single odd feed must not become the measure for the next.
HISTORY = 5
HISTORY_NEEDED = 3
# Measured: 8 damaged bytes in a catalogue of 100,000. A feed in another encoding has one in every tenth row or more.
DAMAGED_SHARE = 0.05
STOCK_COLUMNS = (*SOURCES["stock"], *SOURCES["quantity"])


def check_facts(now: FeedFacts, before: Sequence[FeedFacts], limits: Limits) -> list[TrippedGuard]:
    """Check a feed against the accepted feeds `before` it, newest first."""
    return [
        *short_feed(now, before, limits),
        *grown_feed(now, before, limits),
        *new_merchants(now, before),
        *many_rejected(now, limits),
        *changed_header(now, before),
        *other_merchants(now, before),
        *no_stock(now, before),
        *wrong_encoding(now),
        *unread_stock(now),
    ]


def short_feed(now: FeedFacts, before: Sequence[FeedFacts], limits: Limits) -> list[TrippedGuard]:
    """Trip for a feed with far fewer offers than the last ones, in total, else of single merchants."""
    if len(before) < HISTORY_NEEDED:
        return []
    recent = before[:HISTORY]
    merchants = sorted({merchant for feed in recent for merchant in feed.merchants})

    def trip(merchant: str | None, accepted: int, earlier: Iterable[int]) -> list[TrippedGuard]:
        usual = statistics.median(earlier)
        if accepted >= (limit := limits.accepted_share * usual):
            return []
        words = (
            f"the feed {now.label} has {accepted:,} offers{of_merchant(merchant)} where the last ones had {usual:,.0f}"
        )
        words += ": check whether it came whole"
        return [TrippedGuard("short_feed", Scope.HIDE, words, merchant, accepted, limit)]

    return trip(None, now.accepted, [feed.accepted for feed in recent]) or [
        found
        for merchant in merchants
        for found in trip(
            merchant,
            now.merchants.get(merchant, 0),
            [feed.merchants.get(merchant, 0) for feed in recent],
        )
    ]


def grown_feed(now: FeedFacts, before: Sequence[FeedFacts], limits: Limits) -> list[TrippedGuard]:
    """Trip for a feed with far more offers than the last ones, in total, else of single merchants.

    One feed before is enough of a measure: what is imported by mistake has to be taken back by hand.
    """
    if not before:
        return []
    recent = before[:HISTORY]

    def trip(merchant: str | None, accepted: int, earlier: Iterable[int]) -> list[TrippedGuard]:
        usual = statistics.median_low(earlier)
        if accepted <= (limit := usual + max(limits.grown_share * usual, limits.grown_floor)):
            return []
        words = f"the feed {now.label} has {accepted:,} offers{of_merchant(merchant)} where the last ones had {usual:,}"
        words += ": look at some of the new ones, whether the advertiser really sells them"
        return [TrippedGuard("grown_feed", Scope.IMPORT, words, merchant, accepted, limit)]

    return trip(None, now.accepted, [feed.accepted for feed in recent]) or [
        found
        for merchant in sorted(now.merchants)
        if any(merchant in feed.merchants for feed in recent)
        for found in trip(merchant, now.merchants[merchant], [feed.merchants.get(merchant, 0) for feed in recent])
    ]


def new_merchants(now: FeedFacts, before: Sequence[FeedFacts]) -> list[TrippedGuard]:
    """Trip for merchants whom this feed did not speak for before: anybody may write a merchant's id into a row."""
    known = merchants_of(before)
    if not known or not known & now.merchants.keys():  # other_merchants says more
        return []
    words = "the feed {} holds {:,} offers of merchant {}, whom it did not speak for before: approve them if you have "
    words += "joined that programme, else tell AWIN"
    return [
        TrippedGuard(
            "new_merchant",
            Scope.EVERYTHING,
            words.format(now.label, now.merchants[merchant], merchant),
            merchant,
            number=now.merchants[merchant],
        )
        for merchant in sorted(now.merchants.keys() - known)
    ]


def merchants_of(feeds: Iterable[FeedFacts]) -> set[str]:
    """The merchants whom accepted feeds spoke for."""
    return {merchant for feed in feeds for merchant in feed.merchants}


def many_rejected(now: FeedFacts, limits: Limits) -> list[TrippedGuard]:
    """Trip for a feed with many rejected rows: their products look as if they had left the feed."""
    rejected = faults(now.rejected_by)
    if (number := sum(rejected.values())) <= (limit := limits.rejected_share * now.rows):
        return []
    reasons = commonest(rejected)
    named = ", ".join(f"{reason} ({rows:,})" for reason, rows in reasons)
    words = f"{number:,} of {now.rows:,} rows of the feed {now.label} were rejected: {named}. "
    sentence = words + remedy(reasons[0][0])
    return [TrippedGuard(f"many_{reasons[0][0]}", Scope.HIDE, sentence, number=number, limit=limit)]


def changed_header(now: FeedFacts, before: Sequence[FeedFacts]) -> list[TrippedGuard]:
    """Trip for a feed with other columns than the last one: any of them may mean something else."""
    if not before or before[0].header in (None, now.header):
        return []
    return [
        TrippedGuard(
            "changed_header", Scope.EVERYTHING, f"the columns of the feed {now.label} have changed: {_MEANING}"
        )
    ]


def other_merchants(now: FeedFacts, before: Sequence[FeedFacts]) -> list[TrippedGuard]:
    """Trip for a feed without any merchant of the last one: another feed under the same address."""
    had = before[0].merchants.keys() if before else set()
    has = now.merchants.keys()
    if not had or not has or had & has:
        return []
    words = f"the feed {now.label} holds offers of merchant {_some(has)} where it had those of {_some(had)}"
    words += ": check whether AWIN_FEED_URL names the right one"
    return [TrippedGuard("other_merchants", Scope.EVERYTHING, words)]


def no_stock(now: FeedFacts, before: Sequence[FeedFacts]) -> list[TrippedGuard]:
    """Trip for merchants whose stock has gone blank in every row: all their offers would count as in stock."""
    if not before or before[0].with_stock is None or now.with_stock is None:
        return []
    gone = [merchant for merchant, offers in before[0].with_stock.items() if offers]
    gone = [merchant for merchant in gone if merchant in now.merchants and not now.with_stock.get(merchant)]
    words = "the feed {} says of no offer of merchant {} whether it is in stock, as it did before: add the column again"
    return [
        TrippedGuard("no_stock", Scope.STOCK, words.format(now.label, merchant), merchant) for merchant in sorted(gone)
    ]


def wrong_encoding(now: FeedFacts) -> list[TrippedGuard]:
    """Trip for a feed whose text is not UTF-8: its names would reach the shop damaged."""
    if now.damaged <= (limit := max(1, DAMAGED_SHARE * now.accepted)):
        return []
    words = f"the feed {now.label} has {now.damaged:,} damaged characters: ask the advertiser for a feed in UTF-8"
    return [TrippedGuard("wrong_encoding", Scope.IMPORT, words, number=now.damaged, limit=limit)]


def unread_stock(now: FeedFacts) -> list[TrippedGuard]:
    """Trips for merchants of whose filled stock cells a considerable share was not understood."""
    found = []
    for merchant, unread in sorted(now.unread_stock.items()):
        filled = unread + (now.with_stock or {}).get(merchant, 0)
        if unread > (limit := UNREAD_SHARE * filled):
            words = f"of {filled:,} stock cells of merchant {merchant} in the feed {now.label} {unread:,} were not "
            words += f"understood{_examples(now)}: ask the advertiser for 1 and 0 in in_stock, or report the words"
            found.append(TrippedGuard("unread_stock", Scope.IMPORT, words, merchant, unread, limit))
    return found


def _examples(now: FeedFacts) -> str:
    named = [cell for column in STOCK_COLUMNS for cell in now.examples().get(column, {}) if cell]
    return f" ({', '.join(f'“{cell}”' for cell in named[:3])})" if named else ""


def unread_cells(now: FeedFacts) -> str | None:
    """A remark on cells that are filled and were not understood, with examples."""
    columns = []
    for column, cells in sorted(now.examples().items()):
        named = ", ".join(f"“{cell}”" for cell in cells if cell)
        columns.append(f"{column} in {sum(cells.values()):,} rows{f' ({named})' * bool(named)}")
    if not columns:
        return None
    words = f"Cells of the feed {now.label} were not understood and change nothing: {'; '.join(columns)}."
    return f"{words} Ask the advertiser what they mean. [unread_cells]"


def _some(merchants: Iterable[str]) -> str:
    names = sorted(merchants)
    return ", ".join(names[:3]) + (" and others" if len(names) > 3 else "")


def frozen_feed(label: str, same_since: datetime, now: datetime, limits: Limits) -> str | None:
    """A warning when a feed has been byte for byte the same for too long; times are aware."""
    days = (now - same_since).days
    if now - same_since <= limits.frozen_for:
        return None
    return f"The feed {label} has not changed for {days} days; ask the advertiser whether it is still kept. [frozen]"
