from collections.abc import Iterator
from typing import Any

import pytest

from awin_medusa_pipeline.sandbox.etsy import shop
from awin_medusa_pipeline.sandbox.etsy.handle import EtsyHandle
from awin_medusa_pipeline_tests.support.etsy_caller import Caller

RECEIPTS = f"/shops/{shop.SHOP_ID}/receipts"
RECEIPT_FIELDS = (
    "receipt_id receipt_type seller_user_id seller_email buyer_user_id buyer_email name first_line second_line city "
    "state zip status formatted_address country_iso payment_method payment_email message_from_seller "
    "message_from_buyer message_from_payment is_paid is_shipped create_timestamp created_timestamp update_timestamp "
    "updated_timestamp is_gift gift_message gift_sender grandtotal subtotal total_price total_shipping_cost "
    "total_tax_cost total_vat_cost discount_amt gift_wrap_price shipments transactions refunds"
)
TRANSACTION_FIELDS = (
    "transaction_id title description seller_user_id buyer_user_id create_timestamp created_timestamp paid_timestamp "
    "shipped_timestamp quantity listing_image_id receipt_id is_digital file_data listing_id sku product_id "
    "transaction_type price shipping_cost variations product_data shipping_profile_id min_processing_days "
    "max_processing_days shipping_method shipping_upgrade expected_ship_date buyer_coupon shop_coupon"
)


@pytest.fixture
def caller(etsy: EtsyHandle) -> Iterator[Caller]:
    """A program that may read orders."""
    with Caller(etsy, "listings_r", "listings_w", "shops_r", "transactions_r") as caller:
        yield caller


def receipts(caller: Caller, **query: Any) -> list[int]:
    return [found["receipt_id"] for found in caller.get(RECEIPTS, **query).json()["results"]]


def quantities(caller: Caller, listing_id: int) -> list[int]:
    return [part["offerings"][0]["quantity"] for part in caller.inventory(listing_id)]


def status(caller: Caller, receipt_id: int) -> str:
    return str(caller.get(f"{RECEIPTS}/{receipt_id}").json()["status"])


def test_order_has_etsy_s_form(caller: Caller):
    mug, vase = caller.active("Red", "Blue & white"), caller.active()
    receipt_id = caller.etsy.sell(mug, {("Blue & white",): 2}, others={vase: {"MUG": 1}})
    found = caller.get(f"{RECEIPTS}/{receipt_id}").json()
    assert sorted(found) == sorted(RECEIPT_FIELDS.split())
    assert (found["status"], found["is_paid"], found["refunds"]) == ("Paid", True, [])
    assert found["grandtotal"] == {"amount": 3750, "divisor": 100, "currency_code": "GBP"}
    first, second = found["transactions"]
    assert sorted(first) == sorted(TRANSACTION_FIELDS.split())
    assert (first["listing_id"], first["sku"], first["quantity"]) == (mug, "MUG-Blue & white", 2)
    assert first["receipt_id"] == receipt_id
    [variation] = first["variations"]
    assert (variation["formatted_name"], variation["formatted_value"]) == ("Colour", "Blue &amp; white")
    assert (second["listing_id"], second["sku"], second["variations"]) == (vase, "MUG", [])
    assert caller.get(RECEIPTS).json() == {"count": 1, "results": [found]}


def test_scope_is_needed(etsy: EtsyHandle):
    with Caller(etsy) as caller:
        assert caller.get(RECEIPTS).status_code == 403
        assert "transactions_r" in caller.get(f"{RECEIPTS}/1").text


def test_sale_lowers_what_is_offered(caller: Caller):
    listing_id = caller.active("Red", "Blue")
    caller.etsy.sell(listing_id, {"MUG-Red": 2, ("Blue",): 3})
    assert quantities(caller, listing_id) == [1, 0]
    assert caller.get(f"/listings/{listing_id}").json()["state"] == "active"
    for pieces in ({"MUG-Red": 2}, {"MUG-Green": 1}, {"MUG-Red": 0}, {("Red", "Wide"): 1}, {}):
        with pytest.raises(ValueError, match="Stand-in"):
            caller.etsy.sell(listing_id, pieces)
    caller.etsy.sell(listing_id, {"MUG-Red": 1})
    assert caller.get(f"/listings/{listing_id}").json()["state"] == "sold_out"
    assert len(receipts(caller)) == 2


@pytest.mark.parametrize(("put_back", "left"), [(False, 2), (True, 3)])
def test_cancelled_order_is_listed_only_when_asked_for(caller: Caller, put_back: bool, left: int):
    listing_id = caller.active()
    receipt_id = caller.etsy.sell(listing_id, {"MUG": 1})
    caller.etsy.cancel(receipt_id, put_back=put_back)
    assert status(caller, receipt_id) == "Canceled"
    assert receipts(caller) == receipts(caller, was_canceled="false") == []
    assert receipts(caller, was_canceled="true") == [receipt_id]
    assert quantities(caller, listing_id) == [left]


def test_refunds(caller: Caller):
    receipt_id = caller.etsy.sell(caller.active("Red", "Blue"), {"MUG-Red": 1, "MUG-Blue": 2})
    caller.etsy.refund(receipt_id, {"MUG-Blue": 1})
    assert status(caller, receipt_id) == "Partially Refunded"
    [refund] = caller.get(f"{RECEIPTS}/{receipt_id}").json()["refunds"]
    assert (refund["amount"]["amount"], refund["status"]) == (1250, "SUCCESS")
    with pytest.raises(ValueError, match="has not 3"):
        caller.etsy.refund(receipt_id, {"MUG-Blue": 3})
    caller.etsy.refund(receipt_id)
    assert status(caller, receipt_id) == "Fully Refunded"
    assert receipts(caller) == [receipt_id]


@pytest.mark.parametrize(("keeps", "found"), [(False, True), (True, False)])
def test_refund_may_leave_the_time_of_the_last_change(caller: Caller, keeps: bool, found: bool):
    receipt_id = caller.etsy.sell(caller.active(), {"MUG": 1})
    since = caller.get(f"{RECEIPTS}/{receipt_id}").json()["updated_timestamp"] + 10
    caller.etsy.change(clock_ahead=100, refunds_keep_timestamp=keeps)
    caller.etsy.refund(receipt_id)
    assert bool(receipts(caller, min_last_modified=since)) is found


def test_orders_are_found_by_time_and_state_in_pages(caller: Caller):
    listing_id = caller.active()
    ids = []
    for ahead in (0, 100, 200):
        caller.etsy.change(clock_ahead=ahead)
        ids.append(caller.etsy.sell(listing_id, {"MUG": 1}, paid=ahead != 100))
    first, second, third = ids
    assert receipts(caller) == [third, second, first]
    assert receipts(caller, sort_on="receipt_id", sort_order="asc") == ids
    assert receipts(caller, was_paid="true") == [third, first]
    assert status(caller, second) == "Open"
    created = caller.get(f"{RECEIPTS}/{second}").json()["created_timestamp"]
    assert receipts(caller, min_created=created) == [third, second]
    assert receipts(caller, max_created=created) == [second, first]
    caller.etsy.change(clock_ahead=300)
    caller.etsy.pay(second)
    caller.etsy.ship(first)
    assert (status(caller, first), status(caller, second)) == ("Completed", "Paid")
    assert receipts(caller, was_shipped="true") == [first]
    assert receipts(caller, min_last_modified=created + 150) == [second, first]
    assert receipts(caller, sort_on="updated", sort_order="asc", max_last_modified=created + 150) == [third]
    assert receipts(caller, limit=1, offset=1) == [second]
    for wrong in ({"limit": 101}, {"sort_on": "title"}, {"was_paid": "maybe"}, {"min_created": "soon"}):
        assert caller.get(RECEIPTS, **wrong).status_code == 400


def test_orders_are_read_late_where_reads_are_behind(caller: Caller):
    listing_id = caller.active()
    caller.etsy.change(behind_seconds=100)
    receipt_id = caller.etsy.sell(listing_id, {"MUG": 1})
    assert receipts(caller) == []
    assert caller.get(f"{RECEIPTS}/{receipt_id}").status_code == 404
    caller.etsy.change(clock_ahead=101)
    assert receipts(caller) == [receipt_id]
    caller.etsy.cancel(receipt_id)
    assert status(caller, receipt_id) == "Paid"
    caller.etsy.change(clock_ahead=202)
    assert status(caller, receipt_id) == "Canceled"


def test_what_cannot_be_done_with_an_order_is_said(etsy: EtsyHandle):
    with pytest.raises(ValueError, match="no receipt 7"):
        etsy.cancel(7)
