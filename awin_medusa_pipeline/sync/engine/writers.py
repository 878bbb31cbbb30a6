"""Writes products, variants, status and levels to Medusa, and verifies them in the shop."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from awin_medusa_pipeline.core.http import PipelineError, TransientError, UnknownOutcomeError
from awin_medusa_pipeline.medusa.client import MedusaClient
from awin_medusa_pipeline.medusa.shapes import (
    HIDDEN_BY_RUN,
    INVENTORY_FIELDS,
    Json,
    inventory_item_id,
    level,
    missing_part,
    of_variants,
)
from awin_medusa_pipeline.sync.domain.operations import Bundle, Kind, Operation, Plan, operations_of
from awin_medusa_pipeline.sync.domain.plans import reverse_imports, reverse_levels, reverse_status
from awin_medusa_pipeline.sync.domain.products import added_option_values, variant_payload
from awin_medusa_pipeline.sync.engine.apply import BATCH

_MADE = f"id,external_id,{of_variants('id,sku,inventory_items.inventory_item_id')}"
_STATE = f"{_MADE},{of_variants(f'metadata,manage_inventory,prices.amount,{INVENTORY_FIELDS}')}"
_OPTIONS = "options.id,options.title,options.values.value,variants.options.value,variants.options.option.title"


class LevelWriter:
    """Sets inventory levels at the stock location. Body: inventory_item_id, stocked_quantity, exists.

    A stocked_quantity of None removes the level, as before the first one was set.
    """

    kind = Kind.STOCK
    per_request = BATCH

    def __init__(self, client: MedusaClient, location_id: str) -> None:
        self._client, self._location_id = client, location_id

    def send(self, bundles: Sequence[Bundle]) -> Mapping[str, str | None]:
        """Send one batch of levels, and read the new levels from the answer."""
        stored = self.set_levels([bundle.body for bundle in bundles])
        return {
            operation.key: operation.target_id
            for operation in operations_of(bundles)
            if stored.get(str(operation.target_id), -1) == operation.after["level"]
        }

    def set_levels(self, bodies: Iterable[Json]) -> dict[str, int | None]:
        """Send levels; returns those that the shop answers, by inventory item."""
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
        # Medusa removes a level with stock only by force, one with reservations never.
        removal = {"delete": [level["id"] for level in self._here(gone)], "force": True} if gone else {}
        if not (gone or any(batch.values())):
            return {}
        answer = self._client.post("/admin/inventory-items/location-levels/batch", batch | removal)
        changed = answer["created"] + answer["updated"]
        return dict.fromkeys(gone) | {level["inventory_item_id"]: level["stocked_quantity"] for level in changed}

    def look_up(self, operations: Sequence[Operation]) -> Mapping[str, str | None]:
        """Find operations whose item has the wanted level."""
        shown = self.read(operations)
        return {one.key: one.target_id for one in operations if shown[one.key]["level"] == one.after["level"]}

    def read(self, operations: Sequence[Operation]) -> Mapping[str, Json]:
        """Read the levels, by key; None: none at the location."""
        levels = self.levels([str(operation.target_id) for operation in operations])
        return {operation.key: {"level": levels.get(str(operation.target_id))} for operation in operations}

    def reverse(self, applied: Sequence[Operation]) -> Plan:
        """Plan levels as they were before."""
        return reverse_levels(applied)

    def levels(self, item_ids: Sequence[str]) -> dict[str, int]:
        """Read the stocked quantity at the location, by inventory item; items without a level there are left out."""
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

    per_request = BATCH

    def __init__(self, client: MedusaClient, kind: Kind) -> None:
        self._client, self.kind = client, kind

    def send(self, bundles: Sequence[Bundle]) -> Mapping[str, str | None]:
        """Send one batch of updates, and read it back."""
        body = {"update": [bundle.body for bundle in bundles]}
        self._client.post("/admin/products/batch", body, {"fields": "id"})
        with after_a_write():
            return self.look_up(operations_of(bundles))

    def look_up(self, operations: Sequence[Operation]) -> Mapping[str, str | None]:
        """Find operations whose product has the wanted status and mark."""
        shown = self.read(operations)
        return {one.key: one.target_id for one in operations if shown.get(one.key) == one.after}

    def read(self, operations: Sequence[Operation]) -> Mapping[str, Json]:
        """Read status and mark, by key; deleted products are left out."""
        ids = [str(one.target_id) for one in operations]
        states = {
            product["id"]: {
                "status": product["status"],
                HIDDEN_BY_RUN: (product.get("metadata") or {}).get(HIDDEN_BY_RUN) or None,
            }
            for product in self._client.where("products", "id", ids, "id,status,metadata")
        }
        return {one.key: states[str(one.target_id)] for one in operations if str(one.target_id) in states}

    def reverse(self, applied: Sequence[Operation]) -> Plan:
        """Plan status and mark as they were before."""
        return reverse_status(applied, hidden=self.kind is Kind.HIDE)


class ProductWriter:
    """Creates products with their variants, prices and levels. Body: product, levels by SKU, replaces (product id)."""

    kind = Kind.IMPORT
    per_request = BATCH

    def __init__(self, client: MedusaClient, location_id: str) -> None:
        self._client = client
        self._levels = LevelWriter(client, location_id)
        self._location_id = location_id
        self._tried: set[str] = set()
        self._replaced: set[str] = set()

    def send(self, bundles: Sequence[Bundle]) -> Mapping[str, str | None]:
        """Send one batch of products and one of their levels; completes what an earlier try left."""
        keys = [str(bundle.body["product"]["external_id"]) for bundle in bundles]
        there: list[dict[str, Any]] = []
        if not self._tried.isdisjoint(keys):
            found = self._client.where("products", "external_id", keys, _STATE)
            there = [
                product for product in found if product["variants"] and not any(map(missing_part, product["variants"]))
            ]
        self._tried.update(keys)
        known = {product["external_id"] for product in there}
        new = [bundle.body for bundle in bundles if bundle.body["product"]["external_id"] not in known]
        self._remove_half_made(new)
        if new:
            create = {"create": [body["product"] for body in new]}
            there += self._client.post("/admin/products/batch", create, {"fields": _MADE})["created"]
        wanted = {sku: level for bundle in bundles for sku, level in bundle.body["levels"].items()}
        with after_a_write():
            stored = self._set_levels(there, wanted)
        made = {variant["sku"]: variant["id"] for product in there for variant in product["variants"]}
        return {
            operation.key: made[operation.after["sku"]]
            for operation in operations_of(bundles)
            if stored.get(operation.after["sku"]) == operation.after["level"]
        }

    def look_up(self, operations: Sequence[Operation]) -> Mapping[str, str | None]:
        """Find operations whose variant exists with price, inventory item and wanted level."""
        keys = list(dict.fromkeys(str(operation.after["product_key"]) for operation in operations))
        products = self._client.where("products", "external_id", keys, _STATE)
        done = {
            (
                product["external_id"],
                variant["sku"],
                level(variant, self._location_id).get("stocked_quantity"),
            ): variant["id"]
            for product in products
            for variant in product["variants"]
            if not missing_part(variant)
        }
        wanted = {one.key: (one.after["product_key"], one.after["sku"], one.after["level"]) for one in operations}
        return {key: done[state] for key, state in wanted.items() if state in done}

    def reverse(self, applied: Sequence[Operation]) -> Plan:
        """Plan drafts of the products that were created."""
        keys = list(dict.fromkeys(str(one.after["product_key"]) for one in applied if one.after))
        fields = "id,external_id,variants.id"
        return reverse_imports(applied, self._client.where("products", "external_id", keys, fields))

    def _set_levels(self, products: Iterable[Json], wanted: Mapping[str, int]) -> dict[str, int | None]:
        items = {
            variant["sku"]: (item_id, level(variant, self._location_id).get("stocked_quantity"))
            for product in products
            for variant in product["variants"]
            if variant["sku"] in wanted and (item_id := inventory_item_id(variant))
        }
        stored = self._levels.set_levels(
            {"inventory_item_id": item_id, "stocked_quantity": wanted[sku], "exists": stocked is not None}
            for sku, (item_id, stocked) in items.items()
            if stocked != wanted[sku]
        )
        return {sku: stored[item_id] if item_id in stored else wanted[sku] for sku, (item_id, _) in items.items()}

    def _remove_half_made(self, bodies: Sequence[Json]) -> None:
        """Delete the products that an interrupted import left, only once: later ones may be our own."""
        halves = [body for body in bodies if body["replaces"] and body["replaces"] not in self._replaced]
        for body in halves:
            self._client.delete(f"/admin/products/{body['replaces']}")
        self._remove_orphans([sku for body in halves for sku in body["levels"]])
        self._replaced.update(body["replaces"] for body in halves)

    def _remove_orphans(self, skus: Sequence[str]) -> None:
        """Delete inventory items without a variant: their SKUs block new ones."""
        for item in self._client.where("inventory-items", "sku", skus, "id,variants.id"):
            if not item["variants"]:
                self._client.delete(f"/admin/inventory-items/{item['id']}")


class VariantWriter(ProductWriter):
    """Adds one variant to a product of the shop. Body: product_id, row (MissingProduct), levels by SKU."""

    # Medusa creates a variant's inventory item only on the route that takes one variant.
    per_request = 1

    def send(self, bundles: Sequence[Bundle]) -> Mapping[str, str | None]:
        """Send the variants one by one."""
        return {key: value for bundle in bundles for key, value in self._send_one(bundle).items()}

    def _send_one(self, bundle: Bundle) -> Mapping[str, str | None]:
        body, (operation,) = bundle.body, bundle.operations
        path, row = f"/admin/products/{body['product_id']}", body["row"]
        product = self._read(path)
        halves = [one for one in product["variants"] if one["sku"] == row["sku"] and missing_part(one)]
        others = [one for one in product["variants"] if one not in halves]
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
            if new:  # Medusa 2.17: a variant accepts only values that its product has
                self._client.post(f"{path}/options/batch", {"update": new}, {"fields": "id"})
            self._client.post(f"{path}/variants", variant_payload(row, chosen), {"fields": "id"})
        with after_a_write():
            product = self._read(path)
            stored = self._set_levels([product], body["levels"])
        made = {variant["sku"]: variant["id"] for variant in product["variants"]}
        return {operation.key: made[row["sku"]]} if stored.get(row["sku"]) == operation.after["level"] else {}

    def _read(self, path: str) -> Json:
        product: Json = self._client.get(path, {"fields": f"{_STATE},{_OPTIONS}"})["product"]
        return product


@contextmanager
def after_a_write() -> Iterator[None]:
    """Turn faults after a write into UnknownOutcomeError: the write itself may have succeeded."""
    try:
        yield
    except PipelineError as error:
        if isinstance(error, TransientError) or error.status in (401, 403):
            raise UnknownOutcomeError(error.tried, error.came_back, error.to_do, status=error.status) from None
        raise
