"""Which confirmed jobs get a run, by jobs and facts that Dagster has."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from awin_medusa_pipeline.etsy.engine.jobs import jobs_to_tidy
from awin_medusa_pipeline.etsy.engine.starts import JobStart, attempt_name, decide_starts
from awin_medusa_pipeline.etsy.store.jobs import EtsyJob, JobStatus

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)


def job(
    name: str,
    status: JobStatus = JobStatus.CONFIRMED,
    *,
    account: int = 1,
    attempt: int = 1,
    minute: int = 0,
    run: str | None = None,
) -> EtsyJob:
    """A job that was requested, confirmed and is to expire at a minute."""
    at = NOW + timedelta(minutes=minute)
    return EtsyJob(
        transaction_id=name,
        account_id=account,
        status=status,
        attempt=attempt,
        requested_at=at,
        confirmed_at=at,
        expires_at=at,
        run_id=run,
    )


PROCESSING, PENDING = JobStatus.PROCESSING, JobStatus.PENDING
DECISIONS: list[tuple[str, list[EtsyJob], dict[str, str], dict[str, int], list[str], str]] = [
    ("no job", [], {}, {}, [], "No Etsy job is confirmed."),
    ("one is processing", [job("a", PROCESSING)], {}, {}, [], "No Etsy job is confirmed."),
    ("the oldest of an account", [job("b", minute=2), job("a", minute=1)], {}, {}, ["a-attempt-1-run-1"], ""),
    ("one per account", [job("b", account=2), job("a")], {}, {}, ["b-attempt-1-run-1", "a-attempt-1-run-1"], ""),
    ("a retry", [job("a", attempt=3)], {}, {}, ["a-attempt-3-run-1"], ""),
    ("a run ended early", [job("a")], {}, {"a-attempt-1": 2}, ["a-attempt-1-run-3"], ""),
    ("runs of an older attempt", [job("a", attempt=2)], {}, {"a-attempt-1": 3}, ["a-attempt-2-run-1"], ""),
    (
        "three runs ended early",
        [job("a")],
        {},
        {"a-attempt-1": 3},
        [],
        "3 runs have ended before they took a-attempt-1; see their errors, then reject it.",
    ),
    (
        "the next job after one that was given up",
        [job("a"), job("b", minute=1)],
        {},
        {"a-attempt-1": 3},
        ["b-attempt-1-run-1"],
        "",
    ),
    ("a run is queued", [job("a")], {"1": "run 0123"}, {}, [], "a-attempt-1 must wait: run 0123 goes on."),
    ("another account's run", [job("a")], {"2": "run 0123"}, {}, ["a-attempt-1-run-1"], ""),
    ("another job", [job("b"), job("a", PROCESSING)], {}, {}, [], "b-attempt-1 must wait: a goes on."),
]


@pytest.mark.parametrize(
    ("jobs", "running", "ended", "keys", "reason"),
    [case[1:] for case in DECISIONS],
    ids=[case[0] for case in DECISIONS],
)
def test_which_jobs_get_a_run(
    jobs: Sequence[EtsyJob], running: Mapping[str, str], ended: Mapping[str, int], keys: list[str], reason: str
) -> None:
    decision = decide_starts(jobs, running, ended)
    assert [start.run_key for start in decision.starts] == keys
    assert decision.reason == reason


def test_a_start_names_its_job() -> None:
    (start,) = decide_starts([job("a", account=7, attempt=2)], {}, {}).starts
    assert start == JobStart("a", 7, "a-attempt-2", "a-attempt-2-run-1")
    assert attempt_name(job("a", attempt=2)) == start.attempt


def test_which_jobs_are_to_be_ended() -> None:
    jobs = [
        job("overdue", PENDING, minute=-1),
        job("just now", PENDING),
        job("in time", PENDING, minute=1),
        job("confirmed", minute=-1),
        job("dead", PROCESSING, run="dead"),
        job("alive", PROCESSING, run="alive"),
        job("without a run", PROCESSING),
    ]
    names = [one.transaction_id for one in jobs_to_tidy(jobs, NOW, {"dead", ""})]
    assert names == ["overdue", "just now", "dead", "without a run"]
