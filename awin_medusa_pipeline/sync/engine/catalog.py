"""Reads the whole shop into a table."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

import polars as pl

from awin_medusa_pipeline.medusa.catalog import variants_frame
from awin_medusa_pipeline.medusa.client import MedusaClient, Progress
from awin_medusa_pipeline.medusa.shapes import IGNORE_TAG, TOUCH_FIELDS, was_touched
from awin_medusa_pipeline.sync.domain import halves
from awin_medusa_pipeline.sync.domain.discrepancies import REPLACE
from awin_medusa_pipeline.sync.domain.operations import Operation
from awin_medusa_pipeline.sync.engine.places import Places


@dataclass(frozen=True)
class Catalog:
    """The catalogue as read from the shop."""

    table: pl.DataFrame
    """Rows of CatalogVariant."""
    with_admin_key: bool
    """Whether it includes drafts."""

    @property
    def numbers(self) -> dict[str, int | str]:
        """Metadata to show with the table."""
        return {
            "products": self.table["product_id"].n_unique(),
            "half_made": self.table.height - self.table["half_made"].null_count(),
            "to_replace": self.table.filter(repair=REPLACE)["product_id"].n_unique(),
            "read_with": "admin key" if self.with_admin_key else "publishable key (published products only)",
        }


@dataclass(frozen=True)
class Memory:
    """What is known of earlier runs; asked only where the shop has half-made products."""

    unfinished: Callable[[], Iterable[Operation]] = tuple
    """Imports that were begun and never finished."""
    linked: Callable[[Collection[str]], Collection[str]] = lambda product_ids: ()
    """Which of these products somebody else relies on: listings on Etsy."""


def read_catalog(client: MedusaClient, places: Places, progress: Progress, memory: Memory | None = None) -> Catalog:
    """Read every product and variant, with what an unfinished import of ours has left among them.

    Raises PipelineError: a failed read is never a smaller catalogue.
    """
    if not client.can_write:
        pages = [variants_frame(page, None) for page in client.product_pages(progress)]
        return Catalog(pl.concat([variants_frame([], None), *pages]), with_admin_key=False)
    location, others = places.find(client)
    categories, ignored = client.category_handles(), client.tagged(IGNORE_TAG)
    pages = [variants_frame(page, location, categories, others, ignored) for page in client.product_pages(progress)]
    table = pl.concat([variants_frame([], location), *pages])
    return Catalog(_with_repairs(client, table, memory) if memory else table, with_admin_key=True)


def _with_repairs(client: MedusaClient, table: pl.DataFrame, memory: Memory) -> pl.DataFrame:
    if table.filter(halves.ours_half_made()).is_empty():
        return table
    marked = halves.with_repairs(table, memory.unfinished())
    replaced = marked.filter(repair=REPLACE)["product_id"].unique().to_list()
    kept = set(replaced) - untouched(client, replaced) | set(memory.linked(replaced))
    return halves.completed_instead(marked, kept)


def untouched(client: MedusaClient, product_ids: Collection[str]) -> set[str]:
    """Which of these half-made products nobody can miss: never changed since, without a price, in no order."""
    there = client.where("products", "id", list(product_ids), TOUCH_FIELDS)
    unchanged = [product for product in there if not was_touched(product)]
    unsold = {product["id"] for product in unchanged if not any(v.get("prices") for v in product["variants"])}
    return unsold - client.ordered_since(min(product["created_at"] for product in unchanged)) if unsold else set()
