"""Kills a job of many products on the Etsy stand-in again and again, with every tenth call spoilt, until it is done.

The stand-in is the strictest one, whose reads are behind. Meanwhile buyers order pieces of what is for sale, and each
attempt imports these sales before and after its job.

A kill comes before a call reaches Etsy, while Etsy works on it, or soon after its answer, while the outcome is being
stored. One moment is left out: between Etsy's answer to a renewal of the tokens and storing it, when a process that
dies takes the only valid pair with it (etsy/engine/test_chaos.py shows what follows then).
"""

import argparse
import contextlib
import multiprocessing
import random
import signal
import sys
import tempfile
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Self

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from awin_medusa_pipeline.core.errors import PipelineError
from awin_medusa_pipeline.core.http import Backoff
from awin_medusa_pipeline.core.store.database import open_database
from awin_medusa_pipeline.etsy.client.client import EtsyClient
from awin_medusa_pipeline.etsy.domain.config import EtsyAccountConfig
from awin_medusa_pipeline.etsy.store.accounts import EtsyAccount
from awin_medusa_pipeline.etsy.store.jobs import EtsyJob, JobStatus
from awin_medusa_pipeline.medusa.client import MedusaClient
from awin_medusa_pipeline.sales.importer import SalesShop, import_sales
from awin_medusa_pipeline.sandbox.etsy.api import OPERATIONS
from awin_medusa_pipeline.sandbox.etsy.faults import FaultKind
from awin_medusa_pipeline.sandbox.etsy.handle import EtsyHandle
from awin_medusa_pipeline_tests.support.etsy_laboratory import EtsyLaboratory, laboratory
from awin_medusa_pipeline_tests.support.etsy_products import account_config, grid
from awin_medusa_pipeline_tests.support.etsy_standin import running
from awin_medusa_pipeline_tests.support.fault_proxy import Fault, FaultProxy
from awin_medusa_pipeline_tests.support.medusa_function import SHOP
from awin_medusa_pipeline_tests.support.stocked_shop import LOCATION, StockedShop

console = Console()
LIMIT = 600.0
"""Seconds that one attempt may take."""
FOUND_AFTER = timedelta(minutes=20)
"""How much later a dead run is found. By then its claim on a renewal has expired, too."""
FAULT_SHARE = 0.1
PIECES = 30
"""Of each variant, in Medusa."""
CALLS_A_PRODUCT = 4
"""Fewer than are made, so that each kill finds something to end."""
NOT_CARRIED_OUT = (FaultKind.SERVER_ERROR, FaultKind.BAD_GATEWAY, FaultKind.RESET, FaultKind.LIMIT_OF_SECOND)
REFUSALS = (FaultKind.ARRAY_ERROR, FaultKind.KEYED_ERROR)
FAULTS = (
    *NOT_CARRIED_OUT,
    FaultKind.SERVER_ERROR_AFTER,
    FaultKind.DROPPED_AFTER,
    FaultKind.TOKEN_EXPIRED,
    *REFUSALS,
)
UPLOAD = "uploadListingImage"

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
    sales: int = 0
    """Orders of buyers."""
    sales_wrong: int = 0
    """Variants whose level in Medusa is not what it was before, less what was sold."""
    wrong: list[str] = field(default_factory=list)
    tokens_valid: bool = False

    @property
    def flawless(self) -> bool:
        """One listing a product, as it should be, one fee each; every sale taken once; the tokens can be renewed."""
        right = self.tokens_valid and not self.wrong and not self.sales_wrong
        return right and self.listings == self.fees == self.products

    @property
    def table(self) -> Table:
        """What docs/testing.md quotes."""
        table = Table(
            "", "", title="Etsy: one job for all products, killed, with spoilt calls; then all changed, so again"
        )
        for name in ("products", "attempts", "calls", "faults", "listings", "fees", "images", "renewals", "sales"):
            table.add_row(name, f"{getattr(self, name):,}")
        for moment, number in sorted(self.kills.items()):
            table.add_row(f"killed {moment}", f"{number:,}")
        table.add_row("tokens valid at the end", str(self.tokens_valid))
        table.add_row("levels that miss a sale, or count one twice", f"{self.sales_wrong:,}")
        table.add_row("wrong", f"{len(self.wrong):,}")
        return table


def stock(lab: EtsyLaboratory, number: int, *, changed: bool) -> None:
    """Stock this many products; `changed`: with another title, price, stock and image."""
    for each in range(number):
        variants = grid("rb", "SM", quantity=PIECES)
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
    shop: str

    def __call__(self) -> None:
        """What the runs of a job, and of the sale import before and after it, do."""
        with open_database(self.database) as database:
            config = _config(self.products)
            lab = EtsyLaboratory(EtsyHandle(self.url), database, self.pictures, config, self.key, ahead=self.ahead)
            stock(lab, self.products, changed=self.changed)
            client_of = partial(lab.client, address=self.proxy)
            take_sales(lab, self.shop, client_of)
            read_levels(lab, self.shop)
            job = lab.jobs.get(self.transaction_id)
            lab.run(job, client_of=client_of, rules={"import_sales": True})
            take_sales(lab, self.shop, client_of)


def take_sales(lab: EtsyLaboratory, shop: str, client_of: Callable[[EtsyAccount], EtsyClient]) -> None:
    """Import what was sold; a fault of Etsy's is left to the next import."""
    medusa = SalesShop(SHOP, partial(_medusa, shop), f"sales-{uuid.uuid4().hex}", sleep=lambda seconds: None)
    import_sales(lab.state(client_of, import_sales=True), medusa)


def read_levels(lab: EtsyLaboratory, shop: str) -> None:
    """Let the products have the levels that the shop has now."""
    with _medusa(shop) as medusa:
        ids = [f"item_{variant.sku}" for product in lab.products.values() for variant in product.variants]
        fields = "id,location_levels.location_id,location_levels.stocked_quantity"
        levels = {
            item["id"]: level["stocked_quantity"]
            for item in medusa.where("inventory-items", "id", ids, fields)
            for level in item["location_levels"]
            if level["location_id"] == LOCATION
        }
    for product_id, product in lab.products.items():
        variants = [one.model_copy(update={"quantity": levels[f"item_{one.sku}"]}) for one in product.variants]
        lab.products[product_id] = product.model_copy(update={"variants": tuple(variants)})


def _medusa(shop: str) -> MedusaClient:
    return MedusaClient(shop, admin_key="sk", backoff=Backoff(3, sleep=lambda seconds: None))


class Buyers:
    """Order single pieces of random variants that are for sale, one order after the other, while an attempt runs."""

    def __init__(self, etsy: EtsyHandle, seed: int) -> None:
        self.etsy, self.dice = etsy, random.Random(seed)
        self.sold: Counter[str] = Counter()
        """Pieces by SKU."""
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._stopped.clear()
        self._thread = threading.Thread(target=self._buy, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        assert self._thread
        self._thread.join()

    def _buy(self) -> None:
        while not self._stopped.wait(0.25):
            active = [one for one in self.etsy.listings() if one["fields"]["state"] == "active"]
            if not active:
                continue
            listing = self.dice.choice(active)
            offered = [
                product["sku"]
                for product in listing["inventory"]["products"]
                if product["sku"] and product["offerings"][0]["quantity"] > 1
            ]
            if offered:
                sku = self.dice.choice(offered)
                with contextlib.suppress(ValueError):
                    # Refused where the seller has changed it in between.
                    self.etsy.sell(listing["listing_id"], {sku: 1})
                    self.sold[sku] += 1


def trouble(
    folder: Path, *, products: int, kills: int, seed: int, on_kill: Callable[[int], None] = lambda kills: None
) -> EtsyReport:
    """Create all products, then change all of them, with `kills` in all. `on_kill` gets the number so far."""
    report, dice, shop = EtsyReport(products), random.Random(seed), StockedShop()
    with (
        running() as url,
        open_database(f"sqlite:///{folder / 'state.db'}") as database,
        laboratory(EtsyHandle(url), database, **_config(products).model_dump()) as lab,
        FaultProxy(url) as proxy,
        shop.served() as shop_address,
    ):
        lab.with_sales = True
        lab.connect()
        buyers = Buyers(lab.etsy, seed)
        api = [operation.name for operation in OPERATIONS]
        # A picture that Etsy refuses costs that picture, for good: it would rightly be missing at the end.
        got_over = [kind for kind in FAULTS if kind not in REFUSALS]
        lab.etsy.inject(*got_over, on=UPLOAD, times=None, probability=FAULT_SHARE, seed=seed + 2)
        others = [name for name in api if name != UPLOAD]
        lab.etsy.inject(*FAULTS, on=others, times=None, probability=FAULT_SHARE, seed=seed)
        lab.etsy.inject(*NOT_CARRIED_OUT, on="token", times=None, probability=FAULT_SHARE, seed=seed + 1)
        for changed, share in ((False, kills - kills // 3), (True, kills // 3)):
            stock(lab, products, changed=changed)
            if not changed:
                _fill(shop, lab)
            run = partial(_attempt, lab, proxy.address, shop_address, changed=changed)
            _to_the_end(lab, proxy, report, dice, run, buyers, kills=share, on_kill=on_kill)
        _settle(lab, shop_address)
        state = lab.etsy.state()
        report.faults = lab.faults_struck
        report.calls, report.renewals = state["call_count"], state["tokens"]["refreshes"]
        report.listings, report.fees, report.images = (len(state[name]) for name in ("listings", "fees", "images"))
        report.wrong = lab.wrong()
        report.sales = len(state["receipts"])
        report.sales_wrong = sum(
            shop.level(str(variant.sku)) != PIECES - buyers.sold[str(variant.sku)]
            for product in lab.products.values()
            for variant in product.variants
        )
        report.tokens_valid = _renews(lab)
    return report


def _to_the_end(
    lab: EtsyLaboratory,
    proxy: FaultProxy,
    report: EtsyReport,
    dice: random.Random,
    attempt: Callable[[str], "_Attempt"],
    buyers: Buyers,
    *,
    kills: int,
    on_kill: Callable[[int], None],
) -> None:
    transaction_id, at_most = _confirmed(lab).transaction_id, report.attempts + 2 * kills + 50
    killed, calls = 0, 2 * CALLS_A_PRODUCT * report.products // (kills + 1)
    while (job := lab.jobs.get(transaction_id)).status is not JobStatus.COMPLETED:
        if job.status is JobStatus.PROCESSING:
            job = lab.jobs.finish(transaction_id, str(job.run_id), stopped="its run died")
        if job.status is JobStatus.FAILED:
            lab.jobs.retry(transaction_id, "bob")
        report.attempts += 1
        assert report.attempts < at_most, f"no end in sight: {lab.wrong()[:5]}"
        killer = _Killer(dice.randint(1, calls) if killed < kills else None, dice.choice((None, 0.0, 0.03)))
        killer.process = _processes.Process(target=attempt(transaction_id), daemon=True)
        proxy.seeded = killer
        with buyers:
            killer.process.start()
            killer.process.join(LIMIT)
        killer.over()
        # Time that has passed for the attempt and for Etsy has passed for the next one, too.
        passed = timedelta(seconds=lab.etsy.state()["settings"]["clock_ahead"])
        lab.ahead = max(lab.ahead, passed)
        assert killer.process.exitcode in (0, -signal.SIGKILL), f"an attempt ended with {killer.process.exitcode}"
        if killer.process.exitcode:
            killed += 1
            report.kills[killer.moment] += 1
            on_kill(report.kills.total())
            lab.ahead += FOUND_AFTER
            lab.etsy.change(clock_ahead=lab.ahead.total_seconds())


def _confirmed(lab: EtsyLaboratory) -> EtsyJob:
    """A job of all products that a person has confirmed; its calls are spoilt, too."""
    for _ in range(20):
        with contextlib.suppress(PipelineError):
            return lab.confirmed()
    return lab.confirmed()


def _attempt(lab: EtsyLaboratory, proxy: str, shop: str, transaction_id: str, *, changed: bool) -> _Attempt:
    return _Attempt(
        lab.etsy.url,
        proxy,
        f"sqlite:///{lab.database.name}",
        lab.key,
        lab.pictures,
        len(lab.products),
        changed,
        lab.ahead,
        transaction_id,
        shop,
    )


def _fill(shop: StockedShop, lab: EtsyLaboratory) -> None:
    """Put the products into the shop, with an inventory item for each variant."""
    for product_id, product in lab.products.items():
        variants = []
        for one in product.variants:
            options = [{"value": value, "option": {"title": title}} for title, value in one.options.items()]
            variants.append(shop.variant(str(one.sku), {str(one.sku): 1}, id=one.id, options=options))
            shop.set(str(one.sku), PIECES)
        shop.products[product_id] = {"id": product_id, "title": product.title, "status": "published"}
        shop.products[product_id]["variants"] = variants


def _settle(lab: EtsyLaboratory, shop: str) -> None:
    """Without kills and faults: the last sales are imported, and Etsy is given what is left."""
    struck = lab.etsy.state()["faults"]
    lab.etsy.heal()
    lab.faults_struck = sum(plan["struck"] for plan in struck)
    for _ in range(2):
        lab.ahead += FOUND_AFTER
        lab.etsy.change(clock_ahead=lab.ahead.total_seconds())
        take_sales(lab, shop, lab.client)
        read_levels(lab, shop)
        lab.run(lab.confirmed(), rules={"import_sales": True})


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
