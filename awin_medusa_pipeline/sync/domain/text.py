"""Makes slugs and common names, for matching and product building."""

import os.path

import polars as pl

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


def common_name(first: str, last: str) -> str:
    """The common start of a product's variant names, given the first and last in sort order.

    A sorted set's common start is that of its ends. It is cut at a word; when too short to name a product, the first
    name is used whole.
    """
    if first == last:
        return first
    start = os.path.commonprefix([first, last])  # noqa: RUF071 (letter by letter is what is meant)
    if not (len(start) == len(first) or first[len(start)].isspace()):
        start = start.rpartition(" ")[0]
    start = start.rstrip(" -–,/|:(")
    return start if len(start) >= 6 else first
