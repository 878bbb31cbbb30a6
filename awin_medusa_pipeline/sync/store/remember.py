"""Stores the values that a run wrote into fields that a person may edit too."""

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from awin_medusa_pipeline.sync.domain.operations import Written
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
