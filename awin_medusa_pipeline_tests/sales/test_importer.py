"""Sales on the Etsy stand-in become lower levels in Medusa: each once, and put back once."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from awin_medusa_pipeline.core.errors import Action
from awin_medusa_pipeline.core.store.leases import Leases
from awin_medusa_pipeline.etsy.client.answers import Receipt
from awin_medusa_pipeline.etsy.client.client import EtsyClient
from awin_medusa_pipeline.etsy.domain.sales import SaleState
from awin_medusa_pipeline.etsy.store.models import EtsyAccount
from awin_medusa_pipeline.sales.importer import LOOK_BACK, SalesScopeError
from awin_medusa_pipeline.sync.domain.operations import Kind, Status
from awin_medusa_pipeline.sync.store.ledger import Ledger
from awin_medusa_pipeline_tests.sales.office import Office, first_run, link
from awin_medusa_pipeline_tests.support.etsy_laboratory import MODES
from awin_medusa_pipeline_tests.support.medusa_function import SHOP


def test_a_sale_lowers_the_level_once(opened: Office) -> None:
    listing_id = opened.list_product("prod_1", "MUG-R", "MUG-B")
    first_run(opened)
    receipt_id = opened.etsy.sell(listing_id, {"MUG-R": 2})
    result = opened.run()
    assert (result.fault, result.taken, opened.shop.level("MUG-R"), opened.shop.level("MUG-B")) == (None, 1, 8, 10)
    row = opened.row()
    assert (row.state, row.taken, row.receipt_id, row.variant, row.reason) == ("taken", 2, receipt_id, "MUG-R", None)
    assert opened.dealt_with("prod_1", "prod_2") == {"prod_1": {"variant_MUG-R": 2}}
    (entry,) = opened.log()
    assert (entry.key, entry.kind, entry.status) == (f"etsy:{row.transaction_id}", Kind.STOCK, Status.APPLIED)
    assert (entry.before, entry.after, entry.target_id) == ({"level": 10}, {"level": 8}, "item_MUG-R")
    assert entry.reason == f"sold on Etsy, order {receipt_id}"
    assert entry.title == "Blue mug (MUG-R)"
    for _ in range(2):
        assert opened.run().taken == 0
    assert (opened.shop.writes, len(opened.log()), len(opened.rows())) == (1, 1, 1)


@pytest.mark.parametrize("mode", MODES)
def test_at_every_etsy_that_sources_tell_of(opened: Office, mode: str) -> None:
    listing_id = opened.list_product("prod_1", "MUG-R", "MUG-B")
    first_run(opened)
    opened.lab.use(mode)
    sold = [opened.etsy.sell(listing_id, {("R",): 1, "MUG-B": 3}) for _ in range(2)]
    opened.pass_time(hours=1)
    assert opened.run().fault is None
    assert (opened.shop.level("MUG-R"), opened.shop.level("MUG-B")) == (8, 4)
    opened.etsy.refund(sold[0])
    opened.etsy.cancel(sold[1])
    opened.pass_time(days=1)
    opened.run()
    assert (opened.shop.level("MUG-R"), opened.shop.level("MUG-B")) == (10, 10)
    assert set(opened.states()) == {SaleState.RETURNED}
    # They went on Etsy, and are for sale in Medusa again.
    assert opened.dealt_with("prod_1") == {"prod_1": {"variant_MUG-R": 2, "variant_MUG-B": 6}}
    opened.pass_time(days=1)
    opened.run()
    assert opened.shop.writes == 8


def test_it_begins_with_what_is_sold_from_then_on(opened: Office) -> None:
    listing_id = opened.list_product("prod_1", "MUG")
    before = opened.etsy.sell(listing_id, {"MUG": 1})
    opened.pass_time(days=3)
    first_run(opened)
    opened.etsy.ship(before)
    opened.etsy.sell(listing_id, {"MUG": 2})
    opened.run()
    assert (opened.shop.level("MUG"), len(opened.rows())) == (8, 1)


def test_switched_off_and_on_again_it_begins_anew(opened: Office) -> None:
    listing_id = opened.list_product("prod_1", "MUG")
    first_run(opened)
    assert opened.run_all(on=False) == []
    opened.etsy.sell(listing_id, {"MUG": 1})
    opened.pass_time(hours=1)
    first_run(opened)
    opened.etsy.sell(listing_id, {"MUG": 2})
    opened.run()
    assert opened.shop.level("MUG") == 8


def test_what_is_sold_while_it_cannot_run_is_imported_later(opened: Office) -> None:
    listing_id = opened.list_product("prod_1", "MUG")
    first_run(opened)
    for _ in range(3):
        opened.etsy.sell(listing_id, {"MUG": 1})
        opened.pass_time(days=5)
    opened.run()
    assert opened.shop.level("MUG") == 7


def test_what_is_not_paid_waits(opened: Office) -> None:
    listing_id = opened.list_product("prod_1", "MUG")
    first_run(opened)
    receipt_id = opened.etsy.sell(listing_id, {"MUG": 1}, paid=False)
    opened.run()
    assert opened.shop.level("MUG") == 10
    opened.pass_time(days=3)
    opened.run()
    opened.etsy.pay(receipt_id)
    opened.run()
    assert opened.shop.level("MUG") == 9


@pytest.mark.parametrize("keeps", [False, True])
def test_a_cancelled_order_that_was_not_booked_changes_nothing(opened: Office, keeps: bool) -> None:
    listing_id = opened.list_product("prod_1", "MUG")
    first_run(opened)
    opened.etsy.change(refunds_keep_timestamp=keeps)
    opened.etsy.cancel(opened.etsy.sell(listing_id, {"MUG": 1}))
    for _ in range(2):
        opened.run()
    assert (opened.shop.writes, opened.row().state, opened.row().taken) == (0, "returned", 0)
    assert opened.dealt_with("prod_1") == {"prod_1": {"variant_MUG": 1}}, "a piece that Etsy lacks is explained"


def test_a_refund_in_part_is_told_and_not_put_back(opened: Office) -> None:
    listing_id = opened.list_product("prod_1", "MUG")
    first_run(opened)
    receipt_id = opened.etsy.sell(listing_id, {"MUG": 2})
    opened.run()
    opened.etsy.refund(receipt_id, {"MUG": 1})
    opened.lab.notified.clear()
    result = opened.run()
    said = "its order was refunded in part: raise the level yourself if pieces come back"
    assert (opened.shop.level("MUG"), opened.row().state, opened.row().reason) == (8, "taken", said)
    assert len(result.to_tell) == len(opened.lab.notified) == 1
    assert said in result.to_tell[0]
    opened.run()
    assert len(opened.lab.notified) == 1
    opened.etsy.refund(receipt_id)
    opened.run()
    assert (opened.shop.level("MUG"), opened.row().state) == (10, "returned")


def test_more_than_medusa_has_is_told(opened: Office) -> None:
    listing_id = opened.list_product("prod_1", "MUG", level=2)
    first_run(opened)
    receipt_id = opened.etsy.sell(listing_id, {"MUG": 3})
    result = opened.run()
    assert (opened.shop.level("MUG"), opened.row().taken) == (0, 2)
    assert "3 were sold on Etsy, and Medusa had 2" in result.to_tell[0]
    opened.etsy.sell(listing_id, {"MUG": 1})
    assert "1 were sold on Etsy, and Medusa had 0" in opened.run().to_tell[0]
    assert (opened.shop.writes, opened.dealt_with("prod_1")) == (1, {"prod_1": {"variant_MUG": 2}})
    opened.etsy.cancel(receipt_id)
    opened.run()
    assert (opened.shop.level("MUG"), opened.dealt_with("prod_1")) == (2, {"prod_1": {"variant_MUG": 3}})


def test_what_nobody_can_tell_is_listed_and_never_guessed(opened: Office) -> None:
    stray = opened.caller.active()
    listing_id = opened.list_product("prod_1", "MUG-R", "MUG-B")
    gone = opened.list_product("prod_2", "CUP")
    first_run(opened)
    del opened.shop.products["prod_2"]
    for variant in opened.shop.products["prod_1"]["variants"]:
        variant |= {"sku": None, "options": []}
    receipt_id = opened.etsy.sell(stray, {"MUG": 1}, others={listing_id: {("R",): 1}, gone: {"CUP": 1}})
    result = opened.run()
    assert sorted(opened.states()) == [SaleState.UNKNOWN, SaleState.UNKNOWN, SaleState.UNLINKED]
    assert (opened.shop.writes, result.by_hand, result.unlinked, len(result.to_tell)) == (0, 2, 1, 2)
    told = "\n".join(result.to_tell)
    assert told.count(f"order {receipt_id}") == 2
    for part in (
        "1 x Blue mug (CUP), order",
        "neither its SKU nor its options tell which variant of prod_1 it is. Lower its level in Medusa yourself.",
        "its product prod_2 is not in Medusa any more",
    ):
        assert part in told
    (_, message) = opened.lab.notified[-1]
    assert message.title == "Etsy shop Stand-in: 2 sales to look at"
    assert opened.run().to_tell == []
    # A link that appears later does not book it: a person may have done that.
    link(opened.lab, "prod_3", stray)
    opened.shop.add("prod_3", "MUG")
    opened.run()
    assert opened.shop.writes == 0
    opened.etsy.cancel(receipt_id)
    after = opened.run()
    assert (after.by_hand, after.unlinked, set(opened.states())) == (0, 0, {SaleState.RETURNED})


def test_a_kit_lowers_each_of_its_items(opened: Office) -> None:
    listing_id = opened.list_product("prod_1", "SET")
    opened.shop.products["prod_1"]["variants"] = [opened.shop.variant("SET", {"cup": 4, "pot": 1})]
    opened.shop.set("cup", 30)
    opened.shop.set("pot", 3)
    first_run(opened)
    receipt_id = opened.etsy.sell(listing_id, {"SET": 2})
    opened.run()
    assert (opened.shop.level("cup"), opened.shop.level("pot"), opened.shop.writes) == (22, 1, 1)
    assert opened.dealt_with("prod_1") == {"prod_1": {"variant_SET": 2}}
    assert [entry.key.count(":") for entry in opened.log()] == [1, 2]
    opened.etsy.sell(listing_id, {"SET": 2})
    assert "2 were sold on Etsy, and Medusa had 1" in opened.run().to_tell[0]
    assert (opened.shop.level("cup"), opened.shop.level("pot")) == (14, 0)
    opened.etsy.cancel(receipt_id)
    opened.run()
    assert (opened.shop.level("cup"), opened.shop.level("pot")) == (22, 2)


def test_a_variant_that_is_not_counted_has_nothing_to_lower(opened: Office) -> None:
    listing_id = opened.list_product("prod_1", "MUG", manage_inventory=False)
    first_run(opened)
    receipt_id = opened.etsy.sell(listing_id, {"MUG": 1})
    assert opened.run().to_tell == []
    assert (opened.row().state, opened.shop.writes, opened.dealt_with("prod_1")) == (
        SaleState.UNCOUNTED,
        0,
        {"prod_1": {"variant_MUG": 0}},
    )
    opened.etsy.cancel(receipt_id)
    opened.run()
    assert (opened.row().state, opened.shop.writes) == (SaleState.RETURNED, 0)


def test_a_variant_without_an_item_is_for_a_person(opened: Office) -> None:
    listing_id = opened.list_product("prod_1", "MUG", inventory_items=[])
    first_run(opened)
    opened.etsy.sell(listing_id, {"MUG": 1})
    assert "Medusa has no inventory item for MUG" in opened.run().to_tell[0]


@pytest.mark.parametrize("older", [False, True], ids=["this release", "connected by an older one"])
def test_a_consent_without_the_orders(opened: Office, older: bool) -> None:
    opened.lab.with_sales = False
    opened.lab.connect()
    if older:
        with opened.database.writing() as session:
            session.execute(sa.update(EtsyAccount).values(scopes=None))
    opened.lab.notified.clear()
    for _ in range(2):
        fault = opened.run().fault
        assert isinstance(fault, SalesScopeError)
        assert (fault.action, "transactions_r" in str(fault)) == (Action.CONNECT_ETSY_SALES, True)
    keys = [key for key, _ in opened.lab.notified]
    assert len(set(keys)) == 1, "the same key: it is sent once"
    assert opened.etsy.calls("getShopReceipts") == []


@pytest.mark.parametrize("status", [401, 403])
def test_a_consent_that_lost_the_orders(opened: Office, status: int) -> None:
    opened.lab.with_sales = False
    opened.lab.connect()
    with opened.database.writing() as session:
        session.execute(sa.update(EtsyAccount).values(scopes="transactions_r"))
    opened.etsy.change(missing_scope=status)
    assert isinstance(opened.run().fault, SalesScopeError)


def test_another_run_that_has_the_shop_is_waited_for(opened: Office) -> None:
    listing_id = opened.list_product("prod_1", "MUG")
    first_run(opened)
    imported_at = opened.run().imported_at
    opened.etsy.sell(listing_id, {"MUG": 1})
    opened.pass_time(minutes=1)
    with Leases(opened.database).hold(SHOP, run_id="sync", job="daily_sync_job"):
        result = opened.run()
        assert (result.is_busy, opened.shop.writes, result.imported_at) == (True, 0, imported_at)
    assert opened.run().fault is None
    assert opened.shop.level("MUG") == 9


def test_without_a_sale_the_shop_is_left_alone(opened: Office) -> None:
    opened.list_product("prod_1", "MUG")
    first_run(opened)
    opened.shop.meets = lambda moment: pytest.fail("Medusa is asked")
    with Leases(opened.database).hold(SHOP, run_id="sync", job="daily_sync_job"):
        assert opened.run().fault is None
    assert Ledger(opened.database).run(f"sales-{opened.runs}") is None


def test_a_disconnected_shop_is_not_read(opened: Office) -> None:
    first_run(opened)
    opened.lab.accounts.disconnect(opened.lab.account_id)
    assert opened.run_all() == []
    assert opened.sales.cursor(opened.lab.account_id) is None


def test_a_cancellation_that_no_list_shows_is_found_by_its_number(
    opened: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing_id = opened.list_product("prod_1", "MUG")
    first_run(opened)
    receipt_id = opened.etsy.sell(listing_id, {"MUG": 1})
    opened.run()
    opened.pass_time(days=30)
    opened.etsy.cancel(receipt_id)
    listed = EtsyClient.receipts

    def without_canceled(client: EtsyClient, since: datetime, *, canceled: bool, **how: bool) -> Iterator[Receipt]:
        return iter(()) if canceled else listed(client, since, **how)

    monkeypatch.setattr(EtsyClient, "receipts", without_canceled)
    opened.run()
    assert (opened.shop.level("MUG"), opened.row().state) == (10, "returned")


def test_an_order_that_etsy_shows_late_is_not_lost(opened: Office) -> None:
    """It was changed before the newest that was read, and was not there yet."""
    opened.lab.use("plain")
    listing_id = opened.list_product("prod_1", "MUG")
    first_run(opened)
    opened.pass_time(hours=1)
    opened.etsy.sell(listing_id, {"MUG": 1})
    opened.run()
    opened.etsy.change(clock_ahead=opened.lab.ahead.total_seconds() - 1_800)
    opened.etsy.sell(listing_id, {"MUG": 1})
    opened.run()
    assert opened.shop.level("MUG") == 8


def test_a_clock_of_ours_that_is_ahead_loses_none(opened: Office) -> None:
    listing_id = opened.list_product("prod_1", "MUG")
    first_run(opened)
    opened.lab.ahead += timedelta(days=5)
    opened.run()
    opened.etsy.sell(listing_id, {"MUG": 1})
    opened.run()
    assert opened.shop.level("MUG") == 9


def test_an_old_order_is_not_looked_at_any_more(opened: Office) -> None:
    listing_id = opened.list_product("prod_1", "MUG")
    first_run(opened)
    receipt_id = opened.etsy.sell(listing_id, {"MUG": 1})
    opened.run()
    opened.etsy.change(refunds_keep_timestamp=True)
    opened.pass_time(days=LOOK_BACK.days + 1)
    opened.etsy.sell(listing_id, {"MUG": 1})
    opened.run()
    opened.etsy.refund(receipt_id)
    opened.pass_time(days=1)
    opened.run()
    assert opened.shop.level("MUG") == 8


def test_the_last_weeks_are_read_again_once_a_day(opened: Office) -> None:
    first_run(opened)
    calls = []
    for hours in (0, 21):
        opened.pass_time(hours=hours)
        mark = opened.etsy.last_call()
        opened.run()
        calls.append(len(opened.etsy.calls("getShopReceipts", after=mark)))
    assert calls == [2, 4], "an hourly look is two calls"


def test_lines_say_how_old_it_is_and_what_is_left_for_a_person(opened: Office) -> None:
    listing_id, stray = opened.list_product("prod_1", "MUG"), opened.caller.active()
    opened.shop.products.clear()
    first_run(opened)
    opened.etsy.sell(listing_id, {"MUG": 1}, others={stray: {"MUG": 1}})
    result = opened.run()
    assert str(result.lines[0]).startswith("Sales of Stand-in: imported as of 20")
    assert "0 taken off, 0 put back" in str(result.lines[0])
    assert result.lines[-2] == "Sales of listings that belong to no product here: 1 in two months"
    hint = result.lines[-1]
    assert not isinstance(hint, str)
    assert (hint.text, hint.action) == ("Sales that you have to book by hand: 1", Action.LIST_ETSY_SALES)
