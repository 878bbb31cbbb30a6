"""Text of others in the Dagster UI: drawn as it is written, never as a link, a picture or markup."""

import html
import re

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from awin_medusa_pipeline.defs.shown import Link, Links, markdown_table, plain, table
from awin_medusa_pipeline_tests.support.hostile import ATTACKS

# As remark-gfm finds addresses in the text of a page, after it has read the markup.
FOUND_IN_TEXT = re.compile(r"(https?://|www(?=\.))[-.\w]+|[-.\w+]+@[-\w]+(?:\.[-\w]+)+", re.IGNORECASE)
READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def drawn(source: str) -> tuple[set[str], str]:
    """What a reader of Markdown makes of a text: the kinds of its parts, and the text that is seen."""
    tokens = [one for token in READER.parse(source) for one in (token, *(token.children or ()))]
    return {token.type for token in tokens}, "".join(one.content for one in tokens if one.type.startswith("text"))


def as_seen(text: str) -> str:
    """The text as a person reads it: on one line, without what has no width."""
    line = "".join(one if one.isprintable() else " " for one in text)
    return " ".join(line.split())


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_drawn_as_it_is_written(attack: str) -> None:
    kinds, text = drawn(plain(attack))
    assert kinds <= {"paragraph_open", "paragraph_close", "inline", "text", "text_special"}
    assert text.replace("\u200b", "") == as_seen(attack)
    assert not FOUND_IN_TEXT.search(text)


@given(st.text())
def test_any_text_is_drawn_as_it_is_written(text: str) -> None:
    kinds, seen = drawn(plain(text))
    assert kinds <= {"paragraph_open", "paragraph_close", "inline", "text", "text_special"}
    assert seen.replace("\u200b", "") == as_seen(text)[:399] + (
        "…" if len(as_seen(text)) > 400 else as_seen(text)[399:]
    )
    assert not FOUND_IN_TEXT.search(seen)


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_table_keeps_its_cells_and_links_where_it_was_told(attack: str) -> None:
    shown = markdown_table(("product", "after"), [(Link(attack, "http://shop.example/app/products/prod_1"), attack)])
    tokens = [one for token in READER.parse(str(shown.value)) for one in (token, *(token.children or ()))]
    assert [one.attrs["href"] for one in tokens if one.type == "link_open"] == [
        "http://shop.example/app/products/prod_1"
    ]
    assert [one.type for one in tokens].count("td_open") == 2
    assert not {one.type for one in tokens} & {"image", "html_inline", "html_block", "code_inline", "strong_open"}


def test_a_table_is_cut_to_what_is_drawn_at_once() -> None:
    long = [(f"word {number}", "x " * 300) for number in range(6)]
    assert len(str(markdown_table(("word", "why"), long).value)) < 1000
    assert "x " * 199 in str(markdown_table(("word", "why"), long[:1]).value)


def test_a_plain_table_takes_any_value() -> None:
    shown = table([{"key": ATTACKS[0], "number": 3, "other": None, "list": ["a", "b"]}], ("key", "number", "list"))
    assert isinstance(shown, dg.TableMetadataValue)
    assert shown.records[0].data == {"key": ATTACKS[0], "number": 3, "list": "a | b"}


LINKS = Links("https://shop.example/", "http://127.0.0.1:3000", ("etsy.com", "127.0.0.1:9900"))


@pytest.mark.parametrize(
    ("address", "leads_to"),
    [
        ("https://www.etsy.com/listing/1/a-lamp", "https://www.etsy.com/listing/1/a-lamp"),
        ("https://etsy.com/listing/1", "https://etsy.com/listing/1"),
        ("http://127.0.0.1:9900/listing/1", "http://127.0.0.1:9900/listing/1"),
        ("https://www.etsy.com/x)![](/graphql>", "https://www.etsy.com/x%29%21%5B%5D%28/graphql%3E"),
        ("https://www.etsy.com@evil.example/", None),
        ("https://me@www.etsy.com/", None),
        ("https://evil.example/etsy.com", None),
        ("https://notetsy.com/", None),
        ("http://127.0.0.1:3000/graphql?query=mutation", None),
        ("javascript:alert(1)//etsy.com", None),
        ("/graphql?query=mutation", None),
        ("//www.etsy.com/", None),
        ("", None),
        (None, None),
    ],
)
def test_a_link_to_a_listing_leads_to_etsy_alone(address: str | None, leads_to: str | None) -> None:
    assert LINKS.listing(address) == leads_to


def test_other_links_lead_to_the_shop_and_the_console() -> None:
    assert LINKS.product("prod_1") == "https://shop.example/app/products/prod_1"
    assert LINKS.product("../../x?y") == "https://shop.example/app/products/..%2F..%2Fx%3Fy"
    assert LINKS.products_found_by("A 1&b") == "https://shop.example/app/products?q=A%201%26b"
    assert LINKS.run("1234").value == "http://127.0.0.1:3000/runs/1234"
    assert Links("", "http://x", ()).product("prod_1") is None


def test_escaping_is_done_once() -> None:
    assert html.unescape(plain("&lt;")) == "&lt;"
