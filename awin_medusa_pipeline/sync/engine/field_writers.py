"""The Writers of the apply engine for fields that a person may edit too: prices, and titles, texts, images, categories.

What belongs here: which call carries such a change out, and how to see in the shop that it is done. What does not: who
owns a field (sync/domain/ownership.py), and the other writers (writers.py).
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any

from awin_medusa_pipeline.medusa.catalog import image_list, is_base_price
from awin_medusa_pipeline.medusa.client import MedusaClient
from awin_medusa_pipeline.sync.domain.ownership import CONTENT, PRICE
from awin_medusa_pipeline.sync.domain.products import money_text
from awin_medusa_pipeline.sync.engine.apply import Change, Operation
from awin_medusa_pipeline.sync.engine.writers import after_a_write
from awin_medusa_pipeline.sync.store.ledger import Kind

Json = Mapping[str, Any]

_PRICES = ",".join(
    f"prices.{name}"
    for name in (
        *("id", "amount", "currency_code", "min_quantity", "max_quantity"),
        # Medusa fills `rules` from these.
        *("price_rules.attribute", "price_rules.value"),
    )
)
_VARIANTS = f"id,product_id,{_PRICES}"


class PriceWriter:
    """Sets the base price of variants in one currency. Its changes say it all: price and currency, of a variant.

    One operation a call: Medusa has no batch of prices over several products but the variant list of a product update,
    and that deletes the variants that it does not name.
    """

    kind = Kind.PRICE

    def __init__(self, client: MedusaClient) -> None:
        self._client = client

    def send(self, operations: Sequence[Operation]) -> Mapping[str, str | None]:
        """Prices of one product a call; the answer is read for what the shop then has."""
        changes = {str(c.target_id): c for operation in operations for c in operation.changes}
        stored: dict[str, Json] = {}
        there = sorted(self._variants(changes), key=lambda variant: str(variant["product_id"]))
        for product_id, variants in groupby(there, key=lambda variant: str(variant["product_id"])):
            update = [
                {"id": variant["id"], "prices": _prices(variant, changes[variant["id"]].after)} for variant in variants
            ]
            path = f"/admin/products/{product_id}/variants/batch"
            answer = self._client.post(path, {"update": update}, {"fields": _VARIANTS})
            stored |= {variant["id"]: variant for variant in answer["updated"]}
        return _in_line(changes.values(), stored)

    def look_up(self, changes: Sequence[Change]) -> Mapping[str, str | None]:
        """Changes whose variant has the wanted price."""
        return _in_line(changes, self._by_id(changes))

    def read(self, changes: Sequence[Change]) -> Mapping[str, Json]:
        """Price and currency that the shop shows, by key; nothing for a variant that is gone."""
        there = self._by_id(changes)
        return {c.key: _shown(there[str(c.target_id)], c) for c in changes if str(c.target_id) in there}

    def _by_id(self, changes: Iterable[Change]) -> dict[str, Json]:
        return {variant["id"]: variant for variant in self._variants(str(change.target_id) for change in changes)}

    def _variants(self, ids: Iterable[str]) -> list[dict[str, Any]]:
        return self._client.where("product-variants", "id", list(ids), _VARIANTS)


def _prices(variant: Json, wanted: Json) -> list[Json]:
    """All prices of a variant, the base price in the wanted currency being the wanted one.

    Medusa deletes what is not named, and takes two prices of one currency for one unless their rules and quantities are
    named too (measured: without `rules` the base price beside a region's was gone).
    """
    names = ("id", "currency_code", "amount", "min_quantity", "max_quantity", "rules")
    prices: list[Json] = [{name: price[name] for name in names} for price in variant["prices"]]
    return [
        {**price, "amount": float(wanted[PRICE])}
        if is_base_price(price) and price["currency_code"] == wanted["currency"]
        else price
        for price in prices
    ]


def _in_line(changes: Iterable[Change], there: Mapping[str, Json]) -> dict[str, str | None]:
    return {
        c.key: c.target_id
        for c in changes
        if str(c.target_id) in there and _shown(there[str(c.target_id)], c)[PRICE] == c.after[PRICE]
    }


def _shown(variant: Json, change: Change) -> Json:
    """The base price in the change's currency as a change has it; None: there is none."""
    currency = change.after["currency"]
    amounts = [
        money_text(Decimal(str(price["amount"])))
        for price in variant.get("prices") or []
        if is_base_price(price) and price["currency_code"] == currency
    ]
    return {PRICE: amounts[0] if amounts else None, "currency": currency}


class ContentWriter:
    """Sets title, description, images and categories of products. Body: an update of POST /admin/products/batch."""

    kind = Kind.CONTENT

    def __init__(self, client: MedusaClient) -> None:
        self._client = client

    def send(self, operations: Sequence[Operation]) -> Mapping[str, str | None]:
        """One batch of updates, read back. Never with variants: those that are not named would be deleted."""
        bodies: dict[str, dict[str, Any]] = {}
        for operation in operations:
            bodies.setdefault(operation.body["id"], {}).update(operation.body)
        update = self._with_image_ids(list(bodies.values()))
        self._client.post("/admin/products/batch", {"update": update}, {"fields": "id"})
        with after_a_write():
            return self.look_up([change for operation in operations for change in operation.changes])

    def look_up(self, changes: Sequence[Change]) -> Mapping[str, str | None]:
        """Changes whose field has the wanted value."""
        shown = self.read(changes)
        return {c.key: c.target_id for c in changes if c.key in shown and _holds(shown[c.key], c.after)}

    def read(self, changes: Sequence[Change]) -> Mapping[str, Json]:
        """The fields that the shop shows, by key; nothing for a product that is gone."""
        ids = list(dict.fromkeys(str(change.target_id) for change in changes))
        fields = "id,title,description,thumbnail,images.url,categories.handle"
        there = {product["id"]: _content(product) for product in self._client.where("products", "id", ids, fields)}
        return {c.key: there[str(c.target_id)] for c in changes if str(c.target_id) in there}

    def _with_image_ids(self, bodies: Sequence[Json]) -> list[Json]:
        """Images that stay keep their id, to which a person may have tied variants: sent without, they are new ones."""
        ids = [body["id"] for body in bodies if "images" in body]
        there = self._client.where("products", "id", ids, "id,images.id,images.url") if ids else []
        known = {(product["id"], image["url"]): image["id"] for product in there for image in product["images"]}
        return [
            {**body, "images": [_image(url, known.get((body["id"], url))) for url in body["images"]]}
            if "images" in body
            else body
            for body in bodies
        ]


def _image(url: str, id_: str | None) -> Json:
    return {"url": url} | ({"id": id_} if id_ else {})


def _content(product: Json) -> Json:
    categories = sorted(category["handle"] for category in product.get("categories") or [])
    return {
        "title": product["title"],
        "description": product["description"],
        "images": image_list(product),
        "category": categories,
    }


def _holds(shown: Json, wanted: Json) -> bool:
    return all(shown[field] == wanted[field] for field in CONTENT if field in wanted)
