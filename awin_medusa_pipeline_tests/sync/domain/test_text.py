"""Slugs and common names."""

import re

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from awin_medusa_pipeline.sync.domain.text import slug, titles


def slugs(*texts: str) -> list[str]:
    return pl.DataFrame({"text": texts}, schema={"text": pl.String}).select(slug(pl.col("text"))).to_series().to_list()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Red Lamp", "red-lamp"),
        ("  Red -- Lamp!  ", "red-lamp"),
        ("Käse & Brötchen", "kase-brotchen"),
        ("Großer Æsop Øre Łódź Œuvre", "grosser-aesop-ore-lodz-oeuvre"),
        ("İstanbul ılık", "istanbul-ilik"),
        ("½ Liter ﬁne", "1-2-liter-fine"),
        ("Ｆｕｌｌ　Ｗｉｄｔｈ", "full-width"),
        ("50 % Off", "50-off"),
        ("Lamp™ Nº 5", "lamp-no-5"),
        ("日本の靴", ""),
        ("—", ""),
        ("", ""),
    ],
)
def test_slug(text: str, expected: str) -> None:
    assert slugs(text) == [expected]


@given(st.text())
def test_a_slug_is_url_safe_and_a_slug_of_itself(text: str) -> None:
    [once] = slugs(text)
    assert re.fullmatch(r"([a-z0-9]+(-[a-z0-9]+)*)?", once)
    assert slugs(once) == [once]


@given(st.lists(st.text(max_size=5)))
def test_a_slug_does_not_depend_on_the_other_names(texts: list[str]) -> None:
    assert slugs(*texts) == [made for text in texts for made in slugs(text)]


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("Red Lamp", "Red Lamp", "Red Lamp"),
        ("Trail Shoe - Blue, 42", "Trail Shoe - Red, 43", "Trail Shoe"),
        ("Trail Shoe 42", "Trail Shoe 43", "Trail Shoe"),
        ("Trail Shoe", "Trail Shoe Blue", "Trail Shoe"),
        ("Trail Shoelace", "Trail Shoes", "Trail"),
        ("Desk Blue", "Desk Red", "Desk"),
        ("The Blue", "The Red", "The Blue"),
        ("Alpha", "Omega", "Alpha"),
    ],
)
def test_common_name(first: str, last: str, expected: str) -> None:
    assert titles(pl.DataFrame({"key": ["k", "k"], "name": [last, first]}), "key").rows() == [("k", expected)]


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_common_name_names_something(first: str, last: str) -> None:
    [(_, name)] = titles(pl.DataFrame({"key": ["k", "k"], "name": [first, last]}), "key").rows()
    assert name
    assert any(name in " ".join(each.split()) or name in each for each in (first, last))
