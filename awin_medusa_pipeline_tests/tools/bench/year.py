"""Measures what nights leave on disk, and says what a year of them comes to once the old is removed.

Twenty thousand products, of whose rows one in fifty has another price each night and one in fifty another stock.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import dagster as dg
from rich.console import Console
from rich.table import Table

from awin_medusa_pipeline.core.tables import HISTORY
from awin_medusa_pipeline.defs.retention import KEPT
from awin_medusa_pipeline.sandbox import Sandbox
from awin_medusa_pipeline.sandbox.feed_generator import write_feed
from awin_medusa_pipeline.sync.store import ledger
from awin_medusa_pipeline.sync.store.past_reports import REPORTS
from awin_medusa_pipeline_tests.support.pipeline import Pipeline, pipeline_on
from awin_medusa_pipeline_tests.support.sandboxes import TEST_HOME
from awin_medusa_pipeline_tests.tools.bench import night
from awin_medusa_pipeline_tests.tools.bench.timing import Comparison

NIGHTS = 5
DAGSTER = "Dagster's storage"
STATE = "state store"
DAYS_KEPT = {REPORTS: KEPT.days, HISTORY: KEPT.days, DAGSTER: KEPT.days, STATE: ledger.KEPT.days}
"""Nights that are there at most; whatever is not named holds one night."""
YEAR = 365


def measure(folder: Path, console: Console) -> list[Comparison]:
    """Fill a shop of its own, let nights pass, and print what they left; nothing is compared."""
    sandbox = Sandbox(TEST_HOME / "bench", night.PORT, software=TEST_HOME / "software")
    with console.status("Starting the sandbox"):
        sandbox.up()
        sandbox.reset()
    try:
        write_feed(sandbox.feed_file, offers=night.ROWS, quirks=False)
        nights(sandbox, folder, console)
    finally:
        sandbox.down()
    return []


def nights(sandbox: Sandbox, folder: Path, console: Console) -> None:
    """Let a first night pass, then NIGHTS more, and print the table."""
    dagster, home = folder / "dagster", folder / "home"
    dagster.mkdir(parents=True)
    with (
        pipeline_on(sandbox, home, **night.UNGUARDED) as settings,
        dg.DagsterInstance.local_temp(str(dagster)) as instance,
    ):
        pipeline = Pipeline(home, instance, settings.environment)

        def pass_night() -> Counter[str]:
            pipeline.run()
            return sizes(home, dagster)

        with console.status("The first night"):
            first = pass_night()
        unchanged = _growth("Unchanged nights", first, sandbox, pass_night, console, changing=False)
        _growth("Nights with changes", unchanged, sandbox, pass_night, console, changing=True)


def _growth(
    name: str,
    before: Counter[str],
    sandbox: Sandbox,
    pass_night: Callable[[], Counter[str]],
    console: Console,
    *,
    changing: bool,
) -> Counter[str]:
    after = before
    with console.status(name):
        for _ in range(NIGHTS):
            if changing:
                night.change(sandbox.feed_file)
            after = pass_night()
    shown = Table("place", "now, MB", "a night, MB", "kept, days", "in a year, MB", title=f"{name}, {NIGHTS} of them")
    total = 0.0
    for place in sorted(after):
        each, days = max(0, after[place] - before[place]) / NIGHTS, DAYS_KEPT.get(place)
        # What is there now, without these nights, and as many nights as are kept within a year.
        there = before[place] + each * min(days, YEAR) if days else after[place]
        total += there
        cells = (f"{size / 1e6:,.2f}" for size in (after[place], each if days else 0))
        shown.add_row(place, *cells, str(days or "the newest"), f"{there / 1e6:,.0f}")
    shown.add_row("all", "", "", "", f"{total / 1e6:,.0f}")
    console.print(shown)
    return after


def sizes(home: Path, dagster: Path) -> Counter[str]:
    """Bytes by place: folders of the home by name, its files as the state store, and Dagster's storage."""
    found = Counter({DAGSTER: _bytes(dagster)})
    for path in home.iterdir():
        found[path.name if path.is_dir() else STATE] += _bytes(path)
    return found


def _bytes(path: Path) -> int:
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file() and not file.is_symlink())
