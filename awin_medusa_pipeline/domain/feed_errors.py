"""Why a whole feed is refused: one class and one reason code each.

What belongs here: refusals that the content alone can show. What does not: refusals by the server (clients/awin.py) and
the reasons for which a single row is rejected (feed.py).
"""

from typing import ClassVar

from awin_medusa_pipeline.errors import PermanentError


class FeedError(PermanentError):
    """A feed that must not be used; the shop stays as it is."""

    code: ClassVar[str] = "feed_error"


class NotAFeedError(FeedError):
    """A web page, a JSON answer or anything else without a table in it, often with status 200."""

    code = "not_a_feed"


class XmlFeedError(FeedError):
    """XML, which AWIN offers beside CSV."""

    code = "xml"


class EmptyFeedError(FeedError):
    """Not one byte."""

    code = "empty"


class HeaderOnlyFeedError(FeedError):
    """A header without a row: what AWIN serves for a feed that lost its products."""

    code = "header_only"


class MissingColumnsError(FeedError):
    """Columns without which no row can be sold."""

    code = "missing_columns"


class TruncatedFeedError(FeedError):
    """A file that ends too early; without the check it looks like a smaller feed."""

    code = "truncated"


class UnreadableArchiveError(FeedError):
    """A damaged gzip or zip file, or a zip file without exactly one feed."""

    code = "unreadable_archive"


class IncompleteFeedError(FeedError):
    """JSON Lines whose last line is AWIN's error record."""

    code = "incomplete"


class NoOffersError(FeedError):
    """Rows, and not one that can be sold; taking it for an empty feed would hide the whole shop."""

    code = "no_offers"
