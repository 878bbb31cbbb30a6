"""Reads the rows of held plans."""

from io import BytesIO

import polars as pl
import sqlalchemy as sa
from sqlalchemy.orm import Session

from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.sync.store.models import HeldPlan


def rows_of(database: Database, plan: HeldPlan) -> pl.DataFrame:
    """The rows of a plan, as they were kept: one of before an upgrade lacks the columns that are new since."""
    with database.reading() as session:
        return read_rows(session, plan)


def read_rows(session: Session, plan: HeldPlan) -> pl.DataFrame:
    """The same within a transaction."""
    table = session.scalars(sa.select(HeldPlan.table).where(HeldPlan.hash == plan.hash)).one()
    return pl.read_parquet(BytesIO(table))
