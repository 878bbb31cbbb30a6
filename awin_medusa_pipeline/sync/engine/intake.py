"""Taking the feeds in: every address downloaded, judged, parsed into parts on disk, and remembered.

What belongs here: the order of these steps, and that nothing is used before all of it is sound. What does not: each
step itself (sync/clients/awin.py, sync/domain/feed/feed.py, sync/store/feed_history.py).
"""

import hashlib
import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline.sync.clients.awin import DownloadedFeed, Progress, download
from awin_medusa_pipeline.sync.clients.awin import FeedState as LastFeed
from awin_medusa_pipeline.sync.clients.awin_address import label_of
from awin_medusa_pipeline.sync.domain import guards
from awin_medusa_pipeline.sync.domain.feed.errors import Fault, FeedError, no_offers
from awin_medusa_pipeline.sync.domain.feed.feed import FeedBatch, FeedRules, Seen, feed_columns, read_feed
from awin_medusa_pipeline.sync.domain.guards import FeedFacts, Limits, Trip
from awin_medusa_pipeline.sync.store.feed_history import Feed, FeedHistory, FeedState


@dataclass(frozen=True)
class FeedNumbers:
    """What became of the rows of one feed."""

    accepted: int = 0
    merchants: Mapping[str, int] = field(default_factory=dict)
    """Accepted rows by merchant_id."""
    with_stock: Mapping[str, int] = field(default_factory=dict)
    """Of them, those that say anything of stock."""
    rejected: Mapping[str, int] = field(default_factory=dict)
    """Rows by reason code."""
    damaged: int = 0
    """Places where bytes were no UTF-8."""

    def plus(self, batch: FeedBatch) -> "FeedNumbers":
        """With another batch counted."""
        rejected = Counter(self.rejected) + Counter(batch.rejects["reason"].to_list())
        merchants = Counter(self.merchants) + Counter(_by_merchant(batch.offers))
        stock = batch.offers.filter(pl.col("in_stock").is_not_null() | pl.col("quantity").is_not_null())
        with_stock = Counter(self.with_stock) + Counter(_by_merchant(stock))
        accepted, damaged = self.accepted + batch.offers.height, self.damaged + batch.damaged
        return FeedNumbers(accepted, merchants, with_stock, rejected, damaged)


def _by_merchant(offers: pl.DataFrame) -> dict[str, int]:
    return dict(offers["merchant_id"].value_counts().iter_rows())


class FeedParts:
    """Feeds as tables in parts, a batch each, so that memory stays bounded: valid as long as their folder."""

    def __init__(self, folder: Path, rules: FeedRules) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._rules = folder, rules
        self._seen, self._written = Seen(), itertools.count()

    def take(self, path: Path, label: str) -> FeedNumbers:
        """Parse one more feed. Raises FeedError."""
        total = FeedNumbers()
        for batch in read_feed(path, label=label, rules=self._rules, seen=self._seen):
            total = total.plus(batch)
            number = next(self._written)
            # Read once and removed: not worth the time of strong compression.
            batch.offers.write_parquet(self._folder / f"offers-{number:06}.parquet", compression="lz4")
            batch.rejects.write_parquet(self._folder / f"rejects-{number:06}.parquet", compression="lz4")
        if not total.accepted:
            raise no_offers(label, total.rejected)
        return total

    @property
    def offers(self) -> pl.LazyFrame:
        """Under the contract Offer."""
        return pl.scan_parquet(self._folder / "offers-*.parquet")

    @property
    def rejects(self) -> pl.LazyFrame:
        """Under the contract RejectedRow."""
        return pl.scan_parquet(self._folder / "rejects-*.parquet")


def take_feeds(
    settings: Settings,
    history: FeedHistory,
    run_id: str,
    *,
    downloads: Path,
    parts: Path,
    progress: Progress,
    accept_smaller: bool,
) -> tuple[FeedParts, Sequence[tuple[DownloadedFeed, FeedNumbers]]]:
    """Every feed of AWIN_FEED_URL, downloaded and parsed, each recorded in the history as accepted, held or refused.

    Raises FeedError or RemoteError; then nothing of any feed is to be used.
    """
    if not settings.feed_addresses:
        raise FeedError(
            Fault.NO_ADDRESS, "Reading the feed", "AWIN_FEED_URL is not set", "Set it in .env to your feed's address."
        )
    rules = FeedRules(settings.sync_sku_template, settings.sync_price_column)
    token = settings.awin_api_token.get_secret_value() if settings.awin_api_token else None
    tables, taken = FeedParts(parts, rules), []
    for address in settings.feed_addresses:
        label = label_of(address)
        try:
            feed = download(
                address,
                downloads,
                previous=_last(history.last_accepted(label)),
                rules=rules,
                token=token,
                progress=progress,
                accept_smaller=accept_smaller,
            )
            taken.append((feed, tables.take(feed.path, label)))
        except FeedError as error:
            history.record(label, run_id, FeedState.REFUSED, reason=str(error))
            raise
    for feed, numbers in taken:
        _record(history, run_id, feed, numbers, settings.guard_limits)
    return tables, taken


def _record(history: FeedHistory, run_id: str, feed: DownloadedFeed, numbers: FeedNumbers, limits: Limits) -> None:
    """Remember a feed; one that is unlike those before is used, but is no measure for the next."""
    columns = feed_columns(feed.path, label=feed.label)
    header = hashlib.sha256("\n".join(columns).encode()).hexdigest() if columns else None
    rejected = sum(numbers.rejected.values())
    facts = FeedFacts(
        feed.label,
        numbers.accepted,
        rejected,
        header,
        numbers.merchants,
        numbers.with_stock,
        numbers.rejected,
        numbers.damaged,
    )
    trips = guards.feed_trips(facts, earlier(history, feed.label), limits)
    history.record(
        feed.label,
        run_id,
        FeedState.HELD if trips else FeedState.ACCEPTED,
        reason="; ".join(trip.reason for trip in trips) or None,
        sha256=feed.sha256,
        bytes=feed.bytes,
        etag=feed.etag,
        last_modified=feed.last_modified,
        rows=numbers.accepted + rejected,
        accepted=numbers.accepted,
        rejected=rejected,
        header_hash=header,
        merchants=numbers.merchants,
        with_stock=numbers.with_stock,
        rejected_by=numbers.rejected,
        damaged=numbers.damaged,
    )


def earlier(history: FeedHistory, label: str, *, before: int | None = None) -> list[FeedFacts]:
    """The accepted feeds that a new one is measured by, newest first; `before` a record of the history."""
    return [_facts(feed) for feed in history.recent_accepted(label, guards.HISTORY, before=before)]


def trips_of(history: FeedHistory, run_id: str, limits: Limits) -> list[Trip]:
    """What is unlike before in the feeds that a run used; without a run of its own, in the newest ones."""
    return [
        trip
        for feed in history.taken_by(run_id) or history.newest_of_each()
        for trip in guards.feed_trips(_facts(feed), earlier(history, feed.label, before=feed.id), limits)
    ]


def remarks(history: FeedHistory, run_id: str, limits: Limits) -> list[str]:
    """What a person should know of the feeds of a run: how they are unlike before, or the same for too long."""
    found = [trip.reason for trip in trips_of(history, run_id, limits)]
    for feed in history.taken_by(run_id):
        since = history.same_since(feed.label, feed.sha256 or "")
        warning = guards.frozen_feed(feed.label, since, feed.recorded_at, limits) if since else None
        found += [warning] if warning else []
    return found


def _facts(feed: Feed) -> FeedFacts:
    return FeedFacts(
        feed.label,
        feed.accepted or 0,
        feed.rejected or 0,
        feed.header_hash,
        feed.merchants or {},
        feed.with_stock,
        feed.rejected_by or {},
        feed.damaged or 0,
    )


def _last(feed: Feed | None) -> LastFeed | None:
    if feed is None or feed.sha256 is None or feed.bytes is None:
        return None
    return LastFeed(feed.sha256, feed.bytes, feed.etag, feed.last_modified)
