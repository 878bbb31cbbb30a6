"""Builds the Slack message about a sync."""

from collections.abc import Mapping, Sequence
from typing import Any

from awin_medusa_pipeline.core.messages import (
    SECTION_LIMIT,
    TITLE_LIMIT,
    Payload,
    duration_text,
    escape,
    fit,
    link,
    payload,
    section,
)

FOUND = {
    "missing_in_medusa": "missing in the shop",
    "medusa_only": "only in the shop",
    "stock_mismatches": "stock mismatches",
}
SHOWN = ("applied", "failed", "held", "skipped", "unchanged")
"""Outcomes, most important first."""


def sync_message(
    summary: Mapping[str, Any],
    *,
    job: str,
    shop: str,
    seconds: float,
    url: str,
    dry_run: bool = False,
    notes: Sequence[str] = (),
) -> Payload:
    """Build the message from `summary` as in sync-summary.json: counts, and per kind a mapping with `planned`.

    `notes`: sentences, such as why a plan is held and how to apply it.
    """
    kinds = {kind: counts for kind, counts in summary.items() if isinstance(counts, Mapping) and "planned" in counts}
    trouble = any(counts.get("failed") or counts.get("held") for counts in kinds.values())
    title = f"{job} on {shop}: " + ("finished, please look" if trouble else "finished")
    if dry_run:
        title += " (dry run, nothing was changed)"
    found = ", ".join(f"{summary.get(key, 0):,} {words}" for key, words in FOUND.items())
    done = [f"{kind}: {_outcomes(counts)}" for kind, counts in kinds.items()]
    took = f"Took {duration_text(seconds)}"
    icon = ":warning:" if trouble else ":white_check_mark:"
    blocks = [
        section(f"{icon} *{fit(title, TITLE_LIMIT)}*"),
        section(f"*Found*: {escape(found)}"),
        *([section("\n".join(f"• *{kind}*: {_outcomes(counts)}" for kind, counts in kinds.items()))] if kinds else []),
        *(section(fit(note, SECTION_LIMIT)) for note in notes),
    ]
    return payload([f"{title}. {found}", *done, *notes, took], blocks, f"{took} · {link(url)}", url)


def _outcomes(counts: Mapping[str, int]) -> str:
    named = [f"{counts[name]:,} {name}" for name in SHOWN if counts.get(name)]
    return ", ".join(named) or "nothing to do"
