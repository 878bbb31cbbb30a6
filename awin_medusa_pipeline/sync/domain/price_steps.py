"""Measures a price against what it was where its small steps began, so that many of them make no great one."""

import polars as pl

from awin_medusa_pipeline.sync.domain.operations import Decision
from awin_medusa_pipeline.sync.domain.rules import PriceJump

_SERIES = ["variant_id", "currency"]


def with_earlier_prices(mismatches: pl.DataFrame, steps: pl.DataFrame, jump: PriceJump) -> pl.DataFrame:
    """Return PriceMismatch rows with the price that PriceStep rows began at; too far from it, a person is asked.

    Where the shop shows another price than the last step's, somebody has set it since, and it is the measure.
    """
    price, earlier = pl.col("price").cast(pl.Float64), pl.col("earlier_price").cast(pl.Float64)
    moved = pl.col("moved_percent")
    creeps = (pl.col("decision") == Decision.UPDATE) & beyond(moved, jump).fill_null(False)
    return (
        mismatches.drop("earlier_price", "earlier_on")
        .join(_beginnings(steps), on=_SERIES, how="left", maintain_order="left")
        .with_columns(
            pl.when(pl.col("last_step") == pl.col("shop_price")).then(name).alias(name)
            for name in ("earlier_price", "earlier_on")
        )
        .with_columns(moved_percent=pl.when(earlier > 0).then(((price - earlier) / earlier * 100).round(2)))
        .with_columns(
            question=pl.when(creeps).then(pl.lit("price_creep")).otherwise("question"),
            decision=pl.when(creeps).then(pl.lit(Decision.ASK.value)).otherwise("decision"),
        )
        .select(mismatches.columns)
    )


def beyond(percent: pl.Expr, jump: PriceJump) -> pl.Expr:
    """Whether a change in percent is too large to go without a question."""
    return (percent < -jump.fall_percent) | (percent > jump.rise_percent)


def _beginnings(steps: pl.DataFrame) -> pl.DataFrame:
    """(variant_id, currency, earlier_price, earlier_on, last_step) of PriceStep rows.

    The measure is the price before the first step, or the last one that a person chose: by approving it, unless the
    price went back since, or in the shop, which shows as a step that does not begin where the one before ended.
    """
    ordered = steps.sort("id").with_columns(ended=pl.col("after").shift().over(_SERIES))
    approved = ordered.filter("approved")
    later = ordered.select(*_SERIES, later="id", before="after")
    back = approved.join(later, on=[*_SERIES, "before"]).filter(pl.col("later") > pl.col("id"))["id"]
    chosen = (
        pl.when(pl.col("approved") & ~pl.col("id").is_in(back.implode()))
        .then("after")
        .when(pl.col("before").ne_missing(pl.col("ended")))
        .then("before")
    )
    begins = pl.col("chosen").is_not_null()
    return (
        ordered.with_columns(chosen=chosen)
        .group_by(_SERIES, maintain_order=True)
        .agg(
            earlier_price=pl.coalesce(pl.col("chosen").filter(begins).last(), pl.col("after").first()),
            earlier_on=pl.coalesce(pl.col("on").filter(begins).last(), pl.col("on").first()),
            last_step=pl.col("after").last(),
        )
    )
