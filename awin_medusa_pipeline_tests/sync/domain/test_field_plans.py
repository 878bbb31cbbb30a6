"""Plans of prices and content, and how they are taken back."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from awin_medusa_pipeline.core.contracts import dtypes
from awin_medusa_pipeline.sync.domain import contracts, field_plans, plans
from awin_medusa_pipeline.sync.domain.operations import Bundle, NotSent, Operation


def parts(plan: Iterable[Bundle | NotSent]) -> tuple[list[Bundle], list[NotSent]]:
    items = list(plan)
    return [i for i in items if isinstance(i, Bundle)], [i for i in items if isinstance(i, NotSent)]


def keys(sent: Iterable[Bundle]) -> list[list[str]]:
    return [[operation.key for operation in bundle.operations] for bundle in sent]


def prices(*rows: tuple[str, str, str | None, str]) -> pl.DataFrame:
    """PriceMismatch rows of (variant, product, price in the shop, decision); the feed says 12.50."""
    table = [
        {
            "variant_id": variant,
            "product_id": product,
            "currency": "gbp",
            "price": Decimal("12.5"),
            "shop_price": None if has is None else Decimal(has),
            "shop_currencies": "eur usd",
            "decision": decision,
        }
        for variant, product, has, decision in rows
    ]
    return pl.DataFrame(table, schema=dtypes(contracts.PriceMismatch))


def test_what_the_shop_keeps_is_no_operation() -> None:
    rows = prices(("v1", "p", "9", "keep"), ("v2", "p", "9", "update"), ("v3", "p", "9", "refuse"))
    assert field_plans.to_change(rows)["variant_id"].to_list() == ["v2", "v3"]


MANY = prices(
    ("v4", "q", "9", "update"),
    ("v1", "p", "9", "update"),
    ("v2", "p", None, "refuse"),
    ("v3", "p", "8", "update"),
    ("v5", "r", None, "refuse"),
    ("v6", "s", "9", "update"),
)


@pytest.mark.parametrize(
    ("limit", "sent", "beyond"),
    [
        (None, [["v1", "v3"], ["v4"], ["v6"]], []),
        (0, [], ["v1", "v3", "v4", "v6"]),
        (1, [["v1", "v3"]], ["v4", "v6"]),
        (2, [["v1", "v3"], ["v4"]], ["v6"]),
        (3, [["v1", "v3"], ["v4"], ["v6"]], []),
    ],
)
def test_prices_of_a_product_go_together_and_a_refusal_counts_against_no_limit(
    limit: int | None, sent: list[list[str]], beyond: list[str]
) -> None:
    bundles, staying = parts(plans.up_to(field_plans.price_plan(MANY), limit))
    assert keys(bundles) == sent
    assert all(bundle.body == {} for bundle in bundles)
    assert [one.operation.key for one in staying if one.reason == f"beyond the limit of {limit}"] == beyond
    assert sorted(one.operation.key for one in staying if "give it a price" in one.reason) == ["v2", "v5"]


def test_a_price_knows_what_stood_there() -> None:
    (bundle,), _ = parts(field_plans.price_plan(prices(("v1", "p", "9.99", "update"))))
    (operation,) = bundle.operations
    assert operation.target_id == "v1"
    assert (operation.before, operation.after) == (
        {"price": "9.99", "currency": "gbp"},
        {"price": "12.5", "currency": "gbp"},
    )


@pytest.mark.parametrize(
    ("has", "says"),
    [
        (
            "eur usd",
            "the shop sells it in EUR, USD, the feed in GBP, and prices are never converted; "
            "give it a price in GBP in Medusa Admin",
        ),
        ("", "it has no price in the shop; give it a price in GBP in Medusa Admin"),
    ],
)
def test_a_refused_price_says_what_to_do(has: str, says: str) -> None:
    rows = prices(("v1", "p", None, "refuse")).with_columns(shop_currencies=pl.lit(has))
    _, (refused,) = parts(field_plans.price_plan(rows))
    assert refused.reason.startswith(says)
    assert refused.operation.before == {"price": None, "currency": "gbp"}


def contents(*rows: dict[str, Any]) -> pl.DataFrame:
    table = [{"key": f"{row['product_id']}:{row['field']}"} | row for row in rows]
    return pl.DataFrame(table, schema=dtypes(contracts.ContentMismatch))


TITLE = {"product_id": "p", "field": "title", "value": "Lamp", "shop_value": "Old"}
PICTURES = {"product_id": "q", "field": "images", "value": "1\n1\n2", "shop_value": None}
CATEGORY = {"product_id": "q", "field": "category", "value": "home", "shop_value": "a\nb", "category": "Home"}
CONTENT = contents(TITLE, PICTURES, CATEGORY)


@pytest.mark.parametrize(
    ("limit", "chosen", "rest"),
    [
        (None, ["p:title", "q:images", "q:category"], []),
        (0, [], ["p:title", "q:images", "q:category"]),
        (1, ["p:title"], ["q:images", "q:category"]),
        (2, ["p:title", "q:images", "q:category"], []),
    ],
)
def test_a_limit_of_content_counts_products(limit: int | None, chosen: list[str], rest: list[str]) -> None:
    going, staying = field_plans.split_content(CONTENT, limit)
    assert going["key"].to_list() == chosen
    assert going.columns == CONTENT.columns
    assert [(one.operation.key, one.reason) for one in staying] == [
        (key, f"beyond the limit of {limit}") for key in rest
    ]


def test_content_is_one_bundle_per_field() -> None:
    sent, staying = parts(field_plans.content_plan(CONTENT, {"Home": ("home-1", "cat_1")}))
    assert staying == []
    assert [(one.target_id, one.before, one.after) for bundle in sent for one in bundle.operations] == [
        ("p", {"title": "Old"}, {"title": "Lamp"}),
        ("q", {"images": []}, {"images": ["1", "1", "2"]}),
        ("q", {"category": ["a", "b"]}, {"category": ["home-1"]}),
    ]
    assert sent[2].body == {"id": "q", "categories": [{"id": "cat_1"}]}


def test_a_category_that_could_not_be_made_is_told_when_it_would_be_sent() -> None:
    _, (refused,) = parts(field_plans.content_plan(contents(CATEGORY), {}))
    assert refused.reason == "Medusa refused the category 'Home'; make it by hand, its handle home"
    sent, staying = parts(field_plans.content_plan(contents(CATEGORY), None))
    assert (keys(sent), staying) == ([["q:category"]], [])


def test_uploaded_images_are_asked_for_without_the_thumbnail_and_remember_the_feeds() -> None:
    asked: list[list[str]] = []

    def rehost(urls: Any) -> list[str]:
        asked.append(list(urls))
        return ["s1", "s2"]

    sent, _ = parts(field_plans.content_plan(contents(TITLE, PICTURES), {}, rehost))
    assert asked == [["1", "2"]]
    assert sent[0].operations[0].after == {"title": "Lamp"}
    assert sent[1].operations[0].after == {"images": ["s1", "s1", "s2"], "feed": {"images": "1\n1\n2"}}


def test_images_that_could_not_be_fetched_are_told() -> None:
    sent, (refused,) = parts(field_plans.content_plan(contents(PICTURES), {}, lambda urls: []))
    assert (sent, refused.reason) == ([], field_plans.NO_IMAGE)


def test_prices_go_back() -> None:
    done = [Operation("v1", {"price": "2"}, {"price": "1"}, "v1"), Operation("v2", {"price": "2"}, None, "v2")]
    (first, second), _ = parts(field_plans.reverse_prices(done))
    assert first.operations == (Operation("v1", {"price": "1"}, {"price": "2"}, "v1"),)
    assert second.operations[0].after == {}


def test_content_goes_back_and_a_category_that_has_gone_is_told() -> None:
    done = [
        Operation("p:title", {"title": "New", "feed": {}}, {"title": "Old"}, "p"),
        Operation("p:category", {"category": ["n"]}, {"category": ["a", "b"]}, "p"),
        Operation("q:category", {"category": ["n"]}, {"category": ["a"]}, "q"),
    ]
    sent, (gone,) = parts(field_plans.reverse_content(done, {"a": "cat_a"}))
    assert [(bundle.operations[0].after, bundle.operations[0].before) for bundle in sent] == [
        ({"title": "Old"}, {"title": "New"}),
        ({"category": ["a"]}, {"category": ["n"]}),
    ]
    assert sent[1].body == {"id": "q", "categories": [{"id": "cat_a"}]}
    assert (gone.operation.key, gone.reason) == (
        "p:category",
        "the shop has no category with the handle b any more",
    )
