"""A confirmed job, product by product, to its end.

What belongs here: which products are left to do, what stops a whole job, and its result. What does not: the sync of a
product (listings.py), and requesting or confirming (etsy/store/jobs.py).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from awin_medusa_pipeline.core.batching import parts
from awin_medusa_pipeline.core.errors import PipelineError
from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.etsy.client.client import PAGE, EtsyClient
from awin_medusa_pipeline.etsy.client.errors import DailyBudgetError
from awin_medusa_pipeline.etsy.engine.images import ImageSource
from awin_medusa_pipeline.etsy.engine.listings import Became, ListingOutcome, ListingSync
from awin_medusa_pipeline.etsy.store.accounts import EtsyAccount, EtsyAccounts
from awin_medusa_pipeline.etsy.store.jobs import EtsyJob, EtsyJobs, ProductOutcome
from awin_medusa_pipeline.etsy.store.links import EtsyJobLostError, EtsyLinks
from awin_medusa_pipeline.medusa.client import MedusaClient
from awin_medusa_pipeline.medusa.contracts import ShopProduct
from awin_medusa_pipeline.medusa.products import SHOP_PRODUCT_FIELDS, shop_product


class ProductReader(Protocol):
    """Reads products from Medusa."""

    def __call__(self, product_ids: Sequence[str], currency: str) -> Mapping[str, ShopProduct]:
        """Products by id, with prices in a currency; one that is not there is gone. Raises PipelineError."""


@dataclass(frozen=True)
class JobResult:
    """What became of a job. `stopped_reason` is set when it ended early; what was left is failed and can be retried."""

    job: EtsyJob
    """As it ended."""
    outcomes: tuple[ListingOutcome, ...] = ()
    stopped_reason: str | None = None
    resumes_at: datetime | None = None
    """When Etsy has calls again, if it was the day's budget that ended it."""

    @property
    def counts(self) -> dict[Became, int]:
        """Products by what became of them; each is there."""
        return {became: sum(outcome.became is became for outcome in self.outcomes) for became in Became}

    @property
    def failures(self) -> list[ListingOutcome]:
        """Products that failed by themselves."""
        return [outcome for outcome in self.outcomes if outcome.became is Became.FAILED]


def products_of(medusa: MedusaClient, location_id: str | None) -> ProductReader:
    """Reads from a shop; `location_id`: the stock location that is sold from."""

    def read(product_ids: Sequence[str], currency: str) -> Mapping[str, ShopProduct]:
        found = medusa.where("products", "id", product_ids, SHOP_PRODUCT_FIELDS)
        return {entry["id"]: shop_product(entry, currency=currency, location_id=location_id) for entry in found}

    return read


def sync_job(
    transaction_id: str,
    run_id: str,
    *,
    database: Database,
    accounts: EtsyAccounts,
    client_of: Callable[[EtsyAccount], EtsyClient],
    read_products: ProductReader,
    images: ImageSource,
    progress: Callable[[int, int], None] = lambda done, total: None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], None] = time.sleep,
) -> JobResult:
    """Claim the job for the run (again, if its first step has), sync its products, end it.

    `progress`: products done and in all. Raises EtsyJobError when the job is not this run's to do, and
    EtsyJobLostError when it was taken from it.
    """
    jobs = EtsyJobs(database, now=now)
    job = jobs.claim(transaction_id, run_id)
    account = accounts.get(job.account_id)
    rows = jobs.products(transaction_id, ProductOutcome.PENDING)
    outcomes: list[ListingOutcome] = []
    stopped: PipelineError | None
    try:
        with client_of(account) as client:
            sync = ListingSync(client, EtsyLinks(database, now=now), job, account, images, sleep)
            for part in parts(iter(rows), PAGE):
                products = read_products([row.product_id for row in part], account.currency)
                for outcome in sync.sync(part, products):
                    outcomes.append(outcome)
                    progress(len(outcomes), len(rows))
        stopped = sync.day_over
    except EtsyJobLostError:
        raise
    except PipelineError as fault:
        stopped = fault
    return JobResult(
        job=jobs.finish(transaction_id, run_id, stopped=str(stopped) if stopped else None),
        outcomes=tuple(outcomes),
        stopped_reason=str(stopped) if stopped else None,
        resumes_at=stopped.resumes_at if isinstance(stopped, DailyBudgetError) else None,
    )
