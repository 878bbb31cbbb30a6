"""Examines an installation: settings, feed, shop, state store, home, Etsy and Slack, with a remedy for each fault.

Changes nothing and shows no secrets.
"""

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path
from types import MappingProxyType

from pydantic import SecretStr, ValidationError

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.addresses import without_credentials
from awin_medusa_pipeline.core.disk import of_disk, of_operating_system
from awin_medusa_pipeline.core.errors import Action, PermanentError, PipelineError
from awin_medusa_pipeline.core.files import home_path, is_object_store
from awin_medusa_pipeline.core.http import Backoff
from awin_medusa_pipeline.core.process import make_private
from awin_medusa_pipeline.core.tables import try_out
from awin_medusa_pipeline.etsy.client.oauth import SALES_SCOPE
from awin_medusa_pipeline.etsy.domain.messages import time_text
from awin_medusa_pipeline.etsy.engine.choices import ShopChoices
from awin_medusa_pipeline.etsy.engine.premises import TO_DO, find_changes
from awin_medusa_pipeline.etsy.store.accounts import EtsyAccount
from awin_medusa_pipeline.etsy.store.jobs import JobStatus
from awin_medusa_pipeline.medusa.client import MedusaClient, Shop
from awin_medusa_pipeline.settings import Settings, as_written, env_file, variables_of
from awin_medusa_pipeline.sync.clients.awin import download
from awin_medusa_pipeline.sync.clients.awin_address import label_of
from awin_medusa_pipeline.sync.domain.feed.feed import FeedRules

FEED_BYTES = 256 << 10
LITTLE_DISK, TOO_LITTLE_DISK = 2e9, 0.3e9
"""A feed of a million rows takes 1.5 GB with its tables; a run's records take some megabytes."""
ONE_TRY = Backoff(attempts=1)
SALES_LATE = timedelta(hours=3)
"""They are imported every hour."""
NEEDED_BY_ETSY = ("taxonomy_id", "shipping_profile_id", "readiness_state_id", "who_made", "when_made")


class State(StrEnum):
    """State of a part."""

    OK = "ok"
    NOTE = "note"
    FAULT = "fault"


@dataclass(frozen=True)
class Finding:
    """One finding about a part, and what to do about it.

    With an `action` on a `target`, `to_do` reads well before a colon.
    """

    part: str
    state: State
    found: str
    to_do: str = ""
    action: Action | None = None
    target: str = ""


Findings = Iterator[Finding]
Rule = Callable[[Settings], object]
"""Raises ValueError, with what to do, for an invalid setting."""


def faults_of(error: ValidationError) -> Findings:
    """Turn validation errors of the settings into findings."""
    for fault in error.errors():
        name = variables_of(str(fault["loc"][0]))[0]
        yield Finding(name, State.FAULT, str(fault["msg"]), f"Correct it in {env_file()}.")


def examine(
    app: App,
    progress: Callable[[str, str], None],
    *,
    send_test_message: bool = False,
    rules: Mapping[str, Rule] = MappingProxyType({}),
    more: Mapping[str, Callable[[App], Findings]] = MappingProxyType({}),
) -> Findings:
    """Examine every part; yields at least one finding per part in use.

    `rules` per setting and `more` parts: checks that need Dagster.
    """
    yield from _settings(app.settings, _RULES | dict(rules))
    parts: dict[str, Callable[[], Findings]] = {
        "Feed": lambda: examine_feed(app),
        "Shop": lambda: examine_shop(app),
        "State store": lambda: store_findings(app),
        "Home": lambda: _home(app),
        "Etsy": lambda: _etsy(app),
        "Slack": lambda: _slack(app, send_test_message),
        **{part: partial(look, app) for part, look in more.items()},
    }
    for part, look in parts.items():
        progress("Looking", f"{part} ...")
        yield from with_faults(part, look)


def with_faults(part: str, look: Callable[[], Findings]) -> Findings:
    """Yield the findings of a part; an error becomes its last one."""
    try:
        yield from look()
    except PipelineError as error:
        found = f"{error.tried}: {error.came_back}" + (f" [{error.code}]" if error.code else "")
        yield Finding(part, State.FAULT, found, error.to_do, error.action, error.target)
    except ValueError as error:
        yield Finding(part, State.FAULT, "cannot be examined with these settings", str(error))
    except Exception as error:
        told = of_operating_system(error) if isinstance(error, OSError) else of_disk(error)
        if told is None:
            raise
        yield Finding(part, State.FAULT, f"{told.tried}: {told.came_back}", told.to_do)


def _settings(settings: Settings, rules: Mapping[str, Rule]) -> Findings:
    for name in Settings.model_fields:
        yield _setting(settings, name, rules.get(name))


def _setting(settings: Settings, name: str, rule: Rule | None) -> Finding:
    variable, value = variables_of(name)[0], getattr(settings, name)
    if value is None:
        return Finding(variable, State.OK, "not set")
    shown = "set" if isinstance(value, SecretStr) else without_credentials(as_written(value))
    try:
        if rule:
            rule(settings)
    except ValueError as error:
        return Finding(variable, State.FAULT, shown, f"{error} Correct it in {env_file()}.")
    return Finding(variable, State.OK, shown if name in settings.model_fields_set else f"{shown} (default)")


def _http(address: str | None) -> None:
    if not re.match(r"https?://[^/\s]+", address or ""):
        raise ValueError("It must begin with http:// or https://.")


_RULES: dict[str, Rule] = {
    "medusa_backend_url": lambda settings: _http(settings.medusa_backend_url),
    "dagster_webserver_url": lambda settings: _http(settings.dagster_webserver_url),
    "sync_sku_template": lambda settings: FeedRules(sku_template=settings.sync_sku_template),
}


def examine_feed(app: App) -> Findings:
    """Download the first part of each feed, and read it."""
    if not app.settings.feed_addresses:
        raise PermanentError(
            "Looking for the feed", "AWIN_FEED_URL is not set", "Copy its address from AWIN (Toolbox > Create-a-Feed)."
        )
    for address in app.settings.feed_addresses:
        yield from with_faults("Feed", partial(_one_feed, app, address))


def _one_feed(app: App, address: str) -> Findings:
    source = app.feed_source
    with tempfile.TemporaryDirectory() as folder:
        feed = download(address, Path(folder), rules=source.rules, token=source.token, most=FEED_BYTES, backoff=ONE_TRY)
    yield Finding("Feed", State.OK, f"{label_of(address)}: a feed with rows (its first {feed.bytes / 1e3:,.0f} kB)")


def examine_address(app: App) -> Findings:
    """Ask whether a Medusa answers at the address, before there is a key."""
    _http(address := app.settings.medusa_backend_url)
    with MedusaClient(str(address), backoff=ONE_TRY) as client:
        client.check_address()
    yield Finding("Shop", State.OK, f"a Medusa server answers at {address}")


def examine_shop(app: App) -> Findings:
    """Ask the shop for what a sync needs."""
    with app.medusa(backoff=ONE_TRY) as client:
        yield Finding("Shop", State.OK, f"{client.probe()} answers at {client.base_url}")
        if not client.can_write:
            yield Finding(
                "Shop",
                State.NOTE,
                "only a publishable key: detect_discrepancies_job works, nothing can be changed",
                "Set MEDUSA_ADMIN_API_KEY (Medusa Admin > Settings > Secret API Keys).",
            )
            return
        shop = app.pick_shop(client)
        yield Finding("Shop", State.OK, "sales channel, stock location and shipping profile exist")
        yield from with_faults("Shop", partial(_sold_from, client, shop))
        currencies = ", ".join(sorted(client.currencies())).upper()
        state, to_do = (State.OK, "") if currencies else (State.FAULT, "Add one in Medusa Admin > Settings > Store.")
        yield Finding("Shop", state, f"currencies: {currencies or 'none'}", to_do)
        yield from with_faults("Shop", partial(_bulk, client))


def _sold_from(client: MedusaClient, shop: Shop) -> Findings:
    client.check_sold_from(shop)
    yield Finding("Shop", State.OK, "the sales channel sells from the stock location")


def _bulk(client: MedusaClient) -> Findings:
    if client.runs_workflows:
        yield Finding("Shop", State.OK, "it runs workflows, so prices and new variants go 200 at once")
        return
    to_do = f"Let the role of the key, or the proxy, allow POST {client.base_url}/admin/workflows-executions/*/run."
    yield Finding("Shop", State.NOTE, "it refuses to run workflows, so prices go one product at a time", to_do)


def store_findings(app: App) -> Findings:
    """Open the state store."""
    yield Finding("State store", State.OK, app.database.name)


def _home(app: App) -> Findings:
    home = home_path(app.home)
    try:
        try_out(app.home)
    except OSError as error:
        if is_object_store(home):
            raise
        reason = error.strerror or str(error)
        raise PermanentError(
            f"Writing to {home}", reason, "Name a folder that you may write to in AWIN_MEDUSA_HOME."
        ) from None
    yield Finding("Home", State.OK, f"{home} can be written and read")
    yield from _rights(app)
    folder = app.scratch
    free = shutil.disk_usage(next(place for place in (folder, *folder.parents) if place.exists())).free
    state = State.FAULT if free < TOO_LITTLE_DISK else State.NOTE if free < LITTLE_DISK else State.OK
    to_do = "" if state is State.OK else "Free some space, or set AWIN_MEDUSA_HOME to a folder on another disk."
    yield Finding("Disk", state, f"{free / 1e9:,.1f} GB free", to_do)


def _rights(app: App) -> Findings:
    """Say whether other users of this machine may read what is kept here."""
    found = make_private(app.local_home)
    if not found:
        yield Finding("Home", State.OK, f"only this user may use {app.local_home}")
        return
    shown = f"{found[0]}" + (f" and {len(found) - 1:,} more" if len(found) > 1 else "")
    to_do = "Let the user of this program own them, or set AWIN_MEDUSA_HOME to a folder on a file system with rights."
    yield Finding("Home", State.NOTE, f"other users of this machine may use {shown}", to_do)


def _etsy(app: App) -> Findings:
    """Examine Etsy; no finding where it is not used."""
    accounts = app.etsy.accounts.all()
    if not accounts and not app.settings.etsy_keystring:
        return
    if not any(account.is_active for account in accounts):
        yield Finding("Etsy", State.NOTE, "no shop is connected", "Connect one.", Action.CONNECT_ETSY)
    for account in accounts:
        if account.is_active:
            yield from with_faults("Etsy", partial(_etsy_shop, app, account))
    for job in app.etsy.jobs.all(JobStatus.PENDING):
        found = f"{job.transaction_id} waits for a confirmation ({job.total_products:,} products)"
        yield Finding("Etsy", State.NOTE, found, "Look at it.", Action.SHOW_ETSY_JOB, job.transaction_id)


def _etsy_shop(app: App, account: EtsyAccount) -> Findings:
    with app.etsy.client(account, ONE_TRY) as client:
        choices = ShopChoices.read(client, named_in=account.api_config)
    shop = choices.shop
    yield Finding("Etsy", State.OK, f"{shop.shop_name} answers; prices in {shop.currency_code}")
    for change in find_changes(choices, account):
        yield Finding("Etsy", State.FAULT, f"{shop.shop_name} {change.words}", TO_DO[change.action], change.action)
    yield from _sales(app, account)
    config = account.api_config
    blank = [name for name in NEEDED_BY_ETSY if getattr(config, name) is None]
    if blank:
        found = f"no default for {', '.join(blank)}: a product without one of its own is refused"
        yield Finding("Etsy", State.NOTE, found, "Choose them.", Action.CONNECT_ETSY)


def _sales(app: App, account: EtsyAccount) -> Findings:
    """Say how old what is known of the sales is; no finding where they are not imported."""
    if not app.settings.etsy_import_sales:
        return
    if not account.covers(SALES_SCOPE):
        found = f"the consent of {account.shop_name} does not cover its orders, so its sales are not imported"
        yield Finding("Etsy", State.FAULT, found, "Connect it once more.", Action.CONNECT_ETSY_SALES)
        return
    cursor = app.etsy.sold.cursor(account.id)
    if cursor is None or cursor.imported_at is None:
        to_do = "etsy_sales_schedule imports them every hour, where `awin-medusa ui` runs."
        yield Finding("Etsy", State.NOTE, f"sales of {account.shop_name} were not imported yet", to_do)
        return
    late = app.etsy.now() - cursor.imported_at > SALES_LATE
    to_do = "See why etsy_sales_job fails, or switch etsy_sales_schedule on." if late else ""
    found = f"sales of {account.shop_name} are imported as of {time_text(cursor.imported_at)}"
    yield Finding("Etsy", State.FAULT if late else State.OK, found, to_do)


def _slack(app: App, send_test_message: bool) -> Findings:
    client, settings = app.slack, app.settings
    if not client.configured:
        to_do = "For summaries and alerts set SLACK_WEBHOOK_URL, or SLACK_BOT_TOKEN with SLACK_CHANNEL."
        yield Finding("Slack", State.NOTE, "not configured: messages go to the log only", to_do)
    elif settings.slack_bot_token and not settings.slack_channel:
        yield Finding("Slack", State.FAULT, "SLACK_BOT_TOKEN is set without SLACK_CHANNEL", "Set SLACK_CHANNEL.")
    elif send_test_message:
        client.send({"text": "awin-medusa doctor: messages arrive."})
        yield Finding("Slack", State.OK, "a test message was accepted")
    else:
        to_do = "To see a message arrive."
        yield Finding("Slack", State.OK, "configured", to_do, Action.SEND_TEST_MESSAGE)
