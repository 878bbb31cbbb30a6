"""Defines the reason codes of refused feeds and rejected rows, one per fault with a remedy of its own.

A feed without a single usable row is refused as `all_{reason}`, after the commonest reason of its rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from awin_medusa_pipeline.core.errors import Action, PermanentError

MOST_REASONS = 3


class Fault(StrEnum):
    """Reason codes of a refused feed, each with its meaning."""

    meaning: str

    def __new__(cls, code: str, meaning: str) -> Self:
        """Attach the meaning to a code."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    NO_ADDRESS = "no_address", "AWIN_FEED_URL is not set"
    BAD_ADDRESS = "bad_address", "the address is not a web address"
    NO_FILE = "no_file", "there is no such file"
    UNREADABLE_FILE = "unreadable_file", "the file may not be read"
    UNKNOWN_HOST = "unknown_host", "there is no server of that name"
    NO_CONNECTION = "no_connection", "no connection to the server"
    NO_SECURE_CONNECTION = "no_secure_connection", "no encrypted connection to the server"
    CONNECTION_BROKE = "connection_broke", "the connection broke during the download"
    TOO_SLOW = "too_slow", "the server sends too slowly, or nothing at all"
    REDIRECT_LOOP = "redirect_loop", "the address redirects in a circle"
    UNSAFE_REDIRECT = "unsafe_redirect", "a redirect would give your key to another host, or send it without encryption"
    WRONG_KEY = "wrong_key", "AWIN refuses the key in the address"
    WRONG_TOKEN = "wrong_token", "AWIN refuses AWIN_API_TOKEN"
    NO_ACCESS = "no_access", "AWIN gives you no access to this feed"
    NOT_FOUND = "not_found", "AWIN has no feed at this address"
    REFUSED = "refused", "the server refuses for another reason"
    THROTTLED = "throttled", "the feed was downloaded too often"
    SERVER_ERROR = "server_error", "the server failed (500); it also answers a wrong key like this"
    UNAVAILABLE = "unavailable", "the server is down"
    SHRUNKEN = "shrunken", "the feed has less than a quarter of the bytes of the last accepted ones"
    EMPTY = "empty", "the file is empty"
    TRUNCATED = "truncated", "the packed file ends too early"
    DAMAGED = "damaged", "the packed file is damaged"
    OVERSIZED = "oversized", "the packed file grows beyond what any feed does"
    UNKNOWN_PACKING = "unknown_packing", "the file is packed in another way than gzip or zip"
    ZIP_WITHOUT_FEED = "zip_without_feed", "the zip file holds no file"
    ZIP_OF_SEVERAL = "zip_of_several", "the zip file holds several files"
    ZIP_WITH_PASSWORD = "zip_with_password", "the zip file asks for a password"
    SPREADSHEET = "spreadsheet", "the file is a spreadsheet"
    NO_TEXT = "no_text", "the file is not text"
    UTF_16 = "utf_16", "the text is in UTF-16"
    WEB_PAGE = "web_page", "a web page came instead of a feed"
    LOGIN_PAGE = "login_page", "a login page came instead of a feed"
    XML = "xml", "the feed is XML"
    XML_ERROR = "xml_error", "AWIN answered with an error in XML"
    JSON_ERROR = "json_error", "AWIN answered with an error in JSON"
    JSON_NOT_LINES = "json_not_lines", "the file is JSON, but not one object per line"
    INCOMPLETE = "incomplete", "the feed ends with an error record, so products are missing"
    NO_TABLE = "no_table", "the first line holds no column names"
    ENDLESS_LINE = "endless_line", "a line is longer than 32 MB"
    HEADER_ONLY = "header_only", "there are column names but no products"
    MISSING_COLUMNS = "missing_columns", "columns are missing without which no row can be sold"
    UNKNOWN_COLUMNS = "unknown_columns", "none of the columns that are needed is there: another kind of feed"
    WRONG_PRICE_COLUMN = "wrong_price_column", "the column that SYNC_PRICE_COLUMN names is not there"


class FeedError(PermanentError):
    """A feed that must not be used; the shop stays unchanged. The text ends with the reason code."""

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


_MAKE_AGAIN = "Make the feed again in AWIN (Toolbox > Create-a-Feed); when that does not help, tell the advertiser."


@dataclass(frozen=True)
class RowReason:
    """Why a row is rejected: the fault (reads after "the row"), and what to do."""

    meaning: str
    remedy: str = _MAKE_AGAIN
    is_fault: bool = True
    """Whether many of them speak of a feed that is broken."""


ROW_REASONS: Mapping[str, RowReason] = {
    "malformed_quote": RowReason("has a quotation mark that is not closed or not doubled"),
    "malformed_json": RowReason("is not a JSON object"),
    "too_many_cells": RowReason("has more cells than the header"),
    "too_few_cells": RowReason("has fewer cells than the header"),
    "shifted_columns": RowReason("has values in the wrong columns, such as a number as currency"),
    "too_long": RowReason(
        "has an id of more than 500 bytes, or a name of more than 1,000, which no shop takes",
        "Ask the advertiser what the cell is to hold; a quotation mark that is never closed swallows what follows.",
    ),
    "merchant_conflict": RowReason(
        "is of another advertiser than AWIN's deep link in it",
        "Ask AWIN: the column merchant_id and the deep links of AWIN name two advertisers.",
    ),
    "no_merchant": RowReason(
        "names no AWIN advertiser, neither in a column nor in its deep link",
        "Add the column merchant_id in AWIN (Toolbox > Create-a-Feed).",
    ),
    "no_id": RowReason(
        "has no merchant_product_id",
        "Ask the advertiser to fill merchant_product_id; without it no product is found again tomorrow.",
    ),
    "no_name": RowReason("has no product name", "Ask the advertiser to fill product_name."),
    "unclear_price": RowReason(
        "has a price such as 1.299, which may be a thousand or a little more than one",
        "Name another column with the price in SYNC_PRICE_COLUMN, or ask the advertiser.",
    ),
    "no_price": RowReason(
        "has no price above zero",
        "Look which column holds the selling price, and name it in SYNC_PRICE_COLUMN; if none, ask the advertiser.",
    ),
    "high_price": RowReason(
        "has a price of more than 10 million (of small units, such as yen: 10 billion)",
        "Look which column holds the selling price, and name it in SYNC_PRICE_COLUMN, or ask the advertiser.",
    ),
    "no_currency": RowReason(
        "names no currency, or one that does not exist",
        "Add the column currency in AWIN (Toolbox > Create-a-Feed), or ask the advertiser to fill it.",
    ),
    "currency_conflict": RowReason(
        "names one currency in the price and another one beside it",
        "Ask the advertiser which currency is right: the price and the column currency differ.",
    ),
    "not_for_sale": RowReason(
        "says in is_for_sale that it is not sold",
        "Nothing, when the advertiser has stopped selling it; else ask for is_for_sale to be filled rightly.",
        is_fault=False,
    ),
    "not_valid": RowReason(
        "is not valid yet (valid_from), or no longer (valid_to)",
        "Ask the advertiser for a feed with dates that hold, or leave valid_from and valid_to out of it in AWIN.",
    ),
    "foreign_row": RowReason(
        "is of an advertiser for whom another of your feeds speaks, and this one never did",
        "Nothing, unless the advertiser has moved to this feed: then take the other one out of AWIN_FEED_URL.",
    ),
    "parent_row": RowReason(
        "stands for variants that are rows of their own, and has neither colour nor size",
        "Nothing: its variants are sold.",
        is_fault=False,
    ),
    "duplicate": RowReason(
        "repeats the (merchant_id, merchant_product_id) of another row",
        "Take each feed into AWIN_FEED_URL once; if it is, ask the advertiser for ids that are not repeated.",
    ),
    "duplicate_sku": RowReason(
        "would get the SKU of another offer", "Set SYNC_SKU_TEMPLATE to {merchant_id}-{merchant_product_id}."
    ),
}


def remedy(reason: str) -> str:
    """What to do about rows rejected for this reason."""
    return ROW_REASONS[reason].remedy if reason in ROW_REASONS else _MAKE_AGAIN


def faults(rejected: Mapping[str, int]) -> dict[str, int]:
    """Those of the rejected rows that speak of a broken feed."""
    return {
        reason: rows for reason, rows in rejected.items() if reason not in ROW_REASONS or ROW_REASONS[reason].is_fault
    }


def commonest(rejected: Mapping[str, int]) -> list[tuple[str, int]]:
    """The commonest reasons, with their number of rows."""
    return sorted(rejected.items(), key=lambda item: (-item[1], item[0]))[:MOST_REASONS]


def no_offers(label: str, rejected: Mapping[str, int]) -> FeedError:
    """The error for a feed with no usable row: treated as an empty feed, it would hide the whole shop."""
    reasons = commonest(rejected)
    named = ", ".join(f"{reason} ({rows:,} rows)" for reason, rows in reasons)
    return FeedError(
        f"all_{reasons[0][0]}",
        f"Reading the feed {label}",
        f"not one of its {sum(rejected.values()):,} rows can be sold: {named}",
        f"The shop stays as it is. {remedy(reasons[0][0])}",
    )
