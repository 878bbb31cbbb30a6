"""Checks the JSON body of updateListingInventory: first its keys and types, then how its products fit together."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import product as every_combination
from typing import Any

from awin_medusa_pipeline.sandbox.etsy import shop
from awin_medusa_pipeline.sandbox.etsy.answers import Problem
from awin_medusa_pipeline.sandbox.etsy.rules import listing

MOST_VALUES = 70
MOST_PRODUCTS = 2_500
MOST_PRODUCTS_ON_ALL = 400
"""Etsy's tutorial: where a price, quantity, SKU or readiness hangs on all the variations of a listing."""
SKU_LENGTH = 32
ON_PROPERTY = ("price_on_property", "quantity_on_property", "sku_on_property", "readiness_state_on_property")
_BODY_KEYS = {"products", *ON_PROPERTY}
_PRODUCT_KEYS = {"sku", "property_values", "offerings"}
_VALUE_KEYS = {"property_id", "property_name", "scale_id", "value_ids", "values"}
_OFFERING_KEYS = {"price", "quantity", "is_enabled", "readiness_state_id"}
_INVALID_KEYS = Problem("Array contains invalid keys")

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Context:
    """The shop, the listing's category and type, and the number of variations that the caller supports."""

    has: listing.Has
    taxonomy_id: int
    physical: bool = True
    known_value_ids: Collection[int] = ()
    most_variations: int = 2


def replacement(body: Any, context: Context) -> list[Problem]:
    """Check a new inventory."""
    return _shape(body) or _meaning(body, context)


def _shape(body: Any) -> list[Problem]:
    if not isinstance(body, Mapping) or not isinstance(body.get("products"), list) or not body["products"]:
        return [Problem("Missing input parameter: [products]")]
    if set(body) - _BODY_KEYS:
        return [_INVALID_KEYS]
    on_property = {name: body.get(name) or [] for name in ON_PROPERTY}
    problems = [_expected("int array", name, ids) for name, ids in on_property.items() if not _whole_numbers(ids)]
    return problems or [problem for product in body["products"] for problem in _product_shape(product)]


def _product_shape(product: Any) -> list[Problem]:
    if not isinstance(product, Mapping):
        return [_expected("array", "products", product)]
    if set(product) - _PRODUCT_KEYS:
        return [_INVALID_KEYS]
    if not isinstance(product.get("sku", ""), str | None):
        return [_expected("string", "sku", product["sku"])]
    values, offerings = product.get("property_values", []), product.get("offerings")
    if not isinstance(values, list):
        return [_expected("array", "property_values", values)]
    if not isinstance(offerings, list) or len(offerings) != 1:
        return [Problem("Stand-in: each product has exactly one offering.")]
    return [problem for value in values for problem in _value_shape(value)] or _offering_shape(offerings[0])


def _value_shape(value: Any) -> list[Problem]:
    if not isinstance(value, Mapping):
        return [_expected("array", "property_values", value)]
    if set(value) - _VALUE_KEYS:
        return [_INVALID_KEYS]
    checks = {
        "property_id": ("int", _is_whole(value.get("property_id"))),
        "property_name": ("string", isinstance(value.get("property_name"), str)),
        "scale_id": ("int", _is_whole(value.get("scale_id", 1)) or value["scale_id"] is None),
        "value_ids": ("int array", _whole_numbers(value.get("value_ids"))),
        "values": ("string array", _texts(value.get("values"))),
    }
    return [_expected(kind, name, value.get(name)) for name, (kind, right) in checks.items() if not right]


def _offering_shape(offering: Any) -> list[Problem]:
    if not isinstance(offering, Mapping):
        return [_expected("array", "offerings", offering)]
    if set(offering) - _OFFERING_KEYS:
        return [_INVALID_KEYS]
    amount, known = offering.get("price"), offering.get("readiness_state_id")
    checks = {
        "price": ("float", isinstance(amount, int | float) and not isinstance(amount, bool)),
        "quantity": ("int", _is_whole(offering.get("quantity"))),
        "is_enabled": ("bool", isinstance(offering.get("is_enabled"), bool)),
        "readiness_state_id": ("int", known is None or _is_whole(known)),
    }
    return [_expected(kind, name, offering.get(name)) for name, (kind, right) in checks.items() if not right]


def _meaning(body: Json, context: Context) -> list[Problem]:
    products: Sequence[Json] = body["products"]
    problems: list[Problem] = []
    for product in products:
        problems += _one_product(product, context)
    problems += _variations(products, context) or _on_property(body)
    if not any(offering["is_enabled"] and offering["quantity"] > 0 for offering in map(_offering, products)):
        problems.append(Problem("One offering must have quantity greater than 0"))
    return problems


def _one_product(product: Json, context: Context) -> list[Problem]:
    offering = _offering(product)
    problems = listing.quantity(offering["quantity"], least=0)
    problems += listing.price(Decimal(str(offering["price"])), context.has.currency)
    if len(product.get("sku") or "") > SKU_LENGTH:
        problems.append(Problem(f"There was a problem with /sku : cannot be more than {SKU_LENGTH} characters"))
    known = offering.get("readiness_state_id")
    if known is None and context.physical:
        problems.append(Problem("All offerings need readiness state"))
    elif known is not None and known not in context.has.readiness_state_ids:
        problems.append(Problem(f"Stand-in: the shop has no readiness_state_id {known}."))
    for value in product.get("property_values", []):
        problems += _property_value(value, context)
    return problems


def _property_value(value: Json, context: Context) -> list[Problem]:
    property_id, texts = value["property_id"], value["values"]
    known = next((p for p in shop.properties(context.taxonomy_id) if p["property_id"] == property_id), None)
    if known is None:
        return [Problem(f"Stand-in: listings of this category do not vary along property {property_id}.")]
    if len(texts) != 1 or not texts[0].strip():
        return [Problem("Property values can't be empty")] if not any(texts) else [_one_value(property_id)]
    if set("()") & set(texts[0]):
        return [Problem("Stand-in: a property value has no parentheses.")]
    problems = []
    if property_id in shop.CUSTOM_PROPERTIES and not value["property_name"].strip():
        problems.append(Problem(f"Stand-in: property {property_id} needs a property_name."))
    scales = [scale["scale_id"] for scale in known["scales"]]
    if (scale_id := value.get("scale_id")) is not None and scale_id not in scales:
        problems.append(Problem(f"Stand-in: property {property_id} has no scale {scale_id}."))
    if scales and scale_id is None:
        problems.append(Problem(f"Stand-in: property {property_id} needs a scale_id."))
    if len(value["value_ids"]) > 1:
        problems.append(_one_value(property_id))
    unknown = [value_id for value_id in value["value_ids"] if value_id not in context.known_value_ids]
    return problems + [Problem(f"Stand-in: property {property_id} has no value_id {value_id}.") for value_id in unknown]


def _variations(products: Sequence[Json], context: Context) -> list[Problem]:
    """Check that all products have the same properties in the same order, and every combination once."""
    ids = [_property_ids(product) for product in products]
    if len(set(ids)) > 1:
        return [Problem("Stand-in: all products have the same property_ids, in the same order.")]
    if len(set(ids[0])) < len(ids[0]):
        return [Problem("Stand-in: a property is given twice for one product.")]
    if len(ids[0]) > context.most_variations:
        return [Problem(f"Stand-in: at most {context.most_variations} variations (see max_variations_supported).")]
    if len(products) > MOST_PRODUCTS:
        return [Problem(f"Stand-in: at most {MOST_PRODUCTS} products.")]
    if _names_clash(products):
        return [Problem("Stand-in: each custom property has one name of its own.")]
    combinations = [_combination(product) for product in products]
    if len(set(combinations)) < len(combinations):
        return [Problem("Stand-in: two products have the same property values.")]
    along = [sorted({combination[number] for combination in combinations}) for number in range(len(ids[0]))]
    if any(len(values) > MOST_VALUES for values in along):
        return [Problem(f"Stand-in: at most {MOST_VALUES} values of a property.")]
    if set(every_combination(*along)) != set(combinations):
        return [Problem("All combinations of property values must be supplied")]
    return []


def _on_property(body: Json) -> list[Problem]:
    """Check that price, quantity, SKU and readiness differ only along the properties named for them."""
    products: Sequence[Json] = body["products"]
    used = _property_ids(products[0])
    problems = []
    for name in ON_PROPERTY:
        along = tuple(body.get(name) or [])
        if along != tuple(property_id for property_id in used if property_id in along):
            # open-api #375; a property that no product has is refused as well.
            problems.append(Problem(f"{name}: property IDs must be in the same order as in products"))
        elif len(along) == len(used) > 1 and len(products) > MOST_PRODUCTS_ON_ALL:
            problems.append(Problem(f"Stand-in: at most {MOST_PRODUCTS_ON_ALL} products when {name} has all."))
        else:
            problems += _consistent(products, name, [used.index(property_id) for property_id in along])
    return problems


def _consistent(products: Sequence[Json], name: str, places: Sequence[int]) -> list[Problem]:
    seen: dict[tuple[str, ...], Any] = {}
    for product in products:
        offering = _offering(product)
        found = {
            "price_on_property": offering["price"],
            "quantity_on_property": offering["quantity"],
            "sku_on_property": product.get("sku") or "",
            "readiness_state_on_property": offering.get("readiness_state_id"),
        }[name]
        key = tuple(_combination(product)[place] for place in places)
        if seen.setdefault(key, found) != found:
            what = name.removesuffix("_on_property")
            return [Problem(f"Stand-in: {what} must be consistent across all products that agree in {name}.")]
    return []


def _names_clash(products: Sequence[Json]) -> bool:
    values = [value for product in products for value in product.get("property_values", [])]
    named = {(v["property_id"], v["property_name"]) for v in values if v["property_id"] in shop.CUSTOM_PROPERTIES}
    return len({property_id for property_id, _ in named}) < len(named) or len({name for _, name in named}) < len(named)


def _offering(product: Json) -> Json:
    offering: Json = product["offerings"][0]
    return offering


def _property_ids(product: Json) -> tuple[int, ...]:
    return tuple(value["property_id"] for value in product.get("property_values", []))


def _combination(product: Json) -> tuple[str, ...]:
    return tuple(value["values"][0] if value["values"] else "" for value in product.get("property_values", []))


def _one_value(property_id: int) -> Problem:
    return Problem(f"Stand-in: property {property_id} has exactly one value for a product.")


def _expected(kind: str, name: str, found: Any) -> Problem:
    got = "NULL" if found is None else type(found).__name__
    return Problem(f"Expected {kind} value for '{name}' (got {got}).")


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _whole_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(_is_whole(part) for part in value)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(part, str) for part in value)
