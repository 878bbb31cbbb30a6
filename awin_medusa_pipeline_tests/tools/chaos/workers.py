"""Ends the process of a run, or its whole worker, in the middle of a sync by Celery: another worker takes it up."""

import argparse
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median

import dagster as dg
from rich.console import Console
from rich.progress import track
from rich.table import Table

from awin_medusa_pipeline.defs.failures import failure_of
from awin_medusa_pipeline.defs.lost_runs import end_lost_runs
from awin_medusa_pipeline.sandbox import Sandbox
from awin_medusa_pipeline.sandbox.feed_generator import write_feed
from awin_medusa_pipeline.sandbox.postgres import Postgres
from awin_medusa_pipeline.sandbox.processes import Service, silent
from awin_medusa_pipeline_tests.support.fault_proxy import Fault, FaultProxy
from awin_medusa_pipeline_tests.support.plain import plain_feed, products_in, shop_following, sold_in
from awin_medusa_pipeline_tests.support.sandboxes import TEST_HOME
from awin_medusa_pipeline_tests.support.workers import Workers, workers_on
from awin_medusa_pipeline_tests.tools.chaos.judge import Findings, findings_in

RUN, WORKER = "run", "worker"
PORTS = 23500, 23590
console = Console()


@dataclass(frozen=True)
class TakenUp:
    """What became of a sync whose process or worker was ended."""

    noticed: float
    """Seconds until the run was recorded as failed."""
    through: float
    """Seconds until another worker was through with it."""
    findings: Findings


@dataclass(frozen=True)
class Days:
    """A shop that follows a feed from day to day, by two workers."""

    workers: Workers
    sandbox: Sandbox
    proxy: FaultProxy
    folder: Path
    feed: dict[str, int]
    """How large it is."""

    def follow(self, day: int) -> None:
        """Sync to the feed of a day, undisturbed."""
        self._ask(day)
        *_, run = self.workers.wait_for_runs(len(self.workers.runs()))
        assert run.is_success

    def _ask(self, day: int) -> None:
        write_feed(self.sandbox.feed_file, day=day, quirks=False, **self.feed)
        earlier = len(self.workers.runs())
        self.workers.ask_for_sync()
        self.workers.wait_for("A run", lambda: len(self.workers.runs()) > earlier)

    def disturb(self, day: int, ended: str, at: str, number: int = 1, *, patient: bool = True) -> TakenUp | None:
        """Sync to the feed of a day; end its process or worker at the request of that number which begins with `at`.

        None: it was through before. `patient`: wait for lost_run_sensor; else do what that does, at once.
        """
        shop_before = sold_in(products_in(self.sandbox.shop).values())
        today, _ = plain_feed(self.folder, day=day, **self.feed)
        there, seen = threading.Event(), count(1)

        def hold(request: str) -> Fault | None:
            if there.is_set() or at not in request or next(seen) < number:
                return None
            there.set()
            return Fault(after=True, seconds=3)

        self.proxy.seeded = hold
        earlier = len(self.workers.runs())
        self._ask(day)
        self.workers.wait_for(at, lambda: there.is_set() or self.workers.runs()[-1].is_finished)
        if not there.is_set():
            return None
        name, process = self.workers.at_work()
        began = time.monotonic()
        if ended == RUN:
            process.kill()
        else:
            self.workers.kill(name)
            if not patient:
                with self.workers.app() as app:
                    assert len(end_lost_runs(app, self.workers.instance)[0]) == 1
        self.workers.wait_for("The end of the run", lambda: self.workers.runs()[earlier].is_finished)
        noticed = time.monotonic() - began
        *_, first, second = self.workers.wait_for_runs(earlier + 2, 300)
        through = time.monotonic() - began
        assert second.is_success, failure_of(self.workers.instance, second.run_id)
        assert (first.status, second.parent_run_id) == (dg.DagsterRunStatus.FAILURE, first.run_id)
        if ended == WORKER:
            self.workers.start_worker(name)
        return TakenUp(noticed, through, findings_in(self.sandbox.shop, shop_following(today, shop_before)))


def trouble(sandbox: Sandbox, folder: Path, *, kills: int, seed: int, offers: int) -> Iterator[tuple[str, TakenUp]]:
    """End a process or a worker at a random write, so many times, on one day after the other."""
    dice = random.Random(seed)
    (folder / "postgres").mkdir()
    service = Service("postgres", folder / "postgres", PORTS[1], ending=signal.SIGINT)
    server = Postgres(service, "chaos")
    try:
        server.start(silent)
        with FaultProxy(sandbox.shop.base_url) as proxy:
            settings = sandbox.environment() | {"MEDUSA_BACKEND_URL": proxy.address}
            with workers_on(settings, server, folder / "workers") as workers:
                days = Days(workers, sandbox, proxy, folder, {"offers": offers, "merchants": 3})
                days.follow(0)
                done = 0
                for day in count(1):
                    ended = (RUN, WORKER)[done % 2]
                    if taken := days.disturb(day, ended, "POST /admin", dice.randint(1, 6)):
                        done += 1
                        yield ended, taken
                    if done == kills:
                        return
    finally:
        service.stop()


def show(*, seed: int, kills: int = 10, offers: int = 420) -> bool:
    """Make the trouble and print the figures; whether nothing was left of it."""
    sandbox = Sandbox(TEST_HOME / "chaos", PORTS[0], software=TEST_HOME / "software")
    with console.status("Starting the sandbox"):
        sandbox.up()
        sandbox.reset()
    made: list[tuple[str, TakenUp]] = []
    try:
        with tempfile.TemporaryDirectory() as folder:
            found = trouble(sandbox, Path(folder), kills=kills, seed=seed, offers=offers)
            made.extend(track(found, "workers of Celery", total=kills, console=console))
    finally:
        sandbox.down()
    console.print(_table(made))
    return all(taken.findings.none for _, taken in made)


def _table(made: Sequence[tuple[str, TakenUp]]) -> Table:
    table = Table("", *(f"{ended} killed" for ended in (RUN, WORKER)), title="Runs by two workers of Celery")
    parts = [[taken for which, taken in made if which == ended] for ended in (RUN, WORKER)]
    table.add_row("times", *(str(len(part)) for part in parts))
    for name in ("noticed", "through"):
        values = [[getattr(taken, name) for taken in part] for part in parts]
        table.add_row(
            f"{name} after, s", *(f"{median(of):.0f} (at most {max(of):.0f})" if of else "-" for of in values)
        )
    for name in Findings.__dataclass_fields__:
        sums = (sum(getattr(taken.findings, name) for taken in part) for part in parts)
        table.add_row(name.replace("_", " "), *map(str, sums))
    return table


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description="Workers of Celery, killed in the middle of a sync.")
    for name, default in (("seed", 1), ("kills", 10), ("offers", 420)):
        arguments.add_argument(f"--{name}", type=int, default=default)
    sys.exit(0 if show(**vars(arguments.parse_args())) else 1)
