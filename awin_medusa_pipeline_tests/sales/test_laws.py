"""Whatever order the orders come in, and however often: the same levels."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from awin_medusa_pipeline.core.store.base import Base
from awin_medusa_pipeline.etsy.client.answers import Receipt
from awin_medusa_pipeline.sales.importer import SalesShop, _AccountImport, each_once
from awin_medusa_pipeline_tests.sales.office import Office
from awin_medusa_pipeline_tests.support.medusa_function import SHOP

START = 1_000_000
NOW = int(datetime.now(UTC).timestamp())


@pytest.fixture
def listing_id(opened: Office) -> int:
    return opened.list_product("prod_1", "MUG", level=START)


def receipt(listing_id: int, number: int, pieces: int, status: str) -> Receipt:
    """An order of these pieces."""
    sold: dict[str, Any] = {"transaction_id": number, "listing_id": listing_id, "sku": "MUG", "quantity": pieces}
    times = {"created_timestamp": NOW, "updated_timestamp": NOW}
    return Receipt(receipt_id=number, status=status, is_paid=status != "Open", transactions=(sold,), **times)


ORDERS = st.lists(
    st.tuples(st.integers(1, 9), st.sampled_from(["Open", "Paid", "Completed", "Canceled", "Fully Refunded"])),
    min_size=1,
    max_size=6,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ORDERS, st.data())
def test_any_order_of_pages_and_any_repeats(
    opened: Office, listing_id: int, orders: list[tuple[int, str]], data: st.DataObject
) -> None:
    """Each order is seen paid, then as it ends, in pages of any size, in any order, any number of times."""
    with opened.database.writing() as session:
        session.execute(Base.metadata.tables["etsy_sale"].delete())
    opened.shop.set("MUG", START)
    ends = [receipt(listing_id, number, pieces, end) for number, (pieces, end) in enumerate(orders, start=1)]
    paid = [one.model_copy(update={"status": "Paid", "is_paid": True}) for one in ends if one.status != "Open"]
    seen = data.draw(st.permutations([*paid, *data.draw(st.lists(st.sampled_from([*paid, *ends])))]))
    for page in [*pages(seen, data), ends]:
        importing(opened)._book(each_once(page))
    sold = sum(pieces for pieces, end in orders if end in ("Paid", "Completed"))
    assert opened.shop.level("MUG") == START - sold
    assert sum(row.taken for row in opened.rows()) == sold
    went = sum(pieces for pieces, end in orders if end != "Open")
    assert sum(opened.dealt_with("prod_1").get("prod_1", {}).values()) == went


def pages(seen: list[Receipt], data: st.DataObject) -> list[list[Receipt]]:
    size = data.draw(st.integers(1, max(1, len(seen))))
    return [seen[first : first + size] for first in range(0, len(seen), size)]


def importing(opened: Office) -> _AccountImport:
    opened.runs += 1
    shop = SalesShop(SHOP, opened.shop.client, f"law-{opened.runs}", sleep=lambda seconds: None)
    return _AccountImport(opened.lab.state(import_sales=True), shop, opened.lab.accounts.get(opened.lab.account_id))
