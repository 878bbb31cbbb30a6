"""Gathers the story of one product: its feed rows, its match, its operations, and its state now."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from awin_medusa_pipeline.core.errors import PermanentError, PipelineError
from awin_medusa_pipeline.core.store.base import SHORTEST_ID
from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.core.tables import Tables
from awin_medusa_pipeline.medusa.catalog import ADMIN_FIELDS, variants_frame
from awin_medusa_pipeline.medusa.client import MedusaClient
from awin_medusa_pipeline.sync.engine.places import Places
from awin_medusa_pipeline.sync.store.feed_history import Feed, FeedHistory
from awin_medusa_pipeline.sync.store.ledger import Ledger, LogEntry, Run

Rows = list[dict[str, Any]]
# Columns that identify the whole product with all its variants, and those that identify one variant.
WHOLE = ("product_id", "product_key", "handle")
ONE = ("offer_key", "variant_id", "sku", "merchant_product_id", "aw_product_id", "gtin")
COLUMNS = (*WHOLE, *ONE, "name")
IDS = ("product_id", "product_key", "variant_id", "offer_key")
"""Columns with ids, of which the beginning is enough."""
MOST_FOUND = 200
SOUGHT = "external id, SKU, handle, AWIN id, advertiser's id, GTIN, nor Medusa id of a product or variant"
CATALOG = "medusa_catalog"
# A level that changes every night makes 400 runs, too many to read.
MOST_OTHERS = 20
_MERCHANTS_ID = pl.col("offer_key").str.extract("^awin:[^:]+:(.+)$")


@dataclass(frozen=True)
class Product:
    """One product, or one of its variants, with all its identifiers."""

    names: Mapping[str, frozenset[str]]
    """Values by column, of COLUMNS."""
    whole: bool = True
    """Whether it stands for all of its variants."""

    def every(self, *columns: str) -> list[str]:
        """All values in these columns."""
        return sorted({value for column in columns for value in self.names.get(column, ())})


@dataclass(frozen=True)
class RunStory:
    """The product in one run: its rows and its operations."""

    run: Run
    feeds: Sequence[Feed] = ()
    """The run's downloads."""
    kept: bool = False
    """Whether the run's tables still exist."""
    offers: Rows = field(default_factory=list)
    rejected: Rows = field(default_factory=list)
    matched: Rows = field(default_factory=list)
    only_in_shop: Rows = field(default_factory=list)
    operations: Sequence[LogEntry] = ()


@dataclass(frozen=True)
class Story:
    """The whole story of a product; `now`: its rows of CatalogVariant, or the reason why they are not known."""

    product: Product
    runs: Sequence[RunStory]
    now: Rows | str
    untold: int = 0
    """Number of earlier runs with operations on it that are left out."""


def find(tables: Tables, ledger: Ledger, runs: Sequence[Run], key: str) -> list[Product]:
    """Find the products with this key, or whose id begins so; several when it is ambiguous.

    Raises PermanentError when there is none.
    """
    sources = list(_sources(tables, runs))
    hits = _named(sources, {column: [key] for column in (*WHOLE, *ONE)})
    if not hits and not ledger.history(key) and len(key) >= SHORTEST_ID:
        hits = _beginning(sources, key)
        by_whole = any((row[column] or "").startswith(key) for row in hits for column in WHOLE)
    else:
        by_whole = any(row[column] == key for row in hits for column in WHOLE)
    links = {column: _values(hits, column) for column in ("offer_key", "variant_id", *(WHOLE if by_whole else ()))}
    rows = hits + _named(sources, links)
    if not rows:
        rejected = {row["offer_key"] or key for run in runs for row in _rejected(tables, run, [key])}
        keys = rejected or ({key} if ledger.history(key) else set(ledger.keys_beginning(key, MOST_FOUND)))
        rows = [dict.fromkeys(COLUMNS) | {"offer_key": name} for name in sorted(keys)]
    if not rows:
        raise PermanentError(
            f"Looking for {key}",
            f"in the last {len(runs)} runs and in the log it is no {SOUGHT}",
            "Look for it in the CSV reports, or in Medusa Admin; --runs 30 looks further back.",
        )
    return _grouped(rows, by_whole)


@dataclass(frozen=True)
class Sources:
    """The sources of a story."""

    database: Database
    tables: Tables
    shop: str
    """Address of the shop, as in the operation log."""
    connect: Callable[[], MedusaClient]
    places: Places


def tell_story(sources: Sources, product: Product, runs: Sequence[Run]) -> Story:
    """Tell the story over these runs and the newest others with operations on the product, oldest first."""
    ledger, feeds, tables = Ledger(sources.database), FeedHistory(sources.database), sources.tables
    keys = product.every("offer_key", "variant_id", "product_id")
    operations: dict[str, list[LogEntry]] = {}
    for operation in ledger.history(*keys):
        operations.setdefault(operation.run_id, []).append(operation)
    found = (ledger.run(run_id) for run_id in operations.keys() - {run.run_id for run in runs})
    others = sorted((run for run in found if run and run.shop == sources.shop), key=lambda run: run.started_at)
    shown = sorted([*runs, *others[-MOST_OTHERS:]], key=lambda run: run.started_at)
    stories = [_of_run(tables, run, product, feeds, operations.get(run.run_id, [])) for run in shown]
    return Story(product, stories, _now(sources, product), max(0, len(others) - MOST_OTHERS))


def _of_run(tables: Tables, run: Run, product: Product, feeds: FeedHistory, operations: Sequence[LogEntry]) -> RunStory:
    def rows(asset: str, column: str) -> Rows:
        table = tables.kept(asset, run.run_id)
        return [] if table is None else _where(table, {column: product.every(column)})

    return RunStory(
        run,
        feeds.of_run(run.run_id),
        tables.kept("awin_feed", run.run_id) is not None,
        rows("awin_feed", "offer_key"),
        _rejected(tables, run, product.every("offer_key", "aw_product_id")),
        rows("matched_products", "offer_key"),
        rows("medusa_only_products", "product_id"),
        operations,
    )


def _sources(tables: Tables, runs: Sequence[Run]) -> Iterator[pl.LazyFrame]:
    """Yield tables with those of COLUMNS that they have."""
    if tables.exists(CATALOG):
        yield tables.read(CATALOG).select(
            *("product_id", "variant_id", "offer_key", "handle", "sku"),
            product_key="external_id",
            gtin="barcode",
            name="title",
        )
    for run in runs:
        if (feed := tables.kept("awin_feed", run.run_id)) is not None:
            yield feed.select("offer_key", "product_key", "sku", "aw_product_id", "gtin", "name").with_columns(
                merchant_product_id=_MERCHANTS_ID
            )
        if (matched := tables.kept("matched_products", run.run_id)) is not None:
            yield matched.select("offer_key", "variant_id", "product_id", "handle", "sku")
        if (only := tables.kept("medusa_only_products", run.run_id)) is not None:
            yield only.select("product_id", "handle", product_key="external_id", name="title")


def _named(sources: Sequence[pl.LazyFrame], values: Mapping[str, Collection[str]]) -> Rows:
    """Rows of all sources with one of the values in its column, filled up to COLUMNS."""
    found = []
    for source in sources:
        has = source.collect_schema().names()
        found += _where(source, {column: wanted for column, wanted in values.items() if column in has})
    return [{column: row.get(column) for column in COLUMNS} for row in found]


def _beginning(sources: Sequence[pl.LazyFrame], start: str) -> Rows:
    """Rows of all sources in which an id begins so, filled up to COLUMNS."""
    found = []
    for source in sources:
        has = [column for column in IDS if column in source.collect_schema().names()]
        begins = pl.any_horizontal(pl.col(column).str.starts_with(start) for column in has)
        found += source.filter(begins).head(MOST_FOUND).collect().to_dicts()
    return [{column: row.get(column) for column in COLUMNS} for row in found]


def _where(table: pl.LazyFrame, values: Mapping[str, Collection[str]]) -> Rows:
    conditions = [pl.col(column).is_in(list(wanted)) for column, wanted in values.items() if wanted]
    return table.filter(pl.any_horizontal(conditions)).collect().to_dicts() if conditions else []


def _rejected(tables: Tables, run: Run, names: Sequence[str]) -> Rows:
    """Find rejected rows of these offers, by offer key, else by the advertiser's id.

    A line whose cells could not be parsed must have one of the names in its text, between separators.
    """
    table = tables.kept("awin_feed_rejects", run.run_id)
    if table is None or not names:
        return []
    ids = sorted({name.split(":", 2)[-1] if name.startswith("awin:") else name for name in names})
    cell = f'(?:^|[,;|\\t"])\\s*(?:{"|".join(map(re.escape, ids))})\\s*(?:$|[,;|\\t"\\r\\n])'
    keys = [name for name in names if name.startswith("awin:")]
    key = pl.col("offer_key")
    known = key.is_in(keys) if keys else _MERCHANTS_ID.is_in(ids)
    return table.filter(known | (key.is_null() & pl.col("raw").str.contains(cell))).collect().to_dicts()


def _values(rows: Rows, column: str) -> set[str]:
    return {row[column] for row in rows} - {None}


def _grouped(rows: Rows, whole: bool) -> list[Product]:
    """Group the rows by Medusa product, or, before there is one, by external id."""
    owner: dict[str, str] = {}
    for row in rows:
        for column in ("offer_key", "variant_id", "product_key"):
            if row["product_id"] and row[column]:
                owner.setdefault(row[column], row["product_id"])
    groups: dict[str, Rows] = {}
    for row in rows:
        ids = [row[column] for column in ("offer_key", "variant_id", "product_key") if row[column]]
        known = next((owner[name] for name in ids if name in owner), None)
        product = row["product_id"] or known or row["product_key"] or ids[0]
        groups.setdefault(product, []).append(row)
    return [
        Product({column: frozenset(_values(group, column)) for column in COLUMNS}, whole)
        for _, group in sorted(groups.items())
    ]


def _now(sources: Sources, product: Product) -> Rows | str:
    """Read the product's current rows from the shop."""
    try:
        with sources.connect() as client:
            if not client.can_write:
                return "Reading the product: only MEDUSA_ADMIN_API_KEY allows that. Set it in .env."
            return _shown(client, sources.places, product)
    except PipelineError as error:
        return str(error)


def _shown(client: MedusaClient, places: Places, product: Product) -> Rows:
    location, others = places.find(client)
    found: dict[str, Any] = {}
    for column, values in (("id", product.every("product_id")), ("external_id", product.every("product_key"))):
        for entry in client.where("products", column, values, ADMIN_FIELDS) if values else []:
            found[entry["id"]] = entry
    shown = variants_frame(found.values(), location, others=others)
    if not product.whole:
        ids = {name: product.every(name) for name in ("variant_id", "offer_key", "sku")}
        return _where(shown.lazy(), ids)
    return shown.to_dicts()
