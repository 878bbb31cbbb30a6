"""Acts as buyers, and as the seller with an order: sells, ships, cancels, refunds (control.py)."""

from collections.abc import Sequence
from typing import Any

from awin_medusa_pipeline.sandbox.etsy import views
from awin_medusa_pipeline.sandbox.etsy.state import Listing, Receipt, State

Json = dict[str, Any]
Pieces = Sequence[tuple[str | Sequence[str], int]]
"""Number of pieces of each variant, which is named by its SKU or by its values."""


def sell(listings: Sequence[tuple[int, Pieces]], state: State, *, paid: bool) -> int:
    """Sell variants of listings in one order, and return its receipt_id. Raises ValueError if that cannot be.

    A listing with nothing left becomes sold out. The fee of an automatic renewal of the rest is left out.
    """
    chosen = [
        (_active(number, state), _product(number, key, pieces, state), pieces)
        for number, parts in listings
        for key, pieces in parts
    ]
    if not chosen:
        raise ValueError("nothing is sold")
    now = state.now()
    for found, product, pieces in chosen:
        state.changing_listing(found.listing_id)
        _move(found, product["property_values"], -pieces)
        found.disturbed_at = now
        if not any(part["offerings"][0]["quantity"] for part in _products(found) if part["offerings"][0]["is_enabled"]):
            found.fields |= {"state": "sold_out", "state_timestamp": int(now)}
    receipt_id = state.next_id("receipt")
    state.changing_receipt(receipt_id)
    transactions = [_transaction(found, product, pieces, state) for found, product, pieces in chosen]
    state.kept.receipts[receipt_id] = Receipt(receipt_id, int(now), int(now), transactions, is_paid=paid)
    return receipt_id


def pay(receipt: Receipt, state: State) -> None:
    """Pay an order that was open."""
    receipt.is_paid, receipt.updated_at = True, int(state.now())


def ship(receipt: Receipt, state: State) -> None:
    """Send an order."""
    receipt.is_shipped, receipt.updated_at = True, int(state.now())


def cancel(receipt: Receipt, state: State, *, put_back: bool) -> None:
    """Cancel an order and refund what is left of it; `put_back`: its pieces are offered again."""
    receipt.is_canceled = True
    _refund(receipt, _total(receipt) - sum(refund["amount"]["amount"] for refund in receipt.refunds), state)
    for part in receipt.transactions if put_back else ():
        if found := state.kept.listings.get(part["listing_id"]):
            state.changing_listing(found.listing_id)
            _move(found, part["product_data"], part["quantity"])
            found.disturbed_at = state.now()


def refund(receipt: Receipt, state: State, pieces: Pieces | None) -> None:
    """Refund an order, or some pieces of it: Etsy knows amounts only. Raises ValueError if it has not so many."""
    if pieces is None:
        _refund(receipt, _total(receipt), state)
        return
    amount = 0
    for key, number in pieces:
        part = next((part for part in receipt.transactions if _is(part["sku"], part["product_data"], key)), None)
        if part is None or part["quantity"] < number:
            raise ValueError(f"the receipt has not {number} of {key}")
        amount += part["price"]["amount"] * number
    _refund(receipt, amount, state)


def _refund(receipt: Receipt, amount: int, state: State) -> None:
    now, settings = int(state.now()), state.settings
    if amount > 0:
        said = {"reason": "Stand-in", "note_from_issuer": "", "status": "SUCCESS", "created_timestamp": now}
        receipt.refunds.append(said | {"amount": views.money(amount, settings.currency)})
    if not settings.refunds_keep_timestamp:
        receipt.updated_at = now


def _total(receipt: Receipt) -> int:
    return sum(part["price"]["amount"] * part["quantity"] for part in receipt.transactions)


def _active(listing_id: int, state: State) -> Listing:
    found = state.kept.listings.get(listing_id)
    if found is None or found.state != "active":
        raise ValueError(f"listing {listing_id} is not active")
    return found


def _product(listing_id: int, key: str | Sequence[str], pieces: int, state: State) -> Json:
    found = _active(listing_id, state)
    known = [product for product in _products(found) if _is(product["sku"], product["property_values"], key)]
    if len(known) != 1:
        raise ValueError(f"listing {listing_id} has {len(known)} variants {key}")
    offering = known[0]["offerings"][0]
    if not offering["is_enabled"] or not 1 <= pieces <= offering["quantity"]:
        raise ValueError(f"listing {listing_id} does not offer {pieces} of {key}")
    return known[0]


def _is(sku: str, values: Sequence[Json], key: str | Sequence[str]) -> bool:
    return sku == key if isinstance(key, str) else [value["values"][0] for value in values] == list(key)


def _products(found: Listing) -> list[Json]:
    products: list[Json] = found.inventory["products"]
    return products


def _move(found: Listing, values: Sequence[Json], pieces: int) -> None:
    """Change the quantity of the variant with these values; nothing happens where it is gone."""
    products, wanted = [], [value["values"] for value in values]
    for product in _products(found):
        if [value["values"] for value in product["property_values"]] == wanted:
            [offering] = product["offerings"]
            product = product | {"offerings": [offering | {"quantity": offering["quantity"] + pieces}]}
        products.append(product)
    found.stock(found.inventory | {"products": products})


def _transaction(found: Listing, product: Json, pieces: int, state: State) -> Json:
    return {
        "transaction_id": state.next_id("transaction"),
        "title": found.fields["title"],
        "description": found.fields["description"],
        "listing_id": found.listing_id,
        "product_id": product["product_id"],
        "sku": product["sku"],
        "quantity": pieces,
        "listing_image_id": found.images[0].image_id if found.images else None,
        "price": product["offerings"][0]["price"],
        "product_data": product["property_values"],
        "shipping_profile_id": found.fields["shipping_profile_id"],
    }
