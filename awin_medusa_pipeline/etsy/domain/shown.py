"""Describes a listing as Etsy shows it, in the words of the listing as it should be, so that the two compare.

A listing becomes a mapping of field -> text. Its variants are `price`, `quantity` and `sku`, each with the option
values; only what a buyer can see counts: Etsy shows combinations that cannot be bought at a price of 0, or not at all.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from awin_medusa_pipeline.etsy.domain.requests import CUSTOM_PROPERTIES, Inventory, InventoryProduct, PropertyValue
from awin_medusa_pipeline.etsy.domain.when_made import when_made_meaning

VARIATIONS = "variations"
"""Field: what the variants vary along."""
PROCESSING = "readiness_state_id"
OLD_IDS = "shows the variants of before"
"""All is as it was given, or some was sold, but Etsy's ids are those of before the write."""
OF_A_VARIANT = ("price", "quantity", "sku")

Fields = Mapping[str, str]

_LONGEST = 80


@dataclass(frozen=True)
class ShownVariant:
    """One product of an inventory as Etsy shows it. `for_sale`: a buyer can choose it."""

    values: tuple[PropertyValue, ...]
    sku: str
    price: Decimal
    quantity: int
    for_sale: bool
    readiness_state_id: int | None = None
    product_id: int | None = None
    """Etsy gives another one with every write."""


@dataclass(frozen=True)
class ShownListing:
    """A listing as Etsy shows it. `content`: texts and settings in the form that is sent; what is not shown is absent.

    `variants` None: Etsy did not return them.
    """

    state: str
    content: Fields
    image_ids: tuple[int, ...] = ()
    variants: tuple[ShownVariant, ...] | None = None


def shorten(value: str) -> str:
    """Fit a text into one line; a cut one keeps a mark by which two of them can be told apart."""
    line = " ".join(value.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}… ({len(line):,} characters, {_mark(line)})"


def same(name: str, one: str, other: str) -> bool:
    """Whether two values of a field are the same to a buyer: Etsy changes spaces, the case of words, and decades."""
    return _plain(name, one) == _plain(name, other)


def label_of(values: Sequence[PropertyValue]) -> str:
    """Name a variant by its option values."""
    return " / ".join(value.values[0] for value in values if value.values)


def variant_fields(inventory: Inventory, variant_ids: Sequence[str | None]) -> dict[str, str]:
    """Return the fields of an inventory that is to be sent, without the combinations that the shop lacks (None)."""
    fields: dict[str, str] = {}
    for product, variant_id in zip(inventory.products, variant_ids, strict=True):
        offering, label = product.offerings[0], label_of(product.property_values)
        if offering.is_enabled:
            fields |= _of_variant(label, offering.price, offering.quantity, product.sku)
        elif variant_id is not None:
            fields[f"quantity {label}".rstrip()] = "0"
    if names := [value.property_name or "" for value in inventory.products[0].property_values]:
        fields[VARIATIONS] = ", ".join(names)
    if (readiness := inventory.products[0].offerings[0].readiness_state_id) is not None:
        fields[PROCESSING] = str(readiness)
    return fields


def shown_fields(shown: ShownListing, wanted: Inventory | None) -> dict[str, str]:
    """Return the fields of a listing as Etsy shows it, its variants named as in the wanted inventory."""
    fields = {name: shorten(value) for name, value in shown.content.items()}
    if shown.variants is None or wanted is None:
        return fields
    matched = match_variants(wanted, shown.variants)
    named = {id(found): label_of(product.property_values) for product, found in matched}
    for variant in shown.variants:
        label = named.get(id(variant), label_of(variant.values))
        if variant.for_sale:
            fields |= _of_variant(label, variant.price, variant.quantity, variant.sku)
    for product in wanted.products:
        fields.setdefault(f"quantity {label_of(product.property_values)}".rstrip(), "0")
    if names := _shown_variations(wanted, shown.variants):
        fields[VARIATIONS] = ", ".join(names)
    # Etsy shows it for active listings only.
    if readiness := {v.readiness_state_id for v in shown.variants if v.for_sale and v.readiness_state_id}:
        fields[PROCESSING] = ",".join(map(str, sorted(readiness)))
    return fields


def match_variants(wanted: Inventory, shown: Sequence[ShownVariant]) -> list[tuple[InventoryProduct, ShownVariant]]:
    """Find the variants that Etsy shows: by SKU, else by option values in any order and case, else the only one."""
    by_sku = _once({variant.sku: variant for variant in shown}, [variant.sku for variant in shown])
    by_values = {_key(variant.values): variant for variant in shown}
    found = []
    for product in wanted.products:
        match = by_sku.get(product.sku) if product.sku else None
        match = match or by_values.get(_key(product.property_values))
        if match is None and len(wanted.products) == len(shown) == 1:
            match = shown[0]
        if match is not None:
            found.append((product, match))
    return found


def unshown_variant(
    wanted: Inventory,
    variant_ids: Sequence[str | None],
    shown: Sequence[ShownVariant],
    replaced: Collection[int] = (),
) -> str:
    """Name a variant that Etsy does not show as it was given; "" when it shows all. `replaced`: ids of before.

    Fewer pieces than given may have been sold meanwhile.
    """
    matched = {id(product): variant for product, variant in match_variants(wanted, shown)}
    for product, variant_id in zip(wanted.products, variant_ids, strict=True):
        offering, found = product.offerings[0], matched.get(id(product))
        name = product.sku or label_of(product.property_values) or "its price"
        if offering.is_enabled:
            sold = found is not None and not found.for_sale
            if found is None or (not sold and (found.price, found.sku) != (offering.price, product.sku)):
                return f"does not show {name} at {offering.price}"
            if found.quantity > offering.quantity:
                return f"shows {found.quantity} pieces of {name}, not {offering.quantity}"
        elif found is not None and found.for_sale:
            return f"still offers {name}" if variant_id else f"offers {name}, which the shop lacks"
    known = {id(variant) for variant in matched.values()}
    if any(variant.for_sale and id(variant) not in known for variant in shown):
        return "shows other variants too"
    # Fewer pieces could be those of before, too.
    return OLD_IDS if any(variant.product_id in replaced for variant in shown) else ""


def keep_variations(wanted: Inventory, shown: Sequence[ShownVariant]) -> Inventory:
    """Return the inventory along the properties that Etsy shows, with Etsy's ids of the values.

    A seller may choose a property of Etsy's in place of a name of ours. A variation that Etsy does not show stays.
    """
    theirs = {place: dimension for place, dimension in enumerate(_dimensions(wanted, shown)) if dimension}
    ids = {CUSTOM_PROPERTIES[place]: dimension.property_id for place, dimension in theirs.items()}

    def kept(product: InventoryProduct) -> InventoryProduct:
        values = [
            _as_shown(value, theirs[place]) if place in theirs else value
            for place, value in enumerate(product.property_values)
        ]
        return product.model_copy(update={"property_values": tuple(values)})

    along = {
        name: tuple(ids.get(property_id, property_id) for property_id in getattr(wanted, name))
        for name in Inventory.model_fields
        if name != "products"
    }
    return wanted.model_copy(update={"products": tuple(map(kept, wanted.products)), **along})


def keep_processing(wanted: Inventory, shown: Sequence[ShownVariant]) -> Inventory:
    """Return the inventory with the processing profile that Etsy shows for it."""
    used = [variant.readiness_state_id for variant in shown if variant.readiness_state_id]
    if not used:
        return wanted
    products = [
        product.model_copy(
            update={"offerings": (product.offerings[0].model_copy(update={"readiness_state_id": used[0]}),)}
        )
        for product in wanted.products
    ]
    return wanted.model_copy(update={"products": tuple(products)})


@dataclass(frozen=True)
class _Dimension:
    """A variation as Etsy shows it. `values`: text in lower case -> the value as shown."""

    property_id: int
    name: str | None
    values: dict[str, PropertyValue] = field(default_factory=dict)


def _dimensions(wanted: Inventory, shown: Sequence[ShownVariant]) -> list[_Dimension | None]:
    """Find Etsy's variation for each of ours: the one with most of our values; None where none has half of them."""
    theirs: dict[int, _Dimension] = {}
    for variant in shown:
        for value in variant.values:
            dimension = theirs.setdefault(value.property_id, _Dimension(value.property_id, value.property_name))
            dimension.values[_text(value)] = value
    found: list[_Dimension | None] = []
    for place in range(len(wanted.products[0].property_values)):
        ours = {_text(product.property_values[place]) for product in wanted.products}
        best = max(theirs.values(), key=lambda dimension: len(ours & dimension.values.keys()), default=None)
        is_it = best is not None and 2 * len(ours & best.values.keys()) >= len(ours)
        found.append(theirs.pop(best.property_id) if best and is_it else None)
    return found


def _shown_variations(wanted: Inventory, shown: Sequence[ShownVariant]) -> list[str]:
    ours = wanted.products[0].property_values
    names = []
    for value, dimension in zip(ours, _dimensions(wanted, shown), strict=True):
        name = (dimension.name or "") if dimension else (value.property_name or "")
        custom = dimension is None or dimension.property_id in CUSTOM_PROPERTIES
        names.append(name if custom else f"{name} (a property of Etsy's)")
    return names


def _as_shown(value: PropertyValue, dimension: _Dimension) -> PropertyValue:
    known = dimension.values.get(_text(value))
    of_the_dimension = {"property_id": dimension.property_id, "property_name": dimension.name}
    scale = next((one.scale_id for one in dimension.values.values()), None)
    ids = known.value_ids if known and dimension.property_id not in CUSTOM_PROPERTIES else ()
    return value.model_copy(update=of_the_dimension | {"scale_id": scale, "value_ids": ids})


def _of_variant(label: str, price: Decimal, quantity: int, sku: str) -> dict[str, str]:
    values = {"price": f"{price:.2f}", "quantity": str(quantity), "sku": sku}
    return {f"{name} {label}".rstrip(): value for name, value in values.items()}


def _once(values: dict[str, ShownVariant], keys: Sequence[str]) -> dict[str, ShownVariant]:
    return {key: value for key, value in values.items() if keys.count(key) == 1}


def _key(values: Sequence[PropertyValue]) -> frozenset[str]:
    return frozenset(map(_text, values))


def _text(value: PropertyValue) -> str:
    return " ".join((value.values[0] if value.values else "").split()).casefold()


def _plain(name: str, value: str) -> object:
    match name:
        case "tags" | "materials":
            return {" ".join(word.split()).casefold() for word in value.split(",")}
        case "when_made":
            return when_made_meaning(value)
        case "variations":
            return " ".join(value.split()).casefold()
        case "production_partner_ids":
            return set(value.split(","))
    return " ".join(value.split())


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
