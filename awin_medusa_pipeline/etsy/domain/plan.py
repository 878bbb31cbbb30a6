"""What has to be done at Etsy for one product, and how it differs from what Etsy was last given.

What belongs here: deciding, by what is wanted and what is remembered. What does not: what a listing should be
(listing.py) and doing it (etsy/engine/). Pure: the same product, settings and memory always give the same plan.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from awin_medusa_pipeline.etsy.domain.config import EtsyAccountConfig
from awin_medusa_pipeline.etsy.domain.findings import Note, Problem
from awin_medusa_pipeline.etsy.domain.listing import Listing, prepare
from awin_medusa_pipeline.etsy.domain.memory import ListingMemory
from awin_medusa_pipeline.medusa.contracts import ShopProduct

LISTING_FEE = Decimal("0.20")
"""USD. Etsy: for each listing when it is published or renewed; drafts and changes are free."""
NO_STOCK = "no_stock"
LOWER_STOCK = "lower stock"
"""What is asked of a product whose stock may go down without a person's confirmation."""


class Part(StrEnum):
    """One thing to do, in the order in which they are done."""

    CREATE = "create"
    CONTENT = "content"
    INVENTORY = "inventory"
    IMAGES = "images"
    PUBLISH = "publish"
    DEACTIVATE = "deactivate"


class Action(StrEnum):
    """What a plan is for the person who confirms it."""

    CREATE = "create"
    UPDATE = "update"
    DEACTIVATE = "deactivate"
    NOTHING = "nothing"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Change:
    """One field that differs; `before` None: Etsy was never given it, `after` None: it goes."""

    field: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Existing:
    """A listing that there is, and what is remembered of it."""

    listing_id: int
    memory: ListingMemory


@dataclass(frozen=True)
class ListingPlan:
    """What to do for one product."""

    product_id: str
    title: str
    action: Action
    parts: tuple[Part, ...] = ()
    listing: Listing | None = None
    """As it should be; None when it is refused or taken down."""
    changes: tuple[Change, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[Note, ...] = ()
    sold_out: bool = False
    """Nothing of it is left to sell."""

    @property
    def publishes(self) -> bool:
        """Whether Etsy may charge a fee for it."""
        return Part.PUBLISH in self.parts

    @property
    def asked(self) -> str:
        """What a person is shown and agrees to, in words that `agreed` understands."""
        return f"{self.action} and publish" if self.publishes else str(self.action)

    @property
    def only_lowers_stock(self) -> bool:
        """Nothing but quantities go down, or it is taken down because nothing is left."""
        if self.parts == (Part.DEACTIVATE,):
            return self.sold_out
        return self.parts == (Part.INVENTORY,) and bool(self.changes) and all(map(_lowers_stock, self.changes))


def plan_listing(
    product_id: str, product: ShopProduct | None, config: EtsyAccountConfig, currency: str, existing: Existing | None
) -> ListingPlan:
    """What to do for a product; `product` None: Medusa has it no more, `existing` None: Etsy has no listing of it."""
    title = product.title if product else product_id
    if product is None or product.status != "published":
        came_back = f"It is {product.status} in Medusa" if product else "Medusa has it no more"
        if existing is None:
            problem = Problem("not_published", "status", f"{came_back}; only published products go to Etsy.")
            return ListingPlan(product_id, title, Action.REFUSE, problems=(problem,))
        return _taken_down(product_id, title, existing, Note("status", f"{came_back}."))
    if existing and existing.memory.state == "removed":
        problem = Problem("removed", "state", "Etsy has removed its listing; see the message that Etsy sent you.")
        return ListingPlan(product_id, title, Action.REFUSE, problems=(problem,))

    publish = _is_to_be_published(config, existing)
    prepared = prepare(product, config, currency, publish=publish)
    sold_out = any(problem.code == NO_STOCK for problem in prepared.problems)
    if sold_out and existing:
        note = Note("quantity", "Nothing of it is in stock.")
        return replace(_taken_down(product_id, title, existing, note), sold_out=True)
    if prepared.listing is None:
        return ListingPlan(
            product_id, title, Action.REFUSE, problems=prepared.problems, notes=prepared.notes, sold_out=sold_out
        )
    memory = existing.memory if existing else ListingMemory()
    parts = [*_parts(prepared.listing, memory, existing), *([Part.PUBLISH] if publish else [])]
    action = Action.CREATE if existing is None else Action.UPDATE if parts else Action.NOTHING
    changes = _changes(memory.shown, prepared.listing.shown) if parts else ()
    return ListingPlan(product_id, title, action, tuple(parts), prepared.listing, changes, notes=prepared.notes)


def within_cap(plans: Sequence[ListingPlan], most: int) -> list[ListingPlan]:
    """The plans, of which at most so many publish; the others leave their listings as they are, drafts."""
    capped = []
    for plan in plans:
        if plan.publishes:
            most -= 1
            if most < 0:
                plan = _unpublished(plan, "Not published in this run, which has reached publish_at_most.")
        capped.append(plan)
    return capped


def agreed(plan: ListingPlan, asked: str) -> ListingPlan:
    """The plan without what nobody agreed to when this was `asked`: the product may have changed since.

    A listing is made only where a person has seen that it would be, and published only where they have seen the fee.
    """
    if asked == LOWER_STOCK and plan.parts and not plan.only_lowers_stock:
        sentence = "More than its stock has changed since, which waits for a confirmation: request it again."
        return _refused(plan, Problem("not_agreed", "status", sentence))
    if plan.action is Action.CREATE and not asked.startswith(Action.CREATE):
        sentence = "It has no listing on Etsy any more. Request it again, and confirm that a new one is made."
        return _refused(plan, Problem("not_agreed", "status", sentence))
    if plan.publishes and "publish" not in asked:
        return _unpublished(plan, "Not published: that was not part of what was confirmed.")
    return plan


def fees(plans: Iterable[ListingPlan]) -> Decimal:
    """The most that Etsy may charge for the plans, in USD."""
    return LISTING_FEE * sum(plan.publishes for plan in plans)


def counts(plans: Iterable[ListingPlan]) -> dict[str, int]:
    """Plans by action, and of them those that publish; each is there."""
    plans = list(plans)
    found = Counter(plan.action for plan in plans)
    return {str(action): found[action] for action in Action} | {"publish": sum(plan.publishes for plan in plans)}


def _is_to_be_published(config: EtsyAccountConfig, existing: Existing | None) -> bool:
    """What we took down comes back. What a person took down at Etsy stays down, and a draft waits for `publish`."""
    if existing is None:
        return config.publish
    if existing.memory.paused:
        return existing.memory.state in ("inactive", None)
    return config.publish and existing.memory.state in ("draft", "sold_out", "expired")


def _parts(listing: Listing, memory: ListingMemory, existing: Existing | None) -> list[Part]:
    images = [Part.IMAGES] if listing.images and listing.images_hash != memory.images_hash else []
    if existing is None:
        return [Part.CREATE, Part.INVENTORY, *images]
    content = [Part.CONTENT] if listing.content_hash != memory.content_hash else []
    inventory = [Part.INVENTORY] if listing.inventory_hash != memory.inventory_hash else []
    return [*content, *inventory, *images]


def _unpublished(plan: ListingPlan, why: str) -> ListingPlan:
    parts = tuple(part for part in plan.parts if part is not Part.PUBLISH)
    action = plan.action if parts else Action.NOTHING
    return replace(plan, parts=parts, action=action, notes=(*plan.notes, Note("state", why)))


def _refused(plan: ListingPlan, problem: Problem) -> ListingPlan:
    return ListingPlan(plan.product_id, plan.title, Action.REFUSE, problems=(problem,), notes=plan.notes)


def _taken_down(product_id: str, title: str, existing: Existing, why: Note) -> ListingPlan:
    """Set inactive, never deleted. A draft is for sale to nobody, and Etsy takes down active listings only."""
    if existing.memory.state in ("active", None):
        change = Change("state", existing.memory.state, "inactive")
        return ListingPlan(product_id, title, Action.DEACTIVATE, (Part.DEACTIVATE,), changes=(change,), notes=(why,))
    left = Note("state", f"Its listing is {existing.memory.state} on Etsy and stays so.")
    return ListingPlan(product_id, title, Action.NOTHING, notes=(why, left))


def _changes(before: dict[str, str], after: dict[str, str]) -> tuple[Change, ...]:
    fields = [*after, *(field for field in before if field not in after)]
    return tuple(
        Change(field, before.get(field), after.get(field)) for field in fields if before.get(field) != after.get(field)
    )


def _lowers_stock(change: Change) -> bool:
    is_quantity = change.field == "quantity" or change.field.startswith("quantity ")
    return (
        is_quantity
        and change.before is not None
        and change.after is not None
        and int(change.after) < int(change.before)
    )
