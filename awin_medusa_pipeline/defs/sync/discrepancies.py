"""Defines the assets that compare feed and shop: group `discrepancies`."""

import dagster as dg
import polars as pl

from awin_medusa_pipeline.defs.sync.applied import ShopRun
from awin_medusa_pipeline.defs.tables import table, table_asset
from awin_medusa_pipeline.sync.domain import adoption, discrepancies, ownership, price_steps

GROUP = "discrepancies"
KINDS = {"polars"}
Table = dg.MaterializeResult[pl.LazyFrame]


@table_asset(group_name=GROUP, kinds=KINDS)
def matched_products(awin_feed: pl.LazyFrame, medusa_catalog: pl.LazyFrame, sync_run: ShopRun) -> Table:
    """Each offer with its variant in the shop, and the reason of the match: our key, SKU, GTIN or handle."""
    return dg.MaterializeResult(value=discrepancies.matched_products(awin_feed, medusa_catalog, sync_run.rules.stock))


@table_asset(group_name=GROUP, kinds=KINDS)
def adoption_candidates(
    awin_feed: pl.LazyFrame, medusa_catalog: pl.LazyFrame, matched_products: pl.LazyFrame, sync_run: ShopRun
) -> Table:
    """Products of the shop that agree with an offer by SKU, GTIN or name, with the evidence on both sides."""
    candidates = adoption.adoption_candidates(awin_feed, medusa_catalog, matched_products)
    return table(candidates.lazy(), sync_run.reports, "adoption-candidates.csv")


@table_asset(group_name=GROUP, kinds=KINDS)
def loose_matches(
    awin_feed: pl.LazyFrame,
    medusa_catalog: pl.LazyFrame,
    matched_products: pl.LazyFrame,
    sync_run: ShopRun,
) -> Table:
    """Offers and products that only look alike: neither imported nor hidden until a person decides."""
    pairs = discrepancies.loose_matches(awin_feed, medusa_catalog, matched_products)
    return table(pairs.lazy(), sync_run.reports, "loose-matches.csv")


@table_asset(group_name=GROUP, kinds=KINDS)
def missing_awin_products(
    awin_feed: pl.LazyFrame,
    medusa_catalog: pl.LazyFrame,
    matched_products: pl.LazyFrame,
    loose_matches: pl.LazyFrame,
    sync_run: ShopRun,
) -> Table:
    """Offers that the shop does not have, with the handle and title that they will get."""
    missing = discrepancies.missing_products(
        awin_feed, medusa_catalog, matched_products, loose_matches, sync_run.rules.stock
    )
    return table(missing, sync_run.reports, "missing-awin-products.csv")


@table_asset(group_name=GROUP, kinds=KINDS)
def medusa_only_products(
    medusa_catalog: pl.LazyFrame,
    matched_products: pl.LazyFrame,
    missing_awin_products: pl.LazyFrame,
    loose_matches: pl.LazyFrame,
    sync_run: ShopRun,
) -> Table:
    """Published products of the shop that are not in the feed; by setting also those sold out and not counted."""
    only = discrepancies.medusa_only_products(
        medusa_catalog, matched_products, missing_awin_products, loose_matches
    ).collect()
    feeds = sync_run.feeds_missed(only["product_id"].to_list())
    rows = discrepancies.with_absences(only.lazy(), feeds)
    if sync_run.rules.hide.uncounted_sold_out:
        sold_out = discrepancies.sold_out_products(medusa_catalog, matched_products, missing_awin_products)
        rows = pl.concat([rows, sold_out])
    return table(rows, sync_run.reports, "medusa-only-products.csv")


@table_asset(group_name=GROUP, kinds=KINDS)
def returning_products(
    matched_products: pl.LazyFrame,
    medusa_catalog: pl.LazyFrame,
    missing_awin_products: pl.LazyFrame,
    sync_run: ShopRun,
) -> Table:
    """Products that this program hid and that the feed offers again; one hidden by hand stays hidden."""
    returning = discrepancies.returning_products(
        matched_products,
        medusa_catalog,
        missing_awin_products,
        sold_out_stay=sync_run.rules.hide.uncounted_sold_out,
    )
    return dg.MaterializeResult(
        value=returning,
        metadata={"hidden_by_hand": discrepancies.hidden_by_hand(matched_products)},
    )


@table_asset(group_name=GROUP, kinds=KINDS)
def stock_mismatches(
    matched_products: pl.LazyFrame,
    medusa_catalog: pl.LazyFrame,
    missing_awin_products: pl.LazyFrame,
    sync_run: ShopRun,
) -> Table:
    """Variants whose level differs from what the feed asks for."""
    mismatches = discrepancies.stock_mismatches(matched_products, medusa_catalog, missing_awin_products)
    return table(mismatches, sync_run.reports, "stock-mismatches.csv")


@table_asset(group_name=GROUP, kinds=KINDS)
def price_mismatches(matched_products: pl.LazyFrame, sync_run: ShopRun) -> Table:
    """Variants whose price differs from the feed's, and whether it changes: SYNC_OWNER_PRICE decides."""
    written = sync_run.written.of(sync_run.row.shop)
    rules = sync_run.rules
    differing = ownership.price_mismatches(matched_products, written, rules.owners, rules.price_jump).collect()
    steps = sync_run.price_steps(differing)
    mismatches = price_steps.with_earlier_prices(differing, steps, rules.price_jump)
    return table(mismatches.lazy(), sync_run.reports, "price-mismatches.csv")


@table_asset(group_name=GROUP, kinds=KINDS)
def content_mismatches(
    awin_feed: pl.LazyFrame,
    medusa_catalog: pl.LazyFrame,
    matched_products: pl.LazyFrame,
    missing_awin_products: pl.LazyFrame,
    sync_run: ShopRun,
) -> Table:
    """Titles, descriptions, images and categories that differ from the feed's, and whether each changes."""
    written = sync_run.written.of(sync_run.row.shop)
    mismatches = ownership.content_mismatches(
        awin_feed, medusa_catalog, matched_products, missing_awin_products, written, sync_run.rules.owners
    )
    return table(mismatches.lazy(), sync_run.reports, "content-mismatches.csv")
