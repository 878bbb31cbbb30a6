"""Applies the rows of one discrepancy table: gate, plan, writer, engine."""

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
from awin_medusa_pipeline.sync.domain.discrepancies import WRITTEN
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
"""What carries a kind of change out."""


@dataclass(frozen=True)
class Applier:
    """A shop, an engine, and how far to go. Every method takes the rows of one table and returns their outcome."""

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
    """What holds back too much; None holds nothing."""
    recheck: bool = False
    """Whether each row is compared with the shop before it is sent: these rows were reviewed some time ago."""

    def import_missing(self, missing: pl.DataFrame) -> ApplyResult:
        """MissingProduct rows: new products, then new variants of products that the shop has."""
        rows, staying = plans.split_import(missing, self.limit, hold_loose=self.hold_loose)
        stopped = None if self.dry_run or rows.is_empty() else self._cannot_be_bought()
        with ExitStack() as stack:
            held = self._hold(Kind.IMPORT, rows)
            nothing = self.dry_run or stopped is not None
            plan = plans.import_plan(rows, self._defaults(rows, nothing), self._image_host(stack, nothing))
            writer = WRITERS[Kind.IMPORT](self.client, self.shop)
            made = self._apply(writer, without_held(chain(staying, plan), held), stopped)
        variants = VariantWriter(self.client, self.shop.stock_location_id)
        return made + self._apply(variants, without_held(plans.variant_plan(rows), held), made.stopped_reason)

    def hide(self, medusa_only: pl.DataFrame) -> ApplyResult:
        """MedusaOnlyProduct rows: draft, marked with run and time."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        plan = plans.hide_plan(
            medusa_only, self.engine.run_id, at, self.limit, hold_loose=self.hold_loose, hide_after=self.hide_after
        )
        rows = medusa_only.filter(missed_enough_feeds(self.hide_after) & ~(pl.col("loose_match") & self.hold_loose))
        held = self._hold(Kind.HIDE, rows.with_columns(merchant_id=merchant_of(pl.col("external_id"))))
        return self._apply_reviewed(StatusWriter(self.client, Kind.HIDE), without_held(plan, held))

    def restore(self, returning: pl.DataFrame) -> ApplyResult:
        """ReturningProduct rows: published, the mark removed."""
        held = self._hold(Kind.RESTORE, returning.with_columns(merchant_id=merchant_of(pl.col("offer_keys"))))
        plan = without_held(plans.restore_plan(returning, self.limit), held)
        return self._apply_reviewed(StatusWriter(self.client, Kind.RESTORE), plan)

    def set_stock(self, mismatches: pl.DataFrame) -> ApplyResult:
        """StockMismatch rows: absolute levels."""
        rows = mismatches.filter(pl.col("reason").is_in(WRITTEN)).with_columns(
            merchant_id=merchant_of(pl.col("offer_key"))
        )
        to_zero = set_to_zero().fill_null(False)
        held = self._hold(Kind.STOCK, rows.filter(to_zero), Scope.SET_TO_ZERO)
        held |= self._hold(Kind.STOCK, rows.filter(~to_zero))
        plan = without_held(plans.stock_plan(mismatches, self.limit), held)
        return self._apply_reviewed(LevelWriter(self.client, self.shop.stock_location_id), plan)

    def set_prices(self, mismatches: pl.DataFrame) -> ApplyResult:
        """PriceMismatch rows: base prices, without what the shop keeps."""
        rows = field_plans.to_change(mismatches)
        held = self._hold_or_ask(Kind.PRICE, rows)
        plan = without_held(field_plans.price_plan(rows, self.limit), held)
        return self._apply_reviewed(PriceWriter(self.client), plan)

    def update_content(self, mismatches: pl.DataFrame) -> ApplyResult:
        """ContentMismatch rows: title, description, images, category, without what the shop keeps."""
        rows, beyond = field_plans.split_content(field_plans.to_change(mismatches), self.limit)
        held = self._hold_or_ask(Kind.CONTENT, rows)
        # No categories are made and no images uploaded for what waits.
        waiting = pl.col("key").is_in(list(held))
        staying, going = field_plans.content_plan(rows.filter(waiting)), rows.filter(~waiting)
        with ExitStack() as stack:
            categories = None if self.dry_run else category_ids(self.client, going["category"].drop_nulls().unique())
            plan = field_plans.content_plan(going, categories, self._image_host(stack, self.dry_run))
            reviewed = without_held(chain(beyond, staying, plan), held)
            return self._apply_reviewed(ContentWriter(self.client), reviewed)

    def _cannot_be_bought(self) -> str | None:
        try:
            self.client.check_sold_from(self.shop)
        except PipelineError as fault:
            return str(fault)
        return None

    def _hold(self, kind: Kind, rows: pl.DataFrame, scope: Scope | None = None) -> dict[str, str]:
        return self.gate.hold(kind, rows, scope) if self.gate else {}

    def _hold_or_ask(self, kind: Kind, rows: pl.DataFrame) -> dict[str, str]:
        if self.gate is None:
            return {}
        held = self.gate.hold(kind, rows.filter(pl.col("decision") == Decision.UPDATE))
        return held | self.gate.ask(kind, rows.filter(pl.col("decision") == Decision.ASK))

    def _image_host(self, stack: ExitStack, nothing_is_sent: bool) -> ImageHost | None:
        return stack.enter_context(ImageHost(self.client)) if self.rehost_images and not nothing_is_sent else None

    def _defaults(self, rows: pl.DataFrame, nothing_is_sent: bool) -> ProductDefaults:
        if nothing_is_sent:  # making brands and categories would change the shop
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
