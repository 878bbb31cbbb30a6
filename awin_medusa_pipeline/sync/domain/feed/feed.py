"""Reads a feed file into offers and rejected rows, batch by batch."""

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import polars as pl

from awin_medusa_pipeline.core.contracts import dtypes
from awin_medusa_pipeline.sync.domain.contracts import Offer, RejectedRow
from awin_medusa_pipeline.sync.domain.feed.columns import FeedRules as FeedRules
from awin_medusa_pipeline.sync.domain.feed.columns import Table, check_columns, wanted_columns, wanted_keys
from awin_medusa_pipeline.sync.domain.feed.jsonl import is_json, json_columns, read_json_rows
from awin_medusa_pipeline.sync.domain.feed.layout import RAW_LENGTH, layout_of
from awin_medusa_pipeline.sync.domain.feed.offers import DETAIL_FIELDS, Unread, detail_of, offers_of
from awin_medusa_pipeline.sync.domain.feed.rows import LONGEST_LINE, Rows, chunks, header_line, read_rows
from awin_medusa_pipeline.sync.domain.feed.unpack import unpacked

# Keeps two cores busy while the caller writes; each needs about 80 MB.
CHUNKS_AHEAD = 3
_BLOCK = 64 << 10


@dataclass(frozen=True)
class FeedBatch:
    """Some rows of a feed: rows == offers.height + rejects.height."""

    offers: pl.DataFrame
    """Rows of the Offer contract."""
    rejects: pl.DataFrame
    """Rows of the RejectedRow contract."""
    rows: int
    out_of_date: pl.Series
    """Which offers have dates that do not hold today. Whether these can be believed needs the whole feed."""
    raw: Callable[[Sequence[int]], list[str]]
    """Text of the offers at these positions."""
    damaged: int = 0
    """Places where bytes were not UTF-8; U+FFFD stands there."""
    unread: Unread = field(default_factory=dict)
    """Cells of sellable rows that are filled and were not understood: column -> cell -> rows."""


@dataclass(frozen=True)
class FeedFile:
    """A feed whose header has been read; its rows can be read once."""

    label: str
    columns: tuple[str, ...] | None
    """Normalised column names; None for JSON Lines, whose objects may leave out any."""
    chunks: Iterator[bytes]
    first_line: int
    """Line of the first row."""
    read: Callable[[bytes], Rows]
    rules: FeedRules

    def batches(self) -> Iterator[FeedBatch]:
        """Yield batches of about 8 MB of feed each, in the feed's order; memory stays bounded.

        Offers of one key or SKU are all there: which one stands needs the whole feed (standing.py).
        Raises FeedError, possibly after the first batches (a cut file): use none before the last has arrived.
        """
        line = self.first_line
        ahead: deque[Future[tuple[Rows, pl.DataFrame, Unread]]] = deque()
        pool = ThreadPoolExecutor(CHUNKS_AHEAD - 1, thread_name_prefix="feed")

        def prepare(chunk: bytes) -> tuple[Rows, pl.DataFrame, Unread]:
            rows = self.read(chunk)
            return rows, *offers_of(Table(rows.cells), self.rules)

        try:
            for chunk in chain(self.chunks, [b""]):
                if chunk:
                    ahead.append(pool.submit(prepare, chunk))
                while ahead and (not chunk or len(ahead) == CHUNKS_AHEAD):
                    rows, frame, unread = ahead.popleft().result()
                    yield _batch(rows, frame, unread, self.label, line)
                    line += rows.line_count
        finally:
            pool.shutdown(cancel_futures=True)


def open_feed(path: Path, *, label: str, rules: FeedRules) -> FeedFile:
    """Read the header of a feed. `label` names it in errors and in the `feed` column, without the key.

    Raises FeedError when the feed as a whole cannot be used.
    """
    header, line, rest = header_line(unpacked(path, label), label)
    if is_json(header, label):
        keys = json_columns(header)
        check_columns(keys, rules, label)
        wanted = wanted_keys(keys, rules)
        objects = chunks(chain([header + b"\n"], rest), None, label)
        return FeedFile(label, None, objects, line - 1, lambda chunk: read_json_rows(chunk, wanted, label), rules)
    layout = layout_of(header, label)
    check_columns(layout.columns, rules, label)
    columns = wanted_columns(layout.columns, rules)
    rows = chunks(rest, layout, label)
    return FeedFile(label, layout.columns, rows, line, lambda chunk: read_rows(chunk, layout, columns), rules)


def raw_lines(path: Path, label: str, lines: Collection[int]) -> dict[int, str]:
    """Find the text of these lines of a feed, the first being 1, each cut at 2,000 characters."""
    wanted, found, number, rest = sorted(set(lines)), dict[int, str](), 1, b""
    # In small blocks: lines are cut apart only in the few that hold a wanted one, a third of the time.
    pieces = (piece[at : at + _BLOCK] for piece in unpacked(path, label) for at in range(0, len(piece), _BLOCK))
    for piece in chain(pieces, [b"\n"]):
        ends = piece.count(b"\n")
        if wanted and wanted[0] < number + ends:
            texts = (rest + piece).split(b"\n")
            here = wanted[: bisect_left(wanted, number + ends)]
            for line in here:
                text = texts[line - number].removesuffix(b"\r")
                found[line] = text.decode("utf-8", "replace")[:RAW_LENGTH]
            del wanted[: len(here)]
        rest = piece[piece.rfind(b"\n") + 1 :] if ends else (rest + piece)[:LONGEST_LINE]
        number += ends
        if not wanted:
            break
    return found


def check_feed(path: Path, *, label: str, rules: FeedRules, whole: bool) -> None:
    """Check that the file has the columns and a row; `whole`: also that it unpacks to its end. Raises FeedError."""
    next(open_feed(path, label=label, rules=rules).chunks)
    if whole:
        for _ in unpacked(path, label):
            pass


def _batch(rows: Rows, frame: pl.DataFrame, unread: Unread, label: str, line: int) -> FeedBatch:
    frame = frame.with_columns(feed=pl.lit(label), line=rows.lines + line)
    sound = frame["reason"].is_null()
    out_of_date, places = frame["out_of_date"].filter(sound), sound.arg_true()
    offers = frame.select(list(dtypes(Offer)))
    rejects = [(label, line + bad.line, bad.reason, bad.detail, bad.raw, None) for bad in rows.broken]
    if not sound.all():
        offers = offers.filter(sound)
        at = (~sound).arg_true().to_list()
        named = frame.select("line", "reason", "offer_key", *DETAIL_FIELDS)[at]
        for row, raw in zip(named.iter_rows(named=True), rows.raw(at), strict=True):
            rejects.append((label, row["line"], row["reason"], detail_of(row), raw, row["offer_key"]))
        rejects.sort(key=lambda reject: reject[1])
    return FeedBatch(
        offers=offers,
        rejects=pl.DataFrame(rejects, schema=dict(dtypes(RejectedRow)), orient="row"),
        rows=frame.height + len(rows.broken),
        out_of_date=out_of_date,
        raw=lambda at: rows.raw(places.gather(list(at)).to_list()),
        damaged=rows.damaged,
        unread=unread,
    )
