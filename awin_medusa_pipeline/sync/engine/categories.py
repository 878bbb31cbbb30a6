"""Finds the brands, categories and tags of new products in the shop, and creates those that it lacks.

Only what this program made is joined, and what SYNC_JOIN names: the prices, promotions and pages of a shop hang on its
collections, categories and tags, and an advertiser may write any name into a feed.
"""

import itertools
import logging
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import polars as pl

from awin_medusa_pipeline.medusa.client import PAGE, Json, MedusaClient, Shop
from awin_medusa_pipeline.medusa.entries import CATEGORIES, COLLECTIONS, TAGS, Route, ensure
from awin_medusa_pipeline.medusa.shapes import IGNORE_TAG, MADE_FOR
from awin_medusa_pipeline.sync.domain.products import AWIN, IMPORTED, ProductDefaults, Row, category_path, tag_values
from awin_medusa_pipeline.sync.domain.text import handle, longer_handle

log = logging.getLogger(__name__)

ALL = "*"
"""In `join`: whatever has the name."""


def product_defaults(
    client: MedusaClient, shop: Shop, rows: pl.DataFrame, join: Collection[str] = ()
) -> ProductDefaults:
    """Find or create the ids for MissingProduct rows to import. `join`: handles and tags of the shop's own to join."""
    named = rows.select("merchant_name", "brand", "category").unique(maintain_order=True)
    facts: Sequence[Row] = named.to_dicts()
    categories = categories_of(client, (path for row in facts if (path := category_path(row))), join)
    return ProductDefaults(
        sales_channel_id=shop.sales_channel_id,
        shipping_profile_id=shop.shipping_profile_id,
        tags=_tags(client, dict.fromkeys(value for row in facts for value in tag_values(row)), join),
        brands=_brands(client, dict.fromkeys(str(row["brand"]) for row in facts if row["brand"]), join),
        categories={path: id_ for path, (_, id_) in categories.items()},
    )


def _tags(client: MedusaClient, values: Iterable[str], join: Collection[str]) -> dict[str, str]:
    made = [(value, value, f"{value} (AWIN)") for value in values if value.casefold() != IGNORE_TAG.casefold()]
    keys = own_keys(client, TAGS, made, join)
    ids = ensure(client, TAGS, {key: {"value": key, "metadata": {MADE_FOR: value}} for value, key in keys.items()})
    return {value: ids[key] for value, key in keys.items() if key in ids}


def _brands(client: MedusaClient, names: Iterable[str], join: Collection[str]) -> dict[str, str]:
    """Find or create collections for brands: Medusa has no brands, and storefronts can list collections."""
    handles = own_keys(client, COLLECTIONS, _with_handles(sorted(names)), join)
    bodies = {
        handle: {"title": name, "handle": handle, "metadata": {MADE_FOR: name}} for name, handle in handles.items()
    }
    ids = ensure(client, COLLECTIONS, bodies)
    return {name: ids[handle] for name, handle in handles.items() if handle in ids}


def categories_of(client: MedusaClient, paths: Iterable[str], join: Collection[str] = ()) -> dict[str, tuple[str, str]]:
    """Find or create categories: path -> handle and id of its last part. Parents first, a level at a time."""
    branches = {
        " > ".join(parts[: depth + 1]) for path in paths if (parts := path.split(" > ")) for depth in range(len(parts))
    }
    # Paths before single names: "Home > Kitchen" is the older owner of home-kitchen in most shops.
    by_depth = sorted(branches, key=lambda path: (-path.count(" > "), path))
    handles = own_keys(client, CATEGORIES, _with_handles(by_depth), join)
    ids: dict[str, str] = {}
    for depth in sorted({path.count(" > ") for path in branches}):
        level: dict[str, Json] = {}
        for path in sorted(branches):
            if path.count(" > ") == depth:
                parent, _, name = path.rpartition(" > ")
                # Medusa's own handle of "Clothes & Shoes" would be "clothes-&-shoes".
                body = {"name": name, "handle": handles[path], "is_active": True, "metadata": {MADE_FOR: path}}
                above = ids.get(handles.get(parent, ""))
                level[handles[path]] = body | ({"parent_category_id": above} if above else {})
        ids |= ensure(client, CATEGORIES, level)
    return {path: (handle, ids[handle]) for path, handle in handles.items() if handle in ids}


def _with_handles(names: Sequence[str]) -> list[tuple[str, str, str]]:
    """(name, handle, longer handle) of each name."""
    name = pl.col("name")
    frame = pl.DataFrame({"name": names}, schema={"name": pl.String})
    return frame.select(name, handle(name).alias("handle"), longer_handle(name).alias("longer")).rows()


def own_keys(
    client: MedusaClient, route: Route, made: Sequence[tuple[str, str, str]], join: Collection[str]
) -> dict[str, str]:
    """Give each name or path a key of its own; `made`: (name, key, longer key), those that come first have the key.

    An entry of the shop that this program made for the name is the one, whatever the owner calls it now.
    """
    wanted = dict.fromkeys(key for _, *both in made for key in both)
    fields = ",".join(dict.fromkeys(("id", route.key, route.title, "metadata")))
    there = {str(entry[route.key]): entry for entry in client.where(route.name, route.key, list(wanted), fields)}
    owners: dict[str, str] = {}
    keys: dict[str, str] = {}
    for name, plain, longer in made:
        entry = there.get(plain)
        free = entry is None or _is_joined(client, route, entry, name, join)
        keys[name] = plain if free and owners.setdefault(plain, name) == name else longer
    return keys


def _is_joined(client: MedusaClient, route: Route, entry: Json, name: str, join: Collection[str]) -> bool:
    if made_for := (entry["metadata"] or {}).get(MADE_FOR):
        return str(made_for).casefold() == name.casefold()
    if not is_same_name(entry[route.key], str(entry[route.title]), name):
        return False
    if entry[route.key] in join or ALL in join or (route is TAGS and name == AWIN):
        return True
    if _holds_ours_alone(client, route, entry["id"]):
        # What earlier versions made has no mark.
        marked = {"metadata": {**(entry["metadata"] or {}), MADE_FOR: name}}
        client.post(f"/admin/{route.name}/{entry['id']}", marked, {"fields": "id"})
        return True
    log.info("%s %r is yours, so products of the feed do not join it (SYNC_JOIN).", route.answer, entry[route.key])
    return False


def is_same_name(key: str, there: str, name: str) -> bool:
    """Whether the entry with this key can be the one of a name or path, although its owner may have renamed it.

    One that shows another name which makes the same key is another.
    """
    last = name.rpartition(" > ")[2]
    if there.casefold() == last.casefold():
        return True
    of_there, of_last = pl.select(a=handle(pl.lit(there)), b=handle(pl.lit(last))).row(0)
    # A name that could be the end of this handle is another path's; any other was given by the owner.
    made_of = of_there == key or key.endswith(f"-{of_there}")
    return not made_of or (last != name and of_there == of_last)


def _holds_ours_alone(client: MedusaClient, route: Route, id_: str) -> bool:
    """Whether an entry holds products, itself or in its children, and none but those that this program imported."""
    any_product = False
    for offset in itertools.count(step=PAGE):
        # The oldest first: the owner's were there before ours.
        params = {"fields": "id,metadata", "limit": PAGE, "offset": offset, "order": "created_at"}
        page = client.get("/admin/products", {f"{route.filter}[]": id_, **params})["products"]
        if any(IMPORTED not in (product["metadata"] or {}) for product in page):
            return False
        any_product |= bool(page)
        if len(page) < PAGE:
            break
    children = _children(client, id_) if route is CATEGORIES else []
    return all(_holds_ours_alone(client, route, child) for child in children) and (any_product or bool(children))


def _children(client: MedusaClient, id_: str) -> list[str]:
    entries: list[dict[str, Any]] = client.where(CATEGORIES.name, "parent_category_id", [id_], "id")
    return [str(entry["id"]) for entry in entries]
