"""Matches feed offers to shop variants by key, SKU, GTIN and handle."""

from collections import Counter

import polars as pl
from rapidfuzz import fuzz, process

from awin_medusa_pipeline.sync.domain.text import slug

# Below this, names of different colours of one article score as high as true pairs.
LOOSE_MATCH_SCORE = 90.0
# Below this, the words in which two names differ are other words, not typos: "black" and "white", "red" and "green".
_SLIP_SCORE = 70.0
# A word that makes more pairs than this says nothing about one product.
_PAIRS_PER_WORD = 2_000
_REASON = pl.Enum(["external_id", "sku", "gtin", "handle"])


def match(offers: pl.LazyFrame, variants: pl.LazyFrame) -> pl.DataFrame:
    """Find pairs (offer, variant, match_reason), each offer and each variant at most once, by their row numbers.

    Offer columns used: offer_key, merchant_id, sku, gtin, name. `variants`: rows of CatalogVariant that have a variant.
    In order: the key that we wrote, SKU, GTIN, handle; the last three only where unique on both sides, and never a
    variant that carries the key of another merchant that is still in the feed: two merchants may use the same number.
    """
    # Of large tables one column at a time is in memory, and strings only of what the key did not match.
    offers, variants = offers.with_row_index("offer"), variants.with_row_index("variant")
    # The product's key or handle identifies a variant only when it is the product's single one.
    alone = variants.select(pl.col("product_id").is_unique()).collect().to_series()
    pairs = _by_key(offers, variants, alone)
    merchants = offers.select(pl.col("merchant_id").unique()).collect().to_series()
    for reason, offer_value, variant_value in (
        ("sku", pl.col("sku"), pl.col("sku")),
        ("gtin", gtin14("gtin"), gtin14("barcode")),
        ("handle", slug(pl.col("name")), _handle_slug()),
    ):
        values = variants.select("variant", value=variant_value)
        found = _by_value(
            offers.select("offer", value=offer_value),
            values.filter(pl.lit(alone)) if reason == "handle" else values,
            pairs,
        )
        found = found.filter(_may_be(offers, variants, found, merchants))
        pairs = pl.concat([pairs, found.with_columns(match_reason=pl.lit(reason, _REASON))])
    return pairs


def gtin14(column: str) -> pl.Expr:
    """Pad GTIN-8, -12 and -13 to GTIN-14 with leading zeros (GS1)."""
    return pl.when(pl.col(column) != "").then(pl.col(column).str.zfill(14))


def _handle_slug() -> pl.Expr:
    """A slug of the handle. Nearly all are slugs already, and to see it takes a third of the time of making one."""

    def slugs(handles: pl.Series) -> pl.Series:
        other = (~handles.str.contains("^[a-z0-9-]+$")).fill_null(False)
        if not other.any():
            return handles
        return handles.scatter(other.arg_true(), handles.filter(other).to_frame().select(slug(pl.first())).to_series())

    return pl.col("handle").map_batches(slugs, return_dtype=pl.String, is_elementwise=True)


def _by_key(offers: pl.LazyFrame, variants: pl.LazyFrame, alone: pl.Series) -> pl.DataFrame:
    """Match by the offer key in the variant's metadata, or by the external_id of a product with one variant.

    Of copies with the same key the published one wins, then the oldest id; the others show as medusa-only.
    """
    key = pl.coalesce("offer_key", pl.when(pl.lit(alone)).then("external_id"))
    keyed = variants.select("variant", offer_key=key).drop_nulls("offer_key").collect()
    again = keyed.filter(repeated(keyed["offer_key"].hash()))
    if again.height:
        rank = ("offer_key", pl.col("status") != "published", "product_id", "variant_id")
        copies = (
            variants.select("variant", "status", "product_id", "variant_id")
            .filter(pl.col("variant").is_in(again["variant"].implode()))
            .collect()
            .join(again, on="variant")
            .sort(rank)
        )
        losing = copies.filter(~pl.col("offer_key").is_first_distinct())
        keyed = keyed.join(losing, on="variant", how="anti")
    found = offers.select("offer", "offer_key").join(keyed.lazy(), on="offer_key", build_side="force_right")
    return found.select("offer", "variant", match_reason=pl.lit("external_id", _REASON)).collect()


def repeated(hashes: pl.Series) -> pl.Series:
    """Which occur more than once. Measured with a million: a third of the time of is_duplicated."""
    ordered = hashes.sort()
    return hashes.is_in(ordered.filter(ordered == ordered.shift()).implode())


def _by_value(offers: pl.LazyFrame, variants: pl.LazyFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """(offer, variant) of unmatched offers (offer, value) and variants (variant, value) with the same value.

    A value counts only when it is unique among all offers and all variants, not only the unmatched. An empty value, the
    slug of a name without Latin letters, never matches.
    """
    filled = variants.filter(pl.col("value") != "")
    free = filled.filter(~pl.col("variant").is_in(pairs["variant"].implode())).collect()
    # By hashes first: few offers have such a value, and those are compared as they are.
    hashes = offers.select("offer", pl.col("value").hash()).collect()
    some = hashes["offer"].filter(hashes["value"].is_in(free["value"].hash().implode()))
    if some.is_empty():
        return pairs.clear().select("offer", "variant")
    # All offers with such a value, matched or not, to see which values are unique.
    candidates = offers.filter(pl.col("offer").is_in(some.implode())).collect()
    candidates = candidates.filter(pl.col("value").is_unique()).join(pairs, on="offer", how="anti")
    unique = filled.select("value").join(candidates.lazy().select("value"), on="value", how="semi").collect()
    unique = unique.filter(pl.col("value").is_unique())
    return candidates.join(free, on="value").join(unique, on="value", how="semi").select("offer", "variant")


def _may_be(offers: pl.LazyFrame, variants: pl.LazyFrame, pairs: pl.DataFrame, merchants: pl.Series) -> pl.Series:
    """Which of these pairs have no variant of another merchant that is still in the feed."""
    merchant, owner = pl.col("merchant_id"), pl.col("owner")
    of_offers = offers.select("offer", "merchant_id").filter(pl.col("offer").is_in(pairs["offer"].implode()))
    owners = variants.select("variant", owner=pl.coalesce("offer_key", "external_id"))
    of_variants = owners.filter(pl.col("variant").is_in(pairs["variant"].implode()))
    both = pairs.lazy().join(of_offers, on="offer", maintain_order="left")
    return (
        both.join(of_variants, on="variant", maintain_order="left")
        .select(
            owner.is_null()
            | ~owner.str.starts_with("awin:")
            | owner.str.starts_with(pl.format("awin:{}:", merchant))
            | ~owner.str.extract("^awin:([^:]+):").is_in(merchants.implode())
        )
        .collect()
        .to_series()
    )


def loose_pairs(offers: pl.DataFrame, products: pl.DataFrame) -> pl.DataFrame:
    """Find the most similar product of each unmatched offer, as (offer_key, product_id, score in 0..100).

    `offers` (offer_key, name) and `products` (product_id, title) are unmatched. Only names that share one of their
    rarest words are compared (blocking), so the work grows with the tables' size and not with its square.
    """
    right = _words(products.select(pl.col("product_id").alias("id"), text="title"))
    left = _words(offers.select(pl.col("offer_key").alias("id"), text="name"), of=right["word"])
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


def _words(names: pl.DataFrame, of: pl.Series | None = None) -> pl.DataFrame:
    """Make (id, text, numbers, word) of normalised names, one row per word of three letters or more.

    `of`: only these words. Other numbers mean another model or size, so only names with the same numbers are compared.
    """
    return (
        names.with_columns(slug(pl.col("text")).str.replace_all("-", " ").alias("text"))
        .with_columns(
            numbers=pl.col("text").str.extract_all(r"\d+").list.sort().list.join(" "),
            word=pl.col("text").str.split(" "),
        )
        .explode("word")
        .filter(pl.col("word").str.len_bytes() >= 3 if of is None else pl.col("word").is_in(of.implode()))
        .unique()
    )
