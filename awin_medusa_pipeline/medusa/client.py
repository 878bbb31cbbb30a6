"""Calls Medusa v2 over HTTP, for reads and batch writes, and turns every fault into one of our errors."""

import itertools
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, Self
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter

from awin_medusa_pipeline.core.batching import parts
from awin_medusa_pipeline.core.deadline import bound_answers
from awin_medusa_pipeline.core.hidden import redact
from awin_medusa_pipeline.core.http import (
    RETRYABLE_STATUS,
    Backoff,
    PayloadTooLargeError,
    PermanentError,
    PipelineError,
    TransientError,
    UnknownOutcomeError,
    ask_before_writing,
    certificates,
    json_of,
    retry_after_seconds,
    send,
)
from awin_medusa_pipeline.medusa.answers import CHECK, PRODUCT_PAGE, read
from awin_medusa_pipeline.medusa.catalog import ADMIN_FIELDS, STORE_FIELDS

Json = dict[str, Any]
Progress = Callable[[int, int], None]

# Measured: 20,000 products take 4.0 to 4.8 s at any page from 500 to 20,000, and 8.1 s at 100.
PAGE = 1_000
# Node refuses headers over 16 kB, the address with them (431); proxies often refuse addresses over 8 kB (414, or 400).
# Medusa takes 35 ms to check the secret key, with each request: few long addresses are quicker (measured).
_LONG_ADDRESS, _SHORT_ADDRESS = 12_000, 6_000
ADDRESS_REFUSED = (400, 414, 431)
"""Answers to an address that is too long, or holds what Medusa does not take."""
REFUSED = (403, 404, 405, 501)
"""Answers where a route is closed or unknown."""
_CATEGORIES = 200
_ENTRIES = {"product-variants": "variants"}
"""Key of the entries in a route's answer, where it differs from the route's own name."""
# A batch of 200 products takes 0.8 s; with its database away, a request takes 60 s.
TIMEOUT = httpx.Timeout(90.0, connect=5.0)
# Node closes an idle connection after 5 s.
LIMITS = httpx.Limits(keepalive_expiry=4.0)
# With its database away, Medusa answers a valid key with 401 once knex has given up waiting (60 s).
_SLOW_401 = 20.0


@dataclass(frozen=True)
class Shop:
    """Ids of the shop that new products need."""

    sales_channel_id: str
    stock_location_id: str
    shipping_profile_id: str


class MedusaClient:
    """Client of one shop. With an admin key it reads and writes; with a publishable key it reads published products."""

    def __init__(
        self,
        base_url: str,
        *,
        admin_key: str | None = None,
        publishable_key: str | None = None,
        backoff: Backoff | None = None,
        timeout: httpx.Timeout = TIMEOUT,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.can_write = admin_key is not None
        self._secrets = [key for key in (admin_key, publishable_key) if key]
        self._backoff = backoff or Backoff()
        self._most_in_address = _LONG_ADDRESS
        headers = {} if admin_key or not publishable_key else {"x-publishable-api-key": publishable_key}
        self._client = bound_answers(
            httpx.Client(
                base_url=self.base_url,
                auth=(admin_key, "") if admin_key else None,
                headers=headers,
                timeout=timeout,
                limits=LIMITS,
                verify=certificates(),
            )
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask_before_writing(self, may_write: Callable[[], None]) -> None:
        """Call `may_write`, which may raise, as the last thing before each request that may change the shop."""
        ask_before_writing(self._client, may_write)

    def when_limited(self, tell: Callable[[], None]) -> None:
        """Call `tell` whenever the shop answers that it is asked too much (429, 503)."""
        self._backoff.when_limited = tell

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Json:
        """Read; retried on every transient error."""
        return self._call("GET", path, writes=False, params=params)

    def post(self, path: str, body: Any = None, params: Mapping[str, Any] | None = None, **options: Any) -> Json:
        """Write; retried only when nothing can have been written, else raises UnknownOutcomeError."""
        if body is not None:
            options["json"] = body
        return self._call("POST", path, writes=True, params=params, **options)

    def delete(self, path: str) -> Json:
        """Delete; retried, since Medusa answers 200 for what is already gone."""
        return self._call("DELETE", path, writes=False)

    def check_address(self) -> None:
        """Check that a Medusa answers, whatever the key. Raises PipelineError."""
        tried = f"GET {self.base_url}/health"
        answer = send(self._client, "GET", "/health", tried=tried, writes=False)
        if answer.text.strip() != "OK":
            raise PermanentError(
                tried, f"HTTP {answer.status_code}, which is not Medusa's answer", "Check MEDUSA_BACKEND_URL."
            )

    def probe(self) -> str:
        """Read the store's name, which needs credentials and database: /health says OK without either."""
        if not self.can_write:
            self.get("/store/products", {"limit": 1, "fields": "id"})
            return self.base_url
        stores = self.get("/admin/stores", {"fields": "id,name"})["stores"]
        return str(stores[0]["name"]) if stores else self.base_url

    def shop(self, *, sales_channel: str | None, stock_location: str | None, shipping_profile: str | None) -> Shop:
        """Find the ids that new products need: each the named one, else the first. Raises PermanentError."""
        return Shop(
            self.sales_channel_id(sales_channel),
            self.stock_location_id(stock_location),
            self._pick("shipping-profiles", "shipping profile", shipping_profile, "MEDUSA_SHIPPING_PROFILE"),
        )

    def currencies(self) -> frozenset[str]:
        """Read the shop's currencies, ISO 4217 in lower case."""
        stores = self.get("/admin/stores", {"fields": "supported_currencies.currency_code"})["stores"]
        return frozenset(
            currency["currency_code"] for store in stores for currency in store.get("supported_currencies") or []
        )

    def stock_location_id(self, named: str | None) -> str:
        """Find the stock location whose levels the sync sets; None: the first."""
        return self._pick("stock-locations", "stock location", named, "MEDUSA_STOCK_LOCATION")

    def sales_channel_id(self, named: str | None) -> str:
        """Find the sales channel that new products join; None: the first."""
        return self._pick("sales-channels", "sales channel", named, "MEDUSA_SALES_CHANNEL")

    def selling_locations(self, sales_channel_id: str) -> dict[str, str]:
        """Names by id of the stock locations that a sales channel sells from: the storefront shows their sum."""
        params = {"fields": "id,name,sales_channels.id", "limit": 200, "order": "created_at"}
        return {
            location["id"]: str(location["name"])
            for location in self.get("/admin/stock-locations", params)["stock_locations"]
            if sales_channel_id in [channel["id"] for channel in location.get("sales_channels") or []]
        }

    def check_sold_from(self, shop: Shop) -> None:
        """Raise PermanentError where nobody can buy what is new: its channel does not sell from the stock location."""
        linked = self.selling_locations(shop.sales_channel_id)
        if shop.stock_location_id in linked:
            return
        instead = f"it sells from {', '.join(sorted(linked.values()))}" if linked else "it sells from none"
        raise PermanentError(
            f"Looking whether new products of the shop at {self.base_url} can be bought",
            f"their sales channel does not sell from the stock location whose levels are kept ({instead})",
            "Link the two in Medusa Admin > Settings > Locations & Shipping, or correct MEDUSA_SALES_CHANNEL or "
            "MEDUSA_STOCK_LOCATION.",
        )

    def ordered_since(self, time: str) -> set[str]:
        """Ids of the products that orders name, drafts included, which were made since a time (ISO 8601)."""
        return {
            item["product_id"]
            for route in ("orders", "draft-orders")
            for order in self._orders_since(route, time)
            for item in order.get("items") or []
        }

    def _orders_since(self, route: str, time: str) -> Iterator[Json]:
        params = {"fields": "id,items.product_id", "created_at[$gte]": time}
        for orders in self._pages(route, params, PAGE):
            yield from orders

    def _pages(self, route: str, params: Mapping[str, Any], size: int) -> Iterator[list[Json]]:
        """Yield page after page until one is not full. Raises TransientError where the pages do not go on."""
        before: list[Json] = []
        for offset in itertools.count(step=size):
            page = self.get(f"/admin/{route}", {**params, "limit": size, "offset": offset})[route.replace("-", "_")]
            if page and page == before:
                raise TransientError(f"GET {self.base_url}/admin/{route}", "the same page came twice", CHECK)
            yield page
            if len(page) < size:
                return
            before = page

    def _pick(self, route: str, entry_name: str, named: str | None, setting: str) -> str:
        found = self.get(f"/admin/{route}", {"fields": "id,name", "limit": 200, "order": "created_at"})
        entries = found[route.replace("-", "_")]
        matching = [entry for entry in entries if named in (None, entry["id"], entry["name"])]
        if matching:
            return str(matching[0]["id"])
        tried = f"Looking for the {entry_name} of the shop at {self.base_url}"
        if not entries:
            to_do = f"Make one in Medusa Admin > Settings > {entry_name.capitalize()}s."
            raise PermanentError(tried, "there is none", to_do)
        names = ", ".join(str(entry["name"]) for entry in entries)
        raise PermanentError(tried, f"none is called {named!r} (there is: {names})", f"Correct {setting}.")

    def product_pages(self, progress: Progress | None = None) -> Iterator[list[Json]]:
        """Yield all products page by page, fetching ahead; drafts only with an admin key.

        Raises TransientError when fewer came than the shop counts: a failed read is never a smaller catalogue.
        """
        path, fields = ("/admin/products", ADMIN_FIELDS) if self.can_write else ("/store/products", STORE_FIELDS)

        def page(offset: int) -> Json:
            params = {"fields": fields, "limit": PAGE, "offset": offset, "order": "id"}
            return self._call("GET", path, writes=False, shape=PRODUCT_PAGE, params=params)

        seen: set[str] = set()
        total = int(self.get(path, {"fields": "id", "limit": 1})["count"])
        waiting: deque[Future[Json]] = deque()
        offsets = iter(range(0, max(total, 1), PAGE))
        with ThreadPoolExecutor(2, thread_name_prefix="catalogue") as threads:
            waiting.extend(threads.submit(page, offset) for offset in islice(offsets, 2))
            while waiting:
                answer = waiting.popleft().result()
                if (offset := next(offsets, None)) is not None:
                    waiting.append(threads.submit(page, offset))
                fresh = [product for product in answer["products"] if product["id"] not in seen]
                seen.update(product["id"] for product in fresh)
                if not fresh:
                    offsets = iter(())  # however many are counted, no more come
                if progress:
                    progress(len(seen), total)
                yield fresh
        if len(seen) < total:
            raise TransientError(
                f"Reading the catalogue of {self.base_url}",
                f"{len(seen)} products came although the shop counts {total}",
                "Products may have been deleted meanwhile: run it again.",
            )

    def where(self, route: str, filter_name: str, values: Sequence[str], fields: str) -> list[Json]:
        """Read the entries of an admin route (products, inventory-items, ...) whose `filter_name` is in `values`."""
        found: list[Json] = []
        done, size = 0, self._most_in_address
        for part in parts(iter(values), size, lambda value: len(quote(value)) + len(filter_name) + 8):
            # Several products may share an external_id.
            params = {f"{filter_name}[]": part, "fields": fields, "limit": 10 * len(part)}
            try:
                found.extend(self.get(f"/admin/{route}", params)[_ENTRIES.get(route, route.replace("-", "_"))])
            except PermanentError as fault:
                if size == _SHORT_ADDRESS or fault.status not in ADDRESS_REFUSED:
                    raise
                self._most_in_address = _SHORT_ADDRESS  # a proxy may stand before the shop
                return [*found, *self.where(route, filter_name, values[done:], fields)]
            done += len(part)
        return found

    def category_handles(self) -> dict[str, list[str]]:
        """Read the handles of each product's categories, by product id. Needs the admin key.

        Reads by category: in the product listing they cost Medusa 11 s per 1,000 products (measured).
        """
        found: dict[str, list[str]] = {}
        params = {"fields": "handle,products.id", "order": "id"}
        for categories in self._pages("product-categories", params, _CATEGORIES):
            for category in categories:
                for product in category.get("products") or []:
                    found.setdefault(product["id"], []).append(category["handle"])
        return found

    def tagged(self, tag: str) -> set[str]:
        """Ids of the products with a tag. Needs the admin key."""
        tags = [entry["id"] for entry in self.where("product-tags", "value", [tag], "id")]
        pages = self._pages("products", {"tag_id[]": tags, "fields": "id", "order": "id"}, PAGE) if tags else ()
        return {product["id"] for page in pages for product in page}

    @cached_property
    def runs_workflows(self) -> bool:
        """Whether the shop lets us run its workflows: a role or a proxy may refuse that. Tried with one of no rows."""
        path = "/admin/workflows-executions/update-product-variants/run"
        try:
            self._call("POST", path, writes=False, json={"input": {"product_variants": []}})
        except PermanentError as error:
            if error.status in REFUSED:
                return False
            raise
        return True

    def run_workflow(self, name: str, body: Json) -> None:
        """Run one of Medusa's workflows and wait for its end. Raises PipelineError when it failed."""
        self.post(f"/admin/workflows-executions/{name}/run", {"input": body})

    def upload(self, name: str, content: bytes, kind: str) -> str:
        """Store one file; returns its address."""
        files = self.post("/admin/uploads", files={"files": (name, content, kind)})["files"]
        if not files:
            raise UnknownOutcomeError("POST /admin/uploads", "an answer without a file", CHECK)
        return str(files[0]["url"])

    def _call(
        self, method: str, path: str, *, writes: bool, shape: TypeAdapter[Any] | None = None, **options: Any
    ) -> Json:
        tried = f"{method} {self.base_url}{path}"

        def once() -> Json:
            self._backoff.wait_for_turn()
            started = time.monotonic()
            response = send(self._client, method, path, tried=tried, writes=writes, **options)
            if response.is_success:
                return read(response, tried, writes=writes, shape=shape)
            raise self._error(response, tried, writes, time.monotonic() - started)

        return self._backoff.retrying(repeat_unknown=not writes, one_server=True)(once)

    def _error(self, response: httpx.Response, tried: str, writes: bool, seconds: float) -> PipelineError:
        status = response.status_code
        came_back = redact(f"HTTP {status} {_message(response)}".rstrip(" ."), self._secrets)
        if status == 401 and seconds > _SLOW_401:
            return TransientError(
                tried, f"{came_back}, after {seconds:.0f} s", "The shop's database is away; the key may be fine."
            )
        if not self.can_write and (status in (401, 403) or "publishable" in came_back):
            to_do = "Check MEDUSA_PUBLISHABLE_KEY: Medusa Admin > Settings > Publishable API Keys."
            return PermanentError(tried, came_back, to_do, status=status)
        if status in (401, 403):
            return PermanentError(
                tried, came_back, "Check MEDUSA_ADMIN_API_KEY: it must be a secret key.", status=status
            )
        if status == 413:
            return PayloadTooLargeError(tried, came_back, "Raise the body limit of the proxy.", status=status)
        if status == 429:
            return TransientError(
                tried, came_back, "Wait and run it again.", status=status, retry_after=retry_after_seconds(response)
            )
        if status in RETRYABLE_STATUS or status >= 500:
            kind = UnknownOutcomeError if writes else TransientError
            return kind(tried, came_back, "Look at the log of the Medusa server.", status=status)
        return PermanentError(tried, came_back, "Correct what Medusa names, then run it again.", status=status)


def _message(response: httpx.Response) -> str:
    body = json_of(response)
    return str(body.get("message", ""))[:500] if isinstance(body, dict) else ""
