"""The stand-in's own endpoint, outside Etsy's addresses: what a test or a demo may look at and do.

- GET /_standin/state: all that is kept. GET /_standin/calls: the log, from ?after=NUMBER on.
- POST /_standin/reset: a shop without listings, no faults; the body is settings that differ from the defaults.
- POST /_standin/settings: change some settings and keep the rest.
- GET, POST, DELETE /_standin/faults: the plans, one more (faults.py), none.
- POST /_standin/connect: a pair of tokens without the way through the consent; the body may name `scopes`.
- PATCH, DELETE /_standin/listings/ID: what the seller or Etsy does by other ways: `fields` and `inventory` are set
  as given, whatever the rules say; or the listing is gone.
"""

import json
from dataclasses import asdict, fields
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pydantic import TypeAdapter

from awin_medusa_pipeline.sandbox.etsy import oauth
from awin_medusa_pipeline.sandbox.etsy.answers import Answer, as_json, refusal
from awin_medusa_pipeline.sandbox.etsy.faults import Faults
from awin_medusa_pipeline.sandbox.etsy.limits import Limits
from awin_medusa_pipeline.sandbox.etsy.requests import Request
from awin_medusa_pipeline.sandbox.etsy.state import StandInSettings, State

ROOT = "/_standin/"
DEFAULT_SCOPES = ["listings_r", "listings_w", "shops_r"]
_SETTINGS = TypeAdapter(StandInSettings)


def answer(request: Request, state: State, faults: Faults, limits: Limits) -> Answer:
    """Do what is asked. Raises RefusedError."""
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
        case "GET", "faults":
            return as_json([asdict(plan) for plan in faults.plans])
        case "POST", "faults":
            faults.add(body)
        case "DELETE", "faults":
            faults.clear()
        case "POST", "connect":
            return as_json(oauth.new_pair(state, body.get("scopes", DEFAULT_SCOPES)))
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
    if method == "DELETE":
        state.kept.listings.pop(listing_id, None)
    elif found := state.kept.listings.get(listing_id):
        found.fields |= body.get("fields", {})
        found.inventory |= body.get("inventory", {})
    else:
        raise refusal(404, f"Stand-in: there is no listing {listing_id}")
