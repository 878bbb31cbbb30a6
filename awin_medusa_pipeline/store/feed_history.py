"""What was downloaded, when, and whether it was trusted: the memory behind "unchanged" and "far smaller than usual".

What belongs here: one row a feed and run. What does not: judging a feed (domain) and its rows (tables, reports).
A feed goes by its label, never by its address, which holds the AWIN key.
"""

from datetime import UTC, datetime

import sqlalchemy as sa

from awin_medusa_pipeline.store.database import Database
from awin_medusa_pipeline.store.models import Feed, FeedState

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
        )
        with self._database.writing() as session:
            session.execute(sa.delete(Feed).where(Feed.label == label, Feed.run_id == run_id))
            session.add(feed)
        return feed

    def last_accepted(self, label: str) -> Feed | None:
        """The newest accepted download; None before the first."""
        return next(iter(self.recent_accepted(label, 1)), None)

    def recent_accepted(self, label: str, number: int) -> list[Feed]:
        """The newest accepted downloads, newest first; what was refused never becomes a measure for the next."""
        query = sa.select(Feed).where(Feed.label == label, Feed.state == FeedState.ACCEPTED)
        with self._database.reading() as session:
            return list(session.scalars(query.order_by(Feed.id.desc()).limit(number)))
