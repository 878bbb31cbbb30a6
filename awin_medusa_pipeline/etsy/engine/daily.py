"""The daily look: which listings are no more as they should be, by what Medusa or Etsy shows, and asking for it.

What belongs here: reading both sides, keeping what was seen, and one request an account. What does not: comparing
(etsy/domain/drift.py) and bringing anything to Etsy (jobs.py).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from awin_medusa_pipeline.etsy.client.answers import ListedInventory
from awin_medusa_pipeline.etsy.client.answers import Listing as Listed
from awin_medusa_pipeline.etsy.client.client import EtsyClient
from awin_medusa_pipeline.etsy.domain.drift import Shown, drift
from awin_medusa_pipeline.etsy.domain.messages import refused_message
from awin_medusa_pipeline.etsy.domain.plan import LOWER_STOCK, Action, ListingPlan, plan_listing
from awin_medusa_pipeline.etsy.domain.requests import Inventory
from awin_medusa_pipeline.etsy.engine.jobs import ProductReader
from awin_medusa_pipeline.etsy.engine.request import Choices, Requested, existing, plan_products, refusal, request
from awin_medusa_pipeline.etsy.engine.state import EtsyState
from awin_medusa_pipeline.etsy.store.accounts import EtsyAccount
from awin_medusa_pipeline.etsy.store.jobs import Asked, EtsyJob
from awin_medusa_pipeline.etsy.store.links import EtsyLink
from awin_medusa_pipeline.medusa.contracts import ShopProduct

TO_CONFIRM = timedelta(hours=20)
"""It is asked for at night: an hour would be over before anybody is awake. The next look comes after 24."""
GONE = (
    "Its listing was deleted on Etsy. If it should be there, request it: a new listing is made once that is confirmed."
)


@dataclass(frozen=True)
class Looked:
    """What a look at one account has found: the plan of each linked product, and sentences about what Etsy changed."""

    plans: tuple[ListingPlan, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def changed(self) -> list[ListingPlan]:
        """Products that are not on Etsy as they should be."""
        return [plan for plan in self.plans if plan.action is not Action.NOTHING]


@dataclass(frozen=True)
class DailyOutcome:
    """What was asked for, and what may be done without asking."""

    requested: Requested | None = None
    stock_down: EtsyJob | None = None


def look(etsy: EtsyState, account: EtsyAccount, client: EtsyClient, read_products: ProductReader) -> Looked:
    """Compare the listings of an account with Medusa and with what they were made; a change makes them out_of_sync.

    Products that an open job has are left to it. Raises PipelineError: a failed read changes nothing.
    """
    links = {link.product_id: link for link in etsy.links.of_account(account.id) if link.etsy_listing_id is not None}
    links = {product_id: link for product_id, link in links.items() if link.transaction_id is None}
    if not links:
        return Looked()
    products = read_products(list(links), account.currency)
    choices = Choices.of(client)
    ids = [link.etsy_listing_id for link in links.values() if link.etsy_listing_id is not None]
    listed, inventories = client.listings_by_ids(ids), client.inventories(ids)
    notes = []
    for product_id, link in list(links.items()):
        assert link.etsy_listing_id is not None
        name = link.memory.shown.get("title", product_id)
        found = listed.get(link.etsy_listing_id) or client.listing(link.etsy_listing_id)
        if found is None:
            del links[product_id]
            sentences: tuple[str, ...] = (GONE,) if etsy.links.lost(account.id, product_id, GONE) else ()
        else:
            sentences = _compared(etsy, account, link, products, found, inventories.get(link.etsy_listing_id))
        notes += [f"{name}: {sentence}" for sentence in sentences]
    # Read again: with what was seen just now.
    links = {id_: link for id_, link in etsy.links.of_products(account.id, links).items() if not link.transaction_id}
    looked = Looked(tuple(plan_products(account, links, products, links, choices)), tuple(notes))
    etsy.links.out_of_sync(account.id, [plan.product_id for plan in looked.changed])
    return looked


def ask(etsy: EtsyState, account: EtsyAccount, looked: Looked, *, by: str) -> DailyOutcome:
    """One job for everything that changed; stock that only goes down may go at once, in a job of its own."""
    changed = looked.changed
    down = [plan for plan in changed if plan.only_lowers_stock] if etsy.rules.push_stock_down else []
    stock_down = _stock_down(etsy, account, down, by) if down else None
    rest = [plan for plan in changed if plan not in down]
    if any(plan.action is not Action.REFUSE for plan in rest):
        return DailyOutcome(request(etsy, account, rest, by=by, notes=looked.notes, within=TO_CONFIRM), stock_down)
    if rest:
        _tell_refused(etsy, account, rest)
    return DailyOutcome(None, stock_down)


def _compared(
    etsy: EtsyState,
    account: EtsyAccount,
    link: EtsyLink,
    products: Mapping[str, ShopProduct],
    listed: Listed,
    inventory: ListedInventory | None,
) -> tuple[str, ...]:
    """Keep what Etsy shows of a listing; what a person should know of it."""
    product = products.get(link.product_id)
    plan = plan_listing(link.product_id, product, account.api_config, account.currency, existing(link))
    shown = Shown(
        state=listed.state,
        title=listed.title,
        description=listed.description,
        tags=listed.tags,
        image_ids=tuple(image.listing_image_id for image in listed.images),
        inventory=_as_request(inventory),
    )
    found = drift(plan.listing, link.memory, shown)
    if found.memory == link.memory or etsy.links.saw(account.id, link.product_id, found.memory):
        return found.sentences
    return ()


def _as_request(inventory: ListedInventory | None) -> Inventory | None:
    try:
        return inventory.as_request() if inventory else None
    except ValueError:
        return None


def _stock_down(etsy: EtsyState, account: EtsyAccount, plans: list[ListingPlan], by: str) -> EtsyJob:
    asked = [Asked(plan.product_id, plan.title, LOWER_STOCK) for plan in plans]
    job = etsy.jobs.request(account.id, asked, requested_by=by, confirm_within=TO_CONFIRM)
    return etsy.jobs.confirm(job.transaction_id, "ETSY_PUSH_STOCK_DOWN")


def _tell_refused(etsy: EtsyState, account: EtsyAccount, plans: list[ListingPlan]) -> None:
    """Once, as long as nothing changes about it."""
    sentences = [refusal(plan) for plan in plans]
    digest = hashlib.sha256("\n".join(sentences).encode()).hexdigest()[:12]
    etsy.notify(f"etsy-refused-{account.id}-{digest}", refused_message(account.shop_name, sentences))
