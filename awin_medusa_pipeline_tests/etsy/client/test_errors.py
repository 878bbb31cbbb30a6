"""Every shape in which Etsy refuses becomes one sentence in Etsy's words."""

from typing import Any

import httpx
import pytest

from awin_medusa_pipeline.etsy.client.errors import came_back, error_code, words

BODIES: dict[str, tuple[Any, str]] = {
    "error": (
        {"error": "A shipping_profile_id is required for physical listings."},
        "A shipping_profile_id is required for physical listings",
    ),
    "OAuth": (
        {"error": "invalid_token", "error_description": "access token is expired"},
        "invalid_token: access token is expired",
    ),
    "array": (
        [{"path": "/title/1", "type": "invalid_characters", "message": "contains invalid characters"}],
        "title/1: contains invalid characters",
    ),
    "array of two": (
        [{"path": "/a", "message": "x"}, {"path": "/b", "message": "y"}, {"path": "/a", "message": "x"}],
        "a: x; b: y",
    ),
    "object with numbers": ({"0": {"path": "/tags", "message": "no duplicates"}}, "tags: no duplicates"),
    "error holding an array": ({"error": [{"path": "/sku", "message": "too long"}]}, "sku: too long"),
    "message alone": ({"message": "Forbidden"}, "Forbidden"),
    "texts": (["one", "two"], "one; two"),
    "a text": ("no", "no"),
    "a number": (7, ""),
    "nothing": ({}, ""),
    "null": (None, ""),
    "null in it": ({"error": None, "error_description": "why"}, "why"),
}


@pytest.mark.parametrize(("body", "expected"), BODIES.values(), ids=BODIES.keys())
def test_etsys_words(body: Any, expected: str) -> None:
    assert words(httpx.Response(400, json=body)) == expected


@pytest.mark.parametrize("content", [b"", b"<html><h1>Bad gateway</h1></html>", b"\xff\xfe", b"{"])
def test_a_gateways_page_says_nothing(content: bytes) -> None:
    response = httpx.Response(502, content=content)
    assert (words(response), error_code(response)) == ("", "")
    assert came_back(response, ()) == "HTTP 502"


def test_what_came_back_names_etsys_number_and_no_secret() -> None:
    response = httpx.Response(
        400, json={"error": "title: & can only be used once. shhh"}, headers={"x-etsy-request-uuid": "0f-1"}
    )
    assert came_back(response, ["shhh"]) == (
        "HTTP 400 title: & can only be used once. *** (Etsy's number of the request: 0f-1)"
    )


def test_a_long_answer_is_cut() -> None:
    assert len(words(httpx.Response(400, json={"error": "x" * 9_000}))) == 500
