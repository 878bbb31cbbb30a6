"""Sets up a shop on three mornings, and runs the nightly sync as a process of its own that can be killed."""

import contextlib
import multiprocessing
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path

import dagster as dg
import httpx

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.store import leases
from awin_medusa_pipeline.defs.build import build_defs
from awin_medusa_pipeline.defs.failures import failure_of
from awin_medusa_pipeline.medusa.client import MedusaClient
from awin_medusa_pipeline.sandbox import Sandbox
from awin_medusa_pipeline.sandbox.feed_generator import write_feed
from awin_medusa_pipeline.settings import ENV_FILE_VARIABLE, Settings
from awin_medusa_pipeline.shops import Shops
from awin_medusa_pipeline.sync.domain.operations import Kind
from awin_medusa_pipeline.sync.store.held_plans import HeldPlans
from awin_medusa_pipeline_tests.support.fault_proxy import FaultProxy
from awin_medusa_pipeline_tests.support.plain import Sold, plain_feed, products_in, read, sold_in
from awin_medusa_pipeline_tests.tools.chaos.judge import Findings, findings_in

EMPTY, EMPTIED, LIVED_IN = "clean", "chaos_emptied", "chaos_lived_in"
LIMIT = 180.0
"""Seconds that a sync may take, whatever is done to it."""

# Each sync is a fork of a process that has everything imported but has done nothing yet.
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([__name__])


def sync(
    environment: Mapping[str, str], log: Path, answer_within: float | None, lease: float | None, approve: bool
) -> None:
    """Run daily_sync_job, of which Dagster's own records stay in memory; exits 1 when it fails.

    `approve`: instead apply the imports that wait for a person.
    """
    os.environ.update(environment)
    with log.open("a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    if answer_within:
        options = MedusaClient.__init__.__kwdefaults__
        assert options
        options["timeout"] = httpx.Timeout(answer_within)
    if lease:
        leases.HELD_FOR, leases.MARGIN, leases.HEARTBEAT = timedelta(seconds=lease), lease / 12, lease / 6
    with App(Settings()) as app, dg.DagsterInstance.ephemeral() as instance:
        job = build_defs(Shops.of(app)).resolve_job_def("import_missing_job" if approve else "daily_sync_job")
        config = {**(job.run_config or {}), "loggers": {"console": {"config": {"log_level": "ERROR"}}}}
        if approve:
            (plan,) = [plan for plan in HeldPlans(app.database).waiting(app.shop_address) if plan.kind == Kind.IMPORT]
            config["ops"] = {"imported_products": {"config": {"dry_run": False, "approve_plan": plan.hash}}}
        result = job.execute_in_process(run_config=config, instance=instance, raise_on_error=False)
        if not result.success:
            raise SystemExit(failure_of(instance, result.run_id).error)


@dataclass(frozen=True)
class Morning:
    """A shop with its memory, the feed that it is to follow, and what it should be afterwards."""

    name: str
    snapshot: str
    home: Path
    feed: Path
    wanted: Mapping[str, Sold]
    requests: tuple[str, ...]
    """What an undisturbed sync asks of the shop, in order."""


@dataclass
class Laboratory:
    """`prepare` first; then any number of `begin`, trouble, `sync` and `judge`."""

    sandbox: Sandbox
    folder: Path
    offers: int = 420
    """300 products: some of one variant, some of six."""
    proxy: FaultProxy = field(init=False)
    home: Path = field(init=False)
    mornings: tuple[Morning, ...] = ()

    @contextlib.contextmanager
    def open(self) -> Iterator["Laboratory"]:
        """Put a proxy before the shop."""
        self.home = self.folder / "home"
        with FaultProxy(self.sandbox.shop.base_url) as self.proxy:
            yield self

    def prepare(self) -> None:
        """Make three mornings.

        A first import into an empty shop; another into a shop that has all brands and categories; and one with all that
        there is to do: some offers are new to the shop, some have left, some come back, others have another price or
        stock, and some products have lost our key and are to be adopted.
        """
        nothing, lived_in = self.folder / "nothing", self.folder / "lived_in"
        nothing.mkdir()
        first = self._undisturbed("first import", EMPTY, nothing, self._feed(day=5))
        self._assert_follows(first, day=5)
        assert self.sync(self._feed(day=3)) == 0
        self._disown(self._unchanged(day=3, later=6))
        shutil.copytree(self.home, lived_in)
        self.sandbox.snapshot(LIVED_IN)
        later = self._undisturbed("all kinds of change", LIVED_IN, lived_in, self._feed(day=6))
        self._assert_follows(later, day=6)
        self._empty()
        self.sandbox.snapshot(EMPTIED)
        second = self._undisturbed("import", EMPTIED, nothing, first.feed)
        assert second.wanted == first.wanted
        self.mornings = (first, second, later)

    def _unchanged(self, day: int, later: int) -> list[str]:
        """A tenth of the products of one variant that both days offer alike, by product key."""
        before, after = (plain_feed(self.folder, offers=self.offers, day=number)[0] for number in (day, later))
        alone = [key for key, offer in before.items() if offer.product == key and after.get(key) == offer]
        return sorted(alone)[::10]

    def _disown(self, product_keys: Sequence[str]) -> None:
        """Take our key from products, as if a person had made them."""
        assert product_keys
        own = {product["external_id"]: product for product in products_in(self.sandbox.shop).values()}
        with self.sandbox.shop.client() as client:
            for product in (own[key] for key in product_keys):
                (variant,) = product["variants"]
                path = f"/admin/products/{product['id']}"
                client.post(path, json={"external_id": None}).raise_for_status()
                keyless = {"metadata": {"awin_offer_key": ""}}
                client.post(f"{path}/variants/{variant['id']}", json=keyless).raise_for_status()

    def _empty(self) -> None:
        """Empty the shop of products; it keeps its brands and categories."""
        with self.sandbox.shop.client() as client:
            products = [product["id"] for product in read(self.sandbox.shop, "products", fields="id")]
            client.post("/admin/products/batch", json={"delete": products}).raise_for_status()
            for item in read(self.sandbox.shop, "inventory-items", fields="id"):
                client.delete(f"/admin/inventory-items/{item['id']}").raise_for_status()

    def _feed(self, day: int) -> Path:
        return write_feed(self.folder / f"day{day}.csv.gz", offers=self.offers, quirks=False, day=day).path

    def _assert_follows(self, morning: Morning, day: int) -> None:
        for key, offer in plain_feed(self.folder, offers=self.offers, day=day)[0].items():
            assert morning.wanted[key] == offer

    def _undisturbed(self, name: str, snapshot: str, home: Path, feed: Path) -> Morning:
        self._put_back(snapshot, home)
        self.proxy.requests.clear()
        assert self.sync(feed) == 0, f"an undisturbed sync failed; see {self.log}"
        wanted = sold_in(products_in(self.sandbox.shop).values())
        return Morning(name, snapshot, home, feed, wanted, tuple(self.proxy.requests))

    @property
    def log(self) -> Path:
        """What the syncs printed."""
        return self.folder / "syncs.log"

    def begin(self, morning: Morning) -> None:
        """Put back the shop and the memory of that morning."""
        self._put_back(morning.snapshot, morning.home)

    def _put_back(self, snapshot: str, home: Path) -> None:
        self.sandbox.reset(snapshot)
        self.put_back_home(home)

    def put_back_home(self, home: Path) -> None:
        """Put back a memory alone; the shop stays as it is."""
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.copytree(home, self.home)

    def start(
        self, feed: Path, *, answer_within: float | None = None, lease: float | None = None, approve: bool = False
    ) -> BaseProcess:
        """Start a sync through the proxy. `lease`: seconds that it holds the shop without a sign of life."""
        settings = self.sandbox.environment() | {
            "AWIN_FEED_URL": str(feed),
            "MEDUSA_BACKEND_URL": self.proxy.address,
            "AWIN_MEDUSA_HOME": str(self.home),
            ENV_FILE_VARIABLE: os.devnull,
            # Those mornings change more than a careful shop owner lets pass.
            "GUARD_HIDE_PERCENT": "100",
            "GUARD_ZERO_PERCENT": "100",
            "GUARD_PRICE_PERCENT": "100",
        }
        process = _processes.Process(target=sync, args=(settings, self.log, answer_within, lease, approve), daemon=True)
        process.start()
        return process

    def sync(
        self, feed: Path, *, answer_within: float | None = None, lease: float | None = None, approve: bool = False
    ) -> int | None:
        """Run a sync to its end, or the imports that wait; its exit code."""
        process = self.start(feed, answer_within=answer_within, lease=lease, approve=approve)
        process.join(LIMIT)
        if process.is_alive():
            process.kill()
            raise AssertionError(f"A sync was not through after {LIMIT:.0f} s; see {self.log}")
        return process.exitcode

    def judge(self, morning: Morning) -> Findings:
        """Hold the shop against what it should be."""
        return findings_in(self.sandbox.shop, morning.wanted)
