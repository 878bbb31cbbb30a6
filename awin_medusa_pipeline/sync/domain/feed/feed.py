"""Reads a feed file into offers and rejected rows, batch by batch."""

from collections import deque
from collections.abc import Callable, Iterator
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
from awin_medusa_pipeline.sync.domain.feed.layout import layout_of
from awin_medusa_pipeline.sync.domain.feed.offers import DETAIL_FIELDS, DETAILS, offers_of
from awin_medusa_pipeline.sync.domain.feed.rows import Rows, chunks, header_line, read_rows
from awin_medusa_pipeline.sync.domain.feed.unpack import unpacked

# Keeps two cores busy while the caller writes; each needs about 80 MB.
CHUNKS_AHEAD = 3


@dataclass(frozen=True)
class FeedBatch:
    """Some rows of a feed: rows == offers.height + rejects.height."""

    offers: pl.DataFrame
    """Rows of the Offer contract."""
    rejects: pl.DataFrame
    """Rows of the RejectedRow contract."""
    rows: int
    damaged: int = 0
    """Places where bytes were not UTF-8; U+FFFD stands there."""


@dataclass
class Seen:
    """Offers and SKUs read so far, shared by all feeds of a run. Held as 64-bit hashes, 70 MB per million."""

    _offers: set[int] = field(default_factory=set)
    _skus: set[int] = field(default_factory=set)

    def mark(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Set the reason of duplicates after the first of each."""
        columns = (("offer_key", self._offers, "duplicate"), ("sku", self._skus, "duplicate_sku"))
        for column, known, code in columns:
            repeated = pl.col("reason").is_null() & self._repeated(frame, column, known)
            frame = frame.with_columns(reason=pl.when(repeated).then(pl.lit(code)).otherwise("reason"))
        return frame

    @staticmethod
    def _repeated(frame: pl.DataFrame, column: str, known: set[int]) -> pl.Series:
        """Mark rows without a reason whose value is known already, and remember the new values."""
        sound = frame["reason"].is_null()
        hashes = frame[column].hash()
        new = hashes.filter(sound)
        values = new.to_list()
        before = known.intersection(values)
        known.update(values)
        repeated = ~new.is_first_distinct()
        if before:
            repeated |= new.is_in(list(before))
        return pl.Series([False], dtype=pl.Boolean).new_from_index(0, frame.height).scatter(sound.arg_true(), repeated)


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

    def batches(self, seen: Seen | None = None) -> Iterator[FeedBatch]:
        """Yield batches of about 8 MB of feed each, in the feed's order; memory stays bounded.

        Raises FeedError, possibly after the first batches (a cut file): use none before the last has arrived.
        """
        seen, line = seen or Seen(), self.first_line
        ahead: deque[Future[tuple[Rows, pl.DataFrame]]] = deque()
        pool = ThreadPoolExecutor(CHUNKS_AHEAD - 1, thread_name_prefix="feed")

        def prepare(chunk: bytes) -> tuple[Rows, pl.DataFrame]:
            rows = self.read(chunk)
            return rows, offers_of(Table(rows.cells), self.rules)

        try:
            for chunk in chain(self.chunks, [b""]):
                if chunk:
                    ahead.append(pool.submit(prepare, chunk))
                while ahead and (not chunk or len(ahead) == CHUNKS_AHEAD):
                    rows, frame = ahead.popleft().result()
                    yield _batch(rows, frame, seen, self.label, line)
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


def read_feed(path: Path, *, label: str, rules: FeedRules, seen: Seen | None = None) -> Iterator[FeedBatch]:
    """Read all batches of a feed; see FeedFile.batches."""
    return open_feed(path, label=label, rules=rules).batches(seen)


def check_feed(path: Path, *, label: str, rules: FeedRules, whole: bool) -> None:
    """Check that the file has the columns and a row; `whole`: also that it unpacks to its end. Raises FeedError."""
    next(open_feed(path, label=label, rules=rules).chunks)
    if whole:
        for _ in unpacked(path, label):
            pass


def _batch(rows: Rows, frame: pl.DataFrame, seen: Seen, label: str, line: int) -> FeedBatch:
    frame = seen.mark(frame.with_columns(feed=pl.lit(label), line=rows.lines + line))
    sound = frame["reason"].is_null()
    offers = frame.select(list(dtypes(Offer)))
    rejects = [(label, line + bad.line, bad.reason, bad.detail, bad.raw, None) for bad in rows.broken]
    if not sound.all():
        offers = offers.filter(sound)
        at = (~sound).arg_true().to_list()
        named = frame.select("line", "reason", "offer_key", *DETAIL_FIELDS)[at]
        for row, raw in zip(named.iter_rows(named=True), rows.raw(at), strict=True):
            shown = {name: "" if value is None else value for name, value in row.items()}
            detail = DETAILS[row["reason"]].format_map(shown)
            rejects.append((label, row["line"], row["reason"], detail, raw, row["offer_key"]))
        rejects.sort(key=lambda reject: reject[1])
    return FeedBatch(
        offers=offers,
        rejects=pl.DataFrame(rejects, schema=dict(dtypes(RejectedRow)), orient="row"),
        rows=frame.height + len(rows.broken),
        damaged=rows.damaged,
    )
