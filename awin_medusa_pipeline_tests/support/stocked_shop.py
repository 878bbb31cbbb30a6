"""A shop in memory with products, inventory items and levels, as far as booking a sale asks for them."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

import httpx

from awin_medusa_pipeline.medusa.client import MedusaClient
from awin_medusa_pipeline_tests.support.medusa_function import client_of

Json = dict[str, Any]
LOCATION = "sloc_1"


@dataclass
class StockedShop:
    """Products by id as the Admin API shows them; levels by inventory item, each with the number of its last change."""

    products: dict[str, Json] = field(default_factory=dict)
    levels: dict[str, list[int]] = field(default_factory=dict)
    meets: Callable[[str], None] = lambda moment: None
    """Called before a request is carried out and after, with "before GET", "after POST" ...; may raise."""
    refused: int | None = None
    """Status with which levels are refused."""
    changes: int = 0
    writes: int = 0

    def add(self, product_id: str, *skus: str, level: int = 10, **variant: Any) -> None:
        """Add a product with a variant for each SKU, or an option "Colour" that has the SKU's last letter as value."""
        self.products[product_id] = {
            "id": product_id,
            "title": product_id,
            "status": "published",
            "variants": [self.variant(sku, {sku: 1}, **variant) for sku in skus],
        }
        for sku in skus:
            self.set(sku, level)

    def variant(self, sku: str, items: dict[str, int], **values: Any) -> Json:
        """Make a variant of these inventory items, each with the pieces needed for one of it."""
        links = [{"inventory_item_id": f"item_{name}", "required_quantity": number} for name, number in items.items()]
        made = {
            "id": f"variant_{sku}",
            "title": sku,
            "sku": sku,
            "manage_inventory": True,
            "options": [{"value": sku[-1], "option": {"title": "Colour"}}],
            "prices": [],
            "inventory_items": links,
        }
        return made | values

    def set(self, item: str, level: int) -> None:
        """Set a level, as a person would."""
        self.changes += 1
        self.levels[f"item_{item}"] = [level, self.changes]

    def level(self, item: str) -> int:
        """A level now."""
        return self.levels[f"item_{item}"][0]

    def client(self) -> MedusaClient:
        """A client of it."""
        return client_of(self._answer)

    @contextmanager
    def served(self) -> Iterator[str]:
        """Serve it to other processes, one request after the other; its address."""
        shop, lock = self, Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_any(self) -> None:
                content = self.rfile.read(int(self.headers.get("content-length") or 0))
                with lock:
                    answer = shop._answer(httpx.Request(self.command, f"http://shop{self.path}", content=content))
                self.send_response(answer.status_code)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            do_GET = do_POST = do_any  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:
                """Print nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.meets(f"before {request.method}")
        answer = self._carry_out(request)
        self.meets(f"after {request.method}")
        return answer

    def _carry_out(self, request: httpx.Request) -> httpx.Response:
        ids = request.url.params.get_list("id[]")
        match request.method, request.url.path.removeprefix("/admin/"):
            case "GET", "stock-locations":
                return httpx.Response(200, json={"stock_locations": [{"id": LOCATION, "name": "Here"}]})
            case "GET", "products":
                return httpx.Response(200, json={"products": [self.products[i] for i in ids if i in self.products]})
            case "GET", "inventory-items":
                return httpx.Response(200, json={"inventory_items": [self._item(i) for i in ids]})
            case "POST", "inventory-items/location-levels/batch":
                if self.refused:
                    return httpx.Response(self.refused, json={"message": "no"})
                return self._set_levels(json.loads(request.content)["update"])
        return httpx.Response(404, json={"message": f"{request.method} {request.url.path}"})

    def _item(self, item: str) -> Json:
        levels = []
        if item in self.levels:
            level, change = self.levels[item]
            levels = [{"location_id": LOCATION, "stocked_quantity": level, "updated_at": f"change {change}"}]
        elsewhere = {"location_id": "sloc_2", "stocked_quantity": 99, "updated_at": "never"}
        return {"id": item, "location_levels": [elsewhere, *levels]}

    def _set_levels(self, updates: list[Json]) -> httpx.Response:
        self.writes += 1
        for one in updates:
            assert one["location_id"] == LOCATION
            self.set(one["inventory_item_id"].removeprefix("item_"), one["stocked_quantity"])
        return httpx.Response(200, json={"created": [], "updated": updates, "deleted": []})
