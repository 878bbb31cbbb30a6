"""Holds a shop against the feed after trouble: by httpx alone, without stopping at the first find."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from awin_medusa_pipeline.sandbox import Shop
from awin_medusa_pipeline_tests.support.plain import FIELDS, Sold, read

Json = dict[str, Any]


@dataclass(frozen=True)
class Findings:
    """What is wrong with a shop, counted."""

    missing: int = 0
    """Offers without a variant."""
    different: int = 0
    """Variants with another price, level, product or status than they should have."""
    too_many: int = 0
    """Variants that should not be there."""
    duplicates: int = 0
    """Second products of one external_id, second variants of one offer or SKU."""
    half_made: int = 0
    """Products without variants; variants without price, inventory item or level."""
    orphans: int = 0
    """Inventory items without a variant."""

    def __add__(self, other: "Findings") -> "Findings":
        return Findings(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)})

    @property
    def none(self) -> bool:
        """Whether the shop is as it should be."""
        return self == Findings()


def findings_in(shop: Shop, wanted: Mapping[str, Sold]) -> Findings:
    """Count what is wrong with a shop; `wanted`: all that it should have, by offer key."""
    products = read(shop, "products", fields=FIELDS)
    variants = [(product, variant) for product in products for variant in product["variants"]]
    sold = [_sold(product, variant) for product, variant in variants]
    keys = [(variant["metadata"] or {}).get("awin_offer_key") for _, variant in variants]
    found = dict(zip(keys, sold, strict=True))
    items = read(shop, "inventory-items", fields="id,sku,variants.id")
    return Findings(
        missing=len(wanted.keys() - found.keys()),
        too_many=len(found.keys() - wanted.keys()),
        different=sum(found[key] not in (None, offer) for key, offer in wanted.items() if key in found),
        duplicates=_repeated(product["external_id"] for product in products)
        + _repeated(keys)
        + _repeated(variant["sku"] for _, variant in variants),
        half_made=sum(not product["variants"] for product in products) + sold.count(None),
        orphans=sum(not item["variants"] for item in items),
    )


def _sold(product: Json, variant: Json) -> Sold | None:
    """Read a variant as a buyer meets it; None when a part of it is missing."""
    levels = [
        level["stocked_quantity"]
        for link in variant["inventory_items"] or []
        for level in (link["inventory"] or {}).get("location_levels") or []
    ]
    if len(levels) != 1 or len(variant["prices"] or []) != 1:
        return None
    (price,) = variant["prices"]
    amount = Decimal(str(price["amount"]))
    return Sold(variant["sku"], product["external_id"], amount, price["currency_code"], levels[0], product["status"])


def _repeated(values: Iterable[str | None]) -> int:
    return sum(number - 1 for number in Counter(value for value in values if value).values())
