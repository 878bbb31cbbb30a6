"""Counts the rows of a feed for guards, the feed history and summaries."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl


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

    @property
    def rejected(self) -> int:
        """All rejected rows."""
        return sum(self.rejected_by.values())

    @property
    def rows(self) -> int:
        """All rows."""
        return self.accepted + self.rejected

    def plus(self, offers: pl.DataFrame, rejects: pl.DataFrame, damaged: int) -> "FeedFacts":
        """Add the counts of a batch: rows of Offer and RejectedRow, and damaged places."""
        with_stock = offers.filter(pl.col("in_stock").is_not_null() | pl.col("quantity").is_not_null())
        return FeedFacts(
            self.label,
            self.accepted + offers.height,
            self.header,
            _sum(self.merchants, offers["merchant_id"]),
            _sum(self.with_stock or {}, with_stock["merchant_id"]),
            _sum(self.rejected_by, rejects["reason"]),
            self.damaged + damaged,
        )


def _sum(before: Mapping[str, int], values: pl.Series) -> Mapping[str, int]:
    return Counter(before) + Counter(dict(values.value_counts().iter_rows()))
