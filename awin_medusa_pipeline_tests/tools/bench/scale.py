"""Measures how time and memory grow with the rows of a feed, file to all tables."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from awin_medusa_pipeline_tests.tools.bench.made_feed import CATALOG, FEED
from awin_medusa_pipeline_tests.tools.bench.timing import Comparison, Usage, run_module, usage_of_module

SIZES = (10_000, 100_000, 1_000_000, 3_000_000)
"""Rows of a feed. 10,000,000 take half an hour and 5 GB of disk, so they are measured when asked for."""


def measure(folder: Path, console: Console, sizes: Sequence[int] = SIZES) -> list[Comparison]:
    """Measure each size in a process of its own, and show the table; there is nothing to compare with."""
    package = __name__.rpartition(".")[0]
    used: dict[int, Usage] = {}
    for rows in sizes:
        home = folder / f"scale-{rows}"
        home.mkdir()
        with console.status(f"Making a feed of {rows:,} rows and a catalogue of nine tenths of it"):
            run_module(f"{package}.made_feed", str(rows), str(home))
        with console.status(f"Reading {rows:,} rows, matching and writing all tables"):
            used[rows] = usage_of_module(f"{package}.our_feed", str(home / FEED), str(home / CATALOG), str(home))
        shutil.rmtree(home)
    show(used, console)
    return []


def show(used: dict[int, Usage], console: Console) -> None:
    """Print the table that docs/speed.md quotes."""
    table = Table("rows", "wall, s", "CPU, s", "CPU, s per million", "peak, MB", title="File to all tables")
    for rows, usage in used.items():
        per_million = usage.cpu_seconds / rows * 1e6
        table.add_row(
            f"{rows:,}",
            f"{usage.seconds:.1f}",
            f"{usage.cpu_seconds:.1f}",
            f"{per_million:.1f}",
            f"{usage.megabytes:,.0f}",
        )
    console.print(table)
