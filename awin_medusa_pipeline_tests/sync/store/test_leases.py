"""One run at a time, on both databases, with real processes where a process matters."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.sync.store.leases import HELD_FOR, LeaseLostError, Leases, ShopBusyError

SHOP = "http://shop.test"
NIGHT = datetime(2026, 11, 21, 2, tzinfo=UTC)

TAKE_AND_DIE = """
import os, sys
from awin_medusa_pipeline.core.store.database import open_database
from awin_medusa_pipeline.sync.store.leases import Leases
Leases(open_database(sys.argv[1])).take(sys.argv[2], run_id="dead", job="daily_sync_job")
os._exit(9)
"""


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
    with pytest.raises(LeaseLostError):
        Leases(database).check(first)


def test_a_silent_holder_loses_the_shop_and_writes_no_more(database: Database) -> None:
    now = NIGHT
    leases = Leases(database, now=lambda: now)
    silent = leases.take(SHOP, run_id="silent", job="daily_sync_job")
    now = NIGHT + HELD_FOR - timedelta(seconds=1)
    with pytest.raises(ShopBusyError):
        leases.take(SHOP, run_id="next", job="daily_sync_job")
    leases.check(silent)
    now += HELD_FOR + timedelta(seconds=1)
    following = leases.take(SHOP, run_id="next", job="daily_sync_job")
    with pytest.raises(LeaseLostError, match="another run took it over"):
        leases.check(silent)
    leases.release(silent)
    leases.check(following)


def test_a_killed_holder_on_this_machine_frees_the_shop_at_once(database: Database, store_url: str) -> None:
    died = subprocess.run([sys.executable, "-c", TAKE_AND_DIE, store_url, SHOP], check=False)
    assert died.returncode == 9
    holder = Leases(database).holder(SHOP)
    assert holder is not None
    assert holder.run_id == "dead"
    assert Leases(database).take(SHOP, run_id="next", job="daily_sync_job").token == 2
