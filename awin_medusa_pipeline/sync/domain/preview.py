"""Tells in plain lines what a run did or would do: numbers, reasons and a few products, before and after."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from awin_medusa_pipeline.sync.domain.kinds import KINDS
from awin_medusa_pipeline.sync.domain.operations import DRY_RUN, Json, Kind, Operation, Status

EXAMPLES = 10
"""Products shown for each kind, outcome and reason."""
_TITLE, _VALUE = 44, 60
_IN_FULL = (Status.APPLIED, Status.HELD, Status.FAILED)


def example(kind: Kind, operation: Operation) -> dict[str, str]:
    """One operation for a person: what the product is called, and what it has before and after."""
    tell = KINDS[kind].tell
    before = tell(operation.before) if operation.before else ""
    return {"title": operation.title or operation.key, "before": before, "after": tell(operation.after)}


def page(summaries: Iterable[Mapping[str, Any]], *, in_no_feed: int = 0) -> list[str]:
    """The lines about a run, from what its `{kind}-summary.json` files hold.

    `in_no_feed`: published products of the shop that the feed does not have.
    """
    by_kind = {Kind(summary["kind"]): summary for summary in summaries if summary["planned"]}
    lines = [line for kind in KINDS if kind in by_kind for line in _lines(kind, by_kind[kind])]
    matters = f"{in_no_feed:,} published {'product is' if in_no_feed == 1 else 'products are'} in no feed."
    return [*([matters, ""] if in_no_feed else []), *lines] or ["Nothing to do: zero writes."]


def _lines(kind: Kind, summary: Json) -> Iterator[str]:
    going_first = sorted(summary["examples"], key=lambda one: one["reason"] not in (DRY_RUN, None))
    for (status, reason), shown in groupby(going_first, key=lambda one: (one["status"], one["reason"])):
        reasons = summary["reasons"].get(status, {})
        number = reasons[reason] if reason else summary[status] - sum(reasons.values())
        outcome = f"{number:,}" if reason == DRY_RUN else f"{number:,} {status}" + (f": {reason}" if reason else "")
        yield f"{KINDS[kind].words}: {outcome}"
        if reason != DRY_RUN and status not in _IN_FULL:
            continue
        examples = list(shown)
        for one in examples:
            change = " -> ".join(_cut(one[side], _VALUE) for side in ("before", "after") if one[side])
            yield f"  {_cut(one['title'], _TITLE):<{_TITLE}}  {change}"
        if number > len(examples):
            yield f"  and {number - len(examples):,} more (see {kind}-log.ndjson)"


def _cut(text: str, most: int) -> str:
    # Names come from others: what a terminal takes as an order is left out.
    line = "".join(filter(str.isprintable, " ".join(text.split())))
    return line if len(line) <= most else f"{line[: most - 1]}…"
