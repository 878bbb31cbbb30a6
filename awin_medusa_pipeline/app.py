"""Builds the parts of one shop from its settings: state store, clients, rules and reports.

Dagster gets an App as a resource, the command line and the console as an argument. Several Apps with different settings
can coexist in one process. Each part is imported when it is first asked for: a command that reads one table of the
state store needs neither polars nor a client of the shop.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from pydantic import SecretStr

from awin_medusa_pipeline.core import files
from awin_medusa_pipeline.core.addresses import credentials_in
from awin_medusa_pipeline.core.disk import work_in
from awin_medusa_pipeline.core.errors import Action, PermanentError, StoreError
from awin_medusa_pipeline.core.hidden import Secrets
from awin_medusa_pipeline.core.process import begin, make_private
from awin_medusa_pipeline.core.store.database import Database, open_database, sqlite_url
from awin_medusa_pipeline.core.store.installation import check_installation
from awin_medusa_pipeline.remedies import command, name_shop
from awin_medusa_pipeline.settings import Settings, secrets_of_others
from awin_medusa_pipeline.sync.clients.awin_address import local_path, secrets_in

if TYPE_CHECKING:
    from slack_sdk import WebClient

    from awin_medusa_pipeline.core.http import Backoff
    from awin_medusa_pipeline.core.messages import Message, Payload
    from awin_medusa_pipeline.core.slack import SlackClient
    from awin_medusa_pipeline.core.tables import Tables
    from awin_medusa_pipeline.etsy.engine.state import EtsyState
    from awin_medusa_pipeline.medusa.client import MedusaClient, Shop
    from awin_medusa_pipeline.sync.domain.feed.feed import FeedRules
    from awin_medusa_pipeline.sync.engine.intake import FeedSource
    from awin_medusa_pipeline.sync.engine.places import Places
    from awin_medusa_pipeline.sync.engine.rules import SyncRules
    from awin_medusa_pipeline.sync.engine.runs import SyncRun
    from awin_medusa_pipeline.sync.store.reports import Reports

STATE_FILE = "state.db"
SHOPS = "/shops"
"""Path in the console below which each of several shops has its pages."""


class App:
    """One shop. Opens the state store when it is first needed; `close`, or a `with`, closes it.

    `shop`: its name, where an installation has several; else "".
    """

    def __init__(
        self, settings: Settings, *, shop: str = "", slack_client: Callable[[str], WebClient] | None = None
    ) -> None:
        begin()
        self.shop = shop
        self._slack_client = slack_client
        self.take_over(settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def take_over(self, settings: Settings) -> None:
        """Go on with other settings, for everyone who holds this App; the state store that is open stays."""
        self.settings = settings
        self._secrets = Secrets(known_secrets(settings))
        self.take_process()

    def take_process(self) -> None:
        """Let this process work for this shop: in its folders, and naming it in commands. Each new App does so."""
        work_in(self.local_home, self.scratch)
        name_shop(self.shop)

    def close(self) -> None:
        """Close the state store, if it is open; the next access opens it again."""
        if database := self.__dict__.pop("database", None):
            database.close()

    @cached_property
    def database(self) -> Database:
        """The open state store. Raises StoreError, also when it is another installation's."""
        database = open_database(self.database_url)
        try:
            check_installation(database, self.home, self.shop_address)
        except BaseException:
            database.close()
            raise
        make_private(self.local_home)
        return database

    @property
    def database_url(self) -> str:
        """AWIN_MEDUSA_DATABASE_URL, else a SQLite file in the home. Raises StoreError when that is on no machine."""
        if self.settings.awin_medusa_database_url:
            return self.settings.awin_medusa_database_url.get_secret_value()
        if files.local_path(home := files.home_path(self.home)) is None:
            raise StoreError(
                "Opening the state store",
                f"AWIN_MEDUSA_HOME is {home}, for every machine, but AWIN_MEDUSA_DATABASE_URL is not set, so each "
                "machine would keep a log and leases of its own, and two would change the shop at once",
                "Set it to one PostgreSQL database: postgresql://user:password@host/database; or, if only this machine "
                "ever runs, to a file: sqlite:////folder/state.db.",
            )
        return sqlite_url(self.local_home / STATE_FILE)

    @property
    def store_is_a_file(self) -> bool:
        """Whether the state store is a file, which no other machine uses."""
        return self.database_url.startswith("sqlite")

    @property
    def home(self) -> str:
        """Home of tables and reports: a folder or any fsspec address."""
        return self.settings.awin_medusa_home

    @property
    def local_home(self) -> Path:
        """Folder of the state that needs a real file system."""
        return self.settings.local_home

    @property
    def common_home(self) -> Path:
        """Folder of what several shops share: Dagster's home and their own homes; of one shop its local home."""
        of_a_shop = self.shop and files.local_path(files.home_path(self.home)) is not None
        return self.local_home.parents[1] if of_a_shop else self.local_home

    @property
    def scratch(self) -> Path:
        """Folder of what is needed while a run goes on: downloads, parsed rows, files that are sent elsewhere."""
        return self.settings.scratch

    @property
    def tables(self) -> Tables:
        """The tables between assets."""
        from awin_medusa_pipeline.core.tables import Tables
        from awin_medusa_pipeline.sync.domain.traced import TRACED

        return Tables(self.home, TRACED)

    @property
    def reports(self) -> Reports:
        """The report folders."""
        from awin_medusa_pipeline.sync.store.reports import Reports

        return Reports(self.home)

    @property
    def shop_address(self) -> str:
        """Address of the shop, its name in the operation log; "" when it is not set."""
        return self.settings.medusa_backend_url or ""

    def medusa(self, *, applying: bool = False, backoff: Backoff | None = None) -> MedusaClient:
        """Make a client of the shop. Raises PermanentError naming the missing setting."""
        from awin_medusa_pipeline.medusa.client import MedusaClient

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
                "a publishable key is only enough for detect_discrepancies_job.",
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
        """Find the sales channel, stock location and shipping profile in the settings, else the first of each."""
        return client.shop(
            sales_channel=self.settings.medusa_sales_channel,
            stock_location=self.settings.medusa_stock_location,
            shipping_profile=self.settings.medusa_shipping_profile,
        )

    @property
    def image_hosts(self) -> tuple[str, ...]:
        """Hosts of the own network that images may be fetched from: those that are named, and the shop."""
        from awin_medusa_pipeline.core.internet import host_and_port

        return (*self.settings.image_allowed_hosts, *host_and_port(self.shop_address))

    @property
    def feed_rules(self) -> FeedRules:
        """Rules for reading feeds. Raises ValueError for an invalid SKU template."""
        from awin_medusa_pipeline.sync.domain.feed.feed import FeedRules

        return FeedRules(self.settings.sync_sku_template, self.settings.sync_price_column)

    @property
    def feed_source(self) -> FeedSource:
        """Feeds to download, and the rules for reading them."""
        from awin_medusa_pipeline.sync.engine.intake import FeedSource

        token = self.settings.awin_api_token
        return FeedSource(self.settings.feed_addresses, self.feed_rules, token.get_secret_value() if token else None)

    @property
    def places(self) -> Places:
        """Stock location and sales channel that the settings name."""
        from awin_medusa_pipeline.sync.engine.places import Places

        return Places(self.settings.medusa_stock_location, self.settings.medusa_sales_channel)

    @property
    def sync_rules(self) -> SyncRules:
        """The shop owner's decisions about a sync."""
        from awin_medusa_pipeline.sync.engine.rules import SyncRules

        settings = self.settings
        return SyncRules(
            stock=settings.stock_rules,
            owners=settings.owners,
            limits=settings.guard_limits,
            hide=settings.hide_rules,
            price_jump=settings.price_jump,
            rehost_images=settings.sync_rehost_images,
            image_hosts=self.image_hosts,
            plan_hours=settings.plan_hours,
            join=frozenset(settings.sync_join),
            gentle=settings.gentle_hours,
        )

    @contextmanager
    def sync_run(self, run_id: str, *, job: str, dry_run: bool) -> Iterator[SyncRun]:
        """Start a run on the shop; its lease, once taken, is released at the end."""
        from awin_medusa_pipeline.sync.engine.runs import ShopAccess, SyncRun

        access = ShopAccess(self.shop_address, lambda: self.medusa(applying=True), self.pick_shop)
        run = SyncRun(self.database, access, self.sync_rules, self.reports, run_id=run_id, job=job, dry_run=dry_run)
        try:
            yield run
        finally:
            run.close()

    @property
    def etsy(self) -> EtsyState:
        """The Etsy part: accounts, jobs and links, with its app and rules."""
        from awin_medusa_pipeline.core.store.secrets import Cipher
        from awin_medusa_pipeline.etsy.engine.state import EtsyApp, EtsyRules, EtsyState

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
            settings.etsy_import_sales,
            ours=settings.etsy_ours,
            image_hosts=self.image_hosts,
        )
        return EtsyState(self.database, Cipher(settings.awin_medusa_secret_key), app, rules, self.notify)

    @property
    def slack(self) -> SlackClient:
        """Slack client for the webhook or bot token in the settings."""
        from slack_sdk import WebClient

        from awin_medusa_pipeline.core.slack import SlackClient

        settings = self.settings
        return SlackClient(
            settings.slack_webhook_url,
            settings.slack_bot_token,
            settings.slack_channel,
            secrets=tuple(known_secrets(settings)),
            web_client=self._slack_client or WebClient,
        )

    def notify(self, dedupe_key: str, message: Message | Payload) -> None:
        """Queue a message to the shop owner, once per key, and send all that are queued. Slack faults never raise."""
        from awin_medusa_pipeline.core.messages import Message, message_payload
        from awin_medusa_pipeline.core.notify import post
        from awin_medusa_pipeline.core.store.outbox import Outbox

        payload = message_payload(message, self.command) if isinstance(message, Message) else message
        post(Outbox(self.database), self.slack, dedupe_key, payload)

    def command(self, action: Action, target: str = "") -> str:
        """The command that carries out an action on this shop."""
        return command(action, target, self.shop)

    @property
    def console_url(self) -> str:
        """Address of this shop's pages in the console, which has the origin of Dagster's UI; no slash at the end."""
        parts = urlsplit(self.settings.dagster_webserver_url)
        return f"{parts.scheme}://{parts.netloc}" + (f"{SHOPS}/{self.shop}" if self.shop else "")

    def run_url(self, run_id: str) -> str:
        """Address of a run's page in the Dagster UI."""
        return f"{self.settings.dagster_webserver_url.rstrip('/')}/runs/{run_id}"


def known_secrets(settings: Settings) -> list[str]:
    """List every secret in the settings and beside them: keys, tokens, and the secret parts of addresses."""
    secrets = secrets_of_others()
    for name, value in settings:
        text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        # Several keys, or several feeds, are separated by white space or commas.
        for word in re.split(r"[\s,]+" if name == "awin_medusa_secret_key" else r"\s+", text):
            if "://" in word:
                secrets += credentials_in(word)
            elif isinstance(value, SecretStr) and name != "awin_feed_url":
                secrets.append(word)
        if isinstance(value, SecretStr) and "://" not in text and name != "awin_feed_url":
            secrets.append(text)
    for address in settings.feed_addresses:
        if local_path(address) is None:
            secrets += [address, *secrets_in(address)]
    if settings.slack_webhook_url:
        webhook = settings.slack_webhook_url.get_secret_value()
        secrets += [webhook, *(part for part in [urlsplit(webhook).path] if len(part) > 1)]
    return [secret for secret in secrets if secret]
