"""Reads the tables of discrepancies for the pages: counts, and rows with the reason of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from awin_medusa_pipeline.core.tables import Tables
from awin_medusa_pipeline.sync.domain.guards import QUESTIONS
from awin_medusa_pipeline.sync.domain.operations import Decision

PAGE = 50


@dataclass(frozen=True)
class Tab:
    """One table of discrepancies."""

    name: str
    """In addresses."""
    words: str
    table: str
    columns: Sequence[str]
    """Shown, in this order; `product_id` and `offer_key` are links where the table has them."""
    why: pl.Expr
    csv: str | None
    """Its file in the report folder; None where no report has it."""


@dataclass(frozen=True)
class Rows:
    """One page of rows, and how many there are in all."""

    rows: Sequence[Mapping[str, Any]]
    total: int
    page: int

    @property
    def pages(self) -> int:
        """Number of pages."""
        return max(1, -(-self.total // PAGE))


def _said(column: str, words: Mapping[str, str], otherwise: pl.Expr | None = None) -> pl.Expr:
    found = pl.col(column).replace_strict(dict(words), default=None, return_dtype=pl.String)
    return pl.coalesce(found, otherwise if otherwise is not None else pl.col(column))


_OWNED = (
    pl.when(pl.col("decision") == Decision.KEEP)
    .then(pl.format("left as the shop has it: its owner is {}", "owner"))
    .when(pl.col("decision") == Decision.ASK)
    .then(pl.lit("a person is asked"))
    .when(pl.col("decision") == Decision.REFUSE)
    .then(pl.lit("not written: it cannot be right"))
    .otherwise(pl.format("the feed's is taken over: its owner is {}", "owner"))
) + pl.when(pl.col("edited_by_hand")).then(pl.lit("; edited by hand in the shop")).otherwise(pl.lit(""))

TABS: Mapping[str, Tab] = {
    tab.name: tab
    for tab in (
        Tab(
            "missing",
            "Missing in the shop",
            "missing_awin_products",
            ("title", "sku", "price", "currency", "wanted_level", "offer_key"),
            pl.when("loose_match")
            .then(pl.lit("looks like a product of the shop: held back until you decide"))
            .when(pl.col("waits") == "adoption")
            .then(pl.lit("its product is not adopted yet"))
            .when(pl.col("waits") == "ignored")
            .then(pl.lit("a person keeps this program off its product"))
            .when(pl.col("half_made_product_id").is_not_null())
            .then(pl.lit("an import was interrupted and left its product half made"))
            .when(pl.col("existing_product_id").is_not_null())
            .then(pl.lit("the shop has the product, but not this variant"))
            .otherwise(pl.lit("nothing in the shop has its key, SKU, GTIN or name")),
            "missing-awin-products.csv",
        ),
        Tab(
            "only-in-shop",
            "Only in the shop",
            "medusa_only_products",
            ("title", "handle", "skus", "feeds_missed", "product_id"),
            pl.when("ignored")
            .then(pl.lit("a person keeps this program off it"))
            .when("loose_match")
            .then(pl.lit("looks like an offer of the feed: held back until you decide"))
            .when(pl.col("reason") == "sold_out")
            .then(pl.lit("sold out in the feed, and Medusa does not count it"))
            .when(~pl.col("ours"))
            .then(pl.lit("no feed ever held it: a person decides once"))
            .otherwise(pl.format("absent from {} accepted feeds in a row", pl.col("feeds_missed").fill_null(0))),
            "medusa-only-products.csv",
        ),
        Tab(
            "returning",
            "Returning",
            "returning_products",
            ("title", "handle", "offer_keys", "product_id"),
            pl.format("hidden by run {}, and in the feed again", pl.col("hidden_by_run").str.slice(0, 8)),
            None,
        ),
        Tab(
            "stock",
            "Stock",
            "stock_mismatches",
            ("title", "sku", "level", "wanted_level", "product_id"),
            _said(
                "reason",
                {
                    "differs": "the level differs from what the feed asks for",
                    "no_level": "there is no level at the stock location",
                    "no_item": "its inventory item is missing, and is made again",
                    "left_feed": "it has left the feed while other variants stay",
                    "uncounted": "told and left alone: Medusa does not count it",
                    "backorder": "told and left alone: it may be ordered when nothing is left",
                    "elsewhere": "told and left alone: another stock location sells it",
                    "shared_item": "told and left alone: its inventory item belongs to other variants as well",
                },
            ),
            "stock-mismatches.csv",
        ),
        Tab(
            "prices",
            "Prices",
            "price_mismatches",
            ("title", "sku", "shop_price", "price", "currency", "change_percent", "product_id"),
            _said("question", QUESTIONS, _OWNED),
            "price-mismatches.csv",
        ),
        Tab(
            "texts",
            "Texts and images",
            "content_mismatches",
            ("title", "field", "shop_value", "value", "product_id"),
            _OWNED,
            "content-mismatches.csv",
        ),
        Tab(
            "adoption",
            "To adopt",
            "adoption_candidates",
            ("name", "title", "sku", "shop_sku", "price", "shop_price", "product_id"),
            pl.format("agree: {}", "agrees")
            + pl.when(pl.col("contradicts") != "")
            .then(pl.format("; against it: {}", "contradicts"))
            .otherwise(pl.lit(""))
            + pl.when(pl.col("decision") == Decision.ASK).then(pl.lit("; a person decides")).otherwise(pl.lit("")),
            "adoption-candidates.csv",
        ),
        Tab(
            "alike",
            "Look alike",
            "loose_matches",
            ("name", "title", "price", "currency", "score", "product_id"),
            pl.format("their names are alike to {} %; neither is imported nor hidden", pl.col("score").round(0)),
            "loose-matches.csv",
        ),
        Tab(
            "rejected",
            "Rejected rows",
            "awin_feed_rejects",
            ("feed", "line", "offer_key", "raw"),
            pl.col("detail"),
            "rejected-rows.csv",
        ),
    )
}


def counts(tables: Tables) -> dict[str, int | None]:
    """Rows of each tab; None where the table was never made."""
    return {
        tab.name: int(tables.read(tab.table).select(pl.len()).collect().item()) if tables.exists(tab.table) else None
        for tab in TABS.values()
    }


def rows(tables: Tables, tab: Tab, *, search: str, sort: str, descending: bool, page: int) -> Rows:
    """One page of a tab. `sort`: one of its columns, or "" for the order of the table."""
    if not tables.exists(tab.table):
        return Rows((), 0, 1)
    table = tables.read(tab.table).with_columns(why=tab.why)
    return page_of(table, [*tab.columns, "why"], search=search, sort=sort, descending=descending, page=page)


def page_of(
    table: pl.LazyFrame, columns: Sequence[str], *, search: str, sort: str, descending: bool, page: int
) -> Rows:
    """One page of a table: the rows with `search` in one of the columns, in the order of one of them."""
    if words := search.strip().lower():
        schema = table.collect_schema()
        texts = [pl.col(name).str.to_lowercase() for name in columns if schema[name] == pl.String]
        table = table.filter(pl.any_horizontal(text.str.contains(words, literal=True) for text in texts))
    if sort in columns:
        table = table.sort(sort, descending=descending, nulls_last=True, maintain_order=True)
    total = int(table.select(pl.len()).collect().item())
    page = min(max(page, 1), max(1, -(-total // PAGE)))
    return Rows(table.slice((page - 1) * PAGE, PAGE).collect().to_dicts(), total, page)
