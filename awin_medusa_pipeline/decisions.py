"""Carries out what a person decides, and keeps who it was: the same for console, API, Dagster and command line.

Nothing here changes a shop: runs that do are requested, and Dagster starts them.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.errors import Action
from awin_medusa_pipeline.core.store.run_requests import RunRequest, RunRequests
from awin_medusa_pipeline.etsy.engine.expiry import expire_unconfirmed_jobs
from awin_medusa_pipeline.etsy.engine.jobs import retry_job
from awin_medusa_pipeline.etsy.engine.request import Requested, request_products
from awin_medusa_pipeline.etsy.store.jobs import EtsyJob
from awin_medusa_pipeline.etsy_decisions import EtsyDecider
from awin_medusa_pipeline.sync.domain.operations import Kind
from awin_medusa_pipeline.sync.store.decisions import decide_again, keep_as_it_is
from awin_medusa_pipeline.sync.store.held_plans import SHOWN, HeldPlan, HeldPlans, PlanError, PlanState
from awin_medusa_pipeline.sync.store.ledger import Ledger
from awin_medusa_pipeline.sync.store.past_reports import newest_planning

SYNC_JOB, UNDO_JOB = "daily_sync_job", "undo_run_job"


class Newest:
    """Knows which run has planned each kind last, and so whether a held plan is still what would happen."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._runs: dict[str, str | None] = {}

    def is_out_of_date(self, plan: HeldPlan) -> bool:
        """Whether a plan that waits was not made again by a later run that planned its kind."""
        if plan.state is not PlanState.HELD:
            return False
        if plan.kind not in self._runs:
            carried = HeldPlans(self._app.database).carried_out_by()
            self._runs[plan.kind] = newest_planning(self._app.home, plan.shop, Kind(plan.kind), carried)
        return self._runs[plan.kind] not in (None, plan.run_id)

    def check(self, plan: HeldPlan) -> None:
        """Raise PlanError for a plan that is out of date."""
        if self.is_out_of_date(plan):
            raise PlanError(
                f"Approving the plan {plan.hash[:SHOWN]}",
                "a later run has looked at feed and shop, and this is no longer what would happen",
                "Make a new plan with a dry run, and look at that.",
            )


class Decider(EtsyDecider):
    """Decides for one person. Ids may be cut to what fits one thing; errors are those of the stores."""

    def approve_plan(self, start: str, comment: str | None = None) -> list[HeldPlan]:
        """Approve a plan by its hash, or all that a dry run proposed by its id.

        Raises PlanError, also for one that is no longer what would happen.
        """
        plans, newest = HeldPlans(self.app.database), Newest(self.app)
        found = plans.find(start)
        for plan in found:
            newest.check(plan)
        approved = [plans.approve(plan, self.who.name) for plan in found]
        for plan in approved:
            self._record(Action.APPROVE_PLAN, plan.hash, comment)
        return approved

    def apply_approved(self, plans: Sequence[HeldPlan]) -> RunRequest:
        """Ask for the run that applies these approved plans and nothing else: one plan, or those of one dry run."""
        start = plans[0].hash if len(plans) == 1 else plans[0].run_id
        applying = {"dry_run": False, "approve_plan": start}
        return self.request_run(SYNC_JOB, applying=applying, kinds=[Kind(plan.kind) for plan in plans])

    def reject_plan(self, start: str, comment: str | None = None) -> list[HeldPlan]:
        """Reject a plan, as `approve_plan` approves one."""
        plans = HeldPlans(self.app.database)
        rejected = [plans.reject(plan, self.who.name) for plan in plans.find(start)]
        for plan in rejected:
            self._record(Action.REJECT_PLAN, plan.hash, comment)
        return rejected

    def forget_plan(self, start: str) -> list[tuple[HeldPlan, int]]:
        """Forget what was decided on a plan, so that the next sync asks again; with the number of its decisions."""
        plans = HeldPlans(self.app.database)
        forgotten = [(plan, plans.forget(plan)) for plan in plans.find(start)]
        for plan, number in forgotten:
            if number:
                self._record(Action.REJECT_PLAN, plan.hash, "no longer")
        return forgotten

    def keep_shop_value(self, kind: Kind, key: str) -> None:
        """Keep what the shop has in one field, whatever the feed says: key as in the kind's table."""
        keep_as_it_is(self.app.database, self.app.shop_address, kind, key, self.who.name)
        self._record(Action.KEEP_VALUE, f"{kind} {key}")

    def release_shop_value(self, kind: Kind, key: str) -> None:
        """Let the owner of the field in the settings decide again."""
        if decide_again(self.app.database, self.app.shop_address, kind, key):
            self._record(Action.KEEP_VALUE, f"{kind} {key}", "no longer")

    def request_run(
        self,
        job: str,
        *,
        applying: Mapping[str, Any] | None = None,
        kinds: Collection[Kind] = (),
        ops: Mapping[str, Any] | None = None,
    ) -> RunRequest:
        """Ask for a run of a job; the arguments are those of defs/launch.py run_job."""
        return RunRequests(self.app.database).put(self.who, job, applying=applying, kinds=kinds, ops=ops)

    def sync(self, *, dry_run: bool, limit: int | None = None, comment: str | None = None) -> RunRequest:
        """Ask for a sync of the kinds that SYNC_KINDS names; `limit`: things of each kind to change at most."""
        applying = {"dry_run": dry_run} | ({"limit": limit} if limit else {})
        self._record(Action.SYNC, "dry run" if dry_run else "apply", comment)
        return self.request_run(SYNC_JOB, applying=applying, kinds=self.app.settings.sync_kinds)

    def undo(self, start: str, *, dry_run: bool = False, comment: str | None = None) -> RunRequest:
        """Ask for the run that takes another one back. Raises PermanentError for no such run."""
        run = Ledger(self.app.database).find_run(start, self.app.shop_address)
        self._record(Action.UNDO, run.run_id, "dry run" if dry_run else comment)
        return self.request_run(UNDO_JOB, ops={"undo_run": {"run_id": run.run_id, "dry_run": dry_run}})

    def request_etsy(
        self, names: Collection[str], account: str | None = None, *, sold_is_booked: bool = False
    ) -> Requested:
        """Request products by id, handle or SKU for Etsy; nothing is sent before a confirmation.

        `sold_is_booked`: the person says that Medusa's levels count the pieces that went on Etsy.
        """
        expire_unconfirmed_jobs(self.app.etsy)
        with self.app.medusa(applying=True) as medusa:
            requested = request_products(
                self.app.etsy, medusa, names, account=account, by=self.who.name, sold_is_booked=sold_is_booked
            )
        comment = "Medusa's levels count the pieces that went on Etsy" if sold_is_booked else None
        self._record(Action.REQUEST_ETSY_JOB, requested.job.transaction_id, comment)
        return requested

    def retry_etsy_job(
        self, start: str, how_run_ended: Callable[[str], str | None], comment: str | None = None
    ) -> EtsyJob:
        """Confirm a failed job once more, for its failed products. `how_run_ended`: as in etsy/engine/jobs.py."""
        jobs = self._jobs()
        job = retry_job(self.app.etsy, jobs.find(start), self.who.name, how_run_ended)
        self._record(Action.RETRY_ETSY_JOB, job.transaction_id, comment)
        return job
