"""Confirms and drops Etsy jobs, and keeps who it was: the decisions that the state store alone needs.

They stand apart so that the command line need not load tables and a client of the shop for them.
"""

from dataclasses import dataclass

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.errors import Action
from awin_medusa_pipeline.core.store.audit import Audit, Who
from awin_medusa_pipeline.etsy.engine.expiry import expire_unconfirmed_jobs
from awin_medusa_pipeline.etsy.store.jobs import EtsyJob, EtsyJobs


@dataclass(frozen=True)
class EtsyDecider:
    """Decides on Etsy jobs for one person. Ids may be cut to what fits one job."""

    app: App
    who: Who

    def confirm_etsy_job(self, start: str, comment: str | None = None) -> EtsyJob:
        """Confirm a job: etsy_confirmation_sensor starts it. Raises EtsyJobError."""
        jobs = self._jobs()
        job = jobs.confirm(jobs.find(start).transaction_id, self.who.name)
        self._record(Action.CONFIRM_ETSY_JOB, job.transaction_id, comment)
        return job

    def reject_etsy_job(self, start: str, comment: str | None = None) -> EtsyJob:
        """Drop a job that has not started. Raises EtsyJobError."""
        jobs = self._jobs()
        job = jobs.reject(jobs.find(start).transaction_id, self.who.name)
        self._record(Action.REJECT_ETSY_JOB, job.transaction_id, comment)
        return job

    def _jobs(self) -> EtsyJobs:
        expire_unconfirmed_jobs(self.app.etsy)
        return self.app.etsy.jobs

    def _record(self, action: Action, target: str, comment: str | None = None) -> None:
        Audit(self.app.database).record(self.who, action, target, comment)
