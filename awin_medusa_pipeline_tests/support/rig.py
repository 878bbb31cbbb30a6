"""Gives the tests of writers a real Medusa behind a proxy that fails, a ledger, and one run after another."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import polars as pl

from awin_medusa_pipeline.medusa import client as medusa
from awin_medusa_pipeline.medusa.catalog import ADMIN_FIELDS
from awin_medusa_pipeline.medusa.client import MedusaClient
from awin_medusa_pipeline.sandbox import Shop
from awin_medusa_pipeline.sync.domain import discrepancies, ownership, plans
from awin_medusa_pipeline.sync.domain.operations import Bundle, Kind
from awin_medusa_pipeline.sync.domain.products import ProductDefaults
from awin_medusa_pipeline.sync.domain.rules import CONTENT, PRICE, HideRules, Owner, Owners, StockRules
from awin_medusa_pipeline.sync.engine.applier import Applier
from awin_medusa_pipeline.sync.engine.apply import ApplyResult, Engine
from awin_medusa_pipeline.sync.engine.catalog import Memory, read_catalog
from awin_medusa_pipeline.sync.engine.pace import Pace
from awin_medusa_pipeline.sync.engine.places import Places
from awin_medusa_pipeline.sync.engine.rules import SyncRules
from awin_medusa_pipeline.sync.store.ledger import Ledger
from awin_medusa_pipeline.sync.store.written import WrittenValues
from awin_medusa_pipeline_tests.support.factories import NO_LOOSE, Row, offers
from awin_medusa_pipeline_tests.support.fault_proxy import FaultProxy

ALIKE_GO = SyncRules(hide=HideRules(hold_loose=False))
REHOSTING = SyncRules(hide=HideRules(hold_loose=False), rehost_images=True, image_hosts=("127.0.0.1",))
RULES = StockRules()
PATIENCE = 3.0
"""Seconds that the client waits for an answer; ours come in a tenth of it."""


@dataclass
class Rig:
    """A shop behind the proxy, a ledger, and one run after another."""

    shop: Shop
    proxy: FaultProxy
    ledger: Ledger
    client: MedusaClient
    http: httpx.Client
    waits: list[float]
    written: WrittenValues
    runs: int = 0
    on_etsy: tuple[str, ...] = ()
    """Ids of products that Etsy links to."""

    @property
    def run_id(self) -> str:
        """Id of the newest run."""
        return f"run-{self.runs}"

    def applier(self, **options: Any) -> Applier:
        """Begin a new run; its applier sends by way of the proxy."""
        self.runs += 1
        self.ledger.start_run(self.run_id, shop=self.shop.base_url, job="daily_sync_job")
        engine = Engine(self.ledger, self.run_id, Pace(options.pop("batch_size", 200)), sleep=self.waits.append)
        return Applier(self.client, self.ids, engine, **({"dry_run": False, "rules": ALIKE_GO} | options))

    @property
    def ids(self) -> medusa.Shop:
        """Ids that new products need."""
        return medusa.Shop(self.shop.sales_channel_id, self.shop.stock_location_id, self.shop.shipping_profile_id)

    def catalog(self) -> pl.LazyFrame:
        """Read CatalogVariant rows, past the proxy, with what the ledger knows of unfinished imports."""
        memory = Memory(lambda: self.ledger.unfinished(self.shop.base_url, Kind.IMPORT), lambda ids: self.on_etsy)
        with (
            MedusaClient(self.shop.base_url, admin_key=self.shop.admin_key) as client,
            TemporaryDirectory() as folder,
        ):
            return read_catalog(client, Places(), Path(folder), lambda done, total: None, memory).table.collect().lazy()

    def interrupted(self, feed: list[Row]) -> list[dict[str, Any]]:
        """Begin an import in a new run that dies at once: its intents stay; the products that it was about to make."""
        rows, _ = plans.split_import(self.missing(feed), None, hold_loose=False)
        applier = self.applier()
        defaults = ProductDefaults(applier.shop.sales_channel_id, applier.shop.shipping_profile_id)
        bundles = [*plans.import_plan(rows, defaults), *plans.variant_plan(rows)]
        sent = [bundle for bundle in bundles if isinstance(bundle, Bundle)]
        self.ledger.record_intents(self.run_id, Kind.IMPORT, [one for bundle in sent for one in bundle.operations])
        return [dict(bundle.body["product"]) for bundle in sent if "product" in bundle.body]

    def products(self) -> list[dict[str, Any]]:
        """Read all products as the Admin API lists them, past the proxy."""
        found: list[dict[str, Any]] = self.get("/admin/products", fields=ADMIN_FIELDS, limit=1000)["products"]
        return found

    def get(self, path: str, **params: Any) -> dict[str, Any]:
        """Read past the proxy."""
        answer: dict[str, Any] = self.http.get(path, params=params).raise_for_status().json()
        return answer

    def post(self, path: str, body: Any, **params: Any) -> dict[str, Any]:
        """Write past the proxy, as a person does in Medusa Admin."""
        response = self.http.post(path, json=body, params=params)
        assert response.is_success, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def missing(self, feed: list[Row]) -> pl.DataFrame:
        """Detect MissingProduct rows."""
        in_feed, in_shop = offers(*feed), self.catalog()
        matched = discrepancies.matched_products(in_feed, in_shop, RULES).collect().lazy()
        return discrepancies.missing_products(in_feed, in_shop, matched, NO_LOOSE, RULES).collect()

    def mismatches(self, feed: list[Row]) -> pl.DataFrame:
        """Detect StockMismatch rows."""
        in_feed, in_shop = offers(*feed), self.catalog()
        matched = discrepancies.matched_products(in_feed, in_shop, RULES).collect().lazy()
        missing = discrepancies.missing_products(in_feed, in_shop, matched, NO_LOOSE, RULES)
        return discrepancies.stock_mismatches(matched, in_shop, missing).collect()

    def prices(self, feed: list[Row], owner: Owner = Owner.FEED) -> pl.DataFrame:
        """Detect PriceMismatch rows."""
        written = self.written.of(self.shop.base_url)
        matched = discrepancies.matched_products(offers(*feed), self.catalog(), RULES).collect().lazy()
        return ownership.price_mismatches(matched, written, _owned_by(owner)).collect()

    def content(self, feed: list[Row], owner: Owner = Owner.FEED) -> pl.DataFrame:
        """Detect ContentMismatch rows."""
        in_feed, in_shop = offers(*feed), self.catalog()
        matched = discrepancies.matched_products(in_feed, in_shop, RULES).collect().lazy()
        missing = discrepancies.missing_products(in_feed, in_shop, matched, NO_LOOSE, RULES)
        written = self.written.of(self.shop.base_url)
        return ownership.content_mismatches(in_feed, in_shop, matched, missing, written, _owned_by(owner))

    def imports(self, feed: list[Row], **options: Any) -> ApplyResult:
        """Import in a new run what the shop lacks of a feed."""
        missing = self.missing(feed)
        return self.applier(**options).import_missing(missing)

    def outcomes(self) -> Counter[str]:
        """Count the operations of the newest run by status."""
        return Counter(str(row.status) for row in self.ledger.rows(self.run_id))


def _owned_by(owner: Owner) -> Owners:
    return {field: {"*": owner} for field in (PRICE, *CONTENT)}
