"""What differs between feed and shop: group `discrepancies`.

What belongs here: one asset a table. What does not: the comparison itself (sync/domain/discrepancies.py).
"""

from datetime import UTC, datetime

import dagster as dg
import polars as pl

from awin_medusa_pipeline.core.messages import run_url, sync_message
from awin_medusa_pipeline.defs.resources import Slack, StateStore
from awin_medusa_pipeline.defs.tables import OWNERS, schema_metadata, table
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline.sync.domain import contracts, discrepancies, ownership
from awin_medusa_pipeline.sync.domain.summary import sync_counts
from awin_medusa_pipeline.sync.engine.held import told
from awin_medusa_pipeline.sync.engine.intake import remarks

GROUP = "discrepancies"
KINDS = {"polars"}
Table = dg.MaterializeResult[pl.LazyFrame]


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS, metadata=schema_metadata(contracts.MatchedProduct))
def matched_products(awin_feed: pl.LazyFrame, medusa_catalog: pl.LazyFrame) -> Table:
    """Each offer beside the variant that it is, with the reason: our key, SKU, GTIN or handle."""
    return dg.MaterializeResult(value=discrepancies.matched_products(awin_feed, medusa_catalog, Settings().stock_rules))


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS, metadata=schema_metadata(contracts.LooseMatch))
def loose_matches(
    context: dg.AssetExecutionContext,
    awin_feed: pl.LazyFrame,
    medusa_catalog: pl.LazyFrame,
    matched_products: pl.LazyFrame,
    store: StateStore,
) -> Table:
    """Offers and products that only look alike; neither imported nor hidden until a person decides."""
    pairs = discrepancies.loose_matches(awin_feed, medusa_catalog, matched_products)
    return table(pairs.lazy(), store.reports(context.run), "loose-matches.csv")


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS, metadata=schema_metadata(contracts.MissingProduct))
def missing_awin_products(
    context: dg.AssetExecutionContext,
    awin_feed: pl.LazyFrame,
    medusa_catalog: pl.LazyFrame,
    matched_products: pl.LazyFrame,
    loose_matches: pl.LazyFrame,
    store: StateStore,
) -> Table:
    """Offers that the shop does not have, with the handle and title that they will get."""
    missing = discrepancies.missing_products(
        awin_feed, medusa_catalog, matched_products, loose_matches, Settings().stock_rules
    )
    return table(missing, store.reports(context.run), "missing-awin-products.csv")


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS, metadata=schema_metadata(contracts.MedusaOnlyProduct))
def medusa_only_products(
    context: dg.AssetExecutionContext,
    medusa_catalog: pl.LazyFrame,
    matched_products: pl.LazyFrame,
    missing_awin_products: pl.LazyFrame,
    loose_matches: pl.LazyFrame,
    store: StateStore,
) -> Table:
    """Published products of the shop that are not in the feed."""
    only = discrepancies.medusa_only_products(
        medusa_catalog, matched_products, missing_awin_products, loose_matches
    ).collect()
    feeds = store.feeds_missed(context.run, only["product_id"].to_list())
    return table(
        discrepancies.with_absences(only.lazy(), feeds), store.reports(context.run), "medusa-only-products.csv"
    )


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS, metadata=schema_metadata(contracts.ReturningProduct))
def returning_products(
    matched_products: pl.LazyFrame, medusa_catalog: pl.LazyFrame, missing_awin_products: pl.LazyFrame
) -> Table:
    """Products that this program hid and that the feed offers again; one hidden by hand stays hidden."""
    returning = discrepancies.returning_products(matched_products, medusa_catalog, missing_awin_products)
    return dg.MaterializeResult(
        value=returning,
        metadata={"hidden_by_hand": discrepancies.hidden_by_hand(matched_products)},
    )


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS, metadata=schema_metadata(contracts.StockMismatch))
def stock_mismatches(
    context: dg.AssetExecutionContext,
    matched_products: pl.LazyFrame,
    medusa_catalog: pl.LazyFrame,
    missing_awin_products: pl.LazyFrame,
    store: StateStore,
) -> Table:
    """Variants whose level is not the one that the feed asks for."""
    mismatches = discrepancies.stock_mismatches(matched_products, medusa_catalog, missing_awin_products)
    return table(mismatches, store.reports(context.run), "stock-mismatches.csv")


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS, metadata=schema_metadata(contracts.PriceMismatch))
def price_mismatches(context: dg.AssetExecutionContext, matched_products: pl.LazyFrame, store: StateStore) -> Table:
    """Variants whose price is not the feed's, and what becomes of it: SYNC_OWNER_PRICE decides."""
    written = store.written.of(store.run(context.run).shop)
    mismatches = ownership.price_mismatches(matched_products, written, Settings().owners)
    return table(mismatches, store.reports(context.run), "price-mismatches.csv")


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS, metadata=schema_metadata(contracts.ContentMismatch))
def content_mismatches(
    context: dg.AssetExecutionContext,
    awin_feed: pl.LazyFrame,
    medusa_catalog: pl.LazyFrame,
    matched_products: pl.LazyFrame,
    missing_awin_products: pl.LazyFrame,
    store: StateStore,
) -> Table:
    """Titles, descriptions, images and categories that are not the feed's, and what becomes of each."""
    written = store.written.of(store.run(context.run).shop)
    mismatches = ownership.content_mismatches(
        awin_feed, medusa_catalog, matched_products, missing_awin_products, written, Settings().owners
    )
    return table(mismatches.lazy(), store.reports(context.run), "content-mismatches.csv")


@dg.asset(
    group_name=GROUP,
    kinds={"json", "slack"},
    owners=OWNERS,
    deps=[
        *("imported_products", "hidden_products", "restored_products"),
        *("stock_updates", "price_updates", "content_updates"),
    ],
)
def sync_summary(
    context: dg.AssetExecutionContext,
    awin_feed_rejects: pl.LazyFrame,
    awin_feed: pl.LazyFrame,
    medusa_catalog: pl.LazyFrame,
    matched_products: pl.LazyFrame,
    missing_awin_products: pl.LazyFrame,
    medusa_only_products: pl.LazyFrame,
    returning_products: pl.LazyFrame,
    stock_mismatches: pl.LazyFrame,
    price_mismatches: pl.LazyFrame,
    content_mismatches: pl.LazyFrame,
    loose_matches: pl.LazyFrame,
    store: StateStore,
    slack: Slack,
) -> dg.MaterializeResult[None]:
    """The run in numbers: what came in, what it was found to be, what was done. Also sent to Slack."""
    tables = {
        "awin_feed": awin_feed,
        "awin_feed_rejects": awin_feed_rejects,
        "medusa_catalog": medusa_catalog,
        "matched_products": matched_products,
        "missing_awin_products": missing_awin_products,
        "medusa_only_products": medusa_only_products,
        "returning_products": returning_products,
        "stock_mismatches": stock_mismatches,
        "price_mismatches": price_mismatches,
        "content_mismatches": content_mismatches,
        "loose_matches": loose_matches,
    }
    reports, run = store.reports(context.run), store.run(context.run)
    counts = sync_counts(tables, store.ledger.counts(run.run_id))
    seconds = (datetime.now(UTC) - run.started_at).total_seconds()
    url = run_url(Settings().dagster_webserver_url, run.run_id)
    facts = {"run": run.run_id, "job": run.job, "shop": run.shop, "dry_run": run.dry_run, "started_at": run.started_at}
    notes = [
        f"{plan.kind} is held for {len(plan.rows):,} rows: {told(plan)}" for plan in store.plans.of_run(run.run_id)
    ]
    heard = " ".join(notes)
    notes += [text for text in remarks(store.feeds, run.run_id, Settings().guard_limits) if text not in heard]
    notes += ownership.hand_edits({"price": price_mismatches, "content": content_mismatches})
    path = reports.write_json({**facts, "seconds": round(seconds, 1), **counts, "notes": notes})
    reports.point_latest()
    store.ledger.finish_run(run.run_id)
    message = sync_message(
        counts, job=run.job, shop=run.shop, seconds=seconds, url=url, dry_run=run.dry_run, notes=notes
    )
    slack.tell(store.database, f"summary-{run.run_id}", message)
    flat = {f"{k}_{s}": n for k, v in counts.items() if isinstance(v, dict) for s, n in v.items()}
    numbers = {name: value for name, value in counts.items() if isinstance(value, int)}
    return dg.MaterializeResult(metadata={**numbers, **flat, "report": dg.MetadataValue.path(str(path))})
