"""Models a shop in memory that takes the bundles of our plans and keeps Medusa's rules about them.

It refuses what Medusa refuses, and shows the rest in the shape of the Admin API; for HTTP there is fault_proxy.py.
"""

import re
from collections.abc import Iterable
from dataclasses import asdict
from itertools import count
from typing import Any

import polars as pl

from awin_medusa_pipeline.core.contracts import dtypes
from awin_medusa_pipeline.medusa.catalog import variants_frame
from awin_medusa_pipeline.medusa.shapes import OFFER_KEY
from awin_medusa_pipeline.sync.domain import adoption, discrepancies, field_plans, ownership, plans
from awin_medusa_pipeline.sync.domain.contracts import WrittenValue
from awin_medusa_pipeline.sync.domain.operations import Bundle, Decision, NotSent, Operation, Written
from awin_medusa_pipeline.sync.domain.ownership import written_values
from awin_medusa_pipeline.sync.domain.products import ProductDefaults, added_option_values, variant_payload
from awin_medusa_pipeline.sync.domain.rules import DEFAULT_OWNERS, PRICE_JUMP, HideRules, Owners, PriceJump, StockRules

Json = dict[str, Any]

LOCATION = "sloc_1"
RUN = "run-1"
CATEGORIES = {"Home > Lamps": "home-lamps", "Chairs": "chairs"}
DEFAULTS = ProductDefaults("sc_1", "sp_1", categories=CATEGORIES)


class RefusedError(Exception):
    """What Medusa answers with HTTP 400."""


class ShopModel:
    """Products by id, each as the Admin API lists it."""

    def __init__(self) -> None:
        self.products: dict[str, Json] = {}
        self.written: dict[tuple[str, str], Written] = {}
        """What the state store remembers, by key and field."""
        self._numbers = count()

    def __repr__(self) -> str:
        return f"ShopModel({self.products})"

    def catalog(self) -> pl.LazyFrame:
        """Read the shop as it is into a CatalogVariant table."""
        categories = {
            id_: [category["id"] for category in product.get("categories", [])]
            for id_, product in self.products.items()
        }
        return variants_frame(list(self.products.values()), LOCATION, categories).lazy()

    def detect(
        self,
        offers: pl.LazyFrame,
        rules: StockRules,
        *,
        loose: bool = False,
        owners: Owners = DEFAULT_OWNERS,
        jump: PriceJump = PRICE_JUMP,
    ) -> dict[str, pl.LazyFrame]:
        """Detect every discrepancy; tables by asset name."""
        shop = self.catalog()
        rows = [asdict(one) for one in self.written.values()]
        written = pl.LazyFrame(rows, schema=dtypes(WrittenValue), orient="row")
        matched = discrepancies.matched_products(offers, shop, rules).collect().lazy()
        alike = discrepancies.loose_matches(offers, shop, matched).lazy()
        held = alike if loose else alike.clear()
        missing = discrepancies.missing_products(offers, shop, matched, held, rules).collect().lazy()
        return {
            "awin_feed": offers,
            "medusa_catalog": shop,
            "matched_products": matched,
            "missing_awin_products": missing,
            "medusa_only_products": discrepancies.medusa_only_products(shop, matched, missing, held),
            "returning_products": discrepancies.returning_products(matched, shop, missing),
            "stock_mismatches": discrepancies.stock_mismatches(matched, shop, missing),
            "price_mismatches": ownership.price_mismatches(matched, written, owners, jump),
            "content_mismatches": ownership.content_mismatches(offers, shop, matched, missing, written, owners).lazy(),
            "adoption_candidates": adoption.adoption_candidates(offers, shop, matched).lazy(),
            "loose_matches": alike,
        }

    def sync(self, offers: pl.LazyFrame, rules: StockRules, owners: Owners = DEFAULT_OWNERS) -> dict[str, str]:
        """Sync once; nobody approves what is asked. Reasons of what was refused, by operation key."""
        tables = {name: table.collect() for name, table in self.detect(offers, rules, owners=owners).items()}
        rows, staying = plans.split_import(tables["missing_awin_products"], None, hold_loose=True)
        going = pl.col("decision").is_in([Decision.UPDATE, Decision.REFUSE])
        content = tables["content_mismatches"].filter(going)
        return (
            self._carry_out(plans.adopt_plan(tables["adoption_candidates"].filter(going)))
            | self._carry_out(plans.import_plan(rows, DEFAULTS))
            | self._carry_out(plans.variant_plan(rows))
            | self._carry_out(staying)
            | self._carry_out(plans.hide_plan(tables["medusa_only_products"], RUN, "2026-11-21", HideRules()))
            | self._carry_out(plans.restore_plan(tables["returning_products"]))
            | self._carry_out(plans.stock_plan(tables["stock_mismatches"]))
            | self._carry_out(field_plans.price_plan(tables["price_mismatches"].filter(going)))
            | self._carry_out(field_plans.content_plan(content, {path: (id_, id_) for path, id_ in CATEGORIES.items()}))
        )

    def _carry_out(self, plan: Iterable[Bundle | NotSent]) -> dict[str, str]:
        refused = {}
        bundles = list(plan)
        # A batch takes away what its products replace before it makes any of them.
        for bundle in bundles:
            if isinstance(bundle, Bundle) and bundle.body.get("replaces"):
                del self.products[bundle.body["replaces"]]
        for bundle in bundles:
            if isinstance(bundle, NotSent):
                refused[bundle.operation.key] = str(bundle.reason)
                continue
            try:
                self._one(bundle)
            except RefusedError as error:
                refused |= dict.fromkeys((operation.key for operation in bundle.operations), str(error))
            else:
                self._remember(bundle)
        return refused

    def _remember(self, bundle: Bundle) -> None:
        ids = {variant["sku"]: variant["id"] for product in self.products.values() for variant in product["variants"]}
        for operation in bundle.operations:
            target = operation.target_id or ids[operation.after["sku"]]
            for one in written_values(operation.key, target, operation.after):
                self.written[one.key, one.field] = one

    def _one(self, bundle: Bundle) -> None:
        body: Any = bundle.body
        if not body:
            for operation in bundle.operations:
                (self._set_key if OFFER_KEY in operation.after else self._set_price)(operation)
        elif "product" in body:
            self.create(body["product"], body["levels"])
        elif "row" in body:
            self._join(self.products[body["product_id"]], body["row"], body["levels"])
        elif "status" in body:
            product = self.products[body["id"]]
            product["status"] = body["status"]
            merged = product["metadata"] | body["metadata"]
            product["metadata"] = {key: value for key, value in merged.items() if value != ""}
        elif "id" in body:
            images = {"images": [{"url": url} for url in body["images"]]} if "images" in body else {}
            self.products[body["id"]] |= body | images
        else:
            self._set_level(body)

    def _set_key(self, operation: Operation) -> None:
        for product in self.products.values():
            for variant in product["variants"]:
                if variant["id"] == operation.target_id:
                    product["external_id"] = operation.after["external_id"]
                    variant["metadata"] = variant.get("metadata", {}) | {OFFER_KEY: operation.after[OFFER_KEY]}

    def _set_price(self, operation: Operation) -> None:
        variants = [variant for product in self.products.values() for variant in product["variants"]]
        (variant,) = [variant for variant in variants if variant["id"] == operation.target_id]
        currency, amount = operation.after["currency"], float(operation.after["price"])
        others = [price for price in variant["prices"] if price["currency_code"] != currency]
        variant["prices"] = [*others, {"currency_code": currency, "amount": amount}]

    def create(self, product: Json, levels: dict[str, int | None]) -> None:
        """Make a product with its levels by SKU; None: no level at the location."""
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", product["handle"]):
            raise RefusedError(f"Invalid product handle '{product['handle']}'")
        if product["handle"] in {other["handle"] for other in self.products.values()}:
            raise RefusedError(f"Product with handle: {product['handle']}, already exists.")
        values = {option["title"]: option["values"] for option in product["options"]}
        combinations = []
        for variant in product["variants"]:
            if set(variant["options"]) != set(values):
                raise RefusedError("a variant has not a value for each option")
            if any(value not in values[title] for title, value in variant["options"].items()):
                raise RefusedError("a value that the product does not have")
            combinations.append(variant["options"])
        self._refuse_taken(product["variants"])
        if any(one in combinations[:place] for place, one in enumerate(combinations)):
            raise RefusedError("Variant with that combination of options already exists.")
        id_ = f"prod_{next(self._numbers):04}"
        variants = [self._made(variant, levels.get(variant["sku"])) for variant in product["variants"]]
        self.products[id_] = {"status": "draft"} | product | {"id": id_, "variants": variants}

    def _join(self, product: Json, row: Json, levels: dict[str, int]) -> None:
        taken = [variant["options"] for variant in product["variants"]]
        options = added_option_values([option["title"] for option in product["options"]], taken, row)
        if options in taken:
            raise RefusedError("Variant with that combination of options already exists.")
        variant = variant_payload(row, options)
        self._refuse_taken([variant])
        product["variants"].append(self._made(variant, levels[row["sku"]]))

    def _refuse_taken(self, variants: list[Json]) -> None:
        everything = [*(v for product in self.products.values() for v in product["variants"]), *variants]
        for name in ("sku", "barcode"):
            values = [variant[name] for variant in everything if variant.get(name)]
            if len(values) > len(set(values)):
                raise RefusedError(f"Product variant with that {name} already exists.")

    def _made(self, variant: Json, level: int | None) -> Json:
        number = next(self._numbers)
        levels = [] if level is None else [{"location_id": LOCATION, "stocked_quantity": level, "reserved_quantity": 0}]
        item = {"inventory_item_id": f"item_{number:04}", "inventory": {"location_levels": levels}}
        return variant | {"id": f"variant_{number:04}", "inventory_items": [item]}

    def _set_level(self, body: Json) -> None:
        for product in self.products.values():
            for variant in product["variants"]:
                for item in variant["inventory_items"]:
                    if item["inventory_item_id"] == body["inventory_item_id"]:
                        assert bool(item["inventory"]["location_levels"]) == body["exists"]
                        level = {"location_id": LOCATION, "stocked_quantity": body["stocked_quantity"]}
                        item["inventory"]["location_levels"] = [level]
                        return
        raise RefusedError("Inventory item is not there")
