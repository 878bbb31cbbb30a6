"""Requests, confirms, claims and ends jobs; no other module changes the status of a job.

Every move is one transaction on the condition that the job still has the status it starts from: of two that race, one
finds the status changed.
"""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from awin_medusa_pipeline.core.errors import Action, PermanentError
from awin_medusa_pipeline.core.store.base import SHORTEST_ID
from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.etsy.domain.plan import FieldChange, Proposal
from awin_medusa_pipeline.etsy.store import links
from awin_medusa_pipeline.etsy.store.models import EtsyJob, EtsyJobProduct, JobStatus, ProductOutcome

__all__ = [
    "MOVES",
    "EtsyJob",
    "EtsyJobError",
    "EtsyJobProduct",
    "EtsyJobs",
    "JobStatus",
    "ProductOutcome",
    "RequestedProduct",
]

TIMED_OUT = "confirmation timed out"
PREFIX = "etsy_"

MOVES = {
    JobStatus.PENDING: frozenset({JobStatus.CONFIRMED, JobStatus.FAILED}),
    JobStatus.CONFIRMED: frozenset({JobStatus.PROCESSING, JobStatus.FAILED}),
    JobStatus.PROCESSING: frozenset({JobStatus.COMPLETED, JobStatus.FAILED}),
    JobStatus.FAILED: frozenset({JobStatus.CONFIRMED}),
    JobStatus.COMPLETED: frozenset(),
}
"""Status -> statuses that may follow. A failed job goes on only by a retry, and only if it had been confirmed."""


class EtsyJobError(PermanentError):
    """A job that cannot be made, or cannot be moved to this status."""


@dataclass(frozen=True)
class RequestedProduct:
    """A product that is requested, and what the person is shown that would be done."""

    product_id: str
    title: str
    proposal: Proposal
    refusal: str | None = None
    """Why Etsy would refuse it; the person is told, and it does not become part of the job."""
    changes: Sequence[FieldChange] = ()


class EtsyJobs:
    """Reads and moves jobs. Times are aware UTC."""

    def __init__(self, database: Database, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database, self._now = database, now

    def request(
        self, account_id: int, products: Sequence[RequestedProduct], *, requested_by: str, confirm_within: timedelta
    ) -> EtsyJob:
        """Make a pending job of these products. Products of another open job are refused, since that job will do them.

        Raises EtsyJobError when no product is left.
        """
        now = self._now()
        products = list({product.product_id: product for product in products}.values())
        job = EtsyJob(
            transaction_id=f"{PREFIX}{uuid.uuid4().hex[:12]}",
            account_id=account_id,
            status=JobStatus.PENDING,
            total_products=0,
            synced_count=0,
            failed_count=0,
            error_log=[],
            attempt=1,
            requested_by=requested_by,
            requested_at=now,
            expires_at=now + confirm_within,
        )
        with self._database.writing() as session:
            session.add(job)
            session.flush()
            wanted = [product.product_id for product in products if not product.refusal]
            taken = links.take_products(session, job, wanted)
            if not taken:
                why = next((p.refusal for p in products if p.refusal), "another open job has them")
                came_back = f"no product is left: {why.rstrip('.')}" if products else "no product was named"
                raise EtsyJobError("Requesting an Etsy job", came_back, "List the jobs.", action=Action.LIST_ETSY_JOBS)
            job.total_products = len(taken)
            for position, product in enumerate(products):
                refusal = product.refusal or (None if product.product_id in taken else "Another open job has it.")
                session.add(
                    EtsyJobProduct(
                        transaction_id=job.transaction_id,
                        product_id=product.product_id,
                        position=position,
                        title=product.title,
                        proposal=product.proposal,
                        changes=[asdict(change) for change in product.changes],
                        outcome=ProductOutcome.REFUSED if refusal else ProductOutcome.PENDING,
                        error=refusal,
                        attempt=1,
                    )
                )
        return job

    def get(self, transaction_id: str) -> EtsyJob:
        """Return one job. Raises EtsyJobError when there is none."""
        with self._database.reading() as session:
            return self._get(session, transaction_id)

    def find(self, start: str) -> EtsyJob:
        """Find the job by the start of its id, with or without `etsy_`. Raises EtsyJobError for none or several."""
        begins = f"{PREFIX}{start.removeprefix(PREFIX)}"
        query = sa.select(EtsyJob).where(EtsyJob.transaction_id.startswith(begins, autoescape=True)).limit(2)
        with self._database.reading() as session:
            found = list(session.scalars(query)) if len(begins) >= len(PREFIX) + SHORTEST_ID else []
        if len(found) != 1:
            came_back = "more than one begins so" if found else "there is none"
            if len(begins) < len(PREFIX) + SHORTEST_ID:
                came_back = f"give at least {SHORTEST_ID} letters of it"
            raise EtsyJobError(
                f"Looking for the Etsy job {start}", came_back, "List the jobs.", action=Action.LIST_ETSY_JOBS
            )
        return found[0]

    def all(self, *statuses: JobStatus, limit: int = 100) -> list[EtsyJob]:
        """Return jobs, of these statuses or all, newest first."""
        query = sa.select(EtsyJob).order_by(EtsyJob.requested_at.desc(), EtsyJob.transaction_id).limit(limit)
        with self._database.reading() as session:
            return list(session.scalars(query.where(EtsyJob.status.in_(statuses)) if statuses else query))

    def claimed_by(self, run_id: str) -> EtsyJob:
        """Return the job that a run is processing. Raises EtsyJobError when it has none."""
        query = sa.select(EtsyJob).where(EtsyJob.status == JobStatus.PROCESSING, EtsyJob.run_id == run_id)
        with self._database.reading() as session:
            job = session.scalar(query)
        if job is None:
            tried, came_back = f"Looking for the Etsy job of the run {run_id}", "it is processing none"
            raise EtsyJobError(tried, came_back, "List the jobs.", action=Action.LIST_ETSY_JOBS)
        return job

    def products(self, transaction_id: str, *outcomes: ProductOutcome) -> list[EtsyJobProduct]:
        """Return the products of a job, with these outcomes or all, in the order of the request."""
        query = (
            sa.select(EtsyJobProduct)
            .where(EtsyJobProduct.transaction_id == transaction_id)
            .order_by(EtsyJobProduct.position)
        )
        with self._database.reading() as session:
            return list(session.scalars(query.where(EtsyJobProduct.outcome.in_(outcomes)) if outcomes else query))

    def confirm(self, transaction_id: str, by: str) -> EtsyJob:
        """Confirm a pending job. Raises EtsyJobError when its time is over or it was already decided on."""
        now = self._now()
        with self._database.writing() as session:
            values = {"confirmed_by": by, "confirmed_at": now}
            in_time = EtsyJob.expires_at > now
            moved = self._move(session, transaction_id, JobStatus.PENDING, JobStatus.CONFIRMED, in_time, **values)
            if moved is None:
                raise self._refused("Confirming", self._get(session, transaction_id))
            return moved

    def reject(self, transaction_id: str, by: str) -> EtsyJob:
        """Drop a job that has not started. Raises EtsyJobError when it has."""
        with self._database.writing() as session:
            for source in (JobStatus.PENDING, JobStatus.CONFIRMED):
                if job := self._drop(session, transaction_id, source, f"rejected by {by}"):
                    return job
            raise self._refused("Rejecting", self._get(session, transaction_id))

    def expire_overdue(self) -> list[EtsyJob]:
        """Drop the pending jobs that nobody confirmed in time, and return them. Their links are as they were before."""
        now = self._now()
        overdue = sa.select(EtsyJob.transaction_id).where(
            EtsyJob.status == JobStatus.PENDING, EtsyJob.expires_at <= now
        )
        with self._database.reading() as session:
            found = list(session.scalars(overdue.order_by(EtsyJob.requested_at)))
        dropped = []
        for transaction_id in found:
            with self._database.writing() as session:
                if job := self._drop(session, transaction_id, JobStatus.PENDING, TIMED_OUT, EtsyJob.expires_at <= now):
                    dropped.append(job)
        return dropped

    def claim(self, transaction_id: str, run_id: str) -> EtsyJob:
        """Claim a confirmed job for a run; the same run may claim it again. Raises EtsyJobError for any other run."""
        with self._database.writing() as session:
            values = {"run_id": run_id, "started_at": self._now()}
            moved = self._move(session, transaction_id, JobStatus.CONFIRMED, JobStatus.PROCESSING, **values)
            job = moved or self._get(session, transaction_id)
            if job.status is JobStatus.PROCESSING and job.run_id == run_id:
                return job
            raise self._refused("Starting", job)

    def finish(self, transaction_id: str, run_id: str, *, stopped: str | None = None) -> EtsyJob:
        """End the job of a run: completed when no product failed, else failed.

        `stopped`: why it ended early (the day's budget, a run that died); products that are not finished fail with it.
        Raises EtsyJobError when the job is not this run's.
        """
        now = self._now()
        ours = EtsyJob.run_id == run_id
        with self._database.writing() as session:
            job = session.scalar(
                sa.select(EtsyJob)
                .where(EtsyJob.transaction_id == transaction_id, EtsyJob.status == JobStatus.PROCESSING, ours)
                .with_for_update()
            )
            if job is None:
                raise self._refused("Ending", self._get(session, transaction_id))
            error = stopped or "The run ended before it came to this product."
            if rest := links.fail_remaining_products(session, transaction_id, error):
                links.record_outcomes(session, job, rest, ProductOutcome.FAILED, now, error)
            session.flush()
            to = JobStatus.FAILED if job.failed_count else JobStatus.COMPLETED
            moved = self._move(session, transaction_id, JobStatus.PROCESSING, to, ours, completed_at=now)
            assert moved is not None
            return moved

    def retry(self, transaction_id: str, by: str) -> EtsyJob:
        """Confirm a failed job once more, for the products that failed. Raises EtsyJobError.

        A job that was never confirmed cannot be retried: that would bypass the confirmation.
        """
        now = self._now()
        with self._database.writing() as session:
            job = self._get(session, transaction_id, lock=True)
            if job.status is not JobStatus.FAILED or job.started_at is None:
                raise self._refused("Retrying", job)
            failed = sa.select(EtsyJobProduct.product_id).where(
                EtsyJobProduct.transaction_id == transaction_id, EtsyJobProduct.outcome == ProductOutcome.FAILED
            )
            if not (ids := session.scalars(failed).all()):
                raise self._refused("Retrying", job)
            taken = links.take_products(session, job, ids)
            if not taken:
                tried = f"Retrying the Etsy job {transaction_id}"
                raise EtsyJobError(tried, "another open job has its products", "Wait for that one.")
            session.execute(
                sa.update(EtsyJobProduct)
                .where(EtsyJobProduct.transaction_id == transaction_id, EtsyJobProduct.product_id.in_(taken))
                .values(outcome=ProductOutcome.PENDING, error=None, finished_at=None, attempt=job.attempt + 1)
            )
            values = {
                "attempt": job.attempt + 1,
                "failed_count": job.failed_count - len(taken),
                "confirmed_by": by,
                "confirmed_at": now,
                "run_id": None,
                "completed_at": None,
            }
            moved = self._move(session, transaction_id, JobStatus.FAILED, JobStatus.CONFIRMED, **values)
            assert moved is not None
            return moved

    def prune(self, before: datetime) -> int:
        """Delete jobs that ended before a time, with their products; return how many. Links are never deleted."""
        over = EtsyJob.status.in_((JobStatus.COMPLETED, JobStatus.FAILED))
        removed = sa.delete(EtsyJob).where(over, EtsyJob.completed_at < before).returning(EtsyJob.transaction_id)
        with self._database.writing() as session:
            return len(session.scalars(removed).all())

    def _drop(
        self, session: Session, transaction_id: str, source: JobStatus, reason: str, *conditions: sa.ColumnElement[bool]
    ) -> EtsyJob | None:
        now = self._now()
        job = self._move(session, transaction_id, source, JobStatus.FAILED, *conditions, completed_at=now)
        if job is not None:
            job.error_log = [*job.error_log, links.error_entry(job, now, reason)]
            waiting = EtsyJobProduct.outcome == ProductOutcome.PENDING
            session.execute(
                sa.update(EtsyJobProduct)
                .where(EtsyJobProduct.transaction_id == transaction_id, waiting)
                .values(outcome=ProductOutcome.DISMISSED, finished_at=now)
            )
            links.release_products(session, transaction_id)
        return job

    @staticmethod
    def _move(
        session: Session,
        transaction_id: str,
        source: JobStatus,
        to: JobStatus,
        *conditions: sa.ColumnElement[bool],
        **values: Any,
    ) -> EtsyJob | None:
        """Write a status, which is done nowhere else; None when the job does not have the status `source`."""
        if to not in MOVES[source]:
            raise ValueError(f"a job never goes from {source} to {to}")
        move = (
            sa.update(EtsyJob)
            .where(EtsyJob.transaction_id == transaction_id, EtsyJob.status == source, *conditions)
            .values(status=to, **values)
            .returning(EtsyJob)
            .execution_options(populate_existing=True)
        )
        return session.scalar(move)

    @staticmethod
    def _get(session: Session, transaction_id: str, *, lock: bool = False) -> EtsyJob:
        job = session.get(EtsyJob, transaction_id, with_for_update=lock)
        if job is None:
            raise EtsyJobError(
                f"Looking for the Etsy job {transaction_id}",
                "there is none",
                "List the jobs.",
                action=Action.LIST_ETSY_JOBS,
            )
        return job

    def _refused(self, doing: str, job: EtsyJob) -> EtsyJobError:
        over = job.status is JobStatus.PENDING and job.expires_at <= self._now()
        said = [entry["error"] for entry in job.error_log if entry["product_id"] is None]
        why = TIMED_OUT if over else f"it is {job.status}" + (f" ({said[-1]})" if said else "")
        tried = f"{doing} the Etsy job {job.transaction_id}"
        if over or said:
            return EtsyJobError(tried, why, "Request it again.")
        return EtsyJobError(tried, why, "List the jobs.", action=Action.LIST_ETSY_JOBS)
