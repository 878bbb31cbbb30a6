"""Counts the rows of a feed for guards, the feed history and summaries."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import polars as pl

from awin_medusa_pipeline.sync.domain.feed.offers import Unread, more_unread

EXAMPLES = 3
# Different cells counted of a column; what goes beyond is counted together.
MOST_CELLS = 1_000


@dataclass(frozen=True)
class FeedVersion:
    """Identity of a feed's content, remembered to detect an unchanged or a shrunken download."""

    sha256: str
    bytes: int
    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True)
class FeedFacts:
    """One feed in numbers. Merchants go by merchant_id."""

    label: str
    """Name of the feed for people, without its key."""
    accepted: int = 0
    header: str | None = None
    """SHA-256 over the column names; None for JSON Lines."""
    merchants: Mapping[str, int] = field(default_factory=dict)
    """Accepted rows per merchant."""
    with_stock: Mapping[str, int] | None = field(default_factory=dict)
    """Accepted rows per merchant with a stock value; None: not known."""
    rejected_by: Mapping[str, int] = field(default_factory=dict)
    """Rejected rows per reason code."""
    damaged: int = 0
    """Places where bytes were not UTF-8."""
    unread: Unread = field(default_factory=dict)
    """Column -> cell that is filled and was not understood -> rows; "": all the others."""
    unread_stock: Mapping[str, int] = field(default_factory=dict)
    """Accepted rows per merchant of whose filled stock cells none was understood."""

    @property
    def rejected(self) -> int:
        """All rejected rows."""
        return sum(self.rejected_by.values())

    @property
    def rows(self) -> int:
        """All rows."""
        return self.accepted + self.rejected

    def plus(
        self, offers: pl.DataFrame, rejects: pl.DataFrame, damaged: int = 0, unread: Unread | None = None
    ) -> "FeedFacts":
        """Add the counts of a batch: rows of Offer and RejectedRow, damaged places and unread cells."""
        return replace(
            self,
            accepted=self.accepted + offers.height,
            merchants=_sum(self.merchants, offers["merchant_id"]),
            with_stock=_sum(self.with_stock or {}, _with_stock(offers)),
            rejected_by=_sum(self.rejected_by, rejects["reason"]),
            damaged=self.damaged + damaged,
            unread=more_unread(self.unread, unread or {}, MOST_CELLS),
            unread_stock=_sum(self.unread_stock, _unread_stock(offers)),
        )

    def without(self, offers: pl.DataFrame, reasons: pl.Series) -> "FeedFacts":
        """Count these accepted rows as rejected after all, for these reasons."""
        return replace(
            self,
            accepted=self.accepted - offers.height,
            merchants=_less(self.merchants, offers["merchant_id"]),
            with_stock=_less(self.with_stock or {}, _with_stock(offers)),
            rejected_by=_sum(self.rejected_by, reasons),
            unread_stock=_less(self.unread_stock, _unread_stock(offers)),
        )

    def examples(self) -> Unread:
        """The unread cells with few examples a column, the commonest first; "": the rows of all the others."""
        found = {}
        for column, cells in self.unread.items():
            named = sorted((cell for cell in cells if cell), key=lambda cell: (-cells[cell], cell))[:EXAMPLES]
            rest = sum(cells.values()) - sum(cells[cell] for cell in named)
            found[column] = {cell: cells[cell] for cell in named} | ({"": rest} if rest else {})
        return found


def _with_stock(offers: pl.DataFrame) -> pl.Series:
    said = pl.col("in_stock").is_not_null() | pl.col("quantity").is_not_null()
    return offers.select(pl.col("merchant_id").filter(said)).to_series()


def _unread_stock(offers: pl.DataFrame) -> pl.Series:
    return offers.select(pl.col("merchant_id").filter(pl.col("unread_stock").is_not_null())).to_series()


def _sum(before: Mapping[str, int], values: pl.Series) -> Mapping[str, int]:
    return Counter(before) + Counter(dict(values.value_counts().iter_rows()))


def _less(before: Mapping[str, int], values: pl.Series) -> Mapping[str, int]:
    return Counter(before) - Counter(dict(values.value_counts().iter_rows()))
