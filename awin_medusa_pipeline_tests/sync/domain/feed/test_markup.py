"""HTML from advertisers becomes text that no page takes for HTML again."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from awin_medusa_pipeline.sync.domain.feed.markup import lines_of, words_of


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("One<br/>two<p>three</p><b>x</b>", "One two three x"),
        ("<<b>script>alert(1)</script>", "< script>alert(1)"),
        ("<scr<script>ipt>alert(1)</scr</script>ipt>", "ipt>alert(1)ipt>"),
        ("<img src=x onerror=alert(1)", "< img src=x onerror=alert(1)"),
        ("<svg/onload=alert(1)>a</svg>b", "b"),
        ("<textarea><script>x</script></textarea>", "< script>x< /script>"),
        ("<plaintext>a<b>c", "a< b>c"),
        ("<xmp><img src=x></xmp>", "< img src=x>"),
        ("<!--<img src=x>-->a", "a"),
        ("<![CDATA[<img src=x>]]>a", "]]>a"),
        ("&lt;script&gt;x", "< script>x"),
        ("a &lt;img src=x&gt; <b>b</b>", "a < img src=x> b"),
        ("5 < 6 and a <3", "5 < 6 and a <3"),
        ("Weight <b 5 kg, depth 3 cm", "Weight < b 5 kg, depth 3 cm"),
        ("<" * 50, "<" * 50),
    ],
)
def test_no_tag_is_left_and_no_text_is_lost(text: str, shown: str) -> None:
    assert " ".join(lines_of(text).split()) == shown
    assert " ".join(words_of(text).split()).replace(" ", "") == shown.replace(" ", "")


_PIECES = st.sampled_from([*"<>/!?-ab= \n&;'\"", "<b>", "</b>", "<script>", "</script>", "<!--", "-->", "&lt;", "<p "])


@given(st.lists(_PIECES, max_size=30).map("".join))
def test_a_page_that_shows_the_text_gets_no_element_of_it(text: str) -> None:
    for change in (lines_of, words_of):
        shown = change(text)
        assert not re.search(r"<[a-zA-Z/!?]", shown)
        page = LexborHTMLParser(f"<body>{shown}</body>")
        assert page.body
        assert [node.tag for node in page.body.iter()] == []
