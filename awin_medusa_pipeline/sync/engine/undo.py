"""Taking a run back: a plan made from its ledger, of which only what still holds our value is sent.

What belongs here: the opposite of each operation. What does not: sending it (apply.py), what is stale (held.py). The
opposites are recorded as operations of the undoing run, so an undo can be undone.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from awin_medusa_pipeline.medusa.catalog import HIDDEN_BY_RUN
from awin_medusa_pipeline.medusa.client import MedusaClient, Shop
from awin_medusa_pipeline.sync.domain.field_plans import content_back, prices_back
from awin_medusa_pipeline.sync.domain.products import hidden_patch, restored_patch
from awin_medusa_pipeline.sync.engine.apply import ApplyResult, Change, Engine, NotSent, Operation
from awin_medusa_pipeline.sync.engine.field_writers import ContentWriter, PriceWriter
from awin_medusa_pipeline.sync.engine.held import still_true
from awin_medusa_pipeline.sync.engine.writers import LevelWriter, StatusWriter
from awin_medusa_pipeline.sync.store.ledger import Kind, Status
from awin_medusa_pipeline.sync.store.ledger import Operation as Row

Item = Operation | NotSent
UNDONE_AS = {kind: kind for kind in Kind} | {
    Kind.IMPORT: Kind.HIDE,
    Kind.HIDE: Kind.RESTORE,
    Kind.RESTORE: Kind.HIDE,
}
"""The kind of the operations that take a kind back."""


@dataclass(frozen=True)
class Undo:
    """A shop and an engine, for taking back what one run applied."""

    client: MedusaClient
    shop: Shop
    engine: Engine
    dry_run: bool

    def take_back(self, kind: Kind, rows: Iterable[Row]) -> ApplyResult:
        """Operations of one kind, as the ledger has them; what someone changed since is skipped as stale."""
        applied = [row for row in rows if row.status is Status.APPLIED]
        engine = self.engine
        writer: LevelWriter | StatusWriter | PriceWriter | ContentWriter
        plan: Iterator[Item]
        if kind is Kind.STOCK:
            writer, plan = LevelWriter(self.client, self.shop.stock_location_id), levels_back(applied)
        elif kind is Kind.PRICE:
            writer, plan, engine = PriceWriter(self.client), prices_back(applied), replace(engine, batch_size=1)
        elif kind is Kind.CONTENT:
            writer, plan = ContentWriter(self.client), content_back(applied, self._categories(applied))
        elif kind is Kind.IMPORT:
            writer, plan = StatusWriter(self.client, Kind.HIDE), self._made_products(applied)
        else:
            writer, plan = StatusWriter(self.client, UNDONE_AS[kind]), status_back(kind, applied)
        return engine.apply(writer, still_true(plan, writer), dry_run=self.dry_run)

    def _made_products(self, rows: Sequence[Row]) -> Iterator[Item]:
        keys = list(dict.fromkeys(str(row.after["product_key"]) for row in rows if row.after))
        fields = "id,external_id,variants.id"
        return drafts(rows, self.client.where("products", "external_id", keys, fields))

    def _categories(self, rows: Sequence[Row]) -> dict[str, str]:
        """Ids of the categories that products were in before, those that the shop still has."""
        handles = list(dict.fromkeys(handle for row in rows for handle in (row.before or {}).get("category") or []))
        found = self.client.where("product-categories", "handle", handles, "id,handle")
        return {category["handle"]: category["id"] for category in found}


def levels_back(rows: Iterable[Row]) -> Iterator[Item]:
    """Levels as they were before; one that the run was the first to set goes away."""
    for row in rows:
        level = (row.before or {}).get("level")
        body = {
            "inventory_item_id": row.target_id,
            "stocked_quantity": level,
            "exists": (row.after or {}).get("level") is not None,
        }
        yield Operation((Change(row.key, {"level": level}, row.after, row.target_id),), body)


def status_back(kind: Kind, rows: Iterable[Row]) -> Iterator[Item]:
    """Products hidden or published, as they were before."""
    for row in rows:
        product_id, mark = str(row.target_id), (row.before or {}).get(HIDDEN_BY_RUN)
        after = {"status": (row.before or {}).get("status"), HIDDEN_BY_RUN: mark}
        body = restored_patch(product_id) if kind is Kind.HIDE else hidden_patch(product_id, mark or "", "")
        yield Operation((Change(row.key, after, row.after, product_id),), body)


def drafts(rows: Iterable[Row], products: Iterable[Mapping[str, Any]]) -> Iterator[Item]:
    """Products that the run made, to draft and never deleted, without our mark: a person decided, so they stay so.

    A product that has variants of other runs was only joined; what joined it stays, and is listed.
    """
    made = {row.target_id for row in rows}
    for product in products:
        variants = {variant["id"] for variant in product["variants"]}
        if not variants & made:
            continue
        before = {"status": "published", HIDDEN_BY_RUN: None}
        change = Change(product["id"], {"status": "draft", HIDDEN_BY_RUN: None}, before, product["id"])
        if variants <= made:
            yield Operation((change,), {"id": product["id"], "status": "draft"})
        else:
            yield NotSent(change, "the run only added variants to this product; take them out in Medusa Admin")
