"""An import that is ended at any moment: no sale is taken twice, and none is lost."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.core.store.leases import Lease
from awin_medusa_pipeline.sync.domain.operations import Status
from awin_medusa_pipeline.sync.store.ledger import Ledger
from awin_medusa_pipeline_tests.etsy.engine.test_jobs import Killed
from awin_medusa_pipeline_tests.sales.office import Office, first_run

MOST_MOMENTS = 200


class Executioner:
    """Counts the moments of an import, before and after each write to the store and each request, and ends one."""

    def __init__(self, opened: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = 10**9
        writing = Database.writing

        @contextmanager
        def counted(database: Database) -> Iterator[object]:
            self.meet("before a write to the store")
            with writing(database) as session:
                yield session
            self.meet("after a write to the store")

        monkeypatch.setattr(Database, "writing", counted)
        opened.shop.meets = self.meet
        self._opened = opened

    def meet(self, moment: str) -> None:
        if self.left == 0:
            self.left = 10**9
            raise Killed(moment)
        self.left -= 1

    def run(self, moment: int) -> str | None:
        """Import, and be ended at this moment; which one it was, None where the import came to its end."""
        self.left = moment
        try:
            assert self._opened.run().fault is None
        except Killed as killed:
            bury(self._opened)
            return str(killed)
        finally:
            self.left = 10**9
        return None


def bury(opened: Office) -> None:
    """Let the lease be that of a process which has ended: this one goes on."""
    with opened.database.writing() as session:
        session.execute(sa.update(Lease).values(process=f"{os.getpid()} 0"))


def every_moment(opened: Office, monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> Counter[str]:
    """Act and import, ended at each moment there is, one after the other, and once more to the end each time."""
    executioner = Executioner(opened, monkeypatch)
    moments: Counter[str] = Counter()
    for moment in range(MOST_MOMENTS):
        act()
        ended = executioner.run(moment)
        assert executioner.run(10**8) is None
        if ended is None:
            return moments
        moments[ended] += 1
    raise AssertionError("it never came to its end")


def test_a_sale_is_taken_once_wherever_it_is_ended(opened: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    listing_id = opened.list_product("prod_1", "SET", level=900, pieces=900)
    opened.shop.products["prod_1"]["variants"] = [opened.shop.variant("SET", {"cup": 2, "pot": 1})]
    opened.shop.set("cup", 1000)
    opened.shop.set("pot", 1000)
    first_run(opened)
    sold = 0

    def sell() -> None:
        nonlocal sold
        opened.etsy.sell(listing_id, {"SET": 1})
        sold += 1

    moments = every_moment(opened, monkeypatch, sell)
    assert (opened.shop.level("cup"), opened.shop.level("pot")) == (1000 - 2 * sold, 1000 - sold)
    assert opened.dealt_with("prod_1") == {"prod_1": {"variant_SET": sold}}
    assert Counter(opened.states()) == {"taken": sold}
    assert {entry.status for entry in opened.log()} <= {Status.APPLIED, Status.FAILED, Status.INTENT}
    assert len(moments) == 6, moments
    assert sold > 20


def test_pieces_are_put_back_once_wherever_it_is_ended(opened: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    listing_id = opened.list_product("prod_1", "MUG", level=900, pieces=900)
    first_run(opened)

    def cancel() -> None:
        receipt_id = opened.etsy.sell(listing_id, {"MUG": 2})
        assert opened.run().fault is None
        opened.etsy.cancel(receipt_id)

    moments = every_moment(opened, monkeypatch, cancel)
    assert (opened.shop.level("MUG"), set(opened.states())) == (900, {"returned"})
    assert opened.dealt_with("prod_1") == {"prod_1": {"variant_MUG": 2 * len(opened.states())}}
    assert sum(moments.values()) > 15


def test_what_an_owner_has_to_know_is_told_wherever_it_is_ended(
    opened: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing_id = opened.list_product("prod_1", "S", pieces=900)
    opened.shop.products.clear()
    first_run(opened)
    orders = []
    every_moment(opened, monkeypatch, lambda: orders.append(opened.etsy.sell(listing_id, {"S": 1})))
    told = "\n".join(str(line) for _, message in opened.lab.notified for line in message.lines)
    assert all(f"order {order} " in told for order in orders)


@pytest.mark.parametrize(
    ("level", "state", "after"),
    [(8, "taken", 8), (7, "doubtful", 7), (10, "doubtful", 10)],
    ids=["as it would be after the sale", "changed by someone", "put to what it was"],
)
def test_a_level_that_somebody_changes_after_the_kill(
    opened: Office, monkeypatch: pytest.MonkeyPatch, level: int, state: str, after: int
) -> None:
    listing_id = opened.list_product("prod_1", "MUG")
    first_run(opened)
    receipt_id = opened.etsy.sell(listing_id, {"MUG": 2})
    opened.shop.meets = killing("before POST")
    with pytest.raises(Killed):
        opened.run()
    opened.shop.meets = lambda moment: None
    opened.shop.set("MUG", level)
    result = opened.run()
    assert (opened.row().state, opened.shop.level("MUG")) == (state, after)
    if state == "doubtful":
        assert "a run was ended while Medusa was asked, and the level was changed since" in result.to_tell[0]
        assert "8 where it was 10" in result.to_tell[0]
        assert (result.by_hand, opened.dealt_with("prod_1")) == (1, {})
    assert opened.run().to_tell == []
    assert opened.shop.level("MUG") == after
    # Cancelled, only what was surely taken is put back.
    opened.etsy.cancel(receipt_id)
    for _ in range(2):
        assert opened.run().by_hand == 0
    assert (opened.row().state, opened.shop.level("MUG")) == ("returned", after + 2 * (state == "taken"))


def test_what_the_log_knows_to_be_done_is_done(opened: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ended between the outcome in the log and the sale's own, whatever becomes of the level meanwhile."""
    listing_id = opened.list_product("prod_1", "MUG")
    first_run(opened)
    opened.etsy.sell(listing_id, {"MUG": 2})
    record_outcomes = Ledger.record_outcomes

    def killed(ledger: Ledger, *arguments: Any, **options: Any) -> None:
        record_outcomes(ledger, *arguments, **options)
        raise Killed

    monkeypatch.setattr(Ledger, "record_outcomes", killed)
    with pytest.raises(Killed):
        opened.run()
    monkeypatch.undo()
    opened.shop.set("MUG", 55)
    assert opened.run().to_tell == []
    assert (opened.row().state, opened.row().taken, opened.shop.level("MUG")) == ("taken", 2, 55)


def test_of_a_kit_only_what_was_not_written_is_written(opened: Office) -> None:
    listing_id = opened.list_product("prod_1", "SET")
    opened.shop.products["prod_1"]["variants"] = [opened.shop.variant("SET", {"cup": 2, "pot": 1})]
    opened.shop.set("cup", 10)
    opened.shop.set("pot", 10)
    first_run(opened)
    receipt_id = opened.etsy.sell(listing_id, {"SET": 1})
    opened.shop.meets = killing("before POST")
    with pytest.raises(Killed):
        opened.run()
    opened.shop.meets = lambda moment: None
    opened.shop.set("cup", 8)
    assert opened.run().fault is None
    assert (opened.shop.level("cup"), opened.shop.level("pot"), opened.row().taken) == (8, 9, 1)
    opened.etsy.cancel(receipt_id)
    opened.run()
    assert (opened.shop.level("cup"), opened.shop.level("pot")) == (10, 10)


def killing(at: str) -> Callable[[str], None]:
    def meet(moment: str) -> None:
        if moment == at:
            raise Killed

    return meet


@pytest.mark.parametrize("carried_out", [True, False])
def test_a_request_without_an_answer_is_looked_at(opened: Office, carried_out: bool) -> None:
    """What Medusa shows tells; where it shows nothing yet, the next run settles it, since Medusa may still be at it."""
    listing_id = opened.list_product("prod_1", "MUG")
    first_run(opened)
    opened.etsy.sell(listing_id, {"MUG": 1})

    def silent(moment: str) -> None:
        if moment == ("after POST" if carried_out else "before POST"):
            raise httpx.ReadTimeout("no answer")

    opened.shop.meets = silent
    result = opened.run()
    opened.shop.meets = lambda moment: None
    assert (result.fault is None) is carried_out
    assert opened.row().state == ("taken" if carried_out else "taking")
    assert opened.run().fault is None
    assert (opened.row().state, opened.shop.level("MUG"), opened.shop.writes) == ("taken", 9, 1)


@pytest.mark.parametrize(("status", "state"), [(400, "unknown"), (404, "unknown")])
def test_a_level_that_medusa_refuses_stops_no_other(opened: Office, status: int, state: str) -> None:
    first, second = opened.list_product("prod_1", "MUG"), opened.list_product("prod_2", "CUP")
    first_run(opened)
    opened.etsy.sell(first, {"MUG": 1})
    opened.shop.refused = status
    result = opened.run()
    assert (result.fault, opened.row().state) == (None, state)
    assert f"Medusa refuses the new level: POST {'http://shop'}" in result.to_tell[0]
    opened.shop.refused = None
    opened.etsy.sell(second, {"CUP": 1})
    opened.run()
    assert (opened.shop.level("MUG"), opened.shop.level("CUP")) == (10, 9)


def test_a_key_that_medusa_refuses_stops_all_and_loses_none(opened: Office) -> None:
    listing_id = opened.list_product("prod_1", "MUG")
    first_run(opened)
    opened.etsy.sell(listing_id, {"MUG": 1})
    opened.shop.refused = 401
    assert "MEDUSA_ADMIN_API_KEY" in str(opened.run().fault)
    opened.shop.refused = None
    assert opened.run().fault is None
    assert opened.shop.level("MUG") == 9


def test_a_run_that_lost_the_shop_writes_no_more(opened: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    listing_id = opened.list_product("prod_1", "MUG")
    first_run(opened)
    opened.etsy.sell(listing_id, {"MUG": 1})

    def taken_over(moment: str) -> None:
        with opened.database.writing() as session:
            session.execute(sa.update(Lease).values(token=Lease.token + 1))

    opened.shop.meets = taken_over
    assert "another run took it over" in str(opened.run().fault)
    assert opened.shop.writes == 0
    opened.shop.meets = lambda moment: None
    bury(opened)
    assert opened.run().fault is None
    assert opened.shop.level("MUG") == 9
