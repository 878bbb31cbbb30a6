"""Which columns of a feed are read, and which must be there."""

import re

import polars as pl
import pytest

from awin_medusa_pipeline.sync.domain.feed.columns import (
    FeedRules,
    Table,
    check_columns,
    wanted_columns,
    wanted_keys,
)
from awin_medusa_pipeline.sync.domain.feed.errors import FeedError

LEGACY = ["merchant_id", "merchant_product_id", "product_name", "search_price"]
GOOGLE = ["advertiser_id", "id", "title", "price"]


@pytest.mark.parametrize(
    "columns",
    [
        LEGACY,
        GOOGLE,
        ["aw_deep_link", "product_id", "product_name", "display_price"],
        ["aw_deep_link", "id", "title", "search_price"],
    ],
)
def test_these_are_enough(columns: list[str]) -> None:
    check_columns(columns, FeedRules(), "made")
    for name in columns:
        with pytest.raises(FeedError):
            check_columns([other for other in columns if other != name], FeedRules(), "made")


@pytest.mark.parametrize(
    ("columns", "price", "code", "says"),
    [
        (LEGACY[1:], None, "missing_columns", "it has no column merchant_id (it has: merchant_product_id"),
        (LEGACY[:3], None, "missing_columns", "it has no column search_price ("),
        (GOOGLE[:3], None, "missing_columns", "it has no column price ("),
        (GOOGLE[1:], None, "missing_columns", "it has no column advertiser_id ("),
        (["id"], None, "missing_columns", "it has no column advertiser_id, title, price (it has: id)"),
        (["title"], None, "missing_columns", "it has no column advertiser_id, id, price (it has: title)"),
        (["a"], None, "unknown_columns", "no column merchant_id, merchant_product_id, product_name, search_price ("),
        (list("abcdefgh"), None, "unknown_columns", "(it has: a, b, c, d, e, f, g, h)"),
        (list("abcdefghi"), None, "unknown_columns", "(it has: a, b, c, d, e, f, g, h, ...)"),
        (LEGACY, "Store_Price", "wrong_price_column", "it has no column store_price ("),
        (GOOGLE, "store_price", "wrong_price_column", "it has no column store_price ("),
        (GOOGLE[1:], "store_price", "missing_columns", "it has no column advertiser_id, store_price ("),
    ],
)
def test_what_is_missing_is_named(columns: list[str], price: str | None, code: str, says: str) -> None:
    rules = FeedRules(price_columns={"*": price}) if price else FeedRules()
    with pytest.raises(FeedError, match=re.escape(says)) as caught:
        check_columns(columns, rules, "made")
    assert caught.value.code == code
    looks_for = {
        "missing_columns": "the part /columns/",
        "unknown_columns": "another kind",
        "wrong_price_column": "SYNC_",
    }
    assert looks_for[code] in str(caught.value)


def test_an_own_price_column_needs_no_other() -> None:
    check_columns([*LEGACY[:3], "store_price"], FeedRules(price_columns={"*": "Store_Price"}), "made")


def test_only_columns_that_are_read_are_wanted() -> None:
    rules = FeedRules(price_columns={"7": "Base_Price", "*": "search_price"})
    columns = ["x", "ean", "id", "base_price", "large_image", "additional_image_link", "store_price", "sale_price"]
    assert wanted_columns(columns, rules) == [name for name in columns if name not in ("x", "store_price")]


def test_a_key_that_objects_lack_is_wanted_too_but_for_the_legacy_price() -> None:
    assert "search_price" not in wanted_keys(["id"], FeedRules())
    assert "search_price" in wanted_keys(["search_price"], FeedRules())
    assert "title" in wanted_keys(["id"], FeedRules())


@pytest.mark.parametrize(
    ("columns", "merchant", "column"),
    [
        ({"7": "a", "*": "b"}, "7", "a"),
        ({"7": "a", "*": "b"}, "8", "b"),
        ({"7": "a"}, "8", "search_price"),
        ({"7": "", "*": "b"}, "7", "b"),
    ],
)
def test_the_price_column_of_a_merchant(columns: dict[str, str], merchant: str, column: str) -> None:
    assert FeedRules(price_columns=columns).price_column(merchant) == column


@pytest.mark.parametrize(
    ("template", "sku"),
    [
        ("{merchant_product_id}", "A"),
        ("x-{merchant_product_id}-y", "x-A-y"),
        ("{mpn}/{merchant_product_id}", "/A"),
        ("{merchant_id}{merchant_product_id}{parent_product_id}{gtin}", "7AP8"),
    ],
)
def test_the_sku_is_made_of_its_template(template: str, sku: str) -> None:
    row = {"merchant_id": "7", "merchant_product_id": "A", "parent_product_id": "P", "mpn": None, "gtin": "8"}
    frame = pl.DataFrame(row, schema=dict.fromkeys(row, pl.String))
    assert frame.select(sku=FeedRules(sku_template=template).sku())["sku"].to_list() == [sku]


def test_a_template_that_cannot_work_is_told_what_it_may_hold() -> None:
    with pytest.raises(ValueError, match=r"may hold \{merchant_id\}, \{parent_product_id\}, \{mpn\}, \{gtin\}\."):
        FeedRules(sku_template="{price}")


def test_the_first_sibling_that_is_not_blank_counts() -> None:
    table = Table(pl.DataFrame({"title": ["t", "t", None], "product_name": ["n", " ", ""], "brand": ["b", None, ""]}))
    assert table.first("name").to_list() == ["n", "t", None]
    assert table.first("name").name == "name"
    assert table.first("brand").to_list() == ["b", None, None]
    assert table.first("size").to_list() == [None] * 3
    assert table.column("nothing").to_list() == [None] * 3
