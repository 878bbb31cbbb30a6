"""Finds the ids of brands, categories and tags of new products, and creates those that the shop lacks."""

from collections.abc import Iterable, Sequence

import polars as pl

from awin_medusa_pipeline.medusa.client import MedusaClient, Shop
from awin_medusa_pipeline.sync.domain.products import ProductDefaults, Row, category_path, tag_values
from awin_medusa_pipeline.sync.domain.text import slug


def product_defaults(client: MedusaClient, shop: Shop, rows: pl.DataFrame) -> ProductDefaults:
    """Find or create the ids for MissingProduct rows to import."""
    named = rows.select("merchant_name", "brand", "category").unique(maintain_order=True)
    facts: Sequence[Row] = named.to_dicts()
    return ProductDefaults(
        sales_channel_id=shop.sales_channel_id,
        shipping_profile_id=shop.shipping_profile_id,
        tags=_tags(client, dict.fromkeys(value for row in facts for value in tag_values(row))),
        brands=_brands(client, dict.fromkeys(str(row["brand"]) for row in facts if row["brand"])),
        categories=category_ids(client, dict.fromkeys(path for row in facts if (path := category_path(row)))),
    )


def _tags(client: MedusaClient, values: Iterable[str]) -> dict[str, str]:
    return client.ensure("product-tags", "product_tag", "value", {value: {"value": value} for value in values})


def _brands(client: MedusaClient, names: Iterable[str]) -> dict[str, str]:
    """Find or create collections for brands: Medusa has no brands, and storefronts can list collections."""
    handles = _handles(names)
    ids = client.ensure(
        "collections",
        "collection",
        "handle",
        {handle: {"title": name, "handle": handle} for name, handle in handles.items()},
    )
    return {name: ids[handle] for name, handle in handles.items() if handle in ids}


def category_ids(client: MedusaClient, paths: Iterable[str]) -> dict[str, str]:
    """Find or create categories: path -> id of its last part. Parents first, one level of the tree at a time."""
    branches = {
        " > ".join(parts[: depth + 1]) for path in paths if (parts := path.split(" > ")) for depth in range(len(parts))
    }
    handles = _handles(sorted(branches))
    ids: dict[str, str] = {}
    by_depth = sorted(handles, key=lambda path: path.count(" > "))
    for depth in sorted({path.count(" > ") for path in by_depth}):
        level = {}
        for path in by_depth:
            if path.count(" > ") == depth:
                parent, _, name = path.rpartition(" > ")
                # Medusa's own handle of "Clothes & Shoes" would be "clothes-&-shoes".
                body = {"name": name, "handle": handles[path], "is_active": True}
                # A parent whose name has no letter or digit has no handle, and is left out.
                above = ids.get(handles.get(parent, ""))
                level[handles[path]] = body | ({"parent_category_id": above} if above else {})
        ids |= client.ensure("product-categories", "product_category", "handle", level)
    return {path: ids[handle] for path, handle in handles.items() if handle in ids}


def _handles(names: Iterable[str]) -> dict[str, str]:
    """Name -> handle, without names that have no letter or digit."""
    texts = pl.DataFrame({"name": list(names)}, schema={"name": pl.String}).with_columns(handle=slug(pl.col("name")))
    return dict(texts.filter(pl.col("handle") != "").iter_rows())
