"""Turns the text cells of a chunk into columns of the Offer contract, with a reason per row to reject.

Applies the rules between the cells of one row; cells.py has those for one cell, feed.py those between rows.
"""

from collections.abc import Callable

import polars as pl

from awin_medusa_pipeline.sync.domain.feed import cells as cell
from awin_medusa_pipeline.sync.domain.feed.columns import (
    DISPLAY_PRICE,
    GOOGLE_PRICE,
    GTINS,
    IMAGE_LIST,
    LEGACY_PRICE,
    MORE_IMAGES,
    SALE_DATES,
    SALE_PRICE,
    FeedRules,
    Table,
)

# Explanations of rejected rows for the shop owner; filled from the row.
DETAILS = {
    "shifted_columns": "Values stand in the wrong columns (currency: “{currency_text}”, price: “{price_text}”), so "
    "none of them can be trusted",
    "no_merchant": "The row names no AWIN advertiser; add the column merchant_id in Create-a-Feed",
    "no_id": "The row has no merchant_product_id, so it could not be found again tomorrow",
    "no_name": "The row has no product name",
    "unclear_price": "The price “{price_text}” may mean a thousand or a little more than one; ask the advertiser, or "
    "name another column in SYNC_PRICE_COLUMN",
    "no_price": "The column {price_column} holds “{price_text}”, which is no price above zero",
    "no_currency": "The row has no known currency (“{currency_text}”); add the column currency in Create-a-Feed",
    "currency_conflict": "The price “{price_text}” has another currency than the column currency, “{currency_text}”",
    "duplicate": "An earlier row has the same merchant_product_id “{merchant_product_id}” of advertiser {merchant_id}; "
    "the first one counts",
    "duplicate_sku": "Another offer already has the SKU “{sku}”; set SYNC_SKU_TEMPLATE to "
    "{{merchant_id}}-{{merchant_product_id}} to tell them apart",
}
DETAIL_FIELDS = ("price_text", "price_column", "currency_text", "merchant_id", "merchant_product_id", "sku")
_IDENTIFIER = r"^[0-9A-Za-z_.\-]+$"


def offers_of(table: Table, rules: FeedRules) -> pl.DataFrame:
    """Turn rows into columns of Offer except feed and line, plus reason (null: sellable) and the texts for DETAILS."""
    deep_link = table.first("deep_link")
    merchant = table.first("merchant_id")
    merchant = _filled(merchant, deep_link, lambda text: text.str.extract(r"[?&](?:m|awinmid)=([0-9]+)"))
    price = _price(table, rules, merchant)
    in_stock, quantity = _stock(table)
    image, more_images = _images(table)
    frame = pl.DataFrame(
        {
            "merchant_id": merchant.alias("merchant_id"),
            "merchant_name": cell.by_value(table.first("merchant_name"), cell.one_line),
            "merchant_product_id": _identifier(table.first("merchant_product_id")),
            "parent_product_id": cell.value_or_null(_identifier(table.first("parent_product_id"))),
            "aw_product_id": table.first("aw_product_id"),
            "gtin": _gtin(table),
            "mpn": _mpn(table),
            "name": cell.one_line(table.first("name")),
            "description": cell.many_lines(table.first("description")),
            "brand": cell.by_value(table.first("brand"), _label),
            "category": cell.by_value(table.first("category"), lambda text: cell.category_path(cell.one_line(text))),
            "colour": cell.by_value(table.first("colour"), _label),
            "size": cell.by_value(table.first("size"), _label),
            "in_stock": in_stock,
            "quantity": quantity,
            "image_url": image,
            "more_image_urls": more_images,
            "deep_link": deep_link,
            "merchant_link": table.first("merchant_link"),
            "stock_text": table.first("stock"),
            **price.to_dict(),
        }
    )
    parent = pl.coalesce("parent_product_id", "merchant_product_id")
    return frame.with_columns(
        offer_key=pl.format("awin:{}:{}", "merchant_id", "merchant_product_id"),
        product_key=pl.format("awin:{}:{}", "merchant_id", parent),
        sku=rules.sku(),
        reason=_reason(),
    )


def _reason() -> pl.Expr:
    """The first reason that applies; reasons that explain others come first."""
    shifted = (
        pl.col("currency_text").str.contains(r"[0-9/]").fill_null(False)
        | pl.col("price_text").str.contains("://", literal=True).fill_null(False)
        | pl.col("stock_text").str.contains("://", literal=True).fill_null(False)
        | ~pl.col("merchant_id").str.contains(_IDENTIFIER).fill_null(True)
    )
    cases = {
        "shifted_columns": shifted,
        "no_merchant": pl.col("merchant_id").is_null(),
        "no_id": pl.col("merchant_product_id").is_null(),
        "no_name": pl.col("name").is_null(),
        "unclear_price": pl.col("unclear"),
        "no_price": ~(pl.col("price") > 0).fill_null(False),
        "no_currency": pl.col("currency").is_null(),
        "currency_conflict": pl.col("conflict"),
    }
    return pl.coalesce(*(pl.when(holds).then(pl.lit(code)) for code, holds in cases.items()))


def _label(text: pl.Series) -> pl.Series:
    return cell.value_or_null(cell.one_line(text))


def _identifier(text: pl.Series) -> pl.Series:
    """Remove line breaks, which no id in a shop may contain."""
    return text.str.replace_all(r"\s+", " ") if text.str.contains(r"[\r\n\t]").any() else text


def _price(table: Table, rules: FeedRules, merchant: pl.Series) -> pl.DataFrame:
    """Read columns price, currency, unclear, conflict, and the texts price_text, currency_text, price_column."""
    column = merchant.replace_strict(
        {name: of for name, of in rules.price_columns.items() if name != "*"},
        default=rules.price_columns.get("*", LEGACY_PRICE),
        return_dtype=pl.String,
    )
    used = column.unique().drop_nulls().to_list()
    google = LEGACY_PRICE not in table.cells.columns and GOOGLE_PRICE in table.cells.columns
    text = table.column("price_text")
    for name in used:
        text = text.zip_with(column != name, _price_text(table, name, google))
    found = cell.prices(text)
    amount, code, unclear = found["amount"], found["code"], found["unclear"]
    if google and LEGACY_PRICE in used and SALE_PRICE in table.cells.columns:
        sale = cell.prices(table.column(SALE_PRICE))
        holds = (sale["amount"] > 0) & (sale["amount"] < amount) & ~sale["unclear"] & _on_sale(table, rules)
        holds &= (sale["code"] == code).fill_null(True) & (column == LEGACY_PRICE)
        amount = sale["amount"].zip_with(holds.fill_null(False), amount)
    written = table.first("currency")
    named = cell.by_value(written, cell.currencies)
    conflict = (named != code).fill_null(False)
    currency = named.zip_with(written.is_not_null(), cell.currencies(code))
    shown = table.column(DISPLAY_PRICE).set(written.is_not_null(), None)
    currency = _filled(currency, shown, lambda text: cell.currencies(cell.prices(text)["code"]))
    return pl.DataFrame(
        {
            "price": amount,
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


def _on_sale(table: Table, rules: FeedRules) -> pl.Series:
    """Whether now is within the sale's dates (Google: start/end in ISO 8601); unreadable dates do not count."""
    dates = table.column(SALE_DATES)
    ends = dates.str.split_exact("/", 1)
    now = pl.lit(rules.now).dt.convert_time_zone("UTC")

    def moment(part: str) -> pl.Expr:
        text = (
            pl.col(part)
            .str.strip_chars()
            .str.replace(r"[Zz]$", "+0000")
            .str.replace(r"([+-][0-9]{2}):([0-9]{2})$", "$1$2")
        )
        zoned = [
            text.str.to_datetime(form, strict=False, time_zone="UTC")
            for form in ("%Y-%m-%dT%H:%M%z", "%Y-%m-%dT%H:%M:%S%z")
        ]
        plain = [
            text.str.to_datetime(form, strict=False).dt.replace_time_zone("UTC")
            for form in ("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")
        ]
        return pl.coalesce(*zoned, *plain)

    frame = ends.struct.unnest()
    return frame.select(
        (moment("field_0") <= now).fill_null(True) & (moment("field_1") >= now).fill_null(True)
    ).to_series()


def _stock(table: Table) -> tuple[pl.Series, pl.Series]:
    """Read in_stock and quantity. A status wins over the quantity; a quantity alone gives the status."""
    status = table.first("stock")
    quantity = cell.quantities(table.first("quantity"))
    in_stock = cell.stock(status)
    return in_stock.zip_with(status.is_not_null() | quantity.is_null(), quantity > 0), quantity


def _gtin(table: Table) -> pl.Series:
    """Read the first valid code of the sibling columns."""
    found = pl.Series("gtin", [None], dtype=pl.String).new_from_index(0, table.cells.height)
    for name in GTINS:
        if name in table.cells.columns:
            found = _filled(found, table.column(name), cell.gtins)
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


def _images(table: Table) -> tuple[pl.Series, pl.Series]:
    """Read the main image, and the others without repetition."""
    image = cell.web_addresses(table.first("image"))
    more: list[pl.Series] = []
    for name in MORE_IMAGES:
        if name not in table.cells.columns:
            continue
        found = cell.web_addresses(table.column(name))
        for earlier in [image, *more]:
            found = found.set((found == earlier).fill_null(False), None)
        if found.null_count() < len(found):
            more.append(found.alias(name))
    # Addresses have no line breaks; joining and splitting is four times as fast as dropping nulls from lists.
    lists = none = pl.Series([[]], dtype=pl.List(pl.String)).new_from_index(0, len(image))
    if more:
        joined = pl.DataFrame(more).select(pl.concat_str(pl.all(), separator="\n", ignore_nulls=True)).to_series()
        lists = joined.str.split("\n").zip_with(joined != "", none)
    if IMAGE_LIST in table.cells.columns:
        # Addresses may contain commas, so the list is split only before the next address.
        given = table.column(IMAGE_LIST).str.replace_all(r"\s*,\s*(https?://)", "\n$1").str.split("\n")
        frame = pl.DataFrame({"image": image, "more": lists, "row": pl.int_range(len(image), eager=True)})
        each = pl.DataFrame({"row": frame["row"], "address": given}).explode("address").drop_nulls()
        each = each.with_columns(address=cell.web_addresses(cell.blank_to_null(each["address"]))).drop_nulls()
        each = each.join(
            frame, left_on=["row", "address"], right_on=["row", "image"], how="anti", maintain_order="left"
        )
        grouped = each.group_by("row", maintain_order=True).agg("address")
        frame = frame.join(grouped, on="row", how="left", maintain_order="left").with_columns(
            more=pl.when(pl.col("address").is_null())
            .then("more")
            .otherwise(pl.concat_list("more", "address").list.unique(maintain_order=True))
        )
        lists = frame["more"]
    return image, lists
