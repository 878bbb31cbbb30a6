"""Syncs products to Etsy one by one: makes each listing once, and changes it only where it differs.

Calls per new product: one for the draft, one for its variants, one per image; none for an unchanged product. The looks
before and after are shared by up to 100 products. Each step is stored as soon as Etsy has accepted it, so that a
killed run is continued where it stopped. Nothing counts as done before Etsy shows it.
"""

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from awin_medusa_pipeline.core.errors import PermanentError, PipelineError, TransientError
from awin_medusa_pipeline.core.http import UnknownOutcomeError
from awin_medusa_pipeline.core.store.secrets import SecretKeyError
from awin_medusa_pipeline.etsy.client.answers import ListedInventory, ListingAnswer
from awin_medusa_pipeline.etsy.client.client import SENDS, EtsyClient
from awin_medusa_pipeline.etsy.client.errors import DailyBudgetError, NotFoundError
from awin_medusa_pipeline.etsy.domain.looks import BEHIND
from awin_medusa_pipeline.etsy.domain.memory import InventoryPut
from awin_medusa_pipeline.etsy.domain.owners import IMAGES, SELLERS, compare
from awin_medusa_pipeline.etsy.domain.plan import (
    ExistingListing,
    ListingAction,
    Part,
    limit_to_confirmed,
    plan_listing,
)
from awin_medusa_pipeline.etsy.domain.shown import (
    OLD_IDS,
    shown_fields,
    variant_fields,
)
from awin_medusa_pipeline.etsy.domain.stock import Imported, take_written
from awin_medusa_pipeline.etsy.domain.tokens import NotConnectedError
from awin_medusa_pipeline.etsy.domain.variation_images import values_changed
from awin_medusa_pipeline.etsy.engine.drafts import DraftMaker
from awin_medusa_pipeline.etsy.engine.images import WAITS, ImageSource, ListingImages, missing_sentence
from awin_medusa_pipeline.etsy.engine.looks import Shown, look
from awin_medusa_pipeline.etsy.engine.pictures import try_missing_again
from awin_medusa_pipeline.etsy.engine.product_sync import (
    NOT_SHOWN,
    ListingOutcome,
    ListingResult,
    ProductSync,
    find_unshown,
    image_ids,
    turn,
)
from awin_medusa_pipeline.etsy.engine.products import ProductReader
from awin_medusa_pipeline.etsy.engine.state import EtsyState
from awin_medusa_pipeline.etsy.engine.variation_pictures import VariationPictures
from awin_medusa_pipeline.etsy.store.accounts import EtsyAccount
from awin_medusa_pipeline.etsy.store.jobs import EtsyJob, EtsyJobProduct
from awin_medusa_pipeline.etsy.store.links import EtsyJobLostError, EtsyLink
from awin_medusa_pipeline.medusa.models import ShopProduct

SILENT_IN_A_ROW = 3
"""This many products in a row without an answer are Etsy's fault, not theirs: each costs minutes of retries."""
FRESH = timedelta(seconds=20)
"""Quantities are written over those that were read at most so long ago."""

_ACCOUNT_FAULTS = (NotConnectedError, SecretKeyError, DailyBudgetError, EtsyJobLostError)
_LOOKED_AT = ("state", "seen", "told", "stock", "put", "images_hash")
"""What a look changes in a memory."""


class RefusedError(PermanentError):
    """Nothing was sent for a product: Etsy would refuse it, or nobody confirmed it."""


@dataclass
class ListingSync:
    """Syncs products of a job that this run has claimed."""

    etsy: EtsyState
    client: EtsyClient
    job: EtsyJob
    account: EtsyAccount
    images: ImageSource
    sleep: Callable[[float], None] = time.sleep
    day_over: DailyBudgetError | None = field(default=None, init=False)
    """Set when the calls of the day are used up; from then on only stock is lowered."""
    _silent: int = field(default=0, init=False)
    _shown: Shown = field(default_factory=lambda: Shown({}, {}), init=False)
    _looked_at: datetime = field(default=datetime.min.replace(tzinfo=UTC), init=False)

    def sync(self, rows: Sequence[EtsyJobProduct], read_products: ProductReader) -> Iterator[ListingOutcome]:
        """Sync up to 100 products of the job.

        Raises PipelineError for a fault of the whole account; products without an outcome are left to a later run.
        """
        try:
            yield from self._sync_all(rows, read_products)
        except DailyBudgetError as fault:
            raise self.day_over or fault from None

    def _sync_all(self, rows: Sequence[EtsyJobProduct], read_products: ProductReader) -> Iterator[ListingOutcome]:
        product_ids = [row.product_id for row in rows]
        links = self.etsy.links.of_products(self.account.id, product_ids)
        sales = self.etsy.imported_sales(self.account.id, product_ids)
        products = read_products(product_ids, self.account.currency)
        self._wait_until_shown(links.values())
        self._look(link.etsy_listing_id for link in links.values() if link.etsy_listing_id)
        plan = partial(self._plan, products=products, sales=sales)
        items = sorted((plan(row, links[row.product_id]) for row in rows), key=turn)
        to_verify = []
        for number, item in enumerate(items):
            if self.day_over and not item.plan.only_lowers_stock:
                continue
            try:
                if item.writes_over and self.etsy.now() - self._looked_at > FRESH:
                    self._look(later.listing_id for later in items[number:] if later.listing_id)
                    item = plan(item.row, links[item.row.product_id])
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

    def _wait_until_shown(self, links: Iterable[EtsyLink]) -> None:
        """Wait until Etsy's reads must show what was last written to these listings."""
        puts = [link.memory.put.at for link in links if link.memory.put]
        if puts and (left := (max(puts) + BEHIND - self.etsy.now()).total_seconds()) > 0:
            self.sleep(left)

    def _look(self, listing_ids: Iterable[int]) -> None:
        # Two calls for up to 100 products are worth the reserve of the day: one of them may lower stock.
        self._shown, self._looked_at = Shown.read(self.client.urgently(), listing_ids), self.etsy.now()

    def _plan(
        self,
        row: EtsyJobProduct,
        link: EtsyLink,
        products: Mapping[str, ShopProduct],
        sales: Mapping[str, Imported] | None,
    ) -> ProductSync:
        product, listing_id = products.get(row.product_id), link.etsy_listing_id
        listed, inventory = self._shown.listings.get(listing_id or 0), self._shown.inventories.get(listing_id or 0)
        imported = sales[row.product_id] if sales else None
        if listed:
            found = look(self.etsy, self.account, link, product, listed, inventory, imported)
            if found.memory != link.memory:
                looked_at = {name: getattr(found.memory, name) for name in _LOOKED_AT}
                self.etsy.links.update_memory(self.job, row.product_id, **looked_at)
                link.memory = found.memory
        existing = ExistingListing(listing_id, link.memory) if listing_id else None
        config, ours = self.account.api_config, self.etsy.rules.ours
        plan = plan_listing(row.product_id, product, config, self.account.currency, existing, ours)
        return ProductSync(
            row,
            product,
            link.memory,
            listing_id,
            link.etsy_url,
            try_missing_again(limit_to_confirmed(plan, row.proposal), link.memory, row.proposal),
            listed,
            inventory.variants() if inventory else (),
            imported,
        )

    def _carry_out(self, item: ProductSync) -> ListingOutcome | None:
        """Send what the plan says; return the outcome, or None while it is still to be verified on Etsy."""
        if item.listing_id and item.listed is None:
            item.listed = self._find(item)
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
                    self._send_content(item, item.plan.content)
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

    def _find(self, item: ProductSync) -> ListingAnswer | None:
        """Read a listing that was not shown among others; None: it is gone. One made just now has time to appear."""
        made_at = item.memory.made_at
        is_new = made_at is not None and self.etsy.now() - made_at < 2 * BEHIND
        for wait in WAITS if is_new else WAITS[:1]:
            self.sleep(wait)
            if found := self.client.listing(item.id):
                return found
        return None

    def _create(self, item: ProductSync) -> None:
        maker = DraftMaker(self.client, self.etsy.links, self.job, self.sleep, self.etsy.now)
        item.listed, content_hash = maker.make(item.row.product_id, item.wanted, item.memory.intent)
        item.listing_id, item.url = item.listed.listing_id, item.listed.url
        item.memory = item.memory.model_copy(update={"made_at": item.listed.created_at})
        if content_hash != item.wanted.content_hash:
            # Made when the product was another, and found again; nobody but this program has touched it.
            made = shown_fields(item.listed.shown(None), None)
            self._send_content(item, compare(item.wanted.fields, made, made, SELLERS).content)
        content = item.wanted.content
        self._remember_written(item, {name: value for name, value in item.wanted.fields.items() if name in content})

    def _send_content(self, item: ProductSync, fields: Sequence[str]) -> None:
        patch = item.wanted.patch(fields)
        if form := patch.form():
            self.client.patch(item.id, patch)
            self._remember_written(item, {name: item.wanted.fields[name] for name in form})

    def _send_inventory(self, item: ProductSync) -> None:
        client = self.client.urgently() if item.plan.only_lowers_stock else self.client
        if item.memory.has_linked_images or values_changed(item.memory.written, item.wanted.fields):
            self._links(item).keep()
        put = InventoryPut(at=self.etsy.now(), quantities=item.wanted.quantities, replaced=tuple(item.replaced))
        # Stored before the call: pieces that went are told from those that it takes away.
        self._update_memory(item, put=put)
        item.inventory = client.put_inventory(item.id, item.sent_inventory)
        self._update_memory(
            item,
            put=put.model_copy(update={"answered": True}),
            stock=take_written(item.memory.stock, item.wanted.quantities, item.product, item.imported),
        )
        self._remember_written(item, variant_fields(item.wanted.inventory, item.wanted.variant_ids))

    def _send_images(self, item: ProductSync) -> None:
        assert item.listed is not None
        item.images = ListingImages(
            self.client,
            item.id,
            self.images,
            shown=image_ids(item.listed),
            known=dict(item.memory.image_ids),
            store_known=lambda image_ids: self._update_memory(item, image_ids=image_ids),
            sleep=self.sleep,
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

    def _links(self, item: ProductSync) -> VariationPictures:
        if item.links is None:
            waiting = item.memory.linked_images or None
            store = partial(self._update_memory, item)
            item.links = VariationPictures(self.client, item.id, waiting, item.memory.has_linked_images, store)
        return item.links

    def _link_again(self, item: ProductSync) -> None:
        """Link pictures with values again where a change, also one of a run before, may have cut the links."""
        if item.links is None and not item.memory.linked_images:
            return
        if item.inventory is None and item.memory.linked_images:
            item.inventory = self.client.inventories([item.id]).get(item.id)
        assert item.listed is not None
        there = item.images.shown if item.images else image_ids(item.listed)
        known = item.images.known if item.images else item.memory.image_ids
        again = {image_id: known[sha256] for sha256, image_id in item.before.image_ids.items() if sha256 in known}
        values = item.inventory.values if item.inventory else None
        if said := self._links(item).restore(values, again | {image_id: image_id for image_id in there}):
            item.note = f"{item.note} {said}" if item.note else said

    def _publish(self, item: ProductSync) -> None:
        """Publish a listing. Etsy may charge for it, so after an unknown outcome we look before sending it again."""
        for left in reversed(range(SENDS)):
            try:
                self.client.publish(item.id)
                return
            except UnknownOutcomeError:
                if self._is_active(item):
                    return
                if not left:
                    raise

    def _is_active(self, item: ProductSync) -> bool:
        for wait in WAITS:
            self.sleep(wait)
            found = self.client.listing(item.id)
            if found and found.state == "active":
                return True
        return False

    def _deactivate(self, item: ProductSync) -> None:
        # Stored before the call: we may set it active again even if this run is killed right after it.
        self._update_memory(item, paused=True)
        self.client.deactivate(item.id)

    def _verify_all(self, items: Sequence[ProductSync]) -> Iterator[ListingOutcome]:
        """Check that Etsy shows what it was given, and give it time to. Pictures that stay wrong are set once more."""
        waiting = yield from self._verify_patiently(items)
        for item in [item for item in waiting if item.unshown == OLD_IDS]:
            # Staff say that ids change with each write (open-api #523); where they do not, all else is as it was given.
            waiting.remove(item)
            yield self._finish_verified(item, None)
        set_again = [item for item in waiting if self._set_images_again(item)]
        waiting = [item for item in waiting if item not in set_again]
        waiting += yield from self._verify_patiently(set_again)
        for item in waiting:
            yield self._fail_unshown(item)

    def _verify_patiently(self, items: Sequence[ProductSync]) -> Generator[ListingOutcome, None, list[ProductSync]]:
        """Yield the outcomes of those that Etsy shows as they should be; return the rest."""
        waiting = list(items)
        for wait in WAITS:
            if waiting:
                self.sleep(wait)
                shown = Shown.read(self.client.urgently(), [item.id for item in waiting])
                differing = []
                for item in waiting:
                    item.listed = shown.listings.get(item.id)
                    inventory = shown.inventories.get(item.id)
                    item.unshown = find_unshown(item, item.listed, inventory)
                    if item.unshown:
                        differing.append(item)
                    else:
                        yield self._finish_verified(item, inventory)
                waiting = differing
        return waiting

    def _finish_verified(self, item: ProductSync, inventory: ListedInventory | None) -> ListingOutcome:
        parts, action = item.plan.parts, item.plan.action
        result = ListingResult.DEACTIVATED if action is ListingAction.DEACTIVATE else ListingResult.UPDATED
        try:
            return self._finish(item, ListingResult.CREATED if Part.CREATE in parts else result, inventory)
        except PipelineError as fault:
            return self._fail(item, fault)

    def _set_images_again(self, item: ProductSync) -> bool:
        if not (item.images and item.listed and item.unshown == IMAGES):
            return False
        try:
            item.images.arrange_again(image_ids(item.listed))
        except PipelineError as fault:
            item.fault = fault
            return False
        return True

    def _fail_unshown(self, item: ProductSync) -> ListingOutcome:
        try:
            if item.listed is None and self.client.listing(item.id) is None:
                return self._forget(item)
        except PipelineError as fault:
            return self._fail(item, fault)
        unshown = PermanentError(
            f"Writing listing {item.id}",
            f"Etsy took it, but half a minute later it {NOT_SHOWN.get(item.unshown, item.unshown)}",
            "Look at the listing on Etsy, then try again.",
        )
        return self._fail(item, item.fault or unshown)

    def _finish(
        self, item: ProductSync, result: ListingResult, inventory: ListedInventory | None = None
    ) -> ListingOutcome:
        assert item.listed is not None
        item.url = item.listed.url or item.url
        state = item.listed.state
        paused = state != "active" and (item.memory.paused or Part.DEACTIVATE in item.plan.parts)
        memory: dict[str, Any] = {"state": state, "paused": paused, "intent": None}
        if item.plan.listing:
            kept = {change.field for change in item.plan.kept}
            ours = {name: value for name, value in item.wanted.fields.items() if name not in kept}
            theirs = {name: value for name, value in item.memory.written.items() if name in kept}
            memory["written"] = ours | theirs
            if inventory:
                memory["seen"] = shown_fields(item.listed.shown(inventory), item.wanted.inventory)
        if item.images:
            missing = {address: one.sha256 for address, one in item.images.missing.items()}
            memory |= {
                "images_hash": item.wanted.images_hash,
                "image_ids": item.images.known,
                "missing_images": missing,
            }
        changed = result is not ListingResult.UNCHANGED
        links = self.etsy.links
        links.mark_synced(self.job, item.row.product_id, changed=changed, url=item.url, note=item.note, **memory)
        return item.outcome(result, item.note)

    def _fail(self, item: ProductSync, fault: PipelineError) -> ListingOutcome:
        """Record why a product failed; raises the fault again when it concerns the whole account."""
        if isinstance(fault, _ACCOUNT_FAULTS) or fault.status in (401, 403):
            raise fault
        self._silent = self._silent + 1 if isinstance(fault, TransientError) else 0
        if isinstance(fault, NotFoundError) and self._is_gone(item):
            return self._forget(item)
        self.etsy.links.mark_failed(self.job, item.row.product_id, str(fault))
        return item.outcome(ListingResult.FAILED, str(fault))

    def _is_gone(self, item: ProductSync) -> bool:
        try:
            return item.listing_id is not None and self._find(item) is None
        except PipelineError:
            return False

    def _forget(self, item: ProductSync) -> ListingOutcome:
        """Forget a listing that Etsy no longer has. It is made again only after a new request is confirmed."""
        self.etsy.links.forget_listing(self.job, item.row.product_id)
        gone, item.listing_id, item.url = item.listing_id, None, None
        if item.plan.action in (ListingAction.DEACTIVATE, ListingAction.NOTHING) and item.plan.listing is None:
            self.etsy.links.mark_synced(self.job, item.row.product_id, changed=False)
            return item.outcome(ListingResult.UNCHANGED)
        sentence = (
            f"Looking at listing {gone} on Etsy: there is none any more (404), so somebody has deleted it there. "
            "If it should be on Etsy, request the product again: a new listing is made once that is confirmed."
        )
        self.etsy.links.mark_failed(self.job, item.row.product_id, sentence)
        return item.outcome(ListingResult.FAILED, sentence)

    def _update_memory(self, item: ProductSync, **memory: Any) -> None:
        """Store what was done, and go on with it."""
        self.etsy.links.update_memory(self.job, item.row.product_id, **memory)
        item.memory = item.memory.model_copy(update=memory)

    def _remember_written(self, item: ProductSync, fields: Mapping[str, str]) -> None:
        self._update_memory(item, written={**item.memory.written, **fields})
