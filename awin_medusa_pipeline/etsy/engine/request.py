"""Requests products for Etsy: plans them and makes a job that waits for a confirmation."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from awin_medusa_pipeline.etsy.domain.findings import join_names
from awin_medusa_pipeline.etsy.domain.messages import ConfirmationRequest
from awin_medusa_pipeline.etsy.domain.owners import left_alone
from awin_medusa_pipeline.etsy.domain.plan import (
    ExistingListing,
    ListingAction,
    ListingPlan,
    cap_publishing,
    count_plans,
    listing_fees,
    plan_listing,
)
from awin_medusa_pipeline.etsy.domain.shown import same
from awin_medusa_pipeline.etsy.domain.stock import forgive
from awin_medusa_pipeline.etsy.engine.looks import Shown, take_over
from awin_medusa_pipeline.etsy.engine.pictures import look_at_pictures
from awin_medusa_pipeline.etsy.engine.premises import read_premises, vacation_note
from awin_medusa_pipeline.etsy.engine.products import find_products, product_reader
from awin_medusa_pipeline.etsy.engine.state import EtsyState
from awin_medusa_pipeline.etsy.store.accounts import EtsyAccount
from awin_medusa_pipeline.etsy.store.jobs import EtsyJob, EtsyJobError, ProductOutcome, RequestedProduct
from awin_medusa_pipeline.etsy.store.links import EtsyLink
from awin_medusa_pipeline.medusa.client import MedusaClient
from awin_medusa_pipeline.medusa.models import ShopProduct


@dataclass(frozen=True)
class Requested:
    """A pending job, the plans that it was made of, and what a person is asked to confirm."""

    job: EtsyJob
    plans: tuple[ListingPlan, ...]
    request: ConfirmationRequest


def plan_products(
    etsy: EtsyState,
    account: EtsyAccount,
    product_ids: Iterable[str],
    products: Mapping[str, ShopProduct],
    links: Mapping[str, EtsyLink],
) -> list[ListingPlan]:
    """Plan each product, within the account's limit for publishing."""
    config = account.api_config
    plans = [
        plan_listing(
            product_id,
            products.get(product_id),
            config,
            account.currency,
            existing_listing(links.get(product_id)),
            etsy.rules.ours,
        )
        for product_id in product_ids
    ]
    return cap_publishing(plans, config.publish_at_most)


def request_plans(
    etsy: EtsyState,
    account: EtsyAccount,
    plans: Sequence[ListingPlan],
    *,
    by: str,
    notes: Sequence[str] = (),
    within: timedelta = timedelta(0),
) -> Requested:
    """Make a pending job of these plans and tell the shop owner; refused products are named, but not part of it.

    It can be confirmed for ETSY_CONFIRM_MINUTES, or for `within` if that is longer. Raises EtsyJobError when no
    product is left.
    """
    if not any(plan.action is not ListingAction.REFUSE for plan in plans):
        raise EtsyJobError(
            f"Requesting {join_names([plan.title for plan in plans]) or 'nothing'} for the Etsy shop "
            f"{account.shop_name}",
            " ".join(refusal_text(plan) for plan in plans[:5]).rstrip(".") or "no product was named",
            "Correct that, and request it again.",
        )
    products = [
        RequestedProduct(plan.product_id, plan.title, plan.proposal, _problems(plan) or None, plan.changes)
        for plan in plans
    ]
    within = max(within, etsy.rules.confirm_within)
    job = etsy.jobs.request(account.id, products, requested_by=by, confirm_within=within)
    rows = etsy.jobs.products(job.transaction_id)
    refused = {row.product_id for row in rows if row.outcome is ProductOutcome.REFUSED}
    accepted = [plan for plan in plans if plan.product_id not in refused]
    request = ConfirmationRequest(
        shop=account.shop_name,
        transaction_id=job.transaction_id,
        expires_at=job.expires_at,
        counts=count_plans(accepted),
        fees=listing_fees(accepted),
        refused=[f"{row.title}: {row.error}" for row in rows if row.product_id in refused],
        pieces_went=sum(plan.pieces_went for plan in accepted),
        # What was found just now may be among the notes of a plan, too.
        notes=list(
            dict.fromkeys([*notes, *(f"{plan.title}: {note.sentence}" for plan in accepted for note in plan.notes)])
        ),
    )
    etsy.notify(f"etsy-request-{job.transaction_id}", request.message)
    return Requested(job, tuple(accepted), request)


def request_products(
    etsy: EtsyState,
    medusa: MedusaClient,
    names: Collection[str],
    *,
    account: str | None,
    by: str,
    sold_is_booked: bool = False,
) -> Requested:
    """Request products by id, handle or SKU; `sold_is_booked`: Medusa's levels count what went on Etsy.

    Raises EtsyAccountError, EtsyJobError and what the clients raise.
    """
    shop = etsy.accounts.find(account)
    product_ids = find_products(medusa, names)
    sales = etsy.imported_sales(shop.id, product_ids)
    products = product_reader(medusa, etsy.rules.stock_location)(product_ids, shop.currency)
    links = etsy.links.of_products(shop.id, product_ids)
    with etsy.client(shop) as client:
        choices = read_premises(client, shop)
        shown = Shown.read(client, [link.etsy_listing_id for link in links.values() if link.etsy_listing_id])
    take_over(etsy, shop, links, products, shown, sales)
    links = etsy.links.of_products(shop.id, product_ids)
    if sold_is_booked:
        links = {product_id: _forgiven(etsy, shop, link) for product_id, link in links.items()}
    plans = look_at_pictures(plan_products(etsy, shop, product_ids, products, links), links, etsy.rules.image_hosts)
    notes = [*vacation_note(choices), *(note for plan in plans for note in _kept(plan))]
    return request_plans(etsy, shop, plans, by=by, notes=notes)


def existing_listing(link: EtsyLink | None) -> ExistingListing | None:
    """Return the listing of a link, if it has one."""
    return ExistingListing(link.etsy_listing_id, link.memory) if link and link.etsy_listing_id is not None else None


def _forgiven(etsy: EtsyState, account: EtsyAccount, link: EtsyLink) -> EtsyLink:
    """Forget the pieces that went on Etsy: a person says that they are booked."""
    memory = link.memory.model_copy(update={"stock": forgive(link.memory.stock)})
    if etsy.links.record_shown(account.id, link.product_id, memory):
        link.memory = memory
    return link


def _kept(plan: ListingPlan) -> Iterator[str]:
    """Say which fields stay as the seller set them at Etsy."""
    for change in plan.kept:
        if change.before and change.after and not same(change.field, change.before, change.after):
            yield f"{plan.title}: {left_alone(change.field, change.before)}"


def refusal_text(plan: ListingPlan) -> str:
    """Join the title of a product and the reasons why Etsy would refuse it."""
    return f"{plan.title}: {_problems(plan)}"


def _problems(plan: ListingPlan) -> str:
    return " ".join(problem.sentence for problem in plan.problems) if plan.action is ListingAction.REFUSE else ""
