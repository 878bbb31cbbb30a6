"""Kills a job of many products on the Etsy stand-in again and again, with every tenth call spoilt, until it is done.

A kill comes before a call reaches Etsy, while Etsy works on it, or soon after its answer, while the outcome is being
stored. One moment is left out: between Etsy's answer to a renewal of the tokens and storing it, when a process that
dies takes the only valid pair with it (etsy/engine/test_chaos.py shows what follows then).
"""

import argparse
import multiprocessing
import random
import signal
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from awin_medusa_pipeline.core.store.database import open_database
from awin_medusa_pipeline.etsy.domain.config import EtsyAccountConfig
from awin_medusa_pipeline.etsy.store.jobs import JobStatus
from awin_medusa_pipeline.sandbox.etsy.api import OPERATIONS
from awin_medusa_pipeline.sandbox.etsy.faults import FaultKind
from awin_medusa_pipeline.sandbox.etsy.handle import EtsyHandle
from awin_medusa_pipeline_tests.support.etsy_laboratory import EtsyLaboratory, laboratory
from awin_medusa_pipeline_tests.support.etsy_products import account_config, grid
from awin_medusa_pipeline_tests.support.etsy_standin import running
from awin_medusa_pipeline_tests.support.fault_proxy import Fault, FaultProxy

console = Console()
LIMIT = 600.0
"""Seconds that one attempt may take."""
FOUND_AFTER = timedelta(minutes=20)
"""How much later a dead run is found. By then its claim on a renewal has expired, too."""
FAULT_SHARE = 0.1
CALLS_A_PRODUCT = 4
"""Fewer than are made, so that each kill finds something to end."""
NOT_CARRIED_OUT = (FaultKind.SERVER_ERROR, FaultKind.BAD_GATEWAY, FaultKind.RESET, FaultKind.LIMIT_OF_SECOND)
FAULTS = (
    *NOT_CARRIED_OUT,
    FaultKind.SERVER_ERROR_AFTER,
    FaultKind.DROPPED_AFTER,
    FaultKind.TOKEN_EXPIRED,
    FaultKind.ARRAY_ERROR,
    FaultKind.KEYED_ERROR,
)

# Each attempt is a fork of a process that has everything imported but has done nothing yet.
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([__name__])


@dataclass
class EtsyReport:
    """What was done, and how it ended."""

    products: int
    kills: Counter[str] = field(default_factory=Counter)
    """By moment."""
    faults: int = 0
    attempts: int = 0
    calls: int = 0
    listings: int = 0
    fees: int = 0
    renewals: int = 0
    images: int = 0
    """Uploaded, those included that no listing shows."""
    wrong: list[str] = field(default_factory=list)
    tokens_valid: bool = False

    @property
    def flawless(self) -> bool:
        """One listing a product, as it should be, one fee each; and the tokens can be renewed."""
        return self.tokens_valid and not self.wrong and self.listings == self.fees == self.products

    @property
    def table(self) -> Table:
        """What docs/testing.md quotes."""
        table = Table(
            "", "", title="Etsy: one job for all products, killed, with spoilt calls; then all changed, so again"
        )
        for name in ("products", "attempts", "calls", "faults", "listings", "fees", "images", "renewals"):
            table.add_row(name, f"{getattr(self, name):,}")
        for moment, number in sorted(self.kills.items()):
            table.add_row(f"killed {moment}", f"{number:,}")
        table.add_row("tokens valid at the end", str(self.tokens_valid))
        table.add_row("wrong", f"{len(self.wrong):,}")
        return table


def stock(lab: EtsyLaboratory, number: int, *, changed: bool) -> None:
    """Stock this many products; `changed`: with another title, price, stock and image."""
    for each in range(number):
        variants = grid("rb", "SM", quantity=2 if changed else 5)
        named = [v.model_copy(update={"sku": f"{each}-{v.sku}", "id": f"{each}-{v.id}"}) for v in variants]
        if changed:
            named[0] = named[0].model_copy(update={"price": named[0].price + 1 if named[0].price else None})
        title = f"{'Brass' if changed else 'Oak'} lamp number {each // 2}"  # two each have the same title
        lab.add(f"prod_{each}", *named, images=("c", "a") if changed else ("a", "b"), title=title)


@dataclass(frozen=True)
class _Attempt:
    """What a run needs to know, in another process."""

    url: str
    proxy: str
    database: str
    key: str
    pictures: str
    products: int
    changed: bool
    ahead: timedelta
    transaction_id: str

    def __call__(self) -> None:
        """What the run of a job does."""
        with open_database(self.database) as database:
            config = _config(self.products)
            lab = EtsyLaboratory(EtsyHandle(self.url), database, self.pictures, config, self.key, ahead=self.ahead)
            stock(lab, self.products, changed=self.changed)
            lab.run(lab.jobs.get(self.transaction_id), client_of=partial(lab.client, address=self.proxy))


def trouble(
    folder: Path, *, products: int, kills: int, seed: int, on_kill: Callable[[int], None] = lambda kills: None
) -> EtsyReport:
    """Create all products, then change all of them, with `kills` in all. `on_kill` gets the number so far."""
    report, dice = EtsyReport(products), random.Random(seed)
    with (
        running() as url,
        open_database(f"sqlite:///{folder / 'state.db'}") as database,
        laboratory(EtsyHandle(url), database, **_config(products).model_dump()) as lab,
        FaultProxy(url) as proxy,
    ):
        api = [operation.name for operation in OPERATIONS]
        lab.etsy.inject(*FAULTS, on=api, times=None, probability=FAULT_SHARE, seed=seed)
        lab.etsy.inject(*NOT_CARRIED_OUT, on="token", times=None, probability=FAULT_SHARE, seed=seed + 1)
        for changed, share in ((False, kills - kills // 3), (True, kills // 3)):
            stock(lab, products, changed=changed)
            _to_the_end(lab, proxy, report, dice, changed=changed, kills=share, on_kill=on_kill)
        state = lab.etsy.state()
        report.faults = sum(plan["struck"] for plan in state["faults"])
        report.calls, report.renewals = state["call_count"], state["tokens"]["refreshes"]
        report.listings, report.fees, report.images = (len(state[name]) for name in ("listings", "fees", "images"))
        report.wrong = lab.wrong()
        lab.etsy.heal()
        report.tokens_valid = _renews(lab)
    return report


def _to_the_end(
    lab: EtsyLaboratory,
    proxy: FaultProxy,
    report: EtsyReport,
    dice: random.Random,
    *,
    changed: bool,
    kills: int,
    on_kill: Callable[[int], None],
) -> None:
    transaction_id, at_most = lab.confirmed().transaction_id, report.attempts + 2 * kills + 50
    killed, calls = 0, 2 * CALLS_A_PRODUCT * report.products // (kills + 1)
    while (job := lab.jobs.get(transaction_id)).status is not JobStatus.COMPLETED:
        if job.status is JobStatus.PROCESSING:
            job = lab.jobs.finish(transaction_id, str(job.run_id), stopped="its run died")
        if job.status is JobStatus.FAILED:
            lab.jobs.retry(transaction_id, "bob")
        report.attempts += 1
        assert report.attempts < at_most, f"no end in sight: {lab.wrong()[:5]}"
        killer = _Killer(dice.randint(1, calls) if killed < kills else None, dice.choice((None, 0.0, 0.03)))
        run = _Attempt(
            lab.etsy.url,
            proxy.address,
            f"sqlite:///{lab.database.name}",
            lab.key,
            lab.pictures,
            report.products,
            changed,
            lab.ahead,
            transaction_id,
        )
        killer.process = _processes.Process(target=run, daemon=True)
        proxy.seeded = killer
        killer.process.start()
        killer.process.join(LIMIT)
        killer.over()
        assert killer.process.exitcode in (0, -signal.SIGKILL), f"an attempt ended with {killer.process.exitcode}"
        if killer.process.exitcode:
            killed += 1
            report.kills[killer.moment] += 1
            on_kill(report.kills.total())
            lab.ahead += FOUND_AFTER
            lab.etsy.change(clock_ahead=lab.ahead.total_seconds())


class _Killer:
    """Ends a process at a call: instead of it, or so many seconds after it was passed on. A fault of a FaultProxy."""

    def __init__(self, number: int | None, wait: float | None) -> None:
        self.left, self.wait = number, wait
        self.process: BaseProcess
        self.moment = ""
        self._timer: threading.Timer | None = None

    def __call__(self, request: str) -> Fault | None:
        renewal = request.endswith("/oauth/token")
        if self._timer and renewal:
            return self._instead()
        if self.left is None:
            return None
        self.left -= 1
        if self.left:
            return None
        if self.wait is None or renewal:
            return self._instead()
        self.moment = "during a call" if self.wait == 0 else "after a call"
        self._timer = threading.Timer(self.wait, self.process.kill)
        self._timer.start()
        return None

    def _instead(self) -> Fault:
        self.moment = "before a call"
        self.process.kill()
        return Fault("reset")

    def over(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer.join()


def _config(number: int) -> EtsyAccountConfig:
    return account_config(publish=True, publish_at_most=number)


def _renews(lab: EtsyLaboratory) -> bool:
    tokens = lab.tokens(lab.accounts.get(lab.account_id))
    before = tokens.access_token()
    return tokens.refreshed(before) != before


def show(*, seed: int, kills: int = 50, products: int = 500) -> EtsyReport:
    """Make the trouble and print the figures."""
    with tempfile.TemporaryDirectory() as folder, Progress(console=console) as progress:
        task = progress.add_task("Etsy job killed", total=kills)
        report = trouble(
            Path(folder),
            products=products,
            kills=kills,
            seed=seed,
            on_kill=lambda number: progress.update(task, completed=number),
        )
    console.print(report.table, *report.wrong[:20])
    return report


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description="A job onto the Etsy stand-in, killed again and again.")
    for name, default in (("seed", 1), ("kills", 50), ("products", 500)):
        arguments.add_argument(f"--{name}", type=int, default=default)
    sys.exit(0 if show(**vars(arguments.parse_args())).flawless else 1)
