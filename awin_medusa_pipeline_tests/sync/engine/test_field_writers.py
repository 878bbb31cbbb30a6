"""Prices and content on a real Medusa, through a proxy that fails: what is ours is set, and nothing else is touched."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from awin_medusa_pipeline.core.http import UnknownOutcomeError
from awin_medusa_pipeline.sync.domain.operations import Kind, Operation, Status
from awin_medusa_pipeline.sync.domain.rules import Owner
from awin_medusa_pipeline.sync.engine.field_writers import ContentWriter, PriceWriter
from awin_medusa_pipeline.sync.engine.undo import Undo
from awin_medusa_pipeline_tests.support.factories import NO_MATCHES, Row, offer
from awin_medusa_pipeline_tests.support.fault_proxy import AnsweringServer, Fault
from awin_medusa_pipeline_tests.support.rig import REHOSTING, Rig

WORKFLOW = "POST /admin/workflows-executions/update-product-variants/run"
PRICES, PRODUCTS = WORKFLOW, "POST /admin/products/batch"
PRICE_FIELDS = ",".join(
    f"variants.prices.{name}"
    for name in (
        "id",
        "amount",
        "currency_code",
        "min_quantity",
        "max_quantity",
        "price_rules.attribute",
        "price_rules.value",
    )
)
FEED = [
    *(offer(f"p{n}", name=f"Product {n}", price=Decimal(10 + n), description="One") for n in range(3)),
    *(offer(f"g{size}", parent="g", name=f"Trail Shoe {size}", size=size, price=Decimal("20.50")) for size in "SML"),
]
DEARER = [row | {"price": row["price"] * Decimal("1.1")} for row in FEED]
CONTENT = {"title": None, "description": "Two\nlines", "image_url": "http://i/3", "category": "Home > Light"}


def changed(rows: Sequence[Row]) -> list[Row]:
    """Another description, image and category for each."""
    return [row | {name: value for name, value in CONTENT.items() if value} for row in rows]


def amounts(rig: Rig) -> dict[str, list[tuple[str, float]]]:
    return {
        variant["sku"]: sorted((price["currency_code"], price["amount"]) for price in variant["prices"])
        for product in rig.products()
        for variant in product["variants"]
    }


@pytest.mark.parametrize(
    "faults",
    [
        [],
        [Fault("429", PRICES)],
        [Fault("500", PRICES)],
        [Fault("reset", PRICES)],
        [Fault("reset", PRICES, after=True)],
        [Fault("page", PRICES, after=True)],
        [Fault("502", "GET /admin/product-variants")],
    ],
    ids=["none", "429", "500", "reset", "reset after the write", "a page for an answer", "read: 502"],
)
def test_prices(faults: list[Fault], rig: Rig) -> None:
    rig.imports(FEED)
    mismatches = rig.prices(DEARER)
    assert rig.client.runs_workflows
    rig.proxy.faults.extend(faults)
    result = rig.applier().set_prices(mismatches, NO_MATCHES)
    assert not rig.proxy.faults
    assert (result.counts.applied, result.failures) == (len(FEED), ())
    assert amounts(rig) == {row["sku"]: [("gbp", float(row["price"]))] for row in DEARER}
    assert rig.prices(DEARER).is_empty()
    assert rig.prices(FEED)["edited_by_hand"].to_list() == [False] * len(FEED), "what we wrote is remembered as ours"


def test_one_call_sets_the_prices_of_all_products(rig: Rig) -> None:
    rig.imports(FEED)
    assert rig.client.runs_workflows
    rig.proxy.requests.clear()
    rig.applier().set_prices(rig.prices(DEARER), NO_MATCHES)
    assert rig.proxy.sent("POST") == 1
    assert rig.proxy.sent("GET /admin/product-variants") == 2, "looked at before, and read back"


def test_a_shop_that_runs_no_workflows_gets_a_call_a_product(rig: Rig) -> None:
    rig.proxy.seeded = lambda request: Fault("403") if request.startswith(WORKFLOW) else None
    rig.imports(FEED)
    result = rig.applier().set_prices(rig.prices(DEARER), NO_MATCHES)
    assert (result.counts.applied, result.failures) == (len(FEED), ())
    assert (rig.proxy.sent(WORKFLOW), rig.proxy.sent("POST /admin/products/prod")) == (1, 4)
    assert amounts(rig) == {row["sku"]: [("gbp", float(row["price"]))] for row in DEARER}


def test_prices_that_a_failing_workflow_deleted_are_put_back(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Medusa's own compensation: core-flows/pricing/steps/update-price-sets keeps the price sets without prices."""
    rig.imports(FEED)
    region = rig.get("/admin/regions")["regions"][0]["id"]
    (product,) = [product for product in rig.products() if product["external_id"] == "awin:1:g"]
    mine = product["variants"][0]["id"]
    others = [
        {"amount": 24, "currency_code": "eur"},
        {"amount": 19, "currency_code": "gbp", "rules": {"region_id": region}},
    ]
    path = f"/admin/products/{product['id']}/variants/{mine}"
    rig.post(path, {"prices": [{"amount": 20.5, "currency_code": "gbp"}, *others]})
    mismatches = rig.prices(DEARER)
    send = rig.client.run_workflow
    failed: list[str] = []

    def failing_once(name: str, body: Any) -> None:
        if body["product_variants"] and not failed:
            failed.append(name)
            rig.post(path, {"prices": []})
            raise UnknownOutcomeError("POST", "HTTP 500", "Look.", status=500)
        send(name, body)

    monkeypatch.setattr(rig.client, "run_workflow", failing_once)
    result = rig.applier().set_prices(mismatches, NO_MATCHES)
    assert (failed, result.counts.applied, result.failures) == (["update-product-variants"], len(FEED), ())
    variants = rig.get(f"/admin/products/{product['id']}", fields=f"variants.id,{PRICE_FIELDS}")["product"]["variants"]
    (after,) = [variant["prices"] for variant in variants if variant["id"] == mine]
    assert sorted((price["currency_code"], price["amount"], len(price["rules"])) for price in after) == [
        ("eur", 24, 0),
        ("gbp", 19, 1),
        ("gbp", 22.55, 0),
    ]


def test_every_other_price_stays(rig: Rig) -> None:
    rig.imports(FEED)
    (product,) = [product for product in rig.products() if product["external_id"] == "awin:1:g"]
    mine, other = product["variants"][:2]
    region = rig.get("/admin/regions")["regions"][0]["id"]
    prices = [
        {"amount": 20.5, "currency_code": "gbp"},
        {"amount": 24, "currency_code": "eur"},
        {"amount": 19, "currency_code": "gbp", "rules": {"region_id": region}},
        {"amount": 18, "currency_code": "gbp", "min_quantity": 5, "max_quantity": 9},
    ]
    path = f"/admin/products/{product['id']}/variants/{mine['id']}"
    rig.post(path, {"prices": prices, "metadata": {"note": "mine"}})
    sale = {"amount": 9, "currency_code": "gbp", "variant_id": mine["id"]}
    rig.post("/admin/price-lists", {"title": "Sale", "description": "-", "status": "active", "prices": [sale]})

    def shown() -> dict[str, list[Any]]:
        found = rig.get(f"/admin/products/{product['id']}", fields=f"variants.id,{PRICE_FIELDS}")["product"]["variants"]
        return {v["id"]: sorted(v["prices"], key=lambda price: str(price["id"])) for v in found}

    before = shown()
    assert len(before[mine["id"]]) == 4
    mismatches = rig.prices([row | {"price": Decimal("21.75")} for row in FEED])
    assert rig.applier().set_prices(mismatches.filter(variant_id=mine["id"]), NO_MATCHES).counts.applied == 1
    after = shown()
    assert after[other["id"]] == before[other["id"]]
    differing = [(old, new) for old, new in zip(before[mine["id"]], after[mine["id"]], strict=True) if old != new]
    ((old, new),) = differing
    assert (old["amount"], new) == (20.5, {**old, "amount": 21.75})
    lists = rig.get("/admin/price-lists", fields="prices.amount")["price_lists"]
    assert [price["amount"] for one in lists for price in one["prices"]] == [9]


def test_a_price_of_what_is_gone_is_skipped_and_another_currency_is_refused(rig: Rig) -> None:
    rig.imports(FEED)
    mismatches = rig.prices([row | ({"currency": "eur"} if row["sku"] == "p1" else {}) for row in DEARER])
    gone = next(product for product in rig.products() if product["external_id"] == "awin:1:p0")
    rig.http.delete(f"/admin/products/{gone['id']}").raise_for_status()
    result = rig.applier().set_prices(mismatches, NO_MATCHES)
    assert (result.counts.applied, result.counts.skipped, result.failures) == (4, 2, ())
    skipped = {row.key: row for row in rig.ledger.rows(rig.run_id, Kind.PRICE) if row.status is Status.SKIPPED}
    assert str(skipped.pop(gone["variants"][0]["id"]).reason).startswith("stale: the shop shows None")
    (refused,) = skipped.values()
    assert str(refused.reason).startswith("the shop sells it in GBP, the feed in EUR, and prices are never converted;")
    assert amounts(rig)["p1"] == [("gbp", 11)]


def test_a_limit_counts_calls(rig: Rig) -> None:
    rig.imports(FEED)
    assert rig.client.runs_workflows
    rig.proxy.requests.clear()
    assert rig.applier(limit=1).set_prices(rig.prices(DEARER), NO_MATCHES).counts.skipped in (3, 5)
    result = rig.applier(limit=1, dry_run=True).set_prices(rig.prices(DEARER), NO_MATCHES)
    assert (result.counts.applied, rig.proxy.sent(PRICES)) == (0, 1)


@pytest.mark.parametrize(
    "faults",
    [
        [],
        [Fault("429", PRODUCTS)],
        [Fault("500", PRODUCTS), Fault("page", PRODUCTS)],
        [Fault("reset", PRODUCTS, after=True), Fault("reset", PRODUCTS)],
        [Fault("502", "GET /admin/products")],
    ],
    ids=["none", "429", "500, then a page", "reset after the write, then before", "read: 502"],
)
def test_content(faults: list[Fault], rig: Rig) -> None:
    rig.imports(FEED)
    feed = [row | {"name": f"New {row['name']}"} for row in changed(FEED)]
    mismatches = rig.content(feed)
    assert mismatches.height == 4 * 4
    rig.proxy.faults.extend(faults)
    result = rig.applier(batch_size=3).update_content(mismatches, NO_MATCHES)
    assert not rig.proxy.faults
    assert (result.counts.applied, result.failures) == (mismatches.height, ())
    assert rig.content(feed).is_empty()
    assert not rig.content(FEED)["edited_by_hand"].any()
    assert {len(product["variants"]) for product in rig.products()} == {1, 3}


def test_a_product_that_is_gone_is_skipped(rig: Rig) -> None:
    rig.imports(FEED)
    mismatches = rig.content(changed(FEED))
    gone = next(product for product in rig.products() if product["external_id"] == "awin:1:p0")
    rig.http.delete(f"/admin/products/{gone['id']}").raise_for_status()
    result = rig.applier().update_content(mismatches, NO_MATCHES)
    skipped = {row.key for row in rig.ledger.rows(rig.run_id) if row.status is Status.SKIPPED}
    assert skipped == {f"{gone['id']}:{field}" for field in ("category", "description", "images")}
    assert (result.counts.applied, result.failures) == (9, ())


def test_an_image_that_stays_keeps_its_id(rig: Rig) -> None:
    feed = [offer("a", image_url="http://i/1", more_image_urls=["http://i/2"])]
    rig.imports(feed)

    def images() -> dict[str, str]:
        (product,) = rig.get("/admin/products", fields="thumbnail,images.id,images.url,images.rank")["products"]
        assert product["thumbnail"] == min(product["images"], key=lambda image: image["rank"])["url"]
        return {image["url"]: image["id"] for image in sorted(product["images"], key=lambda image: image["rank"])}

    before = images()
    after = [feed[0] | {"image_url": "http://i/3", "more_image_urls": ["http://i/2", "http://i/4"]}]
    assert rig.applier().update_content(rig.content(after), NO_MATCHES).counts.applied == 1
    assert list(images()) == ["http://i/3", "http://i/2", "http://i/4"]
    assert images()["http://i/2"] == before["http://i/2"]


def test_images_are_uploaded_once(rig: Rig) -> None:
    with AnsweringServer(lambda path: (200, "image/jpeg", b"\xff\xd8\xff" + path.encode())) as web:
        feed = [offer("a", image_url=f"{web}/1.jpg")]
        rig.imports(feed, rules=REHOSTING)
        assert rig.content(feed).is_empty()
        moved = [offer("a", image_url=f"{web}/2.jpg")]
        assert rig.applier(rules=REHOSTING).update_content(rig.content(moved), NO_MATCHES).counts.applied == 1
        assert rig.content(moved).is_empty()
        gone = [offer("a", image_url=f"{web.replace('http', 'ftp')}/3.jpg")]
        result = rig.applier(rules=REHOSTING).update_content(rig.content(gone), NO_MATCHES)
        assert (result.counts.skipped, result.counts.applied) == (1, 0)


def test_what_was_left_open_is_settled_and_remembered(rig: Rig) -> None:
    rig.imports(FEED[:1])
    ((variant_id, product_id),) = rig.prices(DEARER[:1]).select("variant_id", "product_id").rows()
    rig.applier()
    wanted = {"price": "11", "currency": "gbp"}
    rig.ledger.record_intents(rig.run_id, Kind.PRICE, [Operation(variant_id, wanted, target_id=variant_id)])
    title = Operation(f"{product_id}:title", {"title": "Never sent"}, target_id=product_id)
    rig.ledger.record_intents(rig.run_id, Kind.CONTENT, [title])
    left_by = rig.run_id
    rig.post(
        f"/admin/products/{product_id}/variants/{variant_id}", {"prices": [{"amount": 11, "currency_code": "gbp"}]}
    )

    engine = rig.applier().engine
    assert engine.settle_open_operations(PriceWriter(rig.client)) == 1
    assert engine.settle_open_operations(ContentWriter(rig.client)) == 0
    assert [row.status for row in rig.ledger.rows(left_by)] == [Status.APPLIED, Status.FAILED]
    assert rig.prices([FEED[0] | {"price": Decimal("13")}])["last_price"].to_list() == [Decimal("11")]


def test_a_change_that_another_made_meanwhile_is_seen(rig: Rig) -> None:
    rig.imports(FEED)
    mismatches, content = rig.prices(DEARER), rig.content(changed(FEED))
    (product,) = [product for product in rig.products() if product["external_id"] == "awin:1:g"]
    mine = product["variants"][0]["id"]
    rig.post(f"/admin/products/{product['id']}/variants/{mine}", {"prices": [{"amount": 1, "currency_code": "gbp"}]})
    rig.post(f"/admin/products/{product['id']}", {"description": "Mine"})
    result = rig.applier().set_prices(mismatches, NO_MATCHES)
    assert (result.counts.applied, result.counts.skipped) == (len(FEED) - 1, 1)
    (stale,) = [row for row in rig.ledger.rows(rig.run_id) if row.status is Status.SKIPPED]
    assert (stale.key, "stale" in str(stale.reason)) == (mine, True)
    result = rig.applier().update_content(content, NO_MATCHES)
    assert (result.counts.applied, result.counts.skipped) == (content.height - 1, 1)
    assert PriceWriter(rig.client).read([Operation("x", {"currency": "gbp"}, None, "variant_gone")]) == {}


def test_undo_brings_prices_and_content_back_byte_for_byte(rig: Rig) -> None:
    own = {"description": "Made  by\nhand ", "thumbnail": "http://i/t", "images": [{"url": "http://i/9"}]}
    rig.imports(FEED)
    first, *_ = products = rig.products()
    rig.post(f"/admin/products/{first['id']}", own)
    shelf = rig.post("/admin/product-categories", {"name": "Shelf", "handle": "shelf"})["product_category"]["id"]
    rig.post(f"/admin/products/{products[1]['id']}", {"categories": [{"id": shelf}]})

    def state() -> Any:
        return amounts(rig), rig.catalog().select(
            "product_id", "title", "description", "images", "categories"
        ).unique().sort("product_id").collect().rows()

    before, feed = state(), changed(DEARER)
    applier = rig.applier()
    applier.set_prices(rig.prices(feed), NO_MATCHES)
    applier.update_content(rig.content(feed), NO_MATCHES)
    synced, after = rig.run_id, state()
    assert before[0] != after[0]
    assert before[1] != after[1]

    def undo(run_id: str) -> None:
        taking_back = Undo(rig.client, rig.ids, rig.applier().engine, dry_run=False)
        for kind in (Kind.PRICE, Kind.CONTENT):
            result = taking_back.take_back(kind, rig.ledger.rows(run_id, kind))
            assert (result.counts.applied > 0, result.failures) == (True, ())

    undo(synced)
    assert state() == before
    undo(rig.run_id)
    assert state() == after
    edited = rig.prices(FEED, Owner.SHOP)["edited_by_hand"]
    assert not edited.any(), "an undo is a write of ours too"
