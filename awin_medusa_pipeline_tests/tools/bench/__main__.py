"""Runs `python -m awin_medusa_pipeline_tests.tools.bench [PART ...] [save]`; without a name all but `scale` and `year`.

`save` keeps the result in docs/benchmarks, as Markdown and JSON. `scale [ROWS ...]` measures feeds of growing size,
`year` what nights leave on disk.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from awin_medusa_pipeline_tests.tools.bench import console as pages
from awin_medusa_pipeline_tests.tools.bench import etsy, feed, kept, night, others, scale, shop, timing, year

WIDTH = 120
WHEN_ASKED_FOR = ("scale", "year")


def main(words: list[str]) -> None:
    """Measure and show."""
    console = Console(record=True, width=WIDTH)
    sizes = [int(word.replace("_", "").replace(",", "")) for word in words if word[0].isdigit()]
    parts: dict[str, Callable[[Path, Console], list[timing.Comparison]]] = {
        module.__name__.rpartition(".")[2]: module.measure for module in (feed, shop, night, others, etsy, pages, year)
    }
    parts["scale"] = lambda folder, console: scale.measure(folder, console, sizes or scale.SIZES)
    chosen = [name for name in parts if name in words] or [name for name in parts if name not in WHEN_ASKED_FOR]
    began = kept.Surroundings.now()
    results: list[timing.Comparison] = []
    measured: list[str] = []
    try:
        for name in chosen:
            with tempfile.TemporaryDirectory() as folder:
                results += parts[name](Path(folder), console)
                measured.append(name)
    finally:
        # Also when a later part fails: each takes minutes.
        if results:
            timing.show(results, console)
        if measured and "save" in words:
            console.print(kept.keep(began, measured, results, console.export_text(clear=False)))


if __name__ == "__main__":
    main(sys.argv[1:])
