"""The Writers of the apply engine for Medusa: products, variants, status, levels.

What belongs here: which call carries a kind of change out, and how to see in the shop that it is done. What does not:
order, batches, repetition (apply.py).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from awin_medusa_pipeline.core.http import RemoteError, TransientError, UnknownOutcomeError
from awin_medusa_pipeline.medusa.catalog import HIDDEN_BY_RUN
from awin_medusa_pipeline.medusa.client import MedusaClient
from awin_medusa_pipeline.sync.domain.products import added_option_values, variant_payload
from awin_medusa_pipeline.sync.engine.apply import Change, Operation
from awin_medusa_pipeline.sync.store.ledger import Kind

Json = Mapping[str, Any]

_LEVELS = (
    "variants.inventory_items.inventory.location_levels.location_id,"
    "variants.inventory_items.inventory.location_levels.stocked_quantity"
)
_MADE = "id,external_id,variants.id,variants.sku,variants.inventory_items.inventory_item_id"
_OPTIONS = "options.id,options.title,options.values.value,variants.options.value,variants.options.option.title"
_STATE = f"{_MADE},variants.metadata,variants.prices.amount,{_LEVELS}"


class LevelWriter:
    """Sets inventory levels at the stock location. Body: inventory_item_id, stocked_quantity, exists.

    A stocked_quantity of None takes the level away, as it was before the first one was set.
    """

    kind = Kind.STOCK

    def __init__(self, client: MedusaClient, location_id: str) -> None:
        self._client, self._location_id = client, location_id

    def send(self, operations: Sequence[Operation]) -> Mapping[str, str | None]:
        """One batch of levels; the answer is read for what the shop then has."""
        stored = self.set_levels([operation.body for operation in operations])
        return {
            change.key: change.target_id
            for operation in operations
            for change in operation.changes
            if stored.get(str(change.target_id), -1) == change.after["level"]
        }

    def set_levels(self, bodies: Iterable[Json]) -> dict[str, int | None]:
        """Levels as the shop answers them, by inventory item."""
        batch: dict[str, list[Json]] = {"create": [], "update": []}
        gone: list[str] = []
        for body in bodies:
            level = {
                "inventory_item_id": body["inventory_item_id"],
                "location_id": self._location_id,
                "stocked_quantity": body["stocked_quantity"],
            }
            if level["stocked_quantity"] is None:
                gone.append(body["inventory_item_id"])
            else:
                batch["update" if body["exists"] else "create"].append(level)
        # Medusa: a level with stock goes only by force; one with reservations never.
        removal = {"delete": [level["id"] for level in self._here(gone)], "force": True} if gone else {}
        if not (gone or any(batch.values())):
            return {}
        answer = self._client.post("/admin/inventory-items/location-levels/batch", batch | removal)
        changed = answer["created"] + answer["updated"]
        return dict.fromkeys(gone) | {level["inventory_item_id"]: level["stocked_quantity"] for level in changed}

    def look_up(self, changes: Sequence[Change]) -> Mapping[str, str | None]:
        """Changes whose item has the wanted level."""
        shown = self.read(changes)
        return {c.key: c.target_id for c in changes if shown[c.key]["level"] == c.after["level"]}

    def read(self, changes: Sequence[Change]) -> Mapping[str, Json]:
        """The level that the shop shows, by key; None: none at the location."""
        levels = self.levels([str(change.target_id) for change in changes])
        return {change.key: {"level": levels.get(str(change.target_id))} for change in changes}

    def levels(self, item_ids: Sequence[str]) -> dict[str, int]:
        """Stocked quantity at the location, by inventory item; an item without a level there is left out."""
        return {level["inventory_item_id"]: level["stocked_quantity"] for level in self._here(item_ids)}

    def _here(self, item_ids: Sequence[str]) -> list[Json]:
        fields = "id,location_levels.id,location_levels.location_id,location_levels.stocked_quantity"
        return [
            {**level, "inventory_item_id": item["id"]}
            for item in self._client.where("inventory-items", "id", item_ids, fields)
            for level in item.get("location_levels") or []
            if level["location_id"] == self._location_id
        ]


class StatusWriter:
    """Hides or publishes products. Body: an update of POST /admin/products/batch."""

    def __init__(self, client: MedusaClient, kind: Kind) -> None:
        self._client, self.kind = client, kind

    def send(self, operations: Sequence[Operation]) -> Mapping[str, str | None]:
        """One batch of updates, read back."""
        body = {"update": [operation.body for operation in operations]}
        self._client.post("/admin/products/batch", body, {"fields": "id"})
        with after_a_write():
            return self.look_up([change for operation in operations for change in operation.changes])

    def look_up(self, changes: Sequence[Change]) -> Mapping[str, str | None]:
        """Products that have the wanted status and mark."""
        shown = self.read(changes)
        return {change.key: change.target_id for change in changes if shown.get(change.key) == change.after}

    def read(self, changes: Sequence[Change]) -> Mapping[str, Json]:
        """Status and mark that the shop shows, by key; nothing for a product that is gone."""
        products = self._client.where(
            "products", "id", [str(change.target_id) for change in changes], "id,status,metadata"
        )
        states = {
            product["id"]: {
                "status": product["status"],
                HIDDEN_BY_RUN: (product.get("metadata") or {}).get(HIDDEN_BY_RUN) or None,
            }
            for product in products
        }
        return {c.key: states[str(c.target_id)] for c in changes if str(c.target_id) in states}


class ProductWriter:
    """Creates products with their variants, prices and levels. Body: product, levels by SKU, replaces (product id)."""

    kind = Kind.IMPORT

    def __init__(self, client: MedusaClient, location_id: str) -> None:
        self._client = client
        self._levels = LevelWriter(client, location_id)
        self._location_id = location_id
        self._tried: set[str] = set()
        self._replaced: set[str] = set()

    def send(self, operations: Sequence[Operation]) -> Mapping[str, str | None]:
        """One batch of products and one of their levels; what an earlier try left is completed, not made again."""
        keys = [str(operation.body["product"]["external_id"]) for operation in operations]
        there: list[dict[str, Any]] = []
        if not self._tried.isdisjoint(keys):
            found = self._client.where("products", "external_id", keys, _STATE)
            there = [p for p in found if p["variants"] and all(_whole(variant) for variant in p["variants"])]
        self._tried.update(keys)
        known = {product["external_id"] for product in there}
        new = [operation.body for operation in operations if operation.body["product"]["external_id"] not in known]
        self._remove_half_made(new)
        if new:
            body = {"create": [b["product"] for b in new]}
            there += self._client.post("/admin/products/batch", body, {"fields": _MADE})["created"]
        wanted = {sku: level for operation in operations for sku, level in operation.body["levels"].items()}
        with after_a_write():
            stored = self._set_levels(there, wanted)
        made = {variant["sku"]: variant["id"] for product in there for variant in product["variants"]}
        return {
            change.key: made[change.after["sku"]]
            for operation in operations
            for change in operation.changes
            if stored.get(change.after["sku"]) == change.after["level"]
        }

    def look_up(self, changes: Sequence[Change]) -> Mapping[str, str | None]:
        """Changes whose variant is there with price, inventory item and wanted level."""
        keys = list(dict.fromkeys(str(change.after["product_key"]) for change in changes))
        products = self._client.where("products", "external_id", keys, _STATE)
        done = {
            (product["external_id"], variant["sku"], _level(variant, self._location_id)): variant["id"]
            for product in products
            for variant in product["variants"]
            if _whole(variant)
        }
        wanted = {c.key: (c.after["product_key"], c.after["sku"], c.after["level"]) for c in changes}
        return {key: done[state] for key, state in wanted.items() if state in done}

    def _set_levels(self, products: Iterable[Json], wanted: Mapping[str, int]) -> dict[str, int | None]:
        items = {
            variant["sku"]: (variant["inventory_items"][0]["inventory_item_id"], _level(variant, self._location_id))
            for product in products
            for variant in product["variants"]
            if variant["sku"] in wanted and variant["inventory_items"]
        }
        stored = self._levels.set_levels(
            {"inventory_item_id": item_id, "stocked_quantity": wanted[sku], "exists": level is not None}
            for sku, (item_id, level) in items.items()
            if level != wanted[sku]
        )
        return {sku: stored[item_id] if item_id in stored else wanted[sku] for sku, (item_id, _) in items.items()}

    def _remove_half_made(self, bodies: Sequence[Json]) -> None:
        """Delete what an interrupted import left, once: later there might be something of our own under way."""
        halves = [body for body in bodies if body["replaces"] and body["replaces"] not in self._replaced]
        for body in halves:
            self._client.delete(f"/admin/products/{body['replaces']}")
        self._remove_orphans([sku for body in halves for sku in body["levels"]])
        self._replaced.update(body["replaces"] for body in halves)

    def _remove_orphans(self, skus: Sequence[str]) -> None:
        """Delete inventory items without a variant: their SKU blocks the new one's."""
        for item in self._client.where("inventory-items", "sku", skus, "id,variants.id"):
            if not item["variants"]:
                self._client.delete(f"/admin/inventory-items/{item['id']}")


class VariantWriter(ProductWriter):
    """Adds one variant to a product that is there. Body: product_id, row (MissingProduct), levels by SKU."""

    def send(self, operations: Sequence[Operation]) -> Mapping[str, str | None]:
        """One variant a call: Medusa makes its inventory item only on this route."""
        return {key: value for operation in operations for key, value in self._send_one(operation).items()}

    def _send_one(self, operation: Operation) -> Mapping[str, str | None]:
        body, (change,) = operation.body, operation.changes
        path, row = f"/admin/products/{body['product_id']}", body["row"]
        product = self._read(path)
        halves = [v for v in product["variants"] if v["sku"] == row["sku"] and not _whole(v)]
        others = [v for v in product["variants"] if v not in halves]
        for half in halves:
            self._client.delete(f"{path}/variants/{half['id']}")
            self._remove_orphans([row["sku"]])
        if row["sku"] not in {variant["sku"] for variant in others}:
            taken = [{entry["option"]["title"]: entry["value"] for entry in variant["options"]} for variant in others]
            chosen = added_option_values([option["title"] for option in product["options"]], taken, row)
            new = [
                {"product_option_id": option["id"], "add": [{"value": chosen[option["title"]]}]}
                for option in product["options"]
                if chosen[option["title"]] not in {entry["value"] for entry in option["values"]}
            ]
            if new:  # Medusa 2.17: a variant takes only values that its product has
                self._client.post(f"{path}/options/batch", {"update": new}, {"fields": "id"})
            self._client.post(f"{path}/variants", variant_payload(row, chosen), {"fields": "id"})
        with after_a_write():
            product = self._read(path)
            stored = self._set_levels([product], body["levels"])
        made = {variant["sku"]: variant["id"] for variant in product["variants"]}
        return {change.key: made[row["sku"]]} if stored.get(row["sku"]) == change.after["level"] else {}

    def _read(self, path: str) -> Json:
        product: Json = self._client.get(path, {"fields": f"{_STATE},{_OPTIONS}"})["product"]
        return product


@contextmanager
def after_a_write() -> Iterator[None]:
    """Where a fault means that something is written and nobody has seen it: the outcome is unknown."""
    try:
        yield
    except RemoteError as error:
        if isinstance(error, TransientError) or error.status in (401, 403):
            raise UnknownOutcomeError(error.tried, error.came_back, error.to_do, status=error.status) from None
        raise


def _whole(variant: Json) -> bool:
    return bool(variant.get("prices") and variant.get("inventory_items"))


def _level(variant: Json, location_id: str) -> int | None:
    links = variant.get("inventory_items") or []
    levels = ((links[0].get("inventory") or {}).get("location_levels") or []) if links else []
    return next((level["stocked_quantity"] for level in levels if level["location_id"] == location_id), None)
