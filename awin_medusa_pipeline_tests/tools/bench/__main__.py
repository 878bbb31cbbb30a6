"""Runs `python -m awin_medusa_pipeline_tests.tools.bench [feed] [shop] [etsy] [console]`; all without an argument.

`... bench scale [ROWS ...]` measures feeds of growing size alone, by default up to three million rows.
"""

import sys
import tempfile
from pathlib import Path

from rich.console import Console

from awin_medusa_pipeline_tests.tools.bench import console as pages
from awin_medusa_pipeline_tests.tools.bench import etsy, feed, scale, shop, timing

console = Console()


def main(parts: list[str]) -> None:
    """Measure and show."""
    results: list[timing.Comparison] = []
    with tempfile.TemporaryDirectory() as folder:
        if "scale" in parts:
            sizes = [int(part.replace("_", "").replace(",", "")) for part in parts if part != "scale"]
            scale.measure(Path(folder), console, sizes or scale.SIZES)
            return
        for part in (feed, shop, etsy, pages):
            name = part.__name__.rpartition(".")[2]
            if not parts or name in parts:
                results += part.measure(Path(folder), console)
    if results:
        timing.show(results, console)


if __name__ == "__main__":
    main(sys.argv[1:])
