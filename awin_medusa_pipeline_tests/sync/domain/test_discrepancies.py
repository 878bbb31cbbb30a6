"""What differs between feed and shop."""

import re
from decimal import Decimal
from typing import Any

import dataframely as dy
import polars as pl
import pytest
from hypothesis import given

from awin_medusa_pipeline.sync.domain import contracts, discrepancies, ownership, rules
from awin_medusa_pipeline.sync.domain.rules import StockRules
from awin_medusa_pipeline_tests.support.factories import NO_LOOSE, NOTHING_WRITTEN, Row, catalog, offer, offers, variant
from awin_medusa_pipeline_tests.support.shop_model import ShopModel
from awin_medusa_pipeline_tests.support.strategies import feeds, shops, slow_law

FEED_SAYS, FEED_IS_SILENT = offer("said", in_stock=True), offer("other", merchant="2", in_stock=True)
RULES = StockRules()


def levels(rules: StockRules, *of_feed: Row) -> list[int | None]:
    return discrepancies.wanted_level(offers(*of_feed), rules).collect()["wanted_level"].to_list()


LEVELS: dict[str, tuple[StockRules, dict[str, Any], Row, int | None]] = {
    "in stock": (RULES, {"in_stock": True}, FEED_SAYS, 10),
    "out of stock": (RULES, {"in_stock": False}, FEED_SAYS, 0),
    "in stock, another number": (StockRules(in_stock_level=3), {"in_stock": True}, FEED_SAYS, 3),
    "blank where the merchant fills it": (RULES, {}, FEED_SAYS, None),
    "blank, read as in stock": (StockRules(unknown_level=10), {}, FEED_SAYS, 10),
    "blank, read as out of stock": (StockRules(unknown_level=0), {}, FEED_SAYS, 0),
    "a merchant that never fills it": (RULES, {}, FEED_IS_SILENT, 10),
    "a quantity alone": (RULES, {"quantity": 4}, FEED_SAYS, 10),
    "a quantity of none": (RULES, {"quantity": 0}, FEED_SAYS, 0),
    "out of stock in spite of a quantity": (RULES, {"in_stock": False, "quantity": 4}, FEED_SAYS, 0),
    "the feed's quantity": (StockRules(use_feed_quantity=True), {"in_stock": True, "quantity": 4}, FEED_SAYS, 4),
    "the feed's quantity, not given": (StockRules(use_feed_quantity=True), {"in_stock": True}, FEED_SAYS, 10),
    "the feed's quantity, out of stock": (
        StockRules(use_feed_quantity=True),
        {"in_stock": False, "quantity": 4},
        FEED_SAYS,
        0,
    ),
}


def test_an_unread_stock_cell_leaves_its_own_level() -> None:
    silent = [offer(str(number), in_stock=None) for number in range(10)]
    assert levels(RULES, offer("a", in_stock=None, unread_stock="zzz"), *silent) == [None] + [10] * 10
    assert levels(RULES, *(offer(id_, in_stock=None, unread_stock="zzz") for id_ in "ab"), *silent) == [None] * 12


def test_a_new_size_under_a_new_parent_joins_its_siblings() -> None:
    shop = [variant(id_, "prod_1", offer_key=f"awin:1:{id_}", external_id="awin:1:P1") for id_ in "ab"]
    found = tables([offer(id_, parent="P2") for id_ in "abc"], shop)
    row = found["missing"].row(0, named=True)
    assert (row["offer_key"], row["existing_product_id"], row["handle"]) == ("awin:1:c", "prod_1", "handle-prod_1")


def test_a_new_size_joins_a_product_made_by_hand() -> None:
    found = tables([offer("a", parent="P", sku="S1"), offer("b", parent="P")], [variant("x", sku="S1")])
    assert found["missing"].select("existing_product_id", "waits").rows() == [("prod_x", "adoption")]


@pytest.mark.parametrize(("ignored", "waits"), [(False, None), (True, "ignored")])
def test_a_new_size_waits_only_for_a_product_that_is_kept_off(ignored: bool, waits: str | None) -> None:
    shop = [variant("x", offer_key="awin:1:a", external_id="awin:1:P", ignored=ignored)]
    found = tables([offer("a", parent="P"), offer("b", parent="P")], shop)
    assert found["missing"].select("existing_product_id", "waits").rows() == [("prod_x", waits)]


def test_short_names_have_a_title_in_common() -> None:
    feed = [offer("a", parent="P", name="Shirt Red S"), offer("b", parent="P", name="Shirt Blue M")]
    assert tables(feed, [])["missing"]["title"].to_list() == ["Shirt", "Shirt"]


@pytest.mark.parametrize(("rules", "cells", "beside", "expected"), LEVELS.values(), ids=LEVELS.keys())
def test_wanted_level(rules: StockRules, cells: dict[str, Any], beside: Row, expected: int | None) -> None:
    row = offer("a", **({"in_stock": None, "quantity": None} | cells))
    assert levels(rules, row, beside)[0] == expected
    assert levels(rules, beside, row)[1] == expected


def tables(feed: list[Row], shop: list[Row]) -> dict[str, pl.DataFrame]:
    in_shop, in_feed = catalog(*shop), offers(*feed)
    matched = discrepancies.matched_products(in_feed, in_shop, RULES).collect().lazy()
    missing = discrepancies.missing_products(in_feed, in_shop, matched, NO_LOOSE, RULES).collect().lazy()
    found = {
        "missing": missing,
        "only": discrepancies.medusa_only_products(in_shop, matched, missing, NO_LOOSE),
        "returning": discrepancies.returning_products(matched, in_shop, missing),
        "stock": discrepancies.stock_mismatches(matched, in_shop, missing),
        "price": ownership.price_mismatches(matched, NOTHING_WRITTEN, rules.DEFAULT_OWNERS),
    }
    return {name: table.collect() for name, table in found.items()}


OURS = {"offer_key": "awin:1:a", "external_id": "awin:1:a"}
LEFT = OURS | {"half_made": "no_price", "prices": [], "repair": "replace"}
ELSEWHERE = {"elsewhere": 7, "elsewhere_at": "Cellar"}
CUP = {"inventory_item_id": "item_cup"}
IN_ORDER: dict[str, list[Any]] = {"missing": [], "only": [], "returning": [], "stock": [], "price": []}
KEYS = {
    "missing": "offer_key",
    "only": "product_id",
    "returning": "product_id",
    "stock": "reason",
    "price": "shop_price",
}

SITUATIONS: dict[str, tuple[list[Row], list[Row], dict[str, list[Any]]]] = {
    "all in order": ([offer("a")], [variant("x", **OURS)], {}),
    "not in the shop": ([offer("a")], [], {"missing": ["awin:1:a"]}),
    "not in the feed": ([], [variant("x", **OURS)], {"only": ["prod_x"]}),
    "not in the feed, hidden already": ([], [variant("x", **OURS, status="draft")], {}),
    "back in the feed": (
        [offer("a")],
        [variant("x", **OURS, status="draft", hidden_by_run="run-0")],
        {"returning": ["prod_x"]},
    ),
    "hidden by hand": ([offer("a")], [variant("x", **OURS, status="draft")], {}),
    "level differs": ([offer("a")], [variant("x", **OURS, level=3)], {"stock": ["differs"]}),
    "no level": ([offer("a")], [variant("x", **OURS, level=None)], {"stock": ["no_level"]}),
    "not counted": ([offer("a")], [variant("x", **OURS, level=None, manage_inventory=False)], {}),
    "no inventory item": ([offer("a")], [variant("x", level=None, inventory_item_id=None, sku="a")], {}),
    "unknown stock keeps the level": (
        [offer("a", in_stock=None), offer("b", in_stock=False)],
        [variant("x", **OURS, level=3), variant("y", offer_key="awin:1:b", level=0)],
        {},
    ),
    "a variant left the feed": (
        [offer("a")],
        [variant("x", "p", **OURS), variant("y", "p", level=4, offer_key="awin:1:gone")],
        {"stock": ["left_feed"]},
    ),
    "a variant that no feed ever held": ([offer("a")], [variant("x", "p", **OURS), variant("y", "p", level=4)], {}),
    "agrees by SKU alone": ([offer("a", price=Decimal("12"))], [variant("x", sku="a", level=3)], {}),
    "ours, and to be ignored": (
        [offer("a", price=Decimal("12"))],
        [variant("x", **OURS, level=3, ignored=True, status="draft", hidden_by_run="r1")],
        {},
    ),
    "a variant left the feed, level 0 already": (
        [offer("a")],
        [variant("x", "p", **OURS), variant("y", "p", level=0, offer_key="awin:1:gone")],
        {},
    ),
    "another price": ([offer("a", price=Decimal("12"))], [variant("x", **OURS)], {"price": [Decimal("9.9900")]}),
    "no price in the feed's currency": ([offer("a", currency="eur")], [variant("x", **OURS)], {"price": [None]}),
    "two prices, one of them right": (
        [offer("a", currency="eur")],
        [variant("x", **OURS, prices=[{"currency": c, "amount": Decimal("9.99")} for c in ("gbp", "eur")])],
        {},
    ),
    "ours, half-made by an unfinished import": ([offer("a")], [variant("x", **LEFT)], {"missing": ["awin:1:a"]}),
    "ours, half-made, not in the feed": ([], [variant("x", **LEFT)], {}),
    "ours, its prices taken away": (
        [offer("a")],
        [variant("x", **OURS, half_made="no_price", prices=[])],
        {"price": [None]},
    ),
    "ours, its inventory item taken away": (
        [offer("a")],
        [variant("x", **OURS, half_made="no_inventory_item", inventory_item_id=None, level=None)],
        {"stock": ["no_item"]},
    ),
    "ours, its variants taken away": (
        [offer("a")],
        [variant("x", **OURS | {"offer_key": None}, variant_id=None, half_made="no_variants", prices=[])],
        {"missing": ["awin:1:a"]},
    ),
    "not counted, and sold out": (
        [offer("a", in_stock=False)],
        [variant("x", **OURS, level=None, inventory_item_id=None, manage_inventory=False)],
        {"stock": ["uncounted"]},
    ),
    "not counted, sold out and hidden": (
        [offer("a", in_stock=False)],
        [variant("x", **OURS, level=None, inventory_item_id=None, manage_inventory=False, status="draft")],
        {},
    ),
    "sold out, and can be ordered all the same": (
        [offer("a", in_stock=False)],
        [variant("x", **OURS, level=0, backorder=True)],
        {"stock": ["backorder"]},
    ),
    "sold out, and somewhere else": (
        [offer("a", in_stock=False)],
        [variant("x", **OURS, level=0, **ELSEWHERE)],
        {"stock": ["elsewhere"]},
    ),
    "sold out, and only somewhere else": (
        [offer("a", in_stock=False)],
        [variant("x", **OURS, level=None, **ELSEWHERE)],
        {"stock": ["elsewhere"]},
    ),
    "sold out, here and somewhere else": (
        [offer("a", in_stock=False)],
        [variant("x", **OURS, **ELSEWHERE)],
        {"stock": ["differs"]},
    ),
    "in stock, and somewhere else": (
        [offer("a")],
        [variant("x", **OURS, level=None, **ELSEWHERE)],
        {"stock": ["no_level"]},
    ),
    "left the feed, and somewhere else": (
        [offer("a")],
        [variant("x", "p", **OURS), variant("y", "p", offer_key="awin:1:y", level=0, **ELSEWHERE)],
        {"stock": ["elsewhere"]},
    ),
    "one item, wanted at two levels": (
        [offer("a"), offer("b", in_stock=False)],
        [variant("x", **OURS, level=5, **CUP), variant("y", offer_key="awin:1:b", level=5, **CUP)],
        {"stock": ["shared_item", "shared_item"]},
    ),
    "one item, one offer in line and another not": (
        [offer("a"), offer("b", in_stock=False)],
        [variant("x", **OURS, **CUP), variant("y", offer_key="awin:1:b", **CUP)],
        {"stock": ["shared_item"]},
    ),
    "one item, and the other offer's variant is not ours": (
        [offer("a"), offer("b", in_stock=False)],
        [variant("x", **OURS, level=5, **CUP), variant("y", sku="b", level=5, **CUP)],
        {"stock": ["shared_item"]},
    ),
    "one item, wanted at one level": (
        [offer("a"), offer("b")],
        [variant("x", **OURS, level=5, **CUP), variant("y", offer_key="awin:1:b", level=5, **CUP)],
        {"stock": ["differs"]},
    ),
    "one item, of an offer and of what left the feed": (
        [offer("a")],
        [variant("x", "p", **OURS, level=5, **CUP), variant("y", "p", offer_key="awin:1:y", level=5, **CUP)],
        {"stock": ["differs", "shared_item"]},
    ),
    "one item, and one of the offers does not say": (
        [offer("a", in_stock=None), offer("b", in_stock=False)],
        [variant("x", **OURS, level=5, **CUP), variant("y", offer_key="awin:1:b", level=5, **CUP)],
        {"stock": ["differs"]},
    ),
    "variants that no feed had": (
        [offer("a")],
        [variant("x", "p", **OURS), variant("y", "p", sku="OWN", level=4)],
        {},
    ),
    "its variants left the feed, another one joins": (
        [offer("new", parent="p")],
        [variant("x", "p", offer_key="awin:1:old", external_id="awin:1:p", level=4)],
        {"missing": ["awin:1:new"], "stock": ["left_feed"]},
    ),
    "hidden, and another variant joins": (
        [offer("new", parent="p")],
        [
            variant(
                "x", "p", offer_key="awin:1:old", external_id="awin:1:p", level=0, status="draft", hidden_by_run="run-0"
            )
        ],
        {"missing": ["awin:1:new"], "returning": ["p"]},
    ),
    "half-made variant beside a whole one": (
        [offer("a", parent="p"), offer("b", parent="p")],
        [
            variant("x", "p", offer_key="awin:1:a", external_id="awin:1:p"),
            variant(
                "y", "p", **LEFT | {"offer_key": "awin:1:b", "external_id": "awin:1:p", "repair": "complete"}, level=4
            ),
        ],
        {"missing": ["awin:1:b"]},
    ),
    "somebody else's without a price": (
        [offer("a")],
        [variant("x", sku="a", half_made="no_price", prices=[])],
        {},
    ),
}


@pytest.mark.parametrize(("feed", "shop", "expected"), SITUATIONS.values(), ids=SITUATIONS.keys())
def test_situation(feed: list[Row], shop: list[Row], expected: dict[str, list[Any]]) -> None:
    found = tables(feed, shop)
    assert {name: table[KEYS[name]].to_list() for name, table in found.items()} == IN_ORDER | expected


MISSING: dict[str, tuple[list[Row], list[Row], dict[str, Any]]] = {
    "new": ([offer("a", name="Red Lamp")], [], {"handle": "red-lamp", "title": "Red Lamp", "wanted_level": 10}),
    "name taken in the shop": (
        [offer("a", name="Red Lamp")],
        [variant("x", "p", handle="red-lamp"), variant("y", "p", handle="red-lamp")],
        {"handle": "red-lamp-a"},
    ),
    "name and SKU taken": (
        [offer("a", name="Red Lamp")],
        [
            *(variant(n, "p", handle="red-lamp") for n in "xy"),
            *(variant(n, "q", handle="red-lamp-a") for n in "zw"),
        ],
        {"handle": f"red-lamp-a-{b'awin:1:a'.hex()}"},
    ),
    "no Latin letters": ([offer("日", name="日本の靴")], [], {"handle": "awin:1:日".encode().hex()}),
    "unknown stock is imported with none": (
        [offer("a", in_stock=None), offer("b", offer_key="awin:1:b")],
        [],
        {"wanted_level": 0},
    ),
    "a variant of a product that is there": (
        [offer("b", parent="p")],
        [variant("x", "prod_1", external_id="awin:1:p", handle="group")],
        {"existing_product_id": "prod_1", "half_made_product_id": None, "handle": "group"},
    ),
    "half-made keeps its handle": (
        [offer("a", name="Red Lamp")],
        [variant("x", "prod_1", **LEFT, handle="old-name", barcode="96385074")],
        {"existing_product_id": None, "half_made_product_id": "prod_1", "handle": "old-name"},
    ),
    "of copies the whole one gets the variant": (
        [offer("b", parent="p")],
        [
            variant("x", "prod_1", **LEFT | {"external_id": "awin:1:p"}, handle="one"),
            variant("y", "prod_2", external_id="awin:1:p", offer_key="awin:1:y", handle="two"),
        ],
        {"existing_product_id": "prod_2", "half_made_product_id": None, "handle": "two"},
    ),
    "a GTIN that nobody has": ([offer("a", gtin="96385074")], [], {"barcode": "96385074"}),
    "a GTIN that is taken": (
        [offer("a", gtin="96385074", merchant="2"), offer("z", merchant="1")],
        [variant("x", barcode="96385074", offer_key="awin:1:x")],
        {"barcode": None},
    ),
    "a GTIN of its own half": (
        [offer("a", gtin="96385074")],
        [variant("x", **LEFT, barcode="96385074")],
        {"barcode": "96385074"},
    ),
}


@pytest.mark.parametrize(("feed", "shop", "expected"), MISSING.values(), ids=MISSING.keys())
def test_missing(feed: list[Row], shop: list[Row], expected: dict[str, Any]) -> None:
    row = tables(feed, shop)["missing"].row(by_predicate=pl.col("offer_key") == feed[0]["offer_key"], named=True)
    assert {name: row[name] for name in expected} == expected


def test_the_half_mades_handle_is_not_given_away() -> None:
    found = tables(
        [offer("new", name="Red Lamp"), offer("a", name="Red Lamp")],
        [variant("x", "prod_1", **LEFT, handle="red-lamp")],
    )["missing"]
    assert dict(found.select("offer_key", "handle").iter_rows()) == {
        "awin:1:new": "red-lamp-new",
        "awin:1:a": "red-lamp",
    }


CONTRACTS: dict[str, type[dy.Schema]] = {
    "matched_products": contracts.MatchedProduct,
    "missing_awin_products": contracts.MissingProduct,
    "medusa_only_products": contracts.MedusaOnlyProduct,
    "returning_products": contracts.ReturningProduct,
    "stock_mismatches": contracts.StockMismatch,
    "price_mismatches": contracts.PriceMismatch,
    "content_mismatches": contracts.ContentMismatch,
    "loose_matches": contracts.LooseMatch,
}


@slow_law(25)
@given(feed=feeds(), shop=shops())
def test_any_feed_and_shop_give_tables_under_their_contracts(feed: list[Row], shop: ShopModel) -> None:
    found = {name: table.collect() for name, table in shop.detect(offers(*feed), RULES, loose=True).items()}
    for name, contract in CONTRACTS.items():
        contract.validate(found[name])

    new = found["missing_awin_products"].filter(pl.col("existing_product_id").is_null())
    handles = new.select("product_key", "handle").unique()
    assert handles["product_key"].is_unique().all()
    assert handles["handle"].is_unique().all()
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", handle) for handle in handles["handle"])
    left = shop.products.keys() - set(new["half_made_product_id"].drop_nulls())
    assert not {shop.products[id_]["handle"] for id_ in left} & set(handles["handle"])

    silent = {row["offer_key"] for row in feed if row["in_stock"] is None and row["quantity"] is None}
    talkative = {row["merchant_id"] for row in feed if row["offer_key"] not in silent}
    unknown = {row["offer_key"] for row in feed if row["offer_key"] in silent and row["merchant_id"] in talkative}
    assert not unknown & set(found["stock_mismatches"]["offer_key"])


@pytest.mark.parametrize(("quantity", "level"), [(1, 10), (0, 0)])
def test_a_single_piece_is_in_stock(quantity: int, level: int) -> None:
    assert levels(RULES, offer("a", in_stock=None, quantity=quantity)) == [level]


def test_the_first_product_of_the_feed_keeps_the_plain_handle() -> None:
    feed = [
        offer("1", parent="p", name="Red Lamp"),
        offer("q", name="Red Lamp"),
        offer("2", parent="p", name="Red Lamp"),
    ]
    found = tables(feed, [])["missing"]
    assert dict(found.select("product_key", "handle").iter_rows()) == {"awin:1:p": "red-lamp", "awin:1:q": "red-lamp-q"}


def alike(feed: list[Row], shop: list[Row]) -> list[tuple[str, str]]:
    in_feed, in_shop = offers(*feed), catalog(*shop)
    matched = discrepancies.matched_products(in_feed, in_shop, RULES).collect().lazy()
    return discrepancies.loose_matches(in_feed, in_shop, matched).select("offer_key", "product_id").rows()


JACKET, JACKETT = {"name": "Waterproof Hiking Jacket"}, {"title": "Waterproof Hiking Jackett", "handle": "x"}
ALIKE: dict[str, tuple[list[Row], list[Row], list[tuple[str, str]]]] = {
    "alike": ([offer("a", **JACKET)], [variant("x", "p", **JACKETT)], [("awin:1:a", "p")]),
    "a draft": ([offer("a", **JACKET)], [variant("x", "p", status="draft", **JACKETT)], []),
    "the product is another offer's": (
        [offer("a", **JACKET), offer("b")],
        [variant("x", "p", sku="b", **JACKETT)],
        [],
    ),
    "the offer has its product": ([offer("a", **JACKET)], [variant("x", "p", **JACKETT), variant("y", sku="a")], []),
    "ours, to be made anew": (
        [offer("a", **JACKET)],
        [variant("x", "p", external_id="awin:1:z", half_made="no_price", repair="replace", prices=[], **JACKETT)],
        [],
    ),
    "the product waits for a variant of the feed": (
        [offer("a", **JACKET), offer("b", parent="z")],
        [variant("x", "p", external_id="awin:1:z", offer_key="awin:1:old", **JACKETT)],
        [],
    ),
    "no shop": ([offer("a", **JACKET)], [], []),
}


@pytest.mark.parametrize(("feed", "shop", "expected"), ALIKE.values(), ids=ALIKE.keys())
def test_only_what_is_left_over_looks_alike(feed: list[Row], shop: list[Row], expected: list[tuple[str, str]]) -> None:
    assert alike(feed, shop) == expected


def test_the_likest_pairs_come_first() -> None:
    feed = [
        offer("a", **JACKET),
        offer("b", name="Leather Messenger Bag Brown"),
        offer("c", name="Oak Dining Table Oval"),
    ]
    shop = [
        variant("x", "p", **JACKETT),
        variant("y", "q", title="Leather Messenger Bag Brown", handle="y"),
        variant("z", "r", title="Oak Dining Table Oval", handle="z"),
    ]
    assert alike(feed, shop) == [("awin:1:b", "q"), ("awin:1:c", "r"), ("awin:1:a", "p")]


def test_absences_are_joined_by_product() -> None:
    only = pl.LazyFrame(
        {"product_id": ["p", "q"], "feeds_missed": [None, None]},
        schema={"product_id": pl.String, "feeds_missed": pl.Int64},
    )
    found = discrepancies.with_absences(only, {"q": 3, "other": 1}).collect()
    assert found.rows() == [("p", None), ("q", 3)]


def test_every_product_of_the_shop_is_counted_once() -> None:
    in_feed = offers(offer("a"), offer("b", parent="join"), offer("gone"))
    shop = [
        variant("x", "p", **OURS),
        variant("y", "p", level=1),
        variant("j", "join", external_id="awin:1:join", offer_key="awin:1:old"),
        variant("d", "draft", status="draft"),
        variant("o", "only"),
        variant("h", "half", external_id="awin:1:h", repair="replace", prices=[], status="draft"),
        variant("i", "half2", external_id="awin:1:i", repair="complete", prices=[]),
        variant("s", "own", half_made="no_price", prices=[]),
        variant("m", "mixed", external_id="awin:1:m", repair="complete", prices=[], status="draft"),
        variant("n", "mixed", external_id="awin:1:m", status="draft"),
        {"product_id": "empty", "status": "published", "handle": "e", "title": "e", "half_made": "no_variants"},
    ]
    in_shop = catalog(*shop)
    matched = discrepancies.matched_products(in_feed, in_shop, RULES).collect().lazy()
    missing = discrepancies.missing_products(in_feed, in_shop, matched, NO_LOOSE, RULES).collect().lazy()
    assert discrepancies.catalog_counts(in_shop, matched, missing) == {
        "catalog_products": 9,
        "catalog_variants": 10,
        "catalog_matched": 2,
        "catalog_only_hidden": 2,
        "half_made": 2,
    }


def test_only_a_persons_draft_is_hidden_by_hand() -> None:
    feed = [offer(id_) for id_ in "abcde"]
    shop = [
        variant("w", "p", offer_key="awin:1:a", status="draft"),
        variant("x", "p", offer_key="awin:1:b", status="draft"),
        variant("y", "q", offer_key="awin:1:c", status="draft", hidden_by_run="run-0"),
        variant("z", "r", offer_key="awin:1:d"),
        variant("u", "s", offer_key="awin:1:e", status="draft"),
    ]
    matched = discrepancies.matched_products(offers(*feed), catalog(*shop), RULES)
    assert discrepancies.hidden_by_hand(matched) == 2


def test_what_is_only_told_is_told_in_a_sentence_for_each_reason() -> None:
    rows = pl.LazyFrame({"reason": ["uncounted", "backorder", "backorder", "differs"]})
    one, two = discrepancies.told_stock(rows)
    assert one.startswith("1 variant was left as it is: ")
    assert one.endswith("[uncounted]")
    assert two.startswith("2 variants were left as they are: ")
    assert two.endswith("[backorder]")
    assert discrepancies.told_stock(rows.filter(reason="differs")) == []


def test_a_variant_of_which_nobody_says_whether_it_is_counted_is_counted() -> None:
    found = tables([offer("a")], [variant("x", **OURS, level=3, manage_inventory=None)])
    assert found["stock"]["reason"].to_list() == ["differs"]
