"""Makes the JSON document of `awin-medusa why --json`; docs/cli.md describes it."""

from collections.abc import Mapping
from typing import Any

from awin_medusa_pipeline.sync.engine.why import RunStory, Story
from awin_medusa_pipeline.sync.store.ledger import LogEntry, reported

Document = Mapping[str, Any]


def story_document(story: Story) -> Document:
    """The whole story of a product."""
    known = not isinstance(story.now, str)
    return {
        "product": {name: sorted(values) for name, values in story.product.names.items()},
        "whole_product": story.product.whole,
        "earlier_runs_left_out": story.untold,
        "runs": [_run(run) for run in story.runs],
        "now": story.now if known else None,
        "now_unknown": None if known else story.now,
    }


def _run(story: RunStory) -> Document:
    run = story.run
    return {
        "run": run.run_id,
        "job": run.job,
        "started_at": run.started_at,
        "dry_run": run.dry_run,
        "feeds": [{"feed": feed.label, "state": feed.state, "reason": feed.reason} for feed in story.feeds],
        "offers": story.offers,
        "rejected": story.rejected,
        "matched": story.matched,
        "only_in_shop": story.only_in_shop,
        "operations": [_operation(entry) for entry in story.operations],
    }


def _operation(entry: LogEntry) -> Document:
    status, reason = reported(entry)
    return {
        "kind": entry.kind,
        "key": entry.key,
        "title": entry.title,
        "target": entry.target_id,
        "before": entry.before,
        "after": entry.after,
        "status": status,
        "reason": reason,
        "time": entry.finished_at or entry.created_at,
    }
