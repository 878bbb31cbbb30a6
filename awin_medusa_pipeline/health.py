"""Is everything right? Settings, feed, shop, state store, home, Etsy, Slack and Dagster, looked at one after another.

What belongs here: looking, and what to do about each fault. What does not: putting it right. Nothing here may show a
secret, and nothing changes the shop.
"""

import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import dagster as dg
from pydantic import SecretStr, ValidationError
from rich.table import Table
from rich.text import Text

from awin_medusa_pipeline.cli.documentation import as_written
from awin_medusa_pipeline.core.errors import PermanentError, RemoteError
from awin_medusa_pipeline.core.files import home_path, local_home, replacing
from awin_medusa_pipeline.core.http import Backoff
from awin_medusa_pipeline.core.slack import SlackClient
from awin_medusa_pipeline.core.store.database import StoreError, database_url, open_database
from awin_medusa_pipeline.defs.launch import dagster_home
from awin_medusa_pipeline.defs.resources import medusa_client
from awin_medusa_pipeline.defs.schedules import all_schedules
from awin_medusa_pipeline.etsy.context import Etsy
from awin_medusa_pipeline.etsy.engine.request import Choices
from awin_medusa_pipeline.etsy.store.accounts import EtsyAccount
from awin_medusa_pipeline.etsy.store.jobs import JobStatus
from awin_medusa_pipeline.sandbox.processes import Progress
from awin_medusa_pipeline.settings import Settings, env_file, variables_of
from awin_medusa_pipeline.sync.clients.awin import download
from awin_medusa_pipeline.sync.clients.awin_address import label_of
from awin_medusa_pipeline.sync.domain.feed.feed import FeedRules

FEED_BYTES = 256 << 10
LITTLE_DISK, TOO_LITTLE_DISK = 2e9, 0.3e9
"""A feed of a million rows takes 1.5 GB with its tables; a run's records take some megabytes."""
DAEMON_SILENCE = 120  # seconds; it gives a sign of life every 30
ONE_TRY = Backoff(attempts=1)
NEEDED_BY_ETSY = ("taxonomy_id", "shipping_profile_id", "readiness_state_id", "who_made", "when_made")


class State(StrEnum):
    """How a part is."""

    OK = "ok"
    NOTE = "note"
    FAULT = "fault"


@dataclass(frozen=True)
class Finding:
    """One part: what was found, and what to do about it."""

    part: str
    state: State
    found: str
    to_do: str = ""


Findings = Iterator[Finding]


def examine(progress: Progress, *, send_test_message: bool = False) -> Findings:
    """Everything, one finding or more a part. With wrong settings, these alone."""
    try:
        settings = Settings()
    except ValidationError as error:
        for fault in error.errors():
            name = variables_of(str(fault["loc"][0]))[0]
            yield Finding(name, State.FAULT, str(fault["msg"]), f"Correct it in {env_file()}.")
        return
    yield from _settings(settings)
    parts: dict[str, Callable[[], Findings]] = {
        "Feed": lambda: _feed(settings),
        "Shop": lambda: _shop(settings),
        "State store": lambda: _store(settings),
        "Home": lambda: _home(settings),
        "Etsy": lambda: _etsy(settings),
        "Slack": lambda: _slack(settings, send_test_message),
        "Dagster": _dagster,
    }
    for part, look in parts.items():
        progress("Looking", f"{part} ...")
        yield from _with_faults(part, look)


def table(findings: list[Finding]) -> Table:
    """For the terminal."""
    colours = {State.OK: "green", State.NOTE: "yellow", State.FAULT: "red"}
    shown = Table("part", "state", "found", "what to do")
    for finding in findings:
        state = Text(finding.state, style=colours[finding.state])
        shown.add_row(finding.part, state, finding.found, finding.to_do)
    return shown


def _with_faults(part: str, look: Callable[[], Findings]) -> Findings:
    """The findings of a part; an error is its last one."""
    try:
        yield from look()
    except RemoteError as error:
        yield Finding(part, State.FAULT, f"{error.tried}: {error.came_back}", error.to_do)
    except (StoreError, dg.DagsterError) as error:
        yield Finding(part, State.FAULT, str(error))
    except ValueError as error:
        yield Finding(part, State.FAULT, "cannot be looked at with these settings", str(error))
    except OSError as error:
        to_do = "Check that it is there and that you may write to it."
        yield Finding(part, State.FAULT, f"{error.filename}: {error.strerror}", to_do)


def _settings(settings: Settings) -> Findings:
    for name in Settings.model_fields:
        yield _setting(settings, name)


def _setting(settings: Settings, name: str) -> Finding:
    variable, value = variables_of(name)[0], getattr(settings, name)
    if value is None:
        return Finding(variable, State.OK, "not set")
    shown = "set" if isinstance(value, SecretStr) else _without_password(as_written(value))
    try:
        _RULES.get(name, _any)(settings)
    except (ValueError, dg.DagsterError) as error:
        return Finding(variable, State.FAULT, shown, f"{error} Correct it in {env_file()}.")
    return Finding(variable, State.OK, shown if name in settings.model_fields_set else f"{shown} (default)")


def _without_password(text: str) -> str:
    return re.sub(r"//[^/@]*@", "//***@", text)


def _any(settings: Settings) -> None:
    """Whatever pydantic lets pass."""


def _http(address: str | None) -> None:
    if not re.match(r"https?://[^/\s]+", address or ""):
        raise ValueError("It must begin with http:// or https://.")


def _cron(settings: Settings, **others: str) -> None:
    all_schedules(settings.model_copy(update=others))


def _feed_rules(settings: Settings) -> FeedRules:
    if not all(settings.sync_price_column.values()):
        raise ValueError("Write it as `12345=base_price *=search_price`.")
    return FeedRules(sku_template=settings.sync_sku_template, price_columns=settings.sync_price_column)


_RULES: dict[str, Callable[[Settings], object]] = {
    "medusa_backend_url": lambda settings: _http(settings.medusa_backend_url),
    "dagster_webserver_url": lambda settings: _http(settings.dagster_webserver_url),
    "sync_cron": lambda settings: _cron(settings, etsy_cron="0 0 * * *"),
    "etsy_cron": lambda settings: _cron(settings, sync_cron="0 0 * * *"),
    "sync_sku_template": lambda settings: FeedRules(sku_template=settings.sync_sku_template),
    "sync_price_column": _feed_rules,
}


def _feed(settings: Settings) -> Findings:
    if not settings.feed_addresses:
        raise PermanentError(
            "Looking for the feed", "AWIN_FEED_URL is not set", "Copy its address from AWIN (Toolbox > Create-a-Feed)."
        )
    for address in settings.feed_addresses:
        yield from _with_faults("Feed", lambda address=address: _one_feed(address, settings))  # type: ignore[misc]


def _one_feed(address: str, settings: Settings) -> Findings:
    token = settings.awin_api_token.get_secret_value() if settings.awin_api_token else None
    with tempfile.TemporaryDirectory() as folder:
        feed = download(
            address, Path(folder), rules=_feed_rules(settings), token=token, most=FEED_BYTES, backoff=ONE_TRY
        )
    yield Finding("Feed", State.OK, f"{label_of(address)}: a feed with rows (its first {feed.bytes / 1e3:,.0f} kB)")


def _shop(settings: Settings) -> Findings:
    with medusa_client(settings, backoff=ONE_TRY) as client:
        yield Finding("Shop", State.OK, f"{client.probe()} answers at {_without_password(client.base_url)}")
        if not client.can_write:
            yield Finding(
                "Shop",
                State.NOTE,
                "a publishable key alone: detect_discrepancies_job works, nothing can be changed",
                "Set MEDUSA_ADMIN_API_KEY (Medusa Admin > Settings > Secret API Keys).",
            )
            return
        client.shop(
            sales_channel=settings.medusa_sales_channel,
            stock_location=settings.medusa_stock_location,
            shipping_profile=settings.medusa_shipping_profile,
        )
        yield Finding("Shop", State.OK, "sales channel, stock location and shipping profile are there")
        currencies = ", ".join(sorted(client.currencies())).upper()
        state, to_do = (State.OK, "") if currencies else (State.FAULT, "Add one in Medusa Admin > Settings > Store.")
        yield Finding("Shop", state, f"currencies: {currencies or 'none'}", to_do)


def _store(settings: Settings) -> Findings:
    with open_database(database_url(settings)) as database:
        yield Finding("State store", State.OK, database.name)


def _home(settings: Settings) -> Findings:
    home = home_path(settings.awin_medusa_home)
    probe = home / "doctor.txt"
    try:
        with replacing(probe) as file:
            file.write_text("awin-medusa doctor was here")
        probe.unlink()
    except OSError as error:
        reason = error.strerror or str(error)
        raise PermanentError(
            f"Writing to {home}", reason, "Name a folder that you may write to in AWIN_MEDUSA_HOME."
        ) from None
    yield Finding("Home", State.OK, f"{home} can be written")
    folder = local_home(settings.awin_medusa_home)
    free = shutil.disk_usage(next(place for place in (folder, *folder.parents) if place.exists())).free
    state = State.FAULT if free < TOO_LITTLE_DISK else State.NOTE if free < LITTLE_DISK else State.OK
    to_do = "" if state is State.OK else "Free some space, or set AWIN_MEDUSA_HOME to a folder on another disk."
    yield Finding("Disk", state, f"{free / 1e9:,.1f} GB free", to_do)


def _etsy(settings: Settings) -> Findings:
    """Nothing, where Etsy is not used."""
    with open_database(database_url(settings)) as database:
        etsy = Etsy(settings, database)
        accounts = etsy.accounts.all()
        if not accounts and not settings.etsy_keystring:
            return
        if not any(account.is_active for account in accounts):
            yield Finding("Etsy", State.NOTE, "no shop is connected", "Connect one: awin-medusa etsy connect.")
        for account in accounts:
            if account.is_active:
                yield from _with_faults("Etsy", lambda account=account: _etsy_shop(etsy, account))  # type: ignore[misc]
        waiting = etsy.jobs.all(JobStatus.PENDING)
    for job in waiting:
        found = f"{job.transaction_id} waits for a confirmation ({job.total_products:,} products)"
        yield Finding("Etsy", State.NOTE, found, f"Look at it: awin-medusa etsy show {job.transaction_id}")


def _etsy_shop(etsy: Etsy, account: EtsyAccount) -> Findings:
    with etsy.client(account) as client:
        shop, choices = client.shop(), Choices.of(client)
    yield Finding("Etsy", State.OK, f"{shop.shop_name} answers; prices in {shop.currency_code}")
    if shop.currency_code != account.currency:
        found = f"{shop.shop_name} sells in {shop.currency_code} now, not in {account.currency}"
        yield Finding("Etsy", State.FAULT, found, "Connect it again: awin-medusa etsy connect.")
    config = account.api_config
    blank = [name for name in NEEDED_BY_ETSY if getattr(config, name) is None]
    if gone := choices.unknown(config):
        found = f"{shop.shop_name} has no {', '.join(gone)} any more"
        yield Finding("Etsy", State.FAULT, found, "Choose others: awin-medusa etsy settings.")
    if blank:
        found = f"no default for {', '.join(blank)}: a product without one of its own is refused"
        yield Finding("Etsy", State.NOTE, found, "Choose them: awin-medusa etsy connect.")


def _slack(settings: Settings, send_test_message: bool) -> Findings:
    client = SlackClient.from_settings(settings)
    if not client.configured:
        to_do = "For summaries and alerts set SLACK_WEBHOOK_URL, or SLACK_BOT_TOKEN with SLACK_CHANNEL."
        yield Finding("Slack", State.NOTE, "not configured: messages go to the log only", to_do)
    elif settings.slack_bot_token and not settings.slack_channel:
        yield Finding("Slack", State.FAULT, "SLACK_BOT_TOKEN is set without SLACK_CHANNEL", "Set SLACK_CHANNEL.")
    elif send_test_message:
        client.send({"text": "awin-medusa doctor: messages arrive."})
        yield Finding("Slack", State.OK, "a test message was accepted")
    else:
        to_do = "To see a message arrive: awin-medusa doctor --send-test-message"
        yield Finding("Slack", State.OK, "configured", to_do)


def _dagster() -> Findings:
    yield Finding("Dagster", State.OK, f"home: {dagster_home()}")
    with dg.DagsterInstance.get() as instance:
        beats = [beat.timestamp for name, beat in instance.get_daemon_heartbeats().items() if name == "SCHEDULER"]
    if max(beats, default=0) > time.time() - DAEMON_SILENCE:
        yield Finding("Dagster", State.OK, "the daemon is alive: schedules and sensors run")
    else:
        to_do = "Keep `awin-medusa ui` running, or a service with dagster-daemon; by hand: awin-medusa sync."
        yield Finding("Dagster", State.NOTE, "no daemon is alive: the nightly sync will not start", to_do)
