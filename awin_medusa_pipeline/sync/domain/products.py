"""Builds Medusa payloads for products and variants from offers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from awin_medusa_pipeline.medusa.shapes import HIDDEN_AT, HIDDEN_BY_RUN, OFFER_KEY

IMPORTED = "awin_merchant_id"
"""Metadata of every product that this program imported; one that it adopted has not got it."""
AWIN = "AWIN"
"""Tag of every imported product."""

Row = Mapping[str, Any]
Payload = dict[str, Any]

# Medusa requires at least one option; its own admin uses this one for a product without variants.
_ONLY_OPTION = ("Default option", "Default option value")
_OPTIONS = {"Colour": "colour", "Size": "size"}
# Deeper trees only repeat the product's name.
_CATEGORY_DEPTH = 4


@dataclass(frozen=True)
class ProductDefaults:
    """Ids of the shop that every new product gets."""

    sales_channel_id: str
    shipping_profile_id: str
    tags: Mapping[str, str] = field(default_factory=dict)
    """Tag value -> id."""
    brands: Mapping[str, str] = field(default_factory=dict)
    """Brand -> id of the Medusa collection that stands for it."""
    categories: Mapping[str, str] = field(default_factory=dict)
    """Category path, parts joined by ' > ' -> id."""


def category_path(row: Row) -> str | None:
    """The category path in the shop, at most four levels deep."""
    return " > ".join(str(row["category"]).split(" > ")[:_CATEGORY_DEPTH]) if row["category"] else None


def category_paths(category: pl.Expr) -> pl.Expr:
    """category_path for a whole column."""
    return category.str.split(" > ").list.head(_CATEGORY_DEPTH).list.join(" > ")


def content_update(product_id: str, fields: Mapping[str, Any], categories: Mapping[str, str]) -> Payload:
    """Build the update of a product's fields (ownership.py: CONTENT); `categories`: handle -> id.

    The first image is the thumbnail. Medusa: lists replace.
    """
    body: Payload = {"id": product_id}
    for name, value in fields.items():
        if name == "images":
            body |= {"thumbnail": (value[0] or None) if value else None, "images": value[1:]}
        elif name == "category":
            body["categories"] = [{"id": categories[handle]} for handle in value if handle in categories]
        else:
            body[name] = value
    return body


def tag_values(row: Row) -> list[str]:
    """Tags of a product: AWIN and the merchant."""
    return [AWIN, row["merchant_name"]] if row["merchant_name"] else [AWIN]


def product_payload(rows: Sequence[Row], defaults: ProductDefaults, images: Sequence[str] | None = None) -> Payload:
    """Build one product of POST /admin/products/batch from the MissingProduct rows that share a product_key.

    `images`: addresses to use instead of the feed's.
    """
    first = rows[0]
    images = product_images(rows) if images is None else images
    options = option_values(rows)
    payload: Payload = {
        "title": first["title"],
        "handle": first["handle"],
        "status": "published",
        "external_id": first["product_key"],
        "options": [{"title": title, "values": list(dict.fromkeys(values))} for title, values in options.items()],
        "variants": [
            variant_payload(row, {title: values[index] for title, values in options.items()})
            for index, row in enumerate(rows)
        ],
        "sales_channels": [{"id": defaults.sales_channel_id}],
        "shipping_profile_id": defaults.shipping_profile_id,
        "tags": [{"id": defaults.tags[value]} for value in tag_values(first) if value in defaults.tags],
        "metadata": _product_metadata(first),
    }
    if first["description"]:
        payload["description"] = first["description"]
    if images:
        payload |= {"images": [{"url": url} for url in images], "thumbnail": images[0]}
    if collection := defaults.brands.get(first["brand"] or ""):
        payload["collection_id"] = collection
    if category := defaults.categories.get(category_path(first) or ""):
        payload["categories"] = [{"id": category}]
    return payload


def pictures(images: Sequence[str]) -> list[str]:
    """Thumbnail and images as one value: the first image is both."""
    return [*images[:1], *images]


def product_images(rows: Sequence[Row]) -> list[str]:
    """Images of one product's offers, each offer's main image first."""
    return list(dict.fromkeys(url for row in rows for url in [row["image_url"], *row["more_image_urls"]] if url))


def option_values(rows: Sequence[Row]) -> dict[str, list[str]]:
    """Option title -> one value per row, such that no two rows are equal in all options."""
    if len(rows) == 1 and rows[0]["product_key"] == rows[0]["offer_key"]:
        return {_ONLY_OPTION[0]: [_ONLY_OPTION[1]]}
    options = {
        title: [row[column] or "-" for row in rows]
        for title, column in _OPTIONS.items()
        if any(row[column] for row in rows)
    }
    if not options or len(set(zip(*options.values(), strict=True))) < len(rows):
        options["Article"] = [row["sku"] for row in rows]
    return options


def added_option_values(titles: Sequence[str], taken: Sequence[Mapping[str, str]], row: Row) -> dict[str, str]:
    """Option title -> value for a variant to be added to a product with these options.

    `taken`: the product's combinations. Medusa refuses equal ones, so a repeated one gets the SKU.
    """
    values = {title: str(row[_OPTIONS.get(title, "sku")] or row["sku"]) for title in titles}
    return values | {titles[-1]: str(row["sku"])} if titles and values in taken else values


def variant_payload(row: Row, options: Mapping[str, str]) -> Payload:
    """Build one variant. Medusa: amounts are numbers in major units."""
    payload: Payload = {
        # Medusa returns a product's options in any order.
        "title": " / ".join(options[title] for title in sorted(options, key=[*_OPTIONS, *options].index)),
        "sku": row["sku"],
        "options": dict(options),
        "prices": [{"amount": float(row["price"]), "currency_code": row["currency"]}],
        "manage_inventory": True,
        "metadata": _without_blanks(
            {
                OFFER_KEY: row["offer_key"],
                "awin_product_id": row["aw_product_id"],
                "awin_deep_link": row["deep_link"],
                "mpn": row["mpn"],
            }
        ),
    }
    if row["barcode"]:
        payload["barcode"] = row["barcode"]
    return payload


def _product_metadata(row: Row) -> Payload:
    return _without_blanks(
        {
            IMPORTED: row["merchant_id"],
            "awin_merchant_name": row["merchant_name"],
            "awin_merchant_product_id": row["merchant_product_id"],
            "awin_product_id": row["aw_product_id"],
            "awin_deep_link": row["deep_link"],
            "awin_merchant_link": row["merchant_link"],
            "brand": row["brand"],
        }
    )


def _without_blanks(values: Payload) -> Payload:
    return {key: value for key, value in values.items() if value not in (None, "")}


def hidden_patch(product_id: str, run_id: str, at: str) -> Payload:
    """Build the update that hides a product and marks it, so that only products hidden by this program are restored."""
    return {"id": product_id, "status": "draft", "metadata": {HIDDEN_BY_RUN: run_id, HIDDEN_AT: at}}


def restored_patch(product_id: str) -> Payload:
    """Build the update that publishes a hidden product. Medusa: metadata merges; an empty text removes the key."""
    return {"id": product_id, "status": "published", "metadata": {HIDDEN_BY_RUN: "", HIDDEN_AT: ""}}
