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
from awin_medusa_pipeline.etsy.domain.plan import Proposal
from awin_medusa_pipeline.etsy.domain.tokens import TokenPair
from awin_medusa_pipeline.etsy.engine.daily import AccountResult, look_at_account, look_at_accounts, request_changes
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
