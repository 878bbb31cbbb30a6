"""Defines the assets that read the feed: group `awin`."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import dagster as dg
import polars as pl
from pydantic import Field

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.files import staging
from awin_medusa_pipeline.defs.contracts import contract_kept, contract_spec
from awin_medusa_pipeline.defs.io_managers import stored
from awin_medusa_pipeline.defs.leftovers import FEEDS, ROWS
from awin_medusa_pipeline.defs.shown import plain
from awin_medusa_pipeline.defs.steps import multi_asset
from awin_medusa_pipeline.defs.sync.applied import ShopRun
from awin_medusa_pipeline.defs.tables import OWNERS, schema_metadata
from awin_medusa_pipeline.sync.clients.awin import Progress
from awin_medusa_pipeline.sync.engine.intake import take_feeds

GROUP = "awin"
KINDS = {"awin", "csv", "polars"}
SECONDS_BETWEEN_LINES = 5
CURRENCIES = dg.AssetCheckSpec(
    "currencies_in_shop", asset="awin_feed", blocking=True, description="The shop has every currency of the feed."
)


class FeedConfig(dg.Config):
    """Whether an unusually small feed is accepted."""

    accept_smaller_feed: bool = Field(
        default=False,
        description="Take a feed of less than a quarter of the last accepted one's size; for the one run after an "
        "advertiser has really cut its range.",
    )


@multi_asset(
    outs={
        "awin_feed": dg.AssetOut(
            description="Every row of the feed that can be sold: one per variant.",
            group_name=GROUP,
            kinds=KINDS,
            owners=OWNERS,
            metadata=schema_metadata("awin_feed"),
        ),
        "awin_feed_rejects": dg.AssetOut(
            description="Every row that cannot be sold, with line, reason and the row as it came.",
            group_name=GROUP,
            kinds=KINDS,
            owners=OWNERS,
            metadata=schema_metadata("awin_feed_rejects"),
        ),
    },
    check_specs=[contract_spec("awin_feed"), CURRENCIES, contract_spec("awin_feed_rejects")],
)
def awin_feeds(
    context: dg.AssetExecutionContext,
    config: FeedConfig,
    app: dg.ResourceParam[App],
    sync_run: ShopRun,
    medusa_catalog: pl.LazyFrame,
) -> Iterator[dg.Output[pl.LazyFrame] | dg.AssetCheckResult]:
    """Download, check and parse every feed of AWIN_FEED_URL; passes nothing on until all are sound.

    The shop decides which of several rows with one id or SKU stands.
    """
    with staging(ROWS) as parts:
        intake = take_feeds(
            app.feed_source,
            sync_run.feeds,
            sync_run.id,
            downloads=app.scratch / FEEDS,
            parts=parts,
            limits=sync_run.rules.limits,
            progress=log_download(context.log),
            accept_smaller=config.accept_smaller_feed,
            shop=medusa_catalog,
        )
        yield dg.Output(intake.tables.offers, "awin_feed", metadata=intake.numbers)
        yield contract_kept("awin_feed")
        yield currencies_in_shop(app, stored("awin_feed"))
        report = sync_run.reports.write_csv(intake.tables.rejects, "rejected-rows.csv")
        metadata: dict[str, Any] = {**intake.rejected_by, "report": dg.MetadataValue.path(str(report))}
        yield dg.Output(intake.tables.rejects, "awin_feed_rejects", metadata=metadata)
        yield contract_kept("awin_feed_rejects")


def currencies_in_shop(app: App, awin_feed: pl.LazyFrame) -> dg.AssetCheckResult:
    """Check the currencies before anything is written: a price in a currency that the shop lacks sells nothing."""
    result = partial(dg.AssetCheckResult, asset_key=CURRENCIES.asset_key, check_name=CURRENCIES.name)
    wanted = awin_feed.group_by("currency").len("offers").collect()
    with app.medusa() as client:
        if not client.can_write:
            return result(passed=True, description="A publishable key cannot see the shop's currencies.")
        has = client.currencies()
    lacking = dict(wanted.filter(~pl.col("currency").is_in(list(has))).iter_rows())
    names = ", ".join(f"{plain(code.upper())} ({offers:,} offers)" for code, offers in lacking.items())
    return result(
        passed=not lacking,
        description=f"The feed sells in {names}; the shop has {', '.join(sorted(has)).upper()}. "
        "Add the currency in Medusa Admin > Settings > Store, or take that feed out of AWIN_FEED_URL. "
        "[currency_not_in_shop]"
        if lacking
        else None,
    )


def log_download(log: dg.DagsterLogManager) -> Progress:
    """Make a callback that logs the progress of a download, one line every few seconds."""
    logged_at = 0.0

    def progress(done: int, total: int | None, seconds: float) -> None:
        nonlocal logged_at
        if seconds >= logged_at + SECONDS_BETWEEN_LINES or done == total:
            logged_at = seconds
            share = f" of {total / 1e6:.1f}" if total else ""
            log.info(f"Downloaded {done / 1e6:.1f}{share} MB, {done / 1e6 / max(seconds, 1e-3):.1f} MB/s")

    return progress
