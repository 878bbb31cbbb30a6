"""Which rows of a whole feed stand: rules between rows, by what the shop has and by content, never by position."""

from collections.abc import Callable, Collection, Mapping

import polars as pl

from awin_medusa_pipeline.core.contracts import MONEY
from awin_medusa_pipeline.sync.domain.feed.columns import FeedRules

# Fewer rows tell nothing about what "most" is.
_FEW = 3
_MARKS = ("offer_key", "product_key", "sku")
# What tells two rows of one id apart for good comes first, what changes daily last.
_BY_CONTENT = ("gtin", "mpn", "size", "colour", "name", "currency", "price")
# Columns that the report and the counts need of a row that is rejected here.
TOLD = (
    *("feed", "line", "offer_key", "merchant_id", "merchant_product_id", "sku"),
    *("in_stock", "quantity", "unread_stock"),
)
# What duplicates are judged by.
NARROW = ("offer_key", "sku", "merchant_id", "merchant_product_id", *_BY_CONTENT)


_AMOUNT = pl.element().struct.field("amount")
_AMOUNTS = pl.List(MONEY)
# What is read of duplicates, those of NARROW and TOLD.
_JUDGED = tuple(dict.fromkeys((*NARROW, *TOLD)))


def marks_of(offers: pl.DataFrame | pl.LazyFrame) -> pl.LazyFrame:
    """What is kept in memory of each offer of all feeds: keys as hashes, 30 MB a million rows.

    Made of a batch before it is written: to read these columns again takes twice as long.
    """
    has_option = pl.any_horizontal(pl.col("colour").is_not_null(), pl.col("size").is_not_null())
    keys = (pl.col(name).hash() for name in _MARKS)
    return offers.lazy().select(*keys, pl.col("merchant_id").cast(pl.Categorical), option=has_option)


def _is_child() -> pl.Expr:
    return pl.col("product_key") != pl.col("offer_key")


def false_parents(offers: pl.LazyFrame, marks: pl.DataFrame) -> dict[str, str]:
    """merchant_id -> parent id that most of its rows share although their names have nothing in common."""
    most = marks.filter(_is_child()).group_by("product_key").agg(pl.col("merchant_id").first(), rows=pl.len())
    most = most.filter(pl.col("rows") >= _FEW).join(marks.group_by("merchant_id").len("of"), on="merchant_id")
    if most.filter(pl.col("rows") * 2 > pl.col("of")).is_empty():
        return {}  # nearly every feed: names need not be read
    merchants = offers.group_by("merchant_id").len("of").collect()
    shared = (
        offers.filter(pl.col("parent_product_id").is_not_null())
        .group_by("merchant_id", "parent_product_id")
        .len("rows")
        .filter(pl.col("rows") >= _FEW)
        .collect()
        .join(merchants, on="merchant_id")
        .filter(pl.col("rows") * 2 > pl.col("of"))
    )
    if shared.is_empty():
        return {}
    options = [pl.col(name).fill_null("").str.to_lowercase() for name in ("colour", "size", "brand")]
    of_row = pl.concat_list(pl.col(name).str.split(" ") for name in ("colour", "size", "brand"))
    names = (
        offers.join(shared.lazy().select("merchant_id", "parent_product_id"), on=["merchant_id", "parent_product_id"])
        .with_columns(*(option.alias(name) for option, name in zip(options, ("colour", "size", "brand"), strict=True)))
        .select(
            "merchant_id",
            "parent_product_id",
            words=pl.col("name").str.to_lowercase().str.extract_all(r"[\p{L}]{2,}").list.set_difference(of_row),
        )
        .filter(pl.col("words").list.len() > 0)
        .with_row_index()
        .collect()
    )
    group = ["merchant_id", "parent_product_id"]
    most = (
        names.explode("words")
        .unique()
        .group_by(*group, "words")
        .len("with_word")
        .group_by(group)
        .agg(pl.col("with_word").max())
    )
    found = names.group_by(group).agg(named=pl.len()).join(most, on=group)
    odd = found.filter((pl.col("named") >= _FEW) & (pl.col("with_word") * 2 <= pl.col("named")))
    return dict(odd.select(group).iter_rows())


def false_dates(marks: pl.DataFrame) -> list[str]:
    """Merchants of whose rows most are out of date. Measured: a file still current in June said valid_to 29 May."""
    merchants = marks.group_by("merchant_id").agg(pl.len(), out=pl.col("out_of_date").sum())
    odd = (pl.col("out") >= _FEW) & (pl.col("out") * 2 > pl.col("len"))
    return sorted(merchants.filter(odd)["merchant_id"].cast(pl.String))


def without_false_parents(offers: pl.LazyFrame, parents: Mapping[str, str], rules: FeedRules) -> pl.LazyFrame:
    """The offers with each of those rows as a product of its own."""
    if not parents:
        return offers
    false = pl.col("parent_product_id") == pl.col("merchant_id").replace_strict(
        dict(parents), default=None, return_dtype=pl.String
    )
    return offers.with_columns(
        parent_product_id=pl.when(false).then(None).otherwise("parent_product_id"),
        product_key=pl.when(false).then("offer_key").otherwise("product_key"),
    ).with_columns(sku=rules.sku())


def fallen(
    marks: pl.DataFrame,
    offers: Callable[[pl.Series], pl.LazyFrame],
    feed_of: pl.Expr,
    shop: pl.LazyFrame | None,
    *,
    false_dates: Collection[str] = (),
    spoken_for: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Row, TOLD and reason of the offers that do not stand: out of date, parents among their variants, and duplicates.

    `marks` are those of all offers in their order, and out_of_date; `offers` gives the offers of these rows, with their
    number as `row`. `feed_of` tells the place of a row's feed among the feeds: that order is the shop owner's. `shop`:
    CatalogVariant rows, whose offers win. `spoken_for`: (feed, merchant_id) of the merchants for whom the feed at that
    place has spoken before; rows of one for whom another feed speaks fall. Feeds that are not named may speak for any.
    """
    marks = marks.with_row_index("row")
    strange = _strangers(marks, feed_of, spoken_for)
    foreign = pl.DataFrame({"row": strange}).with_columns(reason=pl.lit("foreign_row"))
    marks = marks.filter(~pl.col("row").is_in(strange.implode())) if len(strange) else marks
    over = pl.col("out_of_date") & ~pl.col("merchant_id").cast(pl.String).is_in(list(false_dates))
    late = marks.filter("out_of_date").filter(over).select("row", reason=pl.lit("not_valid"))
    marks = marks.filter(~over) if late.height else marks
    parents = marks.filter(_is_child() & pl.col("option")).select(offer_key="product_key").unique()
    alone = marks.filter(~_is_child() & ~pl.col("option"))
    is_parent = pl.col("row").is_in(alone.join(parents, on="offer_key", how="semi")["row"].implode())
    above = marks.filter(is_parent).select("row", reason=pl.lit("parent_row"))
    marks = marks.filter(~is_parent) if above.height else marks
    gone = pl.concat([foreign, late, above])
    found = [offers(gone["row"]).select("row", *TOLD).collect().join(gone, on="row")]
    again = marks["row"].filter(_repeated(marks["offer_key"]) | _repeated(marks["sku"]))
    if len(again):
        # Reads TOLD as well: reading these rows a second time would take a third of the time of this function.
        rows = offers(again).select("row", *_JUDGED, content=_content()).collect()
        judged = rows.with_columns(feed=feed_of).join(_held(rows, shop), on="offer_key", how="left")
        found.append(rows.select("row", *TOLD).join(duplicates(judged), on="row"))
    return pl.concat(found).sort("row")


def _repeated(hashes: pl.Series) -> pl.Series:
    """Which occur more than once. Measured with a million: a third of the time of is_duplicated."""
    ordered = hashes.sort()
    return hashes.is_in(ordered.filter(ordered == ordered.shift()).implode())


def _content() -> pl.Expr:
    """A hash of what rows differ in beside NARROW."""
    return pl.concat_str(
        pl.col("description", "category", "image_url", "deep_link", "merchant_link", "aw_product_id").fill_null(""),
        pl.col("in_stock", "quantity").cast(pl.String).fill_null(""),
        pl.col("more_image_urls").list.join(" "),
        separator="\n",
    ).hash()


def _strangers(marks: pl.DataFrame, feed_of: pl.Expr, spoken_for: pl.DataFrame | None) -> pl.Series:
    """Rows of merchants for whom another feed has spoken before, and theirs never did."""
    if spoken_for is None or spoken_for["feed"].n_unique() < 2:
        return marks["row"].clear()
    of = marks.select("row", pl.col("merchant_id").cast(pl.String), feed=feed_of)
    pairs = of.select("feed", "merchant_id").unique().join(spoken_for, on=["feed", "merchant_id"], how="anti")
    known_elsewhere = pl.col("merchant_id").is_in(spoken_for["merchant_id"].implode())
    has_spoken = pl.col("feed").is_in(spoken_for["feed"].implode())
    return of.join(pairs.filter(known_elsewhere & has_spoken), on=["feed", "merchant_id"], how="semi")["row"]


def _held(rows: pl.DataFrame, shop: pl.LazyFrame | None) -> pl.DataFrame:
    """(offer_key, in_shop, barcode, shop_prices) of these rows' offers that the shop has under our key."""
    if shop is None:
        columns: dict[str, pl.DataType | type[pl.DataType]] = {
            "offer_key": pl.String,
            "in_shop": pl.Boolean,
            "barcode": pl.String,
            "shop_prices": _AMOUNTS,
        }
        return pl.DataFrame(schema=columns)
    alone = pl.when(pl.col("product_id").is_unique()).then("external_id")
    return (
        shop.select(
            "barcode",
            shop_prices=pl.col("prices").list.eval(_AMOUNT),
            offer_key=pl.coalesce("offer_key", alone),
            in_shop=pl.lit(True),
        )
        .join(rows.lazy().select("offer_key"), on="offer_key", how="semi")
        .unique("offer_key", keep="any")
        .collect()
    )


def duplicates(rows: pl.DataFrame) -> pl.DataFrame:
    """(row, reason) of the rows that another one of the same key or SKU wins over.

    Of one key the row that the shop has by its barcode wins, then the feed named first, then the row with the shop's
    price, then content. Of one SKU the offer that the shop has
    wins, then by merchant and id; two that the shop has both stand.
    """
    in_shop = pl.col("in_shop").fill_null(False)
    same_code = (pl.col("gtin") == pl.col("barcode")).fill_null(False)
    same_price = pl.col("shop_prices").list.contains(pl.col("price")).fill_null(False)
    ordered = rows.sort(~same_code, "feed", ~same_price, *_BY_CONTENT, "content", "row", nulls_last=True)
    first = ordered.with_columns(first=pl.col("offer_key").is_first_distinct())
    standing = first.filter("first").sort(~in_shop, "merchant_id", "merchant_product_id")
    of_sku = standing.filter(~in_shop & ~pl.col("sku").is_first_distinct())
    return pl.concat(
        [
            first.filter(~pl.col("first")).select("row", reason=pl.lit("duplicate")),
            of_sku.select("row", reason=pl.lit("duplicate_sku")),
        ]
    )
