"""What the assets reach the outside through: the state store, the shop, the reports, Slack.

What belongs here: opening and closing. What does not: logic. No resource has a field: settings are read from the
environment when a run needs them, so no secret ever stands in a resource's config, which Dagster shows and stores.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import dagster as dg
from pydantic import PrivateAttr

from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.core.http import Backoff
from awin_medusa_pipeline.core.messages import Payload
from awin_medusa_pipeline.core.slack import SlackClient, post
from awin_medusa_pipeline.core.store.database import Database, database_url, open_database
from awin_medusa_pipeline.core.store.outbox import Outbox
from awin_medusa_pipeline.medusa.client import MedusaClient, Shop
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline.sync.store.absences import Absences
from awin_medusa_pipeline.sync.store.feed_history import FeedHistory
from awin_medusa_pipeline.sync.store.held_plans import HeldPlans
from awin_medusa_pipeline.sync.store.leases import HeldLease, Leases
from awin_medusa_pipeline.sync.store.ledger import Ledger, Run
from awin_medusa_pipeline.sync.store.reports import RunReports
from awin_medusa_pipeline.sync.store.written import WrittenValues

IMPLICIT_JOB = "__ASSET_JOB"
"""Dagster's name for a run of assets that no job of ours selects."""


APPLIES_TAG = "awin_medusa/applies"
"""On jobs that change the shop unless their config says otherwise."""


def medusa_client(settings: Settings, *, applying: bool = False, backoff: Backoff | None = None) -> MedusaClient:
    """The shop of the settings. Raises PermanentError naming the setting that is missing."""
    admin, publishable = settings.medusa_admin_api_key, settings.medusa_publishable_key
    if not settings.medusa_backend_url:
        raise PermanentError(
            "Connecting to the shop", "MEDUSA_BACKEND_URL is not set", "Set it in .env, e.g. http://localhost:9000."
        )
    if applying and not admin:
        raise PermanentError(
            f"Changing the shop at {settings.medusa_backend_url}",
            "MEDUSA_ADMIN_API_KEY is not set",
            "Make a secret key in Medusa Admin > Settings > Secret API Keys and set it in .env; "
            "a publishable key is enough for detect_discrepancies_job alone.",
        )
    if not (admin or publishable):
        raise PermanentError(
            f"Reading the shop at {settings.medusa_backend_url}",
            "neither MEDUSA_ADMIN_API_KEY nor MEDUSA_PUBLISHABLE_KEY is set",
            "Set one of them in .env.",
        )
    return MedusaClient(
        settings.medusa_backend_url,
        admin_key=admin.get_secret_value() if admin else None,
        publishable_key=publishable.get_secret_value() if publishable else None,
        backoff=backoff,
    )


def shop_of(client: MedusaClient, settings: Settings) -> Shop:
    """The sales channel, stock location and shipping profile that the settings name, else the first of each."""
    return client.shop(
        sales_channel=settings.medusa_sales_channel,
        stock_location=settings.medusa_stock_location,
        shipping_profile=settings.medusa_shipping_profile,
    )


class MedusaResource(dg.ConfigurableResource["MedusaResource"]):
    """The shop that MEDUSA_BACKEND_URL names."""

    @contextmanager
    def client(self, *, applying: bool = False) -> Iterator[MedusaClient]:
        """A client for one step."""
        with medusa_client(Settings(), applying=applying) as client:
            yield client


class StateStore(dg.ConfigurableResource["StateStore"]):
    """The state store, open for a run: operation log, feed history, outbox; and the run's reports."""

    _database: Database = PrivateAttr()
    _leases: ExitStack = PrivateAttr()
    _lease: HeldLease | None = PrivateAttr(default=None)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["StateStore"]:
        """Open for the length of a run; a lease that the run took is given back at its end."""
        self._lease = None
        with open_database(database_url(Settings())) as self._database, ExitStack() as self._leases:
            yield self

    @property
    def database(self) -> Database:
        """The open database."""
        return self._database

    @property
    def ledger(self) -> Ledger:
        """The operation log."""
        return Ledger(self._database)

    @property
    def feeds(self) -> FeedHistory:
        """The feed history."""
        return FeedHistory(self._database)

    @property
    def written(self) -> WrittenValues:
        """What was written last into fields that a person may edit too."""
        return WrittenValues(self._database)

    @property
    def plans(self) -> HeldPlans:
        """The plans that guards held."""
        return HeldPlans(self._database)

    def feeds_missed(self, dagster_run: dg.DagsterRun, products: list[str]) -> dict[str, int]:
        """How many accepted feeds in a row, with those of this run, lacked each of these products of the shop."""
        run, enough = self.run(dagster_run), Settings().guard_hide_after_feeds
        content = self.feeds.accepted_content(run.run_id)
        return Absences(self._database).count(run.shop, products, content, most=enough)

    def run(self, dagster_run: dg.DagsterRun) -> Run:
        """The run's row in the operation log, made by whichever step comes first."""
        asked = _dry_runs(dagster_run)
        # Assets materialised by hand have no job's config, and an applying one then keeps its safe default.
        by_hand = dagster_run.job_name.startswith(IMPLICIT_JOB) and False not in asked
        return self.ledger.start_run(
            dagster_run.run_id,
            shop=Settings().medusa_backend_url or "",
            job=dagster_run.job_name,
            dry_run=True in asked or by_hand,
        )

    def lease_if_applying(self, dagster_run: dg.DagsterRun) -> None:
        """Take the shop before it is read when this run is going to change it: then nothing changes in between."""
        asked = _dry_runs(dagster_run) - {None}
        # Started with one click, a job has an empty run config and takes its default, which applies.
        if False in asked or (not asked and APPLIES_TAG in dagster_run.tags):
            self.lease(dagster_run)

    def lease(self, dagster_run: dg.DagsterRun) -> Callable[[], None]:
        """Take the shop for this run until it ends; what is answered proves, before each batch, that it still is ours.

        Raises ShopBusyError when another run has it.
        """
        leases, run = Leases(self._database), self.run(dagster_run)
        if self._lease is None:
            self._lease = self._leases.enter_context(leases.hold(run.shop, run_id=run.run_id, job=run.job))
        return partial(leases.check, self._lease)

    def reports(self, dagster_run: dg.DagsterRun) -> RunReports:
        """The run's report folder."""
        return RunReports(Settings().awin_medusa_home, self.run(dagster_run))


def _dry_runs(dagster_run: dg.DagsterRun) -> set[bool | None]:
    """What the run config says of dry_run, over all of its assets."""
    operations: dict[str, Any] = dagster_run.run_config.get("ops") or {}  # type: ignore[assignment]
    return {(operation.get("config") or {}).get("dry_run") for operation in operations.values()}


class Slack(dg.ConfigurableResource["Slack"]):
    """Messages to the shop owner, by way of the outbox; nothing configured sends them to the log."""

    def tell(self, database: Database, dedupe_key: str, payload: Payload) -> None:
        """Keep a message, then send all that waits. A Slack fault never raises."""
        post(Outbox(database), SlackClient.from_settings(Settings()), dedupe_key, payload)
