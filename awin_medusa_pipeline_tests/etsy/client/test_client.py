"""The Etsy client on the stand-in, which refuses what Etsy refuses."""

import struct
import threading
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.core.http import Backoff, UnknownOutcomeError
from awin_medusa_pipeline.etsy.client.answers import ListedInventory
from awin_medusa_pipeline.etsy.client.budget import EtsyBudget
from awin_medusa_pipeline.etsy.client.client import EtsyClient
from awin_medusa_pipeline.etsy.client.errors import DailyBudgetError, NotFoundError
from awin_medusa_pipeline.etsy.client.oauth import Consent, EtsyOAuth, code_of, consent_address, exchange, refresh
from awin_medusa_pipeline.etsy.domain.requests import (
    DraftListing,
    Inventory,
    InventoryProduct,
    ListingPatch,
    Offering,
    PropertyValue,
)
from awin_medusa_pipeline.etsy.domain.sales import Standing
from awin_medusa_pipeline.etsy.domain.shown import unshown_variant
from awin_medusa_pipeline.etsy.domain.tokens import NotConnectedError, OneToken, TokenPair
from awin_medusa_pipeline.sandbox.etsy import shop
from awin_medusa_pipeline.sandbox.etsy.handle import EtsyHandle
from awin_medusa_pipeline_tests.support.etsy_bodies import simple
from awin_medusa_pipeline_tests.support.etsy_caller import Caller

FAST = Backoff(first_wait=0.01)


def shows(listed: ListedInventory, sent: Inventory) -> bool:
    """Whether Etsy lists the variants that it was sent."""
    return unshown_variant(sent, [None] * len(sent.products), listed.variants()) == ""


def oauth_of(etsy: EtsyHandle) -> EtsyOAuth:
    names = etsy.environment()
    return EtsyOAuth(
        names["ETSY_KEYSTRING"],
        names["ETSY_REDIRECT_URI"],
        names["ETSY_API_URL"],
        names["ETSY_OAUTH_URL"],
        backoff=Backoff(4, first_wait=0.01),
    )


@dataclass
class KeptTokens:
    """A source in memory; the one that is stored is etsy/store/accounts.py."""

    oauth: EtsyOAuth
    pair: TokenPair
    lock: threading.Lock = field(default_factory=threading.Lock)

    def access_token(self) -> str:
        return self.pair.access_token

    def refreshed(self, stale: str) -> str:
        with self.lock:
            if self.pair.access_token == stale:
                self.pair = refresh(self.oauth, self.pair.refresh_token)
            return self.pair.access_token


def client_of(etsy: EtsyHandle, *scopes: str, **options: Any) -> EtsyClient:
    names, pair = etsy.environment(), etsy.connect(*scopes)
    tokens = KeptTokens(oauth_of(etsy), TokenPair(pair.access_token, pair.refresh_token, datetime.now(UTC)))
    budget = options.pop("budget", None) or EtsyBudget(sleep=lambda seconds: None)
    return EtsyClient(
        keystring=names["ETSY_KEYSTRING"],
        shared_secret=options.pop("shared_secret", names["ETSY_SHARED_SECRET"]),
        tokens=tokens,
        shop_id=shop.SHOP_ID,
        api_url=names["ETSY_API_URL"],
        budget=budget,
        backoff=FAST,
        **options,
    )


@pytest.fixture
def client(etsy: EtsyHandle) -> Iterator[EtsyClient]:
    with client_of(etsy) as client:
        yield client


def draft(title: str = "Mug", **fields: Any) -> DraftListing:
    return DraftListing(
        quantity=3,
        title=title,
        description="A mug for tea.",
        price=Decimal("12.50"),
        who_made="i_did",
        when_made="made_to_order",
        is_supply=False,
        taxonomy_id=shop.MUGS,
        shipping_profile_id=shop.MANUAL_PROFILE,
        return_policy_id=shop.RETURN_POLICY,
        readiness_state_id=shop.READY_TO_SHIP,
        tags=("mug", "tea cup"),
        **fields,
    )


def variants(**prices: str) -> Inventory:
    """One product for each colour."""
    return Inventory(
        products=tuple(
            InventoryProduct(
                sku=f"mug-{colour}",
                property_values=(PropertyValue(property_id=513, property_name="Glaze", values=(colour,)),),
                offerings=(Offering(price=Decimal(price), quantity=2, readiness_state_id=shop.READY_TO_SHIP),),
            )
            for colour, price in prices.items()
        ),
        price_on_property=(513,),
        sku_on_property=(513,),
    )


def picture(shade: int) -> bytes:
    """A small PNG in one shade of grey."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", 20, 20, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + bytes([shade]) * 20 for _ in range(20)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_from_consent_to_a_shop(etsy: EtsyHandle) -> None:
    oauth, consent = oauth_of(etsy), Consent()
    code = code_of(etsy.allow(consent_address(oauth, consent)))
    pair = exchange(oauth, code, consent)
    assert timedelta(minutes=59) < pair.expires_at - datetime.now(UTC) < timedelta(minutes=61)
    with pytest.raises(NotConnectedError):
        exchange(oauth, code, consent)
    names = etsy.environment()
    with EtsyClient(
        keystring=oauth.keystring,
        shared_secret=names["ETSY_SHARED_SECRET"],
        tokens=OneToken(pair.access_token),
        api_url=etsy.url,
    ) as client:
        me = client.me()
        assert (me.user_id, me.shop_id) == (shop.USER_ID, shop.SHOP_ID)
    renewed = refresh(oauth, pair.refresh_token)
    assert renewed.access_token != pair.access_token
    with pytest.raises(NotConnectedError, match="refresh_token is revoked"):
        refresh(oauth, pair.refresh_token)


def test_what_a_shop_has_to_choose_from(client: EtsyClient) -> None:
    assert (client.shop().shop_name, client.shop().currency_code) == (shop.SHOP_NAME, "GBP")
    profiles = {profile.shipping_profile_id: profile.profile_type for profile in client.shipping_profiles()}
    assert profiles == {shop.MANUAL_PROFILE: "manual", shop.CALCULATED_PROFILE: "calculated"}
    assert [policy.return_policy_id for policy in client.return_policies()] == [shop.RETURN_POLICY]
    assert {state.readiness_state for state in client.readiness_states()} == {"ready_to_ship", "made_to_order"}
    roots = client.taxonomy_nodes()
    assert shop.MUGS in {child.id for root in roots for child in root.children}


def test_a_listing_from_draft_to_its_end(client: EtsyClient, etsy: EtsyHandle) -> None:
    made = client.create_draft(draft())
    assert (made.state, made.tags, made.title) == ("draft", ("mug", "tea cup"), "Mug")
    assert abs(made.created_at - datetime.now(UTC)) < timedelta(seconds=5)
    wanted = variants(blue="12.50", red="13.99")
    assert shows(client.put_inventory(made.listing_id, wanted), wanted)
    assert shows(client.inventories([made.listing_id])[made.listing_id], wanted)
    first, second = (client.upload_image(made.listing_id, picture(shade), f"{shade}.png") for shade in (1, 2))
    ids = [second.listing_image_id, first.listing_image_id]
    client.set_image_order(made.listing_id, ids)
    assert [image.listing_image_id for image in client.images(made.listing_id)] == ids
    assert client.publish(made.listing_id).state == "active"
    assert len(etsy.fees()) == 1
    patched = client.patch(made.listing_id, ListingPatch(title="Mug & saucer", tags=("mug",)))
    assert (patched.title, patched.tags) == ("Mug & saucer", ("mug",))
    read = client.listing(made.listing_id)
    assert read is not None
    assert [image.listing_image_id for image in sorted(read.images, key=lambda image: image.rank)] == ids
    assert read.price is not None
    assert (read.price.value, read.price.currency_code) == (Decimal("12.5"), "GBP")
    assert client.deactivate(made.listing_id).state == "inactive"
    etsy.remove(made.listing_id)
    assert client.listing(made.listing_id) is None
    with pytest.raises(NotFoundError):
        client.patch(made.listing_id, ListingPatch(title="x"))


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no shipping profile": ({"shipping_profile_id": None}, "A shipping_profile_id is required for physical listings"),
    "characters": ({"title": "Mug $"}, r"HTTP 400 .*title"),
    "too much": ({"quantity": 1_000}, "cannot be greater than 999"),
}


@pytest.mark.parametrize(("fields", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_a_refusal_is_in_etsys_words(fields: dict[str, Any], said: str, client: EtsyClient, etsy: EtsyHandle) -> None:
    with pytest.raises(PermanentError, match=said) as told:
        client.create_draft(draft().model_copy(update=fields))
    assert told.value.status == 400
    assert etsy.listings() == []
    assert len(etsy.calls()) == 1


@pytest.mark.parametrize("kind", ["array_error", "keyed_error"])
def test_other_shapes_of_a_refusal(kind: str, client: EtsyClient, etsy: EtsyHandle) -> None:
    etsy.inject(kind)
    with pytest.raises(PermanentError, match="HTTP 400 title/1: contains invalid characters"):
        client.create_draft(draft())


@pytest.fixture
def sold(etsy: EtsyHandle) -> Iterator[tuple[EtsyClient, int]]:
    """A client that may read orders, and a listing with much to sell."""
    with client_of(etsy, "listings_r", "listings_w", "shops_r", "transactions_r") as client, Caller(etsy) as caller:
        listing_id = caller.active()
        caller.put_inventory(listing_id, simple(quantity=999))
        yield client, listing_id


def sell_every(etsy: EtsyHandle, listing_id: int, number: int, seconds: float) -> list[int]:
    """Sell so often, some seconds apart; the orders."""
    orders = []
    for each in range(number):
        etsy.change(clock_ahead=each * seconds, token_seconds=10**9)
        orders.append(etsy.sell(listing_id, {"MUG": 1}))
    return orders


@pytest.mark.parametrize("seconds", [0, 1, 3_600])
@pytest.mark.parametrize("created", [False, True])
def test_all_orders_are_read_however_many_there_are(
    sold: tuple[EtsyClient, int], etsy: EtsyHandle, monkeypatch: pytest.MonkeyPatch, seconds: float, created: bool
) -> None:
    monkeypatch.setattr("awin_medusa_pipeline.etsy.client.client.PAGE", 3)
    client, listing_id = sold
    began = datetime.now(UTC)
    orders = sell_every(etsy, listing_id, 20, seconds)
    read = [one.receipt_id for one in client.receipts(began, created=created)]
    assert sorted(set(read)) == orders
    assert len(read) == len(orders)


def test_no_order_is_left_out_although_orders_move_while_they_are_read(
    sold: tuple[EtsyClient, int], etsy: EtsyHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each page that is read lets the oldest orders be shipped: by page numbers, others would slip through."""
    monkeypatch.setattr("awin_medusa_pipeline.etsy.client.client.PAGE", 3)
    client, listing_id = sold
    began = datetime.now(UTC)
    orders = sell_every(etsy, listing_id, 24, 60)
    to_ship = iter(orders)
    read = set()
    for one in client.receipts(began):
        read.add(one.receipt_id)
        etsy.change(clock_ahead=24 * 60 + len(read))
        etsy.ship(next(to_ship, orders[-1]))
    assert sorted(read) == orders


def test_cancelled_orders_are_asked_for(sold: tuple[EtsyClient, int], etsy: EtsyHandle) -> None:
    client, listing_id = sold
    began = datetime.now(UTC) - timedelta(seconds=1)
    kept, gone = (etsy.sell(listing_id, {"MUG": 1}) for _ in range(2))
    etsy.cancel(gone)
    assert [one.receipt_id for one in client.receipts(began)] == [kept]
    (found,) = client.receipts(began, canceled=True)
    assert (found.receipt_id, found.standing) == (gone, Standing.OFF)
    assert client.receipt(gone) == found
    assert client.receipt(77) is None
    (sale,) = found.sales
    assert (sale.listing_id, sale.sku, sale.pieces, sale.title) == (listing_id, "MUG", 1, "Blue mug")
    assert sale.sold_at == found.created_at


def test_a_wrong_secret(etsy: EtsyHandle) -> None:
    for secret in ("wrong", "", "schlüssel"):
        with pytest.raises(PermanentError, match=r"HTTP 403.*ETSY_SHARED_SECRET"):
            client_of(etsy, shared_secret=secret).me()
    assert len(etsy.calls()) == 3


@pytest.mark.parametrize("status", [401, 403])
def test_a_scope_that_was_not_given(etsy: EtsyHandle, status: int) -> None:
    etsy.change(missing_scope=status)
    with pytest.raises(NotConnectedError, match=r"requires scope: listings_w.*Connect the shop again"):
        client_of(etsy, "listings_r").create_draft(draft())
    assert len(etsy.calls()) == 1


@pytest.mark.parametrize("kind", ["500_after", "dropped_after"])
def test_a_draft_that_was_made_without_an_answer_is_found(
    kind: str,
    client: EtsyClient,
    etsy: EtsyHandle,
) -> None:
    etsy.inject(kind, on="createDraftListing")
    with pytest.raises(UnknownOutcomeError):
        client.create_draft(draft("Lost mug"))
    assert [listing.title for listing in client.listings("draft")] == ["Lost mug"]
    assert len(etsy.calls("createDraftListing")) == 1


@pytest.mark.parametrize("kind", ["500", "500_after", "dropped_after", "reset", "502", "429_second"])
def test_variants_are_written_in_spite_of(kind: str, client: EtsyClient, etsy: EtsyHandle) -> None:
    listing_id = client.create_draft(draft()).listing_id
    etsy.inject(kind, on="updateListingInventory")
    wanted = variants(blue="12.50", red="13.99")
    client.put_inventory(listing_id, wanted)
    assert shows(client.inventories([listing_id])[listing_id], wanted)
    assert len(etsy.calls("updateListingInventory")) == 2


@pytest.mark.parametrize("operation", ["createDraftListing", "updateListingInventory", "uploadListingImage"])
def test_an_expired_token_costs_one_renewal_and_nothing_else(
    operation: str, client: EtsyClient, etsy: EtsyHandle
) -> None:
    etsy.inject("401", on=operation)
    listing_id = client.create_draft(draft()).listing_id
    client.put_inventory(listing_id, variants(blue="1.50", red="2.50"))
    client.upload_image(listing_id, picture(1), "a.png")
    assert etsy.refreshes() == 1
    (listing,) = etsy.listings()
    assert len(listing["images"]) == 1
    refused, repeated = etsy.calls(operation)
    assert (refused.status, refused.method, refused.path, refused.body) == (
        401,
        repeated.method,
        repeated.path,
        repeated.body,
    )


def test_threads_share_one_renewal(client: EtsyClient, etsy: EtsyHandle) -> None:
    etsy.change(clock_ahead=3_700)
    threads = [threading.Thread(target=client.shop) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert etsy.refreshes() == 1
    assert [call.status for call in etsy.calls("getShop")].count(200) == 8


def test_all_drafts_and_no_others(client: EtsyClient, etsy: EtsyHandle) -> None:
    ids = {client.create_draft(draft(f"Mug {number}")).listing_id for number in range(103)}
    assert {listing.listing_id for listing in client.listings("draft")} == ids
    assert client.listings("active") == []
    read = client.listings_by_ids([*ids, 1])
    assert read.keys() == ids
    gone = min(ids)
    etsy.remove(gone)
    inventories = client.inventories(ids)
    assert inventories.keys() == ids - {gone}
    assert all(inventory.products[0].offerings[0].price.value == Decimal("12.5") for inventory in inventories.values())


def test_the_limit_of_a_second_is_kept_without_a_refusal(etsy: EtsyHandle) -> None:
    etsy.change(per_second=40)
    client = client_of(etsy, budget=EtsyBudget())
    client.me()
    started = time.monotonic()
    threads = [threading.Thread(target=lambda: [client.me() for _ in range(10)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - started > 0.9
    assert [call.status for call in etsy.calls()] == [200] * 41


def test_the_day_ends_before_etsy_says_so(etsy: EtsyHandle) -> None:
    etsy.change(per_day=40)
    client = client_of(etsy)
    for _ in range(38):
        client.me()
    with pytest.raises(DailyBudgetError, match="2 of Etsy's 40 calls a day are left, kept for stock") as told:
        client.me()
    assert timedelta(hours=23) < told.value.resumes_at - datetime.now(UTC) < timedelta(hours=25)
    urgent = client.urgently()
    urgent.me()
    urgent.me()
    with pytest.raises(DailyBudgetError, match="used up"):
        urgent.me()
    assert [call.status for call in etsy.calls()] == [200] * 40


def test_the_limit_of_the_day_is_not_slept_on(client: EtsyClient, etsy: EtsyHandle) -> None:
    etsy.inject("429_day")
    with pytest.raises(DailyBudgetError, match=r"Exceeded daily rate limit.*Run it again after") as told:
        client.me()
    assert told.value.resumes_at > datetime.now(UTC) + timedelta(hours=23)
    with pytest.raises(DailyBudgetError):
        client.me()
    assert len(etsy.calls()) == 1
