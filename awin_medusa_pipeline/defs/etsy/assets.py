"""Defines the assets of group `etsy`: the two tables about Etsy. Without a connected shop they are empty."""

from functools import partial

import dagster as dg
import polars as pl

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.defs.shown import SHOWN_ROWS, Link, Links, markdown_table
from awin_medusa_pipeline.defs.tables import table_asset
from awin_medusa_pipeline.etsy.engine.tables import make_listing_table, make_plan_table

GROUP = "etsy"
KINDS = {"etsy", "polars"}
Table = dg.MaterializeResult[pl.DataFrame]
Metadata = dict[str, dg.MetadataValue | int | str]


@table_asset(group_name=GROUP, kinds=KINDS, deps=["medusa_catalog"])
def etsy_listing_plan(app: dg.ResourceParam[App]) -> Table:
    """What would change on Etsy, by product and field: of every product that is linked or part of an open job."""
    plan = make_plan_table(app.etsy, partial(app.medusa, applying=True))
    return dg.MaterializeResult(value=plan, metadata=plan_metadata(plan))


@table_asset(group_name=GROUP, kinds=KINDS, deps=[etsy_listing_plan])
def etsy_listings(app: dg.ResourceParam[App]) -> Table:
    """Which product is which listing on Etsy, and how far it is."""
    listings = make_listing_table(app.etsy)
    return dg.MaterializeResult(value=listings, metadata=listings_metadata(listings, Links.of(app)))


def plan_metadata(plan: pl.DataFrame) -> Metadata:
    """Count products by what there is to do, and the fields that would change."""
    products = plan.unique(["shop", "product_id"])
    numbers: Metadata = dict(products.group_by("to_do").len().sort("to_do").iter_rows())
    return {"products": products.height, **numbers, "changes": plan.filter(kind="change").height}


def listings_metadata(listings: pl.DataFrame, links: Links) -> Metadata:
    """Count links by status, and link to the listings that were synced last."""
    numbers: Metadata = dict(listings.group_by("status").len().sort("status").iter_rows())
    newest = listings.filter(pl.col("url").is_not_null()).sort("last_synced_at", descending=True, nulls_last=True)
    rows = [
        (Link(title or product_id, links.product(product_id)), Link(listing_id, links.listing(url)), status, state)
        for title, product_id, listing_id, url, status, state in newest.select(
            "title", "product_id", "listing_id", "url", "status", "state"
        )
        .head(SHOWN_ROWS)
        .iter_rows()
    ]
    on_etsy = {"on_etsy": markdown_table(("product", "listing", "status", "as Etsy shows it"), rows)} if rows else {}
    return {"listings": listings["listing_id"].count(), **numbers, **on_etsy}
