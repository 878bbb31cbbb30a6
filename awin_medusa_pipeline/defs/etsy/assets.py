"""Products of the shop on Etsy as tables: group `etsy`. Without a connected shop they are empty."""

import dagster as dg
import polars as pl

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.defs.tables import OWNERS, schema_metadata
from awin_medusa_pipeline.etsy.domain.contracts import EtsyListing, EtsyPlanRow
from awin_medusa_pipeline.etsy.engine import tables
from awin_medusa_pipeline.etsy.engine.jobs import products_of

GROUP = "etsy"
KINDS = {"etsy", "polars"}
SHOWN_LINKS = 20
Table = dg.MaterializeResult[pl.DataFrame]
Metadata = dict[str, dg.MetadataValue | int | str]


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS, deps=["medusa_catalog"], metadata=schema_metadata(EtsyPlanRow))
def etsy_listing_plan(app: dg.ResourceParam[App]) -> Table:
    """What would change on Etsy, by product and field: of every product that is linked or part of an open job."""
    plan = planned(app)
    return dg.MaterializeResult(value=plan, metadata=plan_metadata(plan))


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS, deps=[etsy_listing_plan], metadata=schema_metadata(EtsyListing))
def etsy_listings(app: dg.ResourceParam[App]) -> Table:
    """Which product is which listing on Etsy, and how far it is."""
    listings = tables.listed(app.etsy)
    return dg.MaterializeResult(value=listings, metadata=listings_metadata(listings))


def planned(app: App) -> pl.DataFrame:
    """EtsyPlanRow of all connected shops; without one Medusa is not asked."""
    etsy = app.etsy
    if not any(account.is_active for account in etsy.accounts.all()):
        return tables.planned(etsy, lambda product_ids, currency: {})
    with app.medusa(applying=True) as client:
        return tables.planned(etsy, products_of(client, client.stock_location_id(etsy.rules.stock_location)))


def plan_metadata(plan: pl.DataFrame) -> Metadata:
    """Products by what there is to do, and the fields that would change."""
    products = plan.unique(["shop", "product_id"])
    numbers: Metadata = dict(products.group_by("to_do").len().sort("to_do").iter_rows())
    return {"products": products.height, **numbers, "changes": plan.filter(kind="change").height}


def listings_metadata(listings: pl.DataFrame) -> Metadata:
    """Links by status, and the addresses of those that were synced last."""
    numbers: Metadata = dict(listings.group_by("status").len().sort("status").iter_rows())
    newest = listings.filter(pl.col("url").is_not_null()).sort("last_synced_at", descending=True, nulls_last=True)
    links = [
        f"- [{title or product_id}]({url}): {status}, {state or 'not looked at'}"
        for title, product_id, url, status, state in newest.select("title", "product_id", "url", "status", "state")
        .head(SHOWN_LINKS)
        .iter_rows()
    ]
    shown = "\n".join(links) or "No Etsy shop has a listing of this shop yet."
    return {"listings": listings["listing_id"].count(), **numbers, "on_etsy": dg.MetadataValue.md(shown)}
