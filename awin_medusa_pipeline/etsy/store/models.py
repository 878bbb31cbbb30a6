"""Defines the tables of the Etsy part: accounts, jobs with their products, links to listings, and sales."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.orm import Mapped, mapped_column

from awin_medusa_pipeline.core.store.base import Base, SafeText, enum_text
from awin_medusa_pipeline.etsy.domain.config import EtsyAccountConfig
from awin_medusa_pipeline.etsy.domain.memory import ListingMemory
from awin_medusa_pipeline.etsy.domain.plan import Proposal
from awin_medusa_pipeline.etsy.domain.sales import SaleState


class JobStatus(StrEnum):
    """Status of a job."""

    PENDING = "pending"
    """Waits for a person to confirm it."""
    CONFIRMED = "confirmed"
    PROCESSING = "processing"
    COMPLETED = "completed"
    """Every product is as it should be."""
    FAILED = "failed"
    """Rejected, timed out, or done with products that failed; error_log says which."""


class SyncStatus(StrEnum):
    """Status of a product's listing."""

    PENDING = "pending"
    """Part of an open job."""
    SYNCED = "synced"
    FAILED = "failed"
    OUT_OF_SYNC = "out_of_sync"
    """The product has changed since; the next daily job requests it."""


class ProductOutcome(StrEnum):
    """Outcome of one product of a job."""

    PENDING = "pending"
    SYNCED = "synced"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    REFUSED = "refused"
    """Etsy would refuse it, which was known at the request; it is not part of the job."""
    DISMISSED = "dismissed"
    """The job was rejected or never confirmed."""


class PydanticJson(sa.TypeDecorator[BaseModel]):
    """Stores a pydantic model as JSON and validates it on reading."""

    impl = sa.JSON
    cache_ok = True

    def __init__(self, model: type[BaseModel]) -> None:
        super().__init__(none_as_null=True)
        self.model = model

    def process_bind_param(self, value: BaseModel | None, dialect: sa.Dialect) -> Any:
        """Dump the model without None values; defaults are stored, since those of a later release may differ."""
        return value.model_dump(mode="json", exclude_none=True) if value is not None else None

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> BaseModel | None:
        """Load the model; raises pydantic's ValidationError for JSON that does not fit it."""
        return self.model.model_validate(value) if value is not None else None


class ProposalText(sa.TypeDecorator[Proposal]):
    """Stores a Proposal as its text."""

    impl = SafeText
    cache_ok = True

    def process_bind_param(self, value: Proposal | None, dialect: sa.Dialect) -> str | None:
        """Return the text."""
        return str(value) if value is not None else None

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> Proposal | None:
        """Return the Proposal; raises ValueError for a text that is none."""
        return Proposal(value) if value is not None else None


class EtsyAccount(Base):
    """One connected Etsy shop. Its tokens are encrypted with AWIN_MEDUSA_SECRET_KEY."""

    __tablename__ = "etsy_account"

    id: Mapped[int] = mapped_column(primary_key=True)
    shop_id: Mapped[int] = mapped_column(unique=True)
    shop_name: Mapped[str]
    currency: Mapped[str]
    """ISO 4217, upper case: Etsy accepts prices in the shop's currency only."""
    access_token: Mapped[str | None]
    refresh_token: Mapped[str | None]
    token_expires_at: Mapped[datetime | None]
    token_generation: Mapped[int]
    """Increases with every token pair: of two processes that renew the same pair, only one can store its answer."""
    api_config: Mapped[EtsyAccountConfig] = mapped_column(PydanticJson(EtsyAccountConfig))
    is_active: Mapped[bool]
    connected_at: Mapped[datetime]
    scopes: Mapped[str | None]
    """What the owner's consent covers, separated by spaces; null for a shop that an older release connected."""
    reconnect_reason: Mapped[str | None]
    """Why a person has to connect the shop again; null while the tokens can be renewed."""
    renewing_by: Mapped[str | None]
    renewing_until: Mapped[datetime | None]

    def covers(self, scope: str) -> bool:
        """Whether the owner's consent covers a scope."""
        return scope in (self.scopes or "").split()


class EtsyJob(Base):
    """Products that were requested together, as one decision."""

    __tablename__ = "etsy_sync_job"

    transaction_id: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(sa.ForeignKey(EtsyAccount.id))
    status: Mapped[JobStatus] = mapped_column(enum_text(JobStatus), index=True)
    total_products: Mapped[int]
    synced_count: Mapped[int]
    """Includes the unchanged products."""
    failed_count: Mapped[int]
    error_log: Mapped[Any]
    """List of {at, attempt, product_id or null, error}, oldest first; without a product it concerns the job."""
    attempt: Mapped[int]
    """Starts at 1 and increases with each retry. Part of the run key."""
    run_id: Mapped[str | None]
    requested_by: Mapped[str]
    requested_at: Mapped[datetime] = mapped_column(index=True)
    confirmed_by: Mapped[str | None]
    confirmed_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    expires_at: Mapped[datetime]
    """When it can no longer be confirmed."""


class EtsyJobProduct(Base):
    """One product of a job, with its outcome."""

    __tablename__ = "etsy_job_product"

    transaction_id: Mapped[str] = mapped_column(
        sa.ForeignKey(EtsyJob.transaction_id, ondelete="CASCADE"), primary_key=True
    )
    product_id: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    title: Mapped[str]
    proposal: Mapped[Proposal] = mapped_column("action", ProposalText)
    """What the person was shown and confirmed."""
    changes: Mapped[Any | None]
    """The fields behind it, as shown: a list of {field, before, after}; null for jobs of an older release."""
    outcome: Mapped[ProductOutcome] = mapped_column(enum_text(ProductOutcome))
    error: Mapped[str | None]
    attempt: Mapped[int]
    finished_at: Mapped[datetime | None]


class EtsyLink(Base):
    """The listing of a product in one account."""

    __tablename__ = "product_etsy_link"

    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[str]
    account_id: Mapped[int] = mapped_column(sa.ForeignKey(EtsyAccount.id))
    etsy_listing_id: Mapped[int | None]
    etsy_url: Mapped[str | None]
    sync_status: Mapped[SyncStatus] = mapped_column(enum_text(SyncStatus))
    last_synced_at: Mapped[datetime | None]
    sync_error: Mapped[str | None]
    # SQLAlchemy reserves the name `metadata`.
    memory: Mapped[ListingMemory] = mapped_column("metadata", PydanticJson(ListingMemory))
    transaction_id: Mapped[str | None] = mapped_column(index=True)
    """The open job that has the product; no other job may take it meanwhile."""
    status_before: Mapped[SyncStatus | None] = mapped_column(enum_text(SyncStatus))
    """Status to restore when that job is never confirmed; null for a link that the job made."""

    __table_args__ = (
        sa.UniqueConstraint("product_id", "account_id"),
        # Two products may never share a listing, whatever a search on Etsy finds.
        sa.UniqueConstraint("account_id", "etsy_listing_id"),
        sa.Index("ix_product_etsy_link_account_id_sync_status", "account_id", "sync_status"),
    )


class EtsySale(Base):
    """One transaction of an order on Etsy, and what became of it in Medusa. Recorded before Medusa is changed."""

    __tablename__ = "etsy_sale"

    account_id: Mapped[int] = mapped_column(sa.ForeignKey(EtsyAccount.id), primary_key=True)
    transaction_id: Mapped[int] = mapped_column(primary_key=True)
    receipt_id: Mapped[int]
    listing_id: Mapped[int | None]
    title: Mapped[str]
    variant: Mapped[str]
    """What the buyer chose, for a person: its SKU, else its values; may be empty."""
    pieces: Mapped[int]
    sold_at: Mapped[datetime]
    state: Mapped[SaleState] = mapped_column(enum_text(SaleState))
    product_id: Mapped[str | None]
    variant_id: Mapped[str | None]
    taken: Mapped[int]
    """Pieces of the variant that are off Medusa's level now."""
    levels: Mapped[Any]
    """The levels that were or are being changed: a list of LevelChange (sales/levels.py), as objects."""
    partly_refunded: Mapped[bool]
    reason: Mapped[str | None]
    """Why a person has to look at it; null while nobody has to."""
    told: Mapped[bool]
    """Whether the shop owner was told the reason."""
    changed_at: Mapped[datetime]
    run_id: Mapped[str | None]
    """The run that changed Medusa last."""

    __table_args__ = (
        sa.Index("ix_etsy_sale_account_id_receipt_id", "account_id", "receipt_id"),
        sa.Index("ix_etsy_sale_account_id_product_id", "account_id", "product_id"),
        sa.Index("ix_etsy_sale_account_id_sold_at", "account_id", "sold_at"),
    )


class EtsySalesCursor(Base):
    """How far the orders of an account were read."""

    __tablename__ = "etsy_sales_cursor"

    account_id: Mapped[int] = mapped_column(sa.ForeignKey(EtsyAccount.id), primary_key=True)
    begins_at: Mapped[datetime]
    """The import books no orders from before this time: a person had booked them."""
    seen_until: Mapped[datetime]
    """The newest change of an order that was read, by Etsy's clock."""
    imported_at: Mapped[datetime | None]
    """When the last import that came to its end began."""
    looked_back_at: Mapped[datetime | None]
    """When the orders of the last weeks were read again."""
