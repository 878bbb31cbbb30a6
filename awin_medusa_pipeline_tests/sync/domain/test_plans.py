"""Plans: what is sent and what stays behind, and that a plan that was carried out leaves nothing to plan."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given

from awin_medusa_pipeline.core.contracts import dtypes
from awin_medusa_pipeline.sync.domain import contracts, plans
from awin_medusa_pipeline.sync.domain.discrepancies import TOLD
from awin_medusa_pipeline.sync.domain.operations import Bundle, NotSent, Operation
from awin_medusa_pipeline.sync.domain.rules import HideRules, Owners, StockRules
from awin_medusa_pipeline_tests.support.factories import Row, missing, offer, offers
from awin_medusa_pipeline_tests.support.shop_model import DEFAULTS, RUN, ShopModel
from awin_medusa_pipeline_tests.support.strategies import feeds, owners, shops, slow_law

RULES = StockRules()


@slow_law(30)
@given(feed=feeds(), shop=shops(), who=owners())
def test_a_sync_after_adopting_and_importing_has_nothing_to_do(feed: list[Row], shop: ShopModel, who: Owners) -> None:
    in_feed = offers(*feed)
    shop.sync(in_feed, RULES, who)  # What is adopted tonight is brought in line tomorrow.
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
    words = ("already exists", "give it a price", "it stays on sale", "it can be ordered", *plans.WAITS.values())
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


@pytest.mark.parametrize("why", plans.WAITS)
def test_nothing_is_added_to_a_product_that_is_not_adopted(why: str) -> None:
    group = missing(offer("a", existing_product_id="prod_1", waits=why), offer("b"))
    rows, staying = plans.split_import(group, None, hold_loose=True)
    assert rows["offer_key"].to_list() == ["awin:1:b"]
    assert [(one.operation.key, one.reason) for one in staying] == [("awin:1:a", plans.WAITS[why])]


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
        {
            "product_id": f"prod_{n}",
            "handle": "h",
            "title": "t",
            "status": "published",
            "loose_match": is_loose,
            "ours": True,
            "ignored": False,
        }
        for n, is_loose in enumerate(loose)
    ]
    return pl.DataFrame(rows, schema=dtypes(contracts.MedusaOnlyProduct))


def test_hiding_counts_only_what_is_sent_against_the_limit() -> None:
    plan = plans.up_to(plans.hide_plan(medusa_only(True, False, False), RUN, "2026-11-21", HideRules()), 1)
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
    sent, _ = parts(plans.stock_plan(frame))
    assert [bundle.body for bundle in sent] == [
        {"inventory_item_id": "i1", "stocked_quantity": 10, "exists": True},
        {"inventory_item_id": "i2", "stocked_quantity": 0, "exists": False},
    ]
    assert [bundle.operations[0].before for bundle in sent] == [{"level": 3}, {"level": None}]


@pytest.mark.parametrize(
    ("limit", "sent"), [(None, ["v0", "v1", "v2"]), (0, []), (2, ["v0", "v1"]), (3, ["v0", "v1", "v2"])]
)
def test_a_limit_of_levels(limit: int | None, sent: list[str]) -> None:
    rows = [{"variant_id": f"v{n}", "wanted_level": n, "level": 0, "inventory_item_id": f"i{n}"} for n in range(3)]
    plan = plans.up_to(plans.stock_plan(pl.DataFrame(rows, schema=dtypes(contracts.StockMismatch))), limit)
    bundles, staying = parts(plan)
    assert [bundle.operations[0].key for bundle in bundles] == sent
    assert len(bundles) + len(staying) == 3


@pytest.mark.parametrize(
    ("missed", "after", "reason"),
    [
        (None, 3, None),
        (3, 3, None),
        (4, 3, None),
        (2, 3, "missing from 2 of 3 accepted feeds (GUARD_HIDE_AFTER_FEEDS)"),
        (0, 1, "missing from 0 of 1 accepted feeds (GUARD_HIDE_AFTER_FEEDS)"),
    ],
)
def test_hiding_waits_for_as_many_feeds_as_it_must(missed: int | None, after: int, reason: str | None) -> None:
    rows = medusa_only(False).with_columns(feeds_missed=pl.lit(missed, pl.Int64))
    _, staying = parts(plans.hide_plan(rows, RUN, "2026-11-21", HideRules(after=after)))
    assert [one.reason for one in staying] == ([reason] if reason else [])


def test_hiding_does_not_wait_by_itself() -> None:
    rows = medusa_only(False, True).with_columns(feeds_missed=pl.lit(1, pl.Int64))
    sent, staying = parts(plans.hide_plan(rows, RUN, "2026-11-21", HideRules(hold_loose=False)))
    assert (len(sent), staying) == (2, [])


@pytest.mark.parametrize(
    ("row", "rules", "hidden"),
    [
        ({}, HideRules(), True),
        ({"loose_match": True}, HideRules(), False),
        ({"loose_match": True}, HideRules(hold_loose=False), True),
        ({"feeds_missed": 1}, HideRules(after=2), False),
        ({"feeds_missed": 2}, HideRules(after=2), True),
        ({"feeds_missed": None}, HideRules(after=2), True),
        ({"ignored": True}, HideRules(), False),
        ({"ours": False}, HideRules(), True),
        ({"ours": False}, HideRules(ours_alone=True), False),
        ({"ours": True}, HideRules(ours_alone=True), True),
    ],
)
def test_what_is_to_be_hidden_is_what_the_plan_hides(row: dict[str, Any], rules: HideRules, hidden: bool) -> None:
    rows = medusa_only(False).with_columns(**{name: pl.lit(value) for name, value in row.items()})
    rows = rows.cast({"feeds_missed": pl.Int64})
    assert rows.select(plans.to_hide(rules)).item() is hidden
    sent, staying = parts(plans.hide_plan(rows, RUN, "2026-11-21", rules))
    assert (len(sent), len(staying)) == ((1, 0) if hidden else (0, 1))


def returning(number: int) -> pl.DataFrame:
    rows = [{"product_id": f"p{n}", "hidden_by_run": "run-0"} for n in range(number)]
    return pl.DataFrame(rows, schema=dtypes(contracts.ReturningProduct))


def test_what_returns_is_published_and_loses_its_mark() -> None:
    (bundle,), (rest,) = parts(plans.up_to(plans.restore_plan(returning(2)), 1))
    assert bundle.operations == (
        Operation(
            "p0",
            {"status": "published", "awin_hidden_by_run": None},
            {"status": "draft", "awin_hidden_by_run": "run-0"},
            "p0",
        ),
    )
    assert bundle.body["status"] == "published"
    assert rest.operation.key == "p1"


def test_a_variant_that_joins_is_planned_apart_from_new_products() -> None:
    rows = missing(offer("a"), offer("b") | {"existing_product_id": "prod_1"})
    (new,), _ = parts(plans.import_plan(rows, DEFAULTS))
    (joining,), _ = parts(plans.variant_plan(rows))
    assert [one.key for one in new.operations] == ["awin:1:a"]
    assert joining.body["product_id"] == "prod_1"
    assert joining.body["levels"] == {"b": 10}
    assert [one.key for one in joining.operations] == ["awin:1:b"]


def test_a_category_is_remembered_where_the_product_gets_it() -> None:
    rows = missing(offer("a", category="Chairs"), offer("b", category="Unknown"))
    marks = [bundle.operations[0].after["content"] for bundle in parts(plans.import_plan(rows, DEFAULTS))[0]]
    assert [mark.get("category") for mark in marks] == ["chairs", None]


def test_levels_go_back_and_one_that_was_not_there_is_removed() -> None:
    done = [
        Operation("v1", {"level": 0}, {"level": 3}, "i1"),
        Operation("v2", {"level": 5}, {"level": None}, "i2"),
        Operation("v3", {"level": 5}, None, "i3"),
    ]
    bundles, _ = parts(plans.reverse_levels(done))
    assert [bundle.body for bundle in bundles] == [
        {"inventory_item_id": "i1", "stocked_quantity": 3, "exists": True},
        {"inventory_item_id": "i2", "stocked_quantity": None, "exists": True},
        {"inventory_item_id": "i3", "stocked_quantity": None, "exists": True},
    ]
    assert bundles[0].operations == (Operation("v1", {"level": 3}, {"level": 0}, "i1"),)


def test_changes_of_one_level_that_followed_each_other_go_back_together() -> None:
    done = [
        Operation("s1", {"level": 8}, {"level": 9}, "i1"),
        Operation("s2", {"level": 3}, {"level": 4}, "i2"),
        Operation("s3", {"level": 5}, {"level": 8}, "i1"),
        Operation("s4", {"level": 1}, {"level": 7}, "i1"),
        Operation("s5", {"level": 1}, {"level": 8}, None),
        Operation("s6", {"level": 0}, {"level": 1}, None),
    ]
    bundles, _ = parts(plans.reverse_levels(done))
    assert [([one.key for one in bundle.operations], bundle.body["stocked_quantity"]) for bundle in bundles] == [
        (["s1", "s3"], 9),
        (["s4"], 7),
        (["s2"], 4),
        (["s5"], 8),
        (["s6"], 1),
    ]
    assert {(str(one.before), str(one.after)) for one in bundles[0].operations} == {("{'level': 5}", "{'level': 9}")}


@pytest.mark.parametrize(
    ("hidden", "before", "status", "mark"),
    [
        (True, {"status": "published"}, "published", None),
        (False, {"status": "draft", "awin_hidden_by_run": "run-0"}, "draft", "run-0"),
        (False, None, "draft", None),
    ],
)
def test_a_status_goes_back(hidden: bool, before: dict[str, str] | None, status: str, mark: str | None) -> None:
    done = Operation("p", {"status": "x"}, before, "p")
    (bundle,), _ = parts(plans.reverse_status([done], hidden=hidden))
    assert bundle.body["status"] == status
    assert bundle.body["metadata"]["awin_hidden_by_run"] == (mark or "")
    after = {"status": before["status"] if before else None, "awin_hidden_by_run": mark}
    assert bundle.operations == (Operation("p", after, {"status": "x"}, "p"),)


def test_imports_become_drafts_and_a_product_that_was_joined_stays() -> None:
    made = [Operation(key, {}, None, target) for key, target in (("a", "v1"), ("b", "v2"), ("c", "v3"))]
    products = [
        {"id": "whole", "title": "whole", "variants": [{"id": "v1"}, {"id": "v2"}]},
        {"id": "joined", "title": "joined", "variants": [{"id": "v3"}, {"id": "own"}]},
        {"id": "other", "title": "other", "variants": [{"id": "own2"}]},
    ]
    (draft,), (stays,) = parts(plans.reverse_imports(made, products))
    assert draft.body == {"id": "whole", "status": "draft"}
    assert stays.operation.key == "joined"
    assert "only added variants" in stays.reason
