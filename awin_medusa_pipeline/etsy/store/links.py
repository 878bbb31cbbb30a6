"""Records which product is which listing on Etsy, and what Etsy was given, as soon as it is done.

A run writes under the attempt of the job that it has claimed: a run that was taken for dead but continues can write
nothing more (EtsyJobLostError).
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from awin_medusa_pipeline.core.errors import Action, PermanentError
from awin_medusa_pipeline.core.store.database import Database, insert_new
from awin_medusa_pipeline.etsy.domain.memory import DraftIntent, ListingMemory
from awin_medusa_pipeline.etsy.store.models import (
    EtsyJob,
    EtsyJobProduct,
    EtsyLink,
    JobStatus,
    ProductOutcome,
    SyncStatus,
)

__all__ = ["EtsyJobLostError", "EtsyLink", "EtsyLinks", "SyncStatus"]


class EtsyJobLostError(PermanentError):
    """The job was taken from this run, which was taken for dead."""


class EtsyLinks:
    """Reads and writes links. Times are aware UTC. `job` is what EtsyJobs.claim returned."""

    def __init__(self, database: Database, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database, self._now = database, now

    def of_account(self, account_id: int, *statuses: SyncStatus) -> list[EtsyLink]:
        """Return the links of an account, of these statuses or all, in the order they were made."""
        query = sa.select(EtsyLink).where(EtsyLink.account_id == account_id).order_by(EtsyLink.id)
        with self._database.reading() as session:
            return list(session.scalars(query.where(EtsyLink.sync_status.in_(statuses)) if statuses else query))

    def of_products(self, account_id: int, product_ids: Collection[str]) -> dict[str, EtsyLink]:
        """Return links by product id, for the products that have one."""
        query = sa.select(EtsyLink).where(EtsyLink.account_id == account_id, EtsyLink.product_id.in_(product_ids))
        with self._database.reading() as session:
            return {link.product_id: link for link in session.scalars(query)}

    def of_listings(self, account_id: int, listing_ids: Collection[int]) -> dict[int, str]:
        """Return product ids by listing id, for the listings that have one."""
        query = sa.select(EtsyLink).where(EtsyLink.account_id == account_id, EtsyLink.etsy_listing_id.in_(listing_ids))
        with self._database.reading() as session:
            return {link.etsy_listing_id: link.product_id for link in session.scalars(query) if link.etsy_listing_id}

    def of_any(self, product_ids: Collection[str]) -> set[str]:
        """Find the products that have a link, of whatever account."""
        with self._database.reading() as session:
            return set(session.scalars(sa.select(EtsyLink.product_id).where(EtsyLink.product_id.in_(product_ids))))

    def mark_out_of_sync(self, account_id: int, product_ids: Collection[str]) -> list[str]:
        """Mark synced products as changed, and return those marked. Products of an open job stay as they are."""
        mark = (
            sa.update(EtsyLink)
            .where(EtsyLink.account_id == account_id, EtsyLink.product_id.in_(product_ids))
            .where(EtsyLink.sync_status == SyncStatus.SYNCED)
            .values(sync_status=SyncStatus.OUT_OF_SYNC)
            .returning(EtsyLink.product_id)
        )
        with self._database.writing() as session:
            return sorted(session.scalars(mark))

    def record_shown(self, account_id: int, product_id: str, memory: ListingMemory) -> bool:
        """Store what Etsy shows of a listing; False, with nothing stored, when an open job has the product."""
        return self._update_free(account_id, product_id, memory=memory)

    def mark_deleted(self, account_id: int, product_id: str, why: str) -> bool:
        """Record that the listing is gone on Etsy (404, nothing else); False when an open job has the product."""
        values = {"sync_status": SyncStatus.FAILED, "sync_error": why, "etsy_listing_id": None, "etsy_url": None}
        return self._update_free(account_id, product_id, memory=ListingMemory(), **values)

    def record_intent(
        self, job: EtsyJob, product_id: str, *, title: str, content_hash: str, since: datetime | None = None
    ) -> DraftIntent:
        """Record, always before the call, that a draft is about to be made.

        `since`: the time of an earlier intent whose outcome is unknown.
        """
        now = self._now()
        intent = DraftIntent(title=title, content_hash=content_hash, at=since or now, sent_at=now)
        self.update_memory(job, product_id, intent=intent)
        return intent

    def save_listing(self, job: EtsyJob, product_id: str, listing_id: int, url: str | None, **memory: Any) -> None:
        """Store the id of a draft that was made or adopted, before anything else is done to it.

        Raises EtsyJobLostError, and SQLAlchemy's IntegrityError for a listing of another product.
        """
        self._change(job, product_id, {"etsy_listing_id": listing_id, "etsy_url": url}, {"intent": None} | memory)

    def forget_listing(self, job: EtsyJob, product_id: str) -> None:
        """Forget a listing that is gone on Etsy (404, nothing else), with everything that was known of it."""
        fresh = ListingMemory()
        forgotten = {name: getattr(fresh, name) for name in ListingMemory.model_fields}
        self._change(job, product_id, {"etsy_listing_id": None, "etsy_url": None}, forgotten)

    def update_memory(self, job: EtsyJob, product_id: str, **memory: Any) -> None:
        """Store fields of ListingMemory as soon as Etsy has accepted them."""
        self._change(job, product_id, {}, memory)

    def mark_synced(
        self,
        job: EtsyJob,
        product_id: str,
        *,
        changed: bool = True,
        url: str | None = None,
        note: str | None = None,
        **memory: Any,
    ) -> None:
        """Record that the product is on Etsy as it should be. Raises EtsyJobLostError.

        `url`: as Etsy shows it. `note`: what a person should know nevertheless.
        """
        values: dict[str, Any] = {"sync_status": SyncStatus.SYNCED, "last_synced_at": self._now(), "sync_error": None}
        outcome = ProductOutcome.SYNCED if changed else ProductOutcome.UNCHANGED
        self._change(job, product_id, values | ({"etsy_url": url} if url else {}), memory, outcome, note)

    def mark_failed(self, job: EtsyJob, product_id: str, error: str, **memory: Any) -> None:
        """Record that the product failed; `error` says why and what to do. Raises EtsyJobLostError."""
        values = {"sync_status": SyncStatus.FAILED, "sync_error": error}
        self._change(job, product_id, values, memory, ProductOutcome.FAILED, error)

    def check_claim(self, job: EtsyJob) -> None:
        """Check that the job is still its run's. Raises EtsyJobLostError."""
        with self._database.reading() as session:
            _claimed_job(session, job, lock=False)

    def _update_free(self, account_id: int, product_id: str, **values: Any) -> bool:
        """Update a link that no open job has; whether there was one."""
        update = (
            sa.update(EtsyLink)
            .where(EtsyLink.account_id == account_id, EtsyLink.product_id == product_id)
            .where(EtsyLink.transaction_id.is_(None))
            .values(values)
            .returning(EtsyLink.id)
        )
        with self._database.writing() as session:
            return session.scalar(update) is not None

    def _change(
        self,
        job: EtsyJob,
        product_id: str,
        values: dict[str, Any],
        memory: dict[str, Any],
        outcome: ProductOutcome | None = None,
        error: str | None = None,
    ) -> None:
        with self._database.writing() as session:
            current = _claimed_job(session, job)
            link = session.scalars(
                sa.select(EtsyLink)
                .where(EtsyLink.transaction_id == job.transaction_id, EtsyLink.product_id == product_id)
                .with_for_update()
            ).one()
            for name, value in values.items():
                setattr(link, name, value)
            link.memory = ListingMemory.model_validate(dict(link.memory) | memory)
            if outcome is not None:
                link.transaction_id = link.status_before = None
                record_outcomes(session, current, [product_id], outcome, self._now(), error)


def take_products(session: Session, job: EtsyJob, product_ids: Iterable[str]) -> set[str]:
    """Make the products pending for a job, and return those taken. Products of another open job are left to it."""
    taken: set[str] = set()
    for product_id in sorted(
        product_ids
    ):  # always in this order, so that two requests wait for each other instead of deadlocking
        new = {
            "product_id": product_id,
            "account_id": job.account_id,
            "sync_status": SyncStatus.PENDING,
            "memory": ListingMemory(),
            "transaction_id": job.transaction_id,
        }
        if not insert_new(session, EtsyLink, new):
            take = (
                sa.update(EtsyLink)
                .where(EtsyLink.account_id == job.account_id, EtsyLink.product_id == product_id)
                .where(EtsyLink.transaction_id.is_(None))
                .values(
                    transaction_id=job.transaction_id,
                    status_before=EtsyLink.sync_status,
                    sync_status=SyncStatus.PENDING,
                )
                .returning(EtsyLink.id)
            )
            if session.scalar(take) is None:
                continue
        taken.add(product_id)
    return taken


def release_products(session: Session, transaction_id: str) -> None:
    """Release the products of a job that never started: old links get their status back, new ones are deleted."""
    ours = EtsyLink.transaction_id == transaction_id
    session.execute(sa.delete(EtsyLink).where(ours, EtsyLink.status_before.is_(None)))
    session.execute(
        sa.update(EtsyLink)
        .where(ours)
        .values(sync_status=EtsyLink.status_before, status_before=None, transaction_id=None)
    )


def fail_remaining_products(session: Session, transaction_id: str, error: str) -> list[str]:
    """Fail the products that a run has not finished, and return them."""
    rest = (
        sa.update(EtsyLink)
        .where(EtsyLink.transaction_id == transaction_id)
        .values(sync_status=SyncStatus.FAILED, sync_error=error, status_before=None, transaction_id=None)
        .returning(EtsyLink.product_id)
    )
    return sorted(session.scalars(rest))


def record_outcomes(
    session: Session,
    job: EtsyJob,
    product_ids: Sequence[str],
    outcome: ProductOutcome,
    at: datetime,
    error: str | None = None,
) -> None:
    """Record the outcome of products of a job, in the job's counts and error log too."""
    session.execute(
        sa.update(EtsyJobProduct)
        .where(EtsyJobProduct.transaction_id == job.transaction_id, EtsyJobProduct.product_id.in_(product_ids))
        .values(outcome=outcome, error=error, attempt=job.attempt, finished_at=at)
    )
    if outcome in (ProductOutcome.SYNCED, ProductOutcome.UNCHANGED):
        job.synced_count += len(product_ids)
    elif outcome is ProductOutcome.FAILED:
        job.failed_count += len(product_ids)
        job.error_log = [*job.error_log, *(error_entry(job, at, error, product_id) for product_id in product_ids)]


def error_entry(job: EtsyJob, at: datetime, error: str | None, product_id: str | None = None) -> dict[str, Any]:
    """Make one entry of the error log; without a product it concerns the job."""
    return {"at": at.isoformat(), "attempt": job.attempt, "product_id": product_id, "error": error}


def _claimed_job(session: Session, job: EtsyJob, *, lock: bool = True) -> EtsyJob:
    claimed = (
        sa.select(EtsyJob)
        .where(EtsyJob.transaction_id == job.transaction_id, EtsyJob.status == JobStatus.PROCESSING)
        .where(EtsyJob.run_id == job.run_id, EtsyJob.attempt == job.attempt)
    )
    current = session.scalar(claimed.with_for_update() if lock else claimed)
    if current is None:
        raise EtsyJobLostError(
            f"Syncing products of the Etsy job {job.transaction_id}",
            "it was taken from this run, which was taken for dead",
            "Nothing more is sent. List the jobs.",
            action=Action.LIST_ETSY_JOBS,
        )
    return current
