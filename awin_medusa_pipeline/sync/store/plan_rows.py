"""Reads the rows of held plans."""

from io import BytesIO

import polars as pl
import sqlalchemy as sa
from sqlalchemy.orm import Session

from awin_medusa_pipeline.core.contracts import dtypes
from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.sync.domain.contracts import TABLES
from awin_medusa_pipeline.sync.domain.kinds import KINDS
from awin_medusa_pipeline.sync.domain.operations import Kind
from awin_medusa_pipeline.sync.store.models import HeldPlan


def rows_of(database: Database, plan: HeldPlan) -> pl.DataFrame:
    """The rows of a plan, under the contract of its kind."""
    with database.reading() as session:
        return read_rows(session, plan)


def read_rows(session: Session, plan: HeldPlan) -> pl.DataFrame:
    """The same within a transaction."""
    table = session.scalars(sa.select(HeldPlan.table).where(HeldPlan.hash == plan.hash)).one()
    rows = pl.read_parquet(BytesIO(table))
    contract = dtypes(TABLES[KINDS[Kind(plan.kind)].table])
    # A plan that was kept before an upgrade lacks the columns that are new since.
    return rows.with_columns(pl.lit(None, kind).alias(name) for name, kind in contract.items() if name not in rows)
