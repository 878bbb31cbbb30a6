"""The daily look on the Etsy stand-in: what differs is requested, and a fault of one account stops no other."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.etsy.client.client import EtsyClient
from awin_medusa_pipeline.etsy.domain.looks import BEHIND
from awin_medusa_pipeline.etsy.domain.plan import Proposal
from awin_medusa_pipeline.etsy.domain.tokens import TokenPair
from awin_medusa_pipeline.etsy.engine.daily import AccountResult, look_at_account, look_at_accounts, request_changes
from awin_medusa_pipeline.etsy.engine.premises import PremisesGoneError
from awin_medusa_pipeline.etsy.store.accounts import EtsyAccount, EtsyAccountError
from awin_medusa_pipeline.etsy.store.jobs import JobStatus
from awin_medusa_pipeline.sandbox.etsy.handle import EtsyHandle
from awin_medusa_pipeline_tests.support.etsy_laboratory import EtsyLaboratory, laboratory
from awin_medusa_pipeline_tests.support.etsy_products import variant


@pytest.fixture
def lab(etsy: EtsyHandle, etsy_store: Database) -> Iterator[EtsyLaboratory]:
    with laboratory(etsy, etsy_store) as lab:
        yield lab


def look(lab: EtsyLaboratory, **rules: Any) -> AccountResult:
    """One daily look at the laboratory's account."""
    lab.pause()
    etsy, account = lab.state(**rules), lab.accounts.get(lab.account_id)
    with etsy.client(account) as client:
        found = look_at_account(etsy, account, client, lab.read)
    return request_changes(etsy, account, found, by="daily")


def test_nothing_differs(lab: EtsyLaboratory) -> None:
    lab.add()
    lab.sync()
    lab.notified.clear()
    result = look(lab)
    assert (result.requested, result.stock_down, lab.notified) == (None, None, [])
    assert result.lines == ["Stand-in: 0 of 1 differ"]


def test_what_differs_waits_for_a_confirmation_until_the_evening(lab: EtsyLaboratory) -> None:
    lab.add()
    lab.sync()
    lab.add(title="Another")
    before = lab.etsy.last_call()
    result = look(lab)
    assert result.requested
    job = result.requested.job
    assert (job.status, job.total_products, job.requested_by) == (JobStatus.PENDING, 1, "daily")
    assert job.expires_at > lab.now() + timedelta(hours=19)
    assert result.lines[:2] == ["Stand-in: 1 of 1 differ", "1 to update."]
    assert lab.etsy.writes(after=before) == []
    # It is left to that job from now on.
    assert look(lab).lines == ["Stand-in: 0 of 0 differ"]


@pytest.mark.parametrize("push", [False, True])
def test_stock_that_goes_down_is_confirmed_only_where_that_is_allowed(push: bool, lab: EtsyLaboratory) -> None:
    for name in ("prod_1", "prod_2"):
        lab.add(name)
    lab.sync()
    lab.add("prod_1", variant("prod_1-sku", quantity=1))
    lab.add("prod_2", variant("prod_2-sku", price=Decimal(5)))
    result = look(lab, push_stock_down=push)
    assert result.requested
    asked = [row.product_id for row in lab.jobs.products(result.requested.job.transaction_id)]
    if push:
        assert result.stock_down
        (row,) = lab.jobs.products(result.stock_down.transaction_id)
        assert (asked, row.product_id, row.proposal) == (["prod_2"], "prod_1", Proposal.LOWER_STOCK)
        assert result.stock_down.confirmed_by == "ETSY_PUSH_STOCK_DOWN"
        assert result.lines[-1] == f"Stock goes down without asking: {result.stock_down.transaction_id}"
    else:
        assert (asked, result.stock_down) == (["prod_1", "prod_2"], None)


def test_a_change_that_etsy_would_refuse_is_told_once(lab: EtsyLaboratory) -> None:
    lab.add()
    lab.sync()
    lab.add(description="")
    lab.notified.clear()
    assert look(lab).requested is None
    look(lab)
    (first, message), (second, _) = lab.notified
    assert first == second  # the outbox sends one message per key
    assert "Etsy would refuse the change" in message.title
    lab.add(description="", title="")
    look(lab)
    assert lab.notified[-1][0] != first


def test_a_listing_that_was_deleted_at_etsy_is_not_requested_again(lab: EtsyLaboratory) -> None:
    lab.add()
    lab.sync()
    lab.etsy.remove(lab.etsy.listings()[0]["listing_id"])
    result = look(lab)
    (note,) = result.look.notes
    assert note.startswith("Lamp prod_1: Its listing was deleted on Etsy.")
    assert (result.requested, lab.link().etsy_listing_id) == (None, None)


class NoProducts:
    """A Medusa of which nothing is read but its stock location."""

    opened = 0

    @contextmanager
    def __call__(self) -> Iterator["NoProducts"]:
        self.opened += 1
        yield self

    def stock_location_id(self, name: str | None) -> str:
        return "sloc_1"


def test_a_fault_of_one_account_stops_no_other(lab: EtsyLaboratory) -> None:
    expires_at = lab.now() + timedelta(hours=1)
    lab.accounts.connect(
        shop_id=5,
        shop_name="Other",
        currency="EUR",
        pair=TokenPair("1.a", "1.r", expires_at),
        config=lab.config,
    )

    def client_of(account: EtsyAccount) -> EtsyClient:
        if account.id == lab.account_id:
            raise PermanentError("Using Etsy", "ETSY_KEYSTRING is not set", "Set it.")
        return lab.client(account)

    medusa = NoProducts()
    faulty, other = look_at_accounts(lab.state(client_of), medusa, account=None, by="daily")
    assert (faulty.shop, str(faulty.fault), faulty.lines) == (
        "Stand-in",
        "Using Etsy: ETSY_KEYSTRING is not set. Set it.",
        [],
    )
    assert (other.fault, other.lines) == (None, ["Other: 0 of 0 differ"])
    (alone,) = look_at_accounts(lab.state(), medusa, account="other", by="daily")
    assert (alone.shop, medusa.opened) == ("Other", 2)


def test_without_a_connected_account_medusa_is_not_opened(lab: EtsyLaboratory) -> None:
    lab.accounts.disconnect(lab.account_id)
    medusa = NoProducts()
    assert look_at_accounts(lab.state(), medusa, account=None, by="daily") == []
    with pytest.raises(EtsyAccountError, match="none is connected"):
        look_at_accounts(lab.state(), medusa, account="Stand-in", by="daily")
    assert medusa.opened == 0


def sold(lab: EtsyLaboratory, pieces: int) -> None:
    """A listing of ten pieces, of which some went on Etsy."""
    lab.add("prod_1", variant("prod_1-sku", quantity=10))
    lab.sync()
    listing_id = int(lab.link().etsy_listing_id or 0)
    lab.etsy.edit(listing_id, fields={"state": "active"})
    lab.sleep(BEHIND.total_seconds())
    lab.etsy.sell(listing_id, {"prod_1-sku": pieces})


def on_etsy(lab: EtsyLaboratory) -> int:
    (listing,) = lab.etsy.listings()
    return int(listing["inventory"]["products"][0]["offerings"][0]["quantity"])


@pytest.mark.parametrize("push", [False, True])
def test_what_went_on_etsy_is_told_once_and_never_offered_again(push: bool, lab: EtsyLaboratory) -> None:
    sold(lab, 4)
    result = look(lab, push_stock_down=push)
    said = (
        "On Etsy 4 of prod_1-sku went, probably sold there: 6 are offered, although Medusa has 10. "
        "Lower the level in Medusa by 4."
    )
    assert f"Lamp prod_1: {said}" in result.look.notes
    assert (result.requested, result.stock_down) == (None, None)
    assert look(lab, push_stock_down=push).look.notes == ()
    # A change of the price the same day, and two sold in the shop.
    lab.add("prod_1", variant("prod_1-sku", quantity=8, price=Decimal(5)))
    result = look(lab, push_stock_down=push)
    assert result.requested
    assert f"Lamp prod_1: {said.replace('6 are', '4 are').replace('has 10', 'has 8')}" in result.lines
    assert "If Medusa counts by now what went" in str(result.lines)
    lab.run(lab.jobs.confirm(result.requested.job.transaction_id, "bob"))
    assert on_etsy(lab) == 4


def test_stock_that_goes_down_by_itself_is_what_is_left_after_a_sale(lab: EtsyLaboratory) -> None:
    sold(lab, 4)
    lab.add("prod_1", variant("prod_1-sku", quantity=7))
    result = look(lab, push_stock_down=True)
    assert result.stock_down
    lab.etsy.sell(int(lab.link().etsy_listing_id or 0), {"prod_1-sku": 1})
    lab.run(result.stock_down)
    assert on_etsy(lab) == 2


def test_a_level_that_was_lowered_as_asked_is_what_is_offered(lab: EtsyLaboratory) -> None:
    sold(lab, 4)
    look(lab)
    lab.add("prod_1", variant("prod_1-sku", quantity=6))
    assert look(lab).lines == ["Stand-in: 0 of 1 differ"]


def test_what_the_seller_set_is_told_once(lab: EtsyLaboratory) -> None:
    lab.add()
    lab.sync()
    lab.etsy.edit(int(lab.link().etsy_listing_id or 0), fields={"taxonomy_id": 6_001, "should_auto_renew": True})
    assert look(lab).look.notes == (
        "Lamp prod_1: Changed at Etsy, and left so: category '6001' (ETSY_OWNER_CATEGORY=seller).",
        "Lamp prod_1: Changed at Etsy, and left so: auto-renewal 'true' (ETSY_OWNER_AUTO_RENEW=seller).",
    )
    again = look(lab)
    assert (again.look.notes, again.requested) == ((), None)
    rules = {"ours": frozenset({"category"})}
    claimed = look(lab, **rules)
    assert claimed.requested
    lab.run(lab.jobs.confirm(claimed.requested.job.transaction_id, "bob"), rules=rules)
    (listing,) = lab.etsy.listings()
    assert (listing["fields"]["taxonomy_id"], listing["fields"]["should_auto_renew"]) == (lab.config.taxonomy_id, True)


def test_what_changed_at_etsy_since_it_was_connected_stops_the_look(lab: EtsyLaboratory) -> None:
    lab.add()
    lab.sync()
    lab.add(title="Changed")
    lab.etsy.change(currency="EUR")
    with pytest.raises(PremisesGoneError, match=r"it sells in EUR now, not in GBP\. Connect the shop again\."):
        look(lab)
    assert lab.link().sync_status == "synced"
    lab.etsy.change(currency="GBP")
    assert look(lab).requested
