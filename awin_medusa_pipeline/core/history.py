"""What the tables said in earlier runs: of each run the few columns that tell one product's story, kept 30 days.

What belongs here: keeping and finding them. What does not: the newest state of a table (defs/io_managers.py) and the
story (sync/engine/why.py). One parquet file an asset and run, `<home>/history/<asset>/<UTC time>-<first 8 of run id>`,
so a run that fails later has left what it saw.
"""

import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import polars as pl
from upath import UPath

from awin_medusa_pipeline.core.files import home_path, local_path, replacing
from awin_medusa_pipeline.sync.store.reports import folder_name

HISTORY = "history"
SUFFIX = ".parquet"
# Measured: of a million offers, nine tenths of them in the shop, these columns take 35 MB and 0.7 s a run.
TRACED: Mapping[str, Sequence[str]] = {
    "awin_feed": (
        *("offer_key", "product_key", "sku", "aw_product_id", "gtin", "name"),
        *("price", "currency", "in_stock", "quantity", "feed", "line"),
    ),
    "awin_feed_rejects": ("feed", "line", "reason", "detail", "raw", "offer_key"),
    "matched_products": ("offer_key", "variant_id", "product_id", "handle", "sku", "match_reason", "wanted_level"),
    "medusa_only_products": ("product_id", "handle", "title", "external_id", "skus", "feeds_missed", "loose_match"),
}


def keep(home: str, asset: str, run_id: str, table: pl.LazyFrame, *, now: datetime | None = None) -> None:
    """Keep a run's table, when it is one that stories are told from; written again in one run, the newest counts."""
    if asset in TRACED:
        name = folder_name(now or datetime.now(UTC), run_id) + SUFFIX
        with replacing(home_path(home) / HISTORY / asset / name) as file:
            table.select(TRACED[asset]).sink_parquet(file)


def kept(home: str, asset: str, run_id: str) -> pl.LazyFrame | None:
    """A run's table, narrow; None when that run made none, or it is too old."""
    folder = home_path(home) / HISTORY / asset
    found = sorted(path.name for path in folder.glob(f"*-{run_id[:8]}{SUFFIX}")) if folder.exists() else []
    return scan(folder / found[-1]) if found else None


def scan(path: UPath) -> pl.LazyFrame:
    """A parquet file at any address."""
    local = local_path(path)
    return pl.scan_parquet(local if local is not None else io.BytesIO(path.read_bytes()))
