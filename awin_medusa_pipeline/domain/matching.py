"""Who is who: offer <-> variant, with the reason of each match.

What belongs here: identity. What does not: what differs between the two (discrepancies.py).
"""

import re
from collections import Counter

import polars as pl
from rapidfuzz import fuzz

from awin_medusa_pipeline.domain.text import slug

# Below this, names of different colours of one article score as high as true pairs.
LOOSE_MATCH_SCORE = 90.0
# Below this, the words in which two names differ are other words and not slips: "black" and "white", "red" and "green".
_SLIP_SCORE = 70.0
# A word that makes more pairs than this says nothing about one product.
_PAIRS_PER_WORD = 2_000


def match(offers: pl.LazyFrame, variants: pl.LazyFrame) -> pl.DataFrame:
    """Pairs (offer_key, variant_id, match_reason), each offer and each variant at most once.

    Offer columns used: offer_key, merchant_id, sku, gtin, name. `variants`: rows of CatalogVariant that have a variant.
    In order: the key that we wrote, SKU, GTIN, handle; the last three only where unique on both sides, and never a
    variant that carries another merchant's key: two merchants may use the same number.
    """
    pairs = _by_key(offers, variants)
    for reason, offer_value, variant_value in (
        ("sku", pl.col("sku"), pl.col("sku")),
        ("gtin", _gtin14("gtin"), _gtin14("barcode")),
        ("handle", slug(pl.col("name")), pl.when(_alone()).then(slug(pl.col("handle")))),
    ):
        found = _by_value(
            offers.select("offer_key", "merchant_id", value=offer_value),
            variants.select("variant_id", value=variant_value, key=pl.coalesce("offer_key", "external_id")),
            pairs,
        )
        pairs = pl.concat([pairs, found.with_columns(match_reason=pl.lit(reason))])
    return pairs


def _alone() -> pl.Expr:
    """Variants that are the only one of their product: only then does the product's key or handle say which it is."""
    return pl.col("product_id").is_unique()


def _gtin14(column: str) -> pl.Expr:
    """GTIN-8, -12 and -13 are GTIN-14 with leading zeros (GS1)."""
    return pl.when(pl.col(column) != "").then(pl.col(column).str.zfill(14))


def _by_key(offers: pl.LazyFrame, variants: pl.LazyFrame) -> pl.DataFrame:
    """By the offer key in the variant's metadata, or the product's external_id when it has one variant.

    Of copies with one key the published one, then the oldest id wins: the rest is left over, and shows as medusa-only.
    """
    keyed = (
        variants.select(
            "variant_id",
            "product_id",
            offer_key=pl.coalesce("offer_key", pl.when(_alone()).then("external_id")),
            hidden=pl.col("status") != "published",
        )
        .drop_nulls("offer_key")
        .collect()
    )
    if keyed["offer_key"].is_duplicated().any():
        keyed = keyed.sort("hidden", "product_id", "variant_id").unique("offer_key", keep="first", maintain_order=True)
    found = offers.select("offer_key").join(keyed.lazy().select("offer_key", "variant_id"), on="offer_key")
    return found.select("offer_key", "variant_id", match_reason=pl.lit("external_id")).collect()


def _by_value(offers: pl.LazyFrame, variants: pl.LazyFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """Join what is still free of (offer_key, merchant_id, value) and (variant_id, value, key) on value.

    A value counts only when it is unique on the whole of both sides, not only among what is free. An empty one, as the
    slug of a name without Latin letters, says nothing.
    """
    taken = pairs.lazy()
    free_variants = variants.filter(pl.col("value") != "").join(taken, on="variant_id", how="anti").collect()
    free_offers = (
        offers.join(free_variants.lazy(), on="value", how="semi").join(taken, on="offer_key", how="anti").collect()
    )
    candidates = free_offers.lazy().select("value").unique()

    def unique(side: pl.LazyFrame) -> pl.LazyFrame:
        return side.select("value").join(candidates, on="value", how="semi").filter(pl.col("value").is_unique())

    return (
        free_offers.lazy()
        .join(free_variants.lazy(), on="value")
        .join(unique(offers), on="value", how="semi")
        .join(unique(variants), on="value", how="semi")
        .filter(
            pl.col("key").is_null()
            | ~pl.col("key").str.starts_with("awin:")
            | pl.col("key").str.starts_with(pl.format("awin:{}:", "merchant_id"))
        )
        .select("offer_key", "variant_id")
        .collect()
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
    scores = [_likeness(a, b) for a, b in pairs.select("text", "text_right").iter_rows()]
    return (
        pairs.select(offer_key="id", product_id="id_right", score=pl.Series(scores, dtype=pl.Float64))
        .filter(pl.col("score") >= LOOSE_MATCH_SCORE)
        .sort("score", "product_id", descending=[True, False])
        .unique("offer_key", keep="first", maintain_order=True)
    )


def _likeness(a: str, b: str) -> float:
    """Score of two normalised names; 0 where a number or another word tells them apart: a size, a colour, a model."""
    score = fuzz.token_sort_ratio(a, b, score_cutoff=LOOSE_MATCH_SCORE)
    if score in (0.0, 100.0):
        return score
    if Counter(re.findall(r"\d+", a)) != Counter(re.findall(r"\d+", b)):
        return 0.0
    words_a, words_b = Counter(a.split()), Counter(b.split())
    rest_a, rest_b = (" ".join(sorted(rest.elements())) for rest in (words_a - words_b, words_b - words_a))
    return score if not (rest_a and rest_b) or fuzz.ratio(rest_a, rest_b) >= _SLIP_SCORE else 0.0


def _words(names: pl.DataFrame) -> pl.DataFrame:
    """(id, text, word): the normalised name, one row a word of three letters or more."""
    return (
        names.with_columns(slug(pl.col("text")).str.replace_all("-", " ").alias("text"))
        .with_columns(word=pl.col("text").str.split(" "))
        .explode("word")
        .filter(pl.col("word").str.len_bytes() >= 3)
        .unique()
    )
