"""Compares the listings of all accounts with Medusa once a day, and requests a confirmation of what differs."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from awin_medusa_pipeline.core.errors import PipelineError
from awin_medusa_pipeline.core.messages import Line
from awin_medusa_pipeline.etsy.client.answers import ListingAnswer
from awin_medusa_pipeline.etsy.client.client import EtsyClient
from awin_medusa_pipeline.etsy.domain.messages import refused_message
from awin_medusa_pipeline.etsy.domain.plan import ListingAction, ListingPlan, Proposal
from awin_medusa_pipeline.etsy.engine.looks import Shown, take_over
from awin_medusa_pipeline.etsy.engine.pictures import look_at_pictures
from awin_medusa_pipeline.etsy.engine.premises import read_premises, vacation_note
from awin_medusa_pipeline.etsy.engine.products import ProductReader, product_reader
from awin_medusa_pipeline.etsy.engine.request import (
    Requested,
    plan_products,
    refusal_text,
    request_plans,
)
from awin_medusa_pipeline.etsy.engine.state import EtsyState
from awin_medusa_pipeline.etsy.store.accounts import EtsyAccount
from awin_medusa_pipeline.etsy.store.jobs import EtsyJob, RequestedProduct
from awin_medusa_pipeline.etsy.store.links import EtsyLink
from awin_medusa_pipeline.medusa.client import MedusaClient

CONFIRM_WITHIN = timedelta(hours=20)
"""It is requested at night: an hour would be over before anybody is awake. The next look comes after 24 hours."""
DELETED = (
    "Its listing was deleted on Etsy. If it should be there, request it: a new listing is made once that is confirmed."
)


@dataclass(frozen=True)
class AccountLook:
    """What a look at one account found: the plan of each linked product, and sentences about what Etsy changed."""

    plans: tuple[ListingPlan, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def changed(self) -> list[ListingPlan]:
        """Products that are not on Etsy as they should be."""
        return [plan for plan in self.plans if plan.action is not ListingAction.NOTHING]


@dataclass(frozen=True)
class AccountResult:
    """What the daily look at one account came to."""

    shop: str
    look: AccountLook = AccountLook()
    requested: Requested | None = None
    """What waits for a confirmation."""
    stock_down: EtsyJob | None = None
    """The job that lowers stock without a confirmation."""
    fault: PipelineError | None = None
    """Why the account could not be looked at; then nothing was requested."""

    @property
    def lines(self) -> list[Line]:
        """What was found and requested."""
        if self.fault:
            return []
        lines: list[Line] = [f"{self.shop}: {len(self.look.changed)} of {len(self.look.plans)} differ"]
        lines += self.look.notes
        lines += self.requested.request.lines if self.requested else []
        if self.stock_down:
            lines.append(f"Stock goes down without asking: {self.stock_down.transaction_id}")
        return lines


def look_at_accounts(
    etsy: EtsyState, open_medusa: Callable[[], MedusaClient], *, account: str | None, by: str
) -> list[AccountResult]:
    """Look at all connected accounts, or at the one named; a fault of one account does not stop the others.

    Without a connected account Medusa is not opened. Raises EtsyAccountError for an unknown name.
    """
    accounts = [etsy.accounts.find(account)] if account else etsy.accounts.active()
    if not accounts:
        return []
    with open_medusa() as medusa:
        read_products = product_reader(medusa, etsy.rules.stock_location)
        return [_look_and_request(etsy, one, read_products, by) for one in accounts]


def look_at_account(
    etsy: EtsyState, account: EtsyAccount, client: EtsyClient, read_products: ProductReader
) -> AccountLook:
    """Compare the listings of an account with Medusa and with what Etsy was given; changed ones become out_of_sync.

    Products of an open job are left to it. Raises PipelineError: a failed read changes nothing.
    """
    links = {link.product_id: link for link in etsy.links.of_account(account.id) if link.etsy_listing_id is not None}
    links = {product_id: link for product_id, link in links.items() if link.transaction_id is None}
    if not links:
        return AccountLook()
    sales = etsy.imported_sales(account.id, list(links))
    products = read_products(list(links), account.currency)
    choices = read_premises(client, account)
    shown = Shown.read(client, [link.etsy_listing_id for link in links.values() if link.etsy_listing_id is not None])
    shown = shown.with_listings(_look_again(client, links.values(), shown))
    notes = [*vacation_note(choices)]
    for product_id, link in list(links.items()):
        if link.etsy_listing_id not in shown.listings:
            del links[product_id]
            if etsy.links.mark_deleted(account.id, product_id, DELETED):
                notes.append(f"{_name(link)}: {DELETED}")
    for product_id, sentences in take_over(etsy, account, links, products, shown, sales).items():
        notes += [f"{_name(links[product_id])}: {sentence}" for sentence in sentences]
    # Read again, with what was recorded just now.
    links = {id_: link for id_, link in etsy.links.of_products(account.id, links).items() if not link.transaction_id}
    plans = look_at_pictures(plan_products(etsy, account, links, products, links), links, etsy.rules.image_hosts)
    look = AccountLook(tuple(plans), tuple(notes))
    etsy.links.mark_out_of_sync(account.id, [plan.product_id for plan in look.changed])
    return look


def _look_again(client: EtsyClient, links: Iterable[EtsyLink], shown: Shown) -> dict[int, ListingAnswer]:
    """Read one by one the listings that were not among the others: gone is only what Etsy itself says is not there."""
    ids = [link.etsy_listing_id for link in links if link.etsy_listing_id is not None]
    found = {listing_id: client.listing(listing_id) for listing_id in ids if listing_id not in shown.listings}
    return {listing_id: listing for listing_id, listing in found.items() if listing}


def _name(link: EtsyLink) -> str:
    return link.memory.written.get("title", link.product_id)


def request_changes(etsy: EtsyState, account: EtsyAccount, look: AccountLook, *, by: str) -> AccountResult:
    """Make one job of everything that changed. Stock that only goes down may go at once, in a job of its own."""
    changed = look.changed
    down = [plan for plan in changed if plan.only_lowers_stock] if etsy.rules.push_stock_down else []
    stock_down = _confirm_stock_down(etsy, account, down, by) if down else None
    rest = [plan for plan in changed if plan not in down]
    requested = None
    if any(plan.action is not ListingAction.REFUSE for plan in rest):
        requested = request_plans(etsy, account, rest, by=by, notes=look.notes, within=CONFIRM_WITHIN)
    elif rest:
        _report_refused(etsy, account, rest)
    return AccountResult(account.shop_name, look, requested, stock_down)


def _look_and_request(etsy: EtsyState, account: EtsyAccount, read_products: ProductReader, by: str) -> AccountResult:
    try:
        with etsy.client(account) as client:
            look = look_at_account(etsy, account, client, read_products)
        return request_changes(etsy, account, look, by=by)
    except PipelineError as fault:
        return AccountResult(account.shop_name, fault=fault)


def _confirm_stock_down(etsy: EtsyState, account: EtsyAccount, plans: Sequence[ListingPlan], by: str) -> EtsyJob:
    products = [RequestedProduct(plan.product_id, plan.title, Proposal.LOWER_STOCK) for plan in plans]
    job = etsy.jobs.request(account.id, products, requested_by=by, confirm_within=CONFIRM_WITHIN)
    return etsy.jobs.confirm(job.transaction_id, "ETSY_PUSH_STOCK_DOWN")


def _report_refused(etsy: EtsyState, account: EtsyAccount, plans: Sequence[ListingPlan]) -> None:
    """Tell the shop owner which changes Etsy would refuse, once until something about them changes."""
    sentences = [refusal_text(plan) for plan in plans]
    digest = hashlib.sha256("\n".join(sentences).encode()).hexdigest()[:12]
    etsy.notify(f"etsy-refused-{account.id}-{digest}", refused_message(account.shop_name, sentences))
