"""What somebody changes in a real shop between plan and write stays as they made it, whatever the kind."""

from collections.abc import Callable
from typing import Any

import pytest

from awin_medusa_pipeline.sync.domain import discrepancies
from awin_medusa_pipeline.sync.domain.operations import Status
from awin_medusa_pipeline.sync.engine.apply import ApplyResult
from awin_medusa_pipeline_tests.support.factories import NO_CATALOG, NO_LOOSE, offer, offers
from awin_medusa_pipeline_tests.support.rig import RULES, Rig

FEED = [offer("a"), offer("b", name="Other")]
Json = dict[str, Any]
Act = Callable[[], ApplyResult]


def product_of(rig: Rig, sku: str) -> Json:
    return next(one for one in rig.products() if one["external_id"] == f"awin:1:{sku}")


def levels(rig: Rig) -> Act:
    rows = rig.mismatches([row | {"in_stock": not row["in_stock"]} for row in FEED])
    return lambda: rig.applier().set_stock(rows, NO_CATALOG)


def hide(rig: Rig) -> Act:
    catalog = rig.catalog()
    matched = discrepancies.matched_products(offers(), catalog, RULES).collect().lazy()
    only = discrepancies.medusa_only_products(catalog, matched, rig.missing([]).lazy(), NO_LOOSE).collect()
    return lambda: rig.applier().hide(only, catalog)


def restore(rig: Rig) -> Act:
    hide(rig)()
    catalog = rig.catalog()
    matched = discrepancies.matched_products(offers(*FEED), catalog, RULES).collect().lazy()
    back = discrepancies.returning_products(matched, catalog, rig.missing([]).lazy()).collect()
    return lambda: rig.applier().restore(back, rig.catalog())


def other_level(rig: Rig, product: Json) -> None:
    item = product["variants"][0]["inventory_items"][0]["inventory_item_id"]
    rig.post(f"/admin/inventory-items/{item}/location-levels/{rig.shop.stock_location_id}", {"stocked_quantity": 77})


def own_draft(rig: Rig, product: Json) -> None:
    rig.post(f"/admin/products/{product['id']}", {"status": "proposed"})


@pytest.mark.parametrize(
    ("plan", "edit"),
    [(levels, other_level), (hide, own_draft), (restore, own_draft)],
    ids=["levels", "hide", "restore"],
)
def test_what_somebody_changed_since_the_plan_is_left_to_them(
    plan: Callable[[Rig], Act], edit: Callable[[Rig, Json], None], rig: Rig
) -> None:
    rig.imports(FEED)
    act = plan(rig)
    edit(rig, product_of(rig, "a"))
    mine = product_of(rig, "a")
    result = act()
    assert (result.counts.applied, result.counts.skipped, result.failures) == (1, 1, ())
    (stale,) = [row for row in rig.ledger.rows(rig.run_id) if row.status is Status.SKIPPED]
    assert str(stale.reason).startswith("stale: the shop shows ")
    assert product_of(rig, "a") == mine


def test_what_somebody_made_meanwhile_is_not_made_twice(rig: Rig) -> None:
    missing = rig.missing(FEED)
    body = {
        "title": "Mine",
        "handle": "mine",
        "options": [{"title": "Kind", "values": ["one"]}],
        "variants": [{"title": "One", "sku": "a", "options": {"Kind": "one"}, "prices": []}],
    }
    rig.post("/admin/products", body)
    result = rig.applier().import_missing(missing)
    assert (result.counts.applied, result.counts.failed) == (1, 1)
    skus = sorted(variant["sku"] for product in rig.products() for variant in product["variants"])
    assert skus == ["a", "b"]
    (refused,) = [reason for _, reason in result.failures]
    assert "a" in refused
