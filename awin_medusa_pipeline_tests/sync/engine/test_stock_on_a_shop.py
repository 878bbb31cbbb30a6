"""Stock as a real Medusa counts it: at several locations, in sets, and in a channel that sells from nowhere."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from awin_medusa_pipeline.medusa.client import Shop
from awin_medusa_pipeline.medusa.shapes import OFFER_KEY
from awin_medusa_pipeline.sync.domain import discrepancies, plans
from awin_medusa_pipeline.sync.domain.operations import Counts
from awin_medusa_pipeline.sync.domain.rules import HideRules
from awin_medusa_pipeline.sync.engine.applier import Applier
from awin_medusa_pipeline.sync.engine.apply import ApplyResult
from awin_medusa_pipeline.sync.engine.intake import whole_feed
from awin_medusa_pipeline.sync.engine.rules import SyncRules
from awin_medusa_pipeline_tests.support.factories import NO_CATALOG, NO_LOOSE, offer, offers
from awin_medusa_pipeline_tests.support.rig import Rig

CASE = json.loads((Path(__file__).parents[2] / "cases" / "15_channel_that_sells_from_nowhere.json").read_text())
LEVELS = "POST /admin/inventory-items/location-levels/batch"


def own(sku: str, **variant: Any) -> dict[str, Any]:
    """Make the body of a product that somebody made by hand, and that was adopted."""
    made = {
        "title": "One",
        "sku": sku,
        "metadata": {OFFER_KEY: f"awin:1:{sku}"},
        "options": {"Kind": "one"},
        "prices": [{"amount": 9.99, "currency_code": "gbp"}],
    }
    options = [{"title": "Kind", "values": ["one"]}]
    return {
        "title": sku,
        "handle": sku.lower(),
        "external_id": f"awin:1:{sku}",
        "status": "published",
        "options": options,
        "variants": [made | variant],
    }


def make(rig: Rig, body: dict[str, Any]) -> str:
    """Make a product; the inventory item of its variant."""
    fields = "variants.inventory_items.inventory_item_id"
    product = rig.post("/admin/products", body, fields=fields)["product"]
    return str(product["variants"][0]["inventory_items"][0]["inventory_item_id"])


def stock(rig: Rig, item: str, quantity: int, location: str | None = None) -> None:
    body = {"location_id": location or rig.shop.stock_location_id, "stocked_quantity": quantity}
    rig.post(f"/admin/inventory-items/{item}/location-levels", body)


def level_of(rig: Rig, item: str) -> dict[str, int]:
    fields = "location_levels.location_id,location_levels.stocked_quantity"
    levels = rig.get(f"/admin/inventory-items/{item}", fields=fields)["inventory_item"]["location_levels"]
    return {level["location_id"]: level["stocked_quantity"] for level in levels}


def second_location(rig: Rig, *, linked: bool) -> str:
    made = rig.post("/admin/stock-locations", {"name": "Barn"})["stock_location"]["id"]
    if linked:
        rig.post(f"/admin/stock-locations/{made}/sales-channels", {"add": [rig.shop.sales_channel_id]})
    return str(made)


@pytest.mark.parametrize("linked", [True, False], ids=["sold from", "not sold from"])
def test_what_lies_elsewhere_is_told_where_it_is_sold_from(linked: bool, rig: Rig) -> None:
    barn, item = second_location(rig, linked=linked), make(rig, own("RUG"))
    stock(rig, item, 3, barn)
    rows = rig.mismatches([offer("RUG", in_stock=False)])
    told = [("elsewhere", 3, "Barn")] if linked else [("no_level", None, None)]
    assert rows.select("reason", "elsewhere", "elsewhere_at").rows() == told
    counts = rig.applier().set_stock(rows, NO_CATALOG).counts
    assert counts == (Counts(skipped=1) if linked else Counts(applied=1))
    assert level_of(rig, item) == {barn: 3} | ({} if linked else {rig.shop.stock_location_id: 0})
    [entry] = rig.ledger.rows(rig.run_id)
    assert ("3 at Barn" in str(entry.reason)) is linked


def test_an_item_in_a_set_is_decided_once(rig: Rig) -> None:
    item = make(rig, own("BOWL"))
    make(rig, own("BOWLS", inventory_items=[{"inventory_item_id": item, "required_quantity": 4}]))
    stock(rig, item, 5)
    rows = rig.mismatches([offer("BOWL"), offer("BOWLS", in_stock=False)])
    assert rows["reason"].to_list() == ["shared_item", "shared_item"]
    assert rig.applier().set_stock(rows, NO_CATALOG).counts == Counts(skipped=2)
    assert rig.proxy.sent(LEVELS) == 0
    assert level_of(rig, item) == {rig.shop.stock_location_id: 5}

    alike = [offer("BOWL", in_stock=False), offer("BOWLS", in_stock=False)]
    assert rig.applier().set_stock(rig.mismatches(alike), NO_CATALOG).counts == Counts(applied=1)
    assert level_of(rig, item) == {rig.shop.stock_location_id: 0}
    assert rig.mismatches(alike).is_empty()


def test_what_medusa_does_not_count_is_told(rig: Rig) -> None:
    rig.post("/admin/products", own("PRINT", manage_inventory=False))
    rows = rig.mismatches([offer("PRINT", in_stock=False)])
    assert rows["reason"].to_list() == ["uncounted"]
    assert rig.applier().set_stock(rows, NO_CATALOG).counts == Counts(skipped=1)
    [entry] = rig.ledger.rows(rig.run_id)
    assert "stays on sale" in str(entry.reason)


def test_what_is_sold_out_and_not_counted_is_hidden_and_comes_back(rig: Rig) -> None:
    rig.post("/admin/products", own("PRINT", manage_inventory=False))
    rules = SyncRules(hide=HideRules(uncounted_sold_out=True))

    def sync(*, in_stock: bool) -> tuple[Counts, Counts]:
        fed, shop = offers(offer("PRINT", in_stock=in_stock)), rig.catalog()
        matched = discrepancies.matched_products(fed, shop, rules.stock).collect().lazy()
        missing = discrepancies.missing_products(fed, shop, matched, NO_LOOSE, rules.stock).collect().lazy()
        sold_out = discrepancies.sold_out_products(shop, matched, missing).collect()
        back = discrepancies.returning_products(matched, shop, missing, sold_out_stay=True).collect()
        applier = rig.applier(rules=rules)
        return applier.hide(sold_out, shop).counts, applier.restore(back, shop).counts

    assert sync(in_stock=False) == (Counts(applied=1), Counts())
    [entry] = rig.ledger.rows(rig.run_id)
    assert entry.reason == plans.SOLD_OUT
    assert [product["status"] for product in rig.products()] == ["draft"]
    assert rig.mismatches([offer("PRINT", in_stock=False)]).is_empty(), "it is not on sale any more"
    assert sync(in_stock=False) == (Counts(), Counts())
    assert sync(in_stock=True) == (Counts(), Counts(applied=1))
    assert [product["status"] for product in rig.products()] == ["published"]
    assert sync(in_stock=True) == (Counts(), Counts())


def test_15_nothing_is_imported_that_nobody_could_buy(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "feed.csv").write_text("\n".join(CASE["feed"]))
    feed = [row | {"brand": "Lumen"} for row in whole_feed(tmp_path / "feed.csv", "feed.csv").to_dicts()]
    web = rig.post("/admin/sales-channels", {"name": CASE["channel"]})["sales_channel"]["id"]
    missing = rig.missing(feed)

    def applier(*, dry_run: bool) -> Applier:
        made = rig.applier(dry_run=dry_run)
        object.__setattr__(made, "shop", Shop(web, rig.ids.stock_location_id, rig.ids.shipping_profile_id))
        return made

    assert applier(dry_run=True).import_missing(missing) == ApplyResult(Counts(skipped=1))
    [entry] = rig.ledger.rows(rig.run_id)
    assert str(entry.reason).startswith("dry run; could not be sent: ")
    assert CASE["told"] in str(entry.reason)
    result = applier(dry_run=False).import_missing(missing)
    assert result.counts == Counts(failed=1)
    assert CASE["told"] in str(result.stopped_reason)
    assert "Locations & Shipping" in str(result.stopped_reason)
    assert [request for request in rig.proxy.requests if not request.startswith("GET")] == []

    rig.post(f"/admin/stock-locations/{rig.ids.stock_location_id}/sales-channels", {"add": [web]})
    assert applier(dry_run=False).import_missing(missing).counts == Counts(applied=1)
    key = rig.post("/admin/api-keys", {"title": "Web", "type": "publishable"})["api_key"]
    rig.post(f"/admin/api-keys/{key['id']}/sales-channels", {"add": [web]})
    store = httpx.get(
        f"{rig.shop.base_url}/store/products",
        params={"fields": "id,+variants.inventory_quantity"},
        headers={"x-publishable-api-key": key["token"]},
    ).json()
    assert [variant["inventory_quantity"] for one in store["products"] for variant in one["variants"]] == [10]
