"""Lets tests and the demo inspect and control the stand-in, at addresses outside Etsy's.

- GET /_standin/state: everything saved. GET /_standin/calls: the log; ?after=NUMBER skips the calls up to NUMBER.
- POST /_standin/reset: remove listings, tokens and faults; the body holds settings that differ from the defaults.
- POST /_standin/settings: change some settings and keep the rest.
- POST, DELETE /_standin/faults: add a plan (faults.py), remove all plans.
- POST /_standin/connect: create a token pair without the consent page; the body may name `scopes`.
- PATCH, DELETE /_standin/listings/ID: act as the seller or Etsy by other means: set `fields` and `inventory` without
  checking any rule, or remove the listing.
- POST /_standin/sales: act as a buyer: order `pieces` of `listings` (sales.py); the answer has the receipt_id.
- POST /_standin/receipts/ID/pay, ship, cancel, refund: act on an order.
"""

import json
from dataclasses import asdict, fields
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pydantic import TypeAdapter

from awin_medusa_pipeline.sandbox.etsy import oauth, sales
from awin_medusa_pipeline.sandbox.etsy.answers import Answer, as_json, refusal
from awin_medusa_pipeline.sandbox.etsy.faults import Faults
from awin_medusa_pipeline.sandbox.etsy.limits import Limits
from awin_medusa_pipeline.sandbox.etsy.requests import Request
from awin_medusa_pipeline.sandbox.etsy.settings import StandInSettings
from awin_medusa_pipeline.sandbox.etsy.state import State

ROOT = "/_standin/"
DEFAULT_SCOPES = ["listings_r", "listings_w", "shops_r"]
_SETTINGS = TypeAdapter(StandInSettings)


def answer(request: Request, state: State, faults: Faults, limits: Limits) -> Answer:
    """Carry out one request. Raises RefusedError."""
    try:
        return _answer(request, state, faults, limits)
    except ValueError as error:
        raise refusal(400, f"Stand-in: {error}") from None


def _answer(request: Request, state: State, faults: Faults, limits: Limits) -> Answer:
    body = json.loads(request.content) if request.content else {}
    match request.method, *request.path.removeprefix(ROOT).split("/"):
        case "GET", "state":
            return as_json(state.dump() | {"faults": [asdict(plan) for plan in faults.plans]})
        case "GET", "calls":
            after = int(parse_qs(urlsplit(request.target).query).get("after", ["0"])[0])
            return as_json([asdict(call) for call in state.calls if call.number > after])
        case "POST", "reset":
            state.reset(_changed(state.first_settings, body))
            faults.clear()
            limits.clear()
        case "POST", "settings":
            state.kept.settings = _changed(state.settings, body)
        case "POST", "faults":
            faults.add(body)
        case "DELETE", "faults":
            faults.clear()
        case "POST", "connect":
            return as_json(oauth.new_pair(state, body.get("scopes", DEFAULT_SCOPES)))
        case "POST", "sales":
            receipt_id = sales.sell(body["listings"], state, paid=body.get("paid", True))
            state.changed = True
            return as_json({"receipt_id": receipt_id})
        case "POST", "receipts", receipt_id, done if receipt_id.isdigit():
            _act(done, int(receipt_id), body, state)
        case (("PATCH" | "DELETE"), "listings", listing_id) if listing_id.isdigit():
            _edit(request.method, int(listing_id), body, state)
        case _:
            raise refusal(404, f"Stand-in: there is no {request.method} {request.path}")
    state.changed = True
    return as_json({})


def _changed(settings: StandInSettings, body: dict[str, Any]) -> StandInSettings:
    if unknown := sorted(set(body) - {field.name for field in fields(StandInSettings)}):
        raise ValueError(f"there are no settings {', '.join(unknown)}")
    return _SETTINGS.validate_python(asdict(settings) | body)


def _edit(method: str, listing_id: int, body: dict[str, Any], state: State) -> None:
    state.changing_listing(listing_id)
    if method == "DELETE":
        state.kept.listings.pop(listing_id, None)
    elif found := state.kept.listings.get(listing_id):
        found.fields |= body.get("fields", {})
        found.stock(found.inventory | body.get("inventory", {}))
        found.disturbed_at = state.now()
    else:
        raise refusal(404, f"Stand-in: there is no listing {listing_id}")


def _act(done: str, receipt_id: int, body: dict[str, Any], state: State) -> None:
    found = state.kept.receipts.get(receipt_id)
    if found is None:
        raise refusal(404, f"Stand-in: there is no receipt {receipt_id}")
    state.changing_receipt(receipt_id)
    match done:
        case "pay":
            sales.pay(found, state)
        case "ship":
            sales.ship(found, state)
        case "cancel":
            sales.cancel(found, state, put_back=body.get("put_back", False))
        case "refund":
            sales.refund(found, state, body.get("pieces"))
        case _:
            raise refusal(404, f"Stand-in: a receipt cannot be told to {done}")
