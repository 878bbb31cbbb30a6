"""Prices never share a request with what can fail: Medusa then deletes the prices that it should have put back."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from awin_medusa_pipeline.medusa.client import Shop
from awin_medusa_pipeline.medusa.shapes import OFFER_KEY
from awin_medusa_pipeline.sync.domain.operations import Bundle, Kind, Operation
from awin_medusa_pipeline.sync.engine.applier import WRITERS
from awin_medusa_pipeline.sync.engine.writers import VariantWriter
from awin_medusa_pipeline_tests.support.factories import missing, offer
from awin_medusa_pipeline_tests.support.medusa_function import client_of

SHOP = Shop("sc_1", "sloc_1", "sp_1")
MOMENT = "2026-11-26T02:00:00.000Z"
TIMES = {"created_at": MOMENT, "updated_at": MOMENT}
HALF = {"id": "v1", "sku": "M", "title": "M", "manage_inventory": True, "metadata": {OFFER_KEY: "awin:1:M"}, **TIMES}
VARIANT = HALF | {
    "product_id": "prod_1",
    "product": {"external_id": "awin:1:M"},
    "inventory_items": [],
    "prices": [],
    "options": [],
}
PRODUCT = {
    **{"id": "prod_1", "external_id": "awin:1:M", "title": "T", "description": None, "status": "draft", **TIMES},
    **{"variants": [VARIANT], "images": [], "options": []},
}
ITEM = {
    "id": "item_1",
    "variants": [],
    "location_levels": [{"id": "l", "location_id": "sloc_1", "stocked_quantity": 1}],
}
ROW = next(missing(offer("M")).iter_rows(named=True))
PAYLOAD = {"external_id": "awin:1:M", "variants": [{"sku": "M", "prices": [{"amount": 9.99, "currency_code": "gbp"}]}]}


def operation(**after: Any) -> Operation:
    return Operation("v1", after, None, "v1")


def level(number: int | None, *, exists: bool) -> Bundle:
    body = {"inventory_item_id": f"item_{number}", "stocked_quantity": number, "exists": exists}
    return Bundle((Operation(str(number), {"level": number}, None, f"item_{number}"),), body)


SENT: dict[str, tuple[Kind | None, list[Bundle]]] = {
    "adopt": (Kind.ADOPT, [Bundle((operation(**{OFFER_KEY: "awin:1:M", "external_id": "awin:1:N"}),), {})]),
    "import": (
        Kind.IMPORT,
        [
            Bundle(
                (operation(product_key="awin:1:M", sku="M", level=10),),
                {"product": PAYLOAD, "levels": {"M": 10}, "replaces": "prod_1"},
            )
        ],
    ),
    "variant": (
        None,
        [
            Bundle(
                (operation(product_key="awin:1:M", sku="M", level=10),),
                {"product_id": "prod_1", "row": ROW, "levels": {"M": 10}},
            )
        ],
    ),
    "hide": (Kind.HIDE, [Bundle((operation(status="draft"),), {"id": "prod_1", "status": "draft"})]),
    "restore": (Kind.RESTORE, [Bundle((operation(status="published"),), {"id": "prod_1", "status": "published"})]),
    "stock": (Kind.STOCK, [level(1, exists=True), level(2, exists=False), level(None, exists=True)]),
    "price": (Kind.PRICE, [Bundle((operation(price="7", currency="gbp"),), {})]),
    "content": (Kind.CONTENT, [Bundle((operation(title="New"),), {"id": "prod_1", "title": "New"})]),
}


def test_every_kind_is_looked_at() -> None:
    assert {kind for kind, _ in SENT.values()} == {*Kind, None}


@pytest.mark.parametrize(("kind", "bundles"), SENT.values(), ids=SENT.keys())
@pytest.mark.parametrize("status", [200, 404], ids=["taken", "the batch of prices is refused"])
def test_prices_apart(kind: Kind | None, bundles: list[Bundle], status: int) -> None:
    bodies: list[tuple[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content else None
        bodies.append((request.url.path, body))
        if status != 200 and request.url.path.endswith("/update-product-variants/run") and "prices" in _names(body):
            return httpx.Response(status, json={"message": "Variants do not have prices associated."})
        found = {"products": [PRODUCT], "product": PRODUCT, "variants": [VARIANT], "inventory_items": [ITEM]}
        made = {"created": [], "updated": [], "inventory_item": ITEM, "orders": [], "draft_orders": []}
        return httpx.Response(200, json=found | made)

    with client_of(answer) as client:
        writer = WRITERS[kind](client, SHOP) if kind else VariantWriter(client, SHOP.stock_location_id)
        writer.send(bundles)
    with_prices = [(path, body) for path, body in bodies if "prices" in _names(body)]
    assert bool(with_prices) is (kind in (Kind.IMPORT, Kind.PRICE, None))
    for path, body in with_prices:
        parts = [part for part in ("create", "update", "delete") if body.get(part)]
        assert len(parts) <= 1, path
        assert (path, parts) != ("/admin/products/batch", ["update"]), "variants that are not named would be deleted"


def _names(body: Any) -> Iterator[str]:
    if isinstance(body, dict):
        yield from body
        for value in body.values():
            yield from _names(value)
    elif isinstance(body, list):
        for value in body:
            yield from _names(value)
