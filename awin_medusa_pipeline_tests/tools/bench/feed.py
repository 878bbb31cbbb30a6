"""Measures a million rows, file to all tables, beside a bare polars script."""

import statistics
from pathlib import Path

from rich.console import Console

from awin_medusa_pipeline.sandbox.feed_generator import write_feed
from awin_medusa_pipeline_tests.tools.bench.made_feed import CATALOG, FEED
from awin_medusa_pipeline_tests.tools.bench.timing import Comparison, Usage, compare, run_module, usage_of_module

ROWS = 1_000_000
PAIRS = 3


def measure(folder: Path, console: Console) -> list[Comparison]:
    """Measure whole processes, so that memory is theirs alone."""
    package = __name__.rpartition(".")[0]
    source, clean, catalog = folder / FEED, folder / "clean.csv.gz", folder / CATALOG
    with console.status(f"Making a feed of {ROWS:,} rows and a catalogue of nine tenths of it"):
        run_module(f"{package}.made_feed", str(ROWS), str(folder))
        # The bare script reads a file without damage, since one broken row ends it.
        write_feed(clean, offers=ROWS, quirks=False)
    used: dict[str, list[Usage]] = {"our_feed": [], "bare_feed": []}

    def run(module: str, *arguments: str) -> float:
        used[module].append(usage_of_module(f"{package}.{module}", *arguments))
        return used[module][-1].seconds

    def ours() -> float:
        return run("our_feed", str(source), str(catalog), str(folder))

    def bare() -> float:
        return run("bare_feed", str(clean), str(catalog))

    with console.status("Reading, matching and writing all tables"):
        ours()
        used["our_feed"].clear()
        result = compare(f"{ROWS:,} rows, file to all tables", 1.5, ours, bare, PAIRS)
    pairs = zip(used["our_feed"], used["bare_feed"], strict=True)
    ratio = statistics.median(ours.cpu_seconds / bare.cpu_seconds for ours, bare in pairs)
    peak = max(usage.megabytes for usage in used["our_feed"])
    result.note = f"CPU {ratio:.2f}; our peak memory {peak:,.0f} MB (limit 1,024)"
    return [result]
