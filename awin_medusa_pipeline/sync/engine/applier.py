"""Applies the rows of one discrepancy table: chooses gate, plan and writer, and runs the engine."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import TypeAlias

import polars as pl

from awin_medusa_pipeline.core.errors import PipelineError
from awin_medusa_pipeline.medusa.client import MedusaClient, Shop
from awin_medusa_pipeline.medusa.images import ImageHost
from awin_medusa_pipeline.sync.domain import field_plans, guards, plans
from awin_medusa_pipeline.sync.domain.discrepancies import WRITTEN
from awin_medusa_pipeline.sync.domain.guards import TrippedGuard, merchant_of, set_to_zero, sold_again
from awin_medusa_pipeline.sync.domain.kinds import KINDS
from awin_medusa_pipeline.sync.domain.operations import Bundle, Decision, Kind, NotSent, Plan, Status
from awin_medusa_pipeline.sync.domain.products import ProductDefaults
from awin_medusa_pipeline.sync.domain.rules import Scope
from awin_medusa_pipeline.sync.engine.apply import ApplyResult, Engine, ReviewedWriter, Writer
from awin_medusa_pipeline.sync.engine.categories import categories_of, product_defaults
from awin_medusa_pipeline.sync.engine.field_writers import ContentWriter, PriceWriter
from awin_medusa_pipeline.sync.engine.held import Gate, without, without_stale
from awin_medusa_pipeline.sync.engine.key_writer import KeyWriter
from awin_medusa_pipeline.sync.engine.rules import SyncRules
from awin_medusa_pipeline.sync.engine.writers import LevelWriter, ProductWriter, StatusWriter, VariantWriter
from awin_medusa_pipeline.sync.store.decisions import Decisions

OurWriter: TypeAlias = KeyWriter | LevelWriter | StatusWriter | PriceWriter | ContentWriter | ProductWriter

WRITERS: Mapping[Kind, Callable[[MedusaClient, Shop], OurWriter]] = {
    Kind.ADOPT: lambda client, shop: KeyWriter(client),
    Kind.IMPORT: lambda client, shop: ProductWriter(client, shop.stock_location_id),
    Kind.HIDE: lambda client, shop: StatusWriter(client, Kind.HIDE),
    Kind.RESTORE: lambda client, shop: StatusWriter(client, Kind.RESTORE),
    Kind.STOCK: lambda client, shop: LevelWriter(client, shop.stock_location_id),
    Kind.PRICE: lambda client, shop: PriceWriter(client),
    Kind.CONTENT: lambda client, shop: ContentWriter(client),
}
"""Makes the writer that carries out a kind of change."""


@dataclass(frozen=True)
class Imported:
    """What earlier runs imported into the shop."""

    among: Callable[[Iterable[str]], Collection[str]]
    """Which of these offer keys were imported."""
    there: int
    """Products of ours that the shop shows."""


@dataclass(frozen=True)
class Applier:
    """Applies tables to a shop. Each method takes the rows of one table.

    What a person rejected stays as it is, guards hold some of the rest, and the limit counts what then is left.
    """

    client: MedusaClient
    shop: Shop
    engine: Engine
    rules: SyncRules = field(default_factory=SyncRules)
    dry_run: bool = True
    limit: int | None = None
    gate: Gate | None = None
    """Holds back excessive changes; None holds nothing."""
    recheck: bool = False
    """Whether a dry run, too, compares each row with the shop as it is now: these rows were reviewed some time ago."""
    decisions: Decisions = field(default_factory=Decisions)
    """What a person decided about these rows before."""

    def adopt(self, candidates: pl.DataFrame) -> ApplyResult:
        """Write our key to the AdoptionCandidate rows that are proven, and ask about the others."""
        rows = candidates.with_columns(question=pl.when(pl.col("decision") == Decision.ASK).then(pl.lit("uncertain")))
        held = self._hold(Kind.ADOPT, rows)
        return self._apply_plan(KeyWriter(self.client), plans.adopt_plan(candidates), held)

    def import_missing(self, missing: pl.DataFrame, imported: Imported | None = None) -> ApplyResult:
        """Import MissingProduct rows: new products, then new variants of products that the shop has.

        `imported`: what earlier runs imported, to judge them by.
        """
        hold_loose = self.rules.hide.hold_loose
        held = self._hold(
            Kind.IMPORT,
            missing.filter(~plans.held_as_loose(hold_loose) & pl.col("waits").is_null()),
            lambda left: self._vanished(left, imported) if imported else (),
        )
        own = pl.col("offer_key").is_in([*held, *self.decisions.rejected])
        # A product is made with all of its variants or not at all.
        new = pl.col("existing_product_id").is_null()
        waiting = pl.when(new).then((own & new).any().over("product_key")).otherwise(own)
        rows, beyond = plans.split_import(missing.filter(~waiting), self.limit, hold_loose=hold_loose)
        stopped = None if rows.is_empty() else self._cannot_be_bought()
        nothing_is_sent = self.dry_run or stopped is not None
        with ExitStack() as stack:
            # No images are uploaded and no brands are made for what waits.
            stays = missing.filter(waiting)
            staying = chain(plans.import_plan(stays, ProductDefaults("", "")), plans.variant_plan(stays))
            defaults = self._defaults(rows, nothing_is_sent)
            plan = plans.import_plan(rows, defaults, self._image_host(stack, nothing_is_sent))
            writer = WRITERS[Kind.IMPORT](self.client, self.shop)
            made = self._apply(writer, chain(self._parted(staying, held), beyond, plan), stopped)
        variants = VariantWriter(self.client, self.shop.stock_location_id)
        return made + self._apply(variants, plans.variant_plan(rows), made.stopped_reason or stopped)

    def hide(self, medusa_only: pl.DataFrame, catalog: pl.LazyFrame) -> ApplyResult:
        """Set MedusaOnlyProduct rows to draft, marked with run and time. `catalog`: what their number is judged by."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        known = pl.col("ours") | pl.col("product_id").is_in(list(self.decisions.approved))
        rows = medusa_only.filter(plans.to_hide(self.rules.hide)).with_columns(
            merchant_id=merchant_of(pl.col("external_id")), question=pl.when(~known).then(pl.lit("never_fed"))
        )
        held = self._hold(Kind.HIDE, rows, lambda left: guards.check_hides(left, catalog, self.rules.limits))
        plan = plans.hide_plan(medusa_only, self.engine.run_id, at, self.rules.hide)
        return self._apply_plan(StatusWriter(self.client, Kind.HIDE), plan, held)

    def restore(self, returning: pl.DataFrame, catalog: pl.LazyFrame) -> ApplyResult:
        """Publish ReturningProduct rows, and remove the mark. `catalog`: what their number is judged by."""
        rows = returning.with_columns(merchant_id=merchant_of(pl.col("offer_keys")))
        held = self._hold(Kind.RESTORE, rows, lambda left: guards.check_restores(left, catalog, self.rules.limits))
        return self._apply_plan(StatusWriter(self.client, Kind.RESTORE), plans.restore_plan(returning), held)

    def set_stock(self, mismatches: pl.DataFrame, catalog: pl.LazyFrame) -> ApplyResult:
        """Set the absolute levels of StockMismatch rows. `catalog`: what their number is judged by."""
        rows = mismatches.filter(pl.col("reason").is_in(WRITTEN)).with_columns(
            merchant_id=merchant_of(pl.col("offer_key"))
        )
        to_zero, again = set_to_zero().fill_null(False), sold_again().fill_null(False)
        held = self._hold(
            Kind.STOCK,
            rows.filter(to_zero),
            lambda left: guards.check_zero_levels(left, catalog, self.rules.limits),
            Scope.SET_TO_ZERO,
        )
        held |= self._hold(
            Kind.STOCK,
            rows.filter(again),
            lambda left: guards.check_levels_from_zero(left, catalog, self.rules.limits),
            Scope.SELL_AGAIN,
        )
        held |= self._hold(Kind.STOCK, rows.filter(~to_zero & ~again))
        writer = LevelWriter(self.client, self.shop.stock_location_id)
        return self._apply_plan(writer, plans.stock_plan(mismatches), held)

    def set_prices(self, mismatches: pl.DataFrame, matched: pl.LazyFrame) -> ApplyResult:
        """Set the base prices of PriceMismatch rows that the shop does not keep. `matched`: to judge them by."""
        rows = field_plans.to_change(mismatches)
        held = self._hold(
            Kind.PRICE,
            rows.filter(pl.col("decision") != Decision.REFUSE),
            lambda left: guards.check_prices(left, matched, self.rules.limits),
        )
        return self._apply_plan(PriceWriter(self.client), field_plans.price_plan(rows), held)

    def update_content(self, mismatches: pl.DataFrame, matched: pl.LazyFrame) -> ApplyResult:
        """Set the fields of ContentMismatch rows that the shop does not keep. `matched`: to judge them by."""
        rows = field_plans.to_change(mismatches)
        asked = pl.when(pl.col("decision") == Decision.ASK).then(pl.lit("asked"))
        held = self._hold(
            Kind.CONTENT,
            rows.with_columns(question=asked),
            lambda left: guards.check_content(left, matched, self.rules.limits),
        )
        # No categories are made and no images uploaded for what waits.
        waiting = pl.col("key").is_in([*held, *self.decisions.rejected])
        staying = field_plans.content_plan(rows.filter(waiting))
        going, beyond = field_plans.split_content(rows.filter(~waiting), self.limit)
        with ExitStack() as stack:
            paths = going["category"].drop_nulls().unique()
            categories = None if self.dry_run else categories_of(self.client, paths, self.rules.join)
            plan = field_plans.content_plan(going, categories, self._image_host(stack, self.dry_run))
            everything = chain(self._parted(staying, held), beyond, plan)
            return self._apply_reviewed(ContentWriter(self.client), everything)

    def _vanished(self, missing: pl.DataFrame, imported: Imported) -> Sequence[TrippedGuard]:
        """The guard on a shop that has lost what was imported; it is asked once more before it is doubted."""
        new = missing.filter(pl.col("existing_product_id").is_null() & pl.col("half_made_product_id").is_null())
        vanished = new.filter(pl.col("offer_key").is_in(list(imported.among(new["offer_key"]))))
        if not guards.check_vanished(vanished, imported.there):
            return []
        # The catalogue may be an old one: of a run that is repeated from the step that failed.
        products = self.client.where(
            "products", "external_id", vanished["product_key"].unique().to_list(), "external_id"
        )
        found = {product["external_id"] for product in products}
        left = vanished.filter(~pl.col("product_key").is_in(list(found)))
        return guards.check_vanished(left, imported.there + len(found))

    def _cannot_be_bought(self) -> str | None:
        try:
            self.client.check_sold_from(self.shop)
        except PipelineError as fault:
            return str(fault)
        return None

    def _hold(
        self,
        kind: Kind,
        rows: pl.DataFrame,
        judge: Callable[[pl.DataFrame], Sequence[TrippedGuard]] = lambda rows: (),
        scope: Scope | None = None,
    ) -> dict[str, str]:
        """Reason by key of the rows that wait: those with a `question`, and those that guards hold.

        `judge`: the guards that rows trip by their number; it does not see what was rejected.
        """
        if self.gate is None:
            return {}
        left = rows.filter(~pl.col(KINDS[kind].key).is_in(list(self.decisions.rejected)))
        asked = left.filter(pl.col("question").is_not_null()) if "question" in left.columns else left.clear()
        going = left.join(asked, on=KINDS[kind].key, how="anti")
        tripped = judge(left)
        held = self.gate.ask(kind, asked, tripped) if asked.height else {}
        return held | self.gate.hold(kind, going, scope, tripped)

    def _parted(self, plan: Iterable[Bundle | NotSent], held: Mapping[str, str]) -> Plan:
        return without(without(plan, self.decisions.rejected, Status.SKIPPED), held, Status.HELD)

    def _apply_plan(self, writer: ReviewedWriter, plan: Plan, held: Mapping[str, str]) -> ApplyResult:
        return self._apply_reviewed(writer, plans.up_to(self._parted(plan, held), self.limit))

    def _image_host(self, stack: ExitStack, nothing_is_sent: bool) -> ImageHost | None:
        if nothing_is_sent or not self.rules.rehost_images:
            return None
        return stack.enter_context(ImageHost(self.client, hosts=self.rules.image_hosts))

    def _defaults(self, rows: pl.DataFrame, nothing_is_sent: bool) -> ProductDefaults:
        if nothing_is_sent:  # creating brands and categories would change the shop
            return ProductDefaults(self.shop.sales_channel_id, self.shop.shipping_profile_id)
        return product_defaults(self.client, self.shop, rows, self.rules.join)

    def _apply_reviewed(self, writer: ReviewedWriter, plan: Plan) -> ApplyResult:
        sent = self.recheck or not self.dry_run  # a dry run tells what it has seen
        return self._apply(writer, without_stale(plan, writer, self.engine.breaker) if sent else plan)

    def _apply(self, writer: Writer, plan: Iterable[Bundle | NotSent], stopped: str | None = None) -> ApplyResult:
        if not (self.dry_run or stopped):
            try:
                self.engine.settle_open_operations(writer)
            except PipelineError as fault:
                stopped = str(fault)
        return self.engine.apply(writer, plan, dry_run=self.dry_run, stopped=stopped)
