"""Fills the sandbox's shop so that a sync finds every kind of discrepancy.

Each case is a correct product (sync/domain/products.py) made wrong in one way. The same offers give the same shop.
"""

import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import httpx
import polars as pl

from awin_medusa_pipeline.core.contracts import dtypes
from awin_medusa_pipeline.medusa.client import MedusaClient
from awin_medusa_pipeline.medusa.contracts import CatalogVariant
from awin_medusa_pipeline.medusa.shapes import HIDDEN_AT, HIDDEN_BY_RUN, OFFER_KEY
from awin_medusa_pipeline.sandbox.errors import SandboxError
from awin_medusa_pipeline.sandbox.feed_generator import FIRST_MERCHANT
from awin_medusa_pipeline.sandbox.processes import Progress, silent
from awin_medusa_pipeline.sandbox.seed import Shop, call
from awin_medusa_pipeline.sync.domain.contracts import LooseMatch, MatchedProduct
from awin_medusa_pipeline.sync.domain.discrepancies import missing_products, wanted_level
from awin_medusa_pipeline.sync.domain.products import ProductDefaults, category_path, product_payload
from awin_medusa_pipeline.sync.domain.rules import StockRules
from awin_medusa_pipeline.sync.domain.text import slug
from awin_medusa_pipeline.sync.engine.categories import categories_of

# Measured: Medusa is fastest with batches of 200 and two requests at a time.
BATCH = 200
AT_A_TIME = 2
HIDING_RUN = "00000000-0000-4000-8000-5a4db0c00001"
ANSWER = "id,handle,variants.sku,variants.inventory_items.inventory_item_id"


class Case(StrEnum):
    """How a product of the shop differs from the feed."""

    PRESENT = "present"
    MISSING = "missing"
    BY_SKU = "by_sku"
    BY_GTIN = "by_gtin"
    BY_HANDLE = "by_handle"
    LEVEL = "level"
    NO_LEVEL = "no_level"
    PRICE = "price"
    NO_TEXT = "no_text"
    TITLE = "title"
    RETURNING = "returning"
    HIDDEN_BY_HAND = "hidden_by_hand"
    LOOSE = "loose"
    LEFT_FEED = "left_feed"
    GONE = "gone"
    """The whole product has left the feed."""
    MEDUSA_ONLY = "medusa_only"
    """Made by hand: no feed ever held it."""


# One round of cases; half of them are PRESENT, so that a sync changes a realistic share of the shop.
ROUND = (
    *(Case.MISSING, Case.PRESENT, Case.BY_SKU, Case.PRESENT, Case.BY_GTIN, Case.PRESENT, Case.BY_HANDLE),
    *(Case.PRESENT, Case.LEVEL, Case.MISSING, Case.PRESENT, Case.NO_LEVEL, Case.PRESENT, Case.PRICE, Case.PRESENT),
    *(Case.RETURNING, Case.PRESENT, Case.HIDDEN_BY_HAND, Case.PRESENT, Case.LOOSE, Case.MISSING, Case.PRESENT),
    *(Case.LEFT_FEED, Case.PRESENT, Case.LEVEL, Case.NO_TEXT, Case.PRICE, Case.PRESENT, Case.TITLE, Case.PRESENT),
)
MEDUSA_ONLY_SHARE = 40
"""One GONE and one MEDUSA_ONLY product per this many products of the feed, but at least three."""

Row = Mapping[str, Any]
Payload = dict[str, Any]


@dataclass(frozen=True)
class Placed:
    """A product of the feed, or of the shop only, and its case."""

    case: Case
    handle: str
    product_key: str | None = None
    """None if it is not in the feed."""
    offer_keys: tuple[str, ...] = ()


@dataclass
class _Product:
    rows: Sequence[Row]
    payload: Payload
    levels: dict[str, int]
    """SKU -> level; a missing SKU gets no level."""
    named_alone: bool
    case: Case = field(default=Case.PRESENT)


def prefill(shop: Shop, offers: pl.DataFrame, *, limit: int = 400, progress: Progress = silent) -> list[Placed]:
    """Fill an empty shop from the feed's first `limit` products; the rest of the feed stays missing.

    `offers`: rows of the Offer contract. Takes about 4 ms per product. Raises SandboxError if the shop has products.
    """
    with shop.client() as client:
        if count := product_count(client):
            raise SandboxError(
                "Filling the sandbox's shop", f"it has {count} products already", "First: awin-medusa sandbox reset."
            )
        products = list(_cast(_products(shop, offers, limit)))
        numbers = range(1, max(3, len(products) // MEDUSA_ONLY_SHARE) + 1)
        alone = [_teapot(shop, number, case) for case in (Case.GONE, Case.MEDUSA_ONLY) for number in numbers]
        _create(client, shop, [p for p in products if p.case is not Case.MISSING] + alone, progress)
    return [_placed(product) for product in products + alone]


def product_count(client: httpx.Client) -> int:
    """Count the shop's products, drafts included."""
    return int(call(client, "GET", "/admin/products", params={"limit": 1, "fields": "id"})["count"])


def _products(shop: Shop, offers: pl.DataFrame, limit: int) -> Iterable[_Product]:
    """Build the correct products for the feed's first `limit` product keys, as an import into an empty shop would."""
    rules = StockRules()
    catalog, matched, loose = (
        pl.LazyFrame(schema=dtypes(table)) for table in (CatalogVariant, MatchedProduct, LooseMatch)
    )
    keys = offers.select("product_key").unique(maintain_order=True).head(limit)
    wanted = wanted_level(offers.lazy(), rules).select("offer_key", known_level="wanted_level")
    # A name shared with another product cannot demonstrate a match by handle or by similarity.
    lonely = offers.select(
        "offer_key", slug=pl.when(slug(pl.col("name")).is_unique()).then(slug(pl.col("name")))
    ).lazy()
    rows = (
        missing_products(offers.lazy(), catalog, matched, loose, rules)
        .join(keys.lazy(), on="product_key", how="semi", maintain_order="left")
        .join(wanted, on="offer_key", maintain_order="left")
        .join(lonely, on="offer_key", maintain_order="left")
        .with_columns(alone=(pl.col("handle") == pl.col("slug")) & (pl.col("product_key") == pl.col("offer_key")))
        .collect()
    )
    paths = dict.fromkeys(path for row in rows.select("category").to_dicts() if (path := category_path(row)))
    with MedusaClient(shop.base_url, admin_key=shop.admin_key) as client:
        defaults = ProductDefaults(
            shop.sales_channel_id,
            shop.shipping_profile_id,
            categories={path: id_ for path, (_, id_) in categories_of(client, paths).items()},
        )
    for group in rows.partition_by("product_key", maintain_order=True):
        members = group.to_dicts()
        yield _Product(
            members,
            product_payload(members, defaults),
            {row["sku"]: rules.in_stock_level if row["known_level"] is None else row["known_level"] for row in members},
            len(members) == 1 and bool(members[0]["alone"]),
        )


def _cast(products: Iterable[_Product]) -> Iterable[_Product]:
    """Give each product the first waiting case that it can play."""
    waiting: deque[Case] = deque()
    for product in products:
        if len(waiting) < len(ROUND):
            waiting.extend(ROUND)
        product.case = next(case for case in waiting if case not in _CAN_PLAY or _CAN_PLAY[case](product))
        waiting.remove(product.case)
        if play := _PLAYS.get(product.case):
            play(product)
        yield product


def _named_alone(product: _Product) -> bool:
    return product.named_alone


def _stock_is_known(product: _Product) -> bool:
    return all(row["known_level"] is not None for row in product.rows)


_CAN_PLAY: dict[Case, Callable[[_Product], bool]] = {
    Case.BY_SKU: _named_alone,
    Case.BY_GTIN: lambda product: product.named_alone and bool(product.rows[0]["barcode"]),
    Case.BY_HANDLE: _named_alone,
    Case.LOOSE: _named_alone,
    Case.NO_TEXT: lambda product: "description" in product.payload,
    Case.LEVEL: _stock_is_known,
    Case.NO_LEVEL: _stock_is_known,
}


def _forget(product: _Product, *, sku: bool, barcode: bool, handle: bool) -> None:
    """Turn it into a product that this program did not create, without the named identifiers."""
    product.payload |= {"external_id": None, "metadata": {}}
    if handle:
        product.payload["handle"] = f"own-{product.payload['handle']}"
    for variant in product.payload["variants"]:
        variant["metadata"] = {}
        if barcode:
            variant.pop("barcode", None)
        if sku:
            product.levels[f"OWN-{variant['sku']}"] = product.levels.pop(variant["sku"])
            variant["sku"] = f"OWN-{variant['sku']}"


def _by_sku(product: _Product) -> None:
    _forget(product, sku=False, barcode=True, handle=True)


def _by_gtin(product: _Product) -> None:
    _forget(product, sku=True, barcode=False, handle=True)


def _by_handle(product: _Product) -> None:
    _forget(product, sku=True, barcode=True, handle=False)


def _loose(product: _Product) -> None:
    """Double the last letter of the title's longest word, so that only a loose match finds it."""
    _forget(product, sku=True, barcode=True, handle=True)
    longest = max(re.findall(r"\w+", product.payload["title"]), key=len)
    product.payload["title"] = product.payload["title"].replace(longest, longest + longest[-1], 1)


def _level(product: _Product) -> None:
    product.levels = {sku: 3 if level else 7 for sku, level in product.levels.items()}


def _no_level(product: _Product) -> None:
    product.levels = {}


def _price(product: _Product) -> None:
    for variant in product.payload["variants"]:
        for price in variant["prices"]:
            price["amount"] = round(price["amount"] * 1.12 + 0.01, 2)


def _no_text(product: _Product) -> None:
    del product.payload["description"]


def _title(product: _Product) -> None:
    product.payload["title"] += " (hand-picked)"


def _returning(product: _Product) -> None:
    hidden_at = (datetime.now(UTC) - timedelta(days=1)).isoformat(timespec="seconds")
    product.payload["status"] = "draft"
    product.payload["metadata"] |= {HIDDEN_BY_RUN: HIDING_RUN, HIDDEN_AT: hidden_at}


def _hidden_by_hand(product: _Product) -> None:
    product.payload["status"] = "draft"


def _left_feed(product: _Product) -> None:
    """Add a variant that the feed no longer has."""
    last, row = product.payload["variants"][-1], product.rows[-1]
    sku = f"{row['sku']}-OLD"
    values = {title: f"{value} (old)" for title, value in last["options"].items()}
    for option in product.payload["options"]:
        option["values"].append(values[option["title"]])
    gone = {name: value for name, value in last.items() if name != "barcode"}
    gone |= {
        "sku": sku,
        "title": " / ".join(values.values()),
        "options": values,
        "metadata": {OFFER_KEY: f"{row['offer_key']}-OLD"},
    }
    product.payload["variants"].append(gone)
    product.levels[sku] = 6


_PLAYS: dict[Case, Callable[[_Product], None]] = {
    Case.BY_SKU: _by_sku,
    Case.BY_GTIN: _by_gtin,
    Case.BY_HANDLE: _by_handle,
    Case.LOOSE: _loose,
    Case.LEVEL: _level,
    Case.NO_LEVEL: _no_level,
    Case.PRICE: _price,
    Case.NO_TEXT: _no_text,
    Case.TITLE: _title,
    Case.RETURNING: _returning,
    Case.HIDDEN_BY_HAND: _hidden_by_hand,
    Case.LEFT_FEED: _left_feed,
}


def _teapot(shop: Shop, number: int, case: Case) -> _Product:
    gone = case is Case.GONE
    sku, make = f"{'GONE' if gone else 'HOUSE'}-{number:04d}", "Slip-cast" if gone else "Hand-thrown"
    key = f"awin:{FIRST_MERCHANT}:{sku}" if gone else None
    payload = {
        "title": f"{make} teapot no. {number}",
        "handle": f"{make.lower()}-teapot-no-{number}",
        "external_id": key,
        "status": "published",
        "options": [{"title": "Glaze", "values": ["Celadon"]}],
        "variants": [
            {
                "title": "Celadon",
                "sku": sku,
                "options": {"Glaze": "Celadon"},
                "prices": [{"amount": 48, "currency_code": "gbp"}],
                "manage_inventory": True,
                "metadata": {OFFER_KEY: key} if key else {},
            }
        ],
        "sales_channels": [{"id": shop.sales_channel_id}],
        "shipping_profile_id": shop.shipping_profile_id,
    }
    return _Product([], payload, {sku: 2}, False, case)


def _placed(product: _Product) -> Placed:
    key = product.rows[0]["product_key"] if product.rows else None
    offer_keys = tuple(row["offer_key"] for row in product.rows)
    return Placed(product.case, product.payload["handle"], key, offer_keys)


def _create(client: httpx.Client, shop: Shop, products: Sequence[_Product], progress: Progress) -> None:
    step, done = "Filling the shop", 0

    def one(batch: Sequence[_Product]) -> int:
        body = {"create": [product.payload for product in batch]}
        made = call(client, "POST", "/admin/products/batch", params={"fields": ANSWER}, json=body)["created"]
        items = {
            variant["sku"]: variant["inventory_items"][0]["inventory_item_id"]
            for product in made
            for variant in product["variants"]
        }
        levels = [
            {"inventory_item_id": items[sku], "location_id": shop.stock_location_id, "stocked_quantity": level}
            for product in batch
            for sku, level in product.levels.items()
        ]
        if levels:
            call(client, "POST", "/admin/inventory-items/location-levels/batch", json={"create": levels})
        return len(batch)

    batches = [products[start : start + BATCH] for start in range(0, len(products), BATCH)]
    progress(step, f"0 of {len(products):,} products")
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        for count in pool.map(one, batches):
            done += count
            progress(step, f"{done:,} of {len(products):,} products")
