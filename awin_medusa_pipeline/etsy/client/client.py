"""Reads and writes a shop on Etsy over its Open API v3; every fault is raised as one of our errors."""

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Annotated, Generic, Self, TypeVar

import httpx
from pydantic import Field

from awin_medusa_pipeline.core.deadline import bound_answers
from awin_medusa_pipeline.core.http import (
    Backoff,
    PermanentError,
    TransientError,
    ask_before_writing,
    certificates,
)
from awin_medusa_pipeline.etsy.client.answers import (
    Answer,
    ListedInventory,
    ListedVariationImage,
    ListingAnswer,
    ListingImage,
    Me,
    ProductionPartner,
    ReadinessState,
    Receipt,
    ReturnPolicy,
    ShippingProfile,
    ShopAnswer,
    TaxonomyNode,
)
from awin_medusa_pipeline.etsy.client.budget import EtsyBudget
from awin_medusa_pipeline.etsy.client.calls import EtsyCalls
from awin_medusa_pipeline.etsy.client.errors import NotFoundError
from awin_medusa_pipeline.etsy.client.oauth import API_URL
from awin_medusa_pipeline.etsy.domain.requests import (
    DraftListing,
    Inventory,
    ListingPatch,
    ListingState,
    VariationImage,
    form_value,
)
from awin_medusa_pipeline.etsy.domain.tokens import TokenSource
from awin_medusa_pipeline.etsy.domain.when_made import etsy_group

T = TypeVar("T")

SENDS = 3
"""How often a caller sends a call marked `once` whose outcome it has checked each time."""
# Etsy: pages and batches of at most 100.
PAGE = 100
# Etsy's pages can overlap and leave a listing out (open-api #510), so a list that is too short is read again.
PASSES = 3
MOST = 10**7
"""Of anything in one shop; the budget of a day ends before."""
TIMEOUT = httpx.Timeout(60.0, connect=5.0)


class _Results(Answer, Generic[T]):
    count: Annotated[int, Field(ge=0, le=MOST)]
    results: tuple[T, ...]


class EtsyClient:
    """One connected shop; `shop_id` may be 0 until `me` has returned it. Threads may share it. Use it in a `with`."""

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
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.shop_id, self._now = shop_id, now
        client = httpx.Client(
            base_url=f"{api_url.rstrip('/')}/v3/application",
            # As bytes: a key that is not ASCII is for Etsy to refuse.
            headers={b"x-api-key": f"{keystring}:{shared_secret}".encode()},
            timeout=TIMEOUT,
            transport=transport,
            verify=certificates(),
        )
        bound_answers(client)
        self._calls = EtsyCalls(client, tokens, budget or EtsyBudget(), backoff or Backoff(), (shared_secret,))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._calls.client.close()

    def ask_before_writing(self, may_write: Callable[[], None]) -> None:
        """Call `may_write`, which may raise, as the last thing before each call that may change the shop."""
        ask_before_writing(self._calls.client, may_write)

    def urgently(self) -> "EtsyClient":
        """Return the same shop, budget and connections for lowering stock: its calls may use the reserve of the day."""
        urgent = copy.copy(self)
        urgent._calls = replace(self._calls, urgent=True)
        return urgent

    # Reads. All of them may be repeated.

    def me(self) -> Me:
        """Return the user of the token, and their shop."""
        return self._calls.call(Me, "GET", "/users/me")

    def shop(self) -> ShopAnswer:
        """Return the shop, with the currency of its prices."""
        return self._calls.call(ShopAnswer, "GET", self._shop())

    def shipping_profiles(self) -> tuple[ShippingProfile, ...]:
        """Return the shipping profiles that are not deleted."""
        found = self._list(ShippingProfile, f"{self._shop()}/shipping-profiles")
        return tuple(profile for profile in found if not profile.is_deleted)

    def return_policies(self) -> tuple[ReturnPolicy, ...]:
        """Return all return policies of the shop."""
        return self._list(ReturnPolicy, f"{self._shop()}/policies/return")

    def readiness_states(self) -> tuple[ReadinessState, ...]:
        """Return all processing profiles; read without pages, which leave some out (open-api discussion 1533)."""
        return self._list(ReadinessState, f"{self._shop()}/readiness-state-definitions")

    def production_partners(self) -> tuple[ProductionPartner, ...]:
        """Return who else makes things for the shop."""
        return self._list(ProductionPartner, f"{self._shop()}/production-partners")

    def taxonomy_nodes(self) -> tuple[TaxonomyNode, ...]:
        """Return Etsy's top categories with everything below them. A large answer."""
        return self._list(TaxonomyNode, "/seller-taxonomy/nodes")

    def listing(self, listing_id: int) -> ListingAnswer | None:
        """Return a listing in any state, with its images; None only when Etsy itself says that there is none (404)."""
        try:
            return self._calls.call(ListingAnswer, "GET", f"/listings/{listing_id}", params={"includes": "Images"})
        except NotFoundError:
            return None

    def listings(self, state: ListingState) -> list[ListingAnswer]:
        """Return all listings of the shop in a state, each once, in no particular order.

        Raises TransientError when fewer came than Etsy counts: a failed read must not look like a smaller shop, and a
        draft that is missed would be made a second time.
        """
        found: dict[int, ListingAnswer] = {}
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

    def listings_by_ids(self, listing_ids: Iterable[int]) -> dict[int, ListingAnswer]:
        """Return listings by id, with their images. A missing one is gone only if `listing` says so."""
        found = self._batches("/listings/batch", listing_ids, {"includes": "Images"})
        return {listing.listing_id: listing for listing in found}

    def inventories(self, listing_ids: Iterable[int]) -> dict[int, ListedInventory]:
        """Return the inventories of many listings, by listing id."""
        found = self._batches("/listings/batch/inventory", listing_ids, {})
        return {listing.listing_id: listing.inventory for listing in found if listing.inventory}

    def images(self, listing_id: int) -> tuple[ListingImage, ...]:
        """Return the images of a listing in the order of their ranks."""
        found = self._list(ListingImage, f"/listings/{listing_id}/images")
        return tuple(sorted(found, key=lambda image: image.rank))

    def variation_images(self, listing_id: int) -> tuple[ListedVariationImage, ...]:
        """Return which pictures the seller linked with which values of a listing's variations."""
        return self._list(ListedVariationImage, f"{self._shop()}/listings/{listing_id}/variation-images")

    def receipts(self, since: datetime, *, created: bool = False, canceled: bool = False) -> Iterator[Receipt]:
        """Yield the orders changed since a time (`created`: made since), each at least once; scope transactions_r.

        Etsy lists cancelled orders only where they are asked for (open-api #153, #629), and then no others.

        An order that is changed while pages are read moves, and a page by its number would then leave another one out.
        So no page is asked for: a span of time that has more orders than Etsy answers at once is halved, and its halves
        are read in the order of time. An order that moves meanwhile is in a later one.
        """
        field = "created" if created else "last_modified"
        yield from self._receipts(field, canceled, int(since.timestamp()), None)

    def receipt(self, receipt_id: int) -> Receipt | None:
        """Return an order, also a cancelled one; None when Etsy says that there is none. Scope transactions_r."""
        try:
            return self._calls.call(Receipt, "GET", f"{self._shop()}/receipts/{receipt_id}")
        except NotFoundError:
            return None

    # Writes. Calls marked `once` are not retried after UnknownOutcomeError; the caller must check first.

    def create_draft(self, draft: DraftListing) -> ListingAnswer:
        """Make a draft; once. Etsy has no idempotency key, and a draft may exist after a 500 (open-api #162)."""
        return self._calls.call(ListingAnswer, "POST", f"{self._shop()}/listings", once=True, data=self._form(draft))

    def patch(self, listing_id: int, patch: ListingPatch) -> ListingAnswer:
        """Change the content; free, and may be repeated."""
        return self._patch(listing_id, self._form(patch))

    def set_image_order(self, listing_id: int, image_ids: Sequence[int]) -> ListingAnswer:
        """Make these the images of a listing, in this order; others are detached. Etsy refuses an empty list."""
        if not image_ids:
            raise ValueError("a listing on Etsy keeps at least one image")
        return self._patch(listing_id, {"image_ids": form_value(image_ids)})

    def publish(self, listing_id: int) -> ListingAnswer:
        """Make a draft or an inactive listing active; once. Etsy charges a draft's listing fee."""
        return self._patch(listing_id, {"state": "active"}, once=True)

    def deactivate(self, listing_id: int) -> ListingAnswer:
        """Take an active listing out of sale; free, and may be repeated."""
        return self._patch(listing_id, {"state": "inactive"})

    def put_inventory(self, listing_id: int, inventory: Inventory) -> ListedInventory:
        """Replace all variants; may be repeated. Etsy gives the products new ids each time."""
        path = f"/listings/{listing_id}/inventory"
        return self._calls.call(ListedInventory, "PUT", path, json=inventory.body())

    def upload_image(
        self, listing_id: int, content: bytes, filename: str, *, rank: int = 1, alt_text: str = ""
    ) -> ListingImage:
        """Add an image; once, since a second upload is a second image. `set_image_order` sets the order.

        `alt_text`: what a screen reader says of it. Etsy: up to 500 characters.
        """
        path = f"{self._shop()}/listings/{listing_id}/images"
        # A part without a file name is a plain field: Etsy accepts this call as multipart only.
        files: dict[str, tuple[str | None, bytes | str]] = {"image": (filename, content), "rank": (None, str(rank))}
        if alt_text:
            files["alt_text"] = (None, alt_text)
        return self._calls.call(ListingImage, "POST", path, once=True, files=files)

    def link_images(self, listing_id: int, links: Sequence[VariationImage]) -> None:
        """Make these the links between values and pictures, all of one property; may be repeated."""
        path = f"{self._shop()}/listings/{listing_id}/variation-images"
        body = {"variation_images": [link.model_dump() for link in links]}
        self._calls.call(_Results[ListedVariationImage], "POST", path, json=body)

    def _shop(self) -> str:
        return f"/shops/{self.shop_id}"

    def _form(self, request: DraftListing | ListingPatch) -> dict[str, str]:
        form = request.form()
        return form | {"when_made": etsy_group(form["when_made"], self._now())} if "when_made" in form else form

    def _patch(self, listing_id: int, form: dict[str, str], *, once: bool = False) -> ListingAnswer:
        return self._calls.call(ListingAnswer, "PATCH", f"{self._shop()}/listings/{listing_id}", once=once, data=form)

    def _list(self, kind: type[T], path: str) -> tuple[T, ...]:
        return self._calls.call(_Results[kind], "GET", path).results  # type: ignore[valid-type]

    def _read_pages(self, state: ListingState, found: dict[int, ListingAnswer]) -> int:
        """Add the listings of all pages to `found`; return how many Etsy counts."""
        offset = 0
        while True:
            params = {"state": state, "limit": PAGE, "offset": offset}
            page = self._calls.call(_Results[ListingAnswer], "GET", f"{self._shop()}/listings", params=params)
            found.update({listing.listing_id: listing for listing in page.results})
            offset += PAGE
            if offset >= page.count or not page.results:
                return page.count

    def _receipts(self, field: str, canceled: bool, least: int, most: int | None) -> Iterator[Receipt]:
        params: dict[str, int | str] = {f"min_{field}": least, "limit": PAGE}
        if most is not None:
            params[f"max_{field}"] = most
        if canceled:
            params["was_canceled"] = "true"
        found = self._receipt_page(params)
        times = [one.created_timestamp if field == "created" else one.updated_timestamp for one in found.results]
        if any(time < least or (most is not None and time > most) for time in times):
            # Else a span would be halved for ever.
            tried = f"Reading the orders of shop {self.shop_id} on Etsy"
            raise PermanentError(tried, "orders of another time came than was asked for", "Check ETSY_API_URL.")
        top = max(times, default=least) if most is None else most
        if found.count <= len(found.results):
            yield from found.results
        elif top <= least:  # more in one second than Etsy answers at once
            for offset in range(0, found.count, PAGE):
                yield from self._receipt_page(params | {"offset": offset}).results
        else:
            middle = (least + top) // 2
            yield from self._receipts(field, canceled, least, middle)
            yield from self._receipts(field, canceled, middle + 1, most)

    def _receipt_page(self, params: dict[str, int | str]) -> "_Results[Receipt]":
        return self._calls.call(_Results[Receipt], "GET", f"{self._shop()}/receipts", params=params)

    def _batches(self, path: str, listing_ids: Iterable[int], params: dict[str, str]) -> Iterator[ListingAnswer]:
        """Read listings by id, 100 per call. One unknown id fails a whole call, so such a call is split in half."""
        ids = list(dict.fromkeys(listing_ids))
        waiting = [ids[first : first + PAGE] for first in range(0, len(ids), PAGE)]
        while waiting:
            part = waiting.pop()
            try:
                asked = params | {"listing_ids": form_value(part)}
                yield from self._calls.call(_Results[ListingAnswer], "GET", path, params=asked).results
            except NotFoundError:
                if len(part) > 1:
                    waiting += [part[: len(part) // 2], part[len(part) // 2 :]]
