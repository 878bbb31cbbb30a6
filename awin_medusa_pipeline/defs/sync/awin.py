"""The feed: group `awin`.

What belongs here: taking the feed in as tables. What does not: how (sync/engine/intake.py).
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg
import polars as pl
from pydantic import Field

from awin_medusa_pipeline.core.files import local_home
from awin_medusa_pipeline.defs.resources import StateStore
from awin_medusa_pipeline.defs.tables import OWNERS, schema_metadata
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline.sync.clients.awin import Progress
from awin_medusa_pipeline.sync.domain.contracts import Offer, RejectedRow
from awin_medusa_pipeline.sync.engine.intake import take_feeds

GROUP = "awin"
KINDS = {"awin", "csv", "polars"}
SECONDS_BETWEEN_LINES = 5


class FeedConfig(dg.Config):
    """How the feed is judged."""

    accept_smaller_feed: bool = Field(
        default=False,
        description="Take a feed of less than a quarter of the last accepted one's size; for the one run after an "
        "advertiser has really cut its range.",
    )


@dg.multi_asset(
    outs={
        "awin_feed": dg.AssetOut(
            description="Every row of the feed that can be sold: one a variant, first of its duplicates.",
            group_name=GROUP,
            kinds=KINDS,
            owners=OWNERS,
            metadata=schema_metadata(Offer),
        ),
        "awin_feed_rejects": dg.AssetOut(
            description="Every row that cannot be sold, with line, reason and the row as it came.",
            group_name=GROUP,
            kinds=KINDS,
            owners=OWNERS,
            metadata=schema_metadata(RejectedRow),
        ),
    }
)
def awin_feeds(
    context: dg.AssetExecutionContext, config: FeedConfig, store: StateStore
) -> Iterator[dg.Output[pl.LazyFrame]]:
    """Download, judge and parse AWIN_FEED_URL; nothing is passed on before every feed is sound."""
    settings = Settings()
    local = local_home(settings.awin_medusa_home)
    with TemporaryDirectory(dir=local) as parts:
        tables, taken = take_feeds(
            settings,
            store.feeds,
            context.run.run_id,
            downloads=local / "feeds",
            parts=Path(parts),
            progress=_progress(context.log),
            accept_smaller=config.accept_smaller_feed,
        )
        facts: dict[str, Any] = {
            "bytes_downloaded": sum(feed.bytes for feed, _ in taken),
            "unchanged": all(feed.unchanged for feed, _ in taken),
            "damaged_characters": sum(numbers.damaged for _, numbers in taken),
            "feeds": [feed.label for feed, _ in taken],
        }
        yield dg.Output(tables.offers, "awin_feed", metadata=facts)
        report = store.reports(context.run).write_csv(tables.rejects, "rejected-rows.csv")
        reasons = sum((Counter(numbers.rejected) for _, numbers in taken), Counter())
        yield dg.Output(
            tables.rejects, "awin_feed_rejects", metadata={**reasons, "report": dg.MetadataValue.path(str(report))}
        )


def _progress(log: dg.DagsterLogManager) -> Progress:
    told = 0.0

    def progress(done: int, total: int | None, seconds: float) -> None:
        nonlocal told
        if seconds >= told + SECONDS_BETWEEN_LINES or done == total:
            told = seconds
            share = f" of {total / 1e6:.1f}" if total else ""
            log.info(f"Downloaded {done / 1e6:.1f}{share} MB, {done / 1e6 / max(seconds, 1e-3):.1f} MB/s")

    return progress
