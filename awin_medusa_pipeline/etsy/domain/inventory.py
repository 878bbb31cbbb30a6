"""Turns the variants of a Medusa product into the inventory of an Etsy listing, by Etsy's rules for inventories."""

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import product as combinations_of

from awin_medusa_pipeline.etsy.domain import text
from awin_medusa_pipeline.etsy.domain.config import EtsyAccountConfig
from awin_medusa_pipeline.etsy.domain.findings import Findings, join_names
from awin_medusa_pipeline.etsy.domain.requests import (
    CUSTOM_PROPERTIES,
    Inventory,
    InventoryProduct,
    Offering,
    PropertyValue,
)
from awin_medusa_pipeline.medusa.models import ShopVariant

MOST_PIECES = 999
SKU_LENGTH = 32
MOST_VALUES = 70
MOST_PRODUCTS = 2_500
MOST_BOUND_PRODUCTS = 400
"""Etsy (tutorial of the third variation): where price, quantity or SKU differ along all variations of several."""
OPTION_NAME_LENGTH = 45
"""Etsy does not say; the figure that a public bulk editor for Etsy keeps to."""
KNOWN_VALUE_LENGTH = 45
"""Etsy does not say how long a value may be. 24 were taken (open-api #362), though that editor allows 20; a longer
value is sent, with a note."""


@dataclass(frozen=True)
class _Row:
    """One product of the inventory, before it has Etsy's form."""

    values: tuple[str, ...]
    sku: str
    price: Decimal
    quantity: int
    variant_id: str | None


def make_inventory(
    variants: Sequence[ShopVariant],
    config: EtsyAccountConfig,
    currency: str,
    readiness_state_id: int | None,
    found: Findings,
) -> tuple[Inventory, tuple[str | None, ...]] | None:
    """Make the whole inventory, and name the variant of each of its products; None for one that the shop lacks.

    Returns None when it cannot be made, with the reasons added to `found`.
    """
    if not variants:
        found.add_problem("no_variants", "variants", "It has no variant, so there is nothing to sell.")
        return None
    before = len(found.problems)
    skus = _skus(variants, found)
    prices = _prices(variants, config, currency, found)
    quantities = _quantities(variants, found)
    names, values = _variations(variants, found)
    if len(found.problems) > before:
        return None
    ids = [variant.id for variant in variants]
    rows = _fill_grid([_Row(*row) for row in zip(values, skus, prices, quantities, ids, strict=True)])
    is_counted = any(variant.quantity is not None for variant in variants)
    inventory = _inventory(names, rows, readiness_state_id, is_counted=is_counted)
    _check_bound(inventory, names, found)
    return (inventory, tuple(row.variant_id for row in rows)) if len(found.problems) == before else None


def _skus(variants: Sequence[ShopVariant], found: Findings) -> list[str]:
    skus = [" ".join((variant.sku or "").split()) for variant in variants]
    if long := [sku for sku in skus if len(sku) > SKU_LENGTH]:
        found.add_problem(
            "sku_long", "sku", f"Etsy takes SKUs of {SKU_LENGTH} characters; longer is {join_names(long)}."
        )
    filled = [sku for sku in skus if sku]
    if twice := sorted({sku for sku in filled if filled.count(sku) > 1}):
        found.add_problem("sku_twice", "sku", f"Two variants have the SKU {join_names(twice)}.")
    if len(filled) < len(skus):
        without = [v.name for v, sku in zip(variants, skus, strict=True) if not sku]
        found.add_note("sku", f"Without SKU: {join_names(without)}. Orders on Etsy will not tell which variant it is.")
    return skus


def _prices(
    variants: Sequence[ShopVariant], config: EtsyAccountConfig, currency: str, found: Findings
) -> list[Decimal]:
    currency = currency.upper()
    if none := [variant.name for variant in variants if variant.price is None]:
        found.add_problem(
            "price_missing", "price", f"Without a price in {currency}: {join_names(none)}. Give it one in Medusa."
        )
    prices = [Decimal(0) if v.price is None else config.price(v.price, currency) for v in variants]
    priced = [(v.name, price) for v, price in zip(variants, prices, strict=True) if v.price is not None]
    if low := [f"{name} at {price}" for name, price in priced if price < config.lowest_price]:
        least = f"{config.lowest_price} {currency} (lowest_price)"
        found.add_problem("price_low", "price", f"Etsy takes prices from {least} on; not {join_names(low)}.")
    if high := [f"{name} at {price}" for name, price in priced if price > config.highest_price]:
        most = f"{config.highest_price:,} {currency} (highest_price)"
        found.add_problem("price_high", "price", f"Etsy takes prices up to {most}; not {join_names(high)}.")
    return prices


def _quantities(variants: Sequence[ShopVariant], found: Findings) -> list[int]:
    if uncounted := [variant.name for variant in variants if variant.quantity is None]:
        found.add_note("quantity", f"Not counted in Medusa, so {MOST_PIECES} are offered: {join_names(uncounted)}.")
    if many := [variant.name for variant in variants if (variant.quantity or 0) > MOST_PIECES]:
        found.add_note("quantity", f"Etsy takes {MOST_PIECES} pieces, so that many are offered: {join_names(many)}.")
    quantities = [MOST_PIECES if v.quantity is None else max(0, min(v.quantity, MOST_PIECES)) for v in variants]
    if not any(quantities):
        found.add_problem("no_stock", "quantity", "Nothing of it is in stock, and Etsy lists only what can be bought.")
    return quantities


def _variations(variants: Sequence[ShopVariant], found: Findings) -> tuple[list[str], list[tuple[str, ...]]]:
    """Find the names of the variations, and the values of each variant along them.

    An option with the same value for all variants is no choice, so it is left out.
    """
    titles = sorted({title for variant in variants for title in variant.options})
    columns = {title: [text.variation(v.options.get(title, "")) for v in variants] for title in titles}
    varying = {title: column for title, column in columns.items() if len({cell.text for cell in column}) > 1}
    if len(varying) > len(CUSTOM_PROPERTIES):
        found.add_problem(
            "too_many_options",
            "variants",
            f"It varies along {join_names(list(varying))}; Etsy takes {len(CUSTOM_PROPERTIES)} variations.",
        )
    names = [text.variation(title).text for title in varying]
    if not all(names) or len(set(names)) < len(names):
        found.add_problem("option_names", "variants", "Its options need names, and different ones.")
    _check_lengths(names, varying, found)
    for title, column in varying.items():
        if any(cell.changes for cell in column):
            found.add_note("variants", f"{title}: parentheses were left out, since Etsy takes none.")
        if not all(cell.text for cell in column):
            found.add_problem("option_blank", "variants", f"A variant has no value for the option {title}.")
        if (number := len({cell.text for cell in column})) > MOST_VALUES:
            found.add_problem(
                "too_many_values", "variants", f"{title} has {number} values; Etsy takes {MOST_VALUES} of a variation."
            )
    values = list(zip(*([cell.text for cell in column] for column in varying.values()), strict=True)) or [
        () for _ in variants
    ]
    if twice := [variant.name for variant, own in zip(variants, values, strict=True) if values.count(own) > 1]:
        found.add_problem(
            "same_variant", "variants", f"No option tells these variants apart on Etsy: {join_names(twice)}."
        )
    grid = math.prod(len({cell.text for cell in column}) for column in varying.values())
    if grid > MOST_PRODUCTS:
        found.add_problem(
            "too_many_variants",
            "variants",
            f"Its options make {grid:,} combinations; Etsy takes {MOST_PRODUCTS:,}.",
        )
    return names, values


def _check_lengths(names: Sequence[str], columns: Mapping[str, Sequence[text.Cleaned]], found: Findings) -> None:
    if long := [name for name in names if len(name) > OPTION_NAME_LENGTH]:
        found.add_problem(
            "option_name_long",
            "variants",
            f"Etsy takes option names of {OPTION_NAME_LENGTH} characters; longer is {join_names(long)}. Shorten it in "
            "Medusa.",
        )
    for title, column in columns.items():
        if long := sorted({cell.text for cell in column if len(cell.text) > KNOWN_VALUE_LENGTH}):
            found.add_note(
                "variants",
                f"{title}: {join_names(long)} is longer than {KNOWN_VALUE_LENGTH} characters. Etsy does not say how "
                "long a value may be; if it refuses this one, shorten it in Medusa.",
            )


def _check_bound(inventory: Inventory, names: Sequence[str], found: Findings) -> None:
    """Find more combinations than Etsy takes where something differs along all of several variations."""
    number = len(inventory.products)
    along = {
        "price": inventory.price_on_property,
        "quantity": inventory.quantity_on_property,
        "SKU": inventory.sku_on_property,
    }
    bound = [name for name, properties in along.items() if len(properties) == len(names)]
    if len(names) > 1 and bound and number > MOST_BOUND_PRODUCTS:
        found.add_problem(
            "too_many_bound_variants",
            "variants",
            f"Its options make {number:,} combinations; Etsy takes {MOST_BOUND_PRODUCTS} where {' and '.join(bound)} "
            f"differ along each of {' and '.join(names)}. Divide it into several products in Medusa, or take away "
            "values that hardly anybody buys.",
        )


def _fill_grid(rows: Sequence[_Row]) -> list[_Row]:
    """Add a row that cannot be bought for each combination that the shop lacks: Etsy requires all of them."""
    along = _varies_along(rows, lambda row: row.price)
    by_values = {row.values: row for row in rows}
    prices: dict[tuple[str, ...], Decimal] = {}
    for row in rows:
        prices.setdefault(tuple(row.values[place] for place in along), row.price)
    lowest = min(row.price for row in rows)
    choices = [dict.fromkeys(row.values[place] for row in rows) for place in range(len(rows[0].values))]
    return [
        by_values.get(values) or _Row(values, "", prices.get(tuple(values[place] for place in along), lowest), 0, None)
        for values in combinations_of(*choices)
    ]


def _inventory(
    names: Sequence[str], rows: Sequence[_Row], readiness_state_id: int | None, *, is_counted: bool
) -> Inventory:
    products = tuple(
        InventoryProduct(
            sku=row.sku,
            property_values=tuple(
                PropertyValue(property_id=property_id, property_name=name, values=(value,))
                for property_id, name, value in zip(CUSTOM_PROPERTIES, names, row.values, strict=False)
            ),
            offerings=(
                Offering(
                    price=row.price,
                    quantity=row.quantity,
                    is_enabled=row.quantity > 0,
                    readiness_state_id=readiness_state_id,
                ),
            ),
        )
        for row in rows
    )
    # Pieces that are counted belong to one variant, also where all have as many: a quantity that hangs on no variation
    # is one for the whole listing.
    pieces = tuple(range(len(names))) if is_counted else _varies_along(rows, lambda row: row.quantity)
    return Inventory(
        products=products,
        price_on_property=_properties(_varies_along(rows, lambda row: row.price)),
        quantity_on_property=_properties(pieces),
        sku_on_property=_properties(_varies_along(rows, lambda row: row.sku)),
    )


def _properties(places: Iterable[int]) -> tuple[int, ...]:
    return tuple(CUSTOM_PROPERTIES[place] for place in places)


def _varies_along(rows: Sequence[_Row], value_of: Callable[[_Row], Hashable]) -> tuple[int, ...]:
    """Find the fewest variations that determine a value. Etsy: it may differ only along those that are named."""
    candidates: list[tuple[int, ...]] = [(), *((place,) for place in range(len(rows[0].values)))]
    for places in candidates:
        seen: dict[tuple[str, ...], Hashable] = {}
        if all(seen.setdefault(tuple(row.values[p] for p in places), value_of(row)) == value_of(row) for row in rows):
            return places
    return tuple(range(len(rows[0].values)))
