"""Reads Etsy jobs for the pages: how far each is, what it would do, and its failures grouped by cause."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.etsy.domain.messages import outcome_text
from awin_medusa_pipeline.etsy.domain.plan import LISTING_FEE
from awin_medusa_pipeline.etsy.store.jobs import EtsyJob, EtsyJobProduct, JobStatus, ProductOutcome
from awin_medusa_pipeline.etsy.store.links import EtsyLink

PAGE = 30
STATES = {
    JobStatus.PENDING: ("waits for you", "wait"),
    JobStatus.CONFIRMED: ("confirmed", "wait"),
    JobStatus.PROCESSING: ("in progress", "wait"),
    JobStatus.COMPLETED: ("completed", "good"),
    JobStatus.FAILED: ("failed", "bad"),
}
TONES = {"synced": "good", "unchanged": "good", "failed": "bad", "refused": "bad"}


@dataclass(frozen=True)
class Cause:
    """Products that failed for one reason."""

    said: str
    """The reason in plain words, with what to do."""
    products: Sequence[str]
    """Their titles."""
    raw: str
    """The first answer as it came."""


@dataclass(frozen=True)
class JobView:
    """A job with its products."""

    job: EtsyJob
    shop: str
    products: Sequence[EtsyJobProduct]
    links: dict[str, EtsyLink]

    @property
    def state(self) -> str:
        """Its state in words."""
        if self.job.status is JobStatus.FAILED and self.why and not self.job.started_at:
            return "dropped"
        return STATES[self.job.status][0]

    @property
    def tone(self) -> str:
        """Tone of its badge."""
        return "" if self.state == "dropped" else STATES[self.job.status][1]

    @property
    def moving(self) -> bool:
        """Whether a look some seconds later may show more."""
        return self.job.status in (JobStatus.CONFIRMED, JobStatus.PROCESSING)

    @property
    def waits(self) -> bool:
        """Whether a person can confirm it."""
        return self.job.status is JobStatus.PENDING and self.job.expires_at > datetime.now(UTC)

    @property
    def can_be_rejected(self) -> bool:
        """Whether it has not started."""
        return self.job.status in (JobStatus.PENDING, JobStatus.CONFIRMED)

    @property
    def can_be_retried(self) -> bool:
        """Whether products of it failed after it was confirmed."""
        return self.job.status is JobStatus.FAILED and self.job.started_at is not None

    @property
    def done(self) -> int:
        """Products that are finished."""
        return self.job.synced_count + self.job.failed_count

    @property
    def fees(self) -> Decimal:
        """The most that Etsy may charge, in USD."""
        publishing = [
            one for one in self.products if one.proposal.publishes and one.outcome is not ProductOutcome.REFUSED
        ]
        return LISTING_FEE * len(publishing)

    @property
    def outcomes(self) -> str:
        """Products by outcome, as text."""
        return outcome_text(one.outcome for one in self.products)

    @property
    def minutes_left(self) -> int:
        """Minutes until it can no longer be confirmed."""
        return max(0, int((self.job.expires_at - datetime.now(UTC)).total_seconds() // 60))

    @property
    def why(self) -> str:
        """Why the whole job ended early; empty otherwise."""
        said = [str(entry["error"]) for entry in self.job.error_log if entry["product_id"] is None]
        return said[-1] if said and self.job.status is JobStatus.FAILED else ""

    @property
    def causes(self) -> list[Cause]:
        """Failures grouped by their reason, the most frequent first."""
        groups: dict[str, list[EtsyJobProduct]] = {}
        for one in self.products:
            if one.error and one.outcome in (ProductOutcome.FAILED, ProductOutcome.REFUSED):
                groups.setdefault(_shape(one), []).append(one)
        causes = [
            Cause(str(ones[0].error), [one.title for one in ones], str(ones[0].error)) for ones in groups.values()
        ]
        return sorted(causes, key=lambda cause: -len(cause.products))


def _shape(product: EtsyJobProduct) -> str:
    """An error without what differs from product to product: its own names, ids and numbers."""
    text = str(product.error).replace(product.title, "").replace(product.product_id, "")
    return re.sub(r"\d+|'[^']*'|\"[^\"]*\"", "#", text)


def job_view(app: App, job: EtsyJob) -> JobView:
    """One job with its products and their listings."""
    products = app.etsy.jobs.products(job.transaction_id)
    links = app.etsy.links.of_products(job.account_id, [one.product_id for one in products])
    return JobView(job, app.etsy.accounts.get(job.account_id).shop_name, products, links)


def jobs(app: App, page: int) -> tuple[list[tuple[EtsyJob, str]], bool]:
    """One page of jobs with the name of their shop, newest first, and whether there are older ones."""
    shops = {account.id: account.shop_name for account in app.etsy.accounts.all()}
    found = app.etsy.jobs.all(limit=page * PAGE + 1)
    return [(job, shops[job.account_id]) for job in found[(page - 1) * PAGE : page * PAGE]], len(found) > page * PAGE
