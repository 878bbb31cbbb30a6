"""Detects the layout of a CSV feed, and reads single lines with Python's strict csv reader."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from awin_medusa_pipeline.sync.domain.feed.errors import Fault, FeedError

MARK = b"\x1e"
MARK_COLUMN = "mark"
RAW_LENGTH = 2_000
XML_FEEDS = ("cafproductfeed", "merchant", "datafeed", "product", "products", "rss", "feed")
# Limits of a cell with line breaks: beyond them, a quote was never closed.
MOST_JOINED_LINES, MOST_JOINED_CHARACTERS = 200, 100_000


@dataclass(frozen=True)
class BrokenLine:
    """A line that is not a row, with its number in the chunk, reason code, reason as a sentence, and text."""

    line: int
    reason: str
    detail: str
    raw: str


@dataclass(frozen=True)
class Layout:
    """The separator of a CSV feed and its columns, under normalised names."""

    separator: str
    columns: tuple[str, ...]

    @property
    def width(self) -> int:
        return len(self.columns)

    @cached_property
    def marked_header(self) -> bytes:
        """A header with numbers, since a feed may repeat a column name, and the mark column at the end."""
        return self.separator.join([*map(str, range(self.width)), MARK_COLUMN]).encode() + b"\n"

    def cells(self, text: str) -> list[str] | None:
        """Cells of one record; None when the quoting is broken."""
        return _cells(text, self.separator)

    def row(self, text: str) -> list[str] | None:
        """Cells of one record, as many as the header has; None when it is broken.

        PHP's fputcsv, which AWIN uses, leaves a quote after a backslash undoubled; that reading is tried second.
        """
        readings = [text]
        if '\\"' in text:
            readings += [re.sub(rf'\\"(?!\s*({re.escape(self.separator)}|$))', '""', text), text.replace('\\"', '""')]
        for reading in readings:
            cells = self.cells(reading)
            if cells is not None and len(cells) == self.width:
                return cells
        return None

    def stands_alone(self, text: str) -> bool:
        """Whether this line is a whole row, not part of one with a line break in a cell."""
        return text.count('"') % 2 == 0 and self.row(text) is not None


def normalised(name: str) -> str:
    """Normalise a column name: `Fashion:Size ` -> `fashion:size`."""
    return re.sub(r"\s+", "_", name.strip().strip("\ufeff").lower())


def layout_of(header: bytes, label: str) -> Layout:
    """Detect the layout of the feed with this first line. Raises FeedError when it is not CSV."""
    tried = f"Reading the feed {label}"
    text = header.decode("utf-8", "replace").lstrip("\ufeff").strip()
    if header.startswith((b"\xff\xfe", b"\xfe\xff")) or header[1:60:2].count(0) > 8 or header[:60:2].count(0) > 8:
        raise FeedError(Fault.UTF_16, tried, "it is text in UTF-16", "Give a CSV feed in UTF-8.")
    if "\0" in text:
        raise FeedError(Fault.NO_TEXT, tried, "it is a program or a picture, not text", "Correct AWIN_FEED_URL.")
    candidates = [(len(cells), separator) for separator in ",;|\t" if (cells := _cells(text, separator))]
    width, separator = max(candidates, default=(0, ","), key=lambda candidate: candidate[0])
    if width < 2:
        raise FeedError(
            Fault.NO_TABLE,
            tried,
            f"the first line, “{text[:80]}”, holds no column names",
            "Open the address in a browser: the answer may say what is wrong. It must be a CSV feed.",
        )
    names: list[str] = []
    for name in map(normalised, _cells(text, separator) or []):
        names.append(name if name not in names else f"{name}#{len(names)}")  # of two alike, the first counts
    return Layout(separator, tuple(names))


def refuse_markup(start: bytes, label: str) -> None:
    """Raise FeedError when this start of a file is a web page or XML."""
    text = start.decode("utf-8", "replace").strip()
    if not text.startswith("<"):
        return
    tried = f"Reading the feed {label}"
    root = re.match(r"(?:<[?!].*?>\s*)*<([\w:-]+)", text, re.DOTALL)
    name = root[1].lower() if root else ""
    if name in ("error", "errors", "fault", "exception"):
        answer = " ".join(re.sub(r"<[^>]*>", " ", text).split())[:160]
        to_do = "Check the address in AWIN_FEED_URL: key, feed id and format."
        raise FeedError(Fault.XML_ERROR, tried, f"AWIN answered “{answer}” instead of a feed", to_do)
    if name != "html" and (text.lower().startswith("<?xml") or name in XML_FEEDS):
        raise FeedError(Fault.XML, tried, "it is XML", "Choose the format CSV in AWIN (Toolbox > Create-a-Feed).")
    title = re.search(r"<title[^>]*>(.{1,80}?)</title>", text, re.IGNORECASE | re.DOTALL)
    named = f" (“{' '.join(title[1].split())}”)" if title else ""
    if re.search(r"type=[\"']?password|>\s*(log|sign)[ -]?in\b", text, re.IGNORECASE):
        raise FeedError(
            Fault.LOGIN_PAGE,
            tried,
            f"a login page came back instead of a feed{named}",
            "AWIN_FEED_URL must be the feed's own address, with its key: copy it again from AWIN "
            "(Toolbox > Create-a-Feed).",
        )
    raise FeedError(
        Fault.WEB_PAGE,
        tried,
        f"a web page came back instead of a feed{named}",
        "Open the address in a browser: AWIN shows there what is wrong (maintenance, closed programme).",
    )


def _cells(text: str, separator: str) -> list[str] | None:
    try:
        rows = list(csv.reader([text], delimiter=separator, strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None


@dataclass
class LineReader:
    """Reads, line by line, what the fast reader refused: every line becomes part of a row or broken, or is blank."""

    layout: Layout
    lines: Sequence[str]
    rows: list[list[str]] = field(default_factory=list)
    at: list[int] = field(default_factory=list)
    """Index of the first line of each row."""
    spans: list[int] = field(default_factory=list)
    broken: list[BrokenLine] = field(default_factory=list)

    def read(self, start: int, end: int) -> int:
        """Read lines from `start` to `end`, or further when a record continues; returns the next line to read."""
        while start < end:
            start += self._record(start) if self.lines[start].strip() else 1
        return start

    def _record(self, start: int) -> int:
        """Read the record that begins here; returns its number of lines."""
        text = self.lines[start]
        row, span = self.layout.row(text), 1
        if row is None and self.layout.cells(text) is None:
            row, span = self._joined(start)
        if row is None:
            self.broken.append(self._broken(start))
            return 1
        self.rows.append(row)
        self.at.append(start)
        self.spans.append(span)
        return span

    def _joined(self, start: int) -> tuple[list[str] | None, int]:
        """Join this line with the following ones to a row that has line breaks in a cell."""
        text = self.lines[start]
        for end in range(start + 1, min(start + MOST_JOINED_LINES, len(self.lines))):
            if self.layout.stands_alone(self.lines[end]):
                break  # a row of its own, so the quote above it was never closed
            text += "\n" + self.lines[end]
            if len(text) > MOST_JOINED_CHARACTERS:
                break
            if '"' in self.lines[end] and (row := self.layout.row(text)) is not None:
                return row, end - start + 1
        return None, 1

    def _broken(self, at: int) -> BrokenLine:
        text = self.lines[at]
        cells, width = self.layout.cells(text), self.layout.width
        if cells is None:
            reason = "malformed_quote"
            detail = "A quotation mark in this line is not closed or not doubled, so its cells cannot be told apart"
        else:
            reason = "too_many_cells" if len(cells) > width else "too_few_cells"
            detail = f"The line has {len(cells)} cells where the header has {width}, so they cannot be matched"
        return BrokenLine(at, reason, detail, text[:RAW_LENGTH])
