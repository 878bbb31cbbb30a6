"""Formats the summary of a run as tables."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from awin_medusa_pipeline.cli.terminal import COLOURS
from awin_medusa_pipeline.sync.domain.kinds import KINDS
from awin_medusa_pipeline.sync.domain.operations import OUTCOMES

FOUND = {
    "feed_rows": "rows in the feed",
    "rejected_rows": "of them rejected",
    "catalog_products": "products in the shop",
    "catalog_variants": "with variants",
    "matched": "offers matched with a variant",
    "missing_in_medusa": "offers missing in the shop",
    "medusa_only": "products only in the shop",
    "returning": "hidden products that are back in the feed",
    "hidden_by_hand": "hidden by hand, left alone",
    "stock_mismatches": "levels that differ",
    "price_mismatches": "prices that differ",
    "price_kept": "of them left as the shop has them",
    "content_mismatches": "titles, texts, images and categories that differ",
    "content_kept": "of them left as the shop has them",
    "loose_matches": "pairs that only look alike",
}


def summary_tables(summary: Mapping[str, Any]) -> list[Table]:
    """Tables of what a run found and did, from sync-summary.json."""
    found = Table(title="Found", title_justify="left", show_header=False, box=None, padding=(0, 2))
    found.add_column(justify="right")
    found.add_column()
    for key, words in FOUND.items():
        if key in summary:
            found.add_row(f"{summary[key]:,}", words)
    done = Table(title="Planned, nothing sent" if summary.get("dry_run") else "Done", title_justify="left")
    done.add_column("")
    for outcome in OUTCOMES:
        done.add_column(outcome, justify="right")
    for kind, entry in KINDS.items():
        if kind in summary:
            done.add_row(entry.words, *(_coloured(outcome, summary[kind][outcome]) for outcome in OUTCOMES))
    return [found, done]


def verdict(summary: Mapping[str, Any]) -> Text:
    """The summary in one sentence."""
    total = {outcome: sum(summary[kind][outcome] for kind in KINDS if kind in summary) for outcome in OUTCOMES}
    if summary.get("dry_run"):
        return Text(f"Dry run: {total['planned']:,} changes planned, nothing was sent.", style="green")
    if total["failed"]:
        failed = (f"{total['failed']:,} changes failed", "red")
        return Text.assemble(failed, f", {total['applied']:,} were applied.")
    held = f" {total['held']:,} are held until you decide." if total["held"] else ""
    done = f"{total['applied']:,} changes applied" if total["applied"] else "Nothing to change: zero writes"
    return Text.assemble((f"{done}, nothing failed.", "green"), held)


def _coloured(outcome: str, number: int) -> Text:
    return Text(f"{number:,}", style=COLOURS.get(outcome, "") if number else "dim")
