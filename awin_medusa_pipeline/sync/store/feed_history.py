"""What was downloaded, when, and whether it was trusted: the memory behind "unchanged" and "far smaller than usual".

What belongs here: one row a feed and run. What does not: judging a feed (domain) and its rows (tables, reports).
A feed goes by its label, never by its address, which holds the AWIN key.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime

import sqlalchemy as sa

from awin_medusa_pipeline.core.store.database import Database
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
        sha256: str | None = None,
        bytes: int | None = None,
        etag: str | None = None,
        last_modified: str | None = None,
        rows: int | None = None,
        accepted: int | None = None,
        rejected: int | None = None,
        header_hash: str | None = None,
        merchants: Mapping[str, int] | None = None,
        with_stock: Mapping[str, int] | None = None,
        rejected_by: Mapping[str, int] | None = None,
        damaged: int | None = None,
        recorded_at: datetime | None = None,
    ) -> Feed:
        """Write down one download; a second row for the same run takes the place of the first (a repeated step)."""
        feed = Feed(
            label=label,
            run_id=run_id,
            state=state,
            reason=reason,
            recorded_at=recorded_at or datetime.now(UTC),
            sha256=sha256,
            bytes=bytes,
            etag=etag,
            last_modified=last_modified,
            rows=rows,
            accepted=accepted,
            rejected=rejected,
            header_hash=header_hash,
            merchants=dict(merchants) if merchants is not None else None,
            with_stock=dict(with_stock) if with_stock is not None else None,
            rejected_by=dict(rejected_by) if rejected_by is not None else None,
            damaged=damaged,
        )
        with self._database.writing() as session:
            session.execute(sa.delete(Feed).where(Feed.label == label, Feed.run_id == run_id))
            session.add(feed)
        return feed

    def last_accepted(self, label: str) -> Feed | None:
        """The newest accepted download; None before the first."""
        return next(iter(self.recent_accepted(label, 1)), None)

    def recent_accepted(self, label: str, number: int, *, before: int | None = None) -> list[Feed]:
        """The newest accepted downloads, newest first, or the newest before an id.

        What was refused or held never becomes a measure for the next.
        """
        query = sa.select(Feed).where(Feed.label == label, Feed.state == FeedState.ACCEPTED)
        if before is not None:
            query = query.where(Feed.id < before)
        with self._database.reading() as session:
            return list(session.scalars(query.order_by(Feed.id.desc()).limit(number)))

    def accept(self, run_id: str) -> None:
        """Make the feeds that a run used the new measure, alone: a person has said that they are right."""
        for feed in self.taken_by(run_id):
            older = sa.update(Feed).where(Feed.label == feed.label, Feed.id < feed.id)
            with self._database.writing() as session:
                session.execute(older.where(Feed.state == FeedState.ACCEPTED).values(state=FeedState.HELD))
                session.execute(sa.update(Feed).where(Feed.id == feed.id).values(state=FeedState.ACCEPTED))

    def of_run(self, run_id: str) -> list[Feed]:
        """All downloads of a run, those that it refused too."""
        query = sa.select(Feed).where(Feed.run_id == run_id).order_by(Feed.id)
        with self._database.reading() as session:
            return list(session.scalars(query))

    def taken_by(self, run_id: str) -> list[Feed]:
        """The feeds that a run used, as it recorded them."""
        query = sa.select(Feed).where(Feed.run_id == run_id, Feed.state != FeedState.REFUSED).order_by(Feed.id)
        with self._database.reading() as session:
            return list(session.scalars(query))

    def accepted_content(self, run_id: str) -> str | None:
        """A hash over the feeds that a run used, without any the newest ones; None unless all are accepted."""
        feeds = self.taken_by(run_id) or self.newest_of_each()
        if not feeds or any(feed.state is not FeedState.ACCEPTED for feed in feeds):
            return None
        return hashlib.sha256("\n".join(sorted(f"{feed.label} {feed.sha256}" for feed in feeds)).encode()).hexdigest()

    def newest_of_each(self) -> list[Feed]:
        """Of every feed the newest download that was used, whether it is a measure for others or not."""
        newest = sa.select(sa.func.max(Feed.id)).where(Feed.state != FeedState.REFUSED).group_by(Feed.label)
        with self._database.reading() as session:
            return list(session.scalars(sa.select(Feed).where(Feed.id.in_(newest))))

    def same_since(self, label: str, sha256: str) -> datetime | None:
        """When the newest unbroken row of downloads with this content began; None when it is new."""
        other = sa.select(sa.func.max(Feed.id)).where(Feed.label == label, Feed.sha256 != sha256).scalar_subquery()
        query = sa.select(sa.func.min(Feed.recorded_at)).where(
            Feed.label == label, Feed.sha256 == sha256, Feed.id > sa.func.coalesce(other, 0)
        )
        with self._database.reading() as session:
            return session.scalar(query)
