"""Reads receipts, which are the orders of the shop's buyers."""

from collections.abc import Callable
from typing import Any

from awin_medusa_pipeline.sandbox.etsy import shop, views
from awin_medusa_pipeline.sandbox.etsy.answers import Answer, as_json, refusal
from awin_medusa_pipeline.sandbox.etsy.received import Received
from awin_medusa_pipeline.sandbox.etsy.settings import StandInSettings
from awin_medusa_pipeline.sandbox.etsy.state import Receipt

Json = dict[str, Any]

_LAST = 2**40
_SORTED: dict[str, Callable[[Receipt], int]] = {
    "created": lambda receipt: receipt.created_at,
    "updated": lambda receipt: receipt.updated_at,
    "receipt_id": lambda receipt: receipt.receipt_id,
}


def read_shop(call: Received) -> Answer:
    """getShopReceipts: cancelled ones only with was_canceled=true (open-api #153, #629; the spec has the filter)."""
    limit, offset = call.number("limit", 25, 1, 100), call.number("offset", 0, 0, 12_000)
    sort_on = call.choice("sort_on", "created", *_SORTED)
    order = call.choice("sort_order", "desc", "asc", "ascending", "desc", "descending", "up", "down")
    found = [receipt for receipt in call.state.shown_receipts() if _matches(call, receipt)]
    downwards = order in ("desc", "descending", "down")
    found.sort(key=lambda receipt: (_SORTED[sort_on](receipt), receipt.receipt_id), reverse=downwards)
    settings = call.state.settings
    return as_json(call.result([view(receipt, settings) for receipt in found[offset : offset + limit]], len(found)))


def read(call: Received) -> Answer:
    """getShopReceipt: also a cancelled one (open-api #160)."""
    receipt_id = call.ids["receipt_id"]
    for receipt in call.state.shown_receipts():
        if receipt.receipt_id == receipt_id:
            return as_json(view(receipt, call.state.settings))
    which = f"receipt_id = {receipt_id} associated with shop_id = {shop.SHOP_ID}"
    raise refusal(404, f"Could not find a Shop Receipt with {which}.")


def view(receipt: Receipt, settings: StandInSettings) -> Json:
    """Build a ShopReceipt; its names as in the spec and in an answer of Etsy's that a client has published."""
    total = sum(part["price"]["amount"] * part["quantity"] for part in receipt.transactions)
    price, nothing = views.money(total, settings.currency), views.money(0, settings.currency)
    times = dict.fromkeys(("create_timestamp", "created_timestamp"), receipt.created_at)
    times |= dict.fromkeys(("update_timestamp", "updated_timestamp"), receipt.updated_at)
    return {
        "receipt_id": receipt.receipt_id,
        "receipt_type": 0,
        "seller_user_id": shop.USER_ID,
        "seller_email": "seller@stand-in.test",
        "buyer_user_id": 102_574_536,
        "buyer_email": None,
        "name": "Ada Buyer",
        "first_line": "1 High Street",
        "second_line": None,
        "city": "Leeds",
        "state": None,
        "zip": "LS1 1AA",
        "status": _status(receipt, total),
        "formatted_address": "Ada Buyer\n1 High Street\nLEEDS LS1 1AA\nUnited Kingdom",
        "country_iso": "GB",
        "payment_method": "cc",
        "payment_email": None,
        "message_from_payment": None,
        "message_from_seller": "",
        "message_from_buyer": "",
        "is_paid": receipt.is_paid,
        "is_shipped": receipt.is_shipped,
        **times,
        "is_gift": False,
        "gift_message": "",
        "gift_sender": "",
        **dict.fromkeys(("grandtotal", "subtotal", "total_price"), price),
        **dict.fromkeys(("total_shipping_cost", "total_tax_cost", "total_vat_cost"), nothing),
        **dict.fromkeys(("discount_amt", "gift_wrap_price"), nothing),
        "shipments": [],
        "transactions": [_transaction(part, receipt, settings) for part in receipt.transactions],
        "refunds": receipt.refunds,
    }


def _transaction(part: Json, receipt: Receipt, settings: StandInSettings) -> Json:
    variations = [
        {
            "property_id": value["property_id"],
            "value_id": value["value_ids"][0],
            "formatted_name": views.escaped(value["property_name"]),
            "formatted_value": views.value_text(value["values"][0], settings),
        }
        for value in part["product_data"]
    ]
    return part | {
        "title": views.escaped(part["title"]),
        "description": views.escaped(part["description"]),
        "seller_user_id": shop.USER_ID,
        "buyer_user_id": 102_574_536,
        "create_timestamp": receipt.created_at,
        "created_timestamp": receipt.created_at,
        "paid_timestamp": receipt.created_at if receipt.is_paid else None,
        "shipped_timestamp": receipt.updated_at if receipt.is_shipped else None,
        "receipt_id": receipt.receipt_id,
        "is_digital": False,
        "file_data": "",
        "transaction_type": "listing",
        "shipping_cost": views.money(0, settings.currency),
        "variations": variations,
        "min_processing_days": 1,
        "max_processing_days": 3,
        "shipping_method": None,
        "shipping_upgrade": None,
        "expected_ship_date": None,
        "buyer_coupon": 0,
        "shop_coupon": 0,
    }


def _status(receipt: Receipt, total: int) -> str:
    """Etsy's words as its answers have them, e.g. "Fully Refunded"; its spec has them in lower case."""
    refunded = sum(refund["amount"]["amount"] for refund in receipt.refunds)
    if receipt.is_canceled:
        return "Canceled"
    if refunded:
        return "Fully Refunded" if refunded >= total else "Partially Refunded"
    if not receipt.is_paid:
        return "Open"
    return "Completed" if receipt.is_shipped else "Paid"


def _matches(call: Received, receipt: Receipt) -> bool:
    created, updated = ("min_created", "max_created"), ("min_last_modified", "max_last_modified")
    for (least, most), at in ((created, receipt.created_at), (updated, receipt.updated_at)):
        if not call.number(least, 0, 0, _LAST) <= at <= call.number(most, _LAST, 0, _LAST):
            return False
    filters = {"was_paid": receipt.is_paid, "was_shipped": receipt.is_shipped, "was_delivered": False}
    asked = {name: call.truth(name) for name in filters}
    if any(wanted is not None and wanted != filters[name] for name, wanted in asked.items()):
        return False
    return receipt.is_canceled == bool(call.truth("was_canceled"))
