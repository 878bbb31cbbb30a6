"""Turns the text cells of a chunk into columns of the Offer contract, with a reason per row to reject.

Applies the rules between the cells of one row; cells.py has those for one cell, feed.py those between rows.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from awin_medusa_pipeline.sync.domain.feed import cells as cell
from awin_medusa_pipeline.sync.domain.feed import stock as stocks
from awin_medusa_pipeline.sync.domain.feed.columns import (
    DISPLAY_PRICE,
    GOOGLE_PRICE,
    GTINS,
    IMAGE_LIST,
    LEGACY_PRICE,
    MORE_IMAGES,
    SALE_DATES,
    SALE_PRICE,
    SOURCES,
    FeedRules,
    Table,
)

# Explanations of rejected rows for the shop owner; filled from the row.
DETAILS = {
    "shifted_columns": "Values stand in the wrong columns (currency: “{currency_text}”, price: “{price_text}”), so "
    "none of them can be trusted",
    "too_long": "Its {long_cell}, longer than any shop takes",
    "no_merchant": "The row names no AWIN advertiser; add the column merchant_id in Create-a-Feed",
    "merchant_conflict": "The row is of advertiser {merchant_id}, and its deep link of {link_merchant}: who offers it "
    "is not sure",
    "no_id": "The row has no merchant_product_id, so it could not be found again tomorrow",
    "no_name": "The row has no product name",
    "unclear_price": "The price “{price_text}” may mean a thousand or a little more than one; ask the advertiser, or "
    "name another column in SYNC_PRICE_COLUMN",
    "no_price": "The column {price_column} holds “{price_text}”, which is no price above zero",
    "high_price": "The price “{price_text}” is higher than that of anything that is sold in a shop",
    "no_currency": "The row has no known currency (“{currency_text}”); add the column currency in Create-a-Feed",
    "currency_conflict": "The price “{price_text}” has another currency than the column currency, “{currency_text}”",
    "not_for_sale": "The column is_for_sale says no",
    "not_valid": "Its valid_from lies ahead, or its valid_to is past",
    "foreign_row": "Another of your feeds speaks for advertiser {merchant_id}, and this one never did",
    "parent_row": "The row stands for the variants that name “{merchant_product_id}” as their parent, and is none "
    "itself",
    "duplicate": "Another row has the same merchant_product_id “{merchant_product_id}” of advertiser {merchant_id}; "
    "the one that the shop has counts, else the first by GTIN, size, colour, name and price",
    "duplicate_sku": "Another offer already has the SKU “{sku}”; set SYNC_SKU_TEMPLATE to "
    "{{merchant_id}}-{{merchant_product_id}} to tell them apart",
}
DETAIL_FIELDS = (
    *("price_text", "price_column", "currency_text", "merchant_id", "merchant_product_id", "sku"),
    *("long_cell", "link_merchant"),
)
"""What DETAILS tell of a row; a row of Offer alone lacks the last two, which its reasons do not need."""
_LONGEST_TOLD = 200


def detail_of(row: Mapping[str, Any]) -> str:
    """Why this row is rejected, in a sentence; `row` has its reason and DETAIL_FIELDS."""
    told = {name: "" if value is None else str(value)[:_LONGEST_TOLD] for name, value in row.items()}
    return DETAILS[row["reason"]].format_map(told)


_IDENTIFIER = r"^[0-9A-Za-z_.\-]+$"
_LONGEST_EXAMPLE = 40
# AWIN writes the advertiser into the deep links that it makes, which no advertiser can do for another.
_OF_AWIN = r"^https?://(?:[a-z0-9]+[.])?awin1[.]com/[^?#]*[?](?:[^#]*&)?(?:m|awinmid)=([0-9]+)"
# Bytes. PostgreSQL refuses what is longer than 2,704 in an index, and Medusa has ids, SKUs, handles, options, tags and
# titles in one; ids stand in addresses as well, six characters a letter, and Node takes 16 kB of them.
_LONGEST_ID = 500
_LONGEST_NAME = 1_000
_LONGEST: Mapping[str, int] = {
    **dict.fromkeys(("merchant_id", "merchant_product_id", "parent_product_id", "aw_product_id", "mpn"), _LONGEST_ID),
    **dict.fromkeys(("merchant_name", "name", "brand", "category", "colour", "size"), _LONGEST_NAME),
}
"""By meaning: no shop takes more, and such a row would fail those that are sent with it."""
# PostgreSQL sets no bound; it takes a parser of HTML 0.2 s to read so many tags in each other, and 16 times as long
# for four times as many.
_LONGEST_DESCRIPTION = 50_000

Unread = Mapping[str, Mapping[str, int]]
"""Column -> cell that is filled and was not understood -> rows."""


@dataclass
class _Unread:
    """Collects the cells of a chunk that are filled and not understood."""

    columns: dict[str, pl.Series] = field(default_factory=dict)

    def note(self, text: pl.Series, read: pl.Series, passed: pl.Series | None = None) -> None:
        """Remember which of these cells say nothing that could be read; `passed`: rows of which none is unread."""
        if read.null_count() > text.null_count():
            self.add(text.set(read.is_not_null() if passed is None else read.is_not_null() | passed, None))

    def add(self, unread: pl.Series) -> None:
        """Remember these cells."""
        if unread.null_count() < len(unread):
            self.columns[unread.name] = unread

    def counts(self, rows: pl.Series) -> Unread:
        """Count rows by column and cell, of these rows only."""
        found = {}
        for name, text in self.columns.items():
            cells = text.filter(rows).drop_nulls().str.slice(0, _LONGEST_EXAMPLE)
            if len(cells):
                found[name] = dict(cells.value_counts().iter_rows())
        return found


def more_unread(before: Unread, more: Unread, most: int) -> Unread:
    """Add both counts; of a column's cells beyond `most` only their number is kept, under ""."""
    if not more:
        return before
    found = {name: Counter(cells) for name, cells in before.items()}
    for name, cells in more.items():
        column = found.setdefault(name, Counter())
        for cell_, rows in cells.items():
            column[cell_ if cell_ in column or len(column) < most else ""] += rows
    return found


def offers_of(table: Table, rules: FeedRules) -> tuple[pl.DataFrame, Unread]:
    """Turn rows into columns of Offer except feed and line, plus reason (null: sellable) and the texts for DETAILS.

    Also returns the cells of sellable rows that are filled and were not understood: such a cell changes nothing.
    """
    unread = _Unread()
    table, long_cell = _bounded(table)
    deep_link = _link(table, "deep_link", unread)
    merchant = table.first("merchant_id")
    merchant = _filled(merchant, deep_link, lambda text: text.str.extract(r"[?&](?:m|awinmid)=([0-9]+)"))
    price = _price(table, rules, merchant, unread)
    own_id = _identifier(table.first("merchant_product_id"))
    image, more_images = _images(table, unread)
    frame = pl.DataFrame(
        {
            "merchant_id": merchant.alias("merchant_id"),
            "merchant_name": cell.by_value(table.first("merchant_name"), lambda t: cell.undamaged(cell.one_line(t))),
            "merchant_product_id": own_id,
            "parent_product_id": cell.parents(_identifier(table.first("parent_product_id")), own_id),
            "aw_product_id": table.first("aw_product_id"),
            "gtin": _gtin(table, unread),
            "mpn": _mpn(table),
            "name": cell.one_line(table.first("name")),
            "description": _description(table, unread),
            "brand": cell.by_value(table.first("brand"), _label),
            "category": _category(table),
            "colour": cell.by_value(table.first("colour"), _label),
            "size": cell.by_value(table.first("size"), _label),
            **_stock(table, unread),
            "image_url": image,
            "more_image_urls": more_images,
            "deep_link": deep_link,
            "merchant_link": _link(table, "merchant_link", unread),
            "stock_text": table.first("stock"),
            "long_cell": long_cell,
            "link_merchant": _other_merchant(deep_link, merchant),
            **_sold(table, rules, unread),
            **price.to_dict(),
        }
    )
    parent = pl.coalesce("parent_product_id", "merchant_product_id")
    frame = frame.with_columns(
        offer_key=pl.format("awin:{}:{}", "merchant_id", "merchant_product_id"),
        product_key=pl.format("awin:{}:{}", "merchant_id", parent),
        sku=rules.sku(),
        reason=_REASON,
    )
    return frame, unread.counts(frame["reason"].is_null())


def _cases() -> dict[str, pl.Expr]:
    """When each reason applies; reasons that explain others come first."""
    shifted = (
        pl.col("currency_text").str.contains(r"[0-9/]").fill_null(False)
        | pl.col("price_text").str.contains("://", literal=True).fill_null(False)
        | (pl.col("stock_text").str.contains("://", literal=True) & pl.col("in_stock").is_null()).fill_null(False)
        | ~pl.col("merchant_id").str.contains(_IDENTIFIER).fill_null(True)
    )
    return {
        "too_long": pl.col("long_cell").is_not_null(),
        "shifted_columns": shifted,
        "no_merchant": pl.col("merchant_id").is_null(),
        "merchant_conflict": (pl.col("merchant_id") != pl.col("link_merchant")).fill_null(False),
        "no_id": pl.col("merchant_product_id").is_null(),
        "no_name": pl.col("name").is_null(),
        "unclear_price": pl.col("unclear"),
        "no_price": ~(pl.col("price") > 0).fill_null(False),
        "high_price": pl.col("high"),
        "no_currency": pl.col("currency").is_null(),
        "currency_conflict": pl.col("conflict"),
        "not_for_sale": ~pl.col("for_sale"),
    }


_REASON = pl.coalesce(*(pl.when(holds).then(pl.lit(code)) for code, holds in _cases().items()))


def _bounded(table: Table) -> tuple[Table, pl.Series]:
    """Blank the cells that are longer than any shop takes; also returns, per row, which one that was (null: none)."""
    limits = {name: most for meaning, most in _LONGEST.items() for name in SOURCES[meaning]}
    sizes = {name: pl.col(name).str.len_bytes() for name in limits if name in table.cells.columns}
    longest = table.cells.select(size.max() for size in sizes.values()).row(0) if table.cells.height else ()
    long = [name for name, size in zip(sizes, longest, strict=False) if (size or 0) > limits[name]]
    if not long:
        return table, pl.Series([None], dtype=pl.String).new_from_index(0, table.cells.height)
    is_long = {name: sizes[name] > limits[name] for name in long}
    words = {name: pl.format(f"{name} has {{}} bytes, more than {limits[name]:,}", sizes[name]) for name in long}
    told = table.cells.select(pl.coalesce(pl.when(is_long[name]).then(words[name]) for name in long)).to_series()
    blanked = [pl.when(~is_long[name].fill_null(False)).then(name).alias(name) for name in long]
    return Table(table.cells.with_columns(blanked)), told


def _link(table: Table, meaning: str, unread: _Unread) -> pl.Series:
    """Keep web addresses; null for any other, such as `javascript:`."""
    text = cell.ampersands(table.first(meaning))
    address = cell.sound_addresses(text)
    unread.note(text, address)
    return address


_ENDS_WITH_MERCHANT = pl.col("link").str.ends_with(pl.concat_str(pl.lit("&m="), "merchant"))


def _other_merchant(link: pl.Series, merchant: pl.Series) -> pl.Series:
    """The advertiser whom a deep link of AWIN names, where it is another than the row's."""
    # Nearly every link ends with its advertiser; to look there takes a tenth of the time.
    plain = pl.DataFrame({"link": link, "merchant": merchant}).select(_ENDS_WITH_MERCHANT).to_series()
    of_link = pl.Series([None], dtype=pl.String).new_from_index(0, len(link))
    at = (~plain).fill_null(False).arg_true()
    return of_link.scatter(at, link.gather(at).str.extract(_OF_AWIN)) if len(at) else of_link


def _description(table: Table, unread: _Unread) -> pl.Series:
    text = table.first("description")
    short = text.set((text.str.len_bytes() > _LONGEST_DESCRIPTION).fill_null(False), None)
    unread.note(text, short)
    return cell.many_lines(short)


def _label(text: pl.Series) -> pl.Series:
    return cell.undamaged(cell.value_or_null(cell.one_line(text)))


def _identifier(text: pl.Series) -> pl.Series:
    """Remove line breaks, which no id in a shop may contain."""
    return text.str.replace_all(r"\s+", " ") if text.str.contains(r"[\r\n\t]").any() else text


def _category(table: Table) -> pl.Series:
    """Read the first sibling that names a path; a number is no name."""
    found = None
    for text in table.siblings("category"):
        if found is None or found.null_count():
            path = cell.by_value(text, lambda t: cell.undamaged(cell.category_path(cell.one_line(t))))
            found = path if found is None else found.zip_with(found.is_not_null(), path)
    return table.column("category") if found is None else found.alias("category")


def _sold(table: Table, rules: FeedRules, unread: _Unread) -> dict[str, pl.Series]:
    """Read for_sale (null: the feed does not say) and out_of_date: today is not between valid_from and valid_to."""
    for_sale, said, _ = stocks.statuses(table.first("for_sale"))
    unread.note(for_sale.alias("is_for_sale"), said)
    sides = []
    for name, end in (("valid_from", False), ("valid_to", True)):
        text = table.first(name)
        moment = cell.moments(text, end=end)
        if moment.null_count() > text.null_count():
            text = stocks.told(text)
            unread.note(text, moment, cell.no_date(text))
        sides.append(moment)
    begins, ends = sides
    out_of_date = ((begins > rules.now) | (ends < rules.now)).fill_null(False)
    return {"for_sale": said, "out_of_date": out_of_date}


def _price(table: Table, rules: FeedRules, merchant: pl.Series, unread: _Unread) -> pl.DataFrame:
    """Read columns price, high, currency, unclear, conflict, and the texts price_text, currency_text, price_column."""
    own = {name: of for name, of in rules.price_columns.items() if name != "*"}
    default = rules.price_columns.get("*", LEGACY_PRICE)
    google = LEGACY_PRICE not in table.cells.columns and GOOGLE_PRICE in table.cells.columns
    column = pl.Series([default], dtype=pl.String).new_from_index(0, len(merchant))
    text, used = _price_text(table, default, google), [default]
    if own:
        column = merchant.replace_strict(own, default=default, return_dtype=pl.String)
        used = column.unique().to_list()
        for name in used:
            text = text.zip_with(column != name, _price_text(table, name, google))
    found = cell.prices(text)
    code = found["code"]
    written = table.first("currency")
    currency = cell.by_value(written, cell.currencies)
    conflict = (currency != code).fill_null(False)
    if currency.null_count():
        blank = written.is_null()
        shown = table.column(DISPLAY_PRICE)
        currency = _filled(currency, code.set(~blank, None), cell.currencies)
        currency = _filled(currency, shown.set(~blank, None), lambda text: cell.currencies(cell.prices(text)["code"]))
    found = cell.cleared(found, currency, text)
    amount, unclear = found["amount"], found["unclear"]
    if google and LEGACY_PRICE in used and SALE_PRICE in table.cells.columns:
        sale_text = table.column(SALE_PRICE)
        sale = cell.cleared(cell.prices(sale_text), currency, sale_text)
        unread.note(sale_text, sale["amount"].set(sale["unclear"], None))
        holds = (sale["amount"] > 0) & (sale["amount"] < amount) & ~sale["unclear"]
        holds &= _on_sale(table, rules, sale_text.is_not_null(), unread)
        holds &= (sale["code"] == code).fill_null(True) & (column == LEGACY_PRICE)
        amount = sale["amount"].zip_with(holds.fill_null(False), amount)
    amount = cell.rounded(amount, currency)
    return pl.DataFrame(
        {
            "price": amount,
            "high": cell.beyond(amount, currency),
            "currency": currency,
            "unclear": unclear,
            "conflict": conflict,
            "price_text": text,
            "currency_text": written,
            "price_column": column,
        }
    )


def _price_text(table: Table, column: str, google: bool) -> pl.Series:
    if column != LEGACY_PRICE:
        return table.column(column.lower())
    if google:
        return table.column(GOOGLE_PRICE)
    text = table.column(LEGACY_PRICE)  # display_price is the same figure with its currency in front
    return text.zip_with(text.is_not_null(), table.column(DISPLAY_PRICE)) if text.null_count() else text


def _on_sale(table: Table, rules: FeedRules, with_price: pl.Series, unread: _Unread) -> pl.Series:
    """Whether now is within the sale's dates (Google: start/end in ISO 8601); unreadable dates grant no sale."""
    dates = table.column(SALE_DATES).set(~with_price, None)
    if dates.null_count() == len(dates):
        return dates.is_null()
    ends = dates.str.split_exact("/", 2).struct
    both = [ends.field(f"field_{at}").str.strip_chars() for at in range(3)]
    sides = [cell.moments(both[0]), cell.moments(both[1], end=True)]
    open_ended = [(text == "").fill_null(False) | cell.no_date(text) for text in both[:2]]
    read = [side.is_not_null() | is_open for side, is_open in zip(sides, open_ended, strict=True)]
    understood = read[0] & read[1] & both[2].is_null()
    unread.note(dates, dates.set(~understood, None))
    holds = (sides[0] <= rules.now).fill_null(True) & (sides[1] >= rules.now).fill_null(True)
    return dates.is_null() | (understood & holds)


def _stock(table: Table, unread: _Unread) -> dict[str, pl.Series]:
    """Read in_stock, quantity, and unread_stock: the cell that is filled where none of the row's could be understood.

    A status wins over the quantity; a quantity alone gives the status. Of siblings the first that is understood counts.
    A number above one in a status column is a quantity. Less than none is nothing in stock, unless the status says
    else.
    """
    odd = pl.Series([None], dtype=pl.String).new_from_index(0, table.cells.height)
    in_stock, quantity = odd.cast(pl.Boolean), odd.cast(pl.Int64)
    counted: list[pl.Series] = []
    for column in table.siblings("stock"):
        text, status, number = stocks.statuses(column)
        odd = _odd(odd, text, status, unread)
        in_stock = _first_of(in_stock, status)
        counted += [number] if number.null_count() < len(number) else []
    for text in table.siblings("quantity"):
        number = stocks.quantities(text)
        if number.null_count() > text.null_count():
            odd = _odd(odd, stocks.told(text), number, unread)
        quantity = _first_of(quantity, number)
    for number in counted:
        quantity = _first_of(quantity, number)
    in_stock = in_stock.zip_with(in_stock.is_not_null() | quantity.is_null(), quantity > 0)
    less = quantity < 0
    if less.any():
        quantity = quantity.set(less & in_stock, None).clip(0)
    if odd.null_count() < len(odd):
        odd = odd.set(in_stock.is_not_null(), None).str.slice(0, _LONGEST_EXAMPLE)
    return {"in_stock": in_stock, "quantity": quantity, "unread_stock": odd}


def _odd(odd: pl.Series, text: pl.Series, read: pl.Series, unread: _Unread) -> pl.Series:
    """Add to the stock cells that were not understood those of another column."""
    unread.note(text, read)
    return _first_of(odd, text.set(read.is_not_null(), None)) if read.null_count() > text.null_count() else odd


def _first_of(found: pl.Series, other: pl.Series) -> pl.Series:
    if not found.null_count():
        return found
    return other if found.null_count() == len(found) else found.zip_with(found.is_not_null(), other)


def _gtin(table: Table, unread: _Unread) -> pl.Series:
    """Read the first valid code of the sibling columns."""
    found = pl.Series("gtin", [None], dtype=pl.String).new_from_index(0, table.cells.height)
    for name in GTINS:
        text = table.column(name)
        if not found.null_count() or text.null_count() == len(text):
            continue
        at = (found.is_null() & text.is_not_null()).arg_true()
        cells = text.gather(at)
        codes = cell.gtins(cells)
        if codes.null_count():
            odd = cell.value_or_null(cells.set(codes.is_not_null(), None))
            unread.add(text.clear(len(text)).scatter(at, odd))
        found = found.scatter(at, codes) if len(at) else found
    return found


def _filled(found: pl.Series, other: pl.Series, read: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Fill the nulls of `found` with values read from the other column; only those rows are read."""
    if not found.null_count():
        return found
    at = (found.is_null() & other.is_not_null()).arg_true()
    return found.clone().scatter(at, read(other.gather(at))) if len(at) else found


def _mpn(table: Table) -> pl.Series:
    """Read the part number. Measured: one advertiser writes its list of sizes there, joined by '|'."""
    mpn = cell.value_or_null(table.first("mpn"))
    return mpn.set(mpn.str.contains("|", literal=True), None)


def _images(table: Table, unread: _Unread) -> tuple[pl.Series, pl.Series]:
    """Read the main image, and the others without repetition."""
    written = [table.first("image"), *(table.column(name) for name in MORE_IMAGES if name in table.cells.columns)]
    plain = [cell.plain_addresses(text) for text in written]
    several = ~plain[0] & False
    for text, alone in zip(written, plain, strict=True):
        if not alone.all():
            odd = (~alone).arg_true()
            several = several.scatter(odd, several.gather(odd) | cell.holds_several(text.gather(odd)))
    image, *others = (cell.odd_addresses(text, ~alone) for text, alone in zip(written, plain, strict=True))
    for text, address in zip(written, (image, *others), strict=True):
        unread.note(text, address, several)
    more: list[pl.Series] = []
    for found in others:
        for earlier in [image, *more]:
            found = found.set(found == earlier, None)
        if found.null_count() < len(found):
            more.append(found)
    # Addresses have no line breaks; joining and splitting is four times as fast as dropping nulls from lists.
    lists = none = pl.Series([[]], dtype=pl.List(pl.String)).new_from_index(0, len(image))
    if more:
        joined = pl.DataFrame(more).select(pl.concat_str(pl.all(), separator="\n", ignore_nulls=True)).to_series()
        lists = joined.str.split("\n").zip_with(joined != "", none)
    if IMAGE_LIST in table.cells.columns:
        written.append(table.column(IMAGE_LIST))
        several |= written[-1].is_not_null()
    if not several.any():
        return image, lists
    at = several.arg_true()
    every = pl.DataFrame([text.gather(at).alias(str(number)) for number, text in enumerate(written)]).select(
        pl.concat_str(pl.all(), separator="\n", ignore_nulls=True)
    )
    each = pl.DataFrame({"row": at, "address": cell.one_a_line(every.to_series()).str.split("\n")}).explode("address")
    each = each.with_columns(address=cell.web_addresses(cell.blank_to_null(each["address"]))).drop_nulls()
    each = each.unique(["row", "address"], keep="first", maintain_order=True)
    read = each.group_by("row", maintain_order=True).agg(
        first=pl.col("address").first(), rest=pl.col("address").slice(1)
    )
    frame = pl.DataFrame({"image": image, "more": lists, "several": several}).with_row_index("row")
    frame = frame.join(read.with_columns(pl.col("row").cast(pl.UInt32)), on="row", how="left", maintain_order="left")
    frame = frame.with_columns(
        image=pl.when("several").then("first").otherwise("image"),
        more=pl.when("several").then(pl.col("rest").fill_null([])).otherwise("more"),
    )
    return frame["image"], frame["more"]
