"""One installation: everything that its settings open, wired once.

Dagster gets an App as a resource, the command line and the console as an argument. Two of them with different settings
work side by side in one process.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import SecretStr
from slack_sdk import WebClient

from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.core.http import Backoff
from awin_medusa_pipeline.core.messages import Message, Payload, message_payload, run_url
from awin_medusa_pipeline.core.notify import post
from awin_medusa_pipeline.core.slack import SlackClient
from awin_medusa_pipeline.core.store.database import Database, open_database, sqlite_url
from awin_medusa_pipeline.core.store.outbox import Outbox
from awin_medusa_pipeline.core.store.secrets import Cipher
from awin_medusa_pipeline.core.tables import Tables
from awin_medusa_pipeline.etsy.engine.state import EtsyApp, EtsyRules, EtsyState
from awin_medusa_pipeline.medusa.client import MedusaClient, Shop
from awin_medusa_pipeline.remedies import command
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline.sync.clients.awin_address import local_path, secrets_in
from awin_medusa_pipeline.sync.domain.contracts import TRACED
from awin_medusa_pipeline.sync.domain.feed.feed import FeedRules
from awin_medusa_pipeline.sync.engine.intake import FeedSource
from awin_medusa_pipeline.sync.engine.rules import SyncRules
from awin_medusa_pipeline.sync.engine.runs import ShopAccess, SyncRun
from awin_medusa_pipeline.sync.store.reports import Reports

STATE_FILE = "state.db"


class App:
    """One installation. The state store is opened when it is first needed; `close`, or a `with`, closes it."""

    def __init__(self, settings: Settings, *, slack_client: Callable[[str], WebClient] = WebClient) -> None:
        self.settings = settings
        self._slack_client = slack_client

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the state store, if it was opened; it is opened again when it is needed."""
        if database := self.__dict__.pop("database", None):
            database.close()

    @cached_property
    def database(self) -> Database:
        """The state store. Raises StoreError."""
        return open_database(self.database_url)

    @property
    def database_url(self) -> str:
        """AWIN_MEDUSA_DATABASE_URL, else a SQLite file in the local home."""
        if self.settings.awin_medusa_database_url:
            return self.settings.awin_medusa_database_url.get_secret_value()
        return sqlite_url(self.local_home / STATE_FILE)

    @property
    def home(self) -> str:
        """Where tables and reports are: a folder or any fsspec address."""
        return self.settings.awin_medusa_home

    @property
    def local_home(self) -> Path:
        """Where state is that needs a real file system."""
        return self.settings.local_home

    @property
    def tables(self) -> Tables:
        """The tables between assets."""
        return Tables(self.home, TRACED)

    @property
    def reports(self) -> Reports:
        """The report folders."""
        return Reports(self.home)

    @property
    def shop_address(self) -> str:
        """Address of the shop, by which the operation log knows it; "" when it is not set."""
        return self.settings.medusa_backend_url or ""

    def medusa(self, *, applying: bool = False, backoff: Backoff | None = None) -> MedusaClient:
        """A client of the shop. Raises PermanentError naming the setting that is missing."""
        settings, address = self.settings, self.settings.medusa_backend_url
        admin, publishable = settings.medusa_admin_api_key, settings.medusa_publishable_key
        if not address:
            raise PermanentError(
                "Connecting to the shop", "MEDUSA_BACKEND_URL is not set", "Set it in .env, e.g. http://localhost:9000."
            )
        if applying and not admin:
            raise PermanentError(
                f"Changing the shop at {address}",
                "MEDUSA_ADMIN_API_KEY is not set",
                "Make a secret key in Medusa Admin > Settings > Secret API Keys and set it in .env; "
                "a publishable key is enough for detect_discrepancies_job alone.",
            )
        if not (admin or publishable):
            raise PermanentError(
                f"Reading the shop at {address}",
                "neither MEDUSA_ADMIN_API_KEY nor MEDUSA_PUBLISHABLE_KEY is set",
                "Set one of them in .env.",
            )
        return MedusaClient(
            address,
            admin_key=admin.get_secret_value() if admin else None,
            publishable_key=publishable.get_secret_value() if publishable else None,
            backoff=backoff,
        )

    def pick_shop(self, client: MedusaClient) -> Shop:
        """The sales channel, stock location and shipping profile that the settings name, else the first of each."""
        return client.shop(
            sales_channel=self.settings.medusa_sales_channel,
            stock_location=self.settings.medusa_stock_location,
            shipping_profile=self.settings.medusa_shipping_profile,
        )

    @property
    def feed_rules(self) -> FeedRules:
        """How feeds are read. Raises ValueError for a template or a column that cannot be."""
        return FeedRules(self.settings.sync_sku_template, self.settings.sync_price_column)

    @property
    def feed_source(self) -> FeedSource:
        """Which feeds to take."""
        token = self.settings.awin_api_token
        return FeedSource(self.settings.feed_addresses, self.feed_rules, token.get_secret_value() if token else None)

    @property
    def sync_rules(self) -> SyncRules:
        """What the shop owner decided about a sync."""
        settings = self.settings
        return SyncRules(
            stock=settings.stock_rules,
            owners=settings.owners,
            limits=settings.guard_limits,
            hide=settings.hide_rules,
            price_jump=settings.price_jump,
            rehost_images=settings.sync_rehost_images,
            plan_hours=settings.plan_hours,
        )

    @contextmanager
    def sync_run(self, run_id: str, *, job: str, dry_run: bool) -> Iterator[SyncRun]:
        """A run on the shop; a lease that it takes is given back at the end."""
        access = ShopAccess(self.shop_address, lambda: self.medusa(applying=True), self.pick_shop)
        run = SyncRun(self.database, access, self.sync_rules, self.reports, run_id=run_id, job=job, dry_run=dry_run)
        try:
            yield run
        finally:
            run.close()

    @property
    def etsy(self) -> EtsyState:
        """The Etsy part."""
        settings = self.settings
        app = EtsyApp(
            settings.etsy_keystring,
            settings.etsy_shared_secret,
            settings.etsy_redirect_uri,
            settings.etsy_api_url,
            settings.etsy_oauth_url,
        )
        rules = EtsyRules(
            timedelta(minutes=settings.etsy_confirm_minutes),
            settings.etsy_push_stock_down,
            settings.medusa_stock_location,
        )
        return EtsyState(self.database, Cipher(settings.awin_medusa_secret_key), app, rules, self.notify)

    @property
    def slack(self) -> SlackClient:
        """The way to Slack that the settings name."""
        settings = self.settings
        return SlackClient(
            settings.slack_webhook_url,
            settings.slack_bot_token,
            settings.slack_channel,
            secrets=tuple(known_secrets(settings)),
            web_client=self._slack_client,
        )

    def notify(self, dedupe_key: str, message: Message | Payload) -> None:
        """Keep a message to the shop owner, once per key, and send what waits. A fault of Slack never raises."""
        payload = message_payload(message, command) if isinstance(message, Message) else message
        post(Outbox(self.database), self.slack, dedupe_key, payload)

    def run_url(self, run_id: str) -> str:
        """The page of a run in the Dagster UI."""
        return run_url(self.settings.dagster_webserver_url, run_id)


def known_secrets(settings: Settings) -> list[str]:
    """Every secret of the settings: keys and tokens, and the parts of addresses that must not be seen."""
    addresses = {"awin_feed_url", "awin_medusa_database_url"}
    secrets = [
        value.get_secret_value() for name, value in settings if isinstance(value, SecretStr) and name not in addresses
    ]
    # Of keys to the tokens at rest there may be several.
    secrets += [key for text in secrets for key in re.split(r"[\s,]+", text)]
    for address in settings.feed_addresses:
        if local_path(address) is None:
            secrets += [address, *secrets_in(address)]
    if settings.awin_medusa_database_url:
        secrets.append(urlsplit(settings.awin_medusa_database_url.get_secret_value()).password or "")
    return [secret for secret in secrets if secret]
