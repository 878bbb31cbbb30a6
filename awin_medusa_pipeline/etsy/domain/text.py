"""Fits titles, descriptions, tags and materials to Etsy's rules for text, where that does not change their meaning.

Etsy states its rules as Unicode character classes, which Python's `re` lacks and `unicodedata` has.
"""

import html
import re
import unicodedata
from collections.abc import Iterable
from html.parser import HTMLParser
from typing import NamedTuple

from awin_medusa_pipeline.etsy.domain.money import write_out_signs

TITLE_LENGTH = 140
DESCRIPTION_LENGTH = 65_535
"""The lower of the two figures that Etsy's sources name (65,535 and 102,400)."""
MOST_WORDS = 13
TAG_LENGTH = 20
MATERIAL_LENGTH = 45
ONCE_IN_A_TITLE = "%:&+"
"""Etsy: each of these at most once."""

_MARKS = "™©®"
_AT_AN_END = " -–—,;:/|(&+"
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|<!--")
_BLOCK_TAGS = """
    address article aside blockquote br dd div dl dt figure footer h1 h2 h3 h4 h5 h6 header hr main ol p pre section
    table tr ul
"""
_BLOCKS = frozenset(_BLOCK_TAGS.split())
_HIDDEN = frozenset({"head", "iframe", "script", "style", "template", "title"})


class Cleaned(NamedTuple):
    """A text that Etsy accepts, and what was changed in it, each in a few words."""

    text: str
    changes: tuple[str, ...] = ()


class CleanedWords(NamedTuple):
    """Words that Etsy accepts, and what was changed in them, each in a few words."""

    words: tuple[str, ...]
    changes: tuple[str, ...] = ()


def title(text: str, currency: str = "") -> Cleaned:
    r"""Clean a title. Etsy: 140 characters, none of [^\p{L}\p{Nd}\p{P}\p{Sm}\p{Zs}™©®], each of % : & + once.

    `currency`: of the shop, to tell which dollar a $ means.
    """
    in_words = write_out_signs(text, currency)
    allowed = _only(in_words, ("L", "Nd", "P", "Sm", "Zs"), _MARKS)
    once = _once(allowed)
    short = cut(once, TITLE_LENGTH)
    changes = []
    if in_words != text:
        changes.append("currency signs, which Etsy refuses, were written out")
    if allowed != _spaced(unicodedata.normalize("NFC", in_words)):
        changes.append("characters that Etsy refuses were left out")
    if once != allowed:
        changes.append(f"each of {' '.join(ONCE_IN_A_TITLE)} was kept once")
    if short != once:
        changes.append(f"it was cut to {TITLE_LENGTH} characters")
    return Cleaned(short, tuple(changes))


def description(text: str) -> Cleaned:
    """Turn a description into plain text: Etsy shows HTML as it is written."""
    plain = plain_text(text)
    short = cut(plain, DESCRIPTION_LENGTH)
    changes = ("it was cut to the length that Etsy takes",) if short != plain else ()
    return Cleaned(short, changes)


def tags(values: Iterable[str]) -> CleanedWords:
    r"""Clean tags. Etsy: 13 of 20 characters, none of [^\p{L}\p{Nd}\p{Zs}\-'™©®], no duplicates."""
    return _words(values, ("L", "Nd", "Zs"), "-'" + _MARKS, TAG_LENGTH)


def materials(values: Iterable[str]) -> CleanedWords:
    r"""Clean materials. Etsy: 13 of 45 characters, none of [^\p{L}\p{Nd}\p{Zs}]."""
    return _words(values, ("L", "Nd", "Zs"), "", MATERIAL_LENGTH)


def variation(text: str) -> Cleaned:
    """Clean the name or value of a variation. Etsy: no parentheses."""
    changed = _spaced(_printable(text.replace("(", " ").replace(")", " ")))
    return Cleaned(changed, ("parentheses were left out",) if set("()") & set(text) else ())


def cut(text: str, most: int) -> str:
    """Cut a text to at most this many characters, at the end of a word where possible."""
    if len(text) <= most:
        return text
    words = re.match(r"(?s).*(?=\s)", text[: most + 1])
    return (words[0] if words else text[:most]).rstrip().rstrip(_AT_AN_END)


def plain_text(text: str) -> str:
    """Turn HTML into text: one line per block, a dash before each list item. Text without HTML keeps its lines."""
    if _TAG.search(text):
        reader = _Reader()
        reader.feed(text)
        reader.close()
        text = "".join(reader.parts)
    else:
        text = html.unescape(text)
    lines = [re.sub(r"[^\S\n]+", " ", line).strip() for line in _printable(text).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _HIDDEN:
            self._hidden += 1
        elif tag == "li":
            self.parts.append("\n- ")
        elif tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _HIDDEN:
            self._hidden = max(0, self._hidden - 1)
        elif tag in _BLOCKS and tag != "br":
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(re.sub(r"\s+", " ", data))


def _words(values: Iterable[str], classes: tuple[str, ...], signs: str, length: int) -> CleanedWords:
    kept: dict[str, str] = {}
    changes = []
    for value in values:
        word = _only(value, classes, signs)
        short = cut(word, length) if " " in word else word
        if not any(map(str.isalnum, short)) or len(short) > length:
            changes.append(f"{value!r} was left out")
            continue
        if short.casefold() in kept:
            continue
        if len(kept) == MOST_WORDS:
            changes.append(f"{value!r} and what follows was left out, since Etsy takes {MOST_WORDS}")
            break
        if short != _spaced(value):
            changes.append(f"{value!r} became {short!r}")
        kept[short.casefold()] = short
    return CleanedWords(tuple(kept.values()), tuple(changes))


def _only(text: str, classes: tuple[str, ...], signs: str) -> str:
    """Keep the characters of these classes; replace others by what they stand for (½ by 1⁄2), else by a space."""

    def allowed(sign: str) -> bool:
        return unicodedata.category(sign).startswith(classes) or sign in signs

    def replaced(sign: str) -> str:
        if allowed(sign):
            return sign
        stands_for = unicodedata.normalize("NFKC", sign)
        if all(map(allowed, stands_for)):
            return stands_for
        # Accents without a letter, and joiners inside an emoji, leave no gap.
        return "" if unicodedata.category(sign) in ("Mn", "Me", "Cf") else " "

    return _spaced("".join(map(replaced, unicodedata.normalize("NFC", text))))


def _once(text: str) -> str:
    for sign in ONCE_IN_A_TITLE:
        first, found, rest = text.partition(sign)
        text = first + found + rest.replace(sign, " ")
    return _spaced(text)


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _printable(text: str) -> str:
    """Remove control characters except line ends and tabs, and lone surrogates."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(sign for sign in text if sign in "\n\t" or unicodedata.category(sign) not in ("Cc", "Cs"))
