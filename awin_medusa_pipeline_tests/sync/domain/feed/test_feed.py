"""Feed files to offers and rejected rows."""

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from awin_medusa_pipeline.sync.domain.contracts import Offer, RejectedRow
from awin_medusa_pipeline.sync.domain.feed import rows as feed_rows
from awin_medusa_pipeline.sync.domain.feed import unpack
from awin_medusa_pipeline.sync.domain.feed.errors import ROW_REASONS, FeedError
from awin_medusa_pipeline.sync.domain.feed.feed import (
    CHUNKS_AHEAD,
    FeedBatch,
    FeedRules,
    check_feed,
    open_feed,
)
from awin_medusa_pipeline.sync.domain.feed.offers import DETAILS, Unread, more_unread

LEGACY = {
    "merchant_id": "7",
    "merchant_product_id": "SKU1",
    "product_name": "Lamp",
    "search_price": "12.50",
    "currency": "GBP",
}
GOOGLE = {"advertiser_id": "7", "id": "SKU1", "title": "Lamp", "price": "12.50 GBP"}
RULES = FeedRules(now=datetime(2026, 11, 15, 12, tzinfo=UTC))


def _csv(*rows: Mapping[str, str]) -> bytes:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    table = pl.DataFrame([[row.get(name, "") for name in columns] for row in rows], schema=columns, orient="row")
    return table.write_csv().encode()


def _read(path: Path, data: bytes, rules: FeedRules = RULES) -> FeedBatch:
    path.mkdir(exist_ok=True)
    file = path / "feed"
    file.write_bytes(data)
    batches = list(open_feed(file, label="made", rules=rules).batches())
    offers = Offer.validate(pl.concat(batch.offers for batch in batches))
    rejects = RejectedRow.validate(pl.concat(batch.rejects for batch in batches))
    assert sum(batch.rows for batch in batches) == offers.height + rejects.height
    unread: Unread = {}
    for batch in batches:
        unread = more_unread(unread, batch.unread, 100)
    rows, damaged = sum(batch.rows for batch in batches), sum(batch.damaged for batch in batches)
    return FeedBatch(offers, rejects, rows, pl.concat(batch.out_of_date for batch in batches), damaged, unread)


def _offer(path: Path, row: Mapping[str, str], rules: FeedRules = RULES) -> dict[str, Any]:
    batch = _read(path, _csv(row), rules)
    assert batch.rejects.is_empty(), batch.rejects.rows()
    return batch.offers.row(0, named=True)


def test_a_full_legacy_row(tmp_path: Path) -> None:
    offer = _offer(
        tmp_path,
        LEGACY
        | {
            "aw_deep_link": "https://www.awin1.com/pclick.php?p=99&a=1&m=7",
            "aw_product_id": "99",
            "merchant_name": "Pell &amp; Quay",
            "parent_product_id": "P1",
            "description": "One.  Two.",
            "brand_name": "N/A",
            "merchant_category": "Home|Lamps",
            "colour": "Navy",
            "Fashion:size": "M",
            "ean": "",
            "product_GTIN": "4006381333931",
            "mpn": "10|11|12",
            "in_stock": "1",
            "stock_quantity": "4",
            "merchant_image_url": "https://i.example/a b.png",
            "large_image": "https://i.example/a b.png",
            "alternate_image": "https://i.example/2.png",
            "alternate_image_two": "https://i.example/2.png",
            "merchant_deep_link": "https://shop.example/p",
        },
    )
    assert offer == {
        "offer_key": "awin:7:SKU1",
        "product_key": "awin:7:P1",
        "feed": "made",
        "line": 2,
        "merchant_id": "7",
        "merchant_name": "Pell & Quay",
        "merchant_product_id": "SKU1",
        "parent_product_id": "P1",
        "aw_product_id": "99",
        "sku": "SKU1",
        "gtin": "4006381333931",
        "mpn": None,
        "name": "Lamp",
        "description": "One.\nTwo.",
        "brand": None,
        "category": "Home > Lamps",
        "colour": "Navy",
        "size": "M",
        "price": Decimal("12.5000"),
        "currency": "gbp",
        "in_stock": True,
        "quantity": 4,
        "unread_stock": None,
        "image_url": "https://i.example/a%20b.png",
        "more_image_urls": ["https://i.example/2.png"],
        "deep_link": "https://www.awin1.com/pclick.php?p=99&a=1&m=7",
        "merchant_link": "https://shop.example/p",
    }


GOOGLE_ROW = {
    "advertiser_name": "Pell and Quay",
    "link": "https://shop.example/p",
    "image_link": "https://i.example/1.png",
    "additional_image_link": "https://i.example/w_1,h_2/2.png,https://i.example/3.png , https://i.example/1.png",
    "availability": "in_stock",
    "item_group_id": "G1",
    "color": "Navy",
    "size": "M",
    "gtin": "4006381333931",
    "brand": "Varnholt",
    "product_type": "Home > Lamps",
}


@pytest.mark.parametrize("shape", ["csv", "flat json", "nested json"])
def test_a_google_row_in_every_shape(tmp_path: Path, shape: str) -> None:
    row = GOOGLE | GOOGLE_ROW
    nested = {
        "meta": {"advertiser_id": 7, "advertiser_name": "Pell and Quay", "id": "of the feed"},
        "product_basic": {name: row[name] for name in ("id", "title", "link", "image_link")}
        | {"additional_image_link": [text.strip() for text in row["additional_image_link"].split(",https")[0:1]]
           + ["https://i.example/3.png", "https://i.example/1.png"]},
        "price_info": {"price": {"value": 12.5, "currency": "GBP"}, "availability": "in_stock"},
        "product_identifiers": {"gtin": "4006381333931", "brand": "Varnholt"},
        "product_category": {"product_type": "Home > Lamps"},
        "variants": {"item_group_id": "G1", "color": "Navy", "size": "M"},
    }  # fmt: skip
    data = {
        "csv": b"\xef\xbb\xbf" + _csv(row),
        "flat json": json.dumps(row).encode(),
        "nested json": json.dumps(nested).encode() + b"\n",
    }[shape]
    batch = _read(tmp_path, data)
    assert batch.rejects.is_empty(), batch.rejects.rows()
    offer = batch.offers.row(0, named=True)
    assert offer["line"] == (2 if shape == "csv" else 1)
    assert {
        name: offer[name] for name in ("offer_key", "product_key", "merchant_name", "name", "price", "currency")
    } == {
        "offer_key": "awin:7:SKU1",
        "product_key": "awin:7:G1",
        "merchant_name": "Pell and Quay",
        "name": "Lamp",
        "price": Decimal("12.5"),
        "currency": "gbp",
    }
    assert (offer["in_stock"], offer["colour"], offer["size"], offer["gtin"]) == (True, "Navy", "M", "4006381333931")
    assert (offer["brand"], offer["category"]) == ("Varnholt", "Home > Lamps")
    assert (offer["image_url"], offer["merchant_link"]) == ("https://i.example/1.png", "https://shop.example/p")
    assert offer["more_image_urls"] == ["https://i.example/w_1,h_2/2.png", "https://i.example/3.png"]


@pytest.mark.parametrize(
    ("cells", "price"),
    [
        ({"sale_price": "9.99 GBP"}, "9.99"),
        ({"sale_price": "19.99 GBP"}, "12.50"),
        ({"sale_price": "0 GBP"}, "12.50"),
        ({"sale_price": "9.99 EUR"}, "12.50"),
        ({"sale_price": ""}, "12.50"),
        ({"sale_price": "9 GBP", "sale_price_effective_date": "2026-11-01T00:00+0000/2026-11-30T23:59+0000"}, "9"),
        ({"sale_price": "9 GBP", "sale_price_effective_date": "2026-11-01T00:00Z/2026-11-30T23:59Z"}, "9"),
        (
            {"sale_price": "9 GBP", "sale_price_effective_date": "2026-11-01T00:00:00-08:00/2026-11-30T23:59:00-08:00"},
            "9",
        ),
        ({"sale_price": "9 GBP", "sale_price_effective_date": "2026-10-01T00:00/2026-10-30T23:59"}, "12.50"),
        ({"sale_price": "9 GBP", "sale_price_effective_date": "2026-12-01T00:00+0000/2026-12-30T23:59+0000"}, "12.50"),
        ({"sale_price": "9 GBP", "sale_price_effective_date": "soon"}, "12.50"),
        ({"sale_price": "9 GBP", "sale_price_effective_date": "2026-11-01/"}, "9"),
        ({"sale_price": "9 GBP", "sale_price_effective_date": "/2026-11-30"}, "9"),
        ({"sale_price": "9 GBP", "sale_price_effective_date": "2026-12-01/"}, "12.50"),
        ({"sale_price": "9 GBP", "sale_price_effective_date": "/2026-10-30"}, "12.50"),
        ({"sale_price": "9 GBP", "sale_price_effective_date": "soon/2026-11-30"}, "12.50"),
        ({"sale_price": "9 GBP", "sale_price_effective_date": "2026-11-01/soon"}, "12.50"),
        ({"sale_price": "9 GBP", "sale_price_effective_date": "2026-11-01T10:60/2026-11-30"}, "12.50"),
    ],
)
def test_a_sale_price_holds_when_it_is_lower_and_in_time(tmp_path: Path, cells: dict[str, str], price: str) -> None:
    assert _offer(tmp_path, GOOGLE | cells)["price"] == Decimal(price)


@pytest.mark.parametrize(
    ("cells", "in_stock", "quantity"),
    [
        ({"in_stock": "1"}, True, None),
        ({"in_stock": "0"}, False, None),
        ({"in_stock": ""}, None, None),
        ({"in_stock": "", "stock_status": "out of stock"}, False, None),
        ({"in_stock": "1", "stock_status": "out of stock"}, True, None),
        ({"in_stock": "perhaps", "stock_quantity": "5"}, True, 5),
        ({"in_stock": "perhaps"}, None, None),
        ({"in_stock": "1", "stock_quantity": "-1"}, True, None),
        ({"stock_quantity": "-1"}, False, 0),
        ({"in_stock": "0", "stock_quantity": "-1"}, False, 0),
        ({"stock_quantity": "0"}, False, 0),
        ({"stock_quantity": "", "number_available": "3"}, True, 3),
        ({"availability": "backorder"}, False, None),
    ],
)
def test_stock(tmp_path: Path, cells: dict[str, str], in_stock: bool | None, quantity: int | None) -> None:
    offer = _offer(tmp_path, LEGACY | cells)
    assert (offer["in_stock"], offer["quantity"]) == (in_stock, quantity)


@pytest.mark.parametrize(
    ("cells", "price", "currency"),
    [
        ({"search_price": "", "display_price": "GBP13.5"}, "13.5", "gbp"),
        ({"currency": "", "display_price": "EUR12.5"}, "12.5", "eur"),
        ({"currency": "", "search_price": "49.0 USD"}, "49", "usd"),
        ({"search_price": "12,50 £"}, "12.5", "gbp"),
        ({"currency": "usd", "search_price": "$5"}, "5", "usd"),
    ],
)
def test_price_and_currency_of_a_legacy_row(tmp_path: Path, cells: dict[str, str], price: str, currency: str) -> None:
    offer = _offer(tmp_path, LEGACY | cells)
    assert (offer["price"], offer["currency"]) == (Decimal(price), currency)


def test_the_price_column_is_chosen_by_merchant(tmp_path: Path) -> None:
    rules = FeedRules(price_columns={"7": "base_price", "*": "store_price"})
    rows = [
        LEGACY | {"base_price": "49.0 GBP", "store_price": "98", "search_price": "1"},
        LEGACY | {"merchant_id": "8", "merchant_product_id": "X", "base_price": "49", "store_price": "98"},
        LEGACY | {"merchant_product_id": "Y", "base_price": "", "store_price": "98"},
    ]
    batch = _read(tmp_path, _csv(*rows), rules)
    assert batch.offers["price"].to_list() == [Decimal(49), Decimal(98)]
    assert batch.rejects.row(0, named=True)["detail"].startswith("The column base_price holds")


@pytest.mark.parametrize(
    ("cells", "reason", "says"),
    [
        ({"merchant_id": ""}, "no_merchant", "merchant_id"),
        ({"merchant_product_id": " "}, "no_id", "merchant_product_id"),
        ({"product_name": "&nbsp;"}, "no_name", "name"),
        ({"search_price": "0.00"}, "no_price", "“0.00”"),
        ({"search_price": "-4"}, "no_price", "“-4”"),
        ({"search_price": "0.00001"}, "no_price", "above zero"),
        ({"search_price": ""}, "no_price", "search_price"),
        ({"search_price": "POA"}, "no_price", "“POA”"),
        ({"search_price": "1.299"}, "unclear_price", "thousand"),
        ({"currency": ""}, "no_currency", "Create-a-Feed"),
        ({"currency": "XXZ"}, "no_currency", "XXZ"),
        ({"search_price": "5 SEK"}, "currency_conflict", "5 SEK"),
        ({"currency": "99.9"}, "shifted_columns", "99.9"),
        ({"search_price": "https://i.example/x.png"}, "shifted_columns", "wrong columns"),
        ({"merchant_id": "Navy Blue"}, "shifted_columns", "wrong columns"),
    ],
)
def test_what_cannot_be_sold_is_kept_with_its_reason(
    tmp_path: Path, cells: dict[str, str], reason: str, says: str
) -> None:
    good = LEGACY | {"merchant_product_id": "OK"}
    batch = _read(tmp_path, _csv(good, LEGACY | cells, good | {"merchant_product_id": "OK2"}))
    assert batch.offers["line"].to_list() == [2, 4]
    reject = batch.rejects.row(0, named=True)
    assert (reject["feed"], reject["line"], reject["reason"]) == ("made", 3, reason)
    assert says in reject["detail"]
    assert reject["raw"] == _csv(LEGACY | cells).decode().splitlines()[1]


def test_a_row_that_cannot_be_sold_does_not_make_the_next_one_a_duplicate(tmp_path: Path) -> None:
    batch = _read(tmp_path, _csv(LEGACY | {"search_price": ""}, LEGACY))
    assert (batch.offers.height, batch.rejects["reason"].to_list()) == (1, ["no_price"])


def test_the_sku_template(tmp_path: Path) -> None:
    rules = FeedRules(sku_template="{merchant_id}-{merchant_product_id}{mpn}")
    batch = _read(tmp_path, _csv(LEGACY, LEGACY | {"merchant_id": "8"}), rules)
    assert batch.offers["sku"].to_list() == ["7-SKU1", "8-SKU1"]


@pytest.mark.parametrize(
    "template", ["", "X", "{merchant_id}", "{merchant_product_id}{price}", "{merchant_product_id}{}"]
)
def test_a_sku_template_that_cannot_work(template: str) -> None:
    with pytest.raises(ValueError, match="SYNC_SKU_TEMPLATE"):
        FeedRules(sku_template=template)


def test_the_merchant_is_read_from_the_deep_link(tmp_path: Path) -> None:
    row = {name: value for name, value in LEGACY.items() if name != "merchant_id"}
    for link in ("https://www.awin1.com/pclick.php?p=1&a=2&m=77", "https://www.awin1.com/cread.php?awinmid=77&ued=x"):
        assert _offer(tmp_path, row | {"aw_deep_link": link})["merchant_id"] == "77"


def test_lines_are_those_of_the_file(tmp_path: Path) -> None:
    header, row = _csv(LEGACY).decode().splitlines()
    more = row.replace("SKU1", '"SKU\n2"').replace("Lamp", '"A\n\nB"')
    batch = _read(tmp_path, f"\n{header}\n{row}\n{more}\n\nx\n\n{row.replace('SKU1', 'Z')}".encode())
    assert batch.offers.select("line", "merchant_product_id", "name").rows() == [
        (3, "SKU1", "Lamp"),
        (4, "SKU 2", "A B"),
        (11, "Z", "Lamp"),
    ]
    assert batch.rejects.select("line", "reason").rows() == [(9, "too_few_cells")]


@pytest.mark.parametrize(
    ("data", "code", "says"),
    [
        (b"", "empty", "empty"),
        (b" \n \n", "no_table", "column names"),
        (_csv(LEGACY).split(b"\n")[0], "header_only", "no products"),
        (b"a,b,c\n1,2,3\n", "unknown_columns", "merchant_id, merchant_product_id, product_name, search"),
        (b"title,link\nx,y\n", "missing_columns", "advertiser_id, id, price"),
        (b"<html>", "web_page", "web page"),
        (b"<?xml version='1.0'?>", "xml", "format CSV"),
        (b'{"error": "x", "message": "Locale not found"}', "json_error", "Locale not found"),
        (b'[{"id": 1}]', "json_not_lines", "one object per line"),
        (b'{"id": 1', "json_not_lines", "one object per line"),
        (b'{"id": "1"}', "missing_columns", "title"),
        (json.dumps(GOOGLE).encode() + b'\n{"error":1,"message":"late"}', "incomplete", "late"),
    ],
)
def test_what_is_no_whole_feed_is_refused(tmp_path: Path, data: bytes, code: str, says: str) -> None:
    with pytest.raises(FeedError, match=says) as caught:
        _read(tmp_path, data)
    assert caught.value.code == code


def test_a_price_column_that_is_not_there_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match=r"SYNC_PRICE_COLUMN.*\[wrong_price_column\]"):
        _read(tmp_path, _csv(LEGACY), FeedRules(price_columns={"*": "base_price"}))


def test_a_json_line_that_is_none_costs_that_line(tmp_path: Path) -> None:
    batch = _read(
        tmp_path, json.dumps(GOOGLE).encode() + b'\n{"id": "x"\n[1]\n\n' + json.dumps(GOOGLE | {"id": "2"}).encode()
    )
    assert batch.offers["line"].to_list() == [1, 5]
    assert batch.rejects.select("line", "reason").rows() == [(2, "malformed_json"), (3, "malformed_json")]


def test_json_that_no_database_takes_is_made_harmless(tmp_path: Path) -> None:
    deep = b'{"a":' * 5_000 + b"1" + b"}" * 5_000
    odd = json.dumps(GOOGLE | {"title": "A\0B\ud800"}).encode()
    batch = _read(tmp_path, json.dumps(GOOGLE | {"id": "1"}).encode() + b"\n" + deep + b"\n" + odd)
    assert batch.offers["name"].to_list() == ["Lamp", "AB?"]
    assert batch.rejects["reason"].to_list() == ["malformed_json"]


def test_check_feed_reads_as_much_as_it_is_told(tmp_path: Path) -> None:
    path = tmp_path / "feed"
    path.write_bytes(_csv(LEGACY))
    check_feed(path, label="made", rules=RULES, whole=True)
    path.write_bytes(b"x,y\n1,2\n")
    with pytest.raises(FeedError, match="unknown_columns"):
        check_feed(path, label="made", rules=RULES, whole=False)


def test_a_reader_that_is_left_early_ends_its_threads(tmp_path: Path) -> None:
    path = tmp_path / "feed"
    path.write_bytes(_csv(*(LEGACY | {"merchant_product_id": str(n)} for n in range(100))))
    batches = open_feed(path, label="made", rules=RULES).batches()
    assert next(batches).rows == 100
    batches.close()  # type: ignore[attr-defined]


def test_every_reason_has_a_meaning_and_a_remedy() -> None:
    assert {*ROW_REASONS} == {*DETAILS, "malformed_quote", "malformed_json", "too_many_cells", "too_few_cells"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_behind_a_header_add_up(tmp_path: Path, garbage: bytes, between: bool) -> None:
    header, row, _ = _csv(LEGACY).split(b"\n")
    data = header + b"\n" + (row + b"\n" if between else b"") + garbage
    try:
        batch = _read(tmp_path, data)
    except FeedError as error:
        if between or error.code != "header_only":
            raise
    else:
        assert batch.offers["line"].to_list()[:1] == [2] * between or not between


@pytest.mark.parametrize("whole", [True, False])
def test_a_cut_file_is_noticed_when_the_whole_of_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    monkeypatch.setattr(feed_rows, "CHUNK", 200)
    monkeypatch.setattr(unpack, "PIECE", 100)
    path = tmp_path / "feed"
    table = _csv(*(LEGACY | {"merchant_product_id": str(n), "product_name": f"Lamp {n**9}"} for n in range(100)))
    path.write_bytes(gzip.compress(table)[:-1])
    if whole:
        with pytest.raises(FeedError, match="truncated"):
            check_feed(path, label="made", rules=RULES, whole=True)
    else:
        check_feed(path, label="made", rules=RULES, whole=False)


def test_no_more_is_read_than_a_few_chunks_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_rows, "CHUNK", 200)
    monkeypatch.setattr(unpack, "PIECE", 100)
    path = tmp_path / "feed"
    path.write_bytes(_csv(*(LEGACY | {"merchant_product_id": str(n)} for n in range(300))))
    opened = open_feed(path, label="made", rules=RULES)
    taken = 0

    def counted() -> Iterator[bytes]:
        nonlocal taken
        for chunk in opened.chunks:
            taken += 1
            yield chunk

    batches = replace(opened, chunks=counted()).batches()
    lines = next(batches).offers["line"].to_list()
    assert taken == CHUNKS_AHEAD
    lines += [line for batch in batches for line in batch.offers["line"]]
    assert lines == list(range(2, 302))
