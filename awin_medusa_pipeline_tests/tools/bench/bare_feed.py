"""Sets the floor for a large feed: reads, makes slugs, joins, compares. No care for damage, duplicates or memory.

Usage: python -m awin_medusa_pipeline_tests.tools.bench.bare_feed FEED CATALOG
"""

import sys

import polars as pl


def slug(column: str) -> pl.Expr:
    """Make a handle in the shortest way."""
    return (
        pl.col(column).str.to_lowercase().str.normalize("NFKD").str.replace_all(r"[^a-z0-9]+", "-").str.strip_chars("-")
    )


def main(feed: str, catalog: str) -> None:
    """Join by key, SKU, GTIN and handle, the anti joins of both sides, and what differs in what matched."""
    offers = pl.read_csv(feed, infer_schema=False).select(
        "merchant_product_id",
        "product_name",
        "description",
        "search_price",
        "in_stock",
        "ean",
        "merchant_image_url",
        category=slug("merchant_category"),
        key=pl.format("awin:{}:{}", "merchant_id", "merchant_product_id"),
        handle=slug("product_name"),
    )
    variants = pl.read_parquet(catalog).with_columns(slug=slug("handle"))
    found = pl.concat(
        [
            offers.join(variants, left_on="key", right_on="offer_key").select("key", "variant_id"),
            offers.join(variants, left_on="merchant_product_id", right_on="sku").select("key", "variant_id"),
            offers.drop_nulls("ean").join(variants, left_on="ean", right_on="barcode").select("key", "variant_id"),
            offers.join(variants.unique("slug"), left_on="handle", right_on="slug").select("key", "variant_id"),
        ]
    ).unique("key")
    missing = offers.join(found, on="key", how="anti")
    only = variants.join(found, on="variant_id", how="anti")
    matched = found.join(offers, on="key").join(variants, on="variant_id", suffix="_shop")
    differing = matched.select(
        price=pl.col("search_price") != pl.col("prices").list.first().struct.field("amount").cast(pl.String),
        level=pl.col("in_stock") != (pl.col("level") > 0).cast(pl.Int8).cast(pl.String),
        title=pl.col("product_name") != pl.col("title"),
        description=pl.col("description") != pl.col("description_shop"),
        image=pl.col("merchant_image_url") != pl.col("images").list.first(),
        category=pl.col("category") != pl.col("categories").list.first(),
    ).sum()
    assert missing.height
    assert only.height
    assert differing.height


if __name__ == "__main__":
    main(*sys.argv[1:])
