"""Texts made right for Etsy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awin_medusa_pipeline.etsy.domain import text as etsy_text
from awin_medusa_pipeline.sandbox.etsy.rules import text as rules

TITLES = [
    ("Oak Lamp", "Oak Lamp"),
    ("  Oak \t Lamp\n", "Oak Lamp"),
    ("Lampe à poser, 40 cm – «Été»", "Lampe à poser, 40 cm – «Été»"),
    ("Cafe\u0301 lamp", "Café lamp"),
    ("Lamp 🪔 of brass ❤️", "Lamp of brass"),
    ("Only $5 ^ now `x`", "Only 5 USD now x"),
    ("½ m² of 20 °C ①", "1⁄2 m2 of 20 C 1"),
    ("A & B & C: 5% + 5% : more", "A & B C: 5% + 5 more"),
    ("Acme™ ©2020 ®", "Acme™ ©2020 ®"),
    ("word " * 40, ("word " * 28).strip()),
    ("x" * 200, "x" * 140),
    (f"{'x' * 138} & more", "x" * 138),
    ("🪔", ""),
    ("", ""),
]


@pytest.mark.parametrize(("text", "expected"), TITLES)
def test_title(text: str, expected: str) -> None:
    cleaned = etsy_text.title(text)
    assert cleaned.text == expected
    assert bool(cleaned.changes) == (expected not in (" ".join(text.split()), "Café lamp"))


DESCRIPTIONS = [
    ("Plain\r\n\r\n\r\n\r\ntext, 5 < 6 & so on", "Plain\n\ntext, 5 < 6 & so on"),
    ("Tom &amp; Jerry&nbsp;s", "Tom & Jerry s"),
    ("<p>One\n line</p><p>Two<br/>three</p>", "One line\n\nTwo\nthree"),
    ("Has:<ul><li>brass</li><li>oak</li></ul>end", "Has:\n\n- brass\n- oak\nend"),
    ("<style>p {color: red}</style><script>alert('<b>')</script><b>Bold</b> text", "Bold text"),
    ("<!-- hidden -->seen", "seen"),
    ("a\x00b\x07c\ud800d", "abcd"),
    ("<p></p>", ""),
    ("I <3 lamps", "I <3 lamps"),
]


@pytest.mark.parametrize(("text", "expected"), DESCRIPTIONS)
def test_description(text: str, expected: str) -> None:
    assert etsy_text.description(text) == (expected, ())


def test_a_description_that_is_too_long() -> None:
    cleaned = etsy_text.description("word " * 20_000)
    assert len(cleaned.text) <= etsy_text.DESCRIPTION_LENGTH
    assert cleaned.text.endswith("word")
    assert cleaned.changes


TAGS = [
    (["oak lamp", "Oak Lamp", "OAK LAMP"], ("oak lamp",), 0),
    (["mother's day", "t-shirt"], ("mother's day", "t-shirt"), 0),
    (["home & living"], ("home living",), 1),
    (["lamp for the bedroom table"], ("lamp for the bedroom",), 1),
    (["x" * 21, "!!", "-"], (), 3),
    ([f"tag {number}" for number in range(15)], tuple(f"tag {number}" for number in range(13)), 1),
    (["a,b"], ("a b",), 1),
]


@pytest.mark.parametrize(("values", "expected", "changes"), TAGS)
def test_tags(values: list[str], expected: tuple[str, ...], changes: int) -> None:
    cleaned = etsy_text.tags(values)
    assert cleaned.words == expected
    assert len(cleaned.changes) == changes


def test_materials() -> None:
    assert etsy_text.materials([" oak", "Oak ", "stainless-steel"]).words == ("oak", "stainless steel")


ANY = st.text(max_size=200) | st.text("a %:&+½🪔\u0301\u200d(,)-'™", max_size=200)


@given(ANY)
def test_etsy_takes_every_title_that_is_not_empty(text: str) -> None:
    cleaned = etsy_text.title(text).text
    assert cleaned == "" or rules.title(cleaned) == []
    assert etsy_text.title(cleaned) == (cleaned, ())


@given(st.lists(ANY, max_size=20))
def test_etsy_takes_all_tags_and_materials(texts: list[str]) -> None:
    assert rules.tags(etsy_text.tags(texts).words) == []
    assert rules.materials(etsy_text.materials(texts).words) == []


@given(ANY | st.text("<p>/scriptbl &;#x\n", max_size=100))
def test_a_description_stays_as_it_is_once_it_is_plain(text: str) -> None:
    plain = etsy_text.description(text).text
    assert plain == "" or rules.description(plain) == []
    plain.encode()


def test_the_usual_lengths() -> None:
    lengths = (etsy_text.TITLE_LENGTH, etsy_text.DESCRIPTION_LENGTH, etsy_text.TAG_LENGTH, etsy_text.MATERIAL_LENGTH)
    assert (*lengths, etsy_text.MOST_WORDS) == (140, 65_535, 20, 45, 13)


@pytest.mark.parametrize(
    ("text", "shown", "told"),
    [("red", "red", False), ("red (dark)", "red dark", True), ("a)", "a", True), ("(", "", True), ("", "", False)],
)
def test_a_variation_has_no_parentheses(text: str, shown: str, told: bool) -> None:
    cleaned = etsy_text.variation(text)
    assert (cleaned.text, bool(cleaned.changes)) == (shown, told)


@pytest.mark.parametrize(
    ("text", "most", "shown"),
    [
        ("one two", 7, "one two"),
        ("one two", 6, "one"),
        ("one two", 3, "one"),
        ("one two", 2, "on"),
        ("one, two", 5, "one"),
        ("one & two", 6, "one"),
    ],
)
def test_cut_at_a_word(text: str, most: int, shown: str) -> None:
    assert etsy_text.cut(text, most) == shown


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("Lamp", []),
        ("Lamp 🪔", ["characters that Etsy refuses were left out"]),
        ("Lamp, 5€ off", ["currency signs, which Etsy refuses, were written out"]),
        ("A & B & C", ["each of % : & + was kept once"]),
        ("x" * 140, []),
        ("x" * 141, ["it was cut to 140 characters"]),
    ],
)
def test_what_became_of_a_title_is_told(text: str, changes: list[str]) -> None:
    assert list(etsy_text.title(text).changes) == changes


@pytest.mark.parametrize(
    ("html", "plain"),
    [
        ("<head><title>x</title></head>y", "y"),
        ("</style>seen", "seen"),
        ("<script>a</script></script>b<style>c</style>d", "bd"),
        ("a<br>b</br>c", "a\nbc"),
        ("<div>a</div>b", "a\nb"),
        ("<b>a\n b</b>", "a b"),
        ("a \t b\n  c", "a b\nc"),
    ],
)
def test_html_as_one_reads_it(html: str, plain: str) -> None:
    assert etsy_text.plain_text(html) == plain


@pytest.mark.parametrize(
    ("values", "words", "changes"),
    [
        (["x" * 20], ("x" * 20,), 0),
        (["x" * 21], (), 1),
        ([f"t{n}" for n in range(13)], tuple(f"t{n}" for n in range(13)), 0),
        ([*(f"t{n}" for n in range(13)), "T0"], tuple(f"t{n}" for n in range(13)), 0),
        (["  oak   lamp "], ("oak lamp",), 0),
    ],
)
def test_tags_up_to_the_bound(values: list[str], words: tuple[str, ...], changes: int) -> None:
    cleaned = etsy_text.tags(values)
    assert (cleaned.words, len(cleaned.changes)) == (words, changes)
