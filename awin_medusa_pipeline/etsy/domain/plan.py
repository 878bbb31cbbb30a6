"""Decides what to do at Etsy for one product, by what it should be and what Etsy was last given.

Pure: the same product, settings and memory always give the same plan.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from awin_medusa_pipeline.etsy.domain.config import EtsyAccountConfig
from awin_medusa_pipeline.etsy.domain.findings import Note, Problem
from awin_medusa_pipeline.etsy.domain.listing import Listing, prepare_listing, words_that_stay
from awin_medusa_pipeline.etsy.domain.looks import piece_notes
from awin_medusa_pipeline.etsy.domain.memory import ListingMemory
from awin_medusa_pipeline.etsy.domain.owners import IMAGES, Comparison, compare
from awin_medusa_pipeline.etsy.domain.shown import Fields
from awin_medusa_pipeline.etsy.domain.stock import offered
from awin_medusa_pipeline.medusa.models import ShopProduct

LISTING_FEE = Decimal("0.20")
"""USD. Etsy: for each listing when it is published or renewed; drafts and changes are free."""
NO_STOCK = "no_stock"
SOLD_OUT = "sold_out"
ENDED = (SOLD_OUT, "expired")
"""States that only a renewal ends, for which Etsy charges."""


class Part(StrEnum):
    """One step of a plan, in the order in which the steps are carried out."""

    CREATE = "create"
    CONTENT = "content"
    INVENTORY = "inventory"
    IMAGES = "images"
    PUBLISH = "publish"
    DEACTIVATE = "deactivate"


class ListingAction(StrEnum):
    """What a plan does to a listing as a whole."""

    CREATE = "create"
    UPDATE = "update"
    DEACTIVATE = "deactivate"
    NOTHING = "nothing"
    REFUSE = "refuse"


class Proposal(StrEnum):
    """What a person is shown for one product and confirms. The state store keeps the text, so it never changes."""

    CREATE = "create"
    CREATE_AND_PUBLISH = "create and publish"
    UPDATE = "update"
    UPDATE_AND_PUBLISH = "update and publish"
    DEACTIVATE = "deactivate"
    NOTHING = "nothing"
    REFUSE = "refuse"
    LOWER_STOCK = "lower stock"
    """For stock that may go down without a person's confirmation."""

    @property
    def creates(self) -> bool:
        """Whether it allows a new listing."""
        return self in (Proposal.CREATE, Proposal.CREATE_AND_PUBLISH)

    @property
    def publishes(self) -> bool:
        """Whether it allows a listing fee."""
        return self in (Proposal.CREATE_AND_PUBLISH, Proposal.UPDATE_AND_PUBLISH)


_PUBLISHING = {
    ListingAction.CREATE: Proposal.CREATE_AND_PUBLISH,
    ListingAction.UPDATE: Proposal.UPDATE_AND_PUBLISH,
}


@dataclass(frozen=True)
class FieldChange:
    """One field that differs. `before` None: Etsy was never given it; `after` None: it is removed."""

    field: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class ExistingListing:
    """A listing that exists on Etsy, and what is remembered of it."""

    listing_id: int
    memory: ListingMemory


@dataclass(frozen=True)
class ListingPlan:
    """What to do for one product."""

    product_id: str
    title: str
    action: ListingAction
    parts: tuple[Part, ...] = ()
    listing: Listing | None = None
    """The listing as it should be; None when it is refused or taken down."""
    content: tuple[str, ...] = ()
    """Fields of its content that Etsy is sent."""
    changes: tuple[FieldChange, ...] = ()
    kept: tuple[FieldChange, ...] = ()
    """Fields that the seller changed at Etsy and that stay so; `after`: what the settings ask for."""
    problems: tuple[Problem, ...] = ()
    notes: tuple[Note, ...] = ()
    sold_out: bool = False
    """No variant has anything left to sell."""
    pieces_went: int = 0
    """Pieces that went on Etsy and that Medusa does not know of."""

    @property
    def publishes(self) -> bool:
        """Whether Etsy may charge a fee for it."""
        return Part.PUBLISH in self.parts

    @property
    def proposal(self) -> Proposal:
        """What a person is shown and confirms."""
        return _PUBLISHING[self.action] if self.publishes else Proposal(self.action)

    @property
    def only_lowers_stock(self) -> bool:
        """Whether it only lowers quantities, or takes the listing down because nothing is left."""
        if self.parts == (Part.DEACTIVATE,):
            return self.sold_out
        return self.parts == (Part.INVENTORY,) and bool(self.changes) and all(map(_lowers_stock, self.changes))


@dataclass(frozen=True)
class PlanCounts:
    """Number of plans for each action; `publish` counts those of them that publish."""

    create: int = 0
    update: int = 0
    deactivate: int = 0
    nothing: int = 0
    refuse: int = 0
    publish: int = 0

    @property
    def products(self) -> int:
        """Products that a job has: all but the refused ones."""
        return self.create + self.update + self.deactivate + self.nothing


def plan_listing(
    product_id: str,
    product: ShopProduct | None,
    config: EtsyAccountConfig,
    currency: str,
    existing: ExistingListing | None,
    ours: Collection[str] = (),
) -> ListingPlan:
    """Plan one product. `product` None: Medusa no longer has it; `existing` None: Etsy has no listing of it.

    `ours`: the settings that are never left to the seller (owners.py).
    """
    title = product.title if product else product_id
    if product is None or product.status != "published":
        came_back = f"It is {product.status} in Medusa" if product else "Medusa no longer has it"
        if existing is None:
            problem = Problem("not_published", "status", f"{came_back}; only published products go to Etsy.")
            return ListingPlan(product_id, title, ListingAction.REFUSE, problems=(problem,))
        return _take_down(product_id, title, existing, Note("status", f"{came_back}."))
    if existing and existing.memory.state == "removed":
        problem = Problem("removed", "state", "Etsy has removed its listing; see the message that Etsy sent you.")
        return ListingPlan(product_id, title, ListingAction.REFUSE, problems=(problem,))

    publish = _should_publish(config, existing)
    memory = existing.memory if existing else ListingMemory()
    prepared = prepare_listing(_less_what_went(product, memory), config, currency, publish=publish)
    sold_out = any(problem.code == NO_STOCK for problem in prepared.problems)
    pieces = [Note("quantity", sentence) for sentence in piece_notes(memory.stock, product)]
    went = sum(max(0, stock.gone) for stock in memory.stock.values())
    if sold_out and existing:
        note = Note("quantity", "Nothing of it is left to offer." if pieces else "Nothing of it is in stock.")
        taken_down = _take_down(product_id, title, existing, note)
        return replace(taken_down, notes=(*taken_down.notes, *pieces), sold_out=True, pieces_went=went)
    if prepared.listing is None:
        return ListingPlan(
            product_id,
            title,
            ListingAction.REFUSE,
            problems=prepared.problems,
            notes=prepared.notes,
            sold_out=sold_out,
        )
    listing = prepared.listing
    differing = compare(listing.fields, memory.written, memory.seen, ours)
    parts = _parts(listing, memory, differing, existing, publish=publish)
    action = ListingAction.CREATE if existing is None else ListingAction.UPDATE if parts else ListingAction.NOTHING
    now = {**memory.written, **memory.seen}
    return ListingPlan(
        product_id,
        title,
        action,
        tuple(parts),
        listing,
        content=differing.content,
        changes=_changes(now, listing.fields, _changed_fields(parts, differing, listing)) if parts else (),
        kept=_changes(now, listing.fields, differing.kept),
        pieces_went=went,
        notes=(*prepared.notes, *words_that_stay(listing, memory.written), *pieces, *_renewal(memory, publish=publish)),
    )


def cap_publishing(plans: Sequence[ListingPlan], most: int) -> list[ListingPlan]:
    """Let at most this many of the plans publish; the other listings stay drafts."""
    capped = []
    for plan in plans:
        if plan.publishes:
            most -= 1
            if most < 0:
                plan = _without_publishing(plan, "Not published in this run, which has reached publish_at_most.")
        capped.append(plan)
    return capped


def limit_to_confirmed(plan: ListingPlan, confirmed: Proposal) -> ListingPlan:
    """Drop from a plan what nobody confirmed: the product may have changed since it was requested.

    A listing is made only where a person has seen that it would be, and published only where they have seen the fee.
    """
    if confirmed is Proposal.LOWER_STOCK and plan.parts and not plan.only_lowers_stock:
        sentence = "More than its stock has changed since, which waits for a confirmation: request it again."
        return _refuse(plan, Problem("not_agreed", "status", sentence))
    if plan.action is ListingAction.CREATE and not confirmed.creates:
        sentence = "It has no listing on Etsy any more. Request it again, and confirm that a new one is made."
        return _refuse(plan, Problem("not_agreed", "status", sentence))
    if plan.publishes and not confirmed.publishes:
        return _without_publishing(plan, "Not published: that was not part of what was confirmed.")
    return plan


def listing_fees(plans: Iterable[ListingPlan]) -> Decimal:
    """The most that Etsy may charge for the plans, in USD."""
    return LISTING_FEE * sum(plan.publishes for plan in plans)


def count_plans(plans: Sequence[ListingPlan]) -> PlanCounts:
    """Count plans by action, and those that publish."""
    numbers = Counter(str(plan.action) for plan in plans)
    return PlanCounts(**numbers, publish=sum(plan.publishes for plan in plans))


def _should_publish(config: EtsyAccountConfig, existing: ExistingListing | None) -> bool:
    """What we took down comes back. What a person took down on Etsy stays down, and a draft waits for `publish`."""
    if existing is None:
        return config.publish
    if existing.memory.paused:
        return existing.memory.state in ("inactive", None)
    return config.publish and existing.memory.state in ("draft", *ENDED)


def _less_what_went(product: ShopProduct, memory: ListingMemory) -> ShopProduct:
    """Take off what went on Etsy and Medusa does not know of, so that it is not offered again."""
    variants = [
        variant.model_copy(update={"quantity": offered(variant.quantity, memory.stock.get(variant.id))})
        for variant in product.variants
    ]
    return product.model_copy(update={"variants": tuple(variants)})


def _parts(
    listing: Listing, memory: ListingMemory, differing: Comparison, existing: ExistingListing | None, *, publish: bool
) -> list[Part]:
    images = [Part.IMAGES] if listing.images and listing.images_hash != memory.images_hash else []
    published = [Part.PUBLISH] if publish else []
    if existing is None:
        return [Part.CREATE, Part.INVENTORY, *images, *published]
    content = [Part.CONTENT] if differing.content else []
    inventory = [Part.INVENTORY] if differing.variants else []
    if memory.state == SOLD_OUT:
        # Etsy: renewing a sold-out listing sets its quantity to 1, whatever was written before. Not renewed, it is
        # written no quantity: nobody knows whether Etsy would renew, and charge for, it then.
        return [*content, *images, *published, *([Part.INVENTORY] if publish else [])]
    return [*content, *inventory, *images, *published]


def _renewal(memory: ListingMemory, *, publish: bool) -> Iterator[Note]:
    """Say of a listing that has ended what bringing it back costs."""
    if memory.state in ENDED:
        ended = f"Its listing is {memory.state.replace('_', ' ')} on Etsy"
        costs = f"renewing it costs {LISTING_FEE} USD"
        yield Note("state", f"{ended}; {costs}." if publish else f"{ended} and stays so: {costs} (setting publish).")


def _changed_fields(parts: Sequence[Part], differing: Comparison, listing: Listing) -> list[str]:
    if Part.CREATE in parts:
        return list(listing.fields)
    fields = [*differing.content, *differing.variants]
    return [*fields, IMAGES] if Part.IMAGES in parts else fields


def _without_publishing(plan: ListingPlan, why: str) -> ListingPlan:
    parts = plan.parts[: plan.parts.index(Part.PUBLISH)]
    action = plan.action if parts else ListingAction.NOTHING
    return replace(plan, parts=parts, action=action, notes=(*plan.notes, Note("state", why)))


def _refuse(plan: ListingPlan, problem: Problem) -> ListingPlan:
    return ListingPlan(plan.product_id, plan.title, ListingAction.REFUSE, problems=(problem,), notes=plan.notes)


def _take_down(product_id: str, title: str, existing: ExistingListing, why: Note) -> ListingPlan:
    """Set a listing inactive, never delete it. Etsy takes down active listings only, and a draft is not for sale."""
    if existing.memory.state in ("active", None):
        change = FieldChange("state", existing.memory.state, "inactive")
        return ListingPlan(
            product_id, title, ListingAction.DEACTIVATE, (Part.DEACTIVATE,), changes=(change,), notes=(why,)
        )
    left = Note("state", f"Its listing is {existing.memory.state} on Etsy and stays so.")
    return ListingPlan(product_id, title, ListingAction.NOTHING, notes=(why, left))


def _changes(now: Fields, wanted: Fields, fields: Iterable[str]) -> tuple[FieldChange, ...]:
    return tuple(FieldChange(field, now.get(field), wanted.get(field)) for field in fields)


def _lowers_stock(change: FieldChange) -> bool:
    is_quantity = change.field == "quantity" or change.field.startswith("quantity ")
    return (
        is_quantity
        and change.before is not None
        and change.after is not None
        and int(change.after) < int(change.before)
    )
