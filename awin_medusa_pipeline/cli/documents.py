"""Makes the JSON documents of `--json`; docs/cli.md describes them. Their field names stay as they are."""

from collections.abc import Mapping
from typing import Any

from awin_medusa_pipeline.sync.store.models import HeldPlan

Document = Mapping[str, Any]


def plan_document(plan: HeldPlan) -> Document:
    """A held plan, without its rows."""
    return {
        "hash": plan.hash,
        "shop": plan.shop,
        "kind": plan.kind,
        "rows": plan.row_count,
        "state": plan.state,
        "proposed": plan.proposed,
        "reasons": plan.reasons,
        "run": plan.run_id,
        "created_at": plan.created_at,
        "expires_at": plan.expires_at,
        "decided_by": plan.decided_by,
        "decided_at": plan.decided_at,
        "applied_by_run": plan.applied_by_run,
    }
