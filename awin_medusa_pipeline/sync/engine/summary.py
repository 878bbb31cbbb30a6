"""Finishes a run: counts it, writes sync-summary.json, and builds the notes for people."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from upath import UPath

from awin_medusa_pipeline.core.errors import Action
from awin_medusa_pipeline.core.messages import Hint, HowTo, Payload, line_text
from awin_medusa_pipeline.sync.domain import ownership
from awin_medusa_pipeline.sync.domain.adoption import new_merchant_ids
from awin_medusa_pipeline.sync.domain.discrepancies import told_stock
from awin_medusa_pipeline.sync.domain.messages import sync_message
from awin_medusa_pipeline.sync.domain.summary import SummaryTables, SyncCounts, sync_counts
from awin_medusa_pipeline.sync.engine.intake import remarks
from awin_medusa_pipeline.sync.engine.runs import SyncRun
from awin_medusa_pipeline.sync.store.held_plans import SHOWN, HeldPlan
from awin_medusa_pipeline.sync.store.ledger import Run

_LONGEST_KEY = 60


@dataclass(frozen=True)
class RunSummary:
    """The summary of a finished run."""

    run: Run
    counts: SyncCounts
    seconds: float
    held: Sequence[HeldPlan]
    """Plans that the run held."""
    remarks: Sequence[str]
    """Sentences about odd feeds, and fields edited by hand."""
    notes: Sequence[str]
    """Sentences about held plans and how to apply them, and the remarks."""
    path: UPath
    """sync-summary.json."""

    @property
    def numbers(self) -> dict[str, int]:
        """Every number by its own name."""
        return self.counts.flat()

    def message(self, url: str) -> Payload:
        """Build the Slack message; `url`: the run's page in the Dagster UI."""
        return sync_message(
            self.counts.as_dict(),
            job=self.run.job,
            shop=self.run.shop,
            seconds=self.seconds,
            url=url,
            dry_run=self.run.dry_run,
            notes=self.notes,
        )


def finish_run(run: SyncRun, tables: SummaryTables, how: HowTo) -> RunSummary:
    """Count a run, write its summary, point `latest` to its reports, and record that it has finished.

    Raises ValueError when the counts do not add up.
    """
    row = run.row
    counts = sync_counts(tables, run.ledger.counts(run.id))
    seconds = (datetime.now(UTC) - row.started_at).total_seconds()
    held = run.plans.of_run(run.id)
    told = [line_text(_held_note(plan), how) for plan in held]
    others = _remarks(run, tables, " ".join(told))
    notes = [*told, *others]
    facts = {"run": run.id, "job": row.job, "shop": row.shop, "dry_run": row.dry_run, "started_at": row.started_at}
    path = run.reports.write_json({**facts, "seconds": round(seconds, 1), **counts.as_dict(), "notes": notes})
    run.reports.write_page(in_no_feed=counts.found["medusa_only"])
    run.write_results()
    run.reports.point_latest()
    run.ledger.finish_run(run.id)
    return RunSummary(row, counts, seconds, held, others, notes, path)


def _remarks(run: SyncRun, tables: SummaryTables, told: str) -> list[str]:
    # A feed guard's sentence is already in the reasons of the plans that it holds.
    of_feeds = [text for text in remarks(run.feeds, run.id, run.rules.limits) if text not in told]
    edited = ownership.hand_edits({"price": tables.price_mismatches, "content": tables.content_mismatches})
    renamed = new_merchant_ids(tables.adoption_candidates)
    given_up = closed_as_unknown(run.ledger.given_up(run.row.shop, run.row.started_at))
    return [*of_feeds, *renamed, *edited, *told_stock(tables.stock_mismatches), *given_up]


def closed_as_unknown(keys: Sequence[str]) -> list[str]:
    """A sentence about operations that were begun days ago, and that the shop refuses to look up."""
    if not keys:
        return []
    one = len(keys) == 1
    changes = "A change" if one else f"{len(keys):,} changes"
    named = ", ".join(key if len(key) <= _LONGEST_KEY else f"{key[:_LONGEST_KEY]}…" for key in keys[:3])
    return [
        f"{changes} that an earlier run began {'was' if one else 'were'} closed as unknown, since the shop refused for "
        f"days to look {'it' if one else 'them'} up: {named}{' and others' * (len(keys) > 3)}. Look at "
        f"{'this product' if one else 'these products'} in Medusa Admin. [given_up]"
    ]


def _held_note(plan: HeldPlan) -> Hint:
    text = f"{plan.kind} is held for {plan.row_count:,} rows: {'; '.join(plan.reasons)}. To apply it all the same"
    return Hint(text, Action.APPROVE_PLAN, plan.hash[:SHOWN])
