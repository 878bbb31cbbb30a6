"""Weighs whether a product of the shop that agrees with an offer is that offer, before anything is written to it."""

import polars as pl
from rapidfuzz import fuzz, process

from awin_medusa_pipeline.medusa.shapes import OURS
from awin_medusa_pipeline.sync.domain.contracts import AdoptionCandidate
from awin_medusa_pipeline.sync.domain.guards import merchant_of
from awin_medusa_pipeline.sync.domain.matching import gtin14
from awin_medusa_pipeline.sync.domain.operations import Decision

# Names of one product in feed and shop score 85 and more, those of two products of one range up to about 80.
_ALIKE, _UNLIKE = 85.0, 55.0
# A sale is rarely below half the price. Beyond these limits it is another product that costs so.
_CHEAPER, _DEARER = 0.5, 3.0
# As GTIN-14: GTIN-8 from 0 and 2, UPC and GTIN-13 from 02, 04, 05 and 2, GTIN-13 from 98 and 99 (GS1 prefixes).
_RESTRICTED = r"^(?:0{6}[02]|00[245]|02|098|099)"
PROOF = 2
"""Signs that must agree, with none against, for a product to be adopted without a question."""


def adoption_candidates(offers: pl.LazyFrame, catalog: pl.LazyFrame, matched: pl.LazyFrame) -> pl.DataFrame:
    """AdoptionCandidate rows: what was matched by SKU, GTIN or handle, and does not carry the offer's key yet.

    PROOF signs that agree, and none against, are proof; less, or one that contradicts, is a question. Brand and price
    only speak against: two products of one shop agree in them too often.
    """
    waiting = matched.filter(~pl.col("ours") & ~pl.col("ignored")).select(
        "offer_key", "variant_id", "match_reason", "shop_price"
    )
    fed = offers.select("offer_key", "product_key", "merchant_id", "sku", "gtin", "name", "brand", "price", "currency")
    shop = catalog.select(
        *("variant_id", "product_id", "handle", "title", "variant_title", "barcode", "external_id"),
        shop_key="offer_key",
        shop_sku="sku",
        shop_brand="brand",
    )
    rows = fed.join(waiting, on="offer_key").join(shop, on="variant_id").collect()
    rows = rows.with_columns(likeness=_likeness(rows))
    agree, against = _signs()
    return (
        rows.with_columns(agrees=_listed(agree), contradicts=_listed(against))
        .with_columns(
            decision=pl.when((pl.sum_horizontal(agree.values()) >= PROOF) & (pl.col("contradicts") == ""))
            .then(pl.lit(Decision.UPDATE.value))
            .otherwise(pl.lit(Decision.ASK.value)),
            new_external_id=_external_id(),
        )
        .sort("product_id", "variant_id")
        .select(AdoptionCandidate.column_names())
    )


def new_merchant_ids(candidates: pl.LazyFrame) -> list[str]:
    """A sentence for each merchant whose products are offered under another merchant id, from AdoptionCandidate rows.

    Matching takes products of another merchant only where that one has left the feed.
    """
    found = (
        candidates.with_columns(old=merchant_of(pl.col("shop_key").fill_null(pl.col("external_id"))))
        .filter(pl.col("old") != pl.col("merchant_id"))
        .group_by("old", "merchant_id")
        .agg(
            *(
                pl.col("product_id").filter(pl.col("decision") == decision).n_unique().alias(decision)
                for decision in (Decision.UPDATE, Decision.ASK)
            )
        )
        .sort("old", "merchant_id")
        .collect()
    )
    return [
        f"Merchant {old} is {new} in the feed now: of its products {going:,} are taken over under the new id"
        f"{f', and {asked:,} wait for your decision' * bool(asked)} (adoption-candidates.csv) [new_merchant_id]"
        for old, new, going, asked in found.iter_rows()
    ]


def _signs() -> tuple[dict[str, pl.Expr], dict[str, pl.Expr]]:
    """What speaks for and what against a pair, by name; null counts as no."""
    gtin, barcode = _identifying("gtin"), _identifying("barcode")
    brand, shop_brand = _words("brand"), _words("shop_brand")
    ratio = pl.col("price").cast(pl.Float64) / pl.col("shop_price").cast(pl.Float64)
    agree = {
        "SKU": pl.col("sku") == pl.col("shop_sku"),
        "GTIN": gtin == barcode,
        "name": pl.col("likeness") >= _ALIKE,
    }
    against = {
        "GTIN": gtin != barcode,
        "name": pl.col("likeness") < _UNLIKE,
        "brand": (brand != shop_brand) & (brand != "") & (shop_brand != ""),
        "price": (ratio < _CHEAPER) | (ratio > _DEARER),
    }
    return {k: v.fill_null(False) for k, v in agree.items()}, {k: v.fill_null(False) for k, v in against.items()}


def _identifying(column: str) -> pl.Expr:
    """The code as GTIN-14; null for numbers that are unique inside one company, shop or till alone (GS1)."""
    code = gtin14(column)
    return pl.when(~code.str.contains(_RESTRICTED)).then(code)


def _likeness(rows: pl.DataFrame) -> pl.Series:
    """0 to 100: the offer's name beside the product's title, alone and with the variant's own.

    Other numbers are another model or size, so names that differ in them are never alike.
    """
    titles = {
        "alone": pl.col("title"),
        "whole": pl.concat_str("title", pl.col("variant_title").fill_null(""), separator=" "),
    }
    words = rows.select(name=_words("name"), **{key: _words(title) for key, title in titles.items()})
    scores = pl.DataFrame(
        {
            key: process.cpdist(words["name"].to_list(), words[key].to_list(), scorer=fuzz.token_sort_ratio, workers=-1)
            for key in titles
        },
        schema=dict.fromkeys(titles, pl.Float64),
    )

    def numbers(column: str) -> pl.Expr:
        return pl.col(column).str.extract_all(r"\d+").list.sort()

    return words.select(
        likeness=pl.max_horizontal(
            pl.when(numbers("name") == numbers(key)).then(scores[key]).otherwise(scores[key].clip(0, _ALIKE - 1))
            for key in titles
        )
    ).to_series()


def _words(text: str | pl.Expr) -> pl.Expr:
    """Text in lower case, letters and digits of any script alone."""
    column = pl.col(text) if isinstance(text, str) else text
    plain = column.str.to_lowercase().str.normalize("NFKD").str.replace_all(r"\p{M}+", "")
    return plain.str.replace_all(r"[^\p{L}\p{N}]+", " ").str.strip_chars()


def _listed(signs: dict[str, pl.Expr]) -> pl.Expr:
    return pl.concat_str(
        [pl.when(holds).then(pl.lit(name)) for name, holds in signs.items()], separator=", ", ignore_nulls=True
    )


def _external_id() -> pl.Expr:
    """The product key to write: where the product has none or an old one of ours, and no other product gets the same.

    An external_id of somebody else's stays.
    """
    free = pl.col("external_id").is_null() | pl.col("external_id").str.starts_with(OURS)
    alone = (pl.col("product_id").n_unique().over("product_key") == 1) & (
        pl.col("product_key").n_unique().over("product_id") == 1
    )
    return pl.when(free & alone).then("product_key").otherwise("external_id")
