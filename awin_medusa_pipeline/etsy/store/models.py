"""The tables of the Etsy part: accounts, jobs with their products, and which product is which listing.

What belongs here: columns, keys, indexes. What does not: queries, and the rules by which a status moves
(accounts.py, jobs.py, links.py). No table of Dagster's has one of these names.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.orm import Mapped, mapped_column

from awin_medusa_pipeline.core.store.base import Base, enum_text
from awin_medusa_pipeline.etsy.domain.config import EtsyAccountConfig
from awin_medusa_pipeline.etsy.domain.memory import ListingMemory


class JobStatus(StrEnum):
    """Where a job stands."""

    PENDING = "pending"
    """Waits for a person."""
    CONFIRMED = "confirmed"
    PROCESSING = "processing"
    COMPLETED = "completed"
    """Every product is as it should be."""
    FAILED = "failed"
    """Rejected, timed out, or done with products that failed; error_log says which."""


class SyncStatus(StrEnum):
    """Where the listing of a product stands."""

    PENDING = "pending"
    """Part of a job that is not over."""
    SYNCED = "synced"
    FAILED = "failed"
    OUT_OF_SYNC = "out_of_sync"
    """The product has changed since; a job will ask for it."""


class ProductOutcome(StrEnum):
    """What became of one product of a job."""

    PENDING = "pending"
    SYNCED = "synced"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    REFUSED = "refused"
    """Etsy would not take it, which was known before the job was confirmed; it is not part of the job."""
    DISMISSED = "dismissed"
    """The job was never confirmed."""


class PydanticJson(sa.TypeDecorator[BaseModel]):
    """A pydantic model, kept as JSON and checked on reading."""

    impl = sa.JSON
    cache_ok = True

    def __init__(self, model: type[BaseModel]) -> None:
        super().__init__(none_as_null=True)
        self.model = model

    def process_bind_param(self, value: BaseModel | None, dialect: sa.Dialect) -> Any:
        """JSON without what is not set; defaults are kept, since those of a later release may differ."""
        return value.model_dump(mode="json", exclude_none=True) if value is not None else None

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> BaseModel | None:
        """The model; raises pydantic's ValidationError for what it cannot be."""
        return self.model.model_validate(value) if value is not None else None


class EtsyAccount(Base):
    """One Etsy shop that was connected. Its tokens are encrypted with AWIN_MEDUSA_SECRET_KEY."""

    __tablename__ = "etsy_account"

    id: Mapped[int] = mapped_column(primary_key=True)
    shop_id: Mapped[int] = mapped_column(unique=True)
    shop_name: Mapped[str]
    currency: Mapped[str]
    """ISO 4217, upper case: Etsy takes prices in the shop's currency alone."""
    access_token: Mapped[str | None]
    refresh_token: Mapped[str | None]
    token_expires_at: Mapped[datetime | None]
    token_generation: Mapped[int]
    """Grows with every pair: of two processes that renew the same pair, only one can store its answer."""
    api_config: Mapped[EtsyAccountConfig] = mapped_column(PydanticJson(EtsyAccountConfig))
    is_active: Mapped[bool]
    connected_at: Mapped[datetime]
    reconnect_reason: Mapped[str | None]
    """Why only a person can get new tokens."""
    renewing_by: Mapped[str | None]
    renewing_until: Mapped[datetime | None]


class EtsyJob(Base):
    """Products that a person asked for, as one decision."""

    __tablename__ = "etsy_sync_job"

    transaction_id: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(sa.ForeignKey(EtsyAccount.id))
    status: Mapped[JobStatus] = mapped_column(enum_text(JobStatus), index=True)
    total_products: Mapped[int]
    synced_count: Mapped[int]
    """With the unchanged ones."""
    failed_count: Mapped[int]
    error_log: Mapped[Any]
    """List of {at, attempt, product_id or null, error}, oldest first."""
    attempt: Mapped[int]
    """From 1 on; each retry is the next. Part of the run key."""
    run_id: Mapped[str | None]
    requested_by: Mapped[str]
    requested_at: Mapped[datetime] = mapped_column(index=True)
    confirmed_by: Mapped[str | None]
    confirmed_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    expires_at: Mapped[datetime]
    """Until when it can be confirmed."""


class EtsyJobProduct(Base):
    """One product of a job, and what became of it."""

    __tablename__ = "etsy_job_product"

    transaction_id: Mapped[str] = mapped_column(
        sa.ForeignKey(EtsyJob.transaction_id, ondelete="CASCADE"), primary_key=True
    )
    product_id: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    title: Mapped[str]
    action: Mapped[str]
    """What the person was shown: create, update, publish, deactivate, ..."""
    outcome: Mapped[ProductOutcome] = mapped_column(enum_text(ProductOutcome))
    error: Mapped[str | None]
    attempt: Mapped[int]
    finished_at: Mapped[datetime | None]


class EtsyLink(Base):
    """Which listing shows a product, in one account."""

    __tablename__ = "product_etsy_link"

    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[str]
    account_id: Mapped[int] = mapped_column(sa.ForeignKey(EtsyAccount.id))
    etsy_listing_id: Mapped[int | None]
    etsy_url: Mapped[str | None]
    sync_status: Mapped[SyncStatus] = mapped_column(enum_text(SyncStatus))
    last_synced_at: Mapped[datetime | None]
    sync_error: Mapped[str | None]
    # SQLAlchemy keeps the name `metadata` for itself.
    memory: Mapped[ListingMemory] = mapped_column("metadata", PydanticJson(ListingMemory))
    transaction_id: Mapped[str | None] = mapped_column(index=True)
    """The job that is not over and has it; no other may take it meanwhile."""
    status_before: Mapped[SyncStatus | None] = mapped_column(enum_text(SyncStatus))
    """What it goes back to when that job is never confirmed; null for a link that the job made."""

    __table_args__ = (
        sa.UniqueConstraint("product_id", "account_id"),
        # Two products may never share a listing, whatever a search at Etsy finds.
        sa.UniqueConstraint("account_id", "etsy_listing_id"),
        sa.Index("ix_product_etsy_link_account_id_sync_status", "account_id", "sync_status"),
    )
