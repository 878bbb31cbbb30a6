"""Reads the whole shop into a table."""

import itertools
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl

from awin_medusa_pipeline.medusa.catalog import variants_frame
from awin_medusa_pipeline.medusa.client import MedusaClient, Progress
from awin_medusa_pipeline.medusa.shapes import IGNORE_TAG, TOUCH_FIELDS, Json, was_touched
from awin_medusa_pipeline.sync.domain import halves
from awin_medusa_pipeline.sync.domain.discrepancies import REPLACE
from awin_medusa_pipeline.sync.domain.operations import Operation
from awin_medusa_pipeline.sync.engine.places import Places


@dataclass(frozen=True)
class Catalog:
    """The catalogue as read from the shop."""

    table: pl.LazyFrame
    """Rows of CatalogVariant, in files of the folder that they were read into."""
    with_admin_key: bool
    """Whether it includes drafts."""

    @property
    def numbers(self) -> dict[str, int | str]:
        """Metadata to show with the table."""
        product = pl.col("product_id")
        found = self.table.select(
            products=product.n_unique(),
            half_made=pl.col("half_made").is_not_null().sum(),
            to_replace=product.filter(pl.col("repair") == REPLACE).n_unique(),
        )
        (numbers,) = found.collect().to_dicts()
        return {
            **numbers,
            "read_with": "admin key" if self.with_admin_key else "publishable key (published products only)",
        }


@dataclass(frozen=True)
class Memory:
    """What is known of earlier runs; asked only where the shop has half-made products."""

    unfinished: Callable[[], Iterable[Operation]] = tuple
    """Imports that were begun and never finished."""
    linked: Callable[[Collection[str]], Collection[str]] = lambda product_ids: ()
    """Which of these products somebody else relies on: listings on Etsy."""


def read_catalog(
    client: MedusaClient, places: Places, folder: Path, progress: Progress, memory: Memory | None = None
) -> Catalog:
    """Read every product and variant, with what an unfinished import of ours has left among them.

    Each page becomes a file in `folder`, so that memory stays bounded. Raises PipelineError: a failed read is never a
    smaller catalogue.
    """
    frame = _frame_of(client, places)
    for number, page in enumerate(itertools.chain([[]], client.product_pages(progress))):
        # Read once and deleted: not worth strong compression, nor statistics.
        frame(page).write_parquet(folder / f"products-{number:06}.parquet", compression="lz4", statistics=False)
    table = pl.scan_parquet(folder / "products-*.parquet")
    return Catalog(_with_repairs(client, table, memory) if memory else table, with_admin_key=client.can_write)


def _frame_of(client: MedusaClient, places: Places) -> Callable[[Sequence[Json]], pl.DataFrame]:
    """What makes CatalogVariant rows of products: with what Medusa lists apart from them, where the key may read it."""
    if not client.can_write:
        return partial(variants_frame, location_id=None)
    location, others = places.find(client)
    categories, ignored = client.category_handles(), client.tagged(IGNORE_TAG)
    return partial(variants_frame, location_id=location, categories=categories, others=others, ignored=ignored)


def _with_repairs(client: MedusaClient, table: pl.LazyFrame, memory: Memory) -> pl.LazyFrame:
    if table.filter(halves.ours_half_made()).head(1).collect().is_empty():
        return table
    marked = halves.with_repairs(table.collect(), memory.unfinished())
    replaced = marked.filter(repair=REPLACE)["product_id"].unique().to_list()
    kept = set(replaced) - untouched(client, replaced) | set(memory.linked(replaced))
    return halves.completed_instead(marked, kept).lazy()


def untouched(client: MedusaClient, product_ids: Collection[str]) -> set[str]:
    """Which of these half-made products nobody can miss: never changed since, without a price, in no order."""
    there = client.where("products", "id", list(product_ids), TOUCH_FIELDS)
    unchanged = [product for product in there if not was_touched(product)]
    unsold = {product["id"] for product in unchanged if not any(v.get("prices") for v in product["variants"])}
    return unsold - client.ordered_since(min(product["created_at"] for product in unchanged)) if unsold else set()
