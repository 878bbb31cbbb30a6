"""Takes back what a run applied, where the shop still shows it.

The reversals are operations of the undoing run, so an undo can be undone as well.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from awin_medusa_pipeline.medusa.client import MedusaClient, Shop
from awin_medusa_pipeline.sync.domain.kinds import KINDS
from awin_medusa_pipeline.sync.domain.operations import Kind, Status
from awin_medusa_pipeline.sync.engine.applier import WRITERS
from awin_medusa_pipeline.sync.engine.apply import ApplyResult, Engine
from awin_medusa_pipeline.sync.engine.held import without_stale
from awin_medusa_pipeline.sync.engine.writers import ProductWriter
from awin_medusa_pipeline.sync.store.ledger import LogEntry


@dataclass(frozen=True)
class Undo:
    """Takes back what one run applied to a shop."""

    client: MedusaClient
    shop: Shop
    engine: Engine
    dry_run: bool

    def take_back(self, kind: Kind, entries: Iterable[LogEntry]) -> ApplyResult:
        """Take back one kind, from its log entries; values that someone has changed since are skipped as stale."""
        applied = [entry.operation for entry in entries if entry.status is Status.APPLIED]
        plan = WRITERS[kind](self.client, self.shop).reverse(applied)
        writer = WRITERS[KINDS[kind].undone_as](self.client, self.shop)
        assert not isinstance(writer, ProductWriter)  # nothing is undone by importing it
        return self.engine.apply(writer, without_stale(plan, writer, self.engine.breaker), dry_run=self.dry_run)
