"""A shop on Etsy over its Open API v3: reads and writes, every fault one of our errors.

What belongs here: the calls that there are, their addresses and parameters. What does not: how one is sent
(calls.py), what it carries (etsy/domain/requests.py, answers.py), how a product of ours looks on Etsy
(etsy/domain/listing.py), or which listings to write (etsy/engine/).
"""

import copy
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from types import NoneType, TracebackType
from typing import Any, Generic, Self, TypeVar

import httpx

from awin_medusa_pipeline.core.http import Backoff, TransientError
from awin_medusa_pipeline.etsy.client.answers import (
    Answer,
    ListedInventory,
    Listing,
    ListingImage,
    Me,
    ReadinessState,
    ReturnPolicy,
    ShippingProfile,
    Shop,
    TaxonomyNode,
    TaxonomyProperty,
)
from awin_medusa_pipeline.etsy.client.budget import EtsyBudget
from awin_medusa_pipeline.etsy.client.calls import EtsyCalls
from awin_medusa_pipeline.etsy.client.errors import NotFoundError
from awin_medusa_pipeline.etsy.client.oauth import API_URL
from awin_medusa_pipeline.etsy.domain.requests import DraftListing, Inventory, ListingPatch, ListingState, form_value
from awin_medusa_pipeline.etsy.domain.tokens import TokenSource

T = TypeVar("T")

# Etsy: pages and batches of at most 100.
PAGE = 100
# Pages of Etsy can overlap and leave a listing out (open-api #510), so a list that is short is read again.
PASSES = 3
TIMEOUT = httpx.Timeout(60.0, connect=5.0)


class _Results(Answer, Generic[T]):
    count: int
    results: tuple[T, ...]


class EtsyClient:
    """One connected shop; `shop_id` may be 0 until `me` has told it. Threads may share it. To be used in a `with`."""

    def __init__(
        self,
        *,
        keystring: str,
        shared_secret: str,
        tokens: TokenSource,
        shop_id: int = 0,
        api_url: str = API_URL,
        budget: EtsyBudget | None = None,
        backoff: Backoff | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.shop_id = shop_id
        client = httpx.Client(
            base_url=f"{api_url.rstrip('/')}/v3/application",
            # In bytes: a key with a letter that is not ASCII is Etsy's to refuse.
            headers={b"x-api-key": f"{keystring}:{shared_secret}".encode()},
            timeout=TIMEOUT,
            transport=transport,
        )
        self._calls = EtsyCalls(client, tokens, budget or EtsyBudget(), backoff or Backoff(), (shared_secret,))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._calls.client.close()

    def urgently(self) -> "EtsyClient":
        """The same shop, budget and connections, for stock going down: its calls may use the day's reserve."""
        urgent = copy.copy(self)
        urgent._calls = replace(self._calls, urgent=True)
        return urgent

    # Reading. All may be repeated.

    def me(self) -> Me:
        """Whose token it is, and their shop."""
        return self._calls.call(Me, "GET", "/users/me")

    def shop(self) -> Shop:
        """The shop, with the currency of its prices."""
        return self._calls.call(Shop, "GET", self._shop())

    def shipping_profiles(self) -> tuple[ShippingProfile, ...]:
        """Those that are not deleted."""
        found = self._list(ShippingProfile, f"{self._shop()}/shipping-profiles")
        return tuple(profile for profile in found if not profile.is_deleted)

    def return_policies(self) -> tuple[ReturnPolicy, ...]:
        """All of the shop."""
        return self._list(ReturnPolicy, f"{self._shop()}/policies/return")

    def readiness_states(self) -> tuple[ReadinessState, ...]:
        """All of the shop; asked without pages, which leave some out (open-api discussion 1533)."""
        return self._list(ReadinessState, f"{self._shop()}/readiness-state-definitions")

    def taxonomy_nodes(self) -> tuple[TaxonomyNode, ...]:
        """Etsy's categories, the roots with all below them. A large answer."""
        return self._list(TaxonomyNode, "/seller-taxonomy/nodes")

    def taxonomy_properties(self, taxonomy_id: int) -> tuple[TaxonomyProperty, ...]:
        """Properties of a category."""
        return self._list(TaxonomyProperty, f"/seller-taxonomy/nodes/{taxonomy_id}/properties")

    def listing(self, listing_id: int) -> Listing | None:
        """A listing in any state, with its images; None only when Etsy itself says that there is none (404)."""
        try:
            return self._calls.call(Listing, "GET", f"/listings/{listing_id}", params={"includes": "Images"})
        except NotFoundError:
            return None

    def listings(self, state: ListingState) -> list[Listing]:
        """All listings of the shop in a state, each once, in no promised order.

        Raises TransientError when fewer came than Etsy counts: a failed read is never a smaller shop, and a draft that
        was not seen would be made a second time.
        """
        found: dict[int, Listing] = {}
        count = 0
        for _ in range(PASSES):
            count = self._read_pages(state, found)
            if len(found) >= count:
                return list(found.values())
        raise TransientError(
            f"Reading the {state} listings of shop {self.shop_id} on Etsy",
            f"{len(found)} came although Etsy counts {count}",
            "Listings may have changed meanwhile: run it again.",
        )

    def listings_by_ids(self, listing_ids: Iterable[int]) -> dict[int, Listing]:
        """Listings by id, with their images. One that did not come is not gone before `listing` says so."""
        found = self._batches("/listings/batch", listing_ids, {"includes": "Images"})
        return {listing.listing_id: listing for listing in found}

    def inventory(self, listing_id: int) -> ListedInventory:
        """The variants of a listing."""
        return self._calls.call(ListedInventory, "GET", f"/listings/{listing_id}/inventory")

    def inventories(self, listing_ids: Iterable[int]) -> dict[int, ListedInventory]:
        """The variants of many listings, by listing id."""
        found = self._batches("/listings/batch/inventory", listing_ids, {})
        return {listing.listing_id: listing.inventory for listing in found if listing.inventory}

    def images(self, listing_id: int) -> tuple[ListingImage, ...]:
        """The pictures of a listing in the order of their ranks."""
        found = self._list(ListingImage, f"/listings/{listing_id}/images")
        return tuple(sorted(found, key=lambda image: image.rank))

    # Writing. What is said to be done once is never repeated here after an UnknownOutcomeError: look first.

    def create_draft(self, draft: DraftListing) -> Listing:
        """Make a draft; once. Etsy knows no key against doubles, and a 500 can have made it (open-api #162)."""
        return self._calls.call(Listing, "POST", f"{self._shop()}/listings", once=True, data=draft.form())

    def patch(self, listing_id: int, patch: ListingPatch) -> Listing:
        """Change content; free, and may be repeated."""
        return self._patch(listing_id, patch.form())

    def set_image_order(self, listing_id: int, image_ids: Sequence[int]) -> Listing:
        """Make these the listing's pictures, in this order; others are detached. Etsy refuses an empty list."""
        if not image_ids:
            raise ValueError("a listing on Etsy keeps at least one image")
        return self._patch(listing_id, {"image_ids": form_value(image_ids)})

    def publish(self, listing_id: int) -> Listing:
        """Make a draft or an inactive listing active; once. Etsy charges a draft's listing fee."""
        return self._patch(listing_id, {"state": "active"}, once=True)

    def deactivate(self, listing_id: int) -> Listing:
        """Take an active listing out of sale; free, and may be repeated."""
        return self._patch(listing_id, {"state": "inactive"})

    def put_inventory(self, listing_id: int, inventory: Inventory) -> ListedInventory:
        """Replace all variants; may be repeated. Etsy gives the products new ids each time."""
        path = f"/listings/{listing_id}/inventory"
        return self._calls.call(ListedInventory, "PUT", path, json=inventory.body())

    def upload_image(
        self, listing_id: int, content: bytes, filename: str, *, rank: int = 1, alt_text: str = ""
    ) -> ListingImage:
        """Add a picture; once, since a second upload is a second picture. The order is `set_image_order`'s."""
        return self._add_image(listing_id, {"image": (filename, content)}, rank, alt_text)

    def attach_image(self, listing_id: int, image_id: int, *, rank: int = 1, alt_text: str = "") -> ListingImage:
        """Add a picture that Etsy has already; once."""
        return self._add_image(listing_id, {"listing_image_id": (None, str(image_id))}, rank, alt_text)

    def delete(self, listing_id: int) -> None:
        """Delete a listing; one that is gone is no error. Needs listings_d, a scope that nobody asks for yet."""
        with suppress(NotFoundError):
            self._calls.call(NoneType, "DELETE", f"/listings/{listing_id}")

    def _shop(self) -> str:
        return f"/shops/{self.shop_id}"

    def _patch(self, listing_id: int, form: dict[str, str], *, once: bool = False) -> Listing:
        return self._calls.call(Listing, "PATCH", f"{self._shop()}/listings/{listing_id}", once=once, data=form)

    def _add_image(self, listing_id: int, source: dict[str, Any], rank: int, alt_text: str) -> ListingImage:
        # A part without a file's name is a plain field: Etsy takes this call as multipart alone.
        fields = {"rank": str(rank), **({"alt_text": alt_text} if alt_text else {})}
        files = source | {name: (None, value) for name, value in fields.items()}
        path = f"{self._shop()}/listings/{listing_id}/images"
        return self._calls.call(ListingImage, "POST", path, once=True, files=files)

    def _list(self, kind: type[T], path: str) -> tuple[T, ...]:
        return self._calls.call(_Results[kind], "GET", path).results  # type: ignore[valid-type]

    def _read_pages(self, state: ListingState, found: dict[int, Listing]) -> int:
        """Add the listings of all pages to `found`; how many Etsy counts."""
        offset = 0
        while True:
            params = {"state": state, "limit": PAGE, "offset": offset}
            page = self._calls.call(_Results[Listing], "GET", f"{self._shop()}/listings", params=params)
            found.update({listing.listing_id: listing for listing in page.results})
            offset += PAGE
            if offset >= page.count or not page.results:
                return page.count

    def _batches(self, path: str, listing_ids: Iterable[int], params: dict[str, str]) -> Iterator[Listing]:
        """Listings by id, 100 a call. One id that Etsy does not know fails a whole call, so that is halved."""
        ids = list(dict.fromkeys(listing_ids))
        waiting = [ids[first : first + PAGE] for first in range(0, len(ids), PAGE)]
        while waiting:
            part = waiting.pop()
            try:
                asked = params | {"listing_ids": form_value(part)}
                yield from self._calls.call(_Results[Listing], "GET", path, params=asked).results
            except NotFoundError:
                if len(part) > 1:
                    waiting += [part[: len(part) // 2], part[len(part) // 2 :]]
