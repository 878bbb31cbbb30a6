"""Checks titles, descriptions, tags, materials and styles.

Allowed characters are Unicode classes and a few single signs, as in Etsy's documentation.
"""

import unicodedata
from collections.abc import Sequence

from awin_medusa_pipeline.sandbox.etsy.answers import Problem

TITLE_LENGTH, DESCRIPTION_LENGTH = 140, 65_535
TAG_LENGTH, MATERIAL_LENGTH, STYLE_LENGTH = 20, 45, 45
MOST_TAGS, MOST_MATERIALS, MOST_STYLES = 13, 13, 2
_ONCE_IN_A_TITLE = "%:&+"
_MARKS = "™©®"


def _allowed(text: str, classes: Sequence[str], signs: str) -> bool:
    return all(unicodedata.category(sign).startswith(tuple(classes)) or sign in signs for sign in text)


def _too_long(path: str, text: str, most: int) -> list[Problem]:
    said = f"There was a problem with {path} : cannot be more than {most} characters."
    return [Problem(said)] if len(text) > most else []


def _invalid(path: str) -> Problem:
    return Problem("contains invalid characters", path, "invalid_characters")


def title(text: str) -> list[Problem]:
    """Check a title. Etsy: not [^\\p{L}\\p{Nd}\\p{P}\\p{Sm}\\p{Zs}™©®], each of % : & + once, up to 140 characters."""
    if not text.strip():
        return [Problem("There was a problem with /title/1 : cannot be empty")]
    problems = _too_long("/title/1", text, TITLE_LENGTH)
    problems += [Problem(f"title: {sign} can only be used once") for sign in _ONCE_IN_A_TITLE if text.count(sign) > 1]
    if not _allowed(text, ("L", "Nd", "P", "Sm", "Zs"), _MARKS):
        problems.append(_invalid("/title/1"))
    return problems


def description(text: str) -> list[Problem]:
    """Check a description. Its maximum length is uncertain, so this is the lower of the two reported."""
    if not text.strip():
        return [Problem("There was a problem with /description : cannot be empty")]
    return _too_long("/description", text, DESCRIPTION_LENGTH)


def tags(texts: Sequence[str]) -> list[Problem]:
    """Check tags. Etsy: up to 13 of 20 characters, not [^\\p{L}\\p{Nd}\\p{Zs}\\-'™©®], none twice."""
    problems = _words("/tags", texts, MOST_TAGS, TAG_LENGTH, ("L", "Nd", "Zs"), "-'" + _MARKS)
    if len({text.casefold() for text in texts}) < len(texts):
        problems.append(Problem("There was a problem with /tags : You may not have duplicate tags."))
    return problems


def materials(texts: Sequence[str]) -> list[Problem]:
    """Check materials. Etsy: up to 13 of 45 characters, not [^\\p{L}\\p{Nd}\\p{Zs}]."""
    return _words("/materials", texts, MOST_MATERIALS, MATERIAL_LENGTH, ("L", "Nd", "Zs"), "")


def styles(texts: Sequence[str]) -> list[Problem]:
    """Check styles. Etsy: up to 2 of 45 characters, with the same characters as tags."""
    return _words("/styles", texts, MOST_STYLES, STYLE_LENGTH, ("L", "Nd", "Zs"), "-'" + _MARKS)


def _words(
    path: str, texts: Sequence[str], most: int, length: int, classes: Sequence[str], signs: str
) -> list[Problem]:
    problems = [problem for number, text in enumerate(texts) for problem in _too_long(f"{path}/{number}", text, length)]
    if len(texts) > most:
        problems.append(Problem(f"cannot be more than {most} items", path, "array_too_long"))
    for number, text in enumerate(texts):
        if not text or not _allowed(text, classes, signs):
            problems.append(_invalid(f"{path}/{number}"))
    return problems
