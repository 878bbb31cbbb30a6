"""Makes each draft on Etsy once, although Etsy has no idempotency key.

An intent is stored before the call; when the answer does not come, the draft is searched for on Etsy.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from awin_medusa_pipeline.core.errors import Action, PermanentError, PipelineError
from awin_medusa_pipeline.core.http import UnknownOutcomeError
from awin_medusa_pipeline.etsy.client.answers import ListingAnswer
from awin_medusa_pipeline.etsy.client.client import SENDS, EtsyClient
from awin_medusa_pipeline.etsy.domain.listing import Listing
from awin_medusa_pipeline.etsy.domain.looks import BEHIND
from awin_medusa_pipeline.etsy.domain.memory import DraftIntent
from awin_medusa_pipeline.etsy.store.jobs import EtsyJob
from awin_medusa_pipeline.etsy.store.links import EtsyLinks

LOOKS = (0.0, 2.0, 8.0, 20.0)
"""Seconds before each look at the drafts: Etsy may still be working on the call that was given up, and its reads are
behind its writes."""
CLOCKS_APART = timedelta(minutes=5)
"""How far Etsy's clock may be behind ours."""


@dataclass(frozen=True)
class DraftMaker:
    """Makes drafts for products of a job that this run has claimed."""

    client: EtsyClient
    links: EtsyLinks
    job: EtsyJob
    sleep: Callable[[float], None]
    now: Callable[[], datetime]

    def make(self, product_id: str, listing: Listing, intent: DraftIntent | None) -> tuple[ListingAnswer, str]:
        """Make the draft and store its id; return it with the hash of the content that it was made with.

        `intent`: of an earlier attempt whose answer never came; its draft is adopted if Etsy has it. Raises
        PipelineError.
        """
        if intent and (found := self._find_made(intent, listing, LOOKS if self._is_young(intent) else (0.0,))):
            return self._save(product_id, found, intent.content_hash)
        since = intent.at if intent else None
        for left in reversed(range(SENDS)):
            title, content_hash = listing.draft.title, listing.content_hash
            intent = self.links.record_intent(self.job, product_id, title=title, content_hash=content_hash, since=since)
            try:
                made = self.client.create_draft(listing.draft)
            except UnknownOutcomeError:
                since = intent.at
                found = self._find_made(intent, listing, LOOKS)
                if found is None:
                    if left:
                        continue
                    raise
                made = found
            except PipelineError:
                if since is None:
                    self.links.update_memory(self.job, product_id, intent=None)
                raise
            return self._save(product_id, made, content_hash)
        raise AssertionError("the last try returns or raises")

    def _is_young(self, intent: DraftIntent) -> bool:
        """Whether Etsy may not show yet what was made by it."""
        return self.now() - (intent.sent_at or intent.at) < BEHIND

    def _save(self, product_id: str, made: ListingAnswer, content_hash: str) -> tuple[ListingAnswer, str]:
        self.links.save_listing(
            self.job, product_id, made.listing_id, made.url or None, state=made.state, made_at=made.created_at
        )
        return made, content_hash

    def _find_made(self, intent: DraftIntent, listing: Listing, looks: Sequence[float]) -> ListingAnswer | None:
        """Find the draft that a create with this intent has made; None when there is none.

        Raises PermanentError when several match: only a person can tell which one is right.
        """
        for wait in looks:
            if wait:
                self.sleep(wait)
            if found := self._matching(intent, listing):
                break
        if len(found) > 1:
            ids = ", ".join(str(draft.listing_id) for draft in found)
            raise PermanentError(
                f"Looking for the draft of {intent.title}, of which Etsy's answer never came",
                f"several drafts on Etsy fit ({ids})",
                "Delete those that are not needed on Etsy, all but one at most; then try again.",
                action=Action.RETRY_ETSY_JOB,
                target=self.job.transaction_id,
            )
        return found[0] if found else None

    def _matching(self, intent: DraftIntent, listing: Listing) -> list[ListingAnswer]:
        """Find drafts with that title that are not older than the intent and have no other product's link or SKUs."""
        others = {link.etsy_listing_id for link in self.links.of_account(self.job.account_id)}
        since = intent.at - CLOCKS_APART
        found = [
            draft
            for draft in self.client.listings("draft")
            if _plain(draft.title) == _plain(intent.title)
            and draft.created_at >= since
            and draft.listing_id not in others
        ]
        if not found:
            return []
        inventories = self.client.inventories(draft.listing_id for draft in found)
        skus = {listing_id: set(inventory.skus) for listing_id, inventory in inventories.items()}
        ours = {product.sku for product in listing.inventory.products if product.sku}
        return [draft for draft in found if not (its := skus.get(draft.listing_id)) or its & ours]


def _plain(title: str) -> str:
    return " ".join(title.split()).casefold()
