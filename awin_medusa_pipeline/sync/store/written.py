"""Reads the last values written into fields that a person may edit too: price, title, description, images, category.

They outlive the operation log, since a product may live longer than 400 days.
"""

import polars as pl
import sqlalchemy as sa

from awin_medusa_pipeline.core.contracts import dtypes
from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.sync.domain import contracts
from awin_medusa_pipeline.sync.store.models import WrittenValue


class WrittenValues:
    """Reads the values written into a shop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, shop: str) -> pl.LazyFrame:
        """The WrittenValue rows of a shop."""
        columns = contracts.WrittenValue.column_names()
        query = sa.select(*(getattr(WrittenValue, name) for name in columns)).where(WrittenValue.shop == shop)
        with self._database.reading() as session:
            rows = session.execute(query).all()
        return pl.LazyFrame([tuple(row) for row in rows], schema=dtypes(contracts.WrittenValue), orient="row")
