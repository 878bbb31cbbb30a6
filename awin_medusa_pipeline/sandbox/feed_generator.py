"""Generates an AWIN feed of any size, with the quirks of real feeds, and reports its content.

Rows have AWIN's legacy columns and are written as AWIN writes them (PHP's fputcsv). The same arguments give the same
bytes. An offer depends only on its index, so tomorrow's feed (`day=1`) is a window of offers shifted a little, with
some prices and stocks changed.
"""

import gzip
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import polars as pl

from awin_medusa_pipeline.sandbox import feed_words as words

COLUMNS = (  # noqa: SIM905
    "aw_deep_link product_name aw_product_id merchant_product_id merchant_image_url description merchant_category "
    "search_price merchant_name merchant_id category_name category_id aw_image_url currency store_price delivery_cost "
    "merchant_deep_link language last_updated display_price data_feed_id brand_name colour rrp_price condition ean "
    "product_GTIN mpn parent_product_id in_stock stock_quantity stock_status alternate_image Fashion:size valid_to"
).split()
FIRST_MERCHANT = 9001
BATCH = 50_000
COMPRESS_LEVEL = 6
# Rows that break a fast reader; rare in real feeds (4 of 1.09 million in one feed).
BROKEN = ("malformed_quote", "too_many_cells", "too_few_cells", "shifted_columns")
UNSELLABLE = ("no_id", "no_name", "no_price", "unclear_price", "no_currency", "currency_conflict", "no_merchant")


@dataclass(frozen=True)
class GeneratedFeed:
    """Content of a generated feed; rows == offers + sum(rejected)."""

    path: Path
    offers: int
    rows: int
    rejected: dict[str, int]
    quirks: dict[str, int]
    stock: dict[str, int] = field(default_factory=dict)
    """Number of offers per stock: in_stock, out_of_stock, unknown."""


def write_feed(
    path: Path,
    *,
    offers: int,
    seed: int = 7,
    merchants: int = 3,
    quirks: bool = True,
    day: int = 0,
    euro_merchant: bool = False,
    image_address: str = "https://images.fernhollow.example",
) -> GeneratedFeed:
    """Write `offers` sellable rows and, with `quirks`, a few rows of every kind that must be rejected.

    The suffix of `path` decides the packing: .gz, .zip or plain. Each `day` replaces a thirtieth of the offers and
    changes a fifth of the prices and a tenth of the stocks. With `euro_merchant` the last merchant sells in EUR.
    """
    start = day * max(1, offers // 30)
    planned = _plan_rejects(offers, merchants) if quirks else {}
    rejected: Counter[str] = Counter()
    found: Counter[str] = Counter()
    stock: Counter[str] = Counter()
    last: list[str] = []
    path.parent.mkdir(parents=True, exist_ok=True)
    with _packed(path) as file:
        file.write((",".join(COLUMNS) + "\n").encode())
        for first in range(0, offers, BATCH):
            size = min(BATCH, offers - first)
            frame = _offers(start + first, size, seed, merchants, quirks, day, euro_merchant, image_address)
            found.update(
                {name: int(total) for name, total in frame.select(pl.col("^is_.*$").sum()).row(0, named=True).items()}
            )
            stock.update(dict(frame["stock"].value_counts().iter_rows()))
            lines = _as_php_writes_it(frame)
            for position in sorted((at for at in planned if first <= at < first + size), reverse=True):
                row = frame.row(position - first, named=True)
                for kind in planned[position]:
                    if kind in _SPECIAL:
                        lines[position - first] = _line(_SPECIAL[kind](row))
                        found[kind] += 1
                        continue
                    rejected[kind] += 1
                    line = _unsellable(row, kind, len(rejected) + position, merchants)
                    if kind == "duplicate":
                        last.insert(0, line)
                    else:
                        lines.insert(position - first + 1, line)
            file.write(("\n".join(lines) + "\n").encode("utf-8", "surrogateescape"))
        if last:
            file.write(("\n".join(last) + "\n").encode("utf-8", "surrogateescape"))
    return GeneratedFeed(
        path=path,
        offers=offers,
        rows=offers + rejected.total(),
        rejected=dict(sorted(rejected.items())),
        quirks={name.removeprefix("is_"): count for name, count in sorted(found.items()) if count},
        stock=dict(sorted(stock.items())),
    )


@contextmanager
def _packed(path: Path) -> Iterator[IO[bytes] | gzip.GzipFile]:
    if path.suffix == ".gz":
        with path.open("wb") as raw, gzip.GzipFile("", "wb", COMPRESS_LEVEL, raw, mtime=0) as file:
            yield file
    elif path.suffix == ".zip":
        with (
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESS_LEVEL) as archive,
            archive.open(zipfile.ZipInfo("datafeed.csv"), "w") as file,
        ):
            yield file
    else:
        with path.open("wb") as file:
            yield file


def _mixed(number: pl.Expr, salt: int) -> pl.Expr:
    """Hash a number (splitmix64; polars' UInt64 arithmetic wraps)."""

    def u64(value: int) -> pl.Expr:
        return pl.lit(value % 2**64, dtype=pl.UInt64)

    mixed = number.cast(pl.UInt64) * u64(0x9E3779B97F4A7C15) + u64(salt * 0xD1B54A32D192ED03)
    mixed = (mixed ^ (mixed // u64(2**30))) * u64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed // u64(2**27))) * u64(0x94D049BB133111EB)
    return mixed ^ (mixed // u64(2**31))


def _offers(
    start: int, size: int, seed: int, merchants: int, quirks: bool, day: int, euro_merchant: bool, image_address: str
) -> pl.DataFrame:
    """Build offers start..start+size with COLUMNS, `stock` and an `is_...` column per quirk."""
    index, product = pl.col("index"), pl.col("product")

    def pick(salt: int, choices: tuple[str, ...] | list[str], of: pl.Expr = product) -> pl.Expr:
        return pl.lit(pl.Series(choices)).gather(_mixed(of, seed * 1000 + salt) % len(choices))

    def one_in(n: int, salt: int, of: pl.Expr = product) -> pl.Expr:
        return (_mixed(of, seed * 1000 + salt) % n == 0) & pl.lit(quirks)

    def number(salt: int, below: int, of: pl.Expr = product) -> pl.Expr:
        return (_mixed(of, seed * 1000 + salt) % below).cast(pl.Int64)

    merchant = index % merchants
    shape = merchant % 3  # 0: row per SKU with parent; 1: row per SKU, no parent; 2: row per style, sizes in one cell
    nouns, categories = [noun for noun, _ in words.NOUNS], [category for _, category in words.NOUNS]
    frame = (
        pl.DataFrame({"index": pl.Series(range(start, start + size), dtype=pl.Int64)})
        .with_columns(merchant=merchant, shape=shape, nth=index // merchants)
        .with_columns(
            product=pl.col("merchant")
            + merchants * pl.when(pl.col("shape") == 2).then(pl.col("nth")).otherwise(pl.col("nth") // 6),
            variant=pl.col("nth") % 6,
        )
        .with_columns(
            is_duplicate_name=one_in(60, 1) & (product >= merchants),
            is_entity=one_in(40, 2),
            is_mojibake=one_in(500, 3),
            is_brand_not_available=one_in(70, 4),
            is_double_space=~one_in(3, 5) & pl.lit(quirks),
            is_nbsp=one_in(10, 6),
            is_html=one_in(100, 7),
            is_gtin_list=one_in(25, 8) & (pl.col("shape") == 2),
            is_gtin_invalid=one_in(80, 9, index),
            is_price_with_comma=one_in(100, 10, index),
            is_price_with_currency=one_in(120, 11, index),
            is_image_with_space=one_in(200, 12),
            is_image_missing=one_in(300, 13),
            is_stock_blank=one_in(25, 14, index) & (pl.col("shape") == 0),
            name_of=pl.when(one_in(60, 1) & (product >= merchants)).then(product - merchants).otherwise(product),
            merchant_id=(FIRST_MERCHANT + pl.col("merchant")).cast(pl.String),
            currency=pl.when(pl.lit(euro_merchant) & (pl.col("merchant") == merchants - 1))
            .then(pl.lit("EUR"))
            .otherwise(pl.lit("GBP")),
        )
    )
    named, variant = pl.col("name_of"), pl.col("variant")
    colour = pl.lit(pl.Series(words.COLOURS)).gather((number(20, 8) + variant // 3) % 8)
    one_size = pl.lit(pl.Series(words.SIZES)).gather((number(21, 4) + variant % 3) % 6)
    base = number(22, 14_000) + 499
    changed = (_mixed(index, seed * 1000 + 500 + day) % 5 == 0) & pl.lit(day > 0)
    pence = pl.when(changed).then(base * (80 + number(600 + day, 45, index)) // 100).otherwise(base)
    stock_salt = (
        pl.when((_mixed(index, seed * 1000 + 700 + day) % 10 == 0) & pl.lit(day > 0))
        .then(index + 7 * day)
        .otherwise(index)
    )
    sold_out = number(23, 8, stock_salt) == 0
    # Merchants of shape 2 never fill in stock.
    available = pl.when((pl.col("shape") == 2) | pl.col("is_stock_blank")).then(None).otherwise(~sold_out)
    aw_id = (
        21_000_000_000 + index + 40_000_000 * ((number(24, 20, index) == 0) & pl.lit(day > 0)).cast(pl.Int64)
    ).cast(pl.String)
    # GTINs with prefix 2 are reserved for use inside a shop, so none belongs to a real product.
    digits = pl.lit("2") + index.cast(pl.String).str.zfill(11)
    gtin = digits + _check_digit(index)
    money = (pence // 100).cast(pl.String) + pl.lit(".") + (pence % 100).cast(pl.String).str.zfill(2)
    plain = money.str.replace(r"\.?0+$", "")
    return (
        frame.with_columns(
            name=pl.concat_str(
                pick(30, words.BRANDS, named),
                pick(31, words.LINES, named),
                pick(32, words.TRAITS, named),
                pick(33, nouns, named),
                number(34, 900, named) + 100,
                separator=" ",
            ),
            colour=pl.when(pl.col("shape") == 2).then(pick(20, words.COLOURS)).otherwise(colour),
            size=pl.when(pl.col("shape") == 2).then(pl.lit("UK 3,UK 4,UK 5,UK 6")).otherwise(one_size),
            money=money,
            plain=plain,
            digits=gtin,
            sku=pl.lit("M") + (pl.col("merchant") + 1).cast(pl.String) + "-" + index.cast(pl.String).str.zfill(7),
            available=available,
            aw_id=aw_id,
            quantity=pl.when(sold_out).then(pl.lit(-1)).otherwise(number(25, 60, index) + 1),
        )
        .with_columns(
            stock=pl.when(pl.col("available").is_null())
            .then(pl.lit("unknown"))
            .when(pl.col("available"))
            .then(pl.lit("in_stock"))
            .otherwise(pl.lit("out_of_stock")),
            aw_product_id=pl.col("aw_id"),
            merchant_product_id=pl.col("sku"),
            product_name=pl.col("name")
            + pl.when(pl.col("shape") == 1).then(pl.lit(" ") + pl.col("colour")).otherwise(pl.lit(""))
            + pl.when(pl.col("is_entity")).then(pl.lit(" &#174;")).otherwise(pl.lit(""))
            + pl.when(pl.col("is_mojibake")).then(pl.lit(" CafÃ©")).otherwise(pl.lit("")),
            aw_deep_link=pl.lit("https://www.awin1.com/pclick.php?p=")
            + pl.col("aw_id")
            + "&a=100001&m="
            + pl.col("merchant_id"),
            merchant_image_url=pl.when(pl.col("is_image_missing"))
            .then(pl.lit(""))
            .otherwise(
                pl.lit(image_address + "/")
                + product.cast(pl.String)
                + pl.when(pl.col("is_image_with_space")).then(pl.lit(" main.png")).otherwise(pl.lit(".png"))
            ),
            description=pick(40, words.OPENINGS)
            + pl.when(pl.col("is_double_space")).then(pl.lit("  ")).otherwise(pl.lit(" "))
            + pick(41, words.MIDDLES)
            + pl.when(pl.col("is_html")).then(pl.lit("<br /><b>Care</b> ")).otherwise(pl.lit(" "))
            + pick(42, words.CLOSINGS)
            + pl.when(pl.col("is_nbsp")).then(pl.lit("\u00a0" + "Item\u00a0no. ")).otherwise(pl.lit(" Item no. "))
            + product.cast(pl.String),
            merchant_category=pick(33, categories, named),
            search_price=pl.when(pl.col("is_price_with_comma"))
            .then(pl.col("money").str.replace(".", ",", literal=True))
            .when(pl.col("is_price_with_currency"))
            .then(pl.col("money") + " " + pl.col("currency"))
            .otherwise(pl.col("plain")),
            merchant_name=pl.lit(pl.Series(words.MERCHANTS)).gather(pl.col("merchant") % len(words.MERCHANTS)),
            category_name=pl.lit(""),
            category_id=pl.lit("0"),
            aw_image_url=pl.lit("https://images2.productserve.example/?w=200&h=200&url=") + pl.col("aw_id"),
            store_price=pl.col("money"),
            delivery_cost=pl.lit("3.95"),
            merchant_deep_link=pl.lit("https://shop")
            + pl.col("merchant_id")
            + ".example/p/"
            + product.cast(pl.String)
            + "?v="
            + variant.cast(pl.String),
            language=pl.lit("en"),
            last_updated=pl.lit(""),
            display_price=pl.col("currency") + pl.col("plain"),
            data_feed_id=(70_000 + pl.col("merchant")).cast(pl.String),
            brand_name=pl.when(pl.col("is_brand_not_available"))
            .then(pl.lit("N/A"))
            .otherwise(pick(30, words.BRANDS, named)),
            rrp_price=pl.when(number(26, 3) == 0).then((base * 13 // 1000).cast(pl.String)).otherwise(pl.lit("0")),
            condition=pl.lit("new"),
            ean=pl.when(pl.col("merchant") % 2 == 1)
            .then(pl.lit(""))
            .when(pl.col("is_gtin_list"))
            .then(pl.col("digits") + "," + pl.col("digits"))
            .when(pl.col("is_gtin_invalid"))
            .then(digits + ((_check_digit(index).cast(pl.Int64) + 1) % 10).cast(pl.String))
            .otherwise(pl.col("digits")),
            product_GTIN=pl.when(pl.col("merchant") % 2 == 1).then(pl.col("digits")).otherwise(pl.lit("")),
            mpn=pl.lit("MP") + product.cast(pl.String),
            parent_product_id=pl.when(pl.col("shape") == 0)
            .then(pl.lit("P") + product.cast(pl.String))
            .otherwise(pl.lit("")),
            in_stock=pl.when((pl.col("shape") != 0) | pl.col("available").is_null())
            .then(pl.lit(""))
            .otherwise(pl.col("available").cast(pl.Int8).cast(pl.String)),
            stock_quantity=pl.when((pl.col("shape") != 0) | pl.col("available").is_null())
            .then(pl.lit(""))
            .otherwise(pl.col("quantity").cast(pl.String)),
            stock_status=pl.when(pl.col("shape") != 1)
            .then(pl.lit(""))
            .when(pl.col("available"))
            .then(pl.lit("in stock"))
            .otherwise(pl.lit("out of stock")),
            alternate_image=pl.when(number(27, 2) == 0)
            .then(pl.lit(image_address + "/") + product.cast(pl.String) + "-back.png")
            .otherwise(pl.lit("")),
            valid_to=pl.lit("2099-12-31 23:59:59"),
        )
        .rename({"size": "Fashion:size"})
    )


def _check_digit(index: pl.Expr) -> pl.Expr:
    """Compute the check digit of '2' + 11 digits of index, as text (GS1: weights 1 and 3 from the left)."""
    total: pl.Expr = pl.lit(2)
    for place in range(11):
        total = total + (index // 10**place) % 10 * (3 if place % 2 == 0 else 1)
    return ((10 - total % 10) % 10).cast(pl.String)


def _as_php_writes_it(frame: pl.DataFrame) -> list[str]:
    """Write CSV lines; measured: AWIN quotes a cell if it has white space, a quote, a comma or a backslash."""
    cells = [
        pl.when(pl.col(name).str.contains(r'[\s",\\]'))
        .then(pl.lit('"') + pl.col(name).str.replace_all('"', '""', literal=True) + pl.lit('"'))
        .otherwise(pl.col(name))
        for name in COLUMNS
    ]
    return frame.select(pl.concat_str(cells, separator=",")).to_series().to_list()


def _line(row: dict[str, Any], columns: Sequence[str] = COLUMNS) -> str:
    def cell(text: str) -> str:
        if not re.search(r'[\s",\\]', text):
            return text
        return '"' + re.sub(r'(?<!\\)"', '""', text) + '"'  # PHP does not double a quote after a backslash

    return ",".join(cell(row[name]) for name in columns)


_SPECIAL = {
    "line_break": lambda row: row | {"description": "First line,\nsecond line.\n\nThird."},
    "backslash_quote": lambda row: row | {"description": 'Screen of 5\\" across, with a frame'},
    "bad_byte": lambda row: row | {"description": "A caf\udce9 table"},
}


def _plan_rejects(offers: int, merchants: int) -> dict[int, list[str]]:
    """Choose the positions of offers that get a bad row beside them or are themselves written in an odd way."""
    planned: dict[int, list[str]] = {}
    kinds = [*UNSELLABLE, "duplicate", *(["duplicate_sku"] if merchants > 1 else [])]
    for at, kind in enumerate([*kinds, *BROKEN, *_SPECIAL]):
        count = max(1, offers // (4_000 if kind in kinds else 200_000))
        for nth in range(count):
            position = (nth * offers // count + (0 if kind == "duplicate" else at * 3)) % offers
            if kind in _SPECIAL and planned.get(position):
                position = next((free for free in range(offers) if free not in planned), -1)
            if position >= 0:
                planned.setdefault(position, []).append(kind)
    return planned


def _unsellable(row: dict[str, Any], kind: str, number: int, merchants: int) -> str:
    """Write a copy of an offer that must be rejected for `kind`."""
    row = row | ({} if kind in ("duplicate", "duplicate_sku") else {"merchant_product_id": f"X{number}-{kind}"})
    if kind == "duplicate_sku":
        merchant = str(FIRST_MERCHANT + (row["merchant"] + 1) % merchants)
        link = row["aw_deep_link"].removesuffix(row["merchant_id"]) + merchant
        row |= {"merchant_id": merchant, "aw_deep_link": link}
    row |= {
        "no_id": {"merchant_product_id": ""},
        "no_name": {"product_name": " \u00a0"},
        "no_price": {"search_price": "0.00", "display_price": f"{row['currency']}0.00"},
        "unclear_price": {"search_price": "1.299", "display_price": ""},
        "no_currency": {"currency": "", "display_price": "", "search_price": row["money"]},
        "currency_conflict": {"search_price": f"{row['money']} SEK"},
        "no_merchant": {"merchant_id": "", "aw_deep_link": ""},
        "malformed_quote": {"description": ""},
    }.get(kind, {})
    line = _line(row)
    if kind == "malformed_quote":
        return line.replace(row["aw_product_id"] + ",", row["aw_product_id"] + ',"', 1)
    if kind == "too_many_cells":
        return line + ",one,more"
    if kind == "too_few_cells":
        return _line(row, COLUMNS[:-3])
    if kind == "shifted_columns":
        row = row | {"merchant_name": "99.9"}
        names = [name for name in COLUMNS if name != "category_id"]
        return _line(dict(zip(COLUMNS, [row[name] for name in names] + [""], strict=True)))
    return line
