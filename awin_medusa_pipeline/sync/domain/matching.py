"""Matches feed offers to shop variants by key, SKU, GTIN and handle."""

from collections import Counter
from collections.abc import Callable

import polars as pl
from rapidfuzz import fuzz, process

from awin_medusa_pipeline.sync.domain.text import slug

# Below this, names of different colours of one article score as high as true pairs.
LOOSE_MATCH_SCORE = 90.0
# Below this, the words in which two names differ are other words, not typos: "black" and "white", "red" and "green".
_SLIP_SCORE = 70.0
# A word that makes more pairs than this says nothing about one product.
_PAIRS_PER_WORD = 2_000


def match(offers: pl.LazyFrame, variants: pl.LazyFrame) -> pl.DataFrame:
    """Find pairs (offer_key, variant_id, match_reason), each offer and each variant at most once.

    Offer columns used: offer_key, merchant_id, sku, gtin, name. `variants`: rows of CatalogVariant that have a variant.
    In order: the key that we wrote, SKU, GTIN, handle; the last three only where unique on both sides, and never a
    variant that carries the key of another merchant that is still in the feed: two merchants may use the same number.
    """
    # Lazy, so that of a large shop one column at a time is read, and whole rows only of what the key did not match.
    alone = pl.col("product_id").is_unique()
    keys = variants.select(
        "variant_id",
        "sku",
        "barcode",
        # The product's key or handle identifies a variant only when it is the product's single one.
        handle=pl.when(alone).then("handle"),
        key=pl.coalesce("offer_key", pl.when(alone).then("external_id")),
        owner=pl.coalesce("offer_key", "external_id"),
        rank=pl.struct(pl.col("status") != "published", "product_id", "variant_id"),
    )
    pairs = _by_key(offers, keys)
    merchants = offers.select(pl.col("merchant_id").unique()).collect().to_series()
    for reason, offer_value, variant_values in (
        ("sku", pl.col("sku"), _values_of("sku")),
        ("gtin", gtin14("gtin"), _values_of("barcode", gtin14("barcode"))),
        ("handle", slug(pl.col("name")), _handle_slugs),
    ):
        found = _by_value(
            offers.select("offer_key", "merchant_id", value=offer_value), keys, variant_values, pairs, merchants
        )
        pairs = pl.concat([pairs, found.with_columns(match_reason=pl.lit(reason))])
    return pairs


def gtin14(column: str) -> pl.Expr:
    """Pad GTIN-8, -12 and -13 to GTIN-14 with leading zeros (GS1)."""
    return pl.when(pl.col(column) != "").then(pl.col(column).str.zfill(14))


def _values_of(column: str, value: pl.Expr | None = None) -> Callable[[pl.LazyFrame], pl.LazyFrame]:
    """Make a function that adds `value`, to be compared, to variants, and drops those without one."""

    def values(keys: pl.LazyFrame) -> pl.LazyFrame:
        return keys.with_columns(value=pl.col(column) if value is None else value).filter(pl.col("value") != "")

    return values


def _handle_slugs(keys: pl.LazyFrame) -> pl.LazyFrame:
    """Add handles as slugs. Nearly all are slugs already, and making a million costs a second."""
    plain = pl.col("handle").str.contains("^[a-z0-9-]+$")
    alone = keys.drop_nulls("handle")
    others = alone.filter(~plain).with_columns(value=slug(pl.col("handle")))
    return pl.concat([alone.filter(plain).with_columns(value="handle"), others]).filter(pl.col("value") != "")


def _by_key(offers: pl.LazyFrame, keys: pl.LazyFrame) -> pl.DataFrame:
    """Match by the offer key in the variant's metadata, or by the external_id of a product with one variant.

    Of copies with the same key the published one wins, then the oldest id; the others show as medusa-only.
    """
    keyed = keys.select("variant_id", offer_key="key").drop_nulls("offer_key").collect()
    again = keyed.filter(pl.col("offer_key").is_duplicated())
    if again.height:
        copies = keys.select("variant_id", "rank", offer_key="key").join(again.lazy(), on="variant_id", how="semi")
        copies = copies.sort("rank").unique("offer_key", keep="first", maintain_order=True).drop("rank")
        keyed = pl.concat([keyed.join(again, on="variant_id", how="anti"), copies.collect()])
    found = offers.select("offer_key").join(keyed.lazy(), on="offer_key")
    return found.select("offer_key", "variant_id", match_reason=pl.lit("external_id")).collect()


def _by_value(
    offers: pl.LazyFrame,
    keys: pl.LazyFrame,
    values: Callable[[pl.LazyFrame], pl.LazyFrame],
    pairs: pl.DataFrame,
    merchants: pl.Series,
) -> pl.DataFrame:
    """Match unmatched offers (offer_key, merchant_id, value) and variants on value.

    A value counts only when it is unique among all offers and all variants, not only the unmatched. An empty value, the
    slug of a name without Latin letters, never matches.
    """
    free = values(keys.join(pairs.lazy(), on="variant_id", how="anti"))
    free_variants = free.select("variant_id", "owner", "value").collect()
    if free_variants.is_empty():
        return pairs.clear().select("offer_key", "variant_id")
    # All offers with such a value, matched or not, to see which values are unique.
    candidates = offers.join(free_variants.lazy().select("value").unique(), on="value", how="semi").collect()
    candidates = candidates.filter(pl.col("value").is_unique()).join(pairs, on="offer_key", how="anti")
    if candidates.is_empty():
        return pairs.clear().select("offer_key", "variant_id")
    unique = values(keys).select("value").join(candidates.lazy().select("value"), on="value", how="semi").collect()
    unique = unique.filter(pl.col("value").is_unique())
    return (
        candidates.join(free_variants, on="value")
        .join(unique, on="value", how="semi")
        .filter(
            pl.col("owner").is_null()
            | ~pl.col("owner").str.starts_with("awin:")
            | pl.col("owner").str.starts_with(pl.format("awin:{}:", "merchant_id"))
            | ~pl.col("owner").str.extract("^awin:([^:]+):").is_in(merchants.implode())
        )
        .select("offer_key", "variant_id")
    )


def loose_pairs(offers: pl.DataFrame, products: pl.DataFrame) -> pl.DataFrame:
    """Find the most similar product of each unmatched offer, as (offer_key, product_id, score in 0..100).

    `offers` (offer_key, name) and `products` (product_id, title) are unmatched. Only names that share one of their
    rarest words are compared (blocking), so the work grows with the tables' size and not with its square.
    """
    left = _words(offers.select(pl.col("offer_key").alias("id"), text="name"))
    right = _words(products.select(pl.col("product_id").alias("id"), text="title"))
    blocks = (
        left.group_by("word")
        .len("left")
        .join(right.group_by("word").len("right"), on="word")
        .with_columns(pairs=pl.col("left").cast(pl.Int64) * pl.col("right"))
        .filter(pl.col("pairs") <= _PAIRS_PER_WORD)
        .select("word", "pairs")
    )

    def rarest(words: pl.DataFrame) -> pl.DataFrame:
        return words.join(blocks, on="word").sort("pairs", "word").group_by("id", "text", "numbers").head(3)

    pairs = (
        rarest(left)
        .join(rarest(right), on=["word", "numbers"], suffix="_right")
        .select("id", "text", "id_right", "text_right")
        .unique()
    )
    texts = pairs["text"].to_list(), pairs["text_right"].to_list()
    scores = process.cpdist(*texts, scorer=fuzz.token_sort_ratio, score_cutoff=LOOSE_MATCH_SCORE, workers=-1)
    return (
        pairs.with_columns(score=pl.Series(scores, dtype=pl.Float64))
        .filter(pl.col("score") > 0)
        .filter(pl.struct("text", "text_right").map_elements(_is_slip, return_dtype=pl.Boolean))
        .select(offer_key="id", product_id="id_right", score="score")
        .sort("score", "product_id", descending=[True, False])
        .unique("offer_key", keep="first", maintain_order=True)
    )


def _is_slip(names: dict[str, str]) -> bool:
    """Whether the words in which two names with equal numbers differ are typos, not a size or a colour."""
    left, right = (Counter(names[side].split()) for side in ("text", "text_right"))
    rest, other = (" ".join(sorted(words.elements())) for words in (left - right, right - left))
    return not (rest and other) or fuzz.ratio(rest, other) >= _SLIP_SCORE


def _words(names: pl.DataFrame) -> pl.DataFrame:
    """Make (id, text, numbers, word) of normalised names, one row per word of three letters or more.

    Other numbers mean another model or size, so only names with the same numbers are compared.
    """
    return (
        names.with_columns(slug(pl.col("text")).str.replace_all("-", " ").alias("text"))
        .with_columns(
            numbers=pl.col("text").str.extract_all(r"\d+").list.sort().list.join(" "),
            word=pl.col("text").str.split(" "),
        )
        .explode("word")
        .filter(pl.col("word").str.len_bytes() >= 3)
        .unique()
    )
