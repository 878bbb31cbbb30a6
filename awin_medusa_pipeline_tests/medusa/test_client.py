"""The Medusa client: paging, faults told in sentences, and what only a real Medusa can say."""

import re
from collections.abc import Iterator
from urllib.parse import parse_qs

import httpx
import pytest

from awin_medusa_pipeline.core.errors import PermanentError, PipelineError, TransientError
from awin_medusa_pipeline.core.http import Backoff, PayloadTooLargeError, UnknownOutcomeError
from awin_medusa_pipeline.medusa import client as medusa
from awin_medusa_pipeline.medusa.catalog import variants_frame
from awin_medusa_pipeline.medusa.client import PAGE, MedusaClient
from awin_medusa_pipeline.sandbox import Sandbox, Shop
from awin_medusa_pipeline_tests.support.fault_proxy import AnsweringServer, Fault, FaultProxy, as_json
from awin_medusa_pipeline_tests.support.medusa_function import KEY, SHOP, Answer, client_of


def listing(total: int, asked: list[dict[str, str]] | None = None) -> Answer:
    """A shop with so many products, listed as Medusa lists them."""

    def answer(request: httpx.Request) -> httpx.Response:
        params = {name: values[0] for name, values in parse_qs(request.url.query.decode()).items()}
        if asked is not None:
            asked.append(params)
        first, limit = int(params.get("offset", 0)), int(params["limit"])
        rows = [{"id": f"prod_{number:05}", "handle": "x"} for number in range(first, min(first + limit, total))]
        return httpx.Response(200, json={"products": rows, "count": total, "offset": first, "limit": limit})

    return answer


@pytest.mark.parametrize("total", [0, 1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE, 2 * PAGE + 1, 3_500])
@pytest.mark.parametrize("key", [KEY, None], ids=["admin key", "publishable key"])
def test_no_product_is_skipped_or_read_twice(total: int, key: str | None) -> None:
    asked: list[dict[str, str]] = []
    told: list[tuple[int, int]] = []
    client = client_of(listing(total, asked), key=key)
    pages = list(client.product_pages(lambda done, of: told.append((done, of))))
    assert [product["id"] for page in pages for product in page] == [f"prod_{number:05}" for number in range(total)]
    assert len(asked) == 1 + max(1, -(-total // PAGE))
    assert all(params["order"] == "id" for params in asked[1:])
    assert told[-1] == (total, total)


def test_fewer_products_than_counted_is_no_smaller_catalogue() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        body = listing(1_500)(request).json()
        return httpx.Response(200, json=body | {"products": body["products"][:-1]})

    with pytest.raises(TransientError, match="1498 products came although the shop counts 1500"):
        list(client_of(answer).product_pages())


def test_a_page_that_fails_is_no_smaller_catalogue() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(500) if b"offset=2000" in request.url.query else listing(3_500)(request)

    with pytest.raises(TransientError, match="HTTP 500"):
        list(client_of(answer).product_pages())


READ, WRITE = "GET", "POST"
ANSWERS: dict[str, tuple[str, httpx.Response, type[PipelineError], str]] = {
    "wrong key": (READ, httpx.Response(401, json={"message": "Unauthorized"}), PermanentError, "MEDUSA_ADMIN_API_KEY"),
    "no right": (WRITE, httpx.Response(403, json={"message": "Forbidden"}), PermanentError, "MEDUSA_ADMIN_API_KEY"),
    "refused": (
        WRITE,
        httpx.Response(400, json={"message": "sku: X, already exists."}),
        PermanentError,
        "already exists. Correct what",
    ),
    "no such route": (READ, httpx.Response(404, text="<html>Cannot GET</html>"), PermanentError, "HTTP 404. "),
    "too large": (WRITE, httpx.Response(413, json={"message": "too large"}), PayloadTooLargeError, "body limit"),
    "busy": (WRITE, httpx.Response(429), TransientError, "HTTP 429. Wait"),
    "broken, reading": (
        READ,
        httpx.Response(500, json={"message": "An unknown error occurred."}),
        TransientError,
        "occurred. Look",
    ),
    "broken, writing": (WRITE, httpx.Response(500), UnknownOutcomeError, "log of the Medusa server"),
    "gateway, writing": (WRITE, httpx.Response(504, text="<html>"), UnknownOutcomeError, "HTTP 504"),
    "a proxy's own number": (WRITE, httpx.Response(524, text="<html>"), UnknownOutcomeError, "HTTP 524"),
    "a page, reading": (READ, httpx.Response(200, text="<html>"), PermanentError, "MEDUSA_BACKEND_URL"),
    "a page, writing": (WRITE, httpx.Response(200, text="<html>"), UnknownOutcomeError, "not JSON"),
    "moved": (READ, httpx.Response(301, headers={"location": "https://shop/"}), PermanentError, "HTTP 301"),
    "a message with the key in it": (
        READ,
        httpx.Response(400, json={"message": f"bad {KEY}"}),
        PermanentError,
        r"bad \*\*\*",
    ),
    "a list": (READ, httpx.Response(400, json=["no"]), PermanentError, "HTTP 400"),
}


@pytest.mark.parametrize(("method", "answer", "error", "words"), ANSWERS.values(), ids=ANSWERS.keys())
def test_an_answer_that_is_no_success(
    method: str, answer: httpx.Response, error: type[PipelineError], words: str
) -> None:
    client = client_of(lambda request: answer)
    with pytest.raises(error, match=words) as told:
        client.get("/admin/stores") if method == READ else client.post("/admin/stores", {})
    assert type(told.value) is error
    text = str(told.value)
    # What was tried, what came back, what to do: three parts, whole sentences, and never the key.
    assert re.fullmatch(rf"{method} {SHOP}/admin/stores: [^.].*[^.]\. [A-Z].*\.", text), text
    assert ".." not in text
    assert KEY not in text


def test_a_key_never_shows_in_a_fault() -> None:
    client = MedusaClient("shop-without-http:9000", admin_key=KEY)
    with pytest.raises(PermanentError, match="Check the address") as told:
        client.get("/admin/stores")
    assert KEY not in repr(told.value)
    with (
        AnsweringServer(lambda path: as_json({})) as address,
        MedusaClient(address, publishable_key="pk_1\nx") as bad,
        pytest.raises(PermanentError, match="Check the address and the key") as told,
    ):
        bad.probe()
    assert "pk_1" not in str(told.value)


def test_a_write_is_repeated_only_when_nothing_can_have_been_written() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.method)
        return httpx.Response(429 if len(seen) < 3 else 500)

    with pytest.raises(UnknownOutcomeError):
        client_of(answer).post("/admin/products/batch", {})
    assert len(seen) == 3


def test_long_lists_are_asked_for_in_addresses_that_node_takes() -> None:
    addresses: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        addresses.append(len(request.url.raw_path))
        asked = parse_qs(request.url.query.decode())["external_id[]"]
        assert int(parse_qs(request.url.query.decode())["limit"][0]) >= len(asked)
        return httpx.Response(200, json={"products": [{"id": value} for value in asked]})

    values = [f"awin:1:{'鞋' * 40}{number}" for number in range(300)] + ["x" * 9_000]
    found = client_of(answer).where("products", "external_id", values, "id")
    assert [entry["id"] for entry in found] == values
    assert max(addresses) < 15_000
    assert client_of(answer).where("products", "external_id", [], "id") == []


@pytest.mark.parametrize("refused", [400, 414, 431])
def test_a_proxy_that_takes_short_addresses_alone_gets_such(refused: int) -> None:
    taken: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        taken.append(len(request.url.raw_path) if len(request.url.raw_path) < 8_000 else 0)
        asked = parse_qs(request.url.query.decode())["id[]"]
        status = 200 if taken[-1] else refused
        return httpx.Response(status, json={"products": [{"id": value} for value in asked]})

    values = [f"prod_{number:026}" for number in range(600)]
    client = client_of(answer)
    for _ in range(2):
        assert [entry["id"] for entry in client.where("products", "id", values, "id")] == values
    assert (taken.count(0), len(taken)) == (1, 1 + 2 * 5), "it is asked once how long they may be"


def test_a_value_that_no_address_takes_is_told() -> None:
    client = client_of(lambda request: httpx.Response(431))
    with pytest.raises(PermanentError, match="431"):
        client.where("products", "id", ["x" * 17_000], "id")


PICKS: dict[str, tuple[list[str], str | None, str]] = {
    "the first": (["Main", "Other"], None, "sc_0"),
    "by name": (["Main", "Other"], "Other", "sc_1"),
    "by id": (["Main", "Other"], "sc_1", "sc_1"),
    "none": ([], None, "there is none. Make one in Medusa Admin > Settings > Sales channels"),
    "none of that name": (["Main"], "Shop", r"none is called 'Shop' \(there is: Main\). Correct MEDUSA_SALES_CHANNEL"),
}


@pytest.mark.parametrize(("names", "wanted", "expected"), PICKS.values(), ids=PICKS.keys())
def test_the_shops_ids_are_found(names: list[str], wanted: str | None, expected: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        route = request.url.path.removeprefix("/admin/").replace("-", "_")
        entries = [{"id": f"sc_{n}", "name": name} for n, name in enumerate(names)]
        return httpx.Response(200, json={route: entries if route == "sales_channels" else [{"id": "x", "name": "X"}]})

    def ids() -> medusa.Shop:
        return client_of(answer).shop(sales_channel=wanted, stock_location=None, shipping_profile=None)

    if expected.startswith("sc_"):
        assert ids() == medusa.Shop(expected, "x", "x")
    else:
        with pytest.raises(PermanentError, match=expected):
            ids()


# From here on, the real Medusa.


@pytest.fixture
def proxy(shop: Shop) -> Iterator[FaultProxy]:
    with FaultProxy(shop.base_url) as proxy:
        yield proxy


def test_the_probe_names_the_store(shop: Shop) -> None:
    with MedusaClient(shop.base_url + "/", admin_key=shop.admin_key) as client:
        assert client.probe() == "Sandbox shop"
        assert client.currencies() == {"gbp", "eur"}
        assert client.shop(sales_channel=None, stock_location="Warehouse", shipping_profile=None) == medusa.Shop(
            shop.sales_channel_id, shop.stock_location_id, shop.shipping_profile_id
        )


@pytest.mark.parametrize("key", ["sk_wrong", "", "schlüssel"])
def test_a_wrong_key(key: str, shop: Shop) -> None:
    with (
        MedusaClient(shop.base_url, admin_key=key) as client,
        pytest.raises(PermanentError, match=r"401.*MEDUSA_ADMIN"),
    ):
        client.probe()


def test_a_slow_401_is_not_the_keys_fault(proxy: FaultProxy, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its database away Medusa answers a valid key with 401, after a minute."""
    monkeypatch.setattr(medusa, "_SLOW_401", 0.2)
    proxy.faults.append(Fault("401", "GET", seconds=0.4))
    waits: list[float] = []
    with MedusaClient(proxy.address, admin_key=shop.admin_key, backoff=Backoff(sleep=waits.append)) as client:
        assert client.probe() == "Sandbox shop"
        assert len(waits) == 1
        proxy.faults.extend([Fault("401", "GET", seconds=0.3)] * 6)
        with pytest.raises(TransientError, match="The shop's database is away; the key may be fine"):
            client.probe()


def test_health_lies_and_the_probe_does_not(proxy: FaultProxy, shop: Shop) -> None:
    proxy.faults.extend([Fault("500", "GET /admin")] * 6)
    assert httpx.get(f"{proxy.address}/health").text == "OK"
    with (
        MedusaClient(proxy.address, admin_key=shop.admin_key, backoff=Backoff(sleep=lambda s: None)) as client,
        pytest.raises(TransientError, match="HTTP 500 An unknown error occurred"),
    ):
        client.probe()


def test_a_publishable_key_alone_reads_what_the_shop_shows(sandbox: Sandbox, shop: Shop) -> None:
    products = [
        {
            "title": f"Product {number}",
            "status": status,
            "options": [{"title": "Colour", "values": ["red"]}],
            "variants": [
                {
                    "title": "red",
                    "sku": f"s{number}",
                    "options": {"Colour": "red"},
                    "prices": [{"amount": 12.5, "currency_code": "gbp"}],
                }
            ],
            "sales_channels": [{"id": shop.sales_channel_id}],
        }
        for number, status in enumerate(["published", "draft", "published"])
    ]
    with shop.client() as http:
        http.post("/admin/products/batch", json={"create": products}).raise_for_status()
    with MedusaClient(shop.base_url, publishable_key=shop.publishable_key) as client:
        assert not client.can_write
        assert client.probe() == shop.base_url
        shown = variants_frame([product for page in client.product_pages() for product in page], None)
    assert sorted(shown["sku"]) == ["s0", "s2"]
    assert set(shown["status"]) == {"published"}
    assert [(p["currency"], float(p["amount"])) for prices in shown["prices"] for p in prices] == [("gbp", 12.5)] * 2
    with MedusaClient(shop.base_url, admin_key=shop.admin_key) as client:
        assert sum(len(page) for page in client.product_pages()) == 3
    with MedusaClient(shop.base_url, publishable_key="pk_wrong") as client, pytest.raises(PermanentError, match="400"):
        client.probe()


def test_pages_of_a_real_shop(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(medusa, "PAGE", 3)
    options = [{"title": "Colour", "values": ["red"]}]
    create = [{"title": f"P{number}", "handle": f"p{number}", "options": options} for number in range(10)]
    with shop.client() as http, MedusaClient(shop.base_url, admin_key=shop.admin_key) as client:
        assert list(client.product_pages()) == [[]]
        http.post("/admin/products/batch", json={"create": create}).raise_for_status()
        pages = list(client.product_pages())
    assert [len(page) for page in pages] == [3, 3, 3, 1]
    assert {product["handle"] for page in pages for product in page} == {product["handle"] for product in create}
