"""One run at a time, on both databases, with real processes where a process matters."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from awin_medusa_pipeline.core import machine
from awin_medusa_pipeline.core.store import leases
from awin_medusa_pipeline.core.store.database import STANDSTILL, Database, StoreError, database_time, open_database
from awin_medusa_pipeline.core.store.leases import (
    HEARTBEAT,
    HELD_FOR,
    MARGIN,
    HeldLease,
    Lease,
    LeaseLostError,
    Leases,
    ShopBusyError,
    Sign,
)
from awin_medusa_pipeline.sandbox.postgres import Postgres

SHOP = "http://shop.test"
LONG = HELD_FOR.total_seconds() + 1

TAKE = """
import os, sys
from awin_medusa_pipeline.core.store.database import open_database
from awin_medusa_pipeline.core.store.leases import LeaseLostError, Leases
try:
    lease = Leases(open_database(sys.argv[1])).take(sys.argv[2], run_id=sys.argv[3], job="daily_sync_job")
except Exception as error:
    print(type(error).__name__, flush=True)
    raise SystemExit(1)
print("taken", flush=True)
for line in sys.stdin:
    try:
        lease.check()
        print("ours", flush=True)
    except LeaseLostError:
        print("lost", flush=True)
os._exit(9)
"""


class Process:
    """A process that takes the lease, and then tells on each question whether it still has it."""

    def __init__(self, store_url: str, run_id: str, *before: str) -> None:
        command = [*before, sys.executable, "-c", TAKE, store_url, SHOP, run_id]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.took = self._line()

    def _line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def ask(self) -> str:
        assert self.process.stdin
        self.process.stdin.write("?\n")
        self.process.stdin.flush()
        return self._line()

    def end(self) -> None:
        assert self.process.stdin
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        assert self.process.stdout
        self.process.stdout.close()


@contextmanager
def process(store_url: str, run_id: str, *before: str) -> Iterator[Process]:
    one = Process(store_url, run_id, *before)
    try:
        yield one
    finally:
        one.end()


def change(database: Database, **values: Any) -> None:
    """Change what the store says of the holder."""
    with database.writing() as session:
        session.execute(sa.update(Lease).where(Lease.name == SHOP).values(values))


def grow_silent(database: Database, seconds: float = LONG) -> None:
    """As if the holder had given its last sign of life so long ago."""
    with database.writing() as session:
        row = session.get_one(Lease, SHOP)
        assert row.heartbeat_at
        assert row.expires_at
        assert row.beat
        row.heartbeat_at -= timedelta(seconds=seconds)
        row.expires_at -= timedelta(seconds=seconds)
        row.beat -= seconds


def test_a_second_run_is_told_who_holds_the_shop(database: Database, another: Callable[[], Database]) -> None:
    with Leases(database).hold(SHOP, run_id="first", job="daily_sync_job"), another() as other:
        with pytest.raises(ShopBusyError, match=r"run first \(daily_sync_job, on .* Wait until it ends"):
            Leases(other).take(SHOP, run_id="second", job="daily_sync_job")
        Leases(other).take("http://another-shop.test", run_id="second", job="daily_sync_job")
    assert Leases(database).holder(SHOP) is None
    assert Leases(database).take(SHOP, run_id="second", job="daily_sync_job").token == 2


def test_a_run_may_take_its_own_shop_again(database: Database) -> None:
    first = Leases(database).take(SHOP, run_id="run", job="job")
    again = Leases(database).take(SHOP, run_id="run", job="job")
    assert again.token == first.token + 1
    for act in (first.check, first.renew):
        with pytest.raises(LeaseLostError):
            act()


def test_a_silent_holder_loses_the_shop_and_writes_no_more(database: Database) -> None:
    silent = Leases(database).take(SHOP, run_id="silent", job="daily_sync_job")
    grow_silent(database, HELD_FOR.total_seconds() - 1)
    with pytest.raises(ShopBusyError):
        Leases(database).take(SHOP, run_id="next", job="daily_sync_job")
    silent.renew()
    grow_silent(database)
    following = Leases(database).take(SHOP, run_id="next", job="daily_sync_job")
    for act in (silent.check, silent.renew, lambda: in_a_transaction(database, silent)):
        with pytest.raises(LeaseLostError, match="another run took it over"):
            act()
    Leases(database).release(silent)
    following.check()


def in_a_transaction(database: Database, lease: HeldLease) -> None:
    with database.writing() as session:
        lease.check_in(session)


def test_a_holder_that_was_silent_goes_on_where_nobody_took_the_shop(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = Leases(database).take(SHOP, run_id="run", job="job")
    grow_silent(database)
    later = machine.seconds_since_boot() + LONG
    monkeypatch.setattr(leases, "seconds_since_boot", lambda: later)
    lease.check()
    assert [row.expires_at > row.heartbeat_at for row in [Leases(database).holder(SHOP)]] == [True]  # type: ignore


@pytest.mark.parametrize("seconds", [HELD_FOR.total_seconds() - MARGIN - 1, HELD_FOR.total_seconds() - MARGIN + 1])
def test_past_its_time_a_holder_asks_for_the_shop_anew_before_it_sends(
    database: Database, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    lease = Leases(database).take(SHOP, run_id="run", job="job")
    before = Leases(database).holder(SHOP)
    later = machine.seconds_since_boot() + seconds
    monkeypatch.setattr(leases, "seconds_since_boot", lambda: later)
    lease.check()
    after = Leases(database).holder(SHOP)
    assert before
    assert after
    assert (after.nonce != before.nonce) is (seconds > HELD_FOR.total_seconds() - MARGIN)


def test_a_killed_holder_on_this_machine_frees_the_shop_at_once(database: Database, store_url: str) -> None:
    with process(store_url, "dead") as died:
        assert died.took == "taken"
    holder = Leases(database).holder(SHOP)
    assert holder is not None
    assert holder.run_id == "dead"
    assert Leases(database).take(SHOP, run_id="next", job="daily_sync_job").token == 2


def test_a_holder_that_has_ended_and_was_not_reaped_counts_as_gone(database: Database, store_url: str) -> None:
    with process(store_url, "dead") as died:
        died.process.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, died.process.pid, os.WEXITED | os.WNOWAIT)
        assert Leases(database).take(SHOP, run_id="next", job="daily_sync_job").token == 2


@pytest.mark.parametrize(
    ("changed", "freed"),
    [
        ({}, True),
        ({"boot": "00000000-0000-0000-0000-000000000000"}, False),
        ({"boot": None}, False),
        ({"namespace": "pid:[1]"}, False),
        ({"namespace": None}, False),
        ({"process": "not a number"}, False),
    ],
    ids=["here", "another boot", "unknown boot", "another namespace", "unknown namespace", "unknown process"],
)
def test_a_holder_is_taken_for_dead_at_once_only_where_this_process_can_know_it(
    database: Database, store_url: str, changed: dict[str, Any], freed: bool
) -> None:
    with process(store_url, "dead"):
        pass
    if changed:
        change(database, **changed)
    if freed:
        Leases(database).take(SHOP, run_id="next", job="job")
        return
    with pytest.raises(ShopBusyError):
        Leases(database).take(SHOP, run_id="next", job="job")
    grow_silent(database)
    Leases(database).take(SHOP, run_id="next", job="job")


STOP_IN_A_TRANSACTION = """
import os, signal, sys
from datetime import timedelta
from awin_medusa_pipeline.core.store import database, leases
database.STANDSTILL, leases.HELD_FOR, leases.MARGIN = 1, timedelta(seconds=3), 0.1
store = database.open_database(sys.argv[1])
lease = leases.Leases(store).take(sys.argv[2], run_id="stopped", job="daily_sync_job")
stops = [signal.SIGSTOP]
def act(session):
    lease.check_in(session)
    if stops:
        print("stopping", flush=True)
        os.kill(os.getpid(), stops.pop())
    lease.check_in(session)
try:
    store.write(act)
    print("wrote")
except leases.LeaseLostError:
    print("lost")
"""


def test_a_process_stopped_in_a_transaction_of_postgresql_does_not_keep_the_shop(
    postgres: Postgres, migrated_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "HELD_FOR", timedelta(seconds=3))
    postgres.create("stopped", migrated_database)
    command = [sys.executable, "-c", STOP_IN_A_TRANSACTION, postgres.url("stopped"), SHOP]
    with open_database(postgres.url("stopped")) as database:
        stopped = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert stopped.stdout
        try:
            assert stopped.stdout.readline() == "stopping\n"
            began = time.monotonic()
            with pytest.raises(ShopBusyError):  # its row can be locked: until then this waits for the transaction
                Leases(database).take(SHOP, run_id="too early", job="daily_sync_job")
            assert time.monotonic() - began < 3
            time.sleep(max(0, began + 3.1 - time.monotonic()))
            lease = Leases(database).take(SHOP, run_id="next", job="daily_sync_job")
            stopped.send_signal(signal.SIGCONT)
            assert stopped.communicate(timeout=30)[0] == "lost\n"
            lease.check()
        finally:
            stopped.kill()
            stopped.wait()
    postgres.drop("stopped")


def test_a_transaction_may_stand_still_as_long_as_no_lease_ends() -> None:
    assert HELD_FOR.total_seconds() - HEARTBEAT >= STANDSTILL


UNSHARE = shutil.which("unshare")
NAMESPACE = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]
CAN_UNSHARE = UNSHARE is not None and subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode == 0


@pytest.mark.skipif(not CAN_UNSHARE, reason="this machine makes no PID namespaces for tests")
def test_a_living_holder_in_another_pid_namespace_keeps_the_shop(database: Database, store_url: str) -> None:
    with process(store_url, "holder", *NAMESPACE) as holder:
        assert holder.took == "taken"
        row = Leases(database).holder(SHOP)
        assert row
        assert (row.process or "").startswith("1 ")  # here that is another process
        with process(store_url, "next") as here, process(store_url, "third", *NAMESPACE) as beside:
            assert (here.took, beside.took) == ("ShopBusyError", "ShopBusyError")
        assert holder.ask() == "ours"


@pytest.mark.parametrize(
    ("clock", "boot", "lives"),
    [
        ("hours ahead", "here", True),
        ("hours behind", "here", True),
        ("5 minutes ahead", "here", True),
        ("hours ahead", "elsewhere", False),
    ],
)
def test_a_step_of_the_stores_clock_frees_no_living_holder_of_this_machine(
    database: Database, monkeypatch: pytest.MonkeyPatch, clock: str, boot: str, lives: bool
) -> None:
    """On another machine it does: there the holder finds out before its next request."""
    lease = Leases(database).take(SHOP, run_id="holder", job="job")
    if boot == "elsewhere":
        change(database, boot="00000000-0000-0000-0000-000000000000")
    step = {"hours ahead": 7200, "hours behind": -7200, "5 minutes ahead": 300}[clock]

    def stepped(session: Any) -> datetime:
        return database_time(session) + timedelta(seconds=step)

    monkeypatch.setattr(leases, "database_time", stepped)
    if not lives:
        Leases(database).take(SHOP, run_id="next", job="job")
        with pytest.raises(LeaseLostError):
            lease.check()
        return
    with pytest.raises(ShopBusyError):
        Leases(database).take(SHOP, run_id="next", job="job")
    lease.renew()
    with pytest.raises(ShopBusyError):
        Leases(database).take(SHOP, run_id="next", job="job")


def test_a_clock_that_was_set_back_does_not_keep_a_dead_holders_shop_for_hours(database: Database) -> None:
    Leases(database).take(SHOP, run_id="dead", job="job")
    grow_silent(database, -7200)
    change(database, boot="00000000-0000-0000-0000-000000000000")
    with pytest.raises(ShopBusyError):
        Leases(database).take(SHOP, run_id="next", job="job")
    row = Leases(database).holder(SHOP)
    with database.reading() as session:
        assert row
        assert row.expires_at
        assert row.expires_at <= database_time(session) + HELD_FOR


def test_clocks_of_machines_do_not_count(database: Database, store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a process takes for the time: 5 minutes apart were once enough to take a living lease."""
    monkeypatch.setattr("time.time", lambda: 4e9)
    with process(store_url, "holder") as holder:
        with pytest.raises(ShopBusyError):
            Leases(database).take(SHOP, run_id="next", job="job")
        assert holder.ask() == "ours"


def clone(lease: HeldLease, database: Database) -> HeldLease:
    """The same lease in a copy of the machine: same boot, same process, same memory."""
    copy = HeldLease(database, lease.name, lease.run_id, lease.token, "", machine.seconds_since_boot())
    copy._words = lease._words
    return copy


@pytest.mark.parametrize("original_first", [True, False])
def test_of_a_cloned_machine_exactly_one_goes_on(
    database: Database, another: Callable[[], Database], original_first: bool
) -> None:
    original = Leases(database).take(SHOP, run_id="run", job="job")
    original.renew()
    with another() as other:
        copy = clone(original, other)
        first, second = (original, copy) if original_first else (copy, original)
        first.renew()
        for act in (second.renew, second.check):
            with pytest.raises(LeaseLostError):
                act()
        first.check()
        first.renew()


def test_a_sign_of_life_of_which_it_is_unknown_whether_it_was_stored_loses_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = Leases(database).take(SHOP, run_id="run", job="job")
    writing = Database.writing

    @contextmanager
    def broken_off(self: Database, *, stored: bool) -> Iterator[Any]:
        if not stored:
            raise StoreError("Using the store", "the server went away", "Start it again.")
        with writing(self) as session:
            yield session
        raise StoreError("Using the store", "the server went away after the commit", "Start it again.")

    for stored in (True, False, True, False, False, False, False):
        monkeypatch.setattr(Database, "writing", lambda self, stored=stored: broken_off(self, stored=stored))
        with pytest.raises(StoreError):
            lease.renew()
        lease.check()
    monkeypatch.setattr(Database, "writing", writing)
    lease.renew()
    lease.check()


def test_a_stopped_process_loses_the_shop_by_time_and_knows_it_when_it_wakes(
    database: Database, store_url: str
) -> None:
    with process(store_url, "stopped") as stopped:
        stopped.process.send_signal(signal.SIGSTOP)
        with pytest.raises(ShopBusyError):
            Leases(database).take(SHOP, run_id="next", job="job")
        grow_silent(database)
        Leases(database).take(SHOP, run_id="next", job="job")
        stopped.process.send_signal(signal.SIGCONT)
        assert stopped.ask() == "lost"


def test_a_transaction_of_the_log_keeps_the_lease_until_it_is_committed(
    database: Database, store_url: str, another: Callable[[], Database]
) -> None:
    lease = Leases(database).take(SHOP, run_id="run", job="job")
    with another() as other, database.writing() as session:
        lease.check_in(session)
        change_later = subprocess.Popen([sys.executable, "-c", TAKE, store_url, SHOP, "run"], stdout=subprocess.PIPE)
        with pytest.raises(subprocess.TimeoutExpired):
            change_later.wait(1.5)
        assert Leases(other).holder(SHOP)
    assert change_later.stdout
    assert change_later.stdout.readline() == b"taken\n"
    change_later.kill()
    change_later.wait()
    change_later.stdout.close()
    with pytest.raises(LeaseLostError):
        lease.check()


def test_signs_of_life_of_runs_tell_the_living_from_the_dead(database: Database, store_url: str) -> None:
    with Leases(database).hold_run("living", job="job"):
        with process(store_url, "died"):
            pass
        change(database, name="run died")
        change_of_time = Leases(database)._take("run silent", "silent", "job")
        assert isinstance(change_of_time, HeldLease)
        with database.writing() as session:
            row = session.get_one(Lease, "run silent")
            assert row.expires_at
            assert row.beat
            row.expires_at, row.beat = row.expires_at - HELD_FOR, row.beat - LONG
        found = {row.run_id: sign for row, sign in Leases(database).runs()}
        assert found == {"living": Sign.ALIVE, "died": Sign.GONE, "silent": Sign.SILENT}
        Leases(database).forget_run("died")
    assert {row.run_id for row, _ in Leases(database).runs()} == {"silent"}
