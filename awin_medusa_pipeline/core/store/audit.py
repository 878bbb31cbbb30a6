"""Keeps who decided what, when, and from where."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from awin_medusa_pipeline.core.store.base import Base
from awin_medusa_pipeline.core.store.database import Database

__all__ = ["Audit", "AuditEntry", "Who"]


@dataclass(frozen=True)
class Who:
    """The person who decides, and the face that they use."""

    name: str
    via: str
    """`console`, `api`, `dagster` or `command line`."""
    address: str | None = None
    """Address of the browser or program, where there is one."""


class AuditEntry(Base):
    """One decision of a person."""

    __tablename__ = "sync_audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    who: Mapped[str]
    via: Mapped[str]
    address: Mapped[str | None]
    action: Mapped[str]
    """An Action, or what was done to users and tokens of the console."""
    target: Mapped[str] = mapped_column(index=True)
    comment: Mapped[str | None]


class Audit:
    """Reads and writes the decisions. Times are aware UTC."""

    def __init__(self, database: Database, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database, self._now = database, now

    def record(self, who: Who, action: str, target: str, comment: str | None = None) -> None:
        """Keep one decision."""
        entry = AuditEntry(
            at=self._now(),
            who=who.name,
            via=who.via,
            address=who.address,
            action=str(action),
            target=target,
            comment=(comment or "").strip() or None,
        )
        with self._database.writing() as session:
            session.add(entry)

    def newest(self, number: int, *targets: str) -> list[AuditEntry]:
        """The newest decisions, on these targets or all, newest first."""
        query = sa.select(AuditEntry).order_by(AuditEntry.id.desc()).limit(number)
        with self._database.reading() as session:
            return list(session.scalars(query.where(AuditEntry.target.in_(targets)) if targets else query))

    def prune(self, before: datetime) -> int:
        """Remove decisions from before a time; returns how many."""
        with self._database.writing() as session:
            return len(
                session.scalars(sa.delete(AuditEntry).where(AuditEntry.at < before).returning(AuditEntry.id)).all()
            )
