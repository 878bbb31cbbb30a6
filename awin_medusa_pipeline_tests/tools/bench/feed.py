"""Measures a million rows, file to all tables, beside a bare polars script."""

from pathlib import Path

from rich.console import Console

from awin_medusa_pipeline.sandbox.feed_generator import write_feed
from awin_medusa_pipeline.sync.domain.feed.feed import FeedRules
from awin_medusa_pipeline.sync.engine.intake import FeedParts
from awin_medusa_pipeline_tests.tools.bench.catalog import write_catalog
from awin_medusa_pipeline_tests.tools.bench.timing import Comparison, compare, largest_child_megabytes, run_module

ROWS = 1_000_000
PAIRS = 3


def measure(folder: Path, console: Console) -> list[Comparison]:
    """Measure whole processes, so that memory is theirs alone."""
    source, clean, catalog = folder / "feed.csv.gz", folder / "clean.csv.gz", folder / "catalog.parquet"
    with console.status(f"Making a feed of {ROWS:,} rows and a catalogue of nine tenths of it"):
        write_feed(source, offers=ROWS)
        # The bare script reads a file without damage, since one broken row ends it.
        write_feed(clean, offers=ROWS, quirks=False)
        parts = FeedParts(folder / "made", FeedRules())
        parts.add(source, "bench")
        write_catalog(parts.offers, catalog)
    package = __name__.rpartition(".")[0]
    peaks: list[float] = []

    def ours() -> float:
        seconds = run_module(f"{package}.our_feed", str(source), str(catalog), str(folder))
        peaks.append(largest_child_megabytes())
        return seconds

    def bare() -> float:
        return run_module(f"{package}.bare_feed", str(clean), str(catalog))

    run_module(f"{package}.our_feed", str(source), str(catalog), str(folder))
    peaks.append(largest_child_megabytes())
    with console.status("Reading, matching and writing all tables"):
        result = compare(f"{ROWS:,} rows, file to all tables", 2.5, ours, bare, PAIRS)
    result.note = f"our peak memory {peaks[0]:,.0f} MB (limit 2,000)"
    return [result]
