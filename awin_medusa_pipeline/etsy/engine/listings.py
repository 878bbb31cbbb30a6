"""Products onto Etsy, one after the other: made once, changed only where they differ.

What belongs here: the order of the calls, what is written down between them, and the look at the end. What does not:
what a listing should be and what differs (etsy/domain/), drafts and pictures (drafts.py, images.py), how a
call is sent (etsy/client/), and a whole job (jobs.py).

Calls for a new product: one for the draft, one for its variants, one for each picture; for an unchanged one none. The
looks before and after are shared by up to 100 products. Each step is kept as soon as Etsy has taken it, so a run that
is killed is gone on with where it was.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from awin_medusa_pipeline.core.errors import PermanentError, PipelineError, TransientError
from awin_medusa_pipeline.core.http import UnknownOutcomeError
from awin_medusa_pipeline.core.store.secrets import SecretKeyError
from awin_medusa_pipeline.etsy.client.answers import ListedInventory
from awin_medusa_pipeline.etsy.client.answers import Listing as Listed
from awin_medusa_pipeline.etsy.client.client import EtsyClient
from awin_medusa_pipeline.etsy.client.errors import DailyBudgetError, NotFoundError
from awin_medusa_pipeline.etsy.domain.listing import Listing
from awin_medusa_pipeline.etsy.domain.memory import ListingMemory
from awin_medusa_pipeline.etsy.domain.plan import Action, Existing, ListingPlan, Part, agreed, plan_listing
from awin_medusa_pipeline.etsy.domain.requests import Inventory
from awin_medusa_pipeline.etsy.domain.tokens import NotConnectedError
from awin_medusa_pipeline.etsy.engine.drafts import DraftMaker
from awin_medusa_pipeline.etsy.engine.images import ImageSource, ListingImages
from awin_medusa_pipeline.etsy.store.accounts import EtsyAccount
from awin_medusa_pipeline.etsy.store.jobs import EtsyJob, EtsyJobProduct
from awin_medusa_pipeline.etsy.store.links import EtsyJobLostError, EtsyLink, EtsyLinks
from awin_medusa_pipeline.medusa.contracts import ShopProduct

SENDS = 3
SILENT_IN_A_ROW = 3
"""So many products in a row that Etsy gave no answer for are Etsy's fault, not theirs: each costs minutes of tries."""

_OF_THE_ACCOUNT = (NotConnectedError, SecretKeyError, DailyBudgetError, EtsyJobLostError)


class Became(StrEnum):
    """What became of a product on Etsy."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    DEACTIVATED = "deactivated"
    FAILED = "failed"


@dataclass(frozen=True)
class ListingOutcome:
    """What became of one product. `sentence`: why it failed and what to do; `parts`: what was to be done."""

    product_id: str
    title: str
    became: Became
    listing_id: int | None = None
    url: str | None = None
    sentence: str | None = None
    parts: tuple[Part, ...] = ()


class RefusedError(PermanentError):
    """Nothing was sent for a product: Etsy would refuse it, or nobody agreed to it."""


@dataclass
class _Work:
    """One product on its way. `listed`: its listing as Etsy showed it, or what a call answered since."""

    row: EtsyJobProduct
    memory: ListingMemory
    listing_id: int | None
    url: str | None
    plan: ListingPlan
    listed: Listed | None
    images: ListingImages | None = None

    @property
    def wanted(self) -> Listing:
        """The listing as it should be."""
        assert self.plan.listing is not None
        return self.plan.listing

    @property
    def id(self) -> int:
        """The listing's."""
        assert self.listing_id is not None
        return self.listing_id

    def became(self, became: Became, sentence: str | None = None) -> ListingOutcome:
        """The outcome."""
        row, parts = self.row, self.plan.parts
        return ListingOutcome(row.product_id, row.title, became, self.listing_id, self.url, sentence, parts)


@dataclass
class ListingSync:
    """Syncs products of a job that this run has claimed."""

    client: EtsyClient
    links: EtsyLinks
    job: EtsyJob
    account: EtsyAccount
    images: ImageSource
    sleep: Callable[[float], None] = time.sleep
    day_over: DailyBudgetError | None = field(default=None, init=False)
    """Set when the day's calls were used up; from then on stock goes down, and nothing else is done."""
    _silent: int = field(default=0, init=False)

    def sync(self, rows: Sequence[EtsyJobProduct], products: Mapping[str, ShopProduct]) -> Iterator[ListingOutcome]:
        """Up to 100 products of the job; `products`: those of them that Medusa has.

        Raises PipelineError for what concerns the whole account; what has no outcome by then is left to a later run.
        """
        try:
            yield from self._synced_of(rows, products)
        except DailyBudgetError as fault:
            raise self.day_over or fault from None

    def _synced_of(
        self, rows: Sequence[EtsyJobProduct], products: Mapping[str, ShopProduct]
    ) -> Iterator[ListingOutcome]:
        links = self.links.of_products(self.account.id, [row.product_id for row in rows])
        listed = self._listed(link.etsy_listing_id for link in links.values() if link.etsy_listing_id)
        works = [self._planned(row, links[row.product_id], products.get(row.product_id), listed) for row in rows]
        to_look_at = []
        for work in sorted(works, key=lambda work: not work.plan.only_lowers_stock):
            if self.day_over and not work.plan.only_lowers_stock:
                continue
            try:
                outcome = self._carried_out(work)
            except DailyBudgetError as fault:
                self.day_over = fault
            except PipelineError as fault:
                yield self._failed(work, fault)
                if self._silent == SILENT_IN_A_ROW:
                    raise
            else:
                self._silent = 0
                if outcome:
                    yield outcome
                else:
                    to_look_at.append(work)
        yield from self._looked_at(to_look_at)

    def _planned(
        self, row: EtsyJobProduct, link: EtsyLink, product: ShopProduct | None, listed: Mapping[int, Listed]
    ) -> _Work:
        shown = listed.get(link.etsy_listing_id) if link.etsy_listing_id else None
        memory = link.memory.model_copy(update={"state": shown.state}) if shown else link.memory
        existing = Existing(link.etsy_listing_id, memory) if link.etsy_listing_id else None
        plan = plan_listing(row.product_id, product, self.account.api_config, self.account.currency, existing)
        return _Work(row, memory, link.etsy_listing_id, link.etsy_url, agreed(plan, row.action), shown)

    def _carried_out(self, work: _Work) -> ListingOutcome | None:
        """Send what the plan says; the outcome, or None while Etsy is still to be looked at."""
        if work.listing_id and work.listed is None:
            work.listed = self.client.listing(work.listing_id)
            if work.listed is None:
                return self._gone(work)
        if work.plan.action is Action.REFUSE:
            why = " ".join(problem.sentence for problem in work.plan.problems)
            raise RefusedError(f"Preparing {work.plan.title} for Etsy", why.rstrip("."), "Then request it again.")
        if not work.plan.parts:
            return self._synced(work, Became.UNCHANGED)
        for part in work.plan.parts:
            match part:
                case Part.CREATE:
                    self._create(work)
                case Part.CONTENT:
                    self._send_content(work)
                case Part.INVENTORY:
                    self._send_inventory(work)
                case Part.IMAGES:
                    self._send_images(work)
                case Part.PUBLISH:
                    self._publish(work)
                case Part.DEACTIVATE:
                    self._deactivate(work)
        return None

    def _create(self, work: _Work) -> None:
        maker = DraftMaker(self.client, self.links, self.job, self.sleep)
        work.listed, content_hash = maker.make(work.row.product_id, work.wanted, work.memory.intent)
        work.listing_id, work.url = work.listed.listing_id, work.listed.url
        if content_hash != work.wanted.content_hash:
            self._send_content(work)

    def _send_content(self, work: _Work) -> None:
        self.client.patch(work.id, work.wanted.patch)
        self._remember(work, content_hash=work.wanted.content_hash)

    def _send_inventory(self, work: _Work) -> None:
        client = self.client.urgently() if work.plan.only_lowers_stock else self.client
        answer = client.put_inventory(work.id, work.wanted.inventory)
        if differs := _difference(work.wanted.inventory, answer):
            raise PermanentError(
                f"Writing the variants of listing {work.id}",
                f"Etsy took them, but does not show {differs}",
                "Look at the listing on Etsy, then try again.",
            )
        self._remember(work, inventory_hash=work.wanted.inventory_hash)

    def _send_images(self, work: _Work) -> None:
        assert work.listed is not None
        work.images = ListingImages(
            self.client,
            work.id,
            self.images,
            shown=_image_ids(work.listed),
            known=dict(work.memory.image_ids),
            remember=lambda image_ids: self._remember(work, image_ids=image_ids),
        )
        work.images.bring(work.wanted.images)

    def _publish(self, work: _Work) -> None:
        """Etsy may charge for it, so after an unknown outcome it is looked at before it is sent again."""
        for left in reversed(range(SENDS)):
            try:
                self.client.publish(work.id)
                return
            except UnknownOutcomeError:
                found = self.client.listing(work.id)
                if found and found.state == "active":
                    return
                if not left:
                    raise

    def _deactivate(self, work: _Work) -> None:
        # Before the call: it is ours to set active again, even if nobody is left to write that down afterwards.
        self._remember(work, paused=True)
        self.client.deactivate(work.id)

    def _looked_at(self, works: Sequence[_Work]) -> Iterator[ListingOutcome]:
        """Whether Etsy shows what it was given."""
        listed = self._listed(work.id for work in works)
        for work in works:
            try:
                yield self._settled(work, listed.get(work.id) or self.client.listing(work.id))
            except PipelineError as fault:
                yield self._failed(work, fault)

    def _settled(self, work: _Work, listed: Listed | None) -> ListingOutcome:
        if listed is None:
            return self._gone(work)
        work.listed, parts = listed, work.plan.parts
        if work.images:
            work.images.settle(_image_ids(listed))
        wrong = Part.PUBLISH in parts and listed.state != "active"
        if wrong or (Part.DEACTIVATE in parts and listed.state == "active"):
            raise PermanentError(
                f"Setting the state of listing {work.id}",
                f"Etsy took it, but shows it as {listed.state}",
                "Look at the listing on Etsy, then try again.",
            )
        became = Became.DEACTIVATED if work.plan.action is Action.DEACTIVATE else Became.UPDATED
        return self._synced(work, Became.CREATED if Part.CREATE in parts else became)

    def _synced(self, work: _Work, became: Became) -> ListingOutcome:
        assert work.listed is not None
        work.url = work.listed.url or work.url
        state = work.listed.state
        paused = state != "active" and (work.memory.paused or Part.DEACTIVATE in work.plan.parts)
        memory: dict[str, Any] = {"state": state, "paused": paused, "intent": None}
        if work.plan.listing:
            memory["shown"] = work.plan.listing.shown
        if work.images:
            memory |= {"images_hash": work.wanted.images_hash, "image_ids": work.images.known}
        changed = became is not Became.UNCHANGED
        self.links.synced(self.job, work.row.product_id, changed=changed, url=work.url, **memory)
        return work.became(became)

    def _failed(self, work: _Work, fault: PipelineError) -> ListingOutcome:
        """Write down why; raises the fault again when it concerns the whole account."""
        if isinstance(fault, _OF_THE_ACCOUNT) or fault.status in (401, 403):
            raise fault
        self._silent = self._silent + 1 if isinstance(fault, TransientError) else 0
        if isinstance(fault, NotFoundError) and self._is_gone(work):
            return self._gone(work)
        self.links.failed(self.job, work.row.product_id, str(fault))
        return work.became(Became.FAILED, str(fault))

    def _is_gone(self, work: _Work) -> bool:
        try:
            return work.listing_id is not None and self.client.listing(work.listing_id) is None
        except PipelineError:
            return False

    def _gone(self, work: _Work) -> ListingOutcome:
        """Etsy has no such listing any more. It is not made again before a person has asked for it and confirmed."""
        self.links.forget_listing(self.job, work.row.product_id)
        gone, work.listing_id, work.url = work.listing_id, None, None
        if work.plan.action in (Action.DEACTIVATE, Action.NOTHING) and work.plan.listing is None:
            self.links.synced(self.job, work.row.product_id, changed=False)
            return work.became(Became.UNCHANGED)
        sentence = (
            f"Looking at listing {gone} on Etsy: there is none any more (404), so somebody has deleted it there. "
            "If it should be on Etsy, request the product again: a new listing is made once that is confirmed."
        )
        self.links.failed(self.job, work.row.product_id, sentence)
        return work.became(Became.FAILED, sentence)

    def _remember(self, work: _Work, **memory: Any) -> None:
        self.links.remember(self.job, work.row.product_id, **memory)

    def _listed(self, listing_ids: Iterable[int]) -> dict[int, Listed]:
        # One call for up to 100 products is worth the day's reserve: stock that goes down may be among them.
        return self.client.urgently().listings_by_ids(listing_ids)


def _image_ids(listed: Listed) -> list[int]:
    return [image.listing_image_id for image in sorted(listed.images, key=lambda image: image.rank)]


def _difference(sent: Inventory, answer: ListedInventory) -> str:
    """What Etsy does not show of an inventory that was sent; "" when it shows all of it."""
    try:
        shown = answer.as_request().comparable()
    except ValueError:
        return "any of them"
    sent = sent.comparable()
    for product in sent.products:
        if product not in shown.products:
            name = product.sku or " / ".join(value.values[0] for value in product.property_values) or "its price"
            return f"{name} at {product.offerings[0].price} with {product.offerings[0].quantity} pieces"
    return "" if sent == shown else "them alone, or not along these variations"
