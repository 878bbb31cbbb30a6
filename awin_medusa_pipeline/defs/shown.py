"""Shows values in the Dagster UI: text of others stays text, and links lead to the shop, to Etsy and to the console.

Dagster draws Markdown with pictures and links, also in descriptions of checks, and fetches a picture with the reader's
own rights. So what a feed, the shop or Etsy says goes into a table, which draws plain text, or through `plain`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import dagster as dg
import polars as pl

from awin_medusa_pipeline.app import App

LONGEST_CELL = 120
LONGEST_SENTENCE = 400
OPEN_AT_ONCE = 1000
"""Characters of Markdown below which Dagster draws it where it stands, instead of behind a button (measured)."""
SHOWN_ROWS = 20
ETSY = "etsy.com"
# Readers of Markdown make links of these even where nothing marks one; a space of no width keeps them apart.
_BECOMES_LINK = re.compile(r"//|www(?=\.)|@", re.IGNORECASE)
_APART = "\u200b"
_HARMLESS = ",.;:%'\"()/?-"
_OF_ADDRESSES = "/:?=&%-._~+"


@dataclass(frozen=True)
class Link:
    """Words that lead to an address; None: the words alone."""

    words: object
    address: str | None


def plain(value: object, most: int = LONGEST_SENTENCE) -> str:
    """A value on one line of Markdown, drawn as it is written: no link, picture, markup, or end of a table's cell."""
    line = " ".join("".join(one if one.isprintable() else " " for one in str(value)).split())
    apart = _BECOMES_LINK.sub(rf"\g<0>{_APART}", _cut(line, most))
    # Before its first letter, a line could begin a list or a heading.
    begin = next((place for place, one in enumerate(apart) if one.isalpha()), len(apart))
    return "".join(
        one if one.isalnum() or one == " " or (place > begin and one in _HARMLESS) else f"&#{ord(one)};"
        for place, one in enumerate(apart)
    )


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> dg.MetadataValue:
    """Show rows as a table in Markdown: a cell is a Link, or a value that is drawn as it is written.

    Cells are cut where that is enough to be drawn at once.
    """
    kept = list(rows)
    tried = [_markdown_table(columns, kept, most) for most in (LONGEST_SENTENCE, 200, 120, 80)]
    return dg.MetadataValue.md(next((text for text in tried if len(text) < OPEN_AT_ONCE), tried[0]))


def _markdown_table(columns: Sequence[str], rows: Sequence[Sequence[object]], most: int) -> str:
    lines = [columns, ["---"] * len(columns), *([_markdown_cell(value, most) for value in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def table(rows: Iterable[Mapping[str, object]], columns: Sequence[str]) -> dg.MetadataValue:
    """Show rows as a table of plain text, with long cells cut."""
    records = [dg.TableRecord({name: _cell(row.get(name), LONGEST_SENTENCE) for name in columns}) for row in rows]
    return dg.MetadataValue.table(records, schema=dg.TableSchema(columns=[dg.TableColumn(name) for name in columns]))


def preview(rows: pl.DataFrame) -> dg.MetadataValue:
    """Show the rows of a frame as a table of plain text, with long cells cut."""
    records = [
        dg.TableRecord({name: _cell(value) for name, value in row.items()}) for row in rows.iter_rows(named=True)
    ]
    columns = [dg.TableColumn(name, str(dtype)) for name, dtype in rows.schema.items()]
    return dg.MetadataValue.table(records, schema=dg.TableSchema(columns=columns))


def _cell(value: object, most: int = LONGEST_CELL) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    return _cut(" | ".join(map(str, value)) if isinstance(value, list) else str(value), most)


def _markdown_cell(value: object, most: int) -> str:
    if isinstance(value, Link):
        words = plain(value.words, most)
        return f"[{words}](<{value.address}>)" if value.address else words
    return "" if value is None else plain(f"{value:,}" if isinstance(value, int) else value, most)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


@dataclass(frozen=True)
class Links:
    """Where pages of this installation may lead."""

    shop: str
    """Address of Medusa."""
    console: str
    """Address of the shop's pages in the console."""
    etsy: tuple[str, ...]
    """Host and port of Etsy, and of what stands in for it."""

    @classmethod
    def of(cls, app: App) -> "Links":
        """Read them from the settings."""
        settings = app.settings
        stand_ins = [urlsplit(address).netloc for address in (settings.etsy_api_url, settings.etsy_oauth_url)]
        return cls(app.shop_address, app.console_url, (ETSY, *stand_ins))

    def product(self, product_id: str) -> str | None:
        """A product in Medusa Admin."""
        return self._in_admin(f"products/{quote(product_id, safe='')}")

    def products_found_by(self, text: str) -> str | None:
        """The products that Medusa Admin finds by a SKU or a title."""
        return self._in_admin(f"products?q={quote(text, safe='')}")

    def run(self, run_id: str) -> dg.MetadataValue:
        """A run with its reports in the console."""
        return dg.MetadataValue.url(f"{self.console}/runs/{run_id}")

    def listing(self, address: str | None) -> str | None:
        """A listing, if the address is one of Etsy's; None for any other."""
        parts = urlsplit(address or "")
        if parts.scheme not in ("http", "https") or not self._is_of_etsy(parts.netloc):
            return None
        return quote(address or "", safe=_OF_ADDRESSES)

    def _is_of_etsy(self, host: str) -> bool:
        return host in self.etsy or (host.endswith(f".{ETSY}") and "@" not in host)

    def _in_admin(self, path: str) -> str | None:
        shop = urlsplit(self.shop)
        return f"{self.shop.rstrip('/')}/app/{path}" if shop.scheme in ("http", "https") and shop.netloc else None
