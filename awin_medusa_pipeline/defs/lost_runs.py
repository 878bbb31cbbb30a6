"""Ends in Dagster's records the runs whose process has died, and removes what they left on the disk.

Dagster itself notices the death of a worker only through some launchers, and never that of a whole machine: the run
stays started, and keeps its place in the queue for twelve hours. Every run of ours gives signs of life in the state
store, whoever has launched it, also one that only reads (defs/resources.py).
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.store.leases import Lease, Leases, Sign
from awin_medusa_pipeline.defs.etsy import decide
from awin_medusa_pipeline.defs.etsy import jobs as etsy_jobs
from awin_medusa_pipeline.defs.leftovers import remove_leftovers
from awin_medusa_pipeline.defs.per_shop import is_of, of_each
from awin_medusa_pipeline.defs.resources import IMPLICIT_JOB
from awin_medusa_pipeline.defs.services import LOCATION
from awin_medusa_pipeline.defs.sync import jobs, plans
from awin_medusa_pipeline.shops import Shops

FIRST_SIGN = timedelta(minutes=5)
"""A run gives its first sign of life some seconds after Dagster has started it."""
KEPT = timedelta(days=1)
OURS = frozenset(job.name for job in (*jobs.all_jobs, *plans.all_jobs, *etsy_jobs.all_jobs, *decide.all_jobs))


@dataclass(frozen=True)
class LostRun:
    """A run that Dagster has as started, and that does not seem to live."""

    run: dg.DagsterRun
    why: str
    certain: bool
    """Whether its process has ended for sure."""
    word: str = ""
    """Its last sign of life."""


def find_lost_runs(app: App, instance: dg.DagsterInstance, *, now: datetime | None = None) -> Iterator[LostRun]:
    """Find the started runs on a shop whose process has ended, or which give no sign of life."""
    now = now or datetime.now(UTC)
    signs = {row.run_id: (row, sign) for row, sign in Leases(app.database).runs()}
    for record in instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
        run = record.dagster_run
        if not is_of(app, run):
            continue
        row, sign = signs.get(run.run_id, (None, Sign.SILENT))
        if row is None:
            started = datetime.fromtimestamp(record.start_time, UTC) if record.start_time else now
            if _is_ours(run) and now - started >= FIRST_SIGN:
                yield LostRun(run, "it has given no sign of life since its start", certain=False)
        elif sign is Sign.GONE:
            yield LostRun(run, f"its process on {row.host} has ended", certain=True)
        elif sign is Sign.SILENT:
            yield LostRun(run, _silence(row), certain=False, word=row.nonce or "")


def end_lost_runs(
    app: App, instance: dg.DagsterInstance, seen: Mapping[str, str] | None = None, *, now: datetime | None = None
) -> tuple[list[LostRun], dict[str, str]]:
    """Record as failed what is lost for certain, or was so silent at the last look (`seen`: run id -> word).

    Returns what was ended, and what is to be looked at again: a machine that was asleep wakes up with all its runs, and
    they give their signs of life only then.
    """
    ended, again = [], {}
    leases = Leases(app.database)
    for lost in find_lost_runs(app, instance, now=now):
        run_id = lost.run.run_id
        if not lost.certain and (seen or {}).get(run_id) != lost.word:
            again[run_id] = lost.word
            continue
        to_do = "What it had done is recorded; the next run goes on from there."
        instance.report_run_failed(lost.run, f"The run was lost: {lost.why}. {to_do}")
        leases.forget_run(run_id)
        ended.append(lost)
    _forget_others(leases, instance, now or datetime.now(UTC))
    return ended, again


def tidy_up(app: App, instance: dg.DagsterInstance) -> None:
    """End what is lost for certain, and remove what such runs left: at the start of whatever may start runs."""
    end_lost_runs(app, instance)
    remove_leftovers(app)


@dg.sensor(
    name="lost_run_sensor",
    description="Ends runs whose process has died, so that the next ones need not wait, and removes their leftovers.",
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=60,
)
def lost_run_sensor(context: dg.SensorEvaluationContext, shops: dg.ResourceParam[Shops]) -> dg.SensorResult:
    """Not by a run of its own: that one would wait behind those that are lost."""
    seen = json.loads(context.cursor or "{}")
    ended, again = list[LostRun](), dict[str, str]()

    def end(app: App) -> None:
        of_shop, silent = end_lost_runs(app, context.instance, seen)
        if of_shop:
            remove_leftovers(app)
        ended.extend(of_shop)
        again.update(silent)

    of_each(shops, end, context.log)
    names = ", ".join(lost.run.run_id[:8] for lost in ended)
    reason = f"Ended: {names}." if ended else f"{len(again)} runs are silent." if again else "No run is lost."
    return dg.SensorResult(skip_reason=reason, cursor=json.dumps(again))


def _is_ours(run: dg.DagsterRun) -> bool:
    if origin := run.remote_job_origin:
        return origin.repository_origin.code_location_origin.location_name == LOCATION
    return run.job_name in OURS or run.job_name.startswith(IMPLICIT_JOB)


def _silence(row: Lease) -> str:
    return f"it has given no sign of life since {row.heartbeat_at:%Y-%m-%d %H:%M} UTC, on {row.host}"


def _forget_others(leases: Leases, instance: dg.DagsterInstance, now: datetime) -> None:
    """Forget the signs of runs that have died and that Dagster does not have as started."""
    for row, sign in leases.runs():
        old = row.heartbeat_at is not None and now - row.heartbeat_at > KEPT
        if row.run_id and (sign is Sign.GONE or (sign is Sign.SILENT and old)):
            run = instance.get_run_by_id(row.run_id)
            if run is None or run.is_finished:
                leases.forget_run(row.run_id)
