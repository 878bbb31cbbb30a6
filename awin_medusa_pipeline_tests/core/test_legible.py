"""Text of others as it is shown: nothing hidden, nothing that a terminal obeys, and every language still readable."""

import json
import logging
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awin_medusa_pipeline.core.hidden import Secrets
from awin_medusa_pipeline.core.legible import HIDDEN, json_text, legible, marks
from awin_medusa_pipeline.core.logs import SafeRecord

ANY = st.text(st.characters(codec=None), max_size=40)
SHOWN_FORMATS = {
    # Signs that Arabic, Syriac and Kaithi write around numbers: of the same category, but drawn.
    *(0x600, 0x601, 0x602, 0x603, 0x604, 0x605, 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD),
    # Joiners are judged by what they join.
    *(0x200C, 0x200D),
}


def test_every_character_that_unicode_calls_control_or_format_is_known() -> None:
    hidden = {n for n in range(sys.maxunicode + 1) if unicodedata.category(chr(n)) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    assert {n for n in hidden if not HIDDEN.match(chr(n))} == SHOWN_FORMATS


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("\x1b]8;;http://evil.example\x07click\x1b]8;;\x07", r"\x1b]8;;http://evil.example\x07click\x1b]8;;\x07"),
        ("\x9b2J", r"\x9b2J"),
        ("a\rb\x08\x7f", r"a\x0db\x08\x7f"),
        ("line\nnext\ttab", r"line\x0anext\x09tab"),
        ("\u202eevil\u202c \u2066x\u2069 \u200f\u061c", r"\u202eevil\u202c \u2066x\u2069 \u200f\u061c"),
        ("ze\u200bro\ufeff\u2060\u00ad", r"ze\u200bro\ufeff\u2060\xad"),
        ("\ud800", r"\ud800"),
        ("\U000e0041tag", r"\U000e0041tag"),
        ("a\u200db", r"a\u200db"),
        ("\u200c\u200cx", r"\u200c\u200cx"),
        ("plain 'text' [bold]", "plain 'text' [bold]"),
    ],
)
def test_what_cannot_be_seen_becomes_a_mark(text: str, shown: str) -> None:
    assert legible(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "می‌خواهم",  # Persian, with a joiner that keeps letters apart
        "क्‍ष नमस्ते",  # Hindi
        "שָׁלוֹם עולם",
        "السَّلَامُ عَلَيْكُمْ",
        "👨‍👩‍👧 👩🏽‍🚒 ❤️",
        "Ünïcödé – “quoted” 10 €",
        "ขอบคุณ ありがとう 谢谢",
    ],
)
def test_languages_and_emoji_stay_readable(text: str) -> None:
    assert legible(text) == text


def test_a_pile_of_marks_on_one_letter_is_no_letter() -> None:
    shown = legible("a" + "\u0301" * 500)
    assert shown.count("\u0301") < 10
    assert r"\u0301" in shown


def test_a_long_word_is_cut_and_says_how_much() -> None:
    shown = legible(f"key {'x' * 10_240} end")
    assert shown.startswith("key xxx")
    assert shown.endswith("… (9,240 more characters) end")
    assert len(legible("word " * 10_000)) < 5_000


@given(ANY)
def test_no_hidden_character_is_left(text: str) -> None:
    assert HIDDEN.search(legible(text)) is None
    assert HIDDEN.search(legible(text, lines=True).replace("\n", "").replace("\t", "")) is None
    assert legible(legible(text)) == legible(text)


@given(ANY)
def test_json_keeps_the_text_and_shows_nothing_hidden(text: str) -> None:
    document = json_text({"text": text, text: 1})
    assert HIDDEN.search(document.replace("\n", "")) is None
    assert json.loads(document)["text"] == text
    assert len(json_text([text], indent=None).splitlines()) == 1


def test_marks_of_tables_are_those_of_texts() -> None:
    assert all(legible(hidden, lines=True) == shown for hidden, shown in marks().items())


def test_a_log_line_is_legible_and_without_secrets(caplog: pytest.LogCaptureFixture) -> None:
    secrets = Secrets(["hunter2"])
    try:
        raise ValueError("\x1b[2J with hunter2")
    except ValueError:
        trace = sys.exc_info()
    record = SafeRecord("name", logging.INFO, "file.py", 1, "of %s: %s", ("\x1b]0;title\x07", "hunter2"), trace)
    text = logging.Formatter().format(record)
    assert r"of \x1b]0;title\x07: ***" in text
    assert secrets.taken_out_of("hunter2") == "***"
    assert "\x1b" not in text
    assert "hunter2" not in text
