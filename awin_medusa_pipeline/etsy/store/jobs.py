"""Jobs: products that a person asked to see on Etsy. The one module that moves the status of a job.

What belongs here: requesting, confirming, claiming and ending jobs. What does not: the products' links, which follow
(links.py), what a job does (etsy/engine/), and who is told (core/messages.py).

Every move is one transaction that asks for the status it starts from: of two that race, one finds it gone.
"""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from awin_medusa_pipeline.core.errors import Action, PermanentError
from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.etsy.store import links
from awin_medusa_pipeline.etsy.store.models import EtsyJob, EtsyJobProduct, JobStatus, ProductOutcome

__all__ = ["MOVES", "Asked", "EtsyJob", "EtsyJobError", "EtsyJobProduct", "EtsyJobs", "JobStatus", "ProductOutcome"]

TIMED_OUT = "confirmation timed out"
PREFIX = "etsy_"

MOVES = {
    JobStatus.PENDING: frozenset({JobStatus.CONFIRMED, JobStatus.FAILED}),
    JobStatus.CONFIRMED: frozenset({JobStatus.PROCESSING, JobStatus.FAILED}),
    JobStatus.PROCESSING: frozenset({JobStatus.COMPLETED, JobStatus.FAILED}),
    JobStatus.FAILED: frozenset({JobStatus.CONFIRMED}),
    JobStatus.COMPLETED: frozenset(),
}
"""Status -> what it may become. From failed only by a retry of what had been confirmed."""


class EtsyJobError(PermanentError):
    """A job that cannot be made, or not be moved so."""


@dataclass(frozen=True)
class Asked:
    """A product that a job is asked for, and what the person is shown that would be done."""

    product_id: str
    title: str
    action: str
    refused: str | None = None
    """Why Etsy would not take it; it is told, and is no part of the job."""


class EtsyJobs:
    """Reads and moves jobs. Times are aware UTC."""

    def __init__(self, database: Database, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database, self._now = database, now

    def request(
        self, account_id: int, products: Sequence[Asked], *, requested_by: str, confirm_within: timedelta
    ) -> EtsyJob:
        """A pending job of these products. Those of another open job are refused, since that one will do them.

        Raises EtsyJobError when no product is left.
        """
        now = self._now()
        products = list({asked.product_id: asked for asked in products}.values())
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
            held = links.hold(session, job, (asked.product_id for asked in products if not asked.refused))
            if not held:
                why = next((asked.refused for asked in products if asked.refused), "another open job has them")
                came_back = f"no product is left: {why.rstrip('.')}" if products else "no product was named"
                raise EtsyJobError("Requesting an Etsy job", came_back, "List the jobs.", action=Action.LIST_ETSY_JOBS)
            job.total_products = len(held)
            for position, asked in enumerate(products):
                refused = asked.refused or (None if asked.product_id in held else "Another open job has it.")
                session.add(
                    EtsyJobProduct(
                        transaction_id=job.transaction_id,
                        product_id=asked.product_id,
                        position=position,
                        title=asked.title,
                        action=asked.action,
                        outcome=ProductOutcome.REFUSED if refused else ProductOutcome.PENDING,
                        error=refused,
                        attempt=1,
                    )
                )
        return job

    def get(self, transaction_id: str) -> EtsyJob:
        """One job. Raises EtsyJobError when there is none."""
        with self._database.reading() as session:
            return self._get(session, transaction_id)

    def find(self, start: str) -> EtsyJob:
        """The job whose id begins so, with or without `etsy_`. Raises EtsyJobError when there is none, or several."""
        begins = f"{PREFIX}{start.removeprefix(PREFIX)}"
        query = sa.select(EtsyJob).where(EtsyJob.transaction_id.startswith(begins, autoescape=True)).limit(2)
        with self._database.reading() as session:
            found = list(session.scalars(query)) if len(begins) >= len(PREFIX) + 4 else []
        if len(found) != 1:
            came_back = "more than one begins so" if found else "there is none"
            raise EtsyJobError(
                f"Looking for the Etsy job {start}", came_back, "List the jobs.", action=Action.LIST_ETSY_JOBS
            )
        return found[0]

    def all(self, *statuses: JobStatus, limit: int = 100) -> list[EtsyJob]:
        """Jobs, of these statuses or all, newest first."""
        query = sa.select(EtsyJob).order_by(EtsyJob.requested_at.desc(), EtsyJob.transaction_id).limit(limit)
        with self._database.reading() as session:
            return list(session.scalars(query.where(EtsyJob.status.in_(statuses)) if statuses else query))

    def products(self, transaction_id: str, *outcomes: ProductOutcome) -> list[EtsyJobProduct]:
        """Products of a job, with these outcomes or all, as they were asked for."""
        query = (
            sa.select(EtsyJobProduct)
            .where(EtsyJobProduct.transaction_id == transaction_id)
            .order_by(EtsyJobProduct.position)
        )
        with self._database.reading() as session:
            return list(session.scalars(query.where(EtsyJobProduct.outcome.in_(outcomes)) if outcomes else query))

    def confirm(self, transaction_id: str, by: str) -> EtsyJob:
        """Let a pending job be done. Raises EtsyJobError when its time is over or it was decided on before."""
        now = self._now()
        with self._database.writing() as session:
            values = {"confirmed_by": by, "confirmed_at": now}
            in_time = EtsyJob.expires_at > now
            moved = self._move(session, transaction_id, JobStatus.PENDING, JobStatus.CONFIRMED, in_time, **values)
            if moved is None:
                raise self._refused("Confirming", self._get(session, transaction_id))
            return moved

    def reject(self, transaction_id: str, by: str) -> EtsyJob:
        """Drop a job that has not begun. Raises EtsyJobError when it has."""
        with self._database.writing() as session:
            for source in (JobStatus.PENDING, JobStatus.CONFIRMED):
                if job := self._drop(session, transaction_id, source, f"rejected by {by}"):
                    return job
            raise self._refused("Rejecting", self._get(session, transaction_id))

    def expire_overdue(self) -> list[EtsyJob]:
        """Drop the pending jobs that nobody confirmed in time; which. Their links are as they were before."""
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
        """Take a confirmed job for a run; the same run may take it again. Raises EtsyJobError for any other."""
        with self._database.writing() as session:
            values = {"run_id": run_id, "started_at": self._now()}
            moved = self._move(session, transaction_id, JobStatus.CONFIRMED, JobStatus.PROCESSING, **values)
            job = moved or self._get(session, transaction_id)
            if job.status is JobStatus.PROCESSING and job.run_id == run_id:
                return job
            raise self._refused("Starting", job)

    def finish(self, transaction_id: str, run_id: str, *, stopped: str | None = None) -> EtsyJob:
        """End the run's work: completed when no product failed, else failed.

        `stopped`: why it ended early (the day's budget, a run that died); what was left undone fails with it.
        Raises EtsyJobError when the run does not have the job.
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
            if rest := links.fail_rest(session, transaction_id, error):
                links.record(session, job, rest, ProductOutcome.FAILED, now, error)
            session.flush()
            to = JobStatus.FAILED if job.failed_count else JobStatus.COMPLETED
            moved = self._move(session, transaction_id, JobStatus.PROCESSING, to, ours, completed_at=now)
            assert moved is not None
            return moved

    def retry(self, transaction_id: str, by: str) -> EtsyJob:
        """Confirm a failed job once more, for the products that failed. Raises EtsyJobError.

        A job that was never confirmed cannot be retried: that would go around the confirmation.
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
            held = links.hold(session, job, ids)
            if not held:
                tried = f"Retrying the Etsy job {transaction_id}"
                raise EtsyJobError(tried, "another open job has its products", "Wait for that one.")
            session.execute(
                sa.update(EtsyJobProduct)
                .where(EtsyJobProduct.transaction_id == transaction_id, EtsyJobProduct.product_id.in_(held))
                .values(outcome=ProductOutcome.PENDING, error=None, finished_at=None, attempt=job.attempt + 1)
            )
            values = {
                "attempt": job.attempt + 1,
                "failed_count": job.failed_count - len(held),
                "confirmed_by": by,
                "confirmed_at": now,
                "run_id": None,
                "completed_at": None,
            }
            moved = self._move(session, transaction_id, JobStatus.FAILED, JobStatus.CONFIRMED, **values)
            assert moved is not None
            return moved

    def prune(self, before: datetime) -> int:
        """Remove jobs that ended before a time, with their products; how many. Links stay for ever."""
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
            job.error_log = [*job.error_log, links.entry(job, now, reason)]
            waiting = EtsyJobProduct.outcome == ProductOutcome.PENDING
            session.execute(
                sa.update(EtsyJobProduct)
                .where(EtsyJobProduct.transaction_id == transaction_id, waiting)
                .values(outcome=ProductOutcome.DISMISSED, finished_at=now)
            )
            links.dismiss(session, transaction_id)
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
        """The only place that writes a status; None when the job is not (or no longer) where the move starts."""
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
