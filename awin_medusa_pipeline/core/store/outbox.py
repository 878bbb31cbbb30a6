"""Keeps messages to people until they are sent: Dagster calls a failure sensor once and never again."""

import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from awin_medusa_pipeline.core.store.base import Base
from awin_medusa_pipeline.core.store.database import Database, insert_new

__all__ = ["Outbox", "OutboxMessage"]

CLAIMED_FOR = timedelta(minutes=5)
"""Longer than the slowest delivery (about a minute), short enough to resend soon after a process was killed."""


class OutboxMessage(Base):
    """One message to a person, kept until it is sent."""

    __tablename__ = "sync_outbox"

    id: Mapped[int] = mapped_column(primary_key=True)
    dedupe_key: Mapped[str] = mapped_column(unique=True)
    payload: Mapped[Any]
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None]
    claimed_by: Mapped[str | None]
    claimed_until: Mapped[datetime | None]


class Outbox:
    """Sends each dedupe key once. Only a process killed between Slack's answer and `mark_sent` repeats a message, after
    the claim has expired: a second alert is better than none."""

    def __init__(self, database: Database, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database, self._now = database, now
        self._name = uuid.uuid4().hex

    def put(self, dedupe_key: str, payload: Mapping[str, Any]) -> bool:
        """Queue a message; False when this dedupe key was queued before, sent or not."""
        values = {"dedupe_key": dedupe_key, "payload": dict(payload), "created_at": self._now(), "attempts": 0}
        with self._database.writing() as session:
            return insert_new(session, OutboxMessage, values)

    def pending(self) -> list[OutboxMessage]:
        """Unsent messages, oldest first, claimed or not."""
        query = sa.select(OutboxMessage).where(OutboxMessage.sent_at.is_(None)).order_by(OutboxMessage.id)
        with self._database.reading() as session:
            return list(session.scalars(query))

    def last_id(self) -> int:
        """Id of the newest message, sent or not; 0 before the first."""
        with self._database.reading() as session:
            return session.scalar(sa.select(sa.func.max(OutboxMessage.id))) or 0

    def after(self, message_id: int) -> list[OutboxMessage]:
        """Messages that came after one, sent or not, oldest first."""
        query = sa.select(OutboxMessage).where(OutboxMessage.id > message_id).order_by(OutboxMessage.id)
        with self._database.reading() as session:
            return list(session.scalars(query))

    def newest(self, number: int) -> list[OutboxMessage]:
        """The newest messages, sent or not, newest first."""
        query = sa.select(OutboxMessage).order_by(OutboxMessage.id.desc()).limit(number)
        with self._database.reading() as session:
            return list(session.scalars(query))

    def claim(self, *, after: int = 0) -> OutboxMessage | None:
        """Claim the oldest unsent message above id `after` that nobody else is sending; None when there is none."""
        now = self._now()
        query = (
            sa.select(OutboxMessage)
            .where(
                OutboxMessage.sent_at.is_(None),
                OutboxMessage.id > after,
                sa.or_(OutboxMessage.claimed_until.is_(None), OutboxMessage.claimed_until < now),
            )
            .order_by(OutboxMessage.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        with self._database.writing() as session:
            message = session.scalar(query)
            if message is not None:
                message.attempts += 1
                message.claimed_by, message.claimed_until = self._name, now + CLAIMED_FOR
            return message

    def mark_sent(self, message: OutboxMessage) -> None:
        """Record that Slack took the message: it is never sent again."""
        self._settle(message, sent_at=self._now(), last_error=None)

    def mark_failed(self, message: OutboxMessage, error: str) -> None:
        """Record that the message was not sent, and release it for the next try. `error` must be free of secrets."""
        self._settle(message, last_error=error)

    def prune(self, before: datetime) -> int:
        """Remove messages sent before a time; returns how many. Unsent ones stay for ever."""
        removed = sa.delete(OutboxMessage).where(OutboxMessage.sent_at < before).returning(OutboxMessage.id)
        with self._database.writing() as session:
            return len(session.scalars(removed).all())

    def _settle(self, message: OutboxMessage, **values: Any) -> None:
        # A slow sender whose claim has passed to another may still record "sent", but not "failed".
        ours = OutboxMessage.claimed_by == self._name
        query = sa.update(OutboxMessage).where(
            OutboxMessage.id == message.id, sa.true() if "sent_at" in values else ours
        )
        with self._database.writing() as session:
            session.execute(query.values(claimed_by=None, claimed_until=None, **values))
