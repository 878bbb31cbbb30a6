"""Records every download with its state, to compare later feeds with; one row per feed and run.

A feed is identified by its label, never by its address, which holds the AWIN key.
"""

import hashlib
import statistics
from dataclasses import asdict
from datetime import UTC, datetime

import sqlalchemy as sa

from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.sync.domain.feed.facts import FeedFacts, FeedVersion
from awin_medusa_pipeline.sync.store.models import Feed, FeedState

__all__ = ["Feed", "FeedHistory", "FeedState"]


class FeedHistory:
    """Reads and writes the feed history. Times are aware UTC."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(
        self,
        label: str,
        run_id: str,
        state: FeedState,
        *,
        reason: str | None = None,
        version: FeedVersion | None = None,
        facts: FeedFacts | None = None,
        recorded_at: datetime | None = None,
    ) -> Feed:
        """Record one download; a repeated step of the same run replaces its record."""
        feed = Feed(
            label=label, run_id=run_id, state=state, reason=reason, recorded_at=recorded_at or datetime.now(UTC)
        )
        for name, value in (asdict(version) if version else {}).items():
            setattr(feed, name, value)
        if facts:
            feed.rows, feed.accepted, feed.rejected = facts.rows, facts.accepted, facts.rejected
            feed.header_hash, feed.damaged = facts.header, facts.damaged
            feed.merchants, feed.with_stock = dict(facts.merchants), dict(facts.with_stock or {})
            feed.rejected_by, feed.unread_stock = dict(facts.rejected_by), dict(facts.unread_stock)
            feed.unread = {column: dict(cells) for column, cells in facts.examples().items()}
        with self._database.writing() as session:
            session.execute(sa.delete(Feed).where(Feed.label == label, Feed.run_id == run_id))
            session.add(feed)
        return feed

    def last_version(self, label: str) -> FeedVersion | None:
        """The version of the newest accepted download; None before the first."""
        feed = self.last_accepted(label)
        if feed is None or feed.sha256 is None or feed.bytes is None:
            return None
        return FeedVersion(feed.sha256, feed.bytes, feed.etag, feed.last_modified)

    def usual_bytes(self, label: str, number: int) -> int | None:
        """The size in the middle of the newest accepted downloads: one bloated feed is no measure for the next."""
        sizes = [feed.bytes for feed in self.recent_accepted(label, number) if feed.bytes is not None]
        return statistics.median_low(sizes) if sizes else None

    def last_accepted(self, label: str) -> Feed | None:
        """The newest accepted download; None before the first."""
        return next(iter(self.recent_accepted(label, 1)), None)

    def recent_accepted(self, label: str, number: int, *, before: int | None = None) -> list[Feed]:
        """The newest accepted downloads, newest first; `before`: only those with a smaller id.

        Refused and held downloads are never a measure for the next.
        """
        query = sa.select(Feed).where(Feed.label == label, Feed.state == FeedState.ACCEPTED)
        if before is not None:
            query = query.where(Feed.id < before)
        with self._database.reading() as session:
            return list(session.scalars(query.order_by(Feed.id.desc()).limit(number)))

    def accept(self, run_id: str) -> None:
        """Make the feeds that a run used the only measure for the next ones: a person has confirmed them."""
        for feed in self.taken_by(run_id):
            older = sa.update(Feed).where(Feed.label == feed.label, Feed.id < feed.id)
            with self._database.writing() as session:
                session.execute(older.where(Feed.state == FeedState.ACCEPTED).values(state=FeedState.HELD))
                session.execute(sa.update(Feed).where(Feed.id == feed.id).values(state=FeedState.ACCEPTED))

    def of_run(self, run_id: str) -> list[Feed]:
        """All downloads of a run, including refused ones."""
        query = sa.select(Feed).where(Feed.run_id == run_id).order_by(Feed.id)
        with self._database.reading() as session:
            return list(session.scalars(query))

    def taken_by(self, run_id: str) -> list[Feed]:
        """The feeds that a run used: its downloads without the refused ones."""
        return [feed for feed in self.of_run(run_id) if feed.state is not FeedState.REFUSED]

    def newest_accepted(self) -> datetime | None:
        """When the newest feed that was accepted came; None before the first."""
        newest = sa.select(sa.func.max(Feed.recorded_at)).where(Feed.state == FeedState.ACCEPTED)
        with self._database.reading() as session:
            return session.scalar(newest)

    def accepted_content(self, run_id: str) -> str | None:
        """A hash over the feeds that a run used, else over the newest ones; None unless all are accepted."""
        feeds = self.taken_by(run_id) or self.newest_of_each()
        if not feeds or any(feed.state is not FeedState.ACCEPTED for feed in feeds):
            return None
        return hashlib.sha256("\n".join(sorted(f"{feed.label} {feed.sha256}" for feed in feeds)).encode()).hexdigest()

    def newest_of_each(self) -> list[Feed]:
        """The newest used download of every feed, accepted or held."""
        newest = sa.select(sa.func.max(Feed.id)).where(Feed.state != FeedState.REFUSED).group_by(Feed.label)
        with self._database.reading() as session:
            return list(session.scalars(sa.select(Feed).where(Feed.id.in_(newest))))

    def same_since(self, label: str, sha256: str) -> datetime | None:
        """When the newest unbroken series of downloads with this content began; None when it is new."""
        other = sa.select(sa.func.max(Feed.id)).where(Feed.label == label, Feed.sha256 != sha256).scalar_subquery()
        query = sa.select(sa.func.min(Feed.recorded_at)).where(
            Feed.label == label, Feed.sha256 == sha256, Feed.id > sa.func.coalesce(other, 0)
        )
        with self._database.reading() as session:
            return session.scalar(query)


def facts_of(feed: Feed) -> FeedFacts:
    """The facts of a recorded download."""
    return FeedFacts(
        feed.label,
        feed.accepted or 0,
        feed.header_hash,
        feed.merchants or {},
        feed.with_stock,
        feed.rejected_by or {},
        feed.damaged or 0,
        feed.unread or {},
        feed.unread_stock or {},
    )
