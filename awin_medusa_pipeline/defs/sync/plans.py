"""Shows the plans that wait for a person's decision, as the check of each kind, and carries the decision out."""

from collections.abc import Sequence
from typing import Any

import dagster as dg
from pydantic import Field

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.decisions import Decider, Newest
from awin_medusa_pipeline.defs.services import LOCATION
from awin_medusa_pipeline.defs.shown import SHOWN_ROWS, preview, table
from awin_medusa_pipeline.defs.steps import op
from awin_medusa_pipeline.defs.tags import PLAN_TAG, decider_in, tag_run
from awin_medusa_pipeline.defs.taken_up import ONCE
from awin_medusa_pipeline.sync.domain.kinds import KINDS
from awin_medusa_pipeline.sync.domain.operations import Kind
from awin_medusa_pipeline.sync.domain.plans import largest
from awin_medusa_pipeline.sync.engine.runs import SyncRun
from awin_medusa_pipeline.sync.store.held_plans import SHOWN, HeldPlan, HeldPlans, Why

REASON_COLUMNS = ("hash", "rows", "number", "limit", "reason", "expires")
PLAN_COLUMNS = ("hash", "kind", "rows", "why", "made", "expires", "to approve")


NOTHING_HELD = "nothing_held"


def held_spec(kind: Kind) -> dg.AssetCheckSpec:
    """Announce the check that no plan of a kind waits; it warns and blocks nothing."""
    entry = KINDS[kind]
    return dg.AssetCheckSpec(
        NOTHING_HELD, asset=entry.asset, description=f"No plan to {entry.words} waits for your decision."
    )


def nothing_held(run: SyncRun, kind: Kind) -> dg.AssetCheckResult:
    """Check that no plan of a kind waits."""
    held = [plan for plan in run.waiting_plans() if plan.kind == kind and not plan.proposed]
    return dg.AssetCheckResult(
        asset_key=KINDS[kind].asset,
        check_name=NOTHING_HELD,
        passed=not held,
        severity=dg.AssetCheckSeverity.WARN,
        description=" ".join(map(decision_text, held)) or None,
        metadata=held_metadata(run.plans, held),
    )


def decision_text(plan: HeldPlan) -> str:
    """How many rows wait, and how to decide."""
    return (
        f"The plan {plan.hash[:SHOWN]} holds {plan.row_count:,} rows until you decide: launch approve_plan_job or "
        "reject_plan_job with this hash."
    )


def held_metadata(plans: HeldPlans, held: Sequence[HeldPlan]) -> dict[str, Any]:
    """The plans of one kind with their reasons, and the largest changes of each; empty when there is none."""
    if not held:
        return {}
    tables = {
        f"largest_changes_{plan.hash[:SHOWN]}": preview(
            largest(Kind(plan.kind), plans.rows(plan), SHOWN_ROWS).select(KINDS[Kind(plan.kind)].shown)
        )
        for plan in held
    }
    reasons = [_facts(plan) | _measure(why) for plan in held for why in plan.why]
    return {"held": table(reasons, REASON_COLUMNS), **tables, **DECIDING_JOBS}


def plans_metadata(plans: Sequence[HeldPlan]) -> dict[str, Any]:
    """Plans as a table, a row for each."""
    rows = [
        _facts(plan) | {"why": "; ".join(plan.reasons), "to approve": f"approve_plan_job, hash {plan.hash[:SHOWN]}"}
        for plan in plans
    ]
    return {"plans": len(plans), "waiting": table(rows, PLAN_COLUMNS)}


def _facts(plan: HeldPlan) -> dict[str, object]:
    times = {"made": f"{plan.created_at:%m-%d %H:%M}", "expires": f"{plan.expires_at:%m-%d %H:%M} UTC"}
    return {"hash": plan.hash[:SHOWN], "kind": plan.kind, "rows": plan.row_count, **times}


def _measure(why: Why) -> dict[str, object]:
    return {"reason": why.sentence, "number": why.number, "limit": None if why.limit is None else round(why.limit, 1)}


class PlanDecision(dg.Config):
    """The plan, and why it is decided so."""

    hash: str = Field(
        default="",
        description="The plan: the beginning of its hash, or of the id of a dry run for all that it proposed. The "
        "asset held_plans lists what waits.",
    )
    comment: str = Field(default="", description="Why, for those who ask later; may stay blank.")


@op(description="Approve a plan, and ask for the run that applies these rows and nothing else.")
def approve_plan(context: dg.OpExecutionContext, config: PlanDecision, app: dg.ResourceParam[App]) -> None:
    """Approve, and put the request; sync_request_sensor starts the run."""
    tag_run(context.instance, context.run, {PLAN_TAG: config.hash})
    decider = Decider(app, decider_in(context.run))
    plans = decider.approve_plan(config.hash, config.comment)
    decider.apply_approved(plans)
    _show(context, app, plans, "Approved; sync_request_sensor starts daily_sync_job with it within half a minute.")


@op(description="Reject a plan: each of its rows stays as it is until what would be written changes.")
def reject_plan(context: dg.OpExecutionContext, config: PlanDecision, app: dg.ResourceParam[App]) -> None:
    """Reject; no run follows."""
    tag_run(context.instance, context.run, {PLAN_TAG: config.hash})
    plans = Decider(app, decider_in(context.run)).reject_plan(config.hash, config.comment)
    _show(context, app, plans, "Rejected; nothing was sent.")


def _show(context: dg.OpExecutionContext, app: App, decided: Sequence[HeldPlan], outcome: str) -> None:
    """Log what was decided, and record held_plans as it is now."""
    for plan in decided:
        context.log.info(
            f"{KINDS[Kind(plan.kind)].words}, {plan.row_count:,} rows, plan {plan.hash[:SHOWN]}. {outcome}"
        )
    newest = Newest(app)
    left = [plan for plan in HeldPlans(app.database).waiting(app.shop_address) if not newest.is_out_of_date(plan)]
    context.log_event(dg.AssetMaterialization("held_plans", metadata=plans_metadata(left), partition=app.shop or None))
    context.add_output_metadata({"outcome": outcome, **plans_metadata(decided)})


@dg.job(
    description="Approve a plan that waits: exactly its rows are applied, each compared with the shop just before.",
    tags=ONCE,
)
def approve_plan_job() -> None:
    """Approve a plan (decisions.py)."""
    approve_plan()


@dg.job(description="Reject a plan that waits: its rows stay as they are, and are not asked about again.", tags=ONCE)
def reject_plan_job() -> None:
    """Reject a plan (decisions.py)."""
    reject_plan()


DECIDING_JOBS = {
    "to_approve": dg.MetadataValue.job(approve_plan_job.name, LOCATION),
    "to_reject": dg.MetadataValue.job(reject_plan_job.name, LOCATION),
}
all_jobs = [approve_plan_job, reject_plan_job]
