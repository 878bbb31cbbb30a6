"""Reads the whole shop into a table."""

from dataclasses import dataclass

import polars as pl

from awin_medusa_pipeline.medusa.catalog import variants_frame
from awin_medusa_pipeline.medusa.client import MedusaClient, Progress


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
            "read_with": "admin key" if self.with_admin_key else "publishable key (published products only)",
        }


def read_catalog(client: MedusaClient, stock_location: str | None, progress: Progress) -> Catalog:
    """Read every product and variant. `stock_location`: name or id of the one to read levels from; None: the first.

    Raises PipelineError: a failed read is never a smaller catalogue.
    """
    location = client.stock_location_id(stock_location) if client.can_write else None
    categories = client.category_handles() if client.can_write else None
    pages = [variants_frame(page, location, categories) for page in client.product_pages(progress)]
    return Catalog(pl.concat([variants_frame([], location), *pages]), client.can_write)
