"""Plans: what is sent and what stays behind, and that a plan that was carried out leaves nothing to plan."""

from collections.abc import Iterable
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings

from awin_medusa_pipeline.core.contracts import dtypes
from awin_medusa_pipeline.sync.domain import contracts, plans
from awin_medusa_pipeline.sync.domain.discrepancies import TOLD, StockRules
from awin_medusa_pipeline.sync.domain.operations import Bundle, NotSent
from awin_medusa_pipeline.sync.domain.ownership import Owners
from awin_medusa_pipeline_tests.support.factories import Row, missing, offer, offers
from awin_medusa_pipeline_tests.support.shop_model import DEFAULTS, RUN, ShopModel
from awin_medusa_pipeline_tests.support.strategies import feeds, owners, shops

RULES = StockRules()


@settings(max_examples=120, deadline=None)
@given(feed=feeds(), shop=shops(), who=owners())
def test_a_second_sync_has_nothing_to_do(feed: list[Row], shop: ShopModel, who: Owners) -> None:
    in_feed = offers(*feed)
    refused = shop.sync(in_feed, RULES, who)
    again = {name: table.collect() for name, table in shop.detect(in_feed, RULES, owners=who).items()}
    refused_prices = again["price_mismatches"].filter(decision="refuse")
    told = again["stock_mismatches"]
    left = {*again["missing_awin_products"]["offer_key"], *refused_prices["variant_id"]}
    # A level that was set to zero may leave a variant that is sold all the same: told from then on.
    assert left <= set(refused) <= left | set(told["variant_id"])
    assert told["reason"].is_in(list(TOLD)).all()
    for name in ("medusa_only_products", "returning_products"):
        assert again[name].is_empty(), name
    for name in ("price_mismatches", "content_mismatches"):
        assert again[name].filter(decision="update").is_empty(), name
    # What is refused is so because of what somebody else has, and says which.
    words = ("already exists", "give it a price", "it stays on sale", "it can be ordered")
    assert all(any(word in reason for word in words) for reason in refused.values())
    before = str(shop.products)
    assert set(shop.sync(in_feed, RULES, who)) == left | set(told["variant_id"])
    assert str(shop.products) == before


def test_a_feed_goes_into_an_empty_shop_whole() -> None:
    feed = [
        offer("a", name="Red Lamp"),
        offer("b", name="Red Lamp"),
        *(offer(f"g{size}", parent="g", name=f"Trail Shoe {size}", size=size) for size in ("S", "M")),
        offer("日", name="日本の靴", in_stock=False),
    ]
    shop = ShopModel()
    assert shop.sync(offers(*feed), RULES) == {}
    assert {product["handle"] for product in shop.products.values()} == {
        "red-lamp",
        "red-lamp-b",
        "trail-shoe",
        "awin:1:日".encode().hex(),
    }
    assert shop.catalog().select("offer_key", "level").sort("offer_key").collect().rows() == [
        ("awin:1:a", 10),
        ("awin:1:b", 10),
        ("awin:1:gM", 10),
        ("awin:1:gS", 10),
        ("awin:1:日", 0),
    ]


def parts(plan: Iterable[Bundle | NotSent]) -> tuple[list[Bundle], list[NotSent]]:
    items = list(plan)
    return [i for i in items if isinstance(i, Bundle)], [i for i in items if isinstance(i, NotSent)]


GROUPED = missing(
    offer("a", parent="p"),
    offer("c"),
    offer("b", parent="p"),
    offer("d", loose_match=True),
    offer("e", price=Decimal("5")),
)


@pytest.mark.parametrize(
    ("limit", "hold", "chosen", "held", "beyond"),
    [
        (None, True, ["a", "b", "c", "e"], ["d"], []),
        (None, False, ["a", "b", "c", "d", "e"], [], []),
        (1, True, ["a", "b"], ["d"], ["c", "e"]),
        (2, True, ["a", "b", "c"], ["d"], ["e"]),
        (99, False, ["a", "b", "c", "d", "e"], [], []),
    ],
)
def test_a_limit_counts_products_and_keeps_variants_together(
    limit: int | None, hold: bool, chosen: list[str], held: list[str], beyond: list[str]
) -> None:
    rows, staying = plans.split_import(GROUPED, limit, hold_loose=hold)
    assert rows["merchant_product_id"].to_list() == chosen
    reasons = {n.operation.key.removeprefix("awin:1:"): n.reason for n in staying}
    assert reasons == dict.fromkeys(held, plans.LOOSE) | dict.fromkeys(beyond, f"beyond the limit of {limit}")


def test_one_loose_variant_holds_its_product() -> None:
    group = missing(offer("a", parent="p", loose_match=True), offer("b", parent="p"))
    rows, staying = plans.split_import(group, None, hold_loose=True)
    assert rows.is_empty()
    assert len(staying) == 2


def test_a_product_is_one_bundle_with_an_operation_per_variant() -> None:
    rows, _ = plans.split_import(GROUPED, None, hold_loose=True)
    bundles, _ = parts(plans.import_plan(rows, DEFAULTS))
    assert [[operation.key for operation in bundle.operations] for bundle in bundles] == [
        ["awin:1:a", "awin:1:b"],
        ["awin:1:c"],
        ["awin:1:e"],
    ]
    assert bundles[0].body["levels"] == {"a": 10, "b": 10}
    assert bundles[2].operations[0].after == {
        "product_key": "awin:1:e",
        "sku": "e",
        "handle": "awin-1-e",
        "price": "5.0000",
        "currency": "gbp",
        "level": 10,
        "content": {"title": "Product e"},
    }


def test_a_plan_is_made_as_it_is_sent() -> None:
    asked: list[list[str]] = []

    def rehost(urls: object) -> list[str]:
        asked.append(list(urls))  # type: ignore[call-overload]
        return ["http://shop/1.jpg"]

    rows = missing(offer("a", image_url="http://i/1.jpg"), offer("b", image_url="http://i/2.jpg"))
    plan = plans.import_plan(rows, DEFAULTS, rehost)
    first = next(plan)
    assert isinstance(first, Bundle)
    assert first.body["product"]["thumbnail"] == "http://shop/1.jpg"
    assert asked == [["http://i/1.jpg"]]


def medusa_only(*loose: bool) -> pl.DataFrame:
    rows = [
        {"product_id": f"prod_{n}", "handle": "h", "title": "t", "status": "published", "loose_match": is_loose}
        for n, is_loose in enumerate(loose)
    ]
    return pl.DataFrame(rows, schema=dtypes(contracts.MedusaOnlyProduct))


def test_hiding_counts_only_what_is_sent_against_the_limit() -> None:
    plan = plans.hide_plan(medusa_only(True, False, False), RUN, "2026-11-21", 1, hold_loose=True)
    sent, staying = parts(plan)
    assert [bundle.operations[0].target_id for bundle in sent] == ["prod_1"]
    assert {n.operation.key: n.reason for n in staying} == {"prod_2": "beyond the limit of 1", "prod_0": plans.LOOSE}
    assert sent[0].operations[0].before == {"status": "published"}


def test_stock_is_absolute_and_knows_whether_there_is_a_level() -> None:
    rows = [
        {
            "variant_id": "v1",
            "product_id": "p",
            "inventory_item_id": "i1",
            "level": 3,
            "wanted_level": 10,
            "reason": "differs",
        },
        {
            "variant_id": "v2",
            "product_id": "p",
            "inventory_item_id": "i2",
            "level": None,
            "wanted_level": 0,
            "reason": "no_level",
        },
    ]
    frame = pl.DataFrame(rows, schema=dtypes(contracts.StockMismatch))
    sent, _ = parts(plans.stock_plan(frame, None))
    assert [bundle.body for bundle in sent] == [
        {"inventory_item_id": "i1", "stocked_quantity": 10, "exists": True},
        {"inventory_item_id": "i2", "stocked_quantity": 0, "exists": False},
    ]
    assert [bundle.operations[0].before for bundle in sent] == [{"level": 3}, {"level": None}]
