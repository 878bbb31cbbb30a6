"""One call to Etsy: what is repeated, what is not, and what a failure says. What Etsy enforces: test_client.py."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx
import pytest

from awin_medusa_pipeline.core.errors import PermanentError, PipelineError, TransientError
from awin_medusa_pipeline.core.http import Backoff, UnknownOutcomeError
from awin_medusa_pipeline.etsy.client.budget import EtsyBudget
from awin_medusa_pipeline.etsy.client.client import EtsyClient
from awin_medusa_pipeline.etsy.client.errors import DailyBudgetError, NotFoundError
from awin_medusa_pipeline.etsy.domain.requests import DraftListing, Inventory, InventoryProduct, ListingPatch, Offering
from awin_medusa_pipeline.etsy.domain.tokens import MissingScopeError, NotConnectedError
from awin_medusa_pipeline_tests.support.sentences import raises_sentence

KEYSTRING, SECRET, TOKEN = "keystring0123", "sharedsecret0123", "77.token0"
LISTING = {"listing_id": 1, "state": "draft", "title": "Lamp"}
IMAGE = {"listing_image_id": 5, "rank": 1}
INVENTORY: dict[str, Any] = {"products": []}
EXPIRED = httpx.Response(401, json={"error": "invalid_token", "error_description": "access token is expired"})
DRAFT = DraftListing(
    quantity=1,
    title="Lamp",
    description="A lamp.",
    price=Decimal("12.50"),
    who_made="i_did",
    when_made="made_to_order",
    is_supply=False,
    taxonomy_id=1,
)
VARIANTS = Inventory(products=(InventoryProduct(offerings=(Offering(price=Decimal(1), quantity=1),)),))
Answer = httpx.Response | Exception


@dataclass
class Tokens:
    """A source whose tokens are counted: 77.token0, 77.token1, ..."""

    renewals: int = 0

    def access_token(self) -> str:
        return f"77.token{self.renewals}"

    def refreshed(self, stale: str) -> str:
        assert stale == self.access_token()
        self.renewals += 1
        return self.access_token()


@dataclass
class Etsy:
    """An Etsy of answers in a row, the last one for ever."""

    answers: list[Answer]
    requests: list[httpx.Request] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    tokens: Tokens = field(default_factory=Tokens)

    def client(self, answer: Callable[[httpx.Request], httpx.Response] | None = None) -> EtsyClient:
        return EtsyClient(
            keystring=KEYSTRING,
            shared_secret=SECRET,
            tokens=self.tokens,
            shop_id=9,
            budget=EtsyBudget(sleep=lambda seconds: None),
            backoff=Backoff(sleep=self.waits.append),
            transport=httpx.MockTransport(answer or self._answer),
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def json(body: Any, status: int = 200, **headers: str) -> httpx.Response:
    return httpx.Response(status, json=body, headers={name.replace("_", "-"): v for name, v in headers.items()})


Call = Callable[[EtsyClient], object]
READS: dict[str, tuple[Call, Any]] = {
    "listing": (lambda client: client.listing(1), LISTING),
    "inventories": (lambda client: client.inventories([1]), {"count": 1, "results": [LISTING]}),
    "shop": (lambda client: client.shop(), {"shop_id": 9, "shop_name": "Lamps", "currency_code": "GBP"}),
    "drafts": (lambda client: client.listings("draft"), {"count": 0, "results": []}),
    "images": (lambda client: client.images(1), {"count": 0, "results": []}),
}
REPEATABLE: dict[str, tuple[Call, Any]] = {
    **READS,
    "patch": (lambda client: client.patch(1, ListingPatch(title="Lamp")), LISTING),
    "order of images": (lambda client: client.set_image_order(1, [5, 4]), LISTING),
    "deactivate": (lambda client: client.deactivate(1), LISTING),
    "inventory, writing": (lambda client: client.put_inventory(1, VARIANTS), INVENTORY),
}
ONCE: dict[str, tuple[Call, Any]] = {
    "create": (lambda client: client.create_draft(DRAFT), LISTING),
    "publish": (lambda client: client.publish(1), LISTING),
    "upload": (lambda client: client.upload_image(1, b"jpeg", "a.jpg"), IMAGE),
}
CALLS = REPEATABLE | ONCE

NOT_CARRIED_OUT: dict[str, Answer] = {
    "no connection": httpx.ConnectError("x"),
    "too fast": json({"error": "Exceeded per second rate limit"}, 429, retry_after="1"),
}
PERHAPS_CARRIED_OUT: dict[str, Answer] = {
    "server error": json({"error": "Server Error"}, 500),
    "gateway": httpx.Response(504, text="<html>"),
    "a number of a proxy": httpx.Response(524, text="<html>"),
    "timeout": httpx.ReadTimeout("x"),
    "reset": httpx.ReadError("x"),
    "closed": httpx.RemoteProtocolError("x"),
}


@pytest.mark.parametrize("fault", (NOT_CARRIED_OUT | PERHAPS_CARRIED_OUT).values(), ids=str)
@pytest.mark.parametrize(("call", "answer"), REPEATABLE.values(), ids=REPEATABLE.keys())
def test_what_may_be_repeated_is_repeated(call: Call, answer: Any, fault: Answer) -> None:
    etsy = Etsy([fault, fault, json(answer)])
    call(etsy.client())
    assert len(etsy.requests) == 3
    assert len({(request.method, request.url, request.content) for request in etsy.requests}) == 1


@pytest.mark.parametrize("fault", NOT_CARRIED_OUT.values(), ids=NOT_CARRIED_OUT.keys())
@pytest.mark.parametrize(("call", "answer"), ONCE.values(), ids=ONCE.keys())
def test_what_was_not_carried_out_is_repeated(call: Call, answer: Any, fault: Answer) -> None:
    etsy = Etsy([fault, fault, json(answer, 201)])
    call(etsy.client())
    assert len(etsy.requests) == 3


@pytest.mark.parametrize("fault", PERHAPS_CARRIED_OUT.values(), ids=PERHAPS_CARRIED_OUT.keys())
@pytest.mark.parametrize(("call", "answer"), ONCE.values(), ids=ONCE.keys())
def test_what_may_have_been_carried_out_is_not_done_again(call: Call, answer: Any, fault: Answer) -> None:
    etsy = Etsy([fault, json(answer, 201)])
    with pytest.raises(UnknownOutcomeError):
        call(etsy.client())
    assert len(etsy.requests) == 1


@pytest.mark.parametrize(("call", "answer"), ONCE.values(), ids=ONCE.keys())
def test_a_success_that_cannot_be_read_is_an_unknown_outcome(call: Call, answer: Any) -> None:
    for odd in (httpx.Response(201, text="<html>"), json({"listing_id": "?"}, 201), json([], 201)):
        etsy = Etsy([odd])
        with pytest.raises(UnknownOutcomeError, match="an answer that is not Etsy's"):
            call(etsy.client())
        assert len(etsy.requests) == 1


@pytest.mark.parametrize(("call", "answer"), READS.values(), ids=READS.keys())
def test_an_answer_that_is_not_etsys_is_no_empty_result(call: Call, answer: Any) -> None:
    for odd in (httpx.Response(200, text="<html>"), json({"products": 1}), json([]), json({})):
        with pytest.raises(PermanentError, match=r"an answer that is not Etsy's.*ETSY_API_URL"):
            call(Etsy([odd]).client())


@pytest.mark.parametrize(("call", "answer"), CALLS.values(), ids=CALLS.keys())
def test_an_expired_token_is_renewed_and_the_same_request_repeated(call: Call, answer: Any) -> None:
    etsy = Etsy([EXPIRED, json(answer)])
    call(etsy.client())
    first, second = etsy.requests
    assert (first.method, first.url, parts(first)) == (second.method, second.url, parts(second))
    assert [request.headers["authorization"] for request in etsy.requests] == ["Bearer 77.token0", "Bearer 77.token1"]
    assert etsy.waits == []


def parts(request: httpx.Request) -> bytes:
    """The body, with the boundary of a multipart one as X: httpx makes a new one each time."""
    _, _, boundary = request.headers.get("content-type", "").partition("boundary=")
    assert not request.headers.get("content-type", "").startswith("multipart") or boundary
    return request.content.replace(boundary.encode(), b"X") if boundary else request.content


@pytest.mark.parametrize(("call", "answer"), CALLS.values(), ids=CALLS.keys())
def test_a_second_401_asks_for_a_new_connection(call: Call, answer: Any) -> None:
    etsy = Etsy([EXPIRED])
    with raises_sentence(NotConnectedError, r"is expired\. Connect the shop again: awin-medusa etsy connect\."):
        call(etsy.client())
    assert (len(etsy.requests), etsy.tokens.renewals) == (2, 1)


def test_every_call_carries_both_keys_and_the_token() -> None:
    for call, answer in CALLS.values():
        etsy = Etsy([json(answer)])
        call(etsy.client())
        (request,) = etsy.requests
        assert request.headers["x-api-key"] == f"{KEYSTRING}:{SECRET}"
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        assert str(request.url).startswith("https://api.etsy.com/v3/application/")


REFUSALS: dict[str, tuple[httpx.Response, type[PipelineError], str]] = {
    "array": (
        json([{"path": "/title/1", "type": "t", "message": "contains invalid characters"}], 400),
        PermanentError,
        "POST /shops/9/listings at Etsy: HTTP 400 title/1: contains invalid characters. Correct what Etsy names",
    ),
    "number of the request": (
        json({"error": "no"}, 400, x_etsy_request_uuid="0f-1"),
        PermanentError,
        r"HTTP 400 no \(Etsy's number of the request: 0f-1\). Correct",
    ),
    "shared secret": (
        json({"error": "Shared secret is required in x-api-key header."}, 403),
        PermanentError,
        "Shared secret is required in x-api-key header. Check ETSY_KEYSTRING and ETSY_SHARED_SECRET",
    ),
    "scope, 403": (
        json({"error": "insufficient_scope", "error_description": "Insufficient scope"}, 403),
        MissingScopeError,
        "Insufficient scope. Connect the shop again",
    ),
    "scope, 401": (json({"error": "insufficient_scope"}, 401), MissingScopeError, "insufficient_scope. Connect"),
    "gone": (json({"error": "Resource not found"}, 404), NotFoundError, "Resource not found. Look whether"),
    "not Etsy": (httpx.Response(404, text="<html>"), PermanentError, "HTTP 404. Check ETSY_API_URL"),
    "state": (json({"error": "Conflict"}, 409), PermanentError, "its state does not allow this"),
    "moved": (httpx.Response(301, headers={"location": "http://x/"}), PermanentError, "HTTP 301"),
    "day": (
        json({"error": "Exceeded daily rate limit"}, 429, retry_after="86400"),
        DailyBudgetError,
        "Exceeded daily rate limit. Run it again after",
    ),
}


@pytest.mark.parametrize(("answer", "kind", "said"), REFUSALS.values(), ids=REFUSALS.keys())
def test_a_refusal_is_told_once_and_in_etsys_words(
    answer: httpx.Response, kind: type[PipelineError], said: str
) -> None:
    etsy = Etsy([answer])
    with pytest.raises(kind, match=said) as told:
        etsy.client().create_draft(DRAFT)
    assert type(told.value) is kind
    assert told.value.status == answer.status_code
    assert (len(etsy.requests), etsy.waits, etsy.tokens.renewals) == (1, [], 0)


def test_only_etsys_own_404_means_gone() -> None:
    gone = json({"error": "Resource not found"}, 404)
    assert Etsy([gone]).client().listing(1) is None
    for other in (httpx.Response(404), httpx.Response(404, text="<html>"), json({"error": "no"}, 403)):
        with pytest.raises(PermanentError):
            Etsy([other]).client().listing(1)
    with pytest.raises(TransientError):
        Etsy([json({"error": "Server Error"}, 500)]).client().listing(1)


def test_no_secret_is_told() -> None:
    for answer in (
        json({"error": f"key {KEYSTRING}:{SECRET} and token {TOKEN}"}, 400),
        json([{"path": f"/{TOKEN}", "message": SECRET}], 403),
        httpx.ReadTimeout(f"{TOKEN}"),
    ):
        with pytest.raises(PipelineError) as told:
            Etsy([answer]).client().create_draft(DRAFT)
        assert not any(secret in f"{told.value!s}{told.value!r}" for secret in (SECRET, TOKEN))
    assert SECRET not in repr(Etsy([]).client()._calls)


def test_the_wait_that_etsy_asks_for_is_waited() -> None:
    etsy = Etsy([json({"error": "Exceeded per second rate limit"}, 429, retry_after="3"), json(LISTING)])
    etsy.client().listing(1)
    assert etsy.waits[0] == pytest.approx(3.0, abs=0.11)


def test_the_reserve_is_for_urgent_calls_alone() -> None:
    etsy = Etsy([json(INVENTORY | {"count": 0, "results": []}, x_limit_per_day="5000", x_remaining_today="100")])
    client = etsy.client()
    client.images(1)
    with pytest.raises(DailyBudgetError, match="kept for stock going down"):
        client.images(1)
    client.urgently().put_inventory(1, VARIANTS)
    with pytest.raises(DailyBudgetError):
        client.put_inventory(1, VARIANTS)
    assert [request.method for request in etsy.requests] == ["GET", "PUT"]


def test_an_empty_order_of_images_is_not_sent() -> None:
    etsy = Etsy([json(LISTING)])
    with pytest.raises(ValueError, match="at least one image"):
        etsy.client().set_image_order(1, [])
    assert etsy.requests == []


def test_images_come_in_the_order_of_their_ranks() -> None:
    shown = [IMAGE | {"listing_image_id": number, "rank": rank} for number, rank in ((5, 2), (6, 1))]
    etsy = Etsy([json({"count": 2, "results": shown})])
    assert [image.listing_image_id for image in etsy.client().images(1)] == [6, 5]


def shop_of(total: int, *, overlap: bool = False, hidden: int = 0) -> Callable[[httpx.Request], httpx.Response]:
    """Pages of `total` listings; `overlap`: each page but the first begins with the last of the one before."""

    def answer(request: httpx.Request) -> httpx.Response:
        offset, limit = int(request.url.params["offset"]), int(request.url.params["limit"])
        assert (request.url.params["state"], limit) == ("draft", 100)
        first = max(0, offset - 1) if overlap else offset
        ids = range(first, min(first + limit, total - hidden))
        return json({"count": total, "results": [LISTING | {"listing_id": number} for number in ids]})

    return answer


def client_of(answer: Callable[[httpx.Request], httpx.Response]) -> EtsyClient:
    return Etsy([]).client(answer)


@pytest.mark.parametrize("total", [0, 1, 99, 100, 101, 250])
def test_all_pages_are_read(total: int) -> None:
    found = client_of(shop_of(total)).listings("draft")
    assert [listing.listing_id for listing in found] == list(range(total))


def test_pages_that_overlap_give_each_listing_once_and_a_missing_one_is_an_error() -> None:
    found = client_of(shop_of(199, overlap=True)).listings("draft")
    assert [listing.listing_id for listing in found] == list(range(199))
    with pytest.raises(TransientError, match="119 came although Etsy counts 120"):
        client_of(shop_of(120, hidden=1)).listings("draft")


def test_a_listing_that_a_page_left_out_is_found_by_reading_again() -> None:
    passes = [0]

    def answer(request: httpx.Request) -> httpx.Response:
        passes[0] += request.url.params["offset"] == "0"
        return shop_of(120, hidden=passes[0] == 1)(request)

    assert len(client_of(answer).listings("draft")) == 120
    assert passes == [2]


@pytest.mark.parametrize("unknown", [set(), {1}, {100}, {3, 120, 121, 249}, set(range(250))], ids=len)
def test_an_unknown_id_costs_itself_alone(unknown: set[int]) -> None:
    asked: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        ids = [int(number) for number in request.url.params["listing_ids"].split(",")]
        asked.append(len(ids))
        if unknown & set(ids):
            return json({"error": "Resource not found"}, 404)
        results = [LISTING | {"listing_id": number, "inventory": INVENTORY} for number in ids]
        return json({"count": len(ids), "results": results})

    client = client_of(answer)
    assert set(client.inventories([*range(250), 7])) == set(range(250)) - unknown
    assert set(client.listings_by_ids(range(250))) == set(range(250)) - unknown
    assert max(asked) == 100
    assert len(asked) == 6 or unknown


def test_a_failure_of_a_batch_is_no_missing_listing() -> None:
    for fault in (httpx.Response(404, text="<html>"), json({"error": "no"}, 400), httpx.Response(500)):
        with pytest.raises(PipelineError):
            Etsy([fault]).client().inventories([1, 2])
