"""Makes slugs and common names, for matching and product building."""

import hashlib
import os.path

import polars as pl

_ARTICLES = {"the", "der", "die", "das", "ein", "eine", "les", "une", "los", "las", "una", "het", "een", "for", "für"}
# Letters that Unicode decomposition leaves whole.
_LETTERS = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "ı": "i"}


def slug(text: pl.Expr) -> pl.Expr:
    """Make a handle from a name: lower-case ASCII letters and digits joined by '-' (Medusa: handles are URL safe)."""
    return (
        text.str.to_lowercase()
        .str.replace_many(list(_LETTERS), list(_LETTERS.values()))
        .str.normalize("NFKD")
        .str.replace_all(r"\p{M}+", "")
        .str.replace_all(r"[^a-z0-9]+", "-")
        .str.strip_chars("-")
    )


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
    return pl.when(plain == "").then(_short_hash(text)).otherwise(plain)


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


def common_name(first: str, last: str) -> str:
    """The common start of a product's variant names, given the first and last in sort order.

    A sorted set's common start is that of its ends. It is cut at a word; when it names nothing, the first name is used
    whole.
    """
    if first == last:
        return first
    start = os.path.commonprefix([first, last])  # noqa: RUF071 (letter by letter is what is meant)
    if not (len(start) == len(first) or first[len(start)].isspace()):
        start = start.rpartition(" ")[0]
    start = start.rstrip(" -–,/|:(")
    return start if any(len(word) > 2 and word not in _ARTICLES for word in start.lower().split()) else first
