"""Matched rows -> the discrepancy tables, each under its contract.

What belongs here: what differs between feed and shop. What does not: whether and how it is put right.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from awin_medusa_pipeline.core.contracts import MONEY
from awin_medusa_pipeline.sync.domain import matching
from awin_medusa_pipeline.sync.domain.contracts import (
    LooseMatch,
    MatchedProduct,
    MedusaOnlyProduct,
    MissingProduct,
    ReturningProduct,
    StockMismatch,
)
from awin_medusa_pipeline.sync.domain.text import common_name, slug

_JOINT = " | "
# Of a merchant's stock cells, and of its offers; a slip in a few is told and changes nothing but their own offers.
UNREAD_SHARE = 0.10


@dataclass(frozen=True)
class StockRules:
    """What the feed's stock cells mean as a level in the shop."""

    in_stock_level: int = 10
    use_feed_quantity: bool = False
    unknown_level: int | None = None
    """Level of an offer whose stock is blank in a feed that fills the column; None keeps the shop's."""


def wanted_level(offers: pl.LazyFrame, rules: StockRules) -> pl.LazyFrame:
    """`offers` with the level that the feed asks for as `wanted_level`; null where it does not say.

    A merchant that never fills a stock column sells what it lists (measured: most feeds carry no out-of-stock row). A
    cell that is filled and was not understood says nothing of its offer, and many of them nothing of their merchant.
    """
    said = pl.col("in_stock").is_not_null() | pl.col("quantity").is_not_null()
    unread = pl.col("unread_stock").is_not_null()
    merchants = offers.group_by("merchant_id").agg(fills_stock=said.any() | (unread.mean() > UNREAD_SHARE))
    listed = pl.when(~pl.col("fills_stock") & ~unread).then(True)
    in_stock = pl.coalesce("in_stock", pl.col("quantity") > 0, listed)
    level = pl.lit(rules.in_stock_level, pl.Int64)
    if rules.use_feed_quantity:
        level = pl.coalesce("quantity", level)
    unknown = pl.lit(rules.unknown_level, pl.Int64)
    return offers.join(merchants, on="merchant_id", maintain_order="left").with_columns(
        wanted_level=pl.when(in_stock).then(level).when(~in_stock).then(pl.lit(0, pl.Int64)).otherwise(unknown)
    )


def matched_products(offers: pl.LazyFrame, catalog: pl.LazyFrame, rules: StockRules) -> pl.LazyFrame:
    """MatchedProduct rows. Only the keys are held in memory; the rest is joined as it streams to the table."""
    variants = catalog.filter(pl.col("variant_id").is_not_null() & ~_ours_half_made())
    pairs = matching.match(offers, variants)
    currencies = offers.select(pl.col("currency").unique()).collect().to_series().to_list()
    return (
        wanted_level(offers, rules)
        .select("offer_key", "merchant_id", "name", "price", "currency", "wanted_level")
        .join(pairs.lazy(), on="offer_key")
        .join(variants.drop("offer_key"), on="variant_id")
        .with_columns(shop_price=_price_in_own_currency(currencies), shop_currencies=_currencies())
        .select(MatchedProduct.column_names())
    )


def _price_in_own_currency(currencies: list[str]) -> pl.Expr:
    """Amount among `prices` in the row's `currency`; null when there is none."""
    entry = pl.element().struct
    return pl.coalesce(
        pl.lit(None, MONEY),
        *(
            pl.when(pl.col("currency") == code).then(
                pl.col("prices").list.eval(entry.field("amount").filter(entry.field("currency") == code)).list.first()
            )
            for code in currencies
        ),
    )


def _currencies() -> pl.Expr:
    return pl.col("prices").list.eval(pl.element().struct.field("currency")).list.unique().list.sort().list.join(" ")


def _ours_half_made() -> pl.Expr:
    """Variants that an interrupted import of ours left; they count as not there, so that the import replaces them."""
    return pl.col("half_made").is_not_null() & pl.col("external_id").str.starts_with("awin:").fill_null(False)


def missing_products(
    offers: pl.LazyFrame, catalog: pl.LazyFrame, matched: pl.LazyFrame, loose: pl.LazyFrame, rules: StockRules
) -> pl.LazyFrame:
    """MissingProduct rows, lazily: all of an offer's columns, without holding them in memory."""
    narrow = (
        wanted_level(offers, rules)
        .select("offer_key", "product_key", "sku", "gtin", "name", pl.col("wanted_level").fill_null(0))
        .join(matched.select("offer_key"), on="offer_key", how="anti")
        .collect()
    )
    shop = catalog.select("product_id", "handle", "external_id", "barcode", half_made=_ours_half_made())
    of_missing = shop.join(narrow.lazy().select(external_id="product_key"), on="external_id", how="semi").collect()
    known = (  # Of copies the whole one, then the oldest
        of_missing.group_by("product_id", "handle", product_key="external_id")
        .agg(whole=~pl.col("half_made").all())
        .sort("whole", "product_id", descending=[True, False])
        .unique("product_key", keep="first", maintain_order=True)
    )
    # What an interrupted import left goes away, and its barcodes with it; its handle goes to what replaces it.
    staying = shop.join(of_missing.lazy().filter("half_made").select("product_id"), on="product_id", how="anti")
    barcodes = staying.select(gtin="barcode").join(narrow.lazy().select("gtin"), on="gtin", how="semi").collect()
    titled = (
        narrow.join(_titles(narrow, shop), on="product_key")
        .join(known, on="product_key", how="left")
        .join(_siblings(narrow, offers, matched), on="product_key", how="left")
    )
    additions = titled.select(
        "offer_key",
        "title",
        "wanted_level",
        handle=pl.coalesce("handle_right", "sibling_handle", "handle"),
        barcode=pl.when(pl.col("gtin").is_unique() & ~pl.col("gtin").is_in(barcodes["gtin"].implode())).then("gtin"),
        existing_product_id=pl.when("whole").then("product_id").when(pl.col("whole").is_null()).then("sibling_id"),
        half_made_product_id=pl.when(~pl.col("whole")).then("product_id"),
    )
    return (
        offers.join(additions.lazy(), on="offer_key", maintain_order="left")
        .join(loose.select("offer_key", loose_match=True).unique(), on="offer_key", how="left", maintain_order="left")
        .with_columns(pl.col("loose_match").fill_null(False))
        .select(MissingProduct.column_names())
    )


def _siblings(missing: pl.DataFrame, offers: pl.LazyFrame, matched: pl.LazyFrame) -> pl.DataFrame:
    """(product_key, sibling_id, sibling_handle): the product that most of the group's other offers are variants of."""
    return (
        offers.select("offer_key", "product_key")
        .filter(pl.col("offer_key") != pl.col("product_key"))
        .join(missing.lazy().select("product_key").unique(), on="product_key", how="semi")
        .join(matched.select("offer_key", sibling_id="product_id", sibling_handle="handle"), on="offer_key")
        .group_by("product_key", "sibling_id", "sibling_handle")
        .len()
        .collect()
        .sort("len", "sibling_id", descending=[True, False])
        .unique("product_key", keep="first", maintain_order=True)
        .drop("len")
    )


def _titles(missing: pl.DataFrame, shop: pl.LazyFrame) -> pl.DataFrame:
    """(product_key, title, handle), handles unique among themselves and in the shop.

    Of products that would collide the first by its key keeps the plain slug; any other gets its SKU, then its key in
    hexadecimal: unlike a slug it is never empty, and never that of another key.
    """
    products = missing.group_by("product_key").agg(
        pl.col("sku").sort_by("offer_key").first(),
        first=pl.col("name").min(),
        last=pl.col("name").max(),
    )
    titles = pl.Series([common_name(a, b) for a, b in products.select("first", "last").iter_rows()], dtype=pl.String)
    with_sku = pl.concat_str("handle", slug(pl.col("sku")), separator="-").str.strip_chars("-")
    with_key = pl.concat_str("handle", pl.col("product_key").str.encode("hex"), separator="-").str.strip_chars("-")
    products = products.with_columns(title=titles).sort("product_key").with_columns(handle=slug(pl.col("title")))
    for longer in (with_sku, with_key):
        taken = shop.select("handle").join(products.lazy().select("handle"), on="handle", how="semi").collect()
        free = pl.col("handle").is_first_distinct() & ~pl.col("handle").is_in(taken["handle"].implode())
        products = products.with_columns(
            handle=pl.when(free & (pl.col("handle") != "")).then("handle").otherwise(longer)
        )
    return products.select("product_key", "title", "handle")


def in_feed(matched: pl.LazyFrame, missing: pl.LazyFrame) -> pl.LazyFrame:
    """(product_id, offer_key) of every offer that has a product in the shop, its variant being there or yet to join."""
    joining = missing.select(product_id="existing_product_id", offer_key="offer_key").drop_nulls("product_id")
    return pl.concat([matched.select("product_id", "offer_key"), joining])


def medusa_only_products(
    catalog: pl.LazyFrame, matched: pl.LazyFrame, missing: pl.LazyFrame, loose: pl.LazyFrame
) -> pl.LazyFrame:
    """MedusaOnlyProduct rows: published, none of its variants in the feed, and none to join it."""
    return (
        _left_over(catalog)
        .join(in_feed(matched, missing), on="product_id", how="anti")
        .group_by("product_id", "handle", "title", "status", "external_id")
        .agg(skus=pl.col("sku").drop_nulls().str.join(_JOINT))
        .join(loose.select("product_id", loose_match=True).unique(), on="product_id", how="left")
        .with_columns(pl.col("loose_match").fill_null(False), feeds_missed=pl.lit(None, pl.Int64))
        .sort("product_id")
        .select(MedusaOnlyProduct.column_names())
    )


def with_absences(medusa_only: pl.LazyFrame, feeds: Mapping[str, int]) -> pl.LazyFrame:
    """MedusaOnlyProduct rows with the number of feeds that lacked each, by product_id."""
    counts = pl.LazyFrame(
        {"product_id": list(feeds), "missed": list(feeds.values())},
        schema={"product_id": pl.String, "missed": pl.Int64},
    )
    joined = medusa_only.join(counts, on="product_id", how="left", maintain_order="left")
    return joined.with_columns(feeds_missed="missed").drop("missed")


def _left_over(catalog: pl.LazyFrame) -> pl.LazyFrame:
    """Variants that can be left over when the feed has been matched: published, and not waiting to be replaced."""
    return catalog.filter((pl.col("status") == "published") & ~_ours_half_made())


def loose_matches(offers: pl.LazyFrame, catalog: pl.LazyFrame, matched: pl.LazyFrame) -> pl.DataFrame:
    """LooseMatch rows: pairs of what matching left over that look alike."""
    left = offers.select("offer_key", "name", "price", "currency").join(
        matched.select("offer_key"), on="offer_key", how="anti"
    )
    products = (
        _left_over(catalog)
        .join(matched.select("product_id"), on="product_id", how="anti")
        .join(offers.select(external_id="product_key"), on="external_id", how="anti")
        .select("product_id", "title")
        .unique()
        .collect()
    )
    if products.is_empty():
        return LooseMatch.create_empty()
    offers_left = left.collect()
    return (
        matching.loose_pairs(offers_left, products)
        .join(offers_left, on="offer_key")
        .join(products, on="product_id")
        .sort("score", "offer_key", descending=[True, False])
        .select(LooseMatch.column_names())
    )


def returning_products(matched: pl.LazyFrame, catalog: pl.LazyFrame, missing: pl.LazyFrame) -> pl.LazyFrame:
    """ReturningProduct rows: hidden by this program and in the feed again. One hidden by hand stays hidden."""
    hidden = catalog.filter((pl.col("status") == "draft") & pl.col("hidden_by_run").is_not_null())
    return (
        hidden.select("product_id", "handle", "title", "hidden_by_run")
        .unique("product_id")
        .join(in_feed(matched, missing), on="product_id")
        .group_by("product_id", "handle", "title", "hidden_by_run")
        .agg(offer_keys=pl.col("offer_key").sort().str.join(_JOINT))
        .sort("product_id")
        .select(ReturningProduct.column_names())
    )


def stock_mismatches(matched: pl.LazyFrame, catalog: pl.LazyFrame, missing: pl.LazyFrame) -> pl.LazyFrame:
    """StockMismatch rows: the level differs, is not set, or the variant left the feed while its product stayed."""
    columns = StockMismatch.column_names()
    differs = (
        matched.filter(pl.col("wanted_level").is_not_null() & pl.col("level").ne_missing(pl.col("wanted_level")))
        .with_columns(reason=pl.when(pl.col("level").is_null()).then(pl.lit("no_level")).otherwise(pl.lit("differs")))
        .filter(_counted())
    )
    left_feed = (
        catalog.join(in_feed(matched, missing), on="product_id", how="semi")
        .join(matched.select("variant_id"), on="variant_id", how="anti")
        .filter(_counted() & (pl.col("level") > 0) & ~_ours_half_made())
        .with_columns(wanted_level=pl.lit(0, pl.Int64), reason=pl.lit("left_feed"))
    )
    return pl.concat([differs.select(columns), left_feed.select(columns)]).sort("variant_id")


def _counted() -> pl.Expr:
    """Variants whose stock is kept. The Store API tells levels without the ids that setting them needs."""
    known = pl.col("inventory_item_id").is_not_null() | pl.col("level").is_not_null()
    return pl.col("manage_inventory").fill_null(True) & known


def catalog_counts(catalog: pl.LazyFrame, matched: pl.LazyFrame, missing: pl.LazyFrame) -> dict[str, int]:
    """What became of the shop's products: the parts add up to catalog_products."""
    products = (
        catalog.group_by("product_id")
        .agg(
            pl.col("status").first(),
            variants=pl.col("variant_id").count(),
            half_made=_ours_half_made().all(),
        )
        .join(in_feed(matched, missing).group_by("product_id").agg(matched=pl.len()), on="product_id", how="left")
        .with_columns(is_matched=pl.col("matched").is_not_null())
    )
    published, matched_one = pl.col("status") == "published", pl.col("is_matched")
    counts = products.select(
        catalog_products=pl.len(),
        catalog_variants=pl.col("variants").sum(),
        catalog_matched=matched_one.sum(),
        catalog_only_hidden=(~matched_one & ~published & ~pl.col("half_made")).sum(),
        half_made=(pl.col("half_made") & ~matched_one).sum(),
    )
    return {name: int(value) for name, value in counts.collect().row(0, named=True).items()}


def hidden_by_hand(matched: pl.LazyFrame) -> int:
    """Products in the feed that someone set to draft by hand: reported, never published again by this program."""
    by_hand = (pl.col("status") != "published") & pl.col("hidden_by_run").is_null()
    return int(matched.filter(by_hand).select(pl.col("product_id").n_unique()).collect().item())
