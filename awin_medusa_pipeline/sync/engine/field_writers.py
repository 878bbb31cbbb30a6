"""Writes prices and content, which a person may edit too, to Medusa, and verifies them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from awin_medusa_pipeline.medusa.client import MedusaClient
from awin_medusa_pipeline.medusa.shapes import PRICE_FIELDS, Json, amount, base_prices, image_list
from awin_medusa_pipeline.medusa.variants import write_prices
from awin_medusa_pipeline.sync.domain.field_plans import reverse_content, reverse_prices
from awin_medusa_pipeline.sync.domain.operations import Bundle, Kind, Operation, Plan, money_text, operations_of
from awin_medusa_pipeline.sync.domain.rules import CONTENT, PRICE
from awin_medusa_pipeline.sync.engine.pace import BATCH
from awin_medusa_pipeline.sync.engine.writers import after_a_write

_VARIANTS = f"id,product_id,prices.id,{PRICE_FIELDS}"
_PRICE_NAMES = ("id", "currency_code", "amount", "min_quantity", "max_quantity", "rules")


class PriceWriter:
    """Sets the base price of variants in one currency. The operations hold price and currency; bodies are empty."""

    kind = Kind.PRICE
    per_request = BATCH

    def __init__(self, client: MedusaClient) -> None:
        self._client = client
        self._seen: dict[str, Json] = {}
        """Variants as they were looked at just before they are sent, by id."""
        self._sent: dict[str, Json] = {}
        """Variants as they were before the first try to send them, until the shop shows the outcome."""

    def send(self, bundles: Sequence[Bundle]) -> Mapping[str, str | None]:
        """Send the prices of all variants in one call, and read them back: its answer holds none."""
        operations = {str(operation.target_id): operation for operation in operations_of(bundles)}
        unseen = [id_ for id_ in operations if id_ not in self._seen]
        there: dict[str, Json] = {variant["id"]: variant for variant in self._variants(unseen)}
        there |= {id_: self._seen.pop(id_) for id_ in operations if id_ in self._seen}
        bodies = [
            {
                "id": id_,
                "product_id": variant["product_id"],
                "prices": _prices(variant, self._sent.setdefault(id_, variant), operations[id_].after),
            }
            for id_, variant in there.items()
        ]
        write_prices(self._client, bodies)
        with after_a_write():
            done = self.look_up(list(operations.values()))
        for id_ in there:
            self._sent.pop(id_, None)
        return done

    def look_up(self, operations: Sequence[Operation]) -> Mapping[str, str | None]:
        """Find operations whose variant has the wanted price."""
        return _in_line(operations, self._by_id(operations))

    def read(self, operations: Sequence[Operation]) -> Mapping[str, Json]:
        """Read price and currency, by key; deleted variants are left out."""
        there = self._by_id(operations)
        self._seen |= there
        return {one.key: _price_of(there[str(one.target_id)], one) for one in operations if str(one.target_id) in there}

    def reverse(self, applied: Sequence[Operation]) -> Plan:
        """Plan prices as they were before."""
        return reverse_prices(applied)

    def _by_id(self, operations: Iterable[Operation]) -> dict[str, Json]:
        return {
            variant["id"]: variant for variant in self._variants(str(operation.target_id) for operation in operations)
        }

    def _variants(self, ids: Iterable[str]) -> list[dict[str, Any]]:
        return self._client.where("product-variants", "id", list(ids), _VARIANTS)


def _prices(variant: Json, before: Json, wanted: Json) -> list[Json]:
    """All prices of a variant, with the base price in the wanted currency changed; None: removed.

    Medusa deletes prices that are not named, and merges two prices of one currency unless their rules and quantities
    are named too (measured: without `rules`, the base price beside a region's was lost). When its workflow fails late
    it deletes all of them: `before` is the variant as it was, whose prices are put back.
    """
    there = {price["id"]: price for one in (before, variant) for price in one.get("prices") or []}
    base = base_prices(there.values()).get(wanted["currency"])
    prices: list[Json] = [{name: price[name] for name in _PRICE_NAMES} for price in there.values() if price is not base]
    if wanted[PRICE] is not None:
        new = {name: base[name] for name in _PRICE_NAMES} if base else {"currency_code": wanted["currency"]}
        prices.append({**new, "amount": float(wanted[PRICE])})
    return prices


def _in_line(operations: Iterable[Operation], there: Mapping[str, Json]) -> dict[str, str | None]:
    return {
        one.key: one.target_id
        for one in operations
        if str(one.target_id) in there and _price_of(there[str(one.target_id)], one)[PRICE] == one.after[PRICE]
    }


def _price_of(variant: Json, operation: Operation) -> Json:
    """The variant's base price in the operation's currency, in the form of `after`; None: there is none."""
    currency = operation.after["currency"]
    price = base_prices(variant.get("prices") or []).get(currency)
    return {PRICE: money_text(amount(price)) if price else None, "currency": currency}


class ContentWriter:
    """Sets title, description, images and categories of products. Body: an update of POST /admin/products/batch."""

    kind = Kind.CONTENT
    per_request = BATCH

    def __init__(self, client: MedusaClient) -> None:
        self._client = client

    def send(self, bundles: Sequence[Bundle]) -> Mapping[str, str | None]:
        """Send one batch of updates, and read it back. Never with variants: those not named would be deleted."""
        bodies: dict[str, dict[str, Any]] = {}
        for bundle in bundles:
            bodies.setdefault(bundle.body["id"], {}).update(bundle.body)
        update = self._with_image_ids(list(bodies.values()))
        self._client.post("/admin/products/batch", {"update": update}, {"fields": "id"})
        with after_a_write():
            return self.look_up(operations_of(bundles))

    def look_up(self, operations: Sequence[Operation]) -> Mapping[str, str | None]:
        """Find operations whose field has the wanted value."""
        shown = self.read(operations)
        return {
            one.key: one.target_id for one in operations if one.key in shown and _has_values(shown[one.key], one.after)
        }

    def read(self, operations: Sequence[Operation]) -> Mapping[str, Json]:
        """Read the fields, by key; deleted products are left out."""
        ids = list(dict.fromkeys(str(operation.target_id) for operation in operations))
        fields = "id,title,description,thumbnail,images.url,categories.handle"
        there = {product["id"]: _content(product) for product in self._client.where("products", "id", ids, fields)}
        return {one.key: there[str(one.target_id)] for one in operations if str(one.target_id) in there}

    def reverse(self, applied: Sequence[Operation]) -> Plan:
        """Plan fields as they were before."""
        handles = dict.fromkeys(handle for one in applied for handle in (one.before or {}).get("category") or [])
        found = self._client.where("product-categories", "handle", list(handles), "id,handle")
        return reverse_content(applied, {category["handle"]: category["id"] for category in found})

    def _with_image_ids(self, bodies: Sequence[Json]) -> list[Json]:
        """Add the ids of images that stay: otherwise Medusa creates them again, and variants lose theirs."""
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


def _has_values(shown: Json, wanted: Json) -> bool:
    return all(shown[field] == wanted[field] for field in CONTENT if field in wanted)
