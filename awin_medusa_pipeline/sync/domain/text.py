"""Makes slugs and common names, for matching and product building."""

import hashlib
import os.path
import re
from collections.abc import Iterable

import polars as pl

DAMAGE = "\ufffd"
"""Stands where bytes were lost on the way."""

_ARTICLES = {"the", "der", "die", "das", "ein", "eine", "les", "une", "los", "las", "una", "het", "een", "for", "für"}
_AROUND = " -–,/|:("
# Letters that Unicode decomposition leaves whole.
_LETTERS = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "ı": "i"}
# Bytes, of PostgreSQL's 2,704; and letters, of at most four bytes.
_LONGEST_HANDLE, _CUT_AT = 1_200, 250


def slug(text: pl.Expr) -> pl.Expr:
    """Make a handle from a name: lower-case ASCII letters and digits joined by '-' (Medusa: handles are URL safe)."""
    return _short(text.map_batches(_slugs, return_dtype=pl.String, is_elementwise=True))


_LOWER = pl.first().str.to_lowercase()
_LATIN = (
    _LOWER.str.replace_many(list(_LETTERS), list(_LETTERS.values()))
    .str.normalize("NFKD")
    .str.replace_all(r"\p{M}+", "")
)
_JOIN = pl.first().str.replace_all(r"[^a-z0-9]+", "-").str.strip_chars("-")


def _slugs(names: pl.Series) -> pl.Series:
    # Nearly all names are ASCII, and need half of the time without a look at what other letters are made of.
    lower = names.to_frame().select(_LOWER).to_series()
    other = (names.str.len_bytes() != names.str.len_chars()).fill_null(False)
    if other.any():
        lower = lower.scatter(other.arg_true(), names.filter(other).to_frame().select(_LATIN).to_series())
    return lower.to_frame().select(_JOIN).to_series()


def handle(text: pl.Expr) -> pl.Expr:
    """Handle of a category or collection: the slug of a Latin name; letters of other scripts stay as they are.

    A name without any letter or digit gets its hash, so that there is a handle for every name.
    """
    plain = (
        text.str.to_lowercase()
        .str.replace_many(list(_LETTERS), list(_LETTERS.values()))
        .str.normalize("NFKD")
        .str.replace_all(r"([a-z0-9])\p{M}+", "$1")
        .str.normalize("NFC")
        .str.replace_all(r"[^\p{L}\p{M}\p{N}]+", "-")
        .str.strip_chars("-")
    )
    return pl.when(plain == "").then(_short_hash(text)).otherwise(_short(plain))


def _short(made: pl.Expr) -> pl.Expr:
    """Cut handles that PostgreSQL would not take into an index: one letter can be written out as eighteen."""

    def cut(handles: pl.Series) -> pl.Series:
        if not (handles.str.len_bytes() > _LONGEST_HANDLE).any():
            return handles
        short = pl.concat_str(pl.first().str.head(_CUT_AT), _short_hash(pl.first()), separator="-")
        long = pl.first().str.len_bytes() > _LONGEST_HANDLE
        return handles.to_frame().select(pl.when(long).then(short).otherwise(pl.first())).to_series()

    return made.map_batches(cut, return_dtype=pl.String, is_elementwise=True)


def longer_handle(text: pl.Expr) -> pl.Expr:
    """Handle of a name whose own handle belongs to another name."""
    return pl.concat_str(handle(text), _short_hash(text), separator="-")


def _short_hash(text: pl.Expr) -> pl.Expr:
    return text.map_batches(
        lambda names: pl.Series(
            [None if name is None else hashlib.sha256(name.encode()).hexdigest()[:8] for name in names], dtype=pl.String
        ),
        return_dtype=pl.String,
    )


def is_damaged(text: pl.Expr) -> pl.Expr:
    """Whether bytes of a text were lost."""
    return text.str.contains(DAMAGE, literal=True)


def without_damage(text: pl.Expr) -> pl.Expr:
    """What is left of a damaged text; empty where that is no letter and no digit."""
    rest = text.str.replace_all(DAMAGE, "", literal=True).str.replace_all(r"\s+", " ").str.strip_chars()
    return pl.when(rest.str.contains(r"[\p{L}\p{N}]")).then(rest).otherwise(pl.lit(""))


def titles(names: pl.DataFrame, key: str) -> pl.DataFrame:
    """(key, title) of products, from (key, name) of their variants: what the names have in common.

    That is their start, else the words that all of them share; where these name nothing, the first name in sort order.
    """
    # A sorted set's common start is that of its ends.
    ends = names.group_by(key).agg(first=pl.col("name").min(), last=pl.col("name").max())
    several = ends.filter(pl.col("first") != pl.col("last"))
    starts = pl.Series([common_start(a, b) for a, b in several.select("first", "last").iter_rows()], dtype=pl.String)
    several = several.select(key, start=starts)
    odd = names.join(several.filter(pl.col("start").is_null()), on=key, how="semi").group_by(key).agg("name")
    shared = pl.Series([shared_words(group) for group in odd["name"].to_list()], dtype=pl.String)
    of_several = several.join(odd.select(key, shared=shared), on=key, how="left")
    found = ends.join(of_several, on=key, how="left")
    return found.select(key, title=pl.coalesce("start", "shared", "first"))


def shared_words(names: Iterable[str]) -> str | None:
    """The longest run of words that all these names hold, the first of several; None where it names nothing."""
    first, *others = sorted(set(names))
    words, padded = first.split(), [f" {' '.join(other.split())} " for other in others]
    for length in range(len(words) - 1, 0, -1):
        for start in range(len(words) - length + 1):
            run = " ".join(words[start : start + length])
            if all(f" {run} " in other for other in padded) and _names_something(re.sub(r"[\d_]", "", run)):
                return run.strip(_AROUND)
    return None


def common_start(first: str, last: str) -> str | None:
    """The common start of two names, cut at a word; None where it names nothing."""
    start = os.path.commonprefix([first, last])  # noqa: RUF071 (letter by letter is what is meant)
    if not (len(start) == len(first) or first[len(start)].isspace()):
        start = start.rpartition(" ")[0]
    start = start.rstrip(_AROUND)
    return start if _names_something(start) else None


def _names_something(text: str) -> bool:
    return any(len(word) > 2 and word not in _ARTICLES for word in text.lower().split())
