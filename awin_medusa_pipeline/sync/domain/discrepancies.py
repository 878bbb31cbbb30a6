"""Compares matched offers and variants, and builds the discrepancy tables."""

from collections.abc import Mapping

import polars as pl

from awin_medusa_pipeline.core.contracts import MONEY
from awin_medusa_pipeline.medusa.shapes import OURS
from awin_medusa_pipeline.sync.domain import matching
from awin_medusa_pipeline.sync.domain.contracts import (
    LooseMatch,
    MatchedProduct,
    MedusaOnlyProduct,
    MissingProduct,
    ReturningProduct,
    StockMismatch,
)
from awin_medusa_pipeline.sync.domain.rules import StockRules
from awin_medusa_pipeline.sync.domain.text import is_damaged, slug, titles, without_damage

_JOINT = " | "
WRITTEN = ("differs", "no_level", "no_item", "left_feed")
"""Reasons of StockMismatch rows whose level is set."""
TOLD = {
    "uncounted": "the feed says sold out, and Medusa does not count it, so it stays on sale while it is published; let "
    "Medusa manage its inventory, or set SYNC_UNCOUNTED_SOLD_OUT=hide",
    "backorder": "the feed says sold out, and it can be ordered all the same: Medusa allows backorders of it",
    "elsewhere": "the feed says sold out, and other stock locations of the sales channel still have it",
    "shared_item": "offers want the same inventory item at different levels (a set, or a multipack); set it by hand",
}
"""Reasons of StockMismatch rows that are told and left, with what a person reads."""
REPLACE, COMPLETE = "replace", "complete"
"""What the import does about what an unfinished one left; halves.py decides."""
UNREAD_SHARE = 0.10
"""Up to this share of a merchant's stock cells may be unread before its whole stock column is doubted."""


def wanted_level(offers: pl.LazyFrame, rules: StockRules) -> pl.LazyFrame:
    """Add the level that the feed asks for to `offers`, as `wanted_level`; null where it is unknown.

    A merchant that never fills a stock column sells what it lists (measured: most feeds carry no out-of-stock row). A
    cell that is filled and was not understood says nothing of its offer, and many of them nothing of their merchant.
    """
    filled = pl.col("in_stock").is_not_null() | pl.col("quantity").is_not_null()
    unread = pl.col("unread_stock").is_not_null()
    merchants = offers.group_by("merchant_id").agg(fills_stock=filled.any() | (unread.mean() > UNREAD_SHARE)).collect()
    silent = merchants.filter(~pl.col("fills_stock"))["merchant_id"]
    listed = pl.when(pl.col("merchant_id").is_in(silent.implode()) & ~unread).then(True)
    in_stock = pl.coalesce("in_stock", pl.col("quantity") > 0, listed)
    level = pl.lit(rules.in_stock_level, pl.Int64)
    if rules.use_feed_quantity:
        level = pl.coalesce("quantity", level)
    unknown = pl.lit(rules.unknown_level, pl.Int64)
    return offers.with_columns(
        wanted_level=pl.when(in_stock).then(level).when(~in_stock).then(pl.lit(0, pl.Int64)).otherwise(unknown)
    )


def matched_products(offers: pl.LazyFrame, catalog: pl.LazyFrame, rules: StockRules) -> pl.LazyFrame:
    """Build MatchedProduct rows, in the shop's order.

    What they need of their offers is in memory; the rest streams from the shop to the table.
    """
    variants = catalog.filter(pl.col("variant_id").is_not_null() & ~_waiting())
    pairs = matching.match(offers, variants)
    fed = wanted_level(offers, rules).select("offer_key", "merchant_id", "name", "price", "currency", "wanted_level")
    rows = fed.collect()[pairs["offer"]].with_columns(pairs["match_reason"].cast(pl.String))
    # The place of each variant among the pairs: to look there takes two thirds of the time of a join.
    count = variants.select(pl.len()).collect().item()
    places = pl.Series([None], dtype=pl.UInt32).new_from_index(0, count)
    places = places.scatter(pairs["variant"], pl.int_range(pairs.height, dtype=pl.UInt32, eager=True))

    def place(numbers: pl.Series) -> pl.Series:
        return places.gather(numbers)

    def offered(of_pairs: pl.Series) -> pl.Series:
        return rows[of_pairs].to_struct()

    own = set(catalog.collect_schema()) & set(MatchedProduct.column_names()) - set(rows.columns)
    return (
        variants.select(*sorted(own), "prices")
        .with_row_index("variant")
        .with_columns(place=pl.col("variant").map_batches(place, return_dtype=pl.UInt32, is_elementwise=True))
        .drop_nulls("place")
        .with_columns(
            offer=pl.col("place").map_batches(offered, return_dtype=pl.Struct(rows.schema), is_elementwise=True)
        )
        .unnest("offer")
        .with_columns(
            shop_price=_price_in_own_currency(rows["currency"].unique().to_list()),
            shop_currencies=_currencies(),
            ours=(pl.col("match_reason") == "external_id") & ~pl.col("ignored"),
        )
        .select(MatchedProduct.column_names())
    )


def _price_in_own_currency(currencies: list[str]) -> pl.Expr:
    """The amount in `prices` in the row's `currency`; null when there is none."""
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
    """The currencies in `prices`, each once and in order, joined by ' '."""
    return pl.col("prices").map_batches(_sorted_currencies, return_dtype=pl.String, is_elementwise=True)


def _sorted_currencies(prices: pl.Series) -> pl.Series:
    # A shop has few combinations: to sort each once takes a third of the time of sorting a list in each row.
    written = prices.list.eval(pl.element().struct.field("currency")).list.join(" ")
    combinations = {each: " ".join(sorted({*each.split()})) for each in written.unique().drop_nulls()}
    return written.replace({each: right for each, right in combinations.items() if each != right})


def ours(matched: pl.LazyFrame) -> pl.LazyFrame:
    """The MatchedProduct rows that may be written to."""
    return matched.filter("ours")


def _waiting() -> pl.Expr:
    """What an unfinished import of ours left; it counts as missing, so that the import replaces or completes it."""
    return pl.col("repair").is_not_null()


def missing_products(
    offers: pl.LazyFrame, catalog: pl.LazyFrame, matched: pl.LazyFrame, loose: pl.LazyFrame, rules: StockRules
) -> pl.LazyFrame:
    """Build MissingProduct rows lazily, with all of an offer's columns, without holding them in memory."""
    narrow = (
        wanted_level(offers, rules)
        .select("offer_key", "product_key", "sku", "gtin", "name", pl.col("wanted_level").fill_null(0))
        .join(matched.select("offer_key"), on="offer_key", how="anti")
        .collect(engine="streaming")  # in memory all offers would be joined, and not only those left
    )
    shop = catalog.select(
        *("product_id", "handle", "external_id", "barcode", "ignored"),
        replaced=(pl.col("repair") == REPLACE).fill_null(False),
    )
    of_missing = shop.join(narrow.lazy().select(external_id="product_key"), on="external_id", how="semi").collect()
    known = (  # of several copies, prefer a whole one, then the oldest
        of_missing.group_by("product_id", "handle", "ignored", product_key="external_id")
        .agg(whole=~pl.col("replaced").all())
        .sort("whole", "product_id", descending=[True, False])
        .unique("product_key", keep="first", maintain_order=True)
    )
    # An interrupted import's product is deleted with its barcodes; its handle goes to the product that replaces it.
    staying = shop.join(of_missing.lazy().filter("replaced").select("product_id"), on="product_id", how="anti")
    barcodes = staying.select(gtin="barcode").join(narrow.lazy().select("gtin"), on="gtin", how="semi").collect()
    titled = (
        narrow.join(_titles(narrow, shop), on="product_key")
        .join(known, on="product_key", how="left")
        .join(_siblings(narrow, offers, matched), on="product_key", how="left")
    )
    ignored = pl.when("whole").then("ignored").when(pl.col("whole").is_null()).then("sibling_ignored")
    additions = titled.select(
        "offer_key",
        "title",
        "wanted_level",
        handle=pl.coalesce("handle_right", "sibling_handle", "handle"),
        barcode=pl.when(pl.col("gtin").is_unique() & ~pl.col("gtin").is_in(barcodes["gtin"].implode())).then("gtin"),
        existing_product_id=pl.when("whole").then("product_id").when(pl.col("whole").is_null()).then("sibling_id"),
        half_made_product_id=pl.when(~pl.col("whole")).then("product_id"),
        waits=pl.when(ignored)
        .then(pl.lit("ignored"))
        .when(pl.col("whole").is_null() & ~pl.col("sibling_ours"))
        .then(pl.lit("adoption")),
    )
    return (
        offers.join(additions.lazy(), on="offer_key", maintain_order="left")
        .join(loose.select("offer_key", loose_match=True).unique(), on="offer_key", how="left", maintain_order="left")
        .with_columns(pl.col("loose_match").fill_null(False))
        .select(MissingProduct.column_names())
    )


def _siblings(missing: pl.DataFrame, offers: pl.LazyFrame, matched: pl.LazyFrame) -> pl.DataFrame:
    """Find by product_key the product that most of the group's other offers are variants of, in columns sibling_..."""
    return (
        offers.select("offer_key", "product_key")
        .filter(pl.col("offer_key") != pl.col("product_key"))
        .join(missing.lazy().select("product_key").unique(), on="product_key", how="semi")
        .join(
            matched.select("offer_key", "ours", "ignored", sibling_id="product_id", sibling_handle="handle"),
            on="offer_key",
        )
        .group_by("product_key", "sibling_id", "sibling_handle")
        .agg(pl.len(), sibling_ours=pl.col("ours").any(), sibling_ignored=pl.col("ignored").any())
        .collect(engine="streaming")
        .sort("len", "sibling_id", descending=[True, False])
        .unique("product_key", keep="first", maintain_order=True)
        .drop("len")
    )


def _titles(missing: pl.DataFrame, shop: pl.LazyFrame) -> pl.DataFrame:
    """Make (product_key, title, handle), with handles unique among themselves and in the shop.

    Of products that would collide, the first by its key keeps the plain slug; any other gets its SKU appended, then its
    key in hexadecimal, which is never empty and never equal for two keys.
    """
    first = missing.sort("offer_key").unique("product_key", keep="first").select("product_key", "sku")
    products = first.join(_import_titles(missing.select("product_key", "name")), on="product_key").with_columns(
        title=pl.when(pl.col("title") == "").then("sku").otherwise("title")
    )
    with_sku = pl.concat_str("handle", slug(pl.col("sku")), separator="-").str.strip_chars("-")
    with_key = pl.concat_str("handle", pl.col("product_key").str.encode("hex"), separator="-").str.strip_chars("-")
    products = products.sort("product_key").with_columns(handle=slug(pl.col("title"))).with_row_index("row")
    for longer in (with_sku, with_key):
        taken = shop.select("handle").join(products.lazy().select("handle"), on="handle", how="semi").collect()
        free = pl.col("handle").is_first_distinct() & ~pl.col("handle").is_in(taken["handle"].implode())
        colliding = products.filter(~(free & (pl.col("handle") != ""))).select("row", handle=longer)
        if colliding.is_empty():
            break
        products = products.update(colliding, on="row")
    return products.select("product_key", "title", "handle")


def _import_titles(names: pl.DataFrame) -> pl.DataFrame:
    """(product_key, title); where every name is damaged, without the damage until the feed is right: maybe empty."""
    damaged = names.filter(is_damaged(pl.col("name")))
    if damaged.is_empty():
        return titles(names, "product_key")
    whole = titles(names.filter(~is_damaged(pl.col("name"))), "product_key")
    rest = damaged.join(whole, on="product_key", how="anti").with_columns(name=without_damage(pl.col("name")))
    return pl.concat([whole, titles(rest, "product_key")])


def writable_in_feed(matched: pl.LazyFrame, missing: pl.LazyFrame) -> pl.LazyFrame:
    """The rows of in_feed whose product may be written to."""
    return in_feed(ours(matched), missing.filter(pl.col("waits").is_null()))


def in_feed(matched: pl.LazyFrame, missing: pl.LazyFrame) -> pl.LazyFrame:
    """(product_id, offer_key) of every offer with a product in the shop, its variant being there or to be added."""
    added = missing.select(product_id="existing_product_id", offer_key="offer_key").drop_nulls("product_id")
    return pl.concat([matched.select("product_id", "offer_key"), added])


def medusa_only_products(
    catalog: pl.LazyFrame, matched: pl.LazyFrame, missing: pl.LazyFrame, loose: pl.LazyFrame
) -> pl.LazyFrame:
    """Build MedusaOnlyProduct rows: published, without a variant in the feed or one to be added."""
    only = _comparable(catalog).join(in_feed(matched, missing), on="product_id", how="anti")
    return _to_hide(only, loose, "not_in_feed")


def sold_out_products(catalog: pl.LazyFrame, matched: pl.LazyFrame, missing: pl.LazyFrame) -> pl.LazyFrame:
    """MedusaOnlyProduct rows of published products that are sold out and can be bought, as Medusa does not count them.

    They are in the feed, and join the others only where the shop owner wants them hidden.
    """
    sold_out = _comparable(catalog).join(sold_out_uncounted(catalog, matched, missing), on="product_id", how="semi")
    nothing_alike = pl.LazyFrame(schema={"product_id": pl.String})
    return _to_hide(sold_out, nothing_alike, "sold_out")


def sold_out_uncounted(catalog: pl.LazyFrame, matched: pl.LazyFrame, missing: pl.LazyFrame) -> pl.LazyFrame:
    """product_id of products of ours that are sold out as a whole, with variants that Medusa does not count.

    None of their variants may be unknown to the feed, about to be added, or left on sale by a person's choice.
    """
    wanted = ours(matched).select("variant_id", "wanted_level")
    by_choice = _is_counted() & _sold_all_the_same().is_not_null()
    added = missing.filter(pl.col("wanted_level") > 0).select(product_id="existing_product_id").drop_nulls()
    return (
        catalog.join(wanted, on="variant_id", how="left")
        .group_by("product_id")
        .agg(
            uncounted=(~_is_counted()).any(),
            sold_out=((pl.col("wanted_level") == 0).fill_null(False) & ~by_choice).all(),
        )
        .filter("uncounted", "sold_out")
        .join(added, on="product_id", how="anti")
        .select("product_id")
    )


def _to_hide(rows: pl.LazyFrame, loose: pl.LazyFrame, reason: str) -> pl.LazyFrame:
    """MedusaOnlyProduct rows of these CatalogVariant rows."""
    return (
        rows.group_by("product_id", "handle", "title", "status", "external_id", "ignored")
        .agg(
            skus=pl.col("sku").drop_nulls().str.join(_JOINT),
            ours=(pl.col("external_id").str.starts_with(OURS) | pl.col("offer_key").is_not_null())
            .any()
            .fill_null(False),
        )
        .join(loose.select("product_id", loose_match=True).unique(), on="product_id", how="left")
        .with_columns(
            pl.col("loose_match").fill_null(False), feeds_missed=pl.lit(None, pl.Int64), reason=pl.lit(reason)
        )
        .sort("product_id")
        .select(MedusaOnlyProduct.column_names())
    )


def with_absences(medusa_only: pl.LazyFrame, feeds: Mapping[str, int]) -> pl.LazyFrame:
    """Add to MedusaOnlyProduct rows the number of feeds that lacked each product; `feeds` by product_id."""
    counts = pl.LazyFrame(
        {"product_id": list(feeds), "missed": list(feeds.values())},
        schema={"product_id": pl.String, "missed": pl.Int64},
    )
    joined = medusa_only.join(counts, on="product_id", how="left", maintain_order="left")
    return joined.with_columns(feeds_missed="missed").drop("missed")


def _comparable(catalog: pl.LazyFrame) -> pl.LazyFrame:
    """Catalogue rows that may be missing from the feed: published, and not waiting to be replaced."""
    return catalog.filter((pl.col("status") == "published") & ~_waiting())


def loose_matches(offers: pl.LazyFrame, catalog: pl.LazyFrame, matched: pl.LazyFrame) -> pl.DataFrame:
    """Build LooseMatch rows: unmatched offers and products that look alike."""
    unmatched = offers.select("offer_key", "name", "price", "currency").join(
        matched.select("offer_key"), on="offer_key", how="anti"
    )
    products = (
        _comparable(catalog)
        .join(matched.select("product_id"), on="product_id", how="anti")
        .join(offers.select(external_id="product_key"), on="external_id", how="anti")
        .select("product_id", "title")
        .unique()
        .collect(engine="streaming")
    )
    if products.is_empty():
        return LooseMatch.create_empty()
    offers_left = unmatched.collect(engine="streaming")
    return (
        matching.loose_pairs(offers_left, products)
        .join(offers_left, on="offer_key")
        .join(products, on="product_id")
        .sort("score", "offer_key", descending=[True, False])
        .select(LooseMatch.column_names())
    )


def returning_products(
    matched: pl.LazyFrame, catalog: pl.LazyFrame, missing: pl.LazyFrame, *, sold_out_stay: bool = False
) -> pl.LazyFrame:
    """ReturningProduct rows: hidden by this program and in the feed again. One hidden by hand stays hidden.

    `sold_out_stay`: whether those stay hidden too that would be hidden again, by sold_out_products.
    """
    hidden = catalog.filter((pl.col("status") == "draft") & pl.col("hidden_by_run").is_not_null() & ~pl.col("ignored"))
    if sold_out_stay:
        hidden = hidden.join(sold_out_uncounted(catalog, matched, missing), on="product_id", how="anti")
    return (
        hidden.select("product_id", "handle", "title", "hidden_by_run")
        .unique("product_id")
        .join(writable_in_feed(matched, missing), on="product_id")
        .group_by("product_id", "handle", "title", "hidden_by_run")
        .agg(offer_keys=pl.col("offer_key").sort().str.join(_JOINT))
        .sort("product_id")
        .select(ReturningProduct.column_names())
    )


def stock_mismatches(matched: pl.LazyFrame, catalog: pl.LazyFrame, missing: pl.LazyFrame) -> pl.LazyFrame:
    """Build StockMismatch rows: levels that differ, are not set or left the feed, and what is sold though sold out.

    A variant leaves the feed only where a feed once had it: where it carries an offer's key.
    """
    facts = catalog.select("variant_id", "half_made", "backorder", "elsewhere", "elsewhere_at", "external_id")
    published = pl.col("status") == "published"
    on_sale = published | pl.col("hidden_by_run").is_not_null()  # the latter come back
    sold_out = (pl.col("wanted_level") == 0) & on_sale
    in_feed_rows = (
        ours(matched)
        .filter(
            pl.col("wanted_level").is_not_null()
            & (pl.col("level").ne_missing(pl.col("wanted_level")) | (pl.col("wanted_level") == 0))
        )
        .join(facts, on="variant_id")
        .with_columns(
            reason=pl.when(~_is_counted())
            .then(pl.when(sold_out & published).then(pl.lit("uncounted")))
            .when(_lacks_item())
            .then(pl.lit("no_item"))
            .when(~_known())
            .then(None)
            .when(pl.col("level").is_null() & ~(sold_out & (pl.col("elsewhere") > 0)).fill_null(False))
            .then(pl.lit("no_level"))
            .when(pl.col("level") != pl.col("wanted_level"))
            .then(pl.lit("differs"))
            .when(sold_out)
            .then(_sold_all_the_same())
        )
    )
    unmatched = catalog.join(matched.select("variant_id"), on="variant_id", how="anti").filter(
        pl.col("offer_key").str.starts_with(OURS) & ~pl.col("ignored") & _is_counted() & _known() & ~_waiting()
    )
    left_feed = unmatched.join(in_feed(matched, missing), on="product_id", how="semi").with_columns(
        wanted_level=pl.lit(0, pl.Int64),
        reason=pl.when(pl.col("level") > 0).then(pl.lit("left_feed")).when(on_sale).then(_sold_all_the_same()),
    )
    columns = StockMismatch.column_names()
    rows = pl.concat([frame.drop_nulls("reason").select(columns) for frame in (in_feed_rows, left_feed)])
    return _one_decision_an_item(rows, matched)


def told_stock(mismatches: pl.LazyFrame) -> list[str]:
    """A sentence for each reason for which StockMismatch rows are told and left."""
    numbers = dict(mismatches.group_by("reason").len().collect().iter_rows())

    def left(number: int) -> str:
        return "variant was left as it is" if number == 1 else "variants were left as they are"

    return [
        f"{numbers[reason]:,} {left(numbers[reason])}: {told} (stock-mismatches.csv) [{reason}]"
        for reason, told in TOLD.items()
        if reason in numbers
    ]


def _sold_all_the_same() -> pl.Expr:
    """Why a variant whose level is zero can be bought; null where it cannot."""
    return pl.when(pl.col("elsewhere") > 0).then(pl.lit("elsewhere")).when("backorder").then(pl.lit("backorder"))


def _one_decision_an_item(rows: pl.LazyFrame, matched: pl.LazyFrame) -> pl.LazyFrame:
    """The rows by variant_id, with each inventory item written once, and told where offers want different levels.

    Sets and multipacks share items with what they are made of. A variant that left the feed has no say beside an offer.
    """
    item, sent = pl.col("inventory_item_id"), pl.col("reason").is_in(WRITTEN)
    wishes = (
        matched.filter(pl.col("wanted_level").is_not_null() & _is_counted())
        .join(rows.select("inventory_item_id").drop_nulls(), on="inventory_item_id", how="semi")
        .group_by("inventory_item_id")
        .agg(least=pl.col("wanted_level").min(), most=pl.col("wanted_level").max())
    )
    other_wish = (pl.col("least") != pl.col("wanted_level")) | (pl.col("most") != pl.col("wanted_level"))
    told = rows.join(wishes, on="inventory_item_id", how="left").with_columns(
        reason=pl.when(sent & other_wish.fill_null(False)).then(pl.lit("shared_item")).otherwise("reason")
    )
    again = sent & item.is_not_null() & ~pl.when(sent).then(item).is_first_distinct()
    return told.sort("variant_id").filter(~again).select(StockMismatch.column_names())


def _is_counted() -> pl.Expr:
    return pl.col("manage_inventory").fill_null(True)


def _known() -> pl.Expr:
    """Variants whose level can be told. The Store API tells levels without the ids that setting them needs."""
    return pl.col("inventory_item_id").is_not_null() | pl.col("level").is_not_null()


def _lacks_item() -> pl.Expr:
    """Variants of ours that lost their inventory item, or never got one: nobody can buy them."""
    made_by_us = pl.col("external_id").str.starts_with(OURS).fill_null(False)
    return made_by_us & (pl.col("half_made") == "no_inventory_item").fill_null(False)


def catalog_counts(catalog: pl.LazyFrame, matched: pl.LazyFrame, missing: pl.LazyFrame) -> dict[str, int]:
    """Count the shop's products by state; the parts add up to catalog_products."""
    products = (
        catalog.group_by("product_id")
        .agg(
            pl.col("status").first(),
            variants=pl.col("variant_id").count(),
            half_made=_waiting().all(),
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
    """Count products in the feed that someone set to draft by hand: reported, never published by this program."""
    by_hand = (pl.col("status") != "published") & pl.col("hidden_by_run").is_null()
    return int(matched.filter(by_hand).select(pl.col("product_id").n_unique()).collect().item())
