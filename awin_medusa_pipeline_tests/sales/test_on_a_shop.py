"""Sales on the Etsy stand-in, booked in a real Medusa: kits, reservations, and faults on the way."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from awin_medusa_pipeline.core.http import Backoff
from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.etsy.store.sales import EtsySales
from awin_medusa_pipeline.medusa.client import MedusaClient
from awin_medusa_pipeline.sales.importer import SalesResult, SalesShop, import_sales
from awin_medusa_pipeline.sandbox.etsy.handle import EtsyHandle
from awin_medusa_pipeline_tests.sales.office import link
from awin_medusa_pipeline_tests.support.etsy_bodies import simple
from awin_medusa_pipeline_tests.support.etsy_caller import Caller
from awin_medusa_pipeline_tests.support.etsy_laboratory import EtsyLaboratory, laboratory
from awin_medusa_pipeline_tests.support.fault_proxy import Fault
from awin_medusa_pipeline_tests.support.rig import PATIENCE, Rig

LEVELS = "POST /admin/inventory-items/location-levels/batch"


class Selling:
    """A product of one variant in a real shop, linked to a listing at Etsy."""

    def __init__(self, rig: Rig, lab: EtsyLaboratory, listing_id: int) -> None:
        self.rig, self.lab, self.listing_id, self.runs = rig, lab, listing_id, 0

    def item(self, sku: str, level: int) -> str:
        """Make an inventory item with a level; its id."""
        item = str(self.rig.post("/admin/inventory-items", {"sku": sku})["inventory_item"]["id"])
        body = {"location_id": self.rig.shop.stock_location_id, "stocked_quantity": level}
        self.rig.post(f"/admin/inventory-items/{item}/location-levels", body)
        return item

    def sell_from(self, items: dict[str, int]) -> str:
        """Make the product, whose variant needs so many of each item; its id."""
        links = [{"inventory_item_id": item, "required_quantity": number} for item, number in items.items()]
        variant = {"title": "One", "sku": "MUG", "options": {"Kind": "one"}, "inventory_items": links}
        variant["prices"] = [{"amount": 9.99, "currency_code": "gbp"}]
        options = [{"title": "Kind", "values": ["one"]}]
        body = {"title": "Mug", "status": "published", "options": options, "variants": [variant]}
        product_id = str(self.rig.post("/admin/products", body)["product"]["id"])
        link(self.lab, product_id, self.listing_id)
        return product_id

    def run(self) -> SalesResult:
        self.runs += 1
        self.lab.pause()
        shop = SalesShop(self.rig.shop.base_url, self.client, f"sales-{self.runs}", sleep=self.rig.waits.append)
        (result,) = import_sales(self.lab.state(import_sales=True), shop)
        return result

    def client(self) -> MedusaClient:
        """A client of the shop behind the proxy."""
        backoff = Backoff(sleep=self.rig.waits.append)
        timeout = httpx.Timeout(PATIENCE)
        return MedusaClient(self.rig.proxy.address, admin_key=self.rig.shop.admin_key, backoff=backoff, timeout=timeout)

    def level(self, item: str) -> dict[str, Any]:
        fields = "location_levels.stocked_quantity,location_levels.reserved_quantity"
        (level,) = self.rig.get(f"/admin/inventory-items/{item}", fields=fields)["inventory_item"]["location_levels"]
        return {name: level[name] for name in ("stocked_quantity", "reserved_quantity")}

    def stocked(self, item: str) -> int:
        return int(self.level(item)["stocked_quantity"])

    @property
    def sales(self) -> EtsySales:
        return EtsySales(self.lab.database)


@pytest.fixture
def selling(rig: Rig, etsy: EtsyHandle, etsy_store: Database) -> Iterator[Selling]:
    with laboratory(etsy, etsy_store) as lab, Caller(etsy) as caller:
        lab.with_sales = True
        lab.connect()
        listing_id = caller.active()
        caller.put_inventory(listing_id, simple(quantity=99))
        yield Selling(rig, lab, listing_id)


def test_a_sale_and_its_cancellation(selling: Selling, etsy: EtsyHandle) -> None:
    item = selling.item("MUG", 10)
    product_id = selling.sell_from({item: 1})
    selling.run()
    receipt_id = etsy.sell(selling.listing_id, {"MUG": 2})
    assert selling.run().fault is None
    assert selling.stocked(item) == 8
    (variant,) = selling.sales.dealt_with(selling.lab.account_id, [product_id])[product_id].items()
    assert variant[1] == 2
    etsy.cancel(receipt_id)
    selling.run()
    assert selling.stocked(item) == 10


def test_a_kit(selling: Selling, etsy: EtsyHandle) -> None:
    cup, pot = selling.item("CUP", 10), selling.item("POT", 3)
    selling.sell_from({cup: 2, pot: 1})
    selling.run()
    etsy.sell(selling.listing_id, {"MUG": 2})
    assert selling.run().fault is None
    assert (selling.stocked(cup), selling.stocked(pot)) == (6, 1)


def test_pieces_that_are_reserved_are_sold_all_the_same(selling: Selling, etsy: EtsyHandle) -> None:
    item = selling.item("MUG", 3)
    selling.sell_from({item: 1})
    selling.run()
    reservation = {"inventory_item_id": item, "location_id": selling.rig.shop.stock_location_id, "quantity": 2}
    selling.rig.post("/admin/reservations", reservation)
    etsy.sell(selling.listing_id, {"MUG": 2})
    result = selling.run()
    assert (result.fault, result.to_tell) == (None, [])
    assert selling.level(item) == {"stocked_quantity": 1, "reserved_quantity": 2}


FAULTS = [Fault(kind, on=LEVELS, after=after) for kind in ("500", "502", "reset", "429") for after in (False, True)]


@pytest.mark.parametrize("fault", FAULTS, ids=[f"{one.kind} {'after' if one.after else 'before'}" for one in FAULTS])
def test_a_fault_on_the_way_takes_nothing_twice(selling: Selling, etsy: EtsyHandle, fault: Fault) -> None:
    item = selling.item("MUG", 10)
    selling.sell_from({item: 1})
    selling.run()
    etsy.sell(selling.listing_id, {"MUG": 1})
    selling.rig.proxy.faults.append(fault)
    first = selling.run()
    second = selling.run()
    assert (second.fault, selling.stocked(item)) == (None, 9)
    assert [row.state for row in selling.sales.recent(selling.lab.account_id, 9)] == ["taken"]
    assert first.fault is None or "location-levels/batch" in str(first.fault)


def test_without_the_shop_nothing_is_lost(selling: Selling, etsy: EtsyHandle) -> None:
    item = selling.item("MUG", 10)
    selling.sell_from({item: 1})
    selling.run()
    etsy.sell(selling.listing_id, {"MUG": 1})
    selling.rig.proxy.faults += [Fault("reset", on="GET /admin/stock-locations")] * 9
    assert selling.run().fault is not None
    selling.rig.proxy.faults.clear()
    assert selling.run().fault is None
    assert selling.stocked(item) == 9
