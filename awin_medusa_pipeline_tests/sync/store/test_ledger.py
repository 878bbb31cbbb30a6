"""The operation log: order, outcomes, what dead runs left, and counts that add up."""

import signal
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from awin_medusa_pipeline.core.store.database import Database, StoreError, open_database
from awin_medusa_pipeline.sync.domain.operations import Counts, Kind, NotSent, Operation, Status
from awin_medusa_pipeline.sync.store.ledger import INTERRUPTED, KEPT, SALES_JOB, Ledger, Outcome, reported
from awin_medusa_pipeline.sync.store.price_steps import price_steps

SHOP = "http://shop"
NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)


@pytest.fixture
def ledger(database: Database) -> Ledger:
    ledger = Ledger(database)
    ledger.start_run("run-1", shop=SHOP, job="daily_sync_job")
    return ledger


def test_the_first_start_of_a_run_decides(ledger: Ledger) -> None:
    first = ledger.start_run("run-2", shop=SHOP, job="a", dry_run=True, started_at=NOW)
    again = ledger.start_run("run-2", shop="other", job="b")
    assert (again.shop, again.job, again.dry_run, again.started_at) == (SHOP, "a", True, NOW)
    assert again.started_at.tzinfo is UTC
    assert first.finished_at is None
    ledger.finish_run("run-2")
    finished = ledger.run("run-2")
    assert finished is not None
    assert finished.finished_at is not None
    assert ledger.run("nobody") is None


def test_runs_that_book_sales_are_no_syncs(ledger: Ledger) -> None:
    moment = datetime.now(UTC)
    ledger.start_run("sales-1", shop=SHOP, job=SALES_JOB)
    (entry,) = ledger.record_intents("sales-1", Kind.STOCK, [Operation("etsy:1", {"level": 1}, {"level": 2}, "i1")])
    ledger.record_outcomes([Outcome(entry, Status.APPLIED)])
    assert [run.run_id for run in ledger.recent_runs(SHOP, 9)] == ["run-1"]
    assert (ledger.last_applied(SHOP), ledger.has_run_after(moment)) == (None, False)
    assert ledger.find_run("sales-1", SHOP).job == SALES_JOB


def test_what_was_taken_back_and_perhaps_again(ledger: Ledger) -> None:
    def apply(status: Status = Status.APPLIED) -> int:
        (entry,) = ledger.record_intents("run-1", Kind.STOCK, [Operation("etsy:1", {"level": 1})])
        ledger.record_outcomes([Outcome(entry, status)])
        return entry

    first = apply()
    seen = []
    for status in (Status.SKIPPED, Status.APPLIED, Status.APPLIED, Status.APPLIED):
        last = apply(status)
        seen.append(ledger.applied_after({"etsy:1": first, "etsy:2": 0}))
    assert seen == [set(), {"etsy:1"}, set(), {"etsy:1"}]
    assert ledger.applied_after({"etsy:1": last}) == set()
    assert ledger.statuses([first, last, 99]) == {first: Status.APPLIED, last: Status.APPLIED}


def test_intent_then_outcome(ledger: Ledger) -> None:
    operations = [Operation(f"awin:1:{n}", {"price": Decimal("1.10"), "at": NOW}) for n in range(500)]
    ids = ledger.record_intents("run-1", Kind.IMPORT, operations, batch=7)
    assert [entry.key for entry in ledger.rows("run-1", Kind.IMPORT)] == [one.key for one in operations]
    assert [(entry.id, entry.batch) for entry in ledger.rows("run-1")] == [(id_, 7) for id_ in ids]
    ledger.record_outcomes(
        [Outcome(ids[0], Status.APPLIED, "prod_1"), Outcome(ids[1], Status.FAILED, reason="HTTP 400")]
    )
    first, second, third, *_ = ledger.rows("run-1", Kind.IMPORT)
    assert (first.status, first.target_id, first.before) == (Status.APPLIED, "prod_1", None)
    assert first.after == {"price": "1.10", "at": "2026-11-21 02:00:00+00:00"}
    assert first.finished_at is not None
    assert first.finished_at >= first.created_at
    assert reported(second) == (Status.FAILED, "HTTP 400")
    assert reported(third) == (Status.FAILED, "outcome unknown")


def test_an_outcome_keeps_the_target_that_is_known(ledger: Ledger) -> None:
    [known] = ledger.record_intents("run-1", Kind.HIDE, [Operation("prod_1", {}, target_id="prod_1")])
    ledger.record_outcomes([Outcome(known, Status.APPLIED)])
    assert next(ledger.rows("run-1")).target_id == "prod_1"


def test_nothing_to_write_writes_nothing(ledger: Ledger) -> None:
    assert ledger.record_intents("run-1", Kind.STOCK, []) == []
    ledger.record_not_sent("run-1", Kind.STOCK, iter(()))
    ledger.record_outcomes([])
    assert ledger.counts("run-1") == {}


def test_a_batch_is_kept_whole_or_not_at_all(ledger: Ledger) -> None:
    with pytest.raises(sa.exc.IntegrityError):
        ledger.record_intents("never-started", Kind.STOCK, [Operation("a", {}), Operation("b", {})])
    assert list(ledger.rows("never-started")) == []


def test_open_operations_of_dead_runs(ledger: Ledger) -> None:
    ledger.start_run("run-2", shop=SHOP, job="j")
    ledger.start_run("elsewhere", shop="http://other", job="j")
    sent, lost, fine = ledger.record_intents("run-1", Kind.IMPORT, [Operation(key, {}) for key in "abc"])
    ledger.record_intents("run-1", Kind.STOCK, [Operation("d", {})])
    ledger.record_intents("run-2", Kind.IMPORT, [Operation("e", {})])
    ledger.record_intents("elsewhere", Kind.IMPORT, [Operation("f", {})])
    ledger.record_outcomes([Outcome(lost, Status.UNKNOWN, reason="timeout"), Outcome(fine, Status.APPLIED)])

    assert [row.key for row in ledger.open_operations(SHOP, Kind.IMPORT)] == ["a", "b", "e"]
    assert [row.key for row in ledger.open_operations(SHOP, Kind.IMPORT, except_run="run-2")] == ["a", "b"]
    assert ledger.counts("run-1")[Kind.IMPORT] == Counts(applied=1, failed=2)

    ledger.record_outcomes([Outcome(sent, Status.APPLIED, "prod_a"), Outcome(lost, Status.FAILED, reason="not there")])
    assert ledger.open_operations(SHOP, Kind.IMPORT, except_run="run-2") == []
    assert ledger.counts("run-1")[Kind.IMPORT] == Counts(applied=2, failed=1)


UNFINISHED: dict[str, tuple[list[tuple[Status, str | None]], bool]] = {
    "begun": ([(Status.INTENT, None)], True),
    "outcome unknown": ([(Status.UNKNOWN, "HTTP 502")], True),
    "looked up, and not there": ([(Status.FAILED, INTERRUPTED)], True),
    "begun, then refused for another reason": ([(Status.FAILED, INTERRUPTED), (Status.FAILED, "HTTP 400")], True),
    "begun, then held": ([(Status.UNKNOWN, None), (Status.HELD, "short_feed")], True),
    "refused": ([(Status.FAILED, "HTTP 400")], False),
    "begun, then done": ([(Status.FAILED, INTERRUPTED), (Status.APPLIED, None)], False),
    "begun, then found there": ([(Status.UNKNOWN, None), (Status.UNCHANGED, None)], False),
    "done, then begun again": ([(Status.APPLIED, None), (Status.INTENT, None)], True),
    "done": ([(Status.APPLIED, None)], False),
}


@pytest.mark.parametrize(("story", "unfinished"), UNFINISHED.values(), ids=UNFINISHED.keys())
def test_unfinished(ledger: Ledger, story: list[tuple[Status, str | None]], unfinished: bool) -> None:
    ledger.start_run("elsewhere", shop="http://other", job="daily_sync_job")
    for status, reason in story:
        [id_] = ledger.record_intents("run-1", Kind.IMPORT, [Operation("awin:1:a", {"sku": "a"})])
        ledger.record_outcomes([Outcome(id_, status, reason=reason)])
    [other] = ledger.record_intents("elsewhere", Kind.IMPORT, [Operation("awin:1:a", {})])
    ledger.record_outcomes([Outcome(other, Status.APPLIED)])
    ledger.record_intents("run-1", Kind.STOCK, [Operation("variant_a", {"level": 3})])
    found = ledger.unfinished(SHOP, Kind.IMPORT)
    assert found == ([Operation("awin:1:a", {"sku": "a"})] if unfinished else [])


@pytest.mark.parametrize(
    ("asked", "indices"),
    [
        (lambda ledger: ledger.open_operations(SHOP, Kind.IMPORT), {"ix_sync_operations_open"}),
        (
            lambda ledger: ledger.unfinished(SHOP, Kind.IMPORT),
            {"ix_sync_operations_open", "ix_sync_operations_failed"},
        ),
        (lambda ledger: ledger.given_up(SHOP, datetime.now(UTC)), {"ix_sync_operations_failed"}),
        (
            lambda ledger: price_steps(ledger._database, SHOP, map(str, range(500)), NOW).rows(),
            {"ix_sync_operations_key"},
        ),
    ],
    ids=["open", "unfinished", "given up", "steps of prices"],
)
def test_what_every_run_asks_is_found_without_reading_the_log(
    asked: Callable[[Ledger], list[Any]], indices: set[str], tmp_path: Path
) -> None:
    """Of a year with a million operations, to look for what was given up took 10 s (measured)."""
    plans: list[str] = []
    with open_database(f"sqlite:///{tmp_path / 'state.db'}") as database:

        def explain(connection: sa.Connection, _: object, statement: str, parameters: tuple[object, ...], *__: object):
            if statement.startswith("SELECT"):
                cursor = connection.connection.cursor()
                plans.extend(row[3] for row in cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters))

        sa.event.listen(sa.Engine, "before_cursor_execute", explain)
        try:
            assert asked(Ledger(database)) == []
        finally:
            sa.event.remove(sa.Engine, "before_cursor_execute", explain)
    used = {index for index in indices if any(f"INDEX {index}" in step for step in plans)}
    assert used == indices, plans
    assert not [step for step in plans if step.startswith("SCAN sync_operations")]


KILLED = """
import os, signal, sys
from awin_medusa_pipeline.core.store.database import open_database
from awin_medusa_pipeline.sync.domain.operations import Kind, Operation
from awin_medusa_pipeline.sync.store.ledger import Ledger
ledger = Ledger(open_database(sys.argv[1]))
ledger.record_intents("run-1", Kind.IMPORT, [Operation(str(number), {}) for number in range(200)])
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_an_intent_outlives_a_kill(ledger: Ledger, store_url: str) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, store_url], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(ledger.open_operations(SHOP, Kind.IMPORT)) == 200


def test_what_was_imported_before_into_this_shop(ledger: Ledger) -> None:
    ledger.start_run("elsewhere", shop="http://other", job="j")
    for run_id, kind, key, status in (
        ("run-1", Kind.IMPORT, "awin:1:a", Status.APPLIED),
        ("run-1", Kind.IMPORT, "awin:1:failed", Status.FAILED),
        ("run-1", Kind.STOCK, "awin:1:level", Status.APPLIED),
        ("elsewhere", Kind.IMPORT, "awin:1:other", Status.APPLIED),
    ):
        [entry] = ledger.record_intents(run_id, kind, [Operation(key, {})])
        ledger.record_outcomes([Outcome(entry, status)])
    keys = ["awin:1:never", "awin:1:failed", "awin:1:level", "awin:1:other", *(f"{n}" for n in range(1000)), "awin:1:a"]
    assert ledger.imported(SHOP, keys) == {"awin:1:a"}
    assert ledger.imported(SHOP, []) == set()


def test_history_by_offer_and_by_medusa_id(ledger: Ledger) -> None:
    ledger.start_run("run-2", shop=SHOP, job="j")
    [made] = ledger.record_intents("run-1", Kind.IMPORT, [Operation("awin:1:a", {})])
    ledger.record_outcomes([Outcome(made, Status.APPLIED, "prod_a")])
    held = NotSent(Operation("prod_a", {}, target_id="prod_a"), "too many", Status.HELD)
    ledger.record_not_sent("run-2", Kind.HIDE, [held])
    assert [row.kind for row in ledger.history("awin:1:a")] == ["import"]
    assert [row.kind for row in ledger.history("prod_a")] == ["import", "hide"]
    assert ledger.history("nobody") == []


def test_prune_takes_old_runs_with_their_operations(ledger: Ledger) -> None:
    for name, age in {"old": KEPT + timedelta(seconds=1), "young": KEPT - timedelta(seconds=1)}.items():
        ledger.start_run(name, shop=SHOP, job="j", started_at=NOW - age)
        ledger.record_not_sent(name, Kind.STOCK, [NotSent(Operation("k", {}), "beyond the limit")])
    assert ledger.prune(NOW - KEPT) == 1
    assert ledger.run("old") is None
    assert list(ledger.rows("old")) == []
    assert len(list(ledger.rows("young"))) == 1


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(st.sampled_from(Kind), st.sampled_from(Status)), max_size=30))
def test_counts_always_add_up(ledger: Ledger, rows: list[tuple[Kind, Status]]) -> None:
    run_id = f"run-{uuid.uuid4()}"
    ledger.start_run(run_id, shop=SHOP, job="j")
    for kind, status in rows:
        [id_] = ledger.record_intents(run_id, kind, [Operation("k", {})])
        if status is not Status.INTENT:
            ledger.record_outcomes([Outcome(id_, status)])
    counts = ledger.counts(run_id)
    assert {kind: of_kind.planned for kind, of_kind in counts.items()} == Counter(kind for kind, _ in rows)
    assert list(counts) == sorted(counts)
    for of_kind in counts.values():
        numbers = of_kind.as_dict()
        assert numbers.pop("planned") == sum(numbers.values())


def test_on_a_full_disk_nothing_is_begun_and_what_was_begun_stays_known(tmp_path: Path) -> None:
    """Intents are recorded whole before a request, or none is sent; an outcome that finds no room leaves its intent."""

    def without_room(connection: Any, _: object) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")

    file = tmp_path / "state.db"
    with open_database(f"sqlite:///{file}") as database:
        ledger = Ledger(database)
        ledger.start_run("run-1", shop=SHOP, job="daily_sync_job")
        begun = ledger.record_intents("run-1", Kind.STOCK, [Operation(f"variant_{n}", {}) for n in range(50)])
    sa.event.listen(sa.pool.Pool, "connect", without_room)
    try:
        with open_database(f"sqlite:///{file}") as database:
            ledger = Ledger(database)
            many = [Operation(f"variant_{n}", {"text": "x" * 1_000}) for n in range(500)]
            with pytest.raises(StoreError, match=r"full.*Free some disk space"):
                ledger.record_intents("run-1", Kind.STOCK, many)
            told = [Outcome(id_, Status.APPLIED, reason="x" * 10_000) for id_ in begun]
            with pytest.raises(StoreError, match="full"):
                ledger.record_outcomes(told)
            assert [row.id for row in ledger.open_operations(SHOP, Kind.STOCK)] == begun
    finally:
        sa.event.remove(sa.pool.Pool, "connect", without_room)
