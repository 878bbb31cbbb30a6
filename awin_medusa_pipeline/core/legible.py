"""Makes text of others safe to show: what a reader cannot see, or a terminal would obey, becomes a visible mark.

A mark is the character's number as programmers write it, such as \\x1b or \\u202e: it can be read, searched and typed.
"""

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from awin_medusa_pipeline.core.plain import plain

LONGEST_WORD = 1_000
"""The address of a consent has 600 characters, and has to be copied whole."""
LONGEST = 4_000
MOST_MARKS = 6
"""Combining marks on one letter; Tibetan needs four. More of them are drawn over the lines above and below."""

_RANGES = (
    # C0, DEL and C1.
    *((0x00, 0x1F), (0x7F, 0x9F)),
    # Format characters: directions, spaces without a width, invisible operators, tags; two ends of a line.
    *((0xAD, 0xAD), (0x61C, 0x61C), (0x180E, 0x180E), (0x200B, 0x200B), (0x200E, 0x200F), (0x2028, 0x202E)),
    *((0x2060, 0x206F), (0xFEFF, 0xFEFF), (0xFFF0, 0xFFFB), (0x13430, 0x1345F), (0x1BCA0, 0x1BCA3)),
    *((0x1D173, 0x1D17A), (0xE0000, 0xE0FFF)),
    # Letters and marks that are drawn as nothing.
    *((0x34F, 0x34F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180D), (0x180F, 0x180F), (0x3164, 0x3164)),
    *((0xFFA0, 0xFFA0),),
    # Halves of characters, and numbers that are none.
    *((0xD800, 0xDFFF), (0xFDD0, 0xFDEF), (0xFFFE, 0xFFFF)),
)
_CLASS = "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in _RANGES)
HIDDEN = re.compile(f"[{_CLASS}]")
"""A character that is not shown as what it is."""
# Persian, Hindi and families of emoji need joiners between their letters; elsewhere they are only hidden.
_JOINERS = re.compile("[\u200c\u200d]")
_JOINED = frozenset("LMS")
_LINES = frozenset("\n\t")


def legible(text: str, *, lines: bool = False, longest_word: int = LONGEST_WORD, longest: int = LONGEST) -> str:
    """The text with a mark for each character that is hidden or that a terminal obeys; what is too long is cut.

    `lines`: ends of lines and tabs may stay. The cut says how much is missing. Text that is legible stays as it is.
    """
    if len(text) > longest_word:
        text = re.sub(rf"\S{{{longest_word + 1},}}", lambda found: _cut(found[0], longest_word), text)
        text = _cut(text, longest)
    if text.isascii() and text.isprintable():
        return text
    text = HIDDEN.sub(lambda found: found[0] if lines and found[0] in _LINES else mark(found[0]), text)
    return text if text.isascii() else _bounded_marks(_JOINERS.sub(_joiner, text))


def mark(character: str) -> str:
    """The number of a character as text: `\\x1b`, `\\u202e`, `\\U000e0041`."""
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def json_text(document: Any, *, indent: int | None = 2) -> str:
    """A document as JSON: times as ISO 8601 in UTC, decimals as text.

    Programs get every text as it is. What a terminal would obey is written with JSON's own escapes, since people look
    at such a document too.
    """
    text = json.dumps(document, indent=indent, ensure_ascii=False, default=plain)
    return HIDDEN.sub(lambda found: found[0] if found[0] == "\n" else json.dumps(found[0])[1:-1], text)


def marks() -> Mapping[str, str]:
    """Each hidden character with its mark, but the end of a line and the tab: for tables."""
    numbers = (number for first, last in _RANGES for number in range(first, last + 1))
    return {chr(number): mark(chr(number)) for number in numbers if not 0xD800 <= number <= 0xDFFF} | {
        character: character for character in _LINES
    }


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}… ({len(text) - most:,} more characters)"


def _joiner(found: re.Match[str]) -> str:
    around = found.string[max(0, found.start() - 1) : found.start()], found.string[found.end() : found.end() + 1]
    joins = all(side and not side.isascii() and unicodedata.category(side)[0] in _JOINED for side in around)
    return found[0] if joins else mark(found[0])


def _bounded_marks(text: str) -> str:
    if not any(map(unicodedata.combining, text)):
        return text
    shown, run = [], 0
    for one in text:
        run = run + 1 if unicodedata.combining(one) else 0
        shown.append(one if run <= MOST_MARKS else mark(one))
    return "".join(shown)
