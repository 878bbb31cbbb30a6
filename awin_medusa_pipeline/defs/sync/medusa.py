"""Defines the asset that reads the shop: group `medusa`."""

from collections.abc import Iterator

import dagster as dg
import polars as pl

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.files import staging
from awin_medusa_pipeline.defs.leftovers import ROWS
from awin_medusa_pipeline.defs.resources import applies, may_apply
from awin_medusa_pipeline.defs.sync.applied import ShopRun
from awin_medusa_pipeline.defs.tables import table_asset
from awin_medusa_pipeline.sync.engine.catalog import Memory, read_catalog


@table_asset(group_name="medusa", kinds={"medusa", "polars"})
def medusa_catalog(
    context: dg.AssetExecutionContext, app: dg.ResourceParam[App], sync_run: ShopRun
) -> Iterator[dg.MaterializeResult[pl.LazyFrame]]:
    """Every product and variant of the shop, drafts included, with price, level and this program's metadata."""
    if applies(context.run):
        sync_run.take_shop()  # before reading, so that no other run changes the shop before this one writes
    # A key that only reads fails this step, and not each of those that apply.
    with (
        app.medusa(applying=may_apply(context.run)) as client,
        staging(ROWS) as folder,
    ):
        catalog = read_catalog(
            client,
            app.places,
            folder,
            lambda done, total: context.log.info(f"Read {done:,} of {total:,} products"),
            Memory(sync_run.unfinished_imports, app.etsy.links.of_any),
        )
        yield dg.MaterializeResult(value=catalog.table, metadata=catalog.numbers)
