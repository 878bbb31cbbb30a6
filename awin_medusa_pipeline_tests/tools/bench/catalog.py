"""Makes a shop's catalogue from a feed, as large as one likes, for measuring without a shop."""

from pathlib import Path

import polars as pl

from awin_medusa_pipeline.core.contracts import dtypes
from awin_medusa_pipeline.medusa.contracts import CatalogVariant
from awin_medusa_pipeline.sync.domain.products import category_paths
from awin_medusa_pipeline.sync.domain.text import slug


def write_catalog(offers: pl.LazyFrame, path: Path) -> None:
    """Put nine of ten offers into the shop; of those one in fifty has lost its key, and one in seven another level."""
    number = pl.col("number").cast(pl.Int64)
    pictures = pl.concat_list("image_url", "more_image_urls").list.drop_nulls()
    keyless = number % 50 == 1
    columns = {
        "product_id": pl.format("prod_{}", "product_key"),
        "variant_id": pl.format("variant_{}", number),
        "handle": pl.concat_str(slug(pl.col("name")), slug(pl.col("product_key")), separator="-"),
        "title": pl.col("name"),
        "status": pl.lit("published"),
        # Without it nothing counts as ours, and half of the tables stay empty.
        "ignored": pl.lit(False),
        "backorder": pl.lit(False),
        "external_id": pl.when(~keyless).then("product_key"),
        "offer_key": pl.when(~keyless).then("offer_key"),
        "sku": pl.when(number % 100 != 1).then("sku"),
        "barcode": pl.col("gtin"),
        "manage_inventory": pl.lit(True),
        "inventory_item_id": pl.format("iitem_{}", number),
        "level": pl.when(number % 7 == 0).then(3).otherwise(10).cast(pl.Int64),
        "reserved": pl.lit(0, pl.Int64),
        # A group's products have the text of the first, and so on: those differ here.
        "description": pl.col("description"),
        "images": pictures.list.head(1).list.concat(pictures),
        "categories": pl.concat_list(slug(category_paths(pl.col("category")))),
        "prices": pl.concat_list(pl.struct(currency="currency", amount="price")),
    }
    schema = dtypes(CatalogVariant)
    blanks = {name: pl.lit(None, dtype) for name, dtype in schema.items() if name not in columns}
    rows = offers.with_row_index("number").filter(number % 10 != 0)
    rows.select(**columns, **blanks).select(*schema).sink_parquet(path)
