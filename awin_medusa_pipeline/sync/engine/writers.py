"""Writes products, variants, status and levels to Medusa, and verifies them in the shop."""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from awin_medusa_pipeline.core.http import PermanentError, PipelineError, TransientError, UnknownOutcomeError
from awin_medusa_pipeline.medusa.client import MedusaClient
from awin_medusa_pipeline.medusa.shapes import (
    HIDDEN_BY_RUN,
    INVENTORY_FIELDS,
    OFFER_KEY,
    Json,
    inventory_item_id,
    level,
    missing_part,
    of_variants,
)
from awin_medusa_pipeline.medusa.variants import free_item, give_item, write_prices
from awin_medusa_pipeline.sync.domain.operations import Bundle, Kind, Operation, Plan, operations_of
from awin_medusa_pipeline.sync.domain.plans import reverse_imports, reverse_levels, reverse_status
from awin_medusa_pipeline.sync.domain.products import added_option_values, variant_payload
from awin_medusa_pipeline.sync.engine.catalog import untouched
from awin_medusa_pipeline.sync.engine.pace import BATCH

_MADE = f"id,external_id,{of_variants('id,sku,title,inventory_items.inventory_item_id')}"
_STATE = f"{_MADE},{of_variants(f'metadata,manage_inventory,prices.amount,{INVENTORY_FIELDS}')}"
_WITH_ITEM = "id,sku,title,product_id,inventory_items.inventory_item_id"
_OPTIONS = "options.id,options.title,options.values.value,variants.options.value,variants.options.option.title"
# Of two additions to one product at once, Medusa may lose one: "Option value L does not exist for option Size" (seen).
_ADDING_OPTIONS = threading.Lock()


class LevelWriter:
    """Sets inventory levels at the stock location. Body: inventory_item_id, stocked_quantity, exists.

    A stocked_quantity of None removes the level, as before the first one was set. A variant without an inventory item
    gets one: its body has variant_id and product_id, and no inventory_item_id.
    """

    kind = Kind.STOCK
    per_request = BATCH

    def __init__(self, client: MedusaClient, location_id: str) -> None:
        self._client, self._location_id = client, location_id

    def send(self, bundles: Sequence[Bundle]) -> Mapping[str, str | None]:
        """Send one batch of levels, and read the new levels from the answer."""
        bodies = {operation.key: bundle.body for bundle in bundles for operation in bundle.operations}
        given = self._give_items([body for body in bodies.values() if not body["inventory_item_id"]])
        here = self.levels(list(given.values())) if given else {}
        new = {key: {"inventory_item_id": item, "exists": item in here} for key, item in given.items()}
        bodies = {key: {**body, **new.get(key, {})} for key, body in bodies.items()}
        # Several operations may share one level.
        stored = self.set_levels({body["inventory_item_id"]: body for body in bodies.values()}.values())
        return {
            operation.key: item
            for operation in operations_of(bundles)
            if stored.get(item := bodies[operation.key]["inventory_item_id"], -1) == operation.after["level"]
        }

    def _give_items(self, lacking: Sequence[Json]) -> dict[str, str]:
        """Inventory items of variants that had none, by variant id: linked now, or by an earlier try."""
        variants = self._client.where("product-variants", "id", [body["variant_id"] for body in lacking], _WITH_ITEM)
        return {variant["id"]: inventory_item_id(variant) or give_item(self._client, variant) for variant in variants}

    def _items(self, operations: Sequence[Operation]) -> dict[str, str]:
        """Inventory item by key; of a variant that had none the one that it has by now."""
        lacking = [one.key for one in operations if not one.target_id]
        variants = self._client.where("product-variants", "id", lacking, _WITH_ITEM)
        items = {variant["id"]: inventory_item_id(variant) for variant in variants}
        return {one.key: item for one in operations if (item := one.target_id or items.get(one.key))}

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
        there = self._here(gone, ",location_levels.id") if gone else []
        removal = {"delete": [level["id"] for level in there], "force": True} if gone else {}
        if not (gone or any(batch.values())):
            return {}
        answer = self._client.post("/admin/inventory-items/location-levels/batch", batch | removal)
        changed = answer["created"] + answer["updated"]
        return dict.fromkeys(gone) | {level["inventory_item_id"]: level["stocked_quantity"] for level in changed}

    def look_up(self, operations: Sequence[Operation]) -> Mapping[str, str | None]:
        """Find operations whose item has the wanted level."""
        items, shown = self._items(operations), self.read(operations)
        return {
            one.key: items[one.key]
            for one in operations
            if one.key in items and shown[one.key]["level"] == one.after["level"]
        }

    def read(self, operations: Sequence[Operation]) -> Mapping[str, Json]:
        """Read the levels, by key; None: none at the location."""
        items = self._items(operations)
        levels = self.levels(list(items.values()))
        return {operation.key: {"level": levels.get(items.get(operation.key, ""))} for operation in operations}

    def reverse(self, applied: Sequence[Operation]) -> Plan:
        """Plan levels as they were before."""
        return reverse_levels(applied)

    def levels(self, item_ids: Sequence[str]) -> dict[str, int]:
        """Read the stocked quantity at the location, by inventory item; items without a level there are left out."""
        return {level["inventory_item_id"]: level["stocked_quantity"] for level in self._here(item_ids)}

    def _here(self, item_ids: Sequence[str], more: str = "") -> list[Json]:
        fields = f"id,location_levels.location_id,location_levels.stocked_quantity{more}"
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
    """Creates products with their variants, prices and levels. Body: product, levels by SKU, replaces (product id).

    A half-made product is removed only when a last look shows it as its import left it.
    """

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
        return self._finish(bundles, there)

    def _finish(self, bundles: Sequence[Bundle], products: Sequence[Json]) -> Mapping[str, str | None]:
        """Set the levels of what was made; returns the ids of the variants that then are whole, by operation key."""
        wanted = {sku: level for bundle in bundles for sku, level in bundle.body["levels"].items()}
        with after_a_write():
            stored = self._set_levels(products, wanted)
        made = {variant["sku"]: variant["id"] for product in products for variant in product["variants"]}
        return {
            operation.key: made[operation.after["sku"]]
            for operation in operations_of(bundles)
            if stored.get(operation.after["sku"]) == operation.after["level"]
        }

    def look_up(self, operations: Sequence[Operation]) -> Mapping[str, str | None]:
        """Find operations whose variant exists with price and, where it is counted, inventory item and wanted level."""
        keys = list(dict.fromkeys(str(operation.after["product_key"]) for operation in operations))
        products = self._client.where("products", "external_id", keys, _STATE)
        done = {
            (product["external_id"], variant["sku"]): variant
            for product in products
            for variant in product["variants"]
            if not missing_part(variant)
        }
        found = [(one, done.get((one.after["product_key"], one.after["sku"]))) for one in operations]
        return {one.key: variant["id"] for one, variant in found if variant and self._is_level(variant, one)}

    def _is_level(self, variant: Json, operation: Operation) -> bool:
        shown = level(variant, self._location_id).get("stocked_quantity")
        return variant.get("manage_inventory") is False or shown == operation.after["level"]

    def reverse(self, applied: Sequence[Operation]) -> Plan:
        """Plan drafts of the products that were created."""
        keys = list(dict.fromkeys(str(one.after["product_key"]) for one in applied if one.after))
        fields = "id,title,external_id,variants.id"
        there = self._client.where("products", "external_id", keys, fields)
        return reverse_imports(applied, sorted(there, key=lambda product: str(product["title"])))

    def _set_levels(self, products: Sequence[Json], wanted: Mapping[str, int]) -> dict[str, int | None]:
        items = {
            variant["sku"]: (item_id, level(variant, self._location_id).get("stocked_quantity"))
            for product in products
            for variant in product["variants"]
            if variant["sku"] in wanted and (item_id := inventory_item_id(variant))
        }
        # Where a person told Medusa not to count, no level is needed.
        uncounted = {
            variant["sku"]: wanted[variant["sku"]]
            for product in products
            for variant in product["variants"]
            if variant["sku"] in wanted and variant.get("manage_inventory") is False
        }
        stored = self._levels.set_levels(
            {"inventory_item_id": item_id, "stocked_quantity": wanted[sku], "exists": stocked is not None}
            for sku, (item_id, stocked) in items.items()
            if stocked != wanted[sku]
        )
        set_ = {sku: stored[item_id] if item_id in stored else wanted[sku] for sku, (item_id, _) in items.items()}
        return uncounted | set_

    def _remove_half_made(self, bodies: Sequence[Json]) -> None:
        """Delete the products that an interrupted import left, only once: later ones may be our own."""
        halves = [body for body in bodies if body["replaces"] and body["replaces"] not in self._replaced]
        ids = {str(body["replaces"]) for body in halves}
        gone = (
            ids - {product["id"] for product in self._client.where("products", "id", list(ids), "id")} if ids else ids
        )
        if touched := sorted(ids - gone - untouched(self._client, ids - gone)):
            raise PermanentError(
                f"Making the half-made {', '.join(touched)} anew",
                "it was changed while the sync was running",
                "Run the sync again: it then adds what is missing, and removes nothing.",
            )
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
    """Adds variants to products of the shop. Body: product_id, row (MissingProduct), levels by SKU.

    What an interrupted import left of one is completed, never removed: a person may have begun to mend it.
    """

    # Express takes bodies of 100 kB; a variant has 0.5 kB.
    per_request = 100

    def send(self, bundles: Sequence[Bundle]) -> Mapping[str, str | None]:
        """Make the variants of all products in one call, and read the products back: its answer holds none."""
        rows: dict[str, list[Json]] = {}
        for bundle in bundles:
            rows.setdefault(bundle.body["product_id"], []).append(bundle.body["row"])
        there = {product["id"]: product for product in self._products(rows)}
        if gone := sorted(rows.keys() - there.keys()):
            raise PermanentError(
                f"Adding variants to {', '.join(gone)}", "the shop does not have it any more", "Run the sync again."
            )
        self._create([one for id_, of_product in rows.items() for one in self._prepared(there[id_], of_product)])
        with after_a_write():
            there_now = self._products(rows)
        return self._finish(bundles, there_now)

    def _prepared(self, product: Json, rows: Sequence[Json]) -> list[Json]:
        """Bodies of the variants that the product lacks; it then has all of their option values."""
        path, options, variants = f"/admin/products/{product['id']}", product["options"], product["variants"]
        half_made = {(half["metadata"] or {}).get(OFFER_KEY): half for half in variants if missing_part(half)}
        for row in rows:
            if half := half_made.get(row["offer_key"]):
                self._complete(product["id"], half, row)
        taken = [{entry["option"]["title"]: entry["value"] for entry in variant["options"]} for variant in variants]
        bodies: list[Json] = []
        for row in rows:
            if row["sku"] not in {variant["sku"] for variant in variants}:
                taken.append(added_option_values([option["title"] for option in options], taken, row))
                body = variant_payload(row, taken[-1]) | {"product_id": product["id"]}
                if item := None if variants else free_item(self._client, row["sku"]):
                    body["inventory_items"] = [{"inventory_item_id": item, "required_quantity": 1}]
                bodies.append(body)
        lacking = {
            option["id"]: dict.fromkeys(
                value
                for body in bodies
                if (value := body["options"][option["title"]]) not in {entry["value"] for entry in option["values"]}
            )
            for option in options
        }
        new = [
            {"product_option_id": id_, "add": [{"value": one} for one in found]}
            for id_, found in lacking.items()
            if found
        ]
        if new:  # Medusa 2.17: a variant accepts only values that its product has
            with _ADDING_OPTIONS:
                self._client.post(f"{path}/options/batch", {"update": new}, {"fields": "id"})
        return bodies

    def _create(self, bodies: Sequence[Json]) -> None:
        if not bodies:
            return
        if self._client.runs_workflows:
            self._client.run_workflow("create-product-variants", {"product_variants": bodies})
            return
        for body in bodies:
            fields = {name: value for name, value in body.items() if name != "product_id"}
            self._client.post(f"/admin/products/{body['product_id']}/variants", fields, {"fields": "id"})

    def _complete(self, product_id: str, half: Json, row: Json) -> None:
        if not half.get("prices"):
            price = {"amount": float(row["price"]), "currency_code": row["currency"]}
            write_prices(self._client, [{"id": half["id"], "product_id": product_id, "prices": [price]}])
        if half["manage_inventory"] and not inventory_item_id(half):
            give_item(self._client, {**half, "product_id": product_id})

    def _products(self, ids: Iterable[str]) -> list[Json]:
        return [*self._client.where("products", "id", list(ids), f"{_STATE},{_OPTIONS}")]


@contextmanager
def after_a_write() -> Iterator[None]:
    """Turn faults after a write into UnknownOutcomeError: the write itself may have succeeded."""
    try:
        yield
    except PipelineError as error:
        if isinstance(error, TransientError) or error.status in (401, 403):
            raise UnknownOutcomeError(error.tried, error.came_back, error.to_do, status=error.status) from None
        raise
