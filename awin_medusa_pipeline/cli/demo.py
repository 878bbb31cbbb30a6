"""Runs `awin-medusa demo`: a trial shop with a feed that differs, a whole sync, and some products to Etsy's stand-in.

Resets nothing: a second run continues with what the first one left.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.cli.application import open_app, who
from awin_medusa_pipeline.cli.etsy import request_and_show, sync_and_show
from awin_medusa_pipeline.cli.sandbox import Port, points_to, sandbox_here
from awin_medusa_pipeline.cli.sync import run_sync
from awin_medusa_pipeline.cli.terminal import Steps, commands, say
from awin_medusa_pipeline.console.store.access import Access
from awin_medusa_pipeline.environment import make_env_file, set_in_env_file
from awin_medusa_pipeline.etsy.client.oauth import Consent
from awin_medusa_pipeline.etsy.domain.listing import prepare_listing
from awin_medusa_pipeline.etsy.engine.connect import ask_consent, store_shop
from awin_medusa_pipeline.etsy.engine.state import EtsyState
from awin_medusa_pipeline.etsy.store.accounts import EtsyAccount
from awin_medusa_pipeline.etsy.store.jobs import JobStatus
from awin_medusa_pipeline.etsy_decisions import EtsyDecider
from awin_medusa_pipeline.medusa.products import SHOP_PRODUCT_FIELDS, shop_product
from awin_medusa_pipeline.sandbox import Progress, Sandbox
from awin_medusa_pipeline.sandbox.etsy import shop as etsy_shop
from awin_medusa_pipeline.sandbox.feed_generator import write_feed
from awin_medusa_pipeline.sandbox.prefill import prefill, product_count
from awin_medusa_pipeline.settings import ENV_FILE_VARIABLE, Settings, env_file
from awin_medusa_pipeline.sync.engine.intake import whole_feed

USER = "demo"
OFFERS = 1_800
SEED = 7
FOR_ETSY, LOOKED_AT = 3, 200
DEFAULTS = {
    "taxonomy_id": etsy_shop.MUGS,
    "shipping_profile_id": etsy_shop.MANUAL_PROFILE,
    "return_policy_id": etsy_shop.RETURN_POLICY,
    "readiness_state_id": etsy_shop.READY_TO_SHIP,
    "who_made": "i_did",
    "when_made": "made_to_order",
}
HEAD = """\
# Made by `awin-medusa demo`: it points to the sandbox, a shop for trials on this machine.
# For your own shop: remove this file, run `awin-medusa init`, and fill in what it names.
"""


@dataclass(frozen=True)
class DemoSettings:
    """Files of the demo's settings; `beside_own`: the shop owner has others already, which are left alone."""

    file: Path
    home: Path
    beside_own: bool


def demo(port: Port = None) -> None:
    """Try it all on this machine: a real Medusa, a feed, one whole sync and its summary, and some products to Etsy.

    It never touches your own shop or your own .env. A second run finds nothing left to do.
    """
    sandbox = sandbox_here(Settings(), port)
    with Steps() as steps:
        fill(sandbox, steps)
    settings = write_settings(sandbox)
    if settings.beside_own:
        say(f"Your own settings are left alone; this run works on the sandbox, with {settings.file}.")
    use(sandbox, settings)
    with open_app() as app:
        run_sync(app)
        show_etsy(app, sandbox)
        show_next_steps(app, sandbox, settings)


def show_next_steps(app: App, sandbox: Sandbox, settings: DemoSettings) -> None:
    """Say where the demo's shop can be looked at, with a link that opens the console, and how to go on."""
    chosen = f"{ENV_FILE_VARIABLE}={settings.file} " if settings.beside_own else ""
    say(f"\nThe shop: {sandbox.shop.base_url}; Slack's messages: {sandbox.slack_file}")
    commands(
        [
            (f"{chosen}make ui", "the console, with Dagster's UI, schedules and sensors; then open the link below"),
            (f"{chosen}.venv/bin/awin-medusa report", "the summary again"),
            (".venv/bin/awin-medusa sandbox down", "stop the sandbox; --purge removes it"),
            *([] if chosen else [("rm .env && .venv/bin/awin-medusa init", "go on with your own shop")]),
        ]
    )
    say("\nThe console: ", (console_link(app), "bold"))
    say(f"The link works once, within an hour. Another one: {chosen}.venv/bin/awin-medusa console link")
    say("The shop's products are there under Products, each with its feed row and its listing on Etsy beside it.")


def console_link(app: App) -> str:
    """Address that opens the console once, for a user who has no password."""
    access = Access(app.database)
    if USER not in [user.name for user in access.users()]:
        access.set_user(USER, None)
    return f"{app.settings.dagster_webserver_url.rstrip('/')}/link/{access.make_link(USER)}"


def show_etsy(app: App, sandbox: Sandbox) -> None:
    """Connect the stand-in, then request, confirm and sync some products twice."""
    say(("\nAnd to Etsy", "bold"), ": a stand-in on this machine that keeps Etsy's rules. Nothing here costs money.")
    account = connect_etsy(app.etsy, sandbox)
    products = choose_products(app, account)
    say("Connected: ", (account.shop_name, "bold"), f", prices in {account.currency}. A person picks some products:")
    _sync_to_etsy(app, sandbox, products)
    say("\nThe same once more, with nothing changed:")
    _sync_to_etsy(app, sandbox, products)


def _sync_to_etsy(app: App, sandbox: Sandbox, products: list[str]) -> None:
    request_and_show(app, products)
    jobs = app.etsy.jobs
    (job, *_) = jobs.all(JobStatus.PENDING)
    EtsyDecider(app, who()).confirm_etsy_job(job.transaction_id)
    before = sandbox.etsy.last_call()
    sync_and_show(app, job.transaction_id)
    for row in jobs.products(job.transaction_id):
        say(f"  {row.title}: {row.outcome}")
    say(f"  {len(sandbox.etsy.writes(after=before)):,} calls that write")


def fill(sandbox: Sandbox, progress: Progress) -> None:
    """Start the sandbox, make the feed if it is missing, and fill the shop if it is empty."""
    shop = sandbox.up(progress)
    if not sandbox.feed_file.exists():
        progress("Making a feed", f"{OFFERS:,} offers")
        draft = sandbox.feed_file.with_name(f"draft-{sandbox.feed_file.name}")
        write_feed(draft, offers=OFFERS, seed=SEED, image_address=sandbox.images_address)
        draft.replace(sandbox.feed_file)
    with shop.client() as client:
        filled = product_count(client) > 0
    if not filled:
        prefill(shop, whole_feed(sandbox.feed_file, label="demo"), progress=progress)


def write_settings(sandbox: Sandbox) -> DemoSettings:
    """Write the sandbox's settings to `.env` if it is free or points there already, else to a file of their own."""
    file, home = env_file(), sandbox.folder.parent
    settings = Settings()
    own_shop = settings.medusa_backend_url is not None or file.exists()
    if beside_own := own_shop and not points_to(settings, sandbox):
        home = home / "demo"
        file = home / ".env"
    make_env_file(file, HEAD)
    set_in_env_file(file, _environment(sandbox, home))
    return DemoSettings(file, home, beside_own)


def use(sandbox: Sandbox, settings: DemoSettings) -> None:
    """Make this process use the sandbox's settings only, whatever the shell exports."""
    for name in (*Settings.variables(), "DAGSTER_HOME"):
        os.environ.pop(name, None)
    os.environ.update(_environment(sandbox, settings.home))
    os.environ[ENV_FILE_VARIABLE] = str(settings.file)


def connect_etsy(etsy: EtsyState, sandbox: Sandbox) -> EtsyAccount:
    """Connect the stand-in's shop, whose consent page agrees at once. Its listings are drafts."""
    consent = Consent()
    account, choices = store_shop(etsy, ask_consent(etsy, consent, sandbox.etsy.agree), consent)
    etsy.accounts.configure(account.id, choices.apply_answers(account.api_config, DEFAULTS))
    # `sandbox reset` empties the stand-in, but not our links to its listings.
    present = {listing["listing_id"] for listing in sandbox.etsy.listings()}
    for link in etsy.links.of_account(account.id):
        if link.etsy_listing_id not in present:
            etsy.links.mark_deleted(account.id, link.product_id, "The stand-in for Etsy was reset.")
    return etsy.accounts.get(account.id)


def choose_products(app: App, account: EtsyAccount) -> list[str]:
    """Handles of some products that Etsy would accept, with different titles; always the same ones."""
    with app.medusa(applying=True) as medusa:
        params = {"fields": SHOP_PRODUCT_FIELDS, "limit": LOOKED_AT, "status[]": "published", "order": "handle"}
        location_id = medusa.stock_location_id(None)
        products = [
            shop_product(product, currency=account.currency, location_id=location_id)
            for product in medusa.get("/admin/products", params)["products"]
        ]
    config = account.api_config
    suitable = {
        product.title: product.handle
        for product in reversed(products)
        if product.images and prepare_listing(product, config, account.currency, publish=False).listing
    }
    return list(suitable.values())[-FOR_ETSY:]


def _environment(sandbox: Sandbox, home: Path) -> dict[str, str]:
    return {**sandbox.environment(), "AWIN_MEDUSA_HOME": str(home)}
