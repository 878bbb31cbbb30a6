"""Reads JSON Lines of AWIN's enhanced feeds, flat or nested (meta{}, product_basic{}), into the same rows as CSV."""

import json
from collections.abc import Sequence
from typing import Any

import polars as pl

from awin_medusa_pipeline.sync.domain.feed.errors import Fault, FeedError
from awin_medusa_pipeline.sync.domain.feed.layout import RAW_LENGTH, BrokenLine, normalised
from awin_medusa_pipeline.sync.domain.feed.rows import Rows, repaired

# AWIN's groups, the first that has a name wins; of meta{} only the advertiser is meant: its id is the feed's.
GROUPS: dict[str, frozenset[str] | None] = {
    **dict.fromkeys(
        ("product_basic", "product_category", "product_identifiers", "product_price", "price_info", "pricing")
    ),
    **dict.fromkeys(("price_and_availability", "product_availability", "availability_info", "variants")),
    **dict.fromkeys(("product_variant", "product_variants", "product_details", "product_description")),
    "meta": frozenset({"advertiser_id", "advertiser_name"}),
}


def is_json(header: bytes, label: str) -> bool:
    """Whether this is the first line of JSON Lines. Raises FeedError for other JSON."""
    if not header.startswith((b"{", b"[")):
        return False
    cells = _cells(header.decode("utf-8", "replace"))
    tried = f"Reading the feed {label}"
    if cells is None:
        raise FeedError(
            Fault.JSON_NOT_LINES, tried, "it is JSON, but not one object per line", "Choose CSV or JSON Lines in AWIN."
        )
    if _is_error(cells):
        raise FeedError(
            Fault.JSON_ERROR,
            tried,
            f"AWIN answered “{_message(cells)}” instead of a feed",
            "Check the address: advertiser, language and format must exist in AWIN.",
        )
    return True


def json_columns(header: bytes) -> tuple[str, ...]:
    """Column names of the first object."""
    return tuple(_cells(header.decode("utf-8", "replace")) or ())


def read_json_rows(chunk: bytes, wanted: Sequence[str], label: str) -> Rows:
    """Read the wanted columns of a chunk's rows. Raises FeedError at AWIN's error record."""
    text, damaged = repaired(chunk)
    text = text.replace("\0", "")
    lines = text.removesuffix("\n").split("\n")
    rows: list[list[str | None]] = []
    at: list[int] = []
    broken: list[BrokenLine] = []
    for number, line in enumerate(lines):
        if not line.strip():
            continue
        cells = _cells(line)
        if cells is None:
            detail = "The line is not a JSON object, so nothing can be read from it"
            broken.append(BrokenLine(number, "malformed_json", detail, line[:RAW_LENGTH]))
            continue
        if _is_error(cells):
            raise FeedError(
                Fault.INCOMPLETE,
                f"Reading the feed {label}",
                f"it ends with an error record, so products are missing (“{_message(cells)}”)",
                "Try again later; nothing was changed in the shop.",
            )
        rows.append([cells.get(name) for name in wanted])
        at.append(number)

    def raw(positions: Sequence[int]) -> list[str]:
        return [lines[at[position]][:RAW_LENGTH] for position in positions]

    frame = pl.DataFrame(rows, schema=dict.fromkeys(wanted, pl.String), orient="row")
    return Rows(frame, pl.Series(at, dtype=pl.Int64), len(lines), raw, broken, damaged)


def _cells(line: str) -> dict[str, str] | None:
    """Cells of one object; None for anything else."""
    try:
        found = json.loads(line)
        return _flat(found) if isinstance(found, dict) else None
    except (ValueError, RecursionError):
        return None


def _is_error(cells: dict[str, str]) -> bool:
    return not {"error", "message"}.isdisjoint(cells) and {"id", "title"}.isdisjoint(cells)


def _message(cells: dict[str, str]) -> str:
    return (cells.get("message") or cells.get("error") or "")[:160]


def _flat(found: dict[str, Any]) -> dict[str, str]:
    """Flatten an object to cells by column name: what stands outermost, then in the groups that AWIN documents.

    A key deeper down, or in another group, is something else: the price of shipping is not the product's.
    """
    cells: dict[str, str] = {}
    for name, value in found.items():
        if (text := _text(value)) is not None:
            cells[normalised(name)] = text
    groups = {normalised(name): value for name, value in found.items() if isinstance(value, dict)}
    for group, names in GROUPS.items():
        for name, value in (groups.get(group) or {}).items():
            column = normalised(name)
            if (names is None or column in names) and (text := _text(value)) is not None:
                cells.setdefault(column, text)
    return cells


def _text(value: Any) -> str | None:
    """A leaf as CSV would write it; None for a group."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, int, float)):
        # JSON may hold NUL and half of a surrogate pair; PostgreSQL takes neither.
        return str(value).replace("\0", "").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return ",".join(text for item in value if (text := _text(item)))
    if isinstance(value, dict) and (amount := value.get("value", value.get("amount"))) is not None:
        return f"{amount} {value.get('currency') or value.get('currency_code') or ''}".strip()
    return None
