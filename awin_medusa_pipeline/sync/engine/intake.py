"""Downloads, parses and records every feed, and passes nothing on until all are sound."""

import hashlib
import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from awin_medusa_pipeline.core.contracts import dtypes
from awin_medusa_pipeline.core.memory import give_back
from awin_medusa_pipeline.sync.clients.awin import DownloadedFeed, Progress, download
from awin_medusa_pipeline.sync.clients.awin_address import label_of
from awin_medusa_pipeline.sync.domain import feed_guards
from awin_medusa_pipeline.sync.domain.contracts import RejectedRow
from awin_medusa_pipeline.sync.domain.feed import standing
from awin_medusa_pipeline.sync.domain.feed.errors import Fault, FeedError, no_offers
from awin_medusa_pipeline.sync.domain.feed.facts import MOST_CELLS, FeedFacts
from awin_medusa_pipeline.sync.domain.feed.feed import FeedBatch, FeedRules, open_feed, raw_lines
from awin_medusa_pipeline.sync.domain.feed.offers import detail_of, more_unread
from awin_medusa_pipeline.sync.domain.guards import TrippedGuard
from awin_medusa_pipeline.sync.domain.rules import Limits
from awin_medusa_pipeline.sync.store.feed_history import FeedHistory, FeedState, facts_of


@dataclass(frozen=True)
class FeedSource:
    """The feeds to download, and how to read them."""

    addresses: Sequence[str] = field(repr=False)
    """http(s) addresses or local paths; they hold the AWIN key."""
    rules: FeedRules
    token: str | None = field(default=None, repr=False)
    """For AWIN's enhanced feeds."""


# Of all batches, 2 kB each; of more the file is read again.
_MOST_RAW = 10_000
# 75 MB. Of a larger feed the text of a row whose SKU comes again later on is read from the file once more.
_MOST_SKUS = 1_000_000


@dataclass(frozen=True)
class TakenFeed:
    """A downloaded and parsed feed."""

    download: DownloadedFeed
    facts: FeedFacts


class FeedParts:
    """Stores parsed feeds in a folder, one file per batch, so that memory stays bounded.

    `shop`: CatalogVariant rows; of rows with one id or SKU those stand that the shop has.
    """

    def __init__(self, folder: Path, rules: FeedRules, shop: pl.LazyFrame | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._rules, self._shop = folder, rules, shop
        self._written = itertools.count()
        self._files: list[Path] = []
        self._starts = [0]
        self._marks: list[pl.DataFrame] = []
        self._skus: set[int] = set()
        self._raw: dict[tuple[int, int], str] = {}
        self._facts: list[FeedFacts] = []
        self._spoken_for: list[tuple[int, str]] = []
        self._offers: pl.LazyFrame | None = None

    def add(self, path: Path, label: str, merchants: Collection[str] = ()) -> FeedFacts:
        """Parse and add a feed; the facts are those of its rows alone. Raises FeedError.

        `merchants`: for whom it has spoken before; rows of others lose against theirs. Empty: for any.
        """
        feed = open_feed(path, label=label, rules=self._rules)
        header = hashlib.sha256("\n".join(feed.columns).encode()).hexdigest() if feed.columns else None
        facts = FeedFacts(label, header=header)
        for batch in feed.batches():
            facts = facts.plus(batch.offers, batch.rejects, batch.damaged, batch.unread)
            number = next(self._written)
            marks = standing.marks_of(batch.offers).collect()
            self._marks.append(marks.with_columns(out_of_date=batch.out_of_date))
            self._keep_raw(batch, marks["sku"])
            self._starts.append(self._starts[-1] + batch.offers.height)
            # Read once and deleted: not worth strong compression, nor statistics (a tenth of the time).
            file = self._folder / f"offers-{number:06}.parquet"
            batch.offers.write_parquet(file, compression="lz4", statistics=False)
            batch.rejects.write_parquet(self._folder / f"rejects-{number:06}.parquet", compression="lz4")
        give_back()
        if not facts.accepted:
            raise no_offers(label, facts.rejected_by)
        self._spoken_for += [(len(self._files), merchant) for merchant in merchants]
        self._files.append(path)
        self._facts.append(facts)
        self._offers = None
        return facts

    def _keep_raw(self, batch: FeedBatch, skus: pl.Series) -> None:
        """Keep the text of few rows with a SKU that came before: one of each two is rejected in the end.

        Measured: to unpack the file once more takes 5 % of the CPU of reading it, this 1 %, and 50 MB a million rows.
        """
        hashes = skus.to_list()
        again = skus.is_duplicated() | skus.is_in(list(self._skus.intersection(hashes)))
        if len(self._skus) < _MOST_SKUS:
            self._skus.update(hashes)
        at = again.arg_true().to_list()
        if 0 < len(at) <= _MOST_RAW - len(self._raw):
            lines = batch.offers["line"].gather(at).to_list()
            self._raw |= {(len(self._files), line): text for line, text in zip(lines, batch.raw(at), strict=True)}

    @property
    def facts(self) -> Sequence[FeedFacts]:
        """All feeds in the order of their adding, after what their rows are to each other was judged."""
        self._settled()
        return self._facts

    @property
    def offers(self) -> pl.LazyFrame:
        """Rows of Offer."""
        return self._settled()

    @property
    def rejects(self) -> pl.LazyFrame:
        """Rows of RejectedRow."""
        self._settled()
        return pl.scan_parquet(self._folder / "rejects-*.parquet")

    def _settled(self) -> pl.LazyFrame:
        """The offers that stand among all of them; the others join the rejected rows."""
        if self._offers is not None:
            return self._offers
        written = pl.scan_parquet(self._folder / "offers-*.parquet", row_index_name="row")
        marks = pl.concat(self._marks)
        parents, dates = standing.false_parents(written, marks), standing.false_dates(marks)
        offers = standing.without_false_parents(written, parents, self._rules)
        if parents:
            marks = standing.marks_of(offers).collect().with_columns(marks["out_of_date"])

        def of_rows(rows: pl.Series) -> pl.LazyFrame:
            return standing.without_false_parents(self._rows(rows), parents, self._rules)

        ends = list(itertools.accumulate(facts.accepted for facts in self._facts))
        feed = pl.lit(pl.Series(ends)).search_sorted(pl.col("row"), side="right")
        spoken_for = pl.DataFrame(self._spoken_for, schema={"feed": pl.UInt32, "merchant_id": pl.String}, orient="row")
        fallen = standing.fallen(marks, of_rows, feed, self._shop, false_dates=dates, spoken_for=spoken_for)
        self._tell("parent_product_id", parents)
        self._tell("valid_from, valid_to", dict.fromkeys(dates, "a range that is over for most rows"))
        if not fallen.is_empty():
            self._reject(fallen.with_columns(number=feed))
            offers = offers.join(fallen.lazy().select("row"), on="row", how="anti", maintain_order="left")
        self._offers = offers.drop("row")
        return self._offers

    def _rows(self, rows: pl.Series) -> pl.LazyFrame:
        """The offers with these numbers, as `row`; only the files are read that hold one of them."""
        starts = pl.Series(self._starts)
        files = sorted(self._folder.glob("offers-*.parquet"))
        found = [pl.scan_parquet(files[:1], row_index_name="row").clear()]
        for number in (starts.search_sorted(rows, side="right") - 1).unique().sort():
            file = pl.scan_parquet(files[number], row_index_name="row", row_index_offset=self._starts[number])
            found.append(file.filter(pl.col("row").is_in(rows.implode())))
        return pl.concat(found)

    def _tell(self, column: str, cells: Mapping[str, str]) -> None:
        """Count what this column holds for the rows of merchants, by merchant_id, among the unread cells."""
        for number, facts in enumerate(self._facts):
            unread = {
                cell: facts.merchants[merchant] for merchant, cell in cells.items() if merchant in facts.merchants
            }
            found = more_unread(facts.unread, {column: unread} if unread else {}, MOST_CELLS)
            self._facts[number] = replace(facts, unread=found)

    def _reject(self, rows: pl.DataFrame) -> None:
        """Write the rejected rows of these offers, which have a `reason` and the `number` of their feed."""
        rejects = []
        for (number,), of_feed in rows.group_by("number", maintain_order=True):
            facts = self._facts[number] = self._facts[number].without(of_feed, of_feed["reason"])
            if not facts.accepted:
                raise no_offers(facts.label, facts.rejected_by)
            raw = {line: self._raw[number, line] for line in of_feed["line"] if (number, line) in self._raw}
            unkept = [line for line in of_feed["line"] if line not in raw]
            raw |= raw_lines(self._files[number], facts.label, unkept) if unkept else {}
            rejects += [
                (row["feed"], row["line"], row["reason"], detail_of(row), raw.get(row["line"], ""), row["offer_key"])
                for row in of_feed.iter_rows(named=True)
            ]
        table = pl.DataFrame(rejects, schema=dict(dtypes(RejectedRow)), orient="row")
        table.write_parquet(self._folder / f"rejects-{next(self._written):06}.parquet", compression="lz4")


def whole_feed(path: Path, label: str) -> pl.DataFrame:
    """Rows of Offer of one small feed, as they stand beside an empty shop. Raises FeedError."""
    with TemporaryDirectory() as folder:
        parts = FeedParts(Path(folder), FeedRules())
        parts.add(path, label)
        return parts.offers.collect()


@dataclass(frozen=True)
class Intake:
    """All feeds of a run."""

    tables: FeedParts
    feeds: Sequence[TakenFeed]

    @property
    def numbers(self) -> dict[str, Any]:
        """Metadata to show with the table of offers."""
        return {
            "bytes_downloaded": sum(feed.download.bytes for feed in self.feeds),
            "unchanged": all(feed.download.unchanged for feed in self.feeds),
            "damaged_characters": sum(feed.facts.damaged for feed in self.feeds),
            "feeds": [feed.facts.label for feed in self.feeds],
        }

    @property
    def rejected_by(self) -> Mapping[str, int]:
        """Rejected rows of all feeds, per reason code."""
        reasons = {reason for feed in self.feeds for reason in feed.facts.rejected_by}
        return {reason: sum(feed.facts.rejected_by.get(reason, 0) for feed in self.feeds) for reason in sorted(reasons)}


def take_feeds(
    source: FeedSource,
    history: FeedHistory,
    run_id: str,
    *,
    downloads: Path,
    parts: Path,
    limits: Limits,
    progress: Progress,
    accept_smaller: bool,
    shop: pl.LazyFrame | None = None,
) -> Intake:
    """Download and parse every feed, and record each as accepted, held or refused.

    `shop`: CatalogVariant rows; of rows with one id or SKU those stand that the shop has.

    Raises FeedError or PipelineError; then no feed may be used.
    """
    if not source.addresses:
        raise FeedError(
            Fault.NO_ADDRESS, "Reading the feed", "AWIN_FEED_URL is not set", "Set it in .env to your feed's address."
        )
    tables, taken = FeedParts(parts, source.rules, shop), []
    for address in source.addresses:
        label = label_of(address)
        try:
            feed = download(
                address,
                downloads,
                previous=history.last_version(label),
                usual_bytes=history.usual_bytes(label, feed_guards.HISTORY),
                rules=source.rules,
                token=source.token,
                progress=progress,
                accept_smaller=accept_smaller,
            )
            known = feed_guards.merchants_of(earlier(history, label))
            taken.append(TakenFeed(feed, tables.add(feed.path, label, known)))
        except FeedError as error:
            history.record(label, run_id, FeedState.REFUSED, reason=str(error))
            raise
    try:
        taken = [replace(one, facts=facts) for one, facts in zip(taken, tables.facts, strict=True)]
    except FeedError as error:
        history.record(label, run_id, FeedState.REFUSED, reason=str(error))
        raise
    for one in taken:
        _record(history, run_id, one, limits)
    return Intake(tables, taken)


def _record(history: FeedHistory, run_id: str, feed: TakenFeed, limits: Limits) -> None:
    """Record a feed; one that trips guards is used, but is no measure for the next."""
    label = feed.facts.label
    tripped = feed_guards.check_facts(feed.facts, earlier(history, label), limits)
    history.record(
        label,
        run_id,
        FeedState.HELD if tripped else FeedState.ACCEPTED,
        reason="; ".join(guard.reason for guard in tripped) or None,
        version=feed.download.version,
        facts=feed.facts,
    )


def earlier(history: FeedHistory, label: str, *, before: int | None = None) -> list[FeedFacts]:
    """The accepted feeds to compare a new one with, newest first; `before`: id of a record in the history."""
    return [facts_of(feed) for feed in history.recent_accepted(label, feed_guards.HISTORY, before=before)]


def tripped_guards(history: FeedHistory, run_id: str, limits: Limits) -> list[TrippedGuard]:
    """Guards that the feeds of a run tripped; a run without feeds of its own is judged by the newest ones."""
    return [
        tripped
        for feed in history.taken_by(run_id) or history.newest_of_each()
        for tripped in feed_guards.check_facts(facts_of(feed), earlier(history, feed.label, before=feed.id), limits)
    ]


def remarks(history: FeedHistory, run_id: str, limits: Limits) -> list[str]:
    """Sentences about the feeds of a run: tripped guards, and feeds that have not changed for too long."""
    found = [tripped.reason for tripped in tripped_guards(history, run_id, limits)]
    for feed in history.taken_by(run_id):
        since = history.same_since(feed.label, feed.sha256 or "")
        warning = feed_guards.frozen_feed(feed.label, since, feed.recorded_at, limits) if since else None
        found += [text for text in (warning, feed_guards.unread_cells(facts_of(feed))) if text]
    return found
