"""Whatever answers in Medusa's place, and however, an error says what was asked and what came."""

import inspect
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from awin_medusa_pipeline.core.http import Backoff, PermanentError, PipelineError, UnknownOutcomeError
from awin_medusa_pipeline.medusa import client as module
from awin_medusa_pipeline.medusa.answers import PRODUCT_PAGE, read
from awin_medusa_pipeline.medusa.catalog import variants_frame
from awin_medusa_pipeline.medusa.client import MedusaClient, Shop
from awin_medusa_pipeline.medusa.products import shop_product
from awin_medusa_pipeline.medusa.shapes import image_list, was_touched
from awin_medusa_pipeline_tests.support.fault_proxy import AnsweringServer
from awin_medusa_pipeline_tests.support.strange import SHAPES, spoilt

ARGUMENTS: dict[str, Any] = {
    "path": "/admin/products", "params": None, "body": {"a": 1}, "sales_channel": "a", "stock_location": None,
    "shipping_profile": None, "named": None, "sales_channel_id": "sc_1", "shop": Shop("a", "b", "c"),
    "time": "2026-01-01T00:00:00Z", "progress": None, "route": "products", "filter_name": "id", "values": ["a"],
    "fields": "id", "tag": "x", "name": "a.jpg", "answer_key": "product_tag", "key": "value",
    "entries": {"a": {"value": "a"}}, "content": b"x", "kind": "image/jpeg",
}  # fmt: skip
ONCE = Backoff(attempts=1, sleep=lambda seconds: None)
METHODS = [
    name
    for name, method in inspect.getmembers(MedusaClient, inspect.isfunction)
    if not name.startswith("_") and name not in ("get", "post", "delete", "ask_before_writing", "when_limited")
]
ANSWER: dict[str, Any] = {
    "count": 1,
    "products": [
        {
            **{"id": "prod_1", "handle": "lamp", "title": "Lamp", "status": "published", "external_id": "awin:1:a"},
            **{"description": "x", "thumbnail": "http://x/a.jpg", "material": None, "weight": 1.5, "length": "10"},
            **{
                "metadata": {"title": 5, "brand": {"x": 1}},
                "images": [{"id": "i", "url": "http://x/a", "rank": 0}],
            },
            **{"tags": [{"id": "t", "value": "v"}], "categories": [{"id": "c", "handle": "h"}]},
            **{"created_at": "2026-01-01T00:00:00.000Z", "updated_at": "2026-01-01T00:00:00.000Z"},
            "variants": [
                {
                    **{"id": "variant_1", "title": "S", "sku": "A", "barcode": "4006381333931", "variant_rank": 0},
                    **{"manage_inventory": True, "allow_backorder": False, "metadata": None, "inventory_quantity": 3},
                    **{"created_at": "2026-01-01T00:00:00.000Z", "updated_at": "2026-01-01T00:00:00.000Z"},
                    "options": [{"value": "S", "option": {"title": "Size"}}],
                    "prices": [
                        {"amount": 9.99, "currency_code": "gbp", "min_quantity": None, "max_quantity": 5, "rules": {}}
                    ],
                    "calculated_price": {"calculated_amount": 9.99, "currency_code": "gbp"},
                    "inventory_items": [
                        {
                            **{"inventory_item_id": "iitem_1", "required_quantity": 1},
                            "inventory": {
                                "location_levels": [
                                    {"location_id": "sloc_1", "stocked_quantity": 10, "reserved_quantity": 1}
                                ]
                            },
                        }
                    ],
                }
            ],
        }
    ],
}


def call(client: MedusaClient, name: str) -> None:
    """Call a method with arguments by their names; a generator is read to its end."""
    method = getattr(client, name)
    parameters = inspect.signature(method).parameters
    found = method(**{key: ARGUMENTS[key] for key in parameters if key in ARGUMENTS})
    if inspect.isgenerator(found):
        list(found)


def is_sentence(error: PipelineError, address: str) -> bool:
    """Whether an error says what was asked, what came and what to do, in a few words."""
    asked = address in error.tried or error.tried.endswith("in the shop")
    return asked and bool(error.came_back) and bool(error.to_do) and len(str(error)) < 1_000


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", METHODS)
def test_every_call_meets_every_shape(name: str, shape: str) -> None:
    with (
        AnsweringServer(lambda path: (200, "application/json", SHAPES[shape])) as address,
        MedusaClient(address, admin_key="sk", backoff=ONCE) as client,
    ):
        if name == "run_workflow" and shape == "object":
            return call(client, name)  # its answer has nothing that anybody reads
        with pytest.raises(PipelineError) as caught:
            call(client, name)
    assert is_sentence(caught.value, address), str(caught.value)
    return None


READ: dict[str, Callable[[list[Any]], object]] = {
    "pages of the catalogue": lambda products: variants_frame(products, "sloc_1"),
    "pages of the store": lambda products: variants_frame(products, None),
    "catalogue": lambda products: variants_frame(products, "sloc_1"),
    "catalogue of the store": lambda products: variants_frame(products, None),
    "product": lambda products: [shop_product(one, currency="gbp", location_id="sloc_1") for one in products],
    "touched": lambda products: [was_touched(one) for one in products],
    "images": lambda products: [image_list(one) for one in products],
}


def outcomes(reader: Callable[[list[Any]], object], shape: Any = None) -> Iterator[tuple[str, Exception | None]]:
    for where, content in [("sound", json.dumps(ANSWER).encode()), *spoilt(ANSWER)]:
        response = httpx.Response(200, content=content)
        try:
            reader(read(response, "GET http://shop/admin/products", writes=False, shape=shape)["products"])
        except Exception as error:
            told = isinstance(error, PipelineError) and is_sentence(error, "http://shop")
            yield where, None if told else error
        else:
            yield where, None


@pytest.mark.parametrize("name", READ)
def test_no_part_of_an_answer_can_be_anything_else(name: str) -> None:
    found = dict(outcomes(READ[name], PRODUCT_PAGE if "pages" in name else None))
    assert len(found) > 500
    assert {where: repr(error) for where, error in found.items() if error} == {}


def test_what_is_sound_is_read_and_what_the_owner_keeps_there_is_left_alone() -> None:
    answer = read(httpx.Response(200, json=ANSWER), "GET x", writes=False)
    assert answer == ANSWER
    assert variants_frame(answer["products"], "sloc_1").height == 1


def test_after_a_write_the_outcome_is_unknown() -> None:
    with (
        AnsweringServer(lambda path: (200, "application/json", b"{}")) as address,
        MedusaClient(address, admin_key="sk", backoff=ONCE) as client,
    ):
        with pytest.raises(UnknownOutcomeError, match="an answer without created"):
            client.post("/admin/products/batch", {})["created"]
        with pytest.raises(PermanentError, match="an answer without products"):
            client.get("/admin/products")["products"]


@pytest.mark.parametrize("method", ["category_handles", "ordered_since", "tagged", "product_pages"])
def test_pages_that_never_end_end(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not know `offset` answers the same page for ever."""
    monkeypatch.setattr(module, "PAGE", 2)
    monkeypatch.setattr(module, "_CATEGORIES", 2)
    things = [{"id": f"x_{number}", "handle": "h", "items": []} for number in range(2)]
    names = ("products", "product_categories", "product_tags", "orders", "draft_orders")
    body = {"count": 10**9} | dict.fromkeys(names, things)
    with (
        AnsweringServer(lambda path: (200, "application/json", json.dumps(body).encode())) as address,
        MedusaClient(address, admin_key="sk", backoff=ONCE) as client,
        pytest.raises(PipelineError) as caught,
    ):
        call(client, method)
    assert is_sentence(caught.value, address)
