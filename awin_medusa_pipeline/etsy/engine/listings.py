"""Syncs products to Etsy one by one: makes each listing once, and changes it only where it differs.

Calls per new product: one for the draft, one for its variants, one per image; none for an unchanged product. The looks
before and after are shared by up to 100 products. Each step is stored as soon as Etsy has accepted it, so that a
killed run is continued where it stopped.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any

from awin_medusa_pipeline.core.errors import PermanentError, PipelineError, TransientError
from awin_medusa_pipeline.core.http import UnknownOutcomeError
from awin_medusa_pipeline.core.store.secrets import SecretKeyError
from awin_medusa_pipeline.etsy.client.answers import ListedInventory, ListingAnswer
from awin_medusa_pipeline.etsy.client.client import SENDS, EtsyClient
from awin_medusa_pipeline.etsy.client.errors import DailyBudgetError, NotFoundError
from awin_medusa_pipeline.etsy.domain.listing import Listing
from awin_medusa_pipeline.etsy.domain.memory import ListingMemory
from awin_medusa_pipeline.etsy.domain.plan import (
    ExistingListing,
    ListingAction,
    ListingPlan,
    Part,
    limit_to_confirmed,
    plan_listing,
)
from awin_medusa_pipeline.etsy.domain.requests import Inventory
from awin_medusa_pipeline.etsy.domain.tokens import NotConnectedError
from awin_medusa_pipeline.etsy.domain.variation_images import values_changed
from awin_medusa_pipeline.etsy.engine.drafts import DraftMaker
from awin_medusa_pipeline.etsy.engine.images import ImageSource, ListingImages, missing_sentence
from awin_medusa_pipeline.etsy.engine.pictures import try_missing_again
from awin_medusa_pipeline.etsy.engine.variation_pictures import VariationPictures
from awin_medusa_pipeline.etsy.store.accounts import EtsyAccount
from awin_medusa_pipeline.etsy.store.jobs import EtsyJob, EtsyJobProduct
from awin_medusa_pipeline.etsy.store.links import EtsyJobLostError, EtsyLink, EtsyLinks
from awin_medusa_pipeline.medusa.models import ShopProduct

SILENT_IN_A_ROW = 3
"""This many products in a row without an answer are Etsy's fault, not theirs: each costs minutes of retries."""

_ACCOUNT_FAULTS = (NotConnectedError, SecretKeyError, DailyBudgetError, EtsyJobLostError)


class ListingResult(StrEnum):
    """What a sync did to the listing of a product."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    DEACTIVATED = "deactivated"
    FAILED = "failed"


@dataclass(frozen=True)
class ListingOutcome:
    """The outcome of one product. `sentence`: why it failed and what to do, or what is worth knowing."""

    product_id: str
    result: ListingResult
    listing_id: int | None = None
    sentence: str | None = None


class RefusedError(PermanentError):
    """Nothing was sent for a product: Etsy would refuse it, or nobody confirmed it."""


@dataclass
class _ProductSync:
    """The sync of one product. `listed`: its listing as Etsy showed it, or as a call has answered since."""

    row: EtsyJobProduct
    memory: ListingMemory
    listing_id: int | None
    url: str | None
    plan: ListingPlan
    listed: ListingAnswer | None
    images: ListingImages | None = None
    inventory: ListedInventory | None = None
    links: VariationPictures | None = None
    note: str | None = None
    """What a person should know although the product is on Etsy."""

    @property
    def wanted(self) -> Listing:
        """The listing as it should be."""
        assert self.plan.listing is not None
        return self.plan.listing

    @property
    def id(self) -> int:
        """Id of its listing."""
        assert self.listing_id is not None
        return self.listing_id

    def outcome(self, result: ListingResult, sentence: str | None = None) -> ListingOutcome:
        """Make the outcome."""
        return ListingOutcome(self.row.product_id, result, self.listing_id, sentence)


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
    """Set when the calls of the day are used up; from then on only stock is lowered."""
    _silent: int = field(default=0, init=False)

    def sync(self, rows: Sequence[EtsyJobProduct], products: Mapping[str, ShopProduct]) -> Iterator[ListingOutcome]:
        """Sync up to 100 products of the job; `products`: those of them that Medusa has.

        Raises PipelineError for a fault of the whole account; products without an outcome are left to a later run.
        """
        try:
            yield from self._sync_all(rows, products)
        except DailyBudgetError as fault:
            raise self.day_over or fault from None

    def _sync_all(
        self, rows: Sequence[EtsyJobProduct], products: Mapping[str, ShopProduct]
    ) -> Iterator[ListingOutcome]:
        links = self.links.of_products(self.account.id, [row.product_id for row in rows])
        listed = self._read_listings(link.etsy_listing_id for link in links.values() if link.etsy_listing_id)
        items = [self._plan(row, links[row.product_id], products.get(row.product_id), listed) for row in rows]
        to_verify = []
        for item in sorted(items, key=lambda item: not item.plan.only_lowers_stock):
            if self.day_over and not item.plan.only_lowers_stock:
                continue
            try:
                outcome = self._carry_out(item)
            except DailyBudgetError as fault:
                self.day_over = fault
            except PipelineError as fault:
                yield self._fail(item, fault)
                if self._silent == SILENT_IN_A_ROW:
                    raise
            else:
                self._silent = 0
                if outcome:
                    yield outcome
                else:
                    to_verify.append(item)
        yield from self._verify_all(to_verify)

    def _plan(
        self, row: EtsyJobProduct, link: EtsyLink, product: ShopProduct | None, listed: Mapping[int, ListingAnswer]
    ) -> _ProductSync:
        shown = listed.get(link.etsy_listing_id) if link.etsy_listing_id else None
        memory = link.memory.model_copy(update={"state": shown.state}) if shown else link.memory
        existing = ExistingListing(link.etsy_listing_id, memory) if link.etsy_listing_id else None
        plan = plan_listing(row.product_id, product, self.account.api_config, self.account.currency, existing)
        plan = try_missing_again(limit_to_confirmed(plan, row.proposal), memory, row.proposal)
        return _ProductSync(row, memory, link.etsy_listing_id, link.etsy_url, plan, shown)

    def _carry_out(self, item: _ProductSync) -> ListingOutcome | None:
        """Send what the plan says; return the outcome, or None while it is still to be verified on Etsy."""
        if item.listing_id and item.listed is None:
            item.listed = self.client.listing(item.listing_id)
            if item.listed is None:
                return self._forget(item)
        if item.plan.action is ListingAction.REFUSE:
            why = " ".join(problem.sentence for problem in item.plan.problems)
            raise RefusedError(f"Preparing {item.plan.title} for Etsy", why.rstrip("."), "Then request it again.")
        if not item.plan.parts and not item.memory.linked_images:
            return self._finish(item, ListingResult.UNCHANGED)
        for part in item.plan.parts:
            if part is Part.PUBLISH:
                self._link_again(item)
            match part:
                case Part.CREATE:
                    self._create(item)
                case Part.CONTENT:
                    self._send_content(item)
                case Part.INVENTORY:
                    self._send_inventory(item)
                case Part.IMAGES:
                    self._send_images(item)
                case Part.PUBLISH:
                    self._publish(item)
                case Part.DEACTIVATE:
                    self._deactivate(item)
        self._link_again(item)
        return None

    def _create(self, item: _ProductSync) -> None:
        maker = DraftMaker(self.client, self.links, self.job, self.sleep)
        item.listed, content_hash = maker.make(item.row.product_id, item.wanted, item.memory.intent)
        item.listing_id, item.url = item.listed.listing_id, item.listed.url
        if content_hash != item.wanted.content_hash:
            self._send_content(item)

    def _send_content(self, item: _ProductSync) -> None:
        self.client.patch(item.id, item.wanted.patch)
        self._update_memory(item, content_hash=item.wanted.content_hash)

    def _send_inventory(self, item: _ProductSync) -> None:
        client = self.client.urgently() if item.plan.only_lowers_stock else self.client
        if item.memory.has_linked_images or values_changed(item.memory.shown, item.wanted.shown):
            self._links(item).keep()
        answer = item.inventory = client.put_inventory(item.id, item.wanted.inventory)
        if differs := _find_difference(item.wanted.inventory, answer):
            raise PermanentError(
                f"Writing the variants of listing {item.id}",
                f"Etsy took them, but does not show {differs}",
                "Look at the listing on Etsy, then try again.",
            )
        self._update_memory(item, inventory_hash=item.wanted.inventory_hash)

    def _send_images(self, item: _ProductSync) -> None:
        assert item.listed is not None
        item.images = ListingImages(
            self.client,
            item.id,
            self.images,
            shown=_image_ids(item.listed),
            known=dict(item.memory.image_ids),
            store_known=lambda image_ids: self._update_memory(item, image_ids=image_ids),
            # As Etsy takes it: signs that it refuses in a title may be refused here too.
            alt_text=item.wanted.draft.title,
            before_detaching=lambda: self._links(item).keep() if item.listed and item.listed.has_variations else None,
        )
        item.images.upload_all(item.wanted.images)
        if item.images.missing:
            item.note = missing_sentence(item.images.missing, len(item.wanted.images))
        if not item.images.shown and Part.PUBLISH in item.plan.parts:
            to_do = "Etsy publishes nothing without a picture. Give the product one, then try again."
            raise RefusedError(f"Publishing {item.plan.title}", (item.note or "it has no picture").rstrip("."), to_do)

    def _links(self, item: _ProductSync) -> VariationPictures:
        if item.links is None:
            waiting = item.memory.linked_images or None
            store = partial(self._update_memory, item)
            item.links = VariationPictures(self.client, item.id, waiting, item.memory.has_linked_images, store)
        return item.links

    def _link_again(self, item: _ProductSync) -> None:
        """Link pictures with values again where a change, also one of a run before, may have cut the links."""
        if item.links is None and not item.memory.linked_images:
            return
        if item.inventory is None and item.memory.linked_images:
            item.inventory = self.client.inventories([item.id]).get(item.id)
        assert item.listed is not None
        there = item.images.shown if item.images else _image_ids(item.listed)
        known = item.images.known if item.images else item.memory.image_ids
        again = {image_id: known[sha256] for sha256, image_id in item.memory.image_ids.items() if sha256 in known}
        values = item.inventory.values if item.inventory else None
        if said := self._links(item).restore(values, again | {image_id: image_id for image_id in there}):
            item.note = f"{item.note} {said}" if item.note else said

    def _publish(self, item: _ProductSync) -> None:
        """Publish a listing. Etsy may charge for it, so after an unknown outcome we look before sending it again."""
        for left in reversed(range(SENDS)):
            try:
                self.client.publish(item.id)
                return
            except UnknownOutcomeError:
                found = self.client.listing(item.id)
                if found and found.state == "active":
                    return
                if not left:
                    raise

    def _deactivate(self, item: _ProductSync) -> None:
        # Stored before the call: we may set it active again even if this run is killed right after it.
        self._update_memory(item, paused=True)
        self.client.deactivate(item.id)

    def _verify_all(self, items: Sequence[_ProductSync]) -> Iterator[ListingOutcome]:
        """Check that Etsy shows what it was given."""
        listed = self._read_listings(item.id for item in items)
        for item in items:
            try:
                yield self._verify(item, listed.get(item.id) or self.client.listing(item.id))
            except PipelineError as fault:
                yield self._fail(item, fault)

    def _verify(self, item: _ProductSync, listed: ListingAnswer | None) -> ListingOutcome:
        if listed is None:
            return self._forget(item)
        item.listed, parts = listed, item.plan.parts
        if item.images:
            item.images.verify(_image_ids(listed))
        wrong = Part.PUBLISH in parts and listed.state != "active"
        if wrong or (Part.DEACTIVATE in parts and listed.state == "active"):
            raise PermanentError(
                f"Setting the state of listing {item.id}",
                f"Etsy took it, but shows it as {listed.state}",
                "Look at the listing on Etsy, then try again.",
            )
        result = ListingResult.DEACTIVATED if item.plan.action is ListingAction.DEACTIVATE else ListingResult.UPDATED
        return self._finish(item, ListingResult.CREATED if Part.CREATE in parts else result)

    def _finish(self, item: _ProductSync, result: ListingResult) -> ListingOutcome:
        assert item.listed is not None
        item.url = item.listed.url or item.url
        state = item.listed.state
        paused = state != "active" and (item.memory.paused or Part.DEACTIVATE in item.plan.parts)
        memory: dict[str, Any] = {"state": state, "paused": paused, "intent": None}
        if item.plan.listing:
            memory["shown"] = item.plan.listing.shown
        if item.images:
            missing = {address: one.sha256 for address, one in item.images.missing.items()}
            memory |= {
                "images_hash": item.wanted.images_hash,
                "image_ids": item.images.known,
                "missing_images": missing,
            }
        changed = result is not ListingResult.UNCHANGED
        self.links.mark_synced(self.job, item.row.product_id, changed=changed, url=item.url, note=item.note, **memory)
        return item.outcome(result, item.note)

    def _fail(self, item: _ProductSync, fault: PipelineError) -> ListingOutcome:
        """Record why a product failed; raises the fault again when it concerns the whole account."""
        if isinstance(fault, _ACCOUNT_FAULTS) or fault.status in (401, 403):
            raise fault
        self._silent = self._silent + 1 if isinstance(fault, TransientError) else 0
        if isinstance(fault, NotFoundError) and self._is_gone(item):
            return self._forget(item)
        self.links.mark_failed(self.job, item.row.product_id, str(fault))
        return item.outcome(ListingResult.FAILED, str(fault))

    def _is_gone(self, item: _ProductSync) -> bool:
        try:
            return item.listing_id is not None and self.client.listing(item.listing_id) is None
        except PipelineError:
            return False

    def _forget(self, item: _ProductSync) -> ListingOutcome:
        """Forget a listing that Etsy no longer has. It is made again only after a new request is confirmed."""
        self.links.forget_listing(self.job, item.row.product_id)
        gone, item.listing_id, item.url = item.listing_id, None, None
        if item.plan.action in (ListingAction.DEACTIVATE, ListingAction.NOTHING) and item.plan.listing is None:
            self.links.mark_synced(self.job, item.row.product_id, changed=False)
            return item.outcome(ListingResult.UNCHANGED)
        sentence = (
            f"Looking at listing {gone} on Etsy: there is none any more (404), so somebody has deleted it there. "
            "If it should be on Etsy, request the product again: a new listing is made once that is confirmed."
        )
        self.links.mark_failed(self.job, item.row.product_id, sentence)
        return item.outcome(ListingResult.FAILED, sentence)

    def _update_memory(self, item: _ProductSync, **memory: Any) -> None:
        self.links.update_memory(self.job, item.row.product_id, **memory)

    def _read_listings(self, listing_ids: Iterable[int]) -> dict[int, ListingAnswer]:
        # One call for up to 100 products is worth the reserve of the day: one of them may lower stock.
        return self.client.urgently().listings_by_ids(listing_ids)


def _image_ids(listed: ListingAnswer) -> list[int]:
    return [image.listing_image_id for image in sorted(listed.images, key=lambda image: image.rank)]


def _find_difference(sent: Inventory, answer: ListedInventory) -> str:
    """Name what Etsy does not show of an inventory that was sent; "" when it shows all of it."""
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
