"""Whatever answers in Etsy's place, and however, an error says what was asked and what came."""

import inspect
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from awin_medusa_pipeline.core.http import Backoff, PipelineError
from awin_medusa_pipeline.etsy.client.budget import EtsyBudget
from awin_medusa_pipeline.etsy.client.client import EtsyClient
from awin_medusa_pipeline.etsy.client.oauth import Consent, EtsyOAuth, exchange, refresh
from awin_medusa_pipeline.etsy.domain.requests import DraftListing, Inventory, ListingPatch
from awin_medusa_pipeline.etsy.domain.tokens import OneToken
from awin_medusa_pipeline_tests.support.etsy_bodies import DRAFT, simple
from awin_medusa_pipeline_tests.support.fault_proxy import AnsweringServer
from awin_medusa_pipeline_tests.support.strange import DEEP, SHAPES, spoilt

ONCE = Backoff(attempts=1, sleep=lambda seconds: None)
INVENTORY = Inventory(**simple())
DRAFT_LISTING = DraftListing(**DRAFT)
ARGUMENTS: dict[str, Any] = {
    "listing_id": 1, "state": "active", "listing_ids": [1, 2], "since": datetime(2026, 1, 1, tzinfo=UTC),
    "receipt_id": 1, "patch": ListingPatch(title="x"), "image_ids": [1], "inventory": INVENTORY, "content": b"x",
    "filename": "a.jpg", "links": [], "draft": DRAFT_LISTING,
}  # fmt: skip
METHODS = [
    name
    for name, method in inspect.getmembers(EtsyClient, inspect.isfunction)
    if not name.startswith("_") and name not in ("urgently", "ask_before_writing")
]
MONEY = {"amount": 1250, "divisor": 100, "currency_code": "GBP"}
INVENTORY_ANSWER: dict[str, Any] = {
    "products": [
        {
            **{"product_id": 1, "sku": "A", "is_deleted": False},
            "property_values": [{"property_id": 200, "property_name": "Colour", "value_ids": [1], "values": ["Red"]}],
            "offerings": [{"price": MONEY, "quantity": 3, "is_enabled": True, "readiness_state_id": 7}],
        }
    ],
    "price_on_property": [200],
}
LISTING: dict[str, Any] = {
    **{"listing_id": 1, "state": "active", "title": "Lamp", "description": "x", "quantity": 3, "price": MONEY},
    **{"created_timestamp": 1_700_000_000, "updated_timestamp": 1_700_000_000, "tags": ["a"], "when_made": "2020_2026"},
    **{"taxonomy_id": 1, "images": [{"listing_image_id": 1, "rank": 1}], "inventory": INVENTORY_ANSWER},
}
RECEIPT: dict[str, Any] = {
    **{
        "receipt_id": 1,
        "status": "paid",
        "is_paid": True,
        "created_timestamp": 1_800_000_000,
        "updated_timestamp": 1_800_000_001,
    },
    "transactions": [
        {
            **{"transaction_id": 1, "listing_id": 1, "title": "Lamp", "sku": "A", "quantity": 1},
            "variations": [{"formatted_name": "Colour", "formatted_value": "Red"}],
        }
    ],
}


def client_of(address: str) -> EtsyClient:
    budget = EtsyBudget(sleep=lambda seconds: None)
    return EtsyClient(
        **{"keystring": "k", "shared_secret": "secret-of-app", "tokens": OneToken("token-of-shop"), "shop_id": 1},
        **{"api_url": address, "backoff": ONCE, "budget": budget},
    )


def call(client: EtsyClient, name: str) -> object:
    method = getattr(client, name)
    found = method(**{key: ARGUMENTS[key] for key in inspect.signature(method).parameters if key in ARGUMENTS})
    return list(found) if inspect.isgenerator(found) else found


def is_sentence(error: PipelineError) -> bool:
    """Whether an error says what was asked, what came and what to do, in a few words."""
    return "Etsy" in error.tried and bool(error.came_back) and bool(error.to_do) and len(str(error)) < 1_000


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", METHODS)
def test_every_call_meets_every_shape(name: str, shape: str) -> None:
    with (
        AnsweringServer(lambda path: (200, "application/json", SHAPES[shape])) as address,
        client_of(address) as client,
        pytest.raises(PipelineError) as caught,
    ):
        call(client, name)
    assert is_sentence(caught.value), str(caught.value)


READ: dict[str, tuple[Any, Callable[[EtsyClient], object]]] = {
    "listing": (LISTING, lambda client: _used(client.listing(1))),
    "inventories": ({"count": 1, "results": [LISTING]}, lambda client: client.inventories([1])[1].variants()),
    "orders": (
        {"count": 1, "results": [RECEIPT]},
        lambda client: [(one.sales, one.standing, one.updated_at) for one in client.receipts(ARGUMENTS["since"])],
    ),
}


def _used(listing: Any) -> None:
    assert listing is not None
    listing.shown(listing.inventory)
    str((listing.created_at, listing.price and listing.price.value, listing.inventory and listing.inventory.values))


@pytest.mark.parametrize("name", READ)
def test_no_part_of_an_answer_can_be_anything_else(name: str) -> None:
    answer, use = READ[name]
    sent = [json.dumps(answer).encode()]
    wrong = {}
    with AnsweringServer(lambda path: (200, "application/json", sent[0])) as address, client_of(address) as client:
        for where, content in [("sound", sent[0]), *spoilt(answer)]:
            sent[0] = content
            try:
                use(client)
            except Exception as error:
                left_out = name == "inventories" and isinstance(error, KeyError | AttributeError)
                if not left_out and not (isinstance(error, PipelineError) and is_sentence(error)):
                    wrong[where] = repr(error)
    assert wrong == {}


@pytest.mark.parametrize("status", [400, 401, 404, 500])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_refusal_of_a_strange_shape_is_one_sentence_too(shape: str, status: int) -> None:
    with (
        AnsweringServer(lambda path: (status, "application/json", SHAPES[shape])) as address,
        client_of(address) as client,
        pytest.raises(PipelineError) as caught,
    ):
        client.shop()
    assert is_sentence(caught.value), str(caught.value)


@pytest.mark.parametrize("shape", [*SHAPES, "deep", "huge"])
@pytest.mark.parametrize("status", [200, 400])
def test_tokens_of_a_strange_shape(shape: str, status: int) -> None:
    more = {"deep": DEEP, "huge": b'{"access_token": "a", "refresh_token": "b", "expires_in": 9999999999999}'}
    with AnsweringServer(lambda path: (status, "application/json", (SHAPES | more)[shape])) as address:
        oauth = EtsyOAuth("k", "http://localhost/x", api_url=address, backoff=ONCE)
        for ask in (lambda: refresh(oauth, "refresh-token"), lambda: exchange(oauth, "code", Consent())):
            with pytest.raises(PipelineError) as caught:
                ask()
            assert is_sentence(caught.value), str(caught.value)
