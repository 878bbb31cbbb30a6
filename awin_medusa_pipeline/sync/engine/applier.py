"""The kinds of change, each as one call: rows of its table in, what became of them out.

What belongs here: which plan goes with which writer. What does not: the plan, the writer, the engine themselves.
"""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain

import polars as pl

from awin_medusa_pipeline.core.errors import RemoteError
from awin_medusa_pipeline.core.images import ImageHost
from awin_medusa_pipeline.medusa.client import MedusaClient, Shop
from awin_medusa_pipeline.sync.domain import field_plans, plans
from awin_medusa_pipeline.sync.domain.guards import Guarded, long_enough, merchant_of, set_to_zero
from awin_medusa_pipeline.sync.domain.ownership import Decision
from awin_medusa_pipeline.sync.domain.products import ProductDefaults
from awin_medusa_pipeline.sync.engine.apply import ApplyResult, Engine, NotSent, Operation, Writer
from awin_medusa_pipeline.sync.engine.categories import category_ids, product_defaults
from awin_medusa_pipeline.sync.engine.field_writers import ContentWriter, PriceWriter
from awin_medusa_pipeline.sync.engine.held import Guard, hold_back, still_true
from awin_medusa_pipeline.sync.engine.writers import LevelWriter, ProductWriter, StatusWriter, VariantWriter
from awin_medusa_pipeline.sync.store.ledger import Kind


@dataclass(frozen=True)
class Application:
    """A shop, an engine, and how far to go. Every method takes the rows of one table and answers their outcome."""

    client: MedusaClient
    shop: Shop
    engine: Engine
    dry_run: bool = True
    limit: int | None = None
    hold_loose: bool = True
    rehost_images: bool = False
    hide_after: int = 1
    """Accepted feeds in a row that must lack a product before it is hidden."""
    guard: Guard | None = None
    """What holds back too much; None holds nothing."""
    look_again: bool = False
    """Whether each row is looked at in the shop before it is sent: these rows were reviewed some time ago."""

    def import_missing(self, missing: pl.DataFrame) -> ApplyResult:
        """MissingProduct rows: new products, then new variants of products that are there."""
        rows, staying = plans.split_import(missing, self.limit, hold_loose=self.hold_loose)
        products = ProductWriter(self.client, self.shop.stock_location_id)
        variants = VariantWriter(self.client, self.shop.stock_location_id)
        # Only the product calls can be batched; a variant's inventory item is made by a call of its own.
        one_by_one = replace(self.engine, batch_size=1)
        with ExitStack() as stack:
            images = stack.enter_context(ImageHost(self.client)) if self.rehost_images and not self.dry_run else None
            held = self._held(Kind.IMPORT, Guarded.IMPORT, rows)
            plan = plans.import_plan(rows, self._defaults(rows), images)
            made = self._apply(self.engine, products, hold_back(chain(staying, plan), held))
        joining = hold_back(plans.variant_plan(rows), held)
        return made + self._apply(one_by_one, variants, joining, made.stopped_reason)

    def hide(self, medusa_only: pl.DataFrame) -> ApplyResult:
        """MedusaOnlyProduct rows: draft, marked with run and time."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        plan = plans.hide_plan(
            medusa_only, self.engine.run_id, at, self.limit, hold_loose=self.hold_loose, hide_after=self.hide_after
        )
        rows = medusa_only.filter(long_enough(self.hide_after) & ~(pl.col("loose_match") & self.hold_loose))
        held = self._held(Kind.HIDE, Guarded.HIDE, rows.with_columns(merchant_id=merchant_of(pl.col("external_id"))))
        return self._reviewed(StatusWriter(self.client, Kind.HIDE), plan, held)

    def restore(self, returning: pl.DataFrame) -> ApplyResult:
        """ReturningProduct rows: published, the mark removed."""
        held = self._held(
            Kind.RESTORE, Guarded.EVERYTHING, returning.with_columns(merchant_id=merchant_of(pl.col("offer_keys")))
        )
        return self._reviewed(StatusWriter(self.client, Kind.RESTORE), plans.restore_plan(returning, self.limit), held)

    def set_stock(self, mismatches: pl.DataFrame) -> ApplyResult:
        """StockMismatch rows: absolute levels."""
        writer = LevelWriter(self.client, self.shop.stock_location_id)
        rows = mismatches.with_columns(merchant_id=merchant_of(pl.col("offer_key")))
        to_zero = set_to_zero().fill_null(False)
        held = self._held(Kind.STOCK, Guarded.SET_TO_ZERO, rows.filter(to_zero)) | self._held(
            Kind.STOCK, Guarded.STOCK, rows.filter(~to_zero)
        )
        return self._reviewed(writer, plans.stock_plan(mismatches, self.limit), held)

    def set_prices(self, mismatches: pl.DataFrame) -> ApplyResult:
        """PriceMismatch rows: base prices, what the shop keeps left out."""
        rows = field_plans.planned(mismatches)
        held = self._held(Kind.PRICE, Guarded.PRICE, rows.filter(pl.col("decision") == Decision.UPDATE))
        held |= self._asked(Kind.PRICE, Guarded.PRICE, rows)
        # Medusa has a batch of prices for one product alone.
        one_by_one = replace(self.engine, batch_size=1)
        return self._reviewed(PriceWriter(self.client), field_plans.price_plan(rows, self.limit), held, one_by_one)

    def update_content(self, mismatches: pl.DataFrame) -> ApplyResult:
        """ContentMismatch rows: title, description, images, category, what the shop keeps left out."""
        rows, beyond = field_plans.split_content(field_plans.planned(mismatches), self.limit)
        held = self._held(Kind.CONTENT, Guarded.CONTENT, rows.filter(pl.col("decision") == Decision.UPDATE))
        held |= self._asked(Kind.CONTENT, Guarded.CONTENT, rows)
        # Neither categories nor uploads for what waits.
        waiting = pl.col("key").is_in(list(held))
        staying, going = field_plans.content_plan(rows.filter(waiting)), rows.filter(~waiting)
        with ExitStack() as stack:
            categories = None if self.dry_run else category_ids(self.client, going["category"].drop_nulls().unique())
            images = stack.enter_context(ImageHost(self.client)) if self.rehost_images and not self.dry_run else None
            plan = field_plans.content_plan(going, categories, images)
            return self._reviewed(ContentWriter(self.client), chain(beyond, staying, plan), held)

    def _asked(self, kind: Kind, guarded: Guarded, rows: pl.DataFrame) -> dict[str, str]:
        return self.guard.asked(kind, guarded, rows.filter(pl.col("decision") == Decision.ASK)) if self.guard else {}

    def _held(self, kind: Kind, guarded: Guarded, rows: pl.DataFrame) -> dict[str, str]:
        return self.guard.held(kind, guarded, rows) if self.guard else {}

    def _reviewed(
        self,
        writer: LevelWriter | StatusWriter | PriceWriter | ContentWriter,
        plan: Iterable[Operation | NotSent],
        held: Mapping[str, str],
        engine: Engine | None = None,
    ) -> ApplyResult:
        reviewed = hold_back(plan, held)
        return self._apply(engine or self.engine, writer, still_true(reviewed, writer) if self.look_again else reviewed)

    def _apply(
        self, engine: Engine, writer: Writer, plan: Iterable[Operation | NotSent], stopped: str | None = None
    ) -> ApplyResult:
        if not (self.dry_run or stopped):
            try:
                engine.settle_left_open(writer)
            except RemoteError as fault:
                stopped = str(fault)
        return engine.apply(writer, plan, dry_run=self.dry_run, stopped=stopped)

    def _defaults(self, rows: pl.DataFrame) -> ProductDefaults:
        if self.dry_run:  # making brands and categories would change the shop
            return ProductDefaults(self.shop.sales_channel_id, self.shop.shipping_profile_id)
        return product_defaults(self.client, self.shop, rows)
