"""Downloads, parses and records every feed, and passes nothing on until all are sound."""

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from awin_medusa_pipeline.sync.clients.awin import DownloadedFeed, Progress, download
from awin_medusa_pipeline.sync.clients.awin_address import label_of
from awin_medusa_pipeline.sync.domain import guards
from awin_medusa_pipeline.sync.domain.feed.errors import Fault, FeedError, no_offers
from awin_medusa_pipeline.sync.domain.feed.facts import FeedFacts
from awin_medusa_pipeline.sync.domain.feed.feed import FeedRules, Seen, open_feed
from awin_medusa_pipeline.sync.domain.guards import Limits, TrippedGuard
from awin_medusa_pipeline.sync.store.feed_history import FeedHistory, FeedState, facts_of


@dataclass(frozen=True)
class FeedSource:
    """The feeds to download, and how to read them."""

    addresses: Sequence[str] = field(repr=False)
    """http(s) addresses or local paths; they hold the AWIN key."""
    rules: FeedRules
    token: str | None = field(default=None, repr=False)
    """For AWIN's enhanced feeds."""


@dataclass(frozen=True)
class TakenFeed:
    """A downloaded and parsed feed."""

    download: DownloadedFeed
    facts: FeedFacts


class FeedParts:
    """Stores parsed feeds in a folder, one file per batch, so that memory stays bounded."""

    def __init__(self, folder: Path, rules: FeedRules) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._rules = folder, rules
        self._seen, self._written = Seen(), itertools.count()

    def add(self, path: Path, label: str) -> FeedFacts:
        """Parse and add a feed. Raises FeedError."""
        file = open_feed(path, label=label, rules=self._rules)
        header = hashlib.sha256("\n".join(file.columns).encode()).hexdigest() if file.columns else None
        facts = FeedFacts(label, header=header)
        for batch in file.batches(self._seen):
            facts = facts.plus(batch.offers, batch.rejects, batch.damaged)
            number = next(self._written)
            # Read once and deleted: not worth strong compression.
            batch.offers.write_parquet(self._folder / f"offers-{number:06}.parquet", compression="lz4")
            batch.rejects.write_parquet(self._folder / f"rejects-{number:06}.parquet", compression="lz4")
        if not facts.accepted:
            raise no_offers(label, facts.rejected_by)
        return facts

    @property
    def offers(self) -> pl.LazyFrame:
        """Rows of Offer."""
        return pl.scan_parquet(self._folder / "offers-*.parquet")

    @property
    def rejects(self) -> pl.LazyFrame:
        """Rows of RejectedRow."""
        return pl.scan_parquet(self._folder / "rejects-*.parquet")


@dataclass(frozen=True)
class Intake:
    """All feeds of a run."""

    tables: FeedParts
    feeds: Sequence[TakenFeed]

    @property
    def numbers(self) -> dict[str, Any]:
        """Metadata to show with the table of offers."""
        return {
            "bytes_downloaded": sum(feed.download.bytes for feed in self.feeds),
            "unchanged": all(feed.download.unchanged for feed in self.feeds),
            "damaged_characters": sum(feed.facts.damaged for feed in self.feeds),
            "feeds": [feed.facts.label for feed in self.feeds],
        }

    @property
    def rejected_by(self) -> Mapping[str, int]:
        """Rejected rows of all feeds, per reason code."""
        reasons = {reason for feed in self.feeds for reason in feed.facts.rejected_by}
        return {reason: sum(feed.facts.rejected_by.get(reason, 0) for feed in self.feeds) for reason in sorted(reasons)}


def take_feeds(
    source: FeedSource,
    history: FeedHistory,
    run_id: str,
    *,
    downloads: Path,
    parts: Path,
    limits: Limits,
    progress: Progress,
    accept_smaller: bool,
) -> Intake:
    """Download and parse every feed, and record each as accepted, held or refused.

    Raises FeedError or PipelineError; then no feed may be used.
    """
    if not source.addresses:
        raise FeedError(
            Fault.NO_ADDRESS, "Reading the feed", "AWIN_FEED_URL is not set", "Set it in .env to your feed's address."
        )
    tables, taken = FeedParts(parts, source.rules), []
    for address in source.addresses:
        label = label_of(address)
        try:
            feed = download(
                address,
                downloads,
                previous=history.last_version(label),
                rules=source.rules,
                token=source.token,
                progress=progress,
                accept_smaller=accept_smaller,
            )
            taken.append(TakenFeed(feed, tables.add(feed.path, label)))
        except FeedError as error:
            history.record(label, run_id, FeedState.REFUSED, reason=str(error))
            raise
    for one in taken:
        _record(history, run_id, one, limits)
    return Intake(tables, taken)


def _record(history: FeedHistory, run_id: str, feed: TakenFeed, limits: Limits) -> None:
    """Record a feed; one that trips guards is used, but is no measure for the next."""
    label = feed.facts.label
    tripped = guards.check_facts(feed.facts, earlier(history, label), limits)
    history.record(
        label,
        run_id,
        FeedState.HELD if tripped else FeedState.ACCEPTED,
        reason="; ".join(guard.reason for guard in tripped) or None,
        version=feed.download.version,
        facts=feed.facts,
    )


def earlier(history: FeedHistory, label: str, *, before: int | None = None) -> list[FeedFacts]:
    """The accepted feeds to compare a new one with, newest first; `before`: id of a record in the history."""
    return [facts_of(feed) for feed in history.recent_accepted(label, guards.HISTORY, before=before)]


def tripped_guards(history: FeedHistory, run_id: str, limits: Limits) -> list[TrippedGuard]:
    """Guards that the feeds of a run tripped; a run without feeds of its own is judged by the newest ones."""
    return [
        tripped
        for feed in history.taken_by(run_id) or history.newest_of_each()
        for tripped in guards.check_facts(facts_of(feed), earlier(history, feed.label, before=feed.id), limits)
    ]


def remarks(history: FeedHistory, run_id: str, limits: Limits) -> list[str]:
    """Sentences about the feeds of a run: tripped guards, and feeds that have not changed for too long."""
    found = [tripped.reason for tripped in tripped_guards(history, run_id, limits)]
    for feed in history.taken_by(run_id):
        since = history.same_since(feed.label, feed.sha256 or "")
        warning = guards.frozen_feed(feed.label, since, feed.recorded_at, limits) if since else None
        found += [warning] if warning else []
    return found
