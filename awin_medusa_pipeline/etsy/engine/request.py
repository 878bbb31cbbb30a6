"""From products that a person names to a job that waits for a confirmation.

What belongs here: finding and reading the products, planning, and what the Etsy shop has to choose from. What does not:
Etsy's rules (etsy/domain/listing.py), how the job is kept (etsy/store/jobs.py) and done (jobs.py).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Self, TypeAlias

from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.etsy.client.client import EtsyClient
from awin_medusa_pipeline.etsy.domain.config import ListingDefaults
from awin_medusa_pipeline.etsy.domain.findings import Problem, named
from awin_medusa_pipeline.etsy.domain.messages import Request
from awin_medusa_pipeline.etsy.domain.plan import (
    Action,
    Existing,
    ListingPlan,
    counts,
    fees,
    plan_listing,
    within_cap,
)
from awin_medusa_pipeline.etsy.domain.requests import DraftListing
from awin_medusa_pipeline.etsy.engine.jobs import products_of
from awin_medusa_pipeline.etsy.engine.state import EtsyState
from awin_medusa_pipeline.etsy.store.accounts import EtsyAccount
from awin_medusa_pipeline.etsy.store.jobs import Asked, EtsyJob, EtsyJobError, ProductOutcome
from awin_medusa_pipeline.etsy.store.links import EtsyLink
from awin_medusa_pipeline.medusa.client import MedusaClient
from awin_medusa_pipeline.medusa.contracts import ShopProduct

References: TypeAlias = DraftListing | ListingDefaults
"""What names profiles and policies of a shop."""


@dataclass(frozen=True)
class Choices:
    """Ids that the Etsy shop has now: a listing that names another one is refused."""

    shipping_profiles: frozenset[int]
    return_policies: frozenset[int]
    readiness_states: frozenset[int]

    @classmethod
    def of(cls, client: EtsyClient) -> Self:
        """Asked of Etsy: three calls."""
        return cls(
            frozenset(profile.shipping_profile_id for profile in client.shipping_profiles()),
            frozenset(policy.return_policy_id for policy in client.return_policies()),
            frozenset(state.readiness_state_id for state in client.readiness_states()),
        )

    def unknown(self, named_ids: References) -> dict[str, int]:
        """What the shop has no more of what is named: field -> id."""
        there = {
            "shipping_profile_id": self.shipping_profiles,
            "return_policy_id": self.return_policies,
            "readiness_state_id": self.readiness_states,
        }
        chosen = {name: getattr(named_ids, name) for name in there}
        return {name: id_ for name, id_ in chosen.items() if id_ is not None and id_ not in there[name]}

    def checked(self, plan: ListingPlan) -> ListingPlan:
        """The plan, refused when its listing names what the shop has no more."""
        unknown = self.unknown(plan.listing.draft) if plan.listing else {}
        if not unknown:
            return plan
        gone = tuple(
            Problem(f"{name}_unknown", name, f"The Etsy shop has no {name} {id_}: choose another one.")
            for name, id_ in unknown.items()
        )
        return replace(plan, action=Action.REFUSE, parts=(), listing=None, changes=(), problems=gone)


@dataclass(frozen=True)
class Requested:
    """A pending job, with the plans that it was made of."""

    job: EtsyJob
    plans: tuple[ListingPlan, ...]
    told: Request


def find_products(medusa: MedusaClient, names: Collection[str]) -> list[str]:
    """Ids of products in Medusa, each named by its id, its handle or the SKU of a variant; in the order named.

    Raises PermanentError for a name that no product has.
    """
    names = list(dict.fromkeys(names))
    found = {product["id"]: product["id"] for product in medusa.where("products", "id", names, "id")}
    if rest := [name for name in names if name not in found]:
        found |= {p["handle"]: p["id"] for p in medusa.where("products", "handle", rest, "id,handle")}
    if rest := [name for name in names if name not in found]:
        variants = medusa.where("product-variants", "sku", rest, "sku,product_id")
        found |= {variant["sku"]: variant["product_id"] for variant in variants}
    if unknown := [name for name in names if name not in found]:
        raise PermanentError(
            f"Looking for products in {medusa.base_url}",
            f"none has the id, handle or SKU {named(unknown)}",
            "Copy it from Medusa Admin.",
        )
    return list(dict.fromkeys(found[name] for name in names))


def plan_products(
    account: EtsyAccount,
    product_ids: Iterable[str],
    products: Mapping[str, ShopProduct],
    links: Mapping[str, EtsyLink],
    choices: Choices | None = None,
) -> list[ListingPlan]:
    """What would be done for each product, within the account's cap of publishing."""
    config = account.api_config
    plans = [
        plan_listing(product_id, products.get(product_id), config, account.currency, existing(links.get(product_id)))
        for product_id in product_ids
    ]
    if choices:
        plans = [choices.checked(plan) for plan in plans]
    return within_cap(plans, config.publish_at_most)


def request(
    etsy: EtsyState,
    account: EtsyAccount,
    plans: Sequence[ListingPlan],
    *,
    by: str,
    notes: Sequence[str] = (),
    within: timedelta = timedelta(0),
) -> Requested:
    """Ask for a confirmation of these plans, here and in Slack; those that are refused are told, and no part of it.

    It can be confirmed for ETSY_CONFIRM_MINUTES, or for `within` if that is longer. Raises EtsyJobError when none is
    left.
    """
    if not any(plan.action is not Action.REFUSE for plan in plans):
        raise EtsyJobError(
            f"Requesting {named([plan.title for plan in plans]) or 'nothing'} for the Etsy shop {account.shop_name}",
            " ".join(refusal(plan) for plan in plans[:5]).rstrip(".") or "no product was named",
            "Correct that, and request it again.",
        )
    asked = [Asked(plan.product_id, plan.title, plan.asked, _problems(plan) or None) for plan in plans]
    within = max(within, etsy.rules.confirm_within)
    job = etsy.jobs.request(account.id, asked, requested_by=by, confirm_within=within)
    rows = etsy.jobs.products(job.transaction_id)
    refused = {row.product_id for row in rows if row.outcome is ProductOutcome.REFUSED}
    kept = [plan for plan in plans if plan.product_id not in refused]
    told = Request(
        shop=account.shop_name,
        transaction_id=job.transaction_id,
        expires_at=job.expires_at,
        counts=counts(kept),
        fees=fees(kept),
        refused=[f"{row.title}: {row.error}" for row in rows if row.product_id in refused],
        notes=[*notes, *(f"{plan.title}: {note.sentence}" for plan in kept for note in plan.notes)],
    )
    etsy.notify(f"etsy-request-{job.transaction_id}", told.message)
    return Requested(job, tuple(kept), told)


def request_named(
    etsy: EtsyState, medusa: MedusaClient, names: Collection[str], *, account: str | None, by: str
) -> Requested:
    """Ask for products by id, handle or SKU. Raises EtsyAccountError, EtsyJobError and what the clients raise."""
    shop = etsy.accounts.find(account)
    product_ids = find_products(medusa, names)
    location_id = medusa.stock_location_id(etsy.rules.stock_location)
    products = products_of(medusa, location_id)(product_ids, shop.currency)
    with etsy.client(shop) as client:
        choices = Choices.of(client)
    links = etsy.links.of_products(shop.id, product_ids)
    return request(etsy, shop, plan_products(shop, product_ids, products, links, choices), by=by)


def existing(link: EtsyLink | None) -> Existing | None:
    """The listing of a link, when it has one."""
    return Existing(link.etsy_listing_id, link.memory) if link and link.etsy_listing_id is not None else None


def _problems(plan: ListingPlan) -> str:
    return " ".join(problem.sentence for problem in plan.problems) if plan.action is Action.REFUSE else ""


def refusal(plan: ListingPlan) -> str:
    """Title and reasons of a product that Etsy would refuse."""
    return f"{plan.title}: {_problems(plan)}"
