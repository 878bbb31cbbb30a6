"""JSON objects to rows of text cells."""

import json
from typing import Any

import pytest

from awin_medusa_pipeline.sync.domain.feed import jsonl
from awin_medusa_pipeline.sync.domain.feed.errors import FeedError


@pytest.mark.parametrize(
    ("found", "cells"),
    [
        ({"a": None, "b": True, "c": 1, "d": 1.5, "e": "x"}, {"a": "", "b": "true", "c": "1", "d": "1.5", "e": "x"}),
        ({"a": ["x", None, "", 2]}, {"a": "x,2"}),
        ({"A B": "x"}, {"a_b": "x"}),
        ({"a": {"value": 0, "currency": "GBP"}}, {"a": "0 GBP"}),
        ({"a": {"amount": "5", "currency_code": "EUR"}}, {"a": "5 EUR"}),
        ({"a": {"value": 5}}, {"a": "5"}),
        ({"id": "out", "meta": {"id": "in", "advertiser_id": "x", "more": "y"}}, {"id": "out", "advertiser_id": "x"}),
        ({"meta": {"advertiser_id": "1"}, "product_basic": {"id": "p"}}, {"id": "p", "advertiser_id": "1"}),
        ({"product_basic": {"id": "p"}, "meta": {"id": "m"}}, {"id": "p"}),
        ({"product_basic": {"id": "1"}, "pricing": {"id": "2"}, "other": {"x": "3"}}, {"id": "1"}),
    ],
)
def test_objects_are_flat_cells(found: dict[str, Any], cells: dict[str, str]) -> None:
    header = json.dumps(found).encode()
    assert jsonl.json_columns(header) == tuple(jsonl.json_columns(json.dumps(cells).encode()))
    rows = jsonl.read_json_rows(header + b"\n", list(cells), "made")
    assert rows.cells.row(0, named=True) == cells


@pytest.mark.parametrize(
    ("header", "is_json"), [(b"a,b", False), (b'"{a}",b', False), (b'{"id": 1}', True), (b'{"id":1,"error":"x"}', True)]
)
def test_what_is_json(header: bytes, is_json: bool) -> None:
    assert jsonl.is_json(header, "made") is is_json


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (b'{"error": "x"}', "json_error"),
        (b'{"message": "x"}', "json_error"),
        (b'{"error": "x", "message": "y"}', "json_error"),
        (b"[1]", "json_not_lines"),
        (b"{", "json_not_lines"),
    ],
)
def test_what_json_is_no_feed(header: bytes, code: str) -> None:
    with pytest.raises(FeedError) as caught:
        jsonl.is_json(header, "made")
    assert caught.value.code == code


def test_an_error_record_is_quoted_and_cut() -> None:
    with pytest.raises(FeedError, match=f"“{'y' * 160}”"):
        jsonl.is_json(json.dumps({"error": "x", "message": "y" * 161}).encode(), "made")
    with pytest.raises(FeedError, match="“x”"):
        jsonl.is_json(b'{"error": "x"}', "made")


def test_an_error_that_names_a_product_is_a_product() -> None:
    rows = jsonl.read_json_rows(b'{"id": "1", "message": "hello"}\n{"title": "L", "error": ""}', ["id"], "made")
    assert rows.cells["id"].to_list() == ["1", None]


def test_lines_are_counted_with_blank_and_broken_ones() -> None:
    chunk = b'{"id": "1"}\n\nno json\n{"id": "\xff\xff"}\n  \n{"id": "3\xef\xbf\xbd"}\n'
    rows = jsonl.read_json_rows(chunk, ["id", "x"], "made")
    assert rows.cells.rows() == [("1", None), ("\ufffd\ufffd", None), ("3\ufffd", None)]
    assert rows.lines.to_list() == [0, 3, 5]
    assert (rows.line_count, rows.damaged) == (6, 2)
    assert [(bad.line, bad.reason, bad.raw) for bad in rows.broken] == [(2, "malformed_json", "no json")]
    assert rows.raw([2, 0]) == ['{"id": "3\ufffd"}', '{"id": "1"}']


def test_raw_text_is_cut() -> None:
    long = json.dumps({"id": "x" * 3_000})
    rows = jsonl.read_json_rows(f"{long}\n{'y' * 3_000}\n".encode(), ["id"], "made")
    assert (len(rows.raw([0])[0]), len(rows.broken[0].raw)) == (2_000, 2_000)
