"""Rules between the cells of one row, on tables of several rows: what one row says never reaches another."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from awin_medusa_pipeline.sync.domain.feed.columns import FeedRules, Table
from awin_medusa_pipeline.sync.domain.feed.offers import detail_of, offers_of

RULES = FeedRules(now=datetime(2026, 11, 15, 12, tzinfo=UTC))
LEGACY = {
    "merchant_id": "7",
    "merchant_product_id": "A",
    "product_name": "Lamp",
    "search_price": "5",
    "currency": "GBP",
}
GOOGLE = {"advertiser_id": "7", "id": "A", "title": "Lamp", "price": "12.50 GBP"}
Cells = dict[str, str | None]


def read(*rows: Cells, base: Cells | None = None, rules: FeedRules = RULES) -> pl.DataFrame:
    filled = [(base or LEGACY) | row for row in rows]
    names = list(dict.fromkeys(name for row in filled for name in row))
    table = [[row.get(name) for name in names] for row in filled]
    frame, _ = offers_of(Table(pl.DataFrame(table, schema=dict.fromkeys(names, pl.String), orient="row")), rules)
    return frame


def column(name: str, *rows: Cells, **options: Any) -> list[Any]:
    return read(*rows, **options)[name].to_list()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({}, None),
        ({"merchant_id": None, "merchant_product_id": None}, "no_merchant"),
        ({"merchant_product_id": None, "product_name": None}, "no_id"),
        ({"product_name": None, "search_price": "x"}, "no_name"),
        ({"search_price": "1.299", "currency": None}, "unclear_price"),
        ({"search_price": "x", "currency": None}, "no_price"),
        ({"search_price": "0.01"}, None),
        ({"search_price": "1 EUR", "currency": None}, None),
        ({"search_price": "1", "currency": "x"}, "no_currency"),
        ({"search_price": "1 EUR"}, "currency_conflict"),
        ({"currency": "1"}, "shifted_columns"),
        ({"currency": "a/b"}, "shifted_columns"),
        ({"search_price": "http://x"}, "shifted_columns"),
        ({"in_stock": "http://x"}, "shifted_columns"),
        ({"merchant_id": "a b"}, "shifted_columns"),
        ({"merchant_id": "a-b_c.1"}, None),
        ({"search_price": "0.0001"}, "no_price"),
        ({"search_price": "0.4", "currency": "JPY"}, "no_price"),
        ({"search_price": "99,999,999,999,999.00"}, "high_price"),
        ({"search_price": "10000000000000000000"}, "no_price"),
        ({"merchant_product_id": "x" * 500}, None),
        ({"merchant_product_id": "x" * 501}, "too_long"),
        ({"merchant_product_id": "ä" * 251}, "too_long"),
        ({"merchant_id": "7" * 501}, "too_long"),
        ({"product_name": "x" * 1_001}, "too_long"),
        ({"aw_deep_link": "https://www.awin1.com/pclick.php?p=1&a=2&m=7"}, None),
        ({"aw_deep_link": "https://www.awin1.com/pclick.php?p=1&a=2&m=8"}, "merchant_conflict"),
        ({"aw_deep_link": "https://www.awin1.com/cread.php?awinmid=8&ued=https%3A%2F%2Fx"}, "merchant_conflict"),
        ({"aw_deep_link": "https://shop.example/?m=8"}, None),
        ({"aw_deep_link": "https://www.awin1.com/pclick.php?p=1&a=2"}, None),
    ],
)
def test_the_first_reason_that_explains_the_rest(row: Cells, reason: str | None) -> None:
    assert column("reason", {}, row, {}) == [None, reason, None]


@pytest.mark.parametrize(
    "name",
    [
        *("merchant_id", "merchant_product_id", "parent_product_id", "aw_product_id", "mpn", "merchant_name"),
        *("product_name", "brand_name", "merchant_category", "colour", "fashion:size"),
    ],
)
def test_a_cell_that_no_shop_takes_costs_its_row_alone(name: str) -> None:
    """From a tenth of what was seen: an id of 17 kB failed every import, a brand above 2.7 kB too."""
    frame = read({}, {name: "x" * 17_000}, {name: "7"})
    assert frame["reason"].to_list() == [None, "too_long", None]
    assert detail_of(frame.row(1, named=True)) == (
        f"Its {name} has 17000 bytes, more than {500 if name.endswith('id') or name == 'mpn' else 1000:,}, "
        "longer than any shop takes"
    )


def test_a_description_that_no_parser_reads_in_time_is_left_out() -> None:
    frame = read({"description": "<div>" * 20_000}, {"description": "A lamp"})
    assert frame["description"].to_list() == [None, "A lamp"]
    assert frame["reason"].to_list() == [None, None]


@pytest.mark.parametrize("meaning", ["deep_link", "merchant_link"])
@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("javascript:alert(document.cookie)", None),
        ("data:text/html,<script>alert(1)</script>", None),
        ("JAVASCRIPT://a.example/%0aalert(1)", None),
        ("https://user:hunter2@a.example/", None),
        (f"https://a.example/{'x' * 3_000}", None),
        ("https://a.example/?a=1&ued=https://b.example/", "https://a.example/?a=1&ued=https://b.example/"),
        ("https://a.example/?a=1&amp;b=2", "https://a.example/?a=1&b=2"),
    ],
)
def test_links_are_web_addresses(meaning: str, text: str, address: str | None) -> None:
    name = {"deep_link": "aw_deep_link", "merchant_link": "merchant_deep_link"}[meaning]
    assert column(meaning, {name: text}) == [address]


def test_keys_are_made_of_merchant_id_and_parent() -> None:
    found = read({"parent_product_id": "P"}, {"parent_product_id": "N/A"}, {"merchant_product_id": "B\n1"}, {})
    assert found["offer_key"].to_list() == ["awin:7:A", "awin:7:A", "awin:7:B 1", "awin:7:A"]
    assert found["product_key"].to_list() == ["awin:7:P", "awin:7:A", "awin:7:B 1", "awin:7:A"]


def test_the_merchant_is_read_from_the_link_where_its_cell_is_blank() -> None:
    link = "https://www.awin1.com/pclick.php?p=1&m=9"
    rows: Sequence[Cells] = (
        {"aw_deep_link": link},
        {"merchant_id": "", "aw_deep_link": link},
        {"merchant_id": "", "aw_deep_link": ""},
        {"merchant_id": "", "aw_deep_link": "https://x/?am=9"},
    )
    assert column("merchant_id", *rows) == ["7", "9", None, None]


@pytest.mark.parametrize(
    ("cells", "in_stock"),
    [
        ({"in_stock": "1", "stock_quantity": "0"}, True),
        ({"in_stock": "0", "stock_quantity": "3"}, False),
        ({"in_stock": "", "stock_quantity": "1"}, True),
        ({"in_stock": "", "stock_quantity": "0"}, False),
        ({"in_stock": "what", "stock_quantity": "3"}, True),
        ({"in_stock": "", "stock_quantity": ""}, None),
    ],
)
def test_a_status_wins_over_a_quantity(cells: Cells, in_stock: bool | None) -> None:
    assert column("in_stock", {"in_stock": "1"}, cells, {"in_stock": "0"}) == [True, in_stock, False]


def test_the_first_valid_code_counts() -> None:
    good, other = "4006381333931", "96385074"
    rows: Sequence[Cells] = (
        {"ean": good, "upc": other},
        {"ean": "bad", "upc": other},
        {"ean": "", "upc": ""},
        {"ean": "", "upc": "bad"},
    )
    assert column("gtin", *rows) == [good, other, None, None]
    assert column("gtin", {}, {}) == [None, None]


def test_lists_and_blanks_are_no_part_number() -> None:
    assert column("mpn", {"mpn": "A1"}, {"mpn": "a|b"}, {"mpn": "n/a"}, {}) == ["A1", None, None, None]


IMAGE = "https://i.example/{}.png".format


@pytest.mark.parametrize(
    ("cells", "main", "more"),
    [
        ({"merchant_image_url": IMAGE(1)}, IMAGE(1), []),
        ({"merchant_image_url": IMAGE(1), "large_image": IMAGE(1)}, IMAGE(1), []),
        ({"merchant_image_url": IMAGE(1), "large_image": IMAGE(2), "alternate_image": IMAGE(2)}, IMAGE(1), [IMAGE(2)]),
        ({"merchant_image_url": IMAGE(1), "large_image": "no", "alternate_image_four": IMAGE(3)}, IMAGE(1), [IMAGE(3)]),
        ({"merchant_image_url": "", "large_image": IMAGE(2)}, IMAGE(2), []),
        ({"additional_image_link": f"{IMAGE(2)},{IMAGE(3)} , {IMAGE(2)}"}, IMAGE(2), [IMAGE(3)]),
        ({"merchant_image_url": IMAGE(2), "additional_image_link": f"{IMAGE(2)},{IMAGE(3)}"}, IMAGE(2), [IMAGE(3)]),
        ({"large_image": IMAGE(1), "alternate_image": IMAGE(2), "additional_image_link": f"{IMAGE(2)},{IMAGE(4)}"},
         IMAGE(1), [IMAGE(2), IMAGE(4)]),
        ({"additional_image_link": "https://i/w_1,h_2.png"}, "https://i/w_1,h_2.png", []),
        ({"additional_image_link": "no address"}, None, []),
    ],
)  # fmt: skip
def test_images_without_repetition(cells: Cells, main: str | None, more: list[str]) -> None:
    before = {"merchant_image_url": IMAGE("x"), "large_image": IMAGE("y")}
    found = read(before, cells, {"additional_image_link": IMAGE("z")})
    assert found["image_url"].to_list() == [IMAGE("x"), main, IMAGE("z")]
    assert found["more_image_urls"].to_list() == [[IMAGE("y")], more, []]
    assert read(cells)["more_image_urls"].to_list() == [more]


def test_no_images_at_all() -> None:
    found = read({}, {})
    assert (found["image_url"].to_list(), found["more_image_urls"].to_list()) == ([None, None], [[], []])


@pytest.mark.parametrize(
    ("cells", "price", "currency", "conflict"),
    [
        ({"search_price": "5"}, "5", "gbp", False),
        ({"search_price": "", "display_price": "GBP6"}, "6", "gbp", False),
        ({"search_price": "7", "display_price": "GBP6"}, "7", "gbp", False),
        ({"search_price": "7", "currency": "", "display_price": "EUR6"}, "7", "eur", False),
        ({"search_price": "7 USD", "currency": "", "display_price": "EUR6"}, "7", "usd", False),
        ({"search_price": "7", "currency": "xx", "display_price": "EUR6"}, "7", None, False),
        ({"search_price": "7 EUR", "currency": "gbp"}, "7", "gbp", True),
        ({"search_price": "$7", "currency": "usd"}, "7", "usd", False),
    ],
)
def test_price_and_currency(cells: Cells, price: str, currency: str | None, conflict: bool) -> None:
    found = read({}, cells, {"search_price": "9", "display_price": "EUR8"})
    assert found["price"].to_list() == [Decimal(5), Decimal(price), Decimal(9)]
    assert found["currency"].to_list() == ["gbp", currency, "gbp"]
    assert found["conflict"].to_list() == [False, conflict, False]


@pytest.mark.parametrize(
    ("sale", "dates", "holds"),
    [
        ("9 GBP", None, True),
        ("0.01 GBP", None, True),
        ("0 GBP", None, False),
        ("-1 GBP", None, False),
        ("12.50 GBP", None, False),
        ("12.49 GBP", None, True),
        ("13 GBP", None, False),
        ("9", None, True),
        ("9 EUR", None, False),
        ("1.299 GBP", None, False),
        ("POA", None, False),
        ("9 GBP", "2026-11-15T12:00Z/2026-11-15T12:00Z", True),
        ("9 GBP", "2026-11-15T12:01Z/2026-11-30T00:00Z", False),
        ("9 GBP", "2026-11-01T00:00Z/2026-11-15T11:59Z", False),
        ("9 GBP", "2026-11-15T13:00+01:00/2026-11-15T13:00:00+01:00", True),
        ("9 GBP", "2026-11-15T12:00:01/2026-11-30T00:00", False),
        ("9 GBP", " 2026-11-15T12:00 / 2026-11-15T12:00 ", True),
        ("9 GBP", "2026-11-16T00:00", False),
        ("9 GBP", "2026-11-01T00:00", False),
    ],
)
def test_a_sale(sale: str, dates: str | None, holds: bool) -> None:
    rows: Sequence[Cells] = ({}, {"sale_price": sale, "sale_price_effective_date": dates}, {"sale_price": "8 GBP"})
    found = column("price", *rows, base=GOOGLE)
    assert [price == Decimal("12.5") for price in found] == [True, not holds, False]


def test_a_sale_price_is_for_googles_price_alone() -> None:
    assert column("price", {"sale_price": "1", "price": "9"}) == [Decimal(5)]
    own = FeedRules(price_columns={"8": "own"}, now=RULES.now)
    rows: Sequence[Cells] = ({"sale_price": "1"}, {"advertiser_id": "8", "own": "4", "sale_price": "1"})
    assert column("price", *rows, base=GOOGLE, rules=own) == [Decimal(1), Decimal(4)]
    every = FeedRules(price_columns={"*": "own"}, now=RULES.now)
    assert column("price", {"own": "4", "sale_price": "1"}, base=GOOGLE, rules=every) == [Decimal(4)]


def test_each_merchant_has_its_price_column() -> None:
    rules = FeedRules(price_columns={"7": "Own", "*": "search_price"}, now=RULES.now)
    rows: Sequence[Cells] = ({"own": "3"}, {"merchant_id": "8", "own": "3"}, {"merchant_id": None, "own": "3"})
    found = read(*rows, rules=rules)
    assert found["price_text"].to_list() == ["3", "5", "5"]
    assert found["price_column"].to_list() == ["Own", "search_price", "search_price"]
