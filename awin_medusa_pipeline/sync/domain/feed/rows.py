"""Reads the bytes of a CSV feed into rows of text cells; a broken line costs only that line.

polars reads a chunk in one go when every line of it is exactly one row. To detect that, each line gets a mark as its
last cell: a line too short, too long, or swallowed by a quote has no mark in its place. Otherwise the chunk is read
again in smaller blocks, and only the blocks that fail go line by line through Python's strict csv reader.
"""

import codecs
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate, chain

import polars as pl

from awin_medusa_pipeline.sync.domain.feed.errors import Fault, FeedError
from awin_medusa_pipeline.sync.domain.feed.layout import (
    MARK,
    MARK_COLUMN,
    RAW_LENGTH,
    BrokenLine,
    Layout,
    LineReader,
    refuse_markup,
)

# Measured: twice as large costs 3 % less time and a third more memory.
CHUNK = 8 << 20
# A chunk that cannot be read in one go is cut into PARTS, and these again, down to FEW_LINES. Measured where every
# second line is broken: down to 64 takes 6.3 s a chunk, most of it to call polars; to 1,000 takes 0.9 s.
PARTS, FEW_LINES = 8, 1_000
MANY_LINES = 500
# A line has some kilobytes; without this bound a file without line ends would fill the memory.
LONGEST_LINE = 32 << 20
_BLOCK = 64 << 10
BOM = b"\xef\xbb\xbf"
PAGE_START = 20_000


@dataclass(frozen=True)
class Rows:
    """Rows of one chunk: cells as text under normalised column names, null or blank where empty."""

    cells: pl.DataFrame
    lines: pl.Series
    """Line of each row, counted from 0 at the start of the chunk."""
    line_count: int
    raw: Callable[[Sequence[int]], list[str]]
    """Returns the text of the rows at these positions."""
    broken: list[BrokenLine] = field(default_factory=list)
    damaged: int = 0
    """Places where bytes were not UTF-8; U+FFFD stands there."""


def header_line(pieces: Iterable[bytes], label: str) -> tuple[bytes, int, Iterator[bytes]]:
    """Read the first line that is not blank, the number of the next one, and the rest. Raises FeedError."""
    pieces = iter(pieces)
    buffer = b""
    for piece in pieces:
        buffer += piece
        if b"\n" in buffer.removeprefix(BOM).lstrip():
            break
        if len(buffer) > LONGEST_LINE:
            raise _endless(label)
    buffer = buffer.removeprefix(BOM)
    text = buffer.lstrip()
    blank_lines = buffer[: len(buffer) - len(text)].count(b"\n")
    refuse_markup(text[:PAGE_START], label)
    header, _, rest = text.partition(b"\n")
    return header.rstrip(b"\r"), 2 + blank_lines, chain([rest], pieces)


def chunks(pieces: Iterable[bytes], layout: Layout | None, label: str) -> Iterator[bytes]:
    """Yield whole lines, about 8 MB at a time, cut between two records; without a layout each line is one.

    Raises FeedError.
    """
    parts: list[bytes] = []
    size, any_row = 0, False
    for piece in pieces:
        parts.append(piece)
        size += len(piece)
        if size < CHUNK:
            continue
        last = parts.pop()
        end = _record_end(last, layout)
        if not end and size > LONGEST_LINE:
            end = last.rfind(b"\n") + 1
            if not end:
                raise _endless(label)
        if end:
            any_row = True
            yield b"".join([*parts, last[:end]])
            parts, size = [], len(last) - end
        parts.append(last[end:])
    data = b"".join(parts)
    if data.strip():
        yield data.rstrip(b"\r\n") + b"\n"
    elif not any_row:
        raise FeedError(
            Fault.HEADER_ONLY,
            f"Reading the feed {label}",
            "it has column names but no products",
            "Check in AWIN that the advertiser still offers products in this feed; nothing was changed in the shop.",
        )


def _endless(label: str) -> FeedError:
    to_do = "Check that it is a CSV feed with a line for each product; a quotation mark may never be closed."
    return FeedError(Fault.ENDLESS_LINE, f"Reading the feed {label}", "a line is longer than 32 MB", to_do)


def _record_end(piece: bytes, layout: Layout | None) -> int:
    """Find the cut between the last two lines that are whole rows; 0 when there are none."""
    at = piece.rfind(b"\n") + 1
    if not layout:
        return at
    alone = False
    for _ in range(1_000):
        if not at:
            break
        start = piece.rfind(b"\n", 0, at - 1) + 1
        before, alone = alone, layout.stands_alone(piece[start : at - 1].decode("utf-8", "replace"))
        if before and alone:
            return at
        at = start
    return 0


def read_rows(chunk: bytes, layout: Layout, wanted: Sequence[str]) -> Rows:
    """Read the wanted columns of a chunk's rows."""
    data, damaged = _with_plain_line_ends(chunk), 0
    positions = [layout.columns.index(name) for name in wanted]
    at: list[int] | None = None
    spans: list[int] | None = None
    broken: list[BrokenLine] = []
    cells = _read_fast(data, layout, positions)
    if cells is None:
        text, damaged = repaired(data)
        data = text.encode()
        cells = _read_fast(data, layout, positions) if damaged else None
    if cells is None:
        cells, at, spans, broken = _read_with_care(data, layout, positions)
        lines, line_count = pl.Series(at, dtype=pl.Int64), data.count(b"\n")
    else:
        lines, line_count = pl.int_range(cells.height, dtype=pl.Int64, eager=True), cells.height
    cells.columns = list(wanted)

    # Lines are counted once, and none is cut off that nobody asks for; to cut all apart takes twice as long.
    ends = cache(lambda: _ends_by_block(data))
    # Of very many it does not: measured, 25,000 of a chunk one by one take 1.6 s.
    apart = cache(lambda: [0, *accumulate(len(line) + 1 for line in data.split(b"\n"))])

    def raw(rows: Sequence[int]) -> list[str]:
        first = [at[row] if at else row for row in rows]
        last = [start + (spans[row] if spans else 1) for row, start in zip(rows, first, strict=True)]
        asked = {*first, *last}
        starts = apart() if len(asked) > MANY_LINES else {line: _line_start(data, ends(), line) for line in asked}
        return [
            data[starts[a] : starts[b] - 1].decode("utf-8", "replace")[:RAW_LENGTH]
            for a, b in zip(first, last, strict=True)
        ]

    return Rows(cells, lines, line_count, raw, broken, damaged)


def _ends_by_block(data: bytes) -> list[int]:
    """How many lines end before the end of each block."""
    return list(accumulate(data.count(b"\n", at, at + _BLOCK) for at in range(0, len(data), _BLOCK)))


def _line_start(data: bytes, ends: Sequence[int], line: int) -> int:
    """Where this line begins, counted from 0; `ends`: those of _ends_by_block."""
    block = min(bisect_left(ends, line), len(ends) - 1)
    start = block * _BLOCK
    for _ in range(line - (ends[block - 1] if block else 0)):
        start = data.find(b"\n", start) + 1 or len(data) + 1
    return start


def _with_plain_line_ends(data: bytes) -> bytes:
    """Use \\n as the only line end, and remove NUL, which PostgreSQL refuses in text."""
    if b"\0" in data:
        data = data.replace(b"\0", b"")
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b" ")
    return data


def repaired(data: bytes) -> tuple[str, int]:
    """Decode the text; also returns in how many places it was not UTF-8.

    A letter of Windows-1252 alone among UTF-8 is read as what it is; where a character was cut, U+FFFD stands.
    """
    damaged = data.decode("utf-8", "replace").count("\ufffd") - data.count("\ufffd".encode())
    return data.decode("utf-8", "windows_letter" if damaged else "strict"), damaged


def _windows_letter(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    bad = error.object[error.start : error.end]
    # C2, C3 and E2 begin nearly all that is cut off of Western text.
    alone = len(bad) == 1 and 0xC0 <= bad[0] < 0xFE and bad not in (b"\xc2", b"\xc3", b"\xe2")
    return bad.decode("cp1252") if alone else "\ufffd", error.end


codecs.register_error("windows_letter", _windows_letter)


def _read_fast(data: bytes, layout: Layout, positions: Sequence[int]) -> pl.DataFrame | None:
    """Read the cells of these columns; None when some line is not exactly one row."""
    if MARK in data or _has_backslash_quote(data):  # polars drops the quote of \"
        return None
    marked = data.replace(b"\n", layout.separator.encode() + MARK + b"\n")
    try:
        frame = pl.read_csv(
            layout.marked_header + marked,
            columns=[*map(str, positions), MARK_COLUMN],
            separator=layout.separator,
            infer_schema=False,
        )
    except pl.exceptions.PolarsError:
        return None
    mark = frame.get_column(MARK_COLUMN)
    lines = (len(marked) - len(data)) // (len(MARK) + 1)
    if frame.height != lines or not (mark == MARK.decode()).fill_null(False).all():
        return None
    return frame.select(map(str, positions))


def _has_backslash_quote(data: bytes) -> bool:
    at = data.find(b"\\")  # measured: fifty times as fast as searching the two bytes
    while at >= 0:
        if data[at + 1 : at + 2] == b'"':
            return True
        at = data.find(b"\\", at + 1)
    return False


def _read_with_care(
    data: bytes, layout: Layout, positions: Sequence[int]
) -> tuple[pl.DataFrame, list[int], list[int], list[BrokenLine]]:
    """Read cells, the first line and number of lines of each row, and the broken lines."""
    schema = {str(position): pl.String for position in positions}
    lines = data.removesuffix(b"\n").split(b"\n")
    reader = LineReader(layout, [line.decode() for line in lines])
    frames = [pl.DataFrame(schema=schema)]
    at: list[int] = []
    spans: list[int] = []

    def read(start: int, end: int) -> int:
        """Read lines from start to end, or further when a record continues; returns the next line to read."""
        if start >= end:
            return start
        frame = _read_fast(b"\n".join(lines[start:end]) + b"\n", layout, positions)
        if frame is not None:
            at.extend(range(start, end))
            spans.extend([1] * (end - start))
        elif end - start > FEW_LINES:
            step = -(-(end - start) // PARTS)
            for cut in range(start + step, end + step, step):
                start = read(start, min(cut, end))
            return start
        else:
            done = len(reader.rows)
            end = reader.read(start, end)
            rows = [[row[position] for position in positions] for row in reader.rows[done:]]
            frame = pl.DataFrame(rows, schema=schema, orient="row")
            at.extend(reader.at[done:])
            spans.extend(reader.spans[done:])
        frames.append(frame)
        return end

    read(0, len(lines))
    return pl.concat(frames), at, spans, reader.broken
