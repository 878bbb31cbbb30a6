"""Makes the figures of docs/testing.md: `make chaos`."""

import argparse
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from awin_medusa_pipeline.sandbox import Sandbox
from awin_medusa_pipeline_tests.support.sandboxes import TEST_HOME
from awin_medusa_pipeline_tests.tools.chaos import etsy, workers
from awin_medusa_pipeline_tests.tools.chaos.judge import Findings
from awin_medusa_pipeline_tests.tools.chaos.laboratory import Laboratory
from awin_medusa_pipeline_tests.tools.chaos.trouble import (
    Report,
    answer_strangely,
    contend,
    kill_shop,
    kill_sync,
    repeated,
    restore_shop,
    restore_store,
    spoil_requests,
    stop_sync,
)

PORT = 23500
console = Console()


def main() -> int:
    """Make the trouble, show what is left of it; 1 when anything is."""
    arguments = argparse.ArgumentParser(description="Trouble on purpose, on a sandbox of its own.")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--kills", type=int, default=200, help="syncs ended by SIGKILL")
    arguments.add_argument("--shop-kills", type=int, default=20, help="Medusa ended by SIGKILL during a write")
    arguments.add_argument("--spoilt", type=int, default=20, help="syncs with every tenth request spoilt")
    arguments.add_argument(
        "--stops", type=int, default=20, help="syncs stopped past their lease, another one meanwhile"
    )
    arguments.add_argument("--pairs", type=int, default=20, help="two syncs at once")
    arguments.add_argument("--strange", type=int, default=20, help="syncs with answers of strange shapes")
    arguments.add_argument("--restored", type=int, default=6, help="backups of yesterday, each of shop and of store")
    arguments.add_argument("--etsy-kills", type=int, default=50, help="jobs onto the Etsy stand-in ended by SIGKILL")
    arguments.add_argument("--worker-kills", type=int, default=10, help="runs by Celery, or its workers, killed")
    given = arguments.parse_args()
    etsy_report = etsy.show(seed=given.seed, kills=given.etsy_kills) if given.etsy_kills else None
    by_workers = not given.worker_kills or workers.show(seed=given.seed, kills=given.worker_kills)
    sandbox = Sandbox(TEST_HOME / "chaos", PORT, software=TEST_HOME / "software")
    with console.status("Starting the sandbox"):
        sandbox.up()
    reports: dict[str, Report] = {}
    try:
        with tempfile.TemporaryDirectory() as folder, Laboratory(sandbox, Path(folder)).open() as laboratory:
            with console.status("Preparing three mornings"):
                laboratory.prepare()
            for name, trouble, times in (
                ("sync killed", kill_sync, given.kills),
                ("Medusa killed", kill_shop, given.shop_kills),
                ("requests spoilt", spoil_requests, given.spoilt),
                ("sync stopped past its lease", stop_sync, given.stops),
                ("two syncs at once", contend, given.pairs),
                ("strange answers", answer_strangely, given.strange),
                ("shop of yesterday", restore_shop, given.restored),
                ("store of yesterday", restore_store, given.restored),
            ):
                one_more_sync = trouble is not spoil_requests
                made = repeated(laboratory, trouble, times, given.seed, one_more_sync=one_more_sync)
                for report in track(made, name, total=times, console=console):
                    reports[name] = report
    except KeyboardInterrupt:
        console.print("Ended early; so far:")
    finally:
        sandbox.down()
    show(reports, given.seed)
    flawless = by_workers and (etsy_report is None or etsy_report.flawless)
    return 0 if flawless and all(report.findings.none for report in reports.values()) else 1


def show(reports: Mapping[str, Report], seed: int) -> None:
    """Print the table that docs/testing.md quotes."""
    table = Table("", *reports, title=f"Trouble on purpose, seed {seed}")
    for part in ("times", "unfinished"):
        table.add_row(part, *(f"{getattr(report, part):,}" for report in reports.values()))
    table.add_section()
    for part in Findings.__dataclass_fields__:
        table.add_row(part.replace("_", " "), *(str(getattr(report.findings, part)) for report in reports.values()))
    table.add_section()
    table.add_row("seeds", *(" ".join(report.seeds) or "-" for report in reports.values()))
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
