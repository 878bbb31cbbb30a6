"""The shop as it is: group `medusa`.

What belongs here: reading the shop into a table. What does not: comparing it.
"""

import dagster as dg
import polars as pl

from awin_medusa_pipeline.defs.resources import MedusaResource, StateStore
from awin_medusa_pipeline.defs.tables import OWNERS, schema_metadata
from awin_medusa_pipeline.medusa.catalog import variants_frame
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline.sync.domain.contracts import CatalogVariant


@dg.asset(group_name="medusa", kinds={"medusa", "polars"}, owners=OWNERS, metadata=schema_metadata(CatalogVariant))
def medusa_catalog(
    context: dg.AssetExecutionContext, medusa: MedusaResource, store: StateStore
) -> dg.MaterializeResult[pl.DataFrame]:
    """Every product and variant of the shop, drafts included, with price, level and what this program wrote."""

    def progress(done: int, total: int) -> None:
        context.log.info(f"Read {done:,} of {total:,} products")

    store.lease_if_applying(context.run)
    with medusa.client() as client:
        location = client.stock_location_id(Settings().medusa_stock_location) if client.can_write else None
        categories = client.category_handles() if client.can_write else None
        pages = [variants_frame(page, location, categories) for page in client.product_pages(progress)]
        catalog = pl.concat([variants_frame([], location), *pages])
        return dg.MaterializeResult(
            value=catalog,
            metadata={
                "products": catalog["product_id"].n_unique(),
                "half_made": catalog.height - catalog["half_made"].null_count(),
                "read_with": "admin key" if client.can_write else "publishable key (published products only)",
            },
        )
