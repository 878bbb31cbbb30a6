"""Finds the ids of brands, categories and tags of new products, and creates those that the shop lacks."""

from collections.abc import Callable, Iterable, Sequence

import polars as pl

from awin_medusa_pipeline.medusa.client import Json, MedusaClient, Shop
from awin_medusa_pipeline.sync.domain.products import ProductDefaults, Row, category_path, tag_values
from awin_medusa_pipeline.sync.domain.text import handle, longer_handle


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
    handles = own_handles(sorted(names), client.where, "collections", "title")
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
    # Paths before single names: "Home > Kitchen" is the older owner of home-kitchen in most shops.
    by_depth = sorted(branches, key=lambda path: (-path.count(" > "), path))
    handles = own_handles(by_depth, client.where, "product-categories", "name")
    ids: dict[str, str] = {}
    for depth in sorted({path.count(" > ") for path in branches}):
        level = {}
        for path in sorted(branches):
            if path.count(" > ") == depth:
                parent, _, name = path.rpartition(" > ")
                # Medusa's own handle of "Clothes & Shoes" would be "clothes-&-shoes".
                body = {"name": name, "handle": handles[path], "is_active": True}
                above = ids.get(handles.get(parent, ""))
                level[handles[path]] = body | ({"parent_category_id": above} if above else {})
        ids |= client.ensure("product-categories", "product_category", "handle", level)
    return {path: ids[handle] for path, handle in handles.items() if handle in ids}


def own_handles(
    names: Sequence[str], where: Callable[[str, str, Sequence[str], str], list[Json]], route: str, field: str
) -> dict[str, str]:
    """Give each name or path its own handle: the shop's entry of that name keeps its, else the first name has it.

    An entry that the owner renamed is still the one; one that shows another name with the same handle is another.
    """
    made = pl.DataFrame({"name": names}, schema={"name": pl.String}).with_columns(
        handle=handle(pl.col("name")), longer=longer_handle(pl.col("name"))
    )
    shown = {
        entry["handle"]: str(entry[field])
        for entry in where(route, "handle", made["handle"].to_list(), f"handle,{field}")
    }
    owners: dict[str, str] = {}
    handles: dict[str, str] = {}
    for name, plain, longer in made.iter_rows():
        last = name.rpartition(" > ")[2]
        there = shown.get(plain, last)
        same = there.casefold() == last.casefold()
        of_there, of_last = pl.select(a=handle(pl.lit(there)), b=handle(pl.lit(last))).row(0)
        # A name that could be the end of this handle is another path's; any other was given by the owner.
        made_of = of_there == plain or plain.endswith(f"-{of_there}")
        other = not same and made_of and not (last != name and of_there == of_last)
        handles[name] = longer if other or owners.setdefault(plain, name) != name else plain
    return handles
