"""The tables of the state store, for SQLite and PostgreSQL alike.

What belongs here: columns, keys, indexes. What does not: queries (one repository module a concern, beside this one)
and how a table changes from one release to the next (migrations/). Every table's name begins with `sync_`, since
a shop owner may keep Dagster's own tables (`runs`, `alembic_version`) in the same PostgreSQL database.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class UtcDateTime(sa.TypeDecorator[datetime]):
    """An aware UTC time; SQLite has no time zones, so there the zone is put back on reading."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """To UTC; a time without a zone is a mistake of the caller."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone; the state store keeps aware UTC times only")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Aware, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class SafeText(sa.TypeDecorator[str]):
    """Text that both databases take: PostgreSQL refuses NUL, and UTF-8 lone surrogates; feeds contain both."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """The same text, each impossible character as a replacement character."""
        if value is None:
            return None
        return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


class Status(StrEnum):
    """What became of one operation."""

    INTENT = "intent"
    """Written down before the call; no outcome yet."""
    APPLIED = "applied"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    HELD = "held"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """Sent, and neither the answer nor a look at the shop told whether it was carried out."""


OPEN = (Status.INTENT, Status.UNKNOWN)
OPEN_ROWS = sa.text("status IN ('intent', 'unknown')")
"""Of the index and of its query, word for word: with bound values SQLite cannot know that the index covers them."""


class FeedState(StrEnum):
    """What was decided about a downloaded feed."""

    ACCEPTED = "accepted"
    HELD = "held"
    """Used, but so unlike the ones before that it is no measure for the next."""
    REFUSED = "refused"


class PlanState(StrEnum):
    """What was decided about a held plan."""

    HELD = "held"
    APPROVED = "approved"
    REJECTED = "rejected"
    APPLIED = "applied"


def enum_text(kind: type[StrEnum]) -> sa.Enum:
    """An enum as text without a constraint: a new member then needs no migration."""
    return sa.Enum(kind, native_enum=False, length=16, values_callable=lambda e: [member.value for member in e])


class Base(DeclarativeBase):
    """Shared types of the tables below."""

    type_annotation_map = {  # noqa: RUF012
        datetime: UtcDateTime,
        str: SafeText,
        int: sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        Any: sa.JSON(none_as_null=True),
        Status: enum_text(Status),
        PlanState: enum_text(PlanState),
        FeedState: enum_text(FeedState),
    }
    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Run(Base):
    """One run of a job on a shop."""

    __tablename__ = "sync_runs"

    run_id: Mapped[str] = mapped_column(primary_key=True)
    shop: Mapped[str]
    job: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(index=True)
    finished_at: Mapped[datetime | None]
    dry_run: Mapped[bool]


class Operation(Base):
    """One thing done to the shop, or decided not to be done: before, after, and what became of it."""

    __tablename__ = "sync_operations"

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(sa.ForeignKey(Run.run_id, ondelete="CASCADE"))
    kind: Mapped[str]
    key: Mapped[str] = mapped_column(index=True)
    target_id: Mapped[str | None] = mapped_column(index=True)
    before: Mapped[Any | None]
    after: Mapped[Any | None]
    status: Mapped[Status]
    reason: Mapped[str | None]
    batch: Mapped[int | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        sa.Index("ix_sync_operations_run_id_kind", "run_id", "kind", "id"),
        # Only the few open rows: the look-up at the start of every run must not read 400 days of log.
        sa.Index(
            "ix_sync_operations_open",
            "kind",
            sqlite_where=OPEN_ROWS,
            postgresql_where=OPEN_ROWS,
        ),
    )


class Feed(Base):
    """One download of one feed, accepted or refused."""

    __tablename__ = "sync_feeds"

    id: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str]
    run_id: Mapped[str]
    state: Mapped[FeedState]
    reason: Mapped[str | None]
    recorded_at: Mapped[datetime]
    sha256: Mapped[str | None]
    bytes: Mapped[int | None]
    etag: Mapped[str | None]
    last_modified: Mapped[str | None]
    rows: Mapped[int | None]
    accepted: Mapped[int | None]
    rejected: Mapped[int | None]
    header_hash: Mapped[str | None]
    merchants: Mapped[Any | None]
    """Accepted rows by merchant_id."""
    with_stock: Mapped[Any | None]
    """Of them, those that say anything of stock."""
    rejected_by: Mapped[Any | None]
    """Rejected rows by reason code."""
    damaged: Mapped[int | None]
    """Places where bytes were no UTF-8."""

    __table_args__ = (
        sa.UniqueConstraint("label", "run_id"),
        sa.Index("ix_sync_feeds_label_state", "label", "state", "id"),
    )


class Absence(Base):
    """A product of the shop that the feeds lack, and how many in a row; gone once it is back."""

    __tablename__ = "sync_absences"

    shop: Mapped[str] = mapped_column(primary_key=True)
    product_id: Mapped[str] = mapped_column(primary_key=True)
    feeds: Mapped[int]
    """Feeds of different content in a row, counted up to what hiding asks for."""
    content: Mapped[str]
    """The last of them, by a hash."""


class WrittenValue(Base):
    """What this program wrote last into a field of a product or variant: by it a hand edit is told from our own."""

    __tablename__ = "sync_written_values"

    shop: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    """Medusa id; of an imported product its product_key."""
    field: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]
    """What the shop was given; a long one as a hash."""
    source: Mapped[str | None]
    """What the feed said, where that is not what was written: images that were uploaded."""
    run_id: Mapped[str]


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


class Lease(Base):
    """Who may change a shop. One row a shop, kept when nobody holds it, so that its token only grows."""

    __tablename__ = "sync_leases"

    shop: Mapped[str] = mapped_column(primary_key=True)
    token: Mapped[int]
    """Grows with every holder: a write with an older one comes from a holder that lost it."""
    run_id: Mapped[str | None]
    job: Mapped[str | None]
    host: Mapped[str | None]
    process: Mapped[str | None]
    """Process id and start time, to tell on the same host whether the holder is alive."""
    taken_at: Mapped[datetime | None]
    heartbeat_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]


class HeldPlan(Base):
    """Rows that a guard held back, exactly as they would be applied. Its rows never change, its state does."""

    __tablename__ = "sync_held_plans"

    hash: Mapped[str] = mapped_column(primary_key=True)
    """SHA-256 over shop, kind and rows: the same plan on two nights is one plan."""
    shop: Mapped[str]
    kind: Mapped[str]
    run_id: Mapped[str]
    """Run that held it last."""
    rows: Mapped[Any]
    reasons: Mapped[Any]
    state: Mapped[PlanState]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    applied_by_run: Mapped[str | None]
