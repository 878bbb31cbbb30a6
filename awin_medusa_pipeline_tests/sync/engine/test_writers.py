"""The writers and the engine on a real Medusa, through a proxy that fails: everything applied, nothing twice."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import httpx
import pytest

from awin_medusa_pipeline.medusa.shapes import HIDDEN_BY_RUN, OFFER_KEY
from awin_medusa_pipeline.sync.domain import discrepancies, plans
from awin_medusa_pipeline.sync.domain.operations import Counts, Kind, Status
from awin_medusa_pipeline.sync.domain.rules import HideRules
from awin_medusa_pipeline.sync.engine.categories import product_defaults
from awin_medusa_pipeline.sync.engine.undo import Undo
from awin_medusa_pipeline.sync.engine.writers import LevelWriter, StatusWriter
from awin_medusa_pipeline_tests.support.factories import NO_CATALOG, NO_LOOSE, NO_MATCHES, Row, offer, offers
from awin_medusa_pipeline_tests.support.fault_proxy import AnsweringServer, Fault, FaultProxy, seeded_faults
from awin_medusa_pipeline_tests.support.rig import PATIENCE, REHOSTING, RULES, Rig

PRODUCTS, LEVELS = "POST /admin/products/batch", "POST /admin/inventory-items/location-levels/batch"


FEED = [
    *(offer(f"p{n}", name=f"Product {n}") for n in range(6)),
    *(offer(f"g{size}", parent="g", name=f"Trail Shoe {size}", size=size, in_stock=size != "M") for size in "SML"),
    offer("日", name="日本の靴"),
]


def assert_the_shop_is_the_feed(rig: Rig, feed: list[Row]) -> None:
    """Read by plain HTTP: every offer once, with price, level, status and external_id."""
    shown = [
        (
            variant["metadata"]["awin_offer_key"],
            product["external_id"],
            product["status"],
            variant["sku"],
            [(price["currency_code"], price["amount"]) for price in variant["prices"]],
            [
                level["stocked_quantity"]
                for item in variant["inventory_items"]
                for level in item["inventory"]["location_levels"]
            ],
        )
        for product in rig.products()
        for variant in product["variants"]
    ]
    wanted = [
        (
            row["offer_key"],
            row["product_key"],
            "published",
            row["sku"],
            [(row["currency"], float(row["price"]))],
            [10 if row["in_stock"] else 0],
        )
        for row in feed
    ]
    assert sorted(shown) == sorted(wanted)
    assert len(rig.products()) == len({row["product_key"] for row in feed})
    items = rig.get("/admin/inventory-items", limit=1000, fields="sku")["inventory_items"]
    assert sorted(item["sku"] for item in items) == sorted(row["sku"] for row in feed)


FAULTS: dict[str, Callable[[FaultProxy], None]] = {
    "no fault": lambda proxy: None,
    "429": lambda proxy: proxy.faults.extend([Fault("429", PRODUCTS), Fault("429", LEVELS)]),
    "500": lambda proxy: proxy.faults.append(Fault("500", PRODUCTS)),
    "500 after the write": lambda proxy: proxy.faults.append(Fault("500", PRODUCTS, after=True)),
    "502 page": lambda proxy: proxy.faults.append(Fault("502", PRODUCTS)),
    "522 page after the write": lambda proxy: proxy.faults.append(Fault("522", PRODUCTS, after=True)),
    "page of a proxy instead of the answer": lambda proxy: proxy.faults.append(Fault("page", PRODUCTS, after=True)),
    "reset before the write": lambda proxy: proxy.faults.append(Fault("reset", PRODUCTS)),
    "reset after the write": lambda proxy: proxy.faults.append(Fault("reset", PRODUCTS, after=True)),
    "reset after the write, twice, then the levels": lambda proxy: proxy.faults.extend(
        [Fault("reset", PRODUCTS, after=True), Fault("reset", LEVELS), Fault("reset", LEVELS, after=True)]
    ),
    "timeout after the write": lambda proxy: proxy.faults.append(
        Fault(on=PRODUCTS, after=True, seconds=PATIENCE + 0.5)
    ),
    "slow": lambda proxy: proxy.faults.append(Fault(on=PRODUCTS, seconds=0.5)),
    "levels: 500": lambda proxy: proxy.faults.append(Fault("500", LEVELS)),
    "levels: 429 that does not end": lambda proxy: proxy.faults.extend([Fault("429", LEVELS)] * 6),
    "413 above 8 kB": lambda proxy: setattr(proxy, "largest", 8_000),
    "reads: reset, 500, 502": lambda proxy: proxy.faults.extend(
        Fault(kind, "GET /admin") for kind in ("reset", "500", "502")
    ),
    "at random 1": lambda proxy: setattr(proxy, "seeded", seeded_faults(1)),
    "at random 2": lambda proxy: setattr(proxy, "seeded", seeded_faults(2)),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_import_gets_over(fault: Callable[[FaultProxy], None], rig: Rig) -> None:
    fault(rig.proxy)
    result = rig.imports(FEED, batch_size=6)
    assert not rig.proxy.faults, "the fault did not happen"
    assert result.stopped_reason is None
    assert result.counts == Counts(applied=len(FEED))
    assert rig.outcomes() == {"applied": len(FEED)}
    rig.proxy.seeded = lambda request: None
    assert_the_shop_is_the_feed(rig, FEED)
    assert rig.missing(FEED).is_empty()
    assert rig.mismatches(FEED).is_empty()


def test_retry_after_is_honoured(rig: Rig) -> None:
    rig.proxy.faults.append(Fault("429", PRODUCTS, retry_after="7"))
    assert rig.imports(FEED[:2]).counts.applied == 2
    assert [wait for wait in rig.waits if wait > 1][:1] == [pytest.approx(7.05, abs=0.06)]


def test_taxonomy_is_made_once_also_by_two_at_a_time(rig: Rig) -> None:
    feed = [
        offer("a", brand="Lumen", category="Home & Garden > Light > Desk"),
        offer("b", brand="日本", category="日本 > Shoes"),
    ]
    ids, missing = rig.ids, rig.missing(feed)
    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(lambda _: product_defaults(rig.client, ids, missing), range(2))
    assert first == second == product_defaults(rig.client, ids, missing)
    assert set(first.brands) == {"Lumen", "日本"}
    assert {entry["value"] for entry in rig.get("/admin/product-tags")["product_tags"]} == {"AWIN", "Merchant 1"}
    assert len(rig.get("/admin/collections")["collections"]) == 2
    fields = "handle,parent_category.handle"
    categories = rig.get("/admin/product-categories", fields=fields)["product_categories"]
    assert {c["handle"]: (c.get("parent_category") or {}).get("handle") for c in categories} == {
        "home-garden": None,
        "home-garden-light": "home-garden",
        "home-garden-light-desk": "home-garden-light",
        "日本": None,
        "日本-shoes": "日本",
    }

    assert rig.imports(feed).counts.applied == 2
    fields = "external_id,tags.value,collection.title,categories.handle"
    by_key = {p["external_id"]: p for p in rig.get("/admin/products", fields=fields)["products"]}
    assert {tag["value"] for tag in by_key["awin:1:a"]["tags"]} == {"AWIN", "Merchant 1"}
    assert by_key["awin:1:a"]["collection"]["title"] == "Lumen"
    assert [c["handle"] for c in by_key["awin:1:a"]["categories"]] == ["home-garden-light-desk"]
    assert by_key["awin:1:b"]["collection"]["title"] == "日本"


def own_product(handle: str, **variant: Any) -> dict[str, Any]:
    return {
        "title": handle,
        "handle": handle,
        "options": [{"title": "Colour", "values": ["red"]}],
        "variants": [
            {"title": "red", "options": {"Colour": "red"}, "prices": [{"amount": 5, "currency_code": "gbp"}]} | variant
        ],
    }


def test_refused_rows_fail_alone_and_say_why(rig: Rig) -> None:
    """What came into the shop after the catalogue was read collides by handle, SKU and barcode."""
    feed = [offer(f"p{n}", name=f"Product {n}", gtin="96385074" if n == 10 else None) for n in range(16)]
    missing = rig.missing(feed)
    for body in (own_product("product-3"), own_product("x", sku="p9"), own_product("y", barcode="96385074")):
        rig.post("/admin/products", body)
    result = rig.applier().import_missing(missing)
    reasons = dict(result.failures)
    assert set(reasons) == {"awin:1:p3", "awin:1:p9", "awin:1:p10"}
    assert "Product with handle: product-3, already exists." in reasons["awin:1:p3"]
    assert "Product variant with sku: p9, already exists." in reasons["awin:1:p9"]
    assert "barcode" in reasons["awin:1:p10"]
    assert result.counts.applied == 13
    assert rig.proxy.sent(PRODUCTS) <= 1 + 2 * 3 * 4
    assert len(rig.products()) == 16


def test_what_is_there_already_is_unchanged(rig: Rig) -> None:
    missing = rig.missing(FEED)
    assert rig.imports(FEED[:5]).counts.applied == 5
    result = rig.applier().import_missing(missing)
    assert (result.counts.applied, result.counts.unchanged) == (len(FEED) - 5, 5)
    assert_the_shop_is_the_feed(rig, FEED)


def half_made(rig: Rig, product: dict[str, Any], part: str) -> dict[str, Any]:
    """Make a product as a Medusa that was killed in the middle leaves it."""
    variants = [variant | {"prices": []} for variant in product["variants"]] if part == "prices" else []
    rig.post("/admin/products/batch", {"create": [product | {"variants": variants}]})
    [half] = [one for one in rig.products() if one["external_id"] == product["external_id"]]
    return half


@pytest.mark.parametrize(
    ("part", "fault"),
    [
        ("variants", None),
        ("prices", Fault("reset", PRODUCTS, after=True)),
        ("prices", Fault("reset", "DELETE", after=True)),
    ],
    ids=["no variants", "no price, answer lost", "no price, deletion's answer lost"],
)
def test_what_an_unfinished_import_left_is_replaced(part: str, fault: Fault | None, rig: Rig) -> None:
    feed = [offer("a"), offer("b", name="Other")]
    rig.imports(feed[1:])
    [product] = rig.interrupted(feed)
    broken = half_made(rig, product, part)
    missing = rig.missing(feed)
    assert missing.select("offer_key", "half_made_product_id").rows() == [("awin:1:a", broken["id"])]

    rig.proxy.faults.extend([fault] if fault else [])
    assert rig.applier().import_missing(missing).counts.applied == 1
    assert not rig.proxy.faults
    assert_the_shop_is_the_feed(rig, feed)
    assert {product["handle"] for product in rig.products()} == {"product-a", "other"}


def named_by_etsy(rig: Rig, half: dict[str, Any]) -> None:
    rig.on_etsy = (half["id"],)


def retitled(rig: Rig, half: dict[str, Any]) -> None:
    rig.post(f"/admin/products/{half['id']}", {"title": "My own words"})


def noted(rig: Rig, half: dict[str, Any]) -> None:
    """What the catalogue does not compare shows by its time."""
    time.sleep(1.1)
    rig.post(f"/admin/products/{half['id']}", {"material": "oak"})


def ordered(rig: Rig, half: dict[str, Any]) -> None:
    region = rig.get("/admin/regions")["regions"][0]
    [variant] = half["variants"]
    counted = variant["inventory_items"][0]["inventory_item_id"]
    level = {"location_id": rig.shop.stock_location_id, "stocked_quantity": 10}
    rig.post(f"/admin/inventory-items/{counted}/location-levels", level)
    item = {"variant_id": variant["id"], "quantity": 1, "unit_price": 7, "title": "By telephone"}
    order = {"email": "ann@example.com", "region_id": region["id"], "items": [item]}
    rig.post("/admin/draft-orders", order | {"sales_channel_id": rig.shop.sales_channel_id})


@pytest.mark.parametrize("what", [named_by_etsy, retitled, noted, ordered], ids=lambda what: what.__name__)
def test_what_somebody_relies_on_is_completed_where_it_is(what: Callable[..., None], rig: Rig) -> None:
    feed = [offer("a")]
    [product] = rig.interrupted(feed)
    what(rig, half_made(rig, product, "prices"))
    [before] = rig.products()
    assert rig.imports(feed).counts.applied == 1
    assert rig.proxy.sent("DELETE") == 0
    [after] = rig.products()
    assert (after["id"], after["title"]) == (before["id"], before["title"])
    assert_the_shop_is_the_feed(rig, feed)
    assert rig.missing(feed).is_empty()


def test_what_is_touched_after_the_catalogue_was_read_is_not_removed(rig: Rig) -> None:
    feed = [offer("a")]
    [product] = rig.interrupted(feed)
    half = half_made(rig, product, "prices")
    missing = rig.missing(feed)
    time.sleep(1.1)
    retitled(rig, half)
    result = rig.applier().import_missing(missing)
    assert "it was changed while the sync was running" in dict(result.failures)["awin:1:a"]
    assert rig.imports(feed).counts.applied == 1
    assert [(one["id"], one["title"]) for one in rig.products()] == [(half["id"], "My own words")]
    assert_the_shop_is_the_feed(rig, feed)


def test_prices_that_a_tool_took_away_come_back(rig: Rig) -> None:
    """Nothing is made anew: the product keeps its id, its texts, and what links to it."""
    feed = [offer("a", name="Wall Clock", price=Decimal("64.00")), offer("b", name="Other")]
    rig.imports(feed)
    [product] = [one for one in rig.products() if one["external_id"] == "awin:1:a"]
    path = f"/admin/products/{product['id']}"
    rig.post(path, {"title": "My own words", "description": "My own text"})
    rig.post(f"{path}/variants/{product['variants'][0]['id']}", {"prices": []})
    assert rig.missing(feed).is_empty()

    rows = rig.prices(feed)
    assert rows.select("shop_price", "decision").rows() == [(None, "update")]
    assert rig.applier().set_prices(rows, NO_MATCHES).counts.applied == 1
    undone = rig.run_id
    assert rig.proxy.sent("DELETE") == 0
    [after] = [one for one in rig.products() if one["external_id"] == "awin:1:a"]
    assert (after["id"], after["title"], after["description"]) == (product["id"], "My own words", "My own text")
    assert_the_shop_is_the_feed(rig, feed)

    applier = rig.applier()
    undo = Undo(rig.client, rig.ids, applier.engine, dry_run=False)
    assert undo.take_back(Kind.PRICE, rig.ledger.rows(undone, Kind.PRICE)).counts.applied == 1
    assert [v["prices"] for one in rig.products() for v in one["variants"] if v["sku"] == "a"] == [[]]


def test_an_inventory_item_that_is_gone_is_made_where_it_was(rig: Rig) -> None:
    feed = [offer("a"), offer("b", name="Other")]
    rig.imports(feed)
    [product] = [one for one in rig.products() if one["external_id"] == "awin:1:a"]
    [variant] = product["variants"]
    item = variant["inventory_items"][0]["inventory_item_id"]
    rig.http.delete(f"/admin/products/{product['id']}/variants/{variant['id']}/inventory-items/{item}")
    rows = rig.mismatches(feed)
    assert rows["reason"].to_list() == ["no_item"]
    rig.proxy.faults.append(Fault("reset", LEVELS, after=True))
    assert rig.applier().set_stock(rows, NO_CATALOG).counts.applied == 1
    assert_the_shop_is_the_feed(rig, feed)
    assert rig.mismatches(feed).is_empty()


def test_variants_that_were_taken_away_join_again(rig: Rig) -> None:
    feed = [offer("a")]
    rig.imports(feed)
    [product] = rig.products()
    rig.post(f"/admin/products/{product['id']}", {"variants": [], "title": "My own words"})
    assert rig.imports(feed).counts.applied == 1
    assert [(one["id"], one["title"]) for one in rig.products()] == [(product["id"], "My own words")]
    assert_the_shop_is_the_feed(rig, feed)


def test_repair_leaves_somebody_elses_inventory_alone(rig: Rig) -> None:
    feed = [offer("a"), offer("z", merchant="2")]
    rig.imports(feed[1:])
    [product] = rig.interrupted(feed)
    half_made(rig, product, "variants")
    # The SKU is another merchant's of this feed now, inventory item and all.
    other = own_product("other", sku="a") | {"external_id": "awin:2:a"}
    rig.post("/admin/products", other)
    result = rig.imports(feed)
    assert dict(result.failures).keys() == {"awin:1:a"}
    [left] = rig.get("/admin/inventory-items", sku="a", fields="id,variants.id")["inventory_items"]
    assert len(left["variants"]) == 1


GROUP = [offer("S", parent="g", name="Shoe S", size="S"), offer("M", parent="g", name="Shoe M", size="M")]
OPTIONS = "POST /admin/products/prod"
VARIANTS = "POST /admin/workflows-executions/create-product-variants/run"


@pytest.mark.parametrize(
    "faults",
    [
        [],
        [Fault("429", VARIANTS)],
        [Fault("500", VARIANTS)],
        [Fault("reset", OPTIONS, after=True), Fault("reset", VARIANTS, after=True)],
        [Fault("reset", LEVELS)],
        [Fault("500", "GET /admin/products?id")],
    ],
    ids=["no fault", "429", "500", "reset after both writes", "levels: reset", "read: 500"],
)
def test_a_variant_joins_its_product(faults: list[Fault], rig: Rig) -> None:
    rig.imports(GROUP[:1])
    rig.proxy.faults.extend(faults)
    result = rig.imports(GROUP)
    assert not rig.proxy.faults
    assert result.counts.applied == 1
    assert_the_shop_is_the_feed(rig, GROUP)
    fields = "options.title,options.values.value"
    [product] = rig.get("/admin/products", fields=fields)["products"]
    assert [(o["title"], {v["value"] for v in o["values"]}) for o in product["options"]] == [("Size", {"S", "M"})]


def shoes(number: int, sizes: Sequence[str]) -> list[Row]:
    return [offer(f"{number}{size}", parent=f"g{number}", name=f"Shoe {number} {size}", size=size) for size in sizes]


CALLS = {True: {"batch": 4 + 1, "run": 1}, False: {"batch": 4 + 1, "variants": 12}}


@pytest.mark.parametrize("workflows", [True, False], ids=["in one call", "in a call each"])
def test_variants_of_many_products_join(rig: Rig, workflows: bool) -> None:
    if not workflows:
        rig.proxy.seeded = lambda request: Fault("403") if "workflows-executions" in request else None
    assert rig.client.runs_workflows is workflows
    rig.imports([row for number in range(4) for row in shoes(number, "S")])
    feed = [row for number in range(4) for row in shoes(number, "SMLX")]
    rig.proxy.requests.clear()
    result = rig.imports(feed)
    assert (result.counts.applied, result.failures) == (12, ())
    assert_the_shop_is_the_feed(rig, feed)
    writes = [request.split("?")[0] for request in rig.proxy.requests if request.startswith("POST")]
    assert Counter(path.rpartition("/")[2] for path in writes) == CALLS[workflows]


def test_a_variant_that_is_refused_fails_alone(rig: Rig) -> None:
    rig.imports([row for number in range(3) for row in shoes(number, "S")])
    feed = [row for number in range(3) for row in shoes(number, "SM")]
    missing = rig.missing(feed)
    other = {"title": "Mine", "options": [{"title": "Size", "values": ["M"]}]}
    rig.post(
        "/admin/products", other | {"variants": [{"title": "M", "sku": "1M", "prices": [], "options": {"Size": "M"}}]}
    )
    result = rig.applier().import_missing(missing)
    assert (result.counts.applied, [*dict(result.failures)]) == (2, ["awin:1:1M"])


def test_a_product_that_is_gone_costs_its_variants_alone(rig: Rig) -> None:
    rig.imports([row for number in range(2) for row in shoes(number, "S")])
    missing = rig.missing([row for number in range(2) for row in shoes(number, "SM")])
    gone = next(product for product in rig.products() if product["external_id"] == "awin:1:g0")
    rig.http.delete(f"/admin/products/{gone['id']}").raise_for_status()
    result = rig.applier().import_missing(missing)
    assert (result.counts.applied, [*dict(result.failures)]) == (1, ["awin:1:0M"])
    assert "the shop does not have it any more" in dict(result.failures)["awin:1:0M"]


def test_a_variant_whose_options_are_taken_gets_its_sku(rig: Rig) -> None:
    rig.imports(GROUP[:1])
    twin = offer("S2", parent="g", name="Shoe S", size="S")
    assert rig.imports([GROUP[0], twin]).counts.applied == 1
    assert_the_shop_is_the_feed(rig, [GROUP[0], twin])


@pytest.mark.parametrize("prices", [[], [{"amount": 9.99, "currency_code": "gbp"}]], ids=["no price", "no item"])
def test_a_half_made_variant_is_completed(prices: list[Any], rig: Rig) -> None:
    rig.imports(GROUP[:1])
    rig.interrupted(GROUP)
    [product] = rig.products()
    [whole] = product["variants"]
    path = f"/admin/products/{product['id']}"
    [option] = rig.get(path, fields="options.id")["product"]["options"]
    rig.post(f"{path}/options/batch", {"update": [{"product_option_id": option["id"], "add": [{"value": "M"}]}]})
    body = {"title": "M", "sku": "M", "prices": prices, "options": {"Size": "M"}, "metadata": {OFFER_KEY: "awin:1:M"}}
    if prices:
        rig.post(path, {"variants": [{"id": whole["id"]}, body]})
    else:
        rig.post(f"{path}/variants", body)
    [half] = [variant["id"] for variant in rig.products()[0]["variants"] if variant["sku"] == "M"]
    assert rig.missing(GROUP)["existing_product_id"].to_list() == [product["id"]]
    assert rig.imports(GROUP).counts.applied == 1
    assert rig.proxy.sent("DELETE") == 0
    assert half in [variant["id"] for variant in rig.products()[0]["variants"]]
    assert_the_shop_is_the_feed(rig, GROUP)


def test_a_variant_that_medusa_does_not_count_is_whole(rig: Rig) -> None:
    """Somebody made it by hand after the catalogue was read: nothing is missing, so nothing is deleted."""
    rig.imports(GROUP[:1])
    missing = rig.missing(GROUP)
    [product] = rig.products()
    path = f"/admin/products/{product['id']}"
    [option] = rig.get(path, fields="options.id")["product"]["options"]
    rig.post(f"{path}/options/batch", {"update": [{"product_option_id": option["id"], "add": [{"value": "M"}]}]})
    own = {"title": "M", "sku": "M", "manage_inventory": False, "options": {"Size": "M"}}
    rig.post(f"{path}/variants", own | {"prices": [{"amount": 5, "currency_code": "gbp"}]})
    [before] = [variant for variant in rig.products()[0]["variants"] if variant["sku"] == "M"]
    assert (before["manage_inventory"], before["inventory_items"]) == (False, [])

    rig.applier().import_missing(missing)
    assert rig.proxy.sent("DELETE") == 0
    assert [variant for variant in rig.products()[0]["variants"] if variant["sku"] == "M"] == [before]


def test_hide_and_restore_leave_the_rest_as_it_was(rig: Rig) -> None:
    rig.imports(FEED[:3])
    before = {product["id"]: product for product in rig.products()}
    rig.post("/admin/products/" + next(iter(before)), {"metadata": {"note": "mine"}})
    catalog = rig.catalog()
    matched = discrepancies.matched_products(offers(), catalog, RULES).collect().lazy()
    missing = rig.missing([]).lazy()
    only = discrepancies.medusa_only_products(catalog, matched, missing, NO_LOOSE).collect()
    rig.proxy.faults.append(Fault("reset", PRODUCTS, after=True))
    assert rig.applier().hide(only, catalog).counts.applied == 3
    assert {(p["status"], p["metadata"][HIDDEN_BY_RUN]) for p in rig.products()} == {("draft", rig.run_id)}

    catalog = rig.catalog()
    matched = discrepancies.matched_products(offers(*FEED[:3]), catalog, RULES).collect().lazy()
    returning = discrepancies.returning_products(matched, catalog, missing).collect()
    rig.proxy.faults.append(Fault("500", PRODUCTS))
    assert rig.applier().restore(returning, rig.catalog()).counts.applied == 3
    after = {product["id"]: product for product in rig.products()}
    next(iter(before.values()))["metadata"]["note"] = "mine"
    assert after == before


def test_a_read_back_that_fails_leaves_the_rows_open_for_the_next_run(rig: Rig) -> None:
    rig.imports(FEED[:3])
    catalog = rig.catalog()
    matched = discrepancies.matched_products(offers(), catalog, RULES).collect().lazy()
    only = discrepancies.medusa_only_products(catalog, matched, rig.missing([]).lazy(), NO_LOOSE).collect()
    writer, engine = StatusWriter(rig.client, Kind.HIDE), rig.applier().engine
    left_by = rig.run_id
    rig.proxy.faults.extend([Fault("502", "GET /admin/products")] * 12)
    result = engine.apply(writer, plans.hide_plan(only, left_by, "2026-11-21", HideRules(hold_loose=False)))
    assert "HTTP 502" in str(result.stopped_reason)
    assert rig.outcomes() == {"unknown": 3}

    rig.proxy.faults.clear()
    assert rig.applier().engine.settle_open_operations(writer) == 3
    assert {row.status for row in rig.ledger.rows(left_by, Kind.HIDE)} == {Status.APPLIED}


@pytest.mark.parametrize(
    "faults",
    [[], [Fault("reset", LEVELS, after=True)], [Fault("429", LEVELS)], [Fault("500", LEVELS), Fault("page", LEVELS)]],
    ids=["no fault", "reset after the write", "429", "500, then a page"],
)
def test_levels(faults: list[Fault], rig: Rig) -> None:
    rig.imports(FEED)
    changed = [row | {"in_stock": not row["in_stock"]} for row in FEED]
    mismatches = rig.mismatches(changed)
    rig.proxy.faults.extend(faults)
    result = rig.applier(batch_size=5).set_stock(mismatches, NO_CATALOG)
    assert not rig.proxy.faults
    assert result.counts.applied == len(FEED)
    assert_the_shop_is_the_feed(rig, changed)
    assert rig.mismatches(changed).is_empty()


def test_one_level_that_is_refused_fails_alone(rig: Rig) -> None:
    rig.imports(FEED)
    changed = [row | {"in_stock": not row["in_stock"]} for row in FEED]
    mismatches = rig.mismatches(changed)
    gone = mismatches["inventory_item_id"][4]
    rig.http.delete(f"/admin/inventory-items/{gone}").raise_for_status()
    writer = LevelWriter(rig.client, rig.shop.stock_location_id)
    result = rig.applier().engine.apply(writer, plans.stock_plan(mismatches))
    assert [key for key, _ in result.failures] == [mismatches["variant_id"][4]]
    assert result.counts.applied == len(FEED) - 1


def test_a_dry_run_writes_nothing(rig: Rig) -> None:
    result = rig.imports(FEED, dry_run=True, rules=REHOSTING)
    assert result.counts.skipped == len(FEED)
    assert [request for request in rig.proxy.requests if not request.startswith("GET")] == []
    assert rig.products() == []


def test_a_wrong_key_stops_everything_in_one_sentence(rig: Rig) -> None:
    missing = rig.missing([*GROUP, *FEED])
    applier = rig.applier(batch_size=4)
    # After the brands and tags; the second answer meets the other thread.
    rig.proxy.faults.extend([Fault("401", PRODUCTS)] * 2)
    result = applier.import_missing(missing)
    assert result.counts.failed == missing.height
    assert result.stopped_reason is not None
    assert result.stopped_reason.startswith(
        f"POST {rig.proxy.address}/admin/products/batch: HTTP 401 Unauthorized. "
        "Check MEDUSA_ADMIN_API_KEY: it must be a secret key."
    )
    assert rig.products() == []
    rig.proxy.faults.clear()
    assert rig.imports([*GROUP, *FEED]).counts.applied == missing.height


def test_images_are_rehosted_and_a_broken_one_costs_only_itself(rig: Rig) -> None:
    def answer(path: str) -> tuple[int, str, bytes]:
        good = path in ("/1.jpg", "/2.jpg")
        return (200, "image/jpeg", b"\xff\xd8\xff" + path.encode()) if good else (404, "text/html", b"no")

    with AnsweringServer(answer) as web:
        feed = [
            offer("a", image_url=f"{web}/1.jpg", more_image_urls=[f"{web}/gone.jpg", f"{web}/2.jpg"]),
            offer("b", name="Other", image_url=f"{web}/gone.jpg"),
        ]
        assert rig.imports(feed, rules=REHOSTING).counts.applied == 2
    fields = "external_id,thumbnail,images.url"
    shown = {p["external_id"]: p for p in rig.get("/admin/products", fields=fields)["products"]}
    addresses = [image["url"] for image in shown["awin:1:a"]["images"]]
    assert len(addresses) == 2
    assert shown["awin:1:a"]["thumbnail"] == addresses[0]
    assert all("/static/" in address for address in addresses)
    assert (
        httpx.get(rig.shop.base_url + addresses[0][addresses[0].index("/static/") :]).content == b"\xff\xd8\xff/1.jpg"
    )
    assert (shown["awin:1:b"]["thumbnail"], shown["awin:1:b"]["images"]) == (None, [])


def test_what_a_person_told_medusa_not_to_count_is_completed_all_the_same(rig: Rig) -> None:
    feed = [offer("a")]
    [body] = rig.interrupted(feed)
    body["variants"][0] |= {"manage_inventory": False, "prices": []}
    rig.on_etsy = (rig.post("/admin/products", body)["product"]["id"],)
    assert rig.imports(feed).counts == Counts(applied=1)
    [variant] = rig.products()[0]["variants"]
    assert (variant["manage_inventory"], variant["prices"][0]["amount"]) == (False, 9.99)
    assert rig.missing(feed).is_empty()
