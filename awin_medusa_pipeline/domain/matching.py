"""Who is who: offer <-> variant, with the reason of each match.

What belongs here: identity. What does not: what differs between the two (discrepancies.py).
"""

import polars as pl
from rapidfuzz import fuzz

from awin_medusa_pipeline.domain.text import slug

# Below this, names of different colours of one article score as high as true pairs.
LOOSE_MATCH_SCORE = 90.0
# A word that makes more pairs than this says nothing about one product.
_PAIRS_PER_WORD = 2_000


def match(offers: pl.DataFrame, variants: pl.DataFrame) -> pl.DataFrame:
    """Pairs (offer_key, variant_id, match_reason), each offer and each variant at most once.

    Offer columns used: offer_key, merchant_id, sku, gtin, name. `variants`: rows of CatalogVariant that have a variant.
    In order: the key that we wrote, SKU, GTIN, handle; the last three only where unique on both sides, and never a
    variant that carries another merchant's key: two merchants may use the same number.
    """
    pairs = _by_key(offers, variants)
    for reason, rule in (("sku", _by_sku), ("gtin", _by_gtin), ("handle", _by_handle)):
        free_offers = offers.join(pairs, on="offer_key", how="anti")
        free_variants = variants.join(pairs, on="variant_id", how="anti")
        if free_offers.is_empty() or free_variants.is_empty():
            break
        found = rule(offers, variants)
        allowed = (
            found.join(free_offers.select("offer_key", "merchant_id"), on="offer_key")
            .join(free_variants.select("variant_id", key=_variant_key()), on="variant_id")
            .filter(
                pl.col("key").is_null()
                | ~pl.col("key").str.starts_with("awin:")
                | pl.col("key").str.starts_with(pl.format("awin:{}:", "merchant_id"))
            )
        )
        pairs = pl.concat([pairs, allowed.select("offer_key", "variant_id", match_reason=pl.lit(reason))])
    return pairs


def _variant_key() -> pl.Expr:
    return pl.coalesce("offer_key", "external_id")


def _by_key(offers: pl.DataFrame, variants: pl.DataFrame) -> pl.DataFrame:
    """By the offer key in the variant's metadata, or the product's external_id when it has one variant.

    Of copies with one key the published one, then the oldest id wins: the rest is left over, and shows as medusa-only.
    """
    alone = pl.col("variant_id").count().over("product_id") == 1
    keyed = variants.select(
        "variant_id",
        pl.col("status").ne("published").alias("hidden"),
        "product_id",
        offer_key=pl.coalesce("offer_key", pl.when(alone).then("external_id")),
    ).drop_nulls("offer_key")
    if keyed["offer_key"].is_duplicated().any():
        keyed = keyed.sort("hidden", "product_id", "variant_id").unique("offer_key", keep="first", maintain_order=True)
    return (
        offers.select("offer_key")
        .join(keyed, on="offer_key")
        .select("offer_key", "variant_id", match_reason=pl.lit("external_id"))
    )


def _unique_pairs(offers: pl.DataFrame, variants: pl.DataFrame) -> pl.DataFrame:
    """Join (offer_key, value) with (variant_id, value) on values that are unique on both sides."""

    def unique(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.drop_nulls("value").filter(pl.col("value").is_unique())

    return unique(offers).join(unique(variants), on="value").select("offer_key", "variant_id")


def _by_sku(offers: pl.DataFrame, variants: pl.DataFrame) -> pl.DataFrame:
    return _unique_pairs(offers.select("offer_key", value="sku"), variants.select("variant_id", value="sku"))


def _by_gtin(offers: pl.DataFrame, variants: pl.DataFrame) -> pl.DataFrame:
    def padded(column: str) -> pl.Expr:  # GTIN-8, -12 and -13 are GTIN-14 with leading zeros (GS1).
        return pl.col(column).str.zfill(14)

    return _unique_pairs(
        offers.select("offer_key", value=padded("gtin")), variants.select("variant_id", value=padded("barcode"))
    )


def _by_handle(offers: pl.DataFrame, variants: pl.DataFrame) -> pl.DataFrame:
    """A product with several variants is left out: its handle does not say which of them the offer is."""
    alone = variants.filter(pl.col("variant_id").count().over("product_id") == 1)
    return _unique_pairs(
        offers.select("offer_key", value=slug(pl.col("name"))), alone.select("variant_id", value=slug(pl.col("handle")))
    )


def loose_pairs(offers: pl.DataFrame, products: pl.DataFrame) -> pl.DataFrame:
    """The most similar product of each offer that has one, as (offer_key, product_id, score in 0..100).

    `offers` (offer_key, name) and `products` (product_id, title) are what matching left over. Only names that share one
    of their rarest words are compared (blocking), so that the work grows with the tables and not with their product.
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
        return words.join(blocks, on="word").sort("pairs", "word").group_by("id", "text").head(3)

    pairs = (
        rarest(left)
        .join(rarest(right), on="word", suffix="_right")
        .select("id", "text", "id_right", "text_right")
        .unique()
    )
    scores = [fuzz.token_sort_ratio(a, b) for a, b in pairs.select("text", "text_right").iter_rows()]
    return (
        pairs.select(offer_key="id", product_id="id_right", score=pl.Series(scores, dtype=pl.Float64))
        .filter(pl.col("score") >= LOOSE_MATCH_SCORE)
        .sort("score", "product_id", descending=[True, False])
        .unique("offer_key", keep="first", maintain_order=True)
    )


def _words(names: pl.DataFrame) -> pl.DataFrame:
    """(id, text, word): the normalised name, one row a word of three letters or more."""
    return (
        names.with_columns(slug(pl.col("text")).str.replace_all("-", " ").alias("text"))
        .with_columns(word=pl.col("text").str.split(" "))
        .explode("word")
        .filter(pl.col("word").str.len_bytes() >= 3)
        .unique()
    )
