"""Keeps the runs that people asked for; a sensor of Dagster starts them, so asking works while Dagster is down."""

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from awin_medusa_pipeline.core.store.audit import Who
from awin_medusa_pipeline.core.store.base import Base
from awin_medusa_pipeline.core.store.database import Database

__all__ = ["RunRequest", "RunRequests"]


class RunRequest(Base):
    """One run that a person asked for."""

    __tablename__ = "sync_run_requests"

    id: Mapped[int] = mapped_column(primary_key=True)
    job: Mapped[str]
    applying: Mapped[Any | None]
    """Config of the applying assets; null leaves the job's own."""
    kinds: Mapped[Any]
    """Kinds to apply; an empty list stands for all."""
    ops: Mapped[Any]
    """Config of other ops, by name."""
    tags: Mapped[Any]
    requested_by: Mapped[str]
    via: Mapped[str]
    requested_at: Mapped[datetime]
    run_id: Mapped[str | None]
    """The run that carries it out; null until it has started."""
    started_at: Mapped[datetime | None]


class RunRequests:
    """Reads and writes the requests. Times are aware UTC."""

    def __init__(self, database: Database, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database, self._now = database, now

    def put(
        self,
        who: Who,
        job: str,
        *,
        applying: Mapping[str, Any] | None = None,
        kinds: Collection[str] = (),
        ops: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> RunRequest:
        """Ask for a run; the arguments are those of defs/launch.py run_job."""
        request = RunRequest(
            job=job,
            applying=dict(applying) if applying is not None else None,
            kinds=[str(kind) for kind in kinds],
            ops=dict(ops or {}),
            tags=dict(tags or {}),
            requested_by=who.name,
            via=who.via,
            requested_at=self._now(),
        )
        with self._database.writing() as session:
            session.add(request)
        return request

    def waiting(self) -> list[RunRequest]:
        """Requests whose run has not started yet, oldest first."""
        query = sa.select(RunRequest).where(RunRequest.run_id.is_(None)).order_by(RunRequest.id)
        with self._database.reading() as session:
            return list(session.scalars(query))

    def mark_started(self, request_id: int, run_id: str) -> None:
        """Record the run that carries a request out."""
        start = sa.update(RunRequest).where(RunRequest.id == request_id, RunRequest.run_id.is_(None))
        with self._database.writing() as session:
            session.execute(start.values(run_id=run_id, started_at=self._now()))

    def prune(self, before: datetime) -> int:
        """Remove requests from before a time; returns how many."""
        old = sa.delete(RunRequest).where(RunRequest.requested_at < before).returning(RunRequest.id)
        with self._database.writing() as session:
            return len(session.scalars(old).all())
