"""One shop in Medusa, one at Etsy with listings of its products, and imports of what is sold there."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.etsy.domain.sales import SaleState
from awin_medusa_pipeline.etsy.store.links import EtsyLinks
from awin_medusa_pipeline.etsy.store.sales import EtsySale, EtsySales
from awin_medusa_pipeline.medusa.client import Shop
from awin_medusa_pipeline.sales.importer import SalesResult, SalesShop, import_sales
from awin_medusa_pipeline.sandbox.etsy.handle import EtsyHandle
from awin_medusa_pipeline.sync.domain.operations import Kind
from awin_medusa_pipeline.sync.engine.apply import ApplyResult, Engine
from awin_medusa_pipeline.sync.engine.undo import Undo
from awin_medusa_pipeline.sync.store.ledger import Ledger, LogEntry
from awin_medusa_pipeline_tests.support.etsy_bodies import colours, product, value
from awin_medusa_pipeline_tests.support.etsy_caller import Caller
from awin_medusa_pipeline_tests.support.etsy_laboratory import EtsyLaboratory, laboratory
from awin_medusa_pipeline_tests.support.medusa_function import SHOP
from awin_medusa_pipeline_tests.support.stocked_shop import LOCATION, StockedShop


@dataclass
class Office:
    """The laboratory of Etsy, a shop with levels, and the log of both."""

    lab: EtsyLaboratory
    shop: StockedShop
    caller: Caller
    runs: int = 0

    @property
    def etsy(self) -> EtsyHandle:
        return self.lab.etsy

    @property
    def database(self) -> Database:
        return self.lab.database

    @property
    def sales(self) -> EtsySales:
        return EtsySales(self.database, now=self.lab.now)

    def list_product(self, product_id: str, *skus: str, level: int = 10, pieces: int = 9, **variant: Any) -> int:
        """Put a product into the shop and on Etsy, with `pieces` of each variant there; the listing's id."""
        self.shop.add(product_id, *skus, level=level, **variant)
        listing_id = self.caller.active()
        body = {"products": [product(skus[0], quantity=pieces)]}
        if len(skus) > 1:
            body = colours() | {
                "products": [product(sku, [value(sku[-1])], quantity=pieces) for sku in skus],
                "sku_on_property": [513],
            }
        answer = self.caller.put_inventory(listing_id, body)
        assert answer.is_success, answer.text
        link(self.lab, product_id, listing_id)
        return listing_id

    def run(self, *, on: bool = True) -> SalesResult:
        """Import in a new run, a moment later: Etsy's reads show what was done."""
        (result,) = self.run_all(on=on)
        return result

    def run_all(self, *, on: bool = True) -> Sequence[SalesResult]:
        self.lab.pause()
        self.runs += 1
        shop = SalesShop(SHOP, self.shop.client, f"sales-{self.runs}", sleep=lambda seconds: None)
        return import_sales(self.lab.state(import_sales=on), shop)

    def pass_time(self, **how_long: float) -> None:
        """Let time pass for the program and for Etsy."""
        self.lab.ahead += timedelta(**how_long)
        self.etsy.change(clock_ahead=self.lab.ahead.total_seconds(), token_seconds=10**9)

    def rows(self) -> list[EtsySale]:
        return self.sales.recent(self.lab.account_id, 1000)

    def row(self) -> EtsySale:
        """The only sale."""
        (row,) = self.rows()
        return row

    def states(self) -> list[SaleState]:
        """States of all sales, newest first."""
        return [row.state for row in self.rows()]

    def dealt_with(self, *product_ids: str) -> dict[str, dict[str, int]]:
        return self.sales.dealt_with(self.lab.account_id, product_ids)

    def log(self) -> list[LogEntry]:
        """All operations of all runs, in order."""
        ledger = Ledger(self.database)
        return [entry for number in range(self.runs + 1) for entry in ledger.rows(f"sales-{number}")]

    def undo(self, run_id: str) -> ApplyResult:
        """Take back what a run did, in a run of its own."""
        self.runs += 1
        ledger = Ledger(self.database)
        ledger.start_run(undoing := f"sales-{self.runs}", shop=SHOP, job="undo_run_job")
        engine = Engine(ledger, undoing, sleep=lambda seconds: None)
        undo = Undo(self.shop.client(), Shop("sc", LOCATION, "sp"), engine, dry_run=False)
        return undo.take_back(Kind.STOCK, ledger.rows(run_id))


def link(lab: EtsyLaboratory, product_id: str, listing_id: int) -> None:
    """Record which product a listing is."""
    lab.add(product_id)
    job = lab.confirmed_claimed(product_id)
    links = EtsyLinks(lab.database)
    links.save_listing(job, product_id, listing_id, None)
    links.mark_synced(job, product_id)
    lab.jobs.finish(job.transaction_id, "run")


@contextmanager
def office(etsy: EtsyHandle, database: Database) -> Iterator[Office]:
    """Connected with the orders."""
    with laboratory(etsy, database) as lab:
        lab.with_sales = True
        lab.use("plain")
        lab.connect()
        with Caller(etsy, "listings_r", "listings_w", "shops_r", "transactions_r") as caller:
            yield Office(lab, StockedShop(), caller)


def first_run(found: Office) -> Office:
    """Switch the import on, and let a second pass: Etsy's times have no smaller part."""
    found.run()
    found.pass_time(seconds=2)
    return found
