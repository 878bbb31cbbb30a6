"""Defines the tables of a sync: runs, the operation log, feeds, absences, written values and held plans."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from awin_medusa_pipeline.core.store.base import Base, enum_text
from awin_medusa_pipeline.sync.domain.operations import Operation, Status

OPEN_ROWS = sa.text("status IN ('intent', 'unknown')")
"""Used in both the index and its queries: with bound values SQLite cannot see that the index covers the query."""

FAILED_ROWS = sa.text("status = 'failed'")


class FeedState(StrEnum):
    """State of a downloaded feed."""

    ACCEPTED = "accepted"
    HELD = "held"
    """Used, but tripped a guard, so it is no measure for the next."""
    REFUSED = "refused"


class PlanState(StrEnum):
    """State of a held plan."""

    HELD = "held"
    APPROVED = "approved"
    REJECTED = "rejected"
    APPLIED = "applied"


class Run(Base):
    """One run of a job on a shop."""

    __tablename__ = "sync_runs"

    run_id: Mapped[str] = mapped_column(primary_key=True)
    shop: Mapped[str]
    job: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(index=True)
    finished_at: Mapped[datetime | None]
    dry_run: Mapped[bool]


class LogEntry(Base):
    """One operation in the operation log, with its outcome."""

    __tablename__ = "sync_operations"

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(sa.ForeignKey(Run.run_id, ondelete="CASCADE"))
    kind: Mapped[str]
    key: Mapped[str] = mapped_column(index=True)
    target_id: Mapped[str | None] = mapped_column(index=True)
    before: Mapped[Any | None]
    after: Mapped[Any | None]
    status: Mapped[Status] = mapped_column(enum_text(Status))
    reason: Mapped[str | None]
    title: Mapped[str | None]
    batch: Mapped[int | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        sa.Index("ix_sync_operations_run_id_kind", "run_id", "kind", "id"),
        # Only the few open rows: the query at the start of every run must not read 400 days of log.
        sa.Index(
            "ix_sync_operations_open",
            "kind",
            sqlite_where=OPEN_ROWS,
            postgresql_where=OPEN_ROWS,
        ),
        # Every run asks which operations an earlier one has given up.
        sa.Index(
            "ix_sync_operations_failed",
            "kind",
            "finished_at",
            sqlite_where=FAILED_ROWS,
            postgresql_where=FAILED_ROWS,
        ),
    )

    @property
    def operation(self) -> Operation:
        """The planned operation."""
        return Operation(self.key, self.after or {}, self.before, self.target_id, self.title)


class Feed(Base):
    """One download of one feed, accepted or refused."""

    __tablename__ = "sync_feeds"

    id: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str]
    run_id: Mapped[str]
    state: Mapped[FeedState] = mapped_column(enum_text(FeedState))
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
    """Accepted rows per merchant_id."""
    with_stock: Mapped[Any | None]
    """Accepted rows per merchant_id with a stock value."""
    rejected_by: Mapped[Any | None]
    """Rejected rows per reason code."""
    damaged: Mapped[int | None]
    """Places where bytes were not UTF-8."""
    unread: Mapped[Any | None]
    """By column a few cells that are filled and were not understood, with their rows; "": all the others."""
    unread_stock: Mapped[Any | None]
    """Accepted rows by merchant_id of whose filled stock cells none was understood."""

    __table_args__ = (
        sa.UniqueConstraint("label", "run_id"),
        sa.Index("ix_sync_feeds_label_state", "label", "state", "id"),
    )


class Absence(Base):
    """A product that the last feeds lacked, and how many in a row; removed once it is back."""

    __tablename__ = "sync_absences"

    shop: Mapped[str] = mapped_column(primary_key=True)
    product_id: Mapped[str] = mapped_column(primary_key=True)
    feeds: Mapped[int]
    """Feeds with different content in a row, up to GUARD_HIDE_AFTER_FEEDS."""
    content: Mapped[str]
    """Hash of the last one."""


class WrittenValue(Base):
    """The value that this program wrote last into a field of a product or variant, to detect edits by hand."""

    __tablename__ = "sync_written_values"

    shop: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    """Medusa id; for an imported product its product_key."""
    field: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]
    """The written value; a long one as a hash."""
    source: Mapped[str | None]
    """The feed's value, where another was written: uploaded images."""
    run_id: Mapped[str]


class Decided(Base):
    """What a person decided about one row of a held plan; it holds while what would be written stays the same."""

    __tablename__ = "sync_decisions"

    shop: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    mark: Mapped[str]
    """SHA-256 over what would be written."""
    approved: Mapped[bool]
    plan_hash: Mapped[str]
    decided_by: Mapped[str]
    decided_at: Mapped[datetime]


@dataclass(frozen=True)
class Why:
    """One reason why rows wait."""

    sentence: str
    guard: str | None = None
    """Code of the guard; None: a person is asked."""
    number: float | None = None
    """What the guard counted."""
    limit: float | None = None
    """What it lets pass."""


class HeldPlan(Base):
    """Rows that wait for a person, exactly as they would be applied. The rows never change, only the state."""

    __tablename__ = "sync_held_plans"

    hash: Mapped[str] = mapped_column(primary_key=True)
    """SHA-256 over what it is for and its rows in the order of their keys: the same plan on two nights is one plan."""
    shop: Mapped[str]
    kind: Mapped[str]
    proposed: Mapped[bool]
    """Whether it is what a dry run would have sent; nothing holds it back."""
    run_id: Mapped[str]
    """Run that made it last."""
    row_count: Mapped[int]
    table: Mapped[bytes] = mapped_column(deferred=True)
    """The rows as Parquet, under the contract of their kind; HeldPlans.rows reads them."""
    told: Mapped[Any] = mapped_column("reasons")
    """Why they wait: a sentence, or for a guard an object with the fields of Why."""
    state: Mapped[PlanState] = mapped_column(enum_text(PlanState))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    applied_by_run: Mapped[str | None]

    @property
    def why(self) -> list[Why]:
        """Why the rows wait."""
        return [Why(one) if isinstance(one, str) else Why(**one) for one in self.told]

    @property
    def reasons(self) -> list[str]:
        """Why the rows wait, as sentences."""
        return [one.sentence for one in self.why]
