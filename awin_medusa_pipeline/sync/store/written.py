"""Stores the last values written into fields that a person may edit too: price, title, description, images, category.

They outlive the operation log, since a product may live longer than 400 days.
"""

from collections.abc import Iterable

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from awin_medusa_pipeline.core.contracts import dtypes
from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.sync.domain import contracts
from awin_medusa_pipeline.sync.domain.ownership import Written
from awin_medusa_pipeline.sync.store.models import Run, WrittenValue


def remember(session: Session, run_id: str, written: Iterable[Written]) -> None:
    """Store values that a run wrote, each replacing the one before."""
    shop = sa.select(Run.shop).where(Run.run_id == run_id).scalar_subquery()
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = insert(WrittenValue).values(shop=shop, run_id=run_id)
    statement = statement.on_conflict_do_update(
        index_elements=["shop", "key", "field"],
        set_={name: statement.excluded[name] for name in ("value", "source", "run_id")},
    )
    rows = [{"key": one.key, "field": one.field, "value": one.value, "source": one.source} for one in written]
    if rows:
        session.connection().execute(statement, rows)


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
