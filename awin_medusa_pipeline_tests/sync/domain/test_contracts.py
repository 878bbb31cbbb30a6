"""What each table of a sync may leave blank, and what it refuses."""

from decimal import Decimal
from typing import Any

import dataframely as dy
import polars as pl
import pytest

from awin_medusa_pipeline.sync.domain import contracts
from awin_medusa_pipeline.sync.domain.discrepancies import TOLD, WRITTEN
from awin_medusa_pipeline_tests.support.factories import missing, offer, offers

TABLES: dict[str, type[dy.Schema]] = {
    name: table
    for name, table in vars(contracts).items()
    if isinstance(table, type) and issubclass(table, dy.Schema) and name != "Table"
}
MAY_BE_BLANK = {
    "Offer": "merchant_name parent_product_id aw_product_id gtin mpn description brand category colour size in_stock "
    "quantity unread_stock image_url deep_link merchant_link",
    "RejectedRow": "offer_key",
    "MatchedProduct": "hidden_by_run sku inventory_item_id level reserved wanted_level manage_inventory shop_price",
    "MissingProduct": "barcode existing_product_id half_made_product_id waits",
    "MedusaOnlyProduct": "external_id skus feeds_missed",
    "AdoptionCandidate": "variant_title shop_sku gtin barcode brand shop_brand shop_price shop_key external_id "
    "new_external_id",
    "ReturningProduct": "",
    "StockMismatch": "offer_key sku inventory_item_id level reserved elsewhere elsewhere_at",
    "PriceMismatch": "sku shop_price change_percent earlier_price earlier_on moved_percent last_price question",
    "PriceStep": "before after",
    "ContentMismatch": "shop_value category last_value",
    "WrittenValue": "source",
    "LooseMatch": "",
}
KEYS = {
    "Offer": ["offer_key"],
    "RejectedRow": [],
    "MatchedProduct": ["offer_key"],
    "MissingProduct": ["offer_key"],
    "MedusaOnlyProduct": ["product_id"],
    "AdoptionCandidate": ["variant_id"],
    "ReturningProduct": ["product_id"],
    "StockMismatch": ["variant_id"],
    "PriceMismatch": ["variant_id"],
    "PriceStep": ["id"],
    "ContentMismatch": ["key"],
    "WrittenValue": ["key", "field"],
    "LooseMatch": ["offer_key", "product_id"],
}


@pytest.mark.parametrize("name", TABLES)
def test_what_may_be_blank_and_what_tells_rows_apart(name: str) -> None:
    table = TABLES[name]
    inherited = MAY_BE_BLANK["Offer"].split() if name == "MissingProduct" else []
    blank = {column for column, kind in table.columns().items() if kind.nullable}
    assert blank == {*MAY_BE_BLANK[name].split(), *inherited}
    assert table.primary_key() == KEYS[name]


def row_of(table: type[dy.Schema], **values: Any) -> pl.DataFrame:
    """A row with `x`, 1 or True wherever a value is needed."""
    kinds = {pl.String: "x", pl.Int64: 1, pl.Boolean: True, pl.Float64: 1.0}
    row = {
        name: None if kind.nullable else next((v for t, v in kinds.items() if kind.dtype == t), Decimal(1))
        for name, kind in table.columns().items()
    }
    schema = {name: kind.dtype for name, kind in table.columns().items()}
    return pl.DataFrame([row | values], schema=schema, orient="row")


OWNED = {"owner": "feed", "decision": "update"}
VALUES: list[tuple[str, dict[str, Any], dict[str, list[Any]], dict[str, list[Any]]]] = [
    ("MatchedProduct", {"match_reason": "sku"}, {"wanted_level": [0, None]}, {"wanted_level": [-1]}),
    (
        "MatchedProduct",
        {},
        {"match_reason": ["external_id", "sku", "gtin", "handle"]},
        {"match_reason": ["name", "a sku"]},
    ),
    ("MedusaOnlyProduct", {"reason": "sold_out"}, {"feeds_missed": [0, None]}, {"feeds_missed": [-1]}),
    (
        "StockMismatch",
        {"reason": "differs"},
        {"wanted_level": [0], "reason": [*WRITTEN, *TOLD]},
        {"wanted_level": [-1], "reason": ["x", "a differs"]},
    ),
    (
        "AdoptionCandidate",
        {"match_reason": "sku", "decision": "ask"},
        {"likeness": [0.0, 100.0], "decision": ["update", "ask"], "match_reason": ["sku", "gtin", "handle"]},
        {"likeness": [-0.5, 100.5], "decision": ["keep"], "match_reason": ["external_id"]},
    ),
    ("LooseMatch", {}, {"score": [0.0, 100.0]}, {"score": [-0.5, 100.5]}),
    (
        "PriceMismatch",
        OWNED,
        {"owner": ["feed", "shop", "first-write", "ask"], "decision": ["update", "keep", "ask", "refuse"]},
        {"owner": ["both"], "decision": ["drop"]},
    ),
    (
        "ContentMismatch",
        OWNED,
        {"field": ["title", "description", "images", "category"]},
        {"field": ["price"], "owner": ["x"], "decision": ["x"]},
    ),
]


@pytest.mark.parametrize(("name", "base", "good", "bad"), VALUES)
def test_bounds(name: str, base: dict[str, Any], good: dict[str, list[Any]], bad: dict[str, list[Any]]) -> None:
    table = TABLES[name]
    base = ({"field": "title"} if name == "ContentMismatch" else {}) | base
    for column, values in good.items():
        for value in values:
            table.validate(row_of(table, **base | {column: value}))
    for column, values in bad.items():
        for value in values:
            with pytest.raises(dy.exc.ValidationError, match=column):
                table.validate(row_of(table, **base | {column: value}))


@pytest.mark.parametrize(
    ("column", "good", "bad"),
    [
        ("line", [1], [0]),
        ("price", [Decimal("0.0001")], [Decimal(0), Decimal(-1)]),
        ("quantity", [0, None], [-1]),
        ("currency", ["gbp"], ["GBP", "gb", "gbpx"]),
        ("gtin", ["12345678", "12345678901234"], ["1234567", "123456789012345", "1234567a"]),
        ("offer_key", ["awin:1:a:b"], ["awin:1", "awin::a", "own:1:a"]),
        ("merchant_id", ["1"], [""]),
        ("merchant_product_id", ["1"], [""]),
        ("sku", ["1"], [""]),
        ("name", ["1"], [""]),
    ],
)
def test_an_offer(column: str, good: list[Any], bad: list[Any]) -> None:
    table = offers(offer()).collect()
    for value, fine in [*((one, True) for one in good), *((one, False) for one in bad)]:
        row = table.with_columns(pl.lit(value, table.schema[column]).alias(column))
        assert contracts.Offer.is_valid(row) is fine, value


@pytest.mark.parametrize(
    ("column", "value", "fine"),
    [("wanted_level", 0, True), ("wanted_level", -1, False), ("title", "x", True), ("title", "", False)],
)
def test_a_missing_product(column: str, value: Any, fine: bool) -> None:
    table = missing(offer())
    row = table.with_columns(pl.lit(value, table.schema[column]).alias(column))
    assert contracts.MissingProduct.is_valid(row) is fine


def test_a_variant_is_matched_once() -> None:
    row = row_of(contracts.MatchedProduct, match_reason="sku")
    assert not contracts.MatchedProduct.is_valid(pl.concat([row, row.with_columns(offer_key=pl.lit("y"))]))
    assert contracts.MatchedProduct.is_valid(
        pl.concat([row, row.with_columns(offer_key=pl.lit("y"), variant_id=pl.lit("y"))])
    )
