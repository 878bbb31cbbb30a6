"""A draft on Etsy, made once, although Etsy knows no key against doubles.

What belongs here: the intent before the call, and the search for a draft whose answer never came. What does not: what
is done to a listing that there is (listings.py).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from awin_medusa_pipeline.core.errors import Action, PermanentError, PipelineError
from awin_medusa_pipeline.core.http import UnknownOutcomeError
from awin_medusa_pipeline.etsy.client.answers import Listing as Listed
from awin_medusa_pipeline.etsy.client.client import EtsyClient
from awin_medusa_pipeline.etsy.domain.listing import Listing
from awin_medusa_pipeline.etsy.domain.memory import Intent
from awin_medusa_pipeline.etsy.store.jobs import EtsyJob
from awin_medusa_pipeline.etsy.store.links import EtsyLinks

SENDS = 3
LOOKS = (0.0, 2.0, 8.0)
"""Seconds before each look at the drafts: Etsy may still be at what was given up on."""
CLOCKS_APART = timedelta(minutes=5)
"""How far Etsy's clock may be behind ours."""


@dataclass(frozen=True)
class DraftMaker:
    """Makes drafts for products of a job that this run has claimed."""

    client: EtsyClient
    links: EtsyLinks
    job: EtsyJob
    sleep: Callable[[float], None]

    def make(self, product_id: str, listing: Listing, intent: Intent | None) -> tuple[Listed, str]:
        """The draft, its id saved, and the hash of the content that it was made with.

        `intent`: of an earlier try whose answer never came; its draft is taken over if Etsy has it. Raises
        PipelineError.
        """
        if intent and (found := self._made_by(intent, listing, (0.0,))):
            return self._saved(product_id, found, intent.content_hash)
        since = intent.at if intent else None
        for left in reversed(range(SENDS)):
            title, content_hash = listing.draft.title, listing.content_hash
            intent = self.links.intend(self.job, product_id, title=title, content_hash=content_hash, since=since)
            try:
                made = self.client.create_draft(listing.draft)
            except UnknownOutcomeError:
                since = intent.at
                found = self._made_by(intent, listing, LOOKS)
                if found is None:
                    if left:
                        continue
                    raise
                made = found
            except PipelineError:
                if since is None:
                    self.links.remember(self.job, product_id, intent=None)
                raise
            return self._saved(product_id, made, content_hash)
        raise AssertionError("the last try returns or raises")

    def _saved(self, product_id: str, made: Listed, content_hash: str) -> tuple[Listed, str]:
        self.links.save_listing(
            self.job, product_id, made.listing_id, made.url or None, state=made.state, content_hash=content_hash
        )
        return made, content_hash

    def _made_by(self, intent: Intent, listing: Listing, looks: Sequence[float]) -> Listed | None:
        """The draft that a create with this intent has made; None when there is none.

        Raises PermanentError when several fit: only a person can tell.
        """
        for wait in looks:
            if wait:
                self.sleep(wait)
            if found := self._fitting(intent, listing):
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

    def _fitting(self, intent: Intent, listing: Listing) -> list[Listed]:
        """Drafts with that title, not older than the intent, of no other product; nor with other products' SKUs."""
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
