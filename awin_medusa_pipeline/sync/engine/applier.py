"""Applies the rows of one discrepancy table: chooses gate, plan and writer, and runs the engine."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import TypeAlias

import polars as pl

from awin_medusa_pipeline.core.errors import PipelineError
from awin_medusa_pipeline.medusa.client import MedusaClient, Shop
from awin_medusa_pipeline.medusa.images import ImageHost
from awin_medusa_pipeline.sync.domain import field_plans, plans
from awin_medusa_pipeline.sync.domain.guards import Scope, merchant_of, missed_enough_feeds, set_to_zero
from awin_medusa_pipeline.sync.domain.operations import Bundle, Kind, NotSent
from awin_medusa_pipeline.sync.domain.ownership import Decision
from awin_medusa_pipeline.sync.domain.products import ProductDefaults
from awin_medusa_pipeline.sync.engine.apply import ApplyResult, Engine, ReviewedWriter, Writer
from awin_medusa_pipeline.sync.engine.categories import category_ids, product_defaults
from awin_medusa_pipeline.sync.engine.field_writers import ContentWriter, PriceWriter
from awin_medusa_pipeline.sync.engine.held import Gate, without_held, without_stale
from awin_medusa_pipeline.sync.engine.writers import LevelWriter, ProductWriter, StatusWriter, VariantWriter

OurWriter: TypeAlias = LevelWriter | StatusWriter | PriceWriter | ContentWriter | ProductWriter

WRITERS: Mapping[Kind, Callable[[MedusaClient, Shop], OurWriter]] = {
    Kind.IMPORT: lambda client, shop: ProductWriter(client, shop.stock_location_id),
    Kind.HIDE: lambda client, shop: StatusWriter(client, Kind.HIDE),
    Kind.RESTORE: lambda client, shop: StatusWriter(client, Kind.RESTORE),
    Kind.STOCK: lambda client, shop: LevelWriter(client, shop.stock_location_id),
    Kind.PRICE: lambda client, shop: PriceWriter(client),
    Kind.CONTENT: lambda client, shop: ContentWriter(client),
}
"""Makes the writer that carries out a kind of change."""


@dataclass(frozen=True)
class Applier:
    """Applies tables to a shop, as far as its limits allow. Each method takes the rows of one table."""

    client: MedusaClient
    shop: Shop
    engine: Engine
    dry_run: bool = True
    limit: int | None = None
    hold_loose: bool = True
    rehost_images: bool = False
    hide_after: int = 1
    """Accepted feeds in a row that must lack a product before it is hidden."""
    gate: Gate | None = None
    """Holds back excessive changes; None holds nothing."""
    recheck: bool = False
    """Whether to compare each row with the shop before sending it: these rows were reviewed some time ago."""

    def import_missing(self, missing: pl.DataFrame) -> ApplyResult:
        """Import MissingProduct rows: new products, then new variants of products that the shop has."""
        rows, not_sent = plans.split_import(missing, self.limit, hold_loose=self.hold_loose)
        with ExitStack() as stack:
            held = self._hold(Kind.IMPORT, rows)
            plan = plans.import_plan(rows, self._defaults(rows), self._image_host(stack))
            made = self._apply(WRITERS[Kind.IMPORT](self.client, self.shop), without_held(chain(not_sent, plan), held))
        variants = VariantWriter(self.client, self.shop.stock_location_id)
        return made + self._apply(variants, without_held(plans.variant_plan(rows), held), made.stopped_reason)

    def hide(self, medusa_only: pl.DataFrame) -> ApplyResult:
        """Set MedusaOnlyProduct rows to draft, marked with run and time."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        plan = plans.hide_plan(
            medusa_only, self.engine.run_id, at, self.limit, hold_loose=self.hold_loose, hide_after=self.hide_after
        )
        rows = medusa_only.filter(missed_enough_feeds(self.hide_after) & ~(pl.col("loose_match") & self.hold_loose))
        held = self._hold(Kind.HIDE, rows.with_columns(merchant_id=merchant_of(pl.col("external_id"))))
        return self._apply_reviewed(StatusWriter(self.client, Kind.HIDE), without_held(plan, held))

    def restore(self, returning: pl.DataFrame) -> ApplyResult:
        """Publish ReturningProduct rows, and remove the mark."""
        held = self._hold(Kind.RESTORE, returning.with_columns(merchant_id=merchant_of(pl.col("offer_keys"))))
        plan = without_held(plans.restore_plan(returning, self.limit), held)
        return self._apply_reviewed(StatusWriter(self.client, Kind.RESTORE), plan)

    def set_stock(self, mismatches: pl.DataFrame) -> ApplyResult:
        """Set the absolute levels of StockMismatch rows."""
        rows = mismatches.with_columns(merchant_id=merchant_of(pl.col("offer_key")))
        to_zero = set_to_zero().fill_null(False)
        held = self._hold(Kind.STOCK, rows.filter(to_zero), Scope.SET_TO_ZERO)
        held |= self._hold(Kind.STOCK, rows.filter(~to_zero))
        plan = without_held(plans.stock_plan(mismatches, self.limit), held)
        return self._apply_reviewed(LevelWriter(self.client, self.shop.stock_location_id), plan)

    def set_prices(self, mismatches: pl.DataFrame) -> ApplyResult:
        """Set the base prices of PriceMismatch rows that the shop does not keep."""
        rows = field_plans.to_change(mismatches)
        held = self._hold_or_ask(Kind.PRICE, rows)
        plan = without_held(field_plans.price_plan(rows, self.limit), held)
        return self._apply_reviewed(PriceWriter(self.client), plan)

    def update_content(self, mismatches: pl.DataFrame) -> ApplyResult:
        """Set the title, description, images or category of ContentMismatch rows that the shop does not keep."""
        rows, beyond = field_plans.split_content(field_plans.to_change(mismatches), self.limit)
        held = self._hold_or_ask(Kind.CONTENT, rows)
        # For held rows no categories are created and no images uploaded.
        is_held = pl.col("key").is_in(list(held))
        held_plan, free = field_plans.content_plan(rows.filter(is_held)), rows.filter(~is_held)
        with ExitStack() as stack:
            categories = None if self.dry_run else category_ids(self.client, free["category"].drop_nulls().unique())
            plan = field_plans.content_plan(free, categories, self._image_host(stack))
            reviewed = without_held(chain(beyond, held_plan, plan), held)
            return self._apply_reviewed(ContentWriter(self.client), reviewed)

    def _hold(self, kind: Kind, rows: pl.DataFrame, scope: Scope | None = None) -> dict[str, str]:
        return self.gate.hold(kind, rows, scope) if self.gate else {}

    def _hold_or_ask(self, kind: Kind, rows: pl.DataFrame) -> dict[str, str]:
        if self.gate is None:
            return {}
        held = self.gate.hold(kind, rows.filter(pl.col("decision") == Decision.UPDATE))
        return held | self.gate.ask(kind, rows.filter(pl.col("decision") == Decision.ASK))

    def _image_host(self, stack: ExitStack) -> ImageHost | None:
        return stack.enter_context(ImageHost(self.client)) if self.rehost_images and not self.dry_run else None

    def _defaults(self, rows: pl.DataFrame) -> ProductDefaults:
        if self.dry_run:  # creating brands and categories would change the shop
            return ProductDefaults(self.shop.sales_channel_id, self.shop.shipping_profile_id)
        return product_defaults(self.client, self.shop, rows)

    def _apply_reviewed(self, writer: ReviewedWriter, plan: Iterable[Bundle | NotSent]) -> ApplyResult:
        return self._apply(writer, without_stale(plan, writer) if self.recheck else plan)

    def _apply(self, writer: Writer, plan: Iterable[Bundle | NotSent], stopped: str | None = None) -> ApplyResult:
        if not (self.dry_run or stopped):
            try:
                self.engine.settle_open_operations(writer)
            except PipelineError as fault:
                stopped = str(fault)
        return self.engine.apply(writer, plan, dry_run=self.dry_run, stopped=stopped)
