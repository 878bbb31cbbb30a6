"""Fills a home without any shop: a run with its reports, a held plan, and an Etsy job with a listing."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.contracts import dtypes
from awin_medusa_pipeline.etsy.domain.config import EtsyAccountConfig
from awin_medusa_pipeline.etsy.domain.plan import Proposal
from awin_medusa_pipeline.etsy.store.jobs import RequestedProduct
from awin_medusa_pipeline.etsy.store.models import EtsyAccount
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline.sync.domain import contracts
from awin_medusa_pipeline.sync.domain.kinds import KINDS
from awin_medusa_pipeline.sync.domain.operations import Counts, Kind, NotSent, Operation, Status
from awin_medusa_pipeline.sync.store.held_plans import HeldPlans
from awin_medusa_pipeline.sync.store.ledger import Ledger, Outcome

RUN = "5f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
REASON = "hiding 30 of 60 is more than 10%: check whether the feed is whole [too_many_to_hide]"
NOBODY = "http://127.0.0.1:9"
"""Address of a shop at which nobody answers."""
PRODUCT, SECOND = "prod_01JABCDEFGHJKMNPQRSTVWXYZ0", "prod_01JABCDEFGHJKMNPQRSTVWXYZ1"
VARIANT = "variant_01JABCDEFGHJKMNPQRSTVWXYZ2"
OFFER = "awin:7001:LAMP-OF-OAK-WITH-A-LONG-NUMBER-0001"
LISTING = "https://www.etsy.com/listing/4400000001234/table-lamp-of-oak-with-a-shade-of-linen"
WHY_FAILED = "HTTP 400: the price is not one of the currency's. Correct it in Medusa Admin, and sync again."


@dataclass(frozen=True)
class Filled:
    """What is in the home."""

    folder: Path
    plan: str
    """Hash of the held plan."""
    job: str
    """Id of the Etsy job."""
    environment: dict[str, str]


def settings_of(folder: Path) -> dict[str, str]:
    """Environment variables that point to the home, and to no shop."""
    return {
        "AWIN_MEDUSA_HOME": str(folder / "home"),
        "AWIN_MEDUSA_ENV_FILE": str(folder / ".env"),
        "DAGSTER_HOME": str(folder / "dagster"),
        "MEDUSA_BACKEND_URL": NOBODY,
        "MEDUSA_ADMIN_API_KEY": "sk_of_nobody",
    }


def fill(folder: Path) -> Filled:
    """Fill a home below `folder`; the environment must hold `settings_of` it."""
    with App(Settings()) as app:
        _run(app)
        plan = _plan(app)
        job = _job(app)
    return Filled(folder / "home", plan, job, settings_of(folder))


def _run(app: App) -> None:
    ledger = Ledger(app.database)
    started = datetime(2026, 11, 20, 2, 0, 0, tzinfo=UTC)
    run = ledger.start_run(RUN, shop=NOBODY, job="daily_sync_job", started_at=started)
    level = Operation(VARIANT, {"level": 0}, {"level": 10}, VARIANT, "Table lamp of oak")
    refused = [NotSent(level, WHY_FAILED, Status.FAILED)]
    price = {"price": "12.50", "currency": "eur"}
    formula = Operation(OFFER, {**price, "level": 10}, None, PRODUCT, "=HYPERLINK(A1)")
    (applied,) = ledger.record_intents(RUN, Kind.IMPORT, [formula])
    ledger.record_outcomes([Outcome(applied, Status.APPLIED, PRODUCT)])
    ledger.record_not_sent(RUN, Kind.STOCK, refused)
    reports = app.reports.of(run)
    counts = {
        kind: reports.write_operations(kind, ledger.rows(RUN, kind)).as_dict() for kind in (Kind.IMPORT, Kind.STOCK)
    }
    facts = {"run": RUN, "job": "daily_sync_job", "shop": NOBODY, "dry_run": False, "started_at": started}
    reports.write_json(facts | {"feed_rows": 1234} | dict.fromkeys(KINDS, Counts().as_dict()) | counts)
    reports.point_latest()
    ledger.finish_run(RUN)


def _plan(app: App) -> str:
    contract = contracts.MedusaOnlyProduct
    blank = dict.fromkeys(contract.column_names())
    rows = [
        blank
        | {"product_id": f"prod_{number:026}", "handle": f"table-lamp-of-oak-{number}", "title": f"Lamp {number}"}
        | {"status": "published", "loose_match": False}
        for number in range(30)
    ]
    frame = pl.DataFrame(rows, schema=dict(dtypes(contract)))
    return HeldPlans(app.database).keep(NOBODY, Kind.HIDE, RUN, frame, [REASON], hours=24 * 3650).hash


def _job(app: App) -> str:
    account = EtsyAccount(
        shop_id=1,
        shop_name="TheShopWithALongName",
        currency="EUR",
        token_generation=1,
        api_config=EtsyAccountConfig(),
        is_active=True,
        connected_at=datetime.now(UTC),
    )
    with app.database.writing() as session:
        session.add(account)
    wanted = [
        RequestedProduct(PRODUCT, "Table lamp of oak with a shade of linen, dimmable", Proposal.CREATE),
        RequestedProduct(SECOND, "A second lamp", Proposal.CREATE),
    ]
    etsy = app.etsy
    job = etsy.jobs.request(account.id, wanted, requested_by="ann", confirm_within=timedelta(hours=1))
    etsy.jobs.confirm(job.transaction_id, "bob")
    claimed = etsy.jobs.claim(job.transaction_id, RUN)
    etsy.links.save_listing(claimed, PRODUCT, 4400000001234, LISTING)
    etsy.links.mark_synced(claimed, PRODUCT)
    etsy.links.mark_failed(claimed, SECOND, WHY_FAILED)
    etsy.jobs.finish(job.transaction_id, RUN)
    return job.transaction_id
