"""Why a whole feed is refused: one reason code for each fault with a remedy of its own.

What belongs here: the codes, and what to do about rejected rows. What does not: telling the faults apart (unpack.py
and the modules after it for the content, sync/clients/awin.py for the server) and the reasons for which a single row is
rejected (feed.py). A feed of which no row is left is refused as `all_{reason}`, after the commonest reason of its rows.
"""

from collections.abc import Mapping
from enum import StrEnum

from awin_medusa_pipeline.core.errors import Action, PermanentError

MOST_REASONS = 3


class Fault(StrEnum):
    """Reason codes of a refused feed."""

    NO_ADDRESS = "no_address"
    BAD_ADDRESS = "bad_address"
    NO_FILE = "no_file"
    UNREADABLE_FILE = "unreadable_file"
    UNKNOWN_HOST = "unknown_host"
    NO_CONNECTION = "no_connection"
    NO_SECURE_CONNECTION = "no_secure_connection"
    CONNECTION_BROKE = "connection_broke"
    TOO_SLOW = "too_slow"
    REDIRECT_LOOP = "redirect_loop"
    UNSAFE_REDIRECT = "unsafe_redirect"
    WRONG_KEY = "wrong_key"
    WRONG_TOKEN = "wrong_token"
    NO_ACCESS = "no_access"
    NOT_FOUND = "not_found"
    REFUSED = "refused"
    THROTTLED = "throttled"
    SERVER_ERROR = "server_error"
    UNAVAILABLE = "unavailable"
    SHRUNKEN = "shrunken"
    EMPTY = "empty"
    TRUNCATED = "truncated"
    DAMAGED = "damaged"
    OVERSIZED = "oversized"
    UNKNOWN_PACKING = "unknown_packing"
    ZIP_WITHOUT_FEED = "zip_without_feed"
    ZIP_OF_SEVERAL = "zip_of_several"
    ZIP_WITH_PASSWORD = "zip_with_password"
    SPREADSHEET = "spreadsheet"
    NO_TEXT = "no_text"
    UTF_16 = "utf_16"
    WEB_PAGE = "web_page"
    LOGIN_PAGE = "login_page"
    XML = "xml"
    XML_ERROR = "xml_error"
    JSON_ERROR = "json_error"
    JSON_NOT_LINES = "json_not_lines"
    INCOMPLETE = "incomplete"
    NO_TABLE = "no_table"
    ENDLESS_LINE = "endless_line"
    HEADER_ONLY = "header_only"
    MISSING_COLUMNS = "missing_columns"
    UNKNOWN_COLUMNS = "unknown_columns"
    WRONG_PRICE_COLUMN = "wrong_price_column"


class FeedError(PermanentError):
    """A feed that must not be used; the shop stays as it is. Its text ends with the reason code."""

    def __init__(
        self,
        code: str,
        tried: str,
        came_back: str,
        to_do: str,
        *,
        status: int | None = None,
        action: Action | None = None,
    ) -> None:
        super().__init__(tried, came_back, to_do, status=status, code=str(code), action=action)


_MAKE_ANEW = "Make the feed anew in AWIN (Toolbox > Create-a-Feed); when it stays so, tell the advertiser."
_REMEDIES = {
    "no_merchant": "Add the column merchant_id in AWIN (Toolbox > Create-a-Feed).",
    "no_id": "Ask the advertiser to fill merchant_product_id; without it no product is found again tomorrow.",
    "no_name": "Ask the advertiser to fill product_name.",
    "unclear_price": "Name another column with the price in SYNC_PRICE_COLUMN, or ask the advertiser.",
    "no_price": "Look which column holds the selling price, and name it in SYNC_PRICE_COLUMN; if none, ask the "
    "advertiser.",
    "no_currency": "Add the column currency in AWIN (Toolbox > Create-a-Feed), or ask the advertiser to fill it.",
    "currency_conflict": "Ask the advertiser which currency is right: the price and the column currency differ.",
    "duplicate": "Take each feed into AWIN_FEED_URL once; if it is, ask the advertiser for ids that are not repeated.",
    "duplicate_sku": "Set SYNC_SKU_TEMPLATE to {merchant_id}-{merchant_product_id}.",
}


def remedy(reason: str) -> str:
    """What to do about rows that are rejected for this reason."""
    return _REMEDIES.get(reason, _MAKE_ANEW)


def commonest(rejected: Mapping[str, int]) -> list[tuple[str, int]]:
    """The few commonest reasons, with their rows."""
    return sorted(rejected.items(), key=lambda item: (-item[1], item[0]))[:MOST_REASONS]


def no_offers(label: str, rejected: Mapping[str, int]) -> FeedError:
    """Rows, and not one that can be sold; taking it for an empty feed would hide the whole shop."""
    reasons = commonest(rejected)
    named = ", ".join(f"{reason} ({rows:,} rows)" for reason, rows in reasons)
    return FeedError(
        f"all_{reasons[0][0]}",
        f"Reading the feed {label}",
        f"not one of its {sum(rejected.values()):,} rows can be sold: {named}",
        f"The shop stays as it is. {remedy(reasons[0][0])}",
    )
