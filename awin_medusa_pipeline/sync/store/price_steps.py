"""Reads from the operation log how prices have moved."""

from collections.abc import Iterable, Iterator
from datetime import datetime

import polars as pl
import sqlalchemy as sa

from awin_medusa_pipeline.core.batching import parts
from awin_medusa_pipeline.core.contracts import MONEY, dtypes
from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.sync.domain.contracts import PriceStep
from awin_medusa_pipeline.sync.domain.operations import Kind, Status
from awin_medusa_pipeline.sync.domain.rules import PRICE
from awin_medusa_pipeline.sync.store.models import HeldPlan, LogEntry, Run

_KEYS = 500
"""Variants that one query asks for."""


def price_steps(database: Database, shop: str, variant_ids: Iterable[str], since: datetime) -> pl.DataFrame:
    """The PriceStep rows of these variants that were applied since a time, be it by a sync, an undo or a plan.

    What a dry run proposed was no question about a price, so a yes to it approves none.
    """
    carried_out = sa.select(HeldPlan.applied_by_run).where(
        HeldPlan.shop == shop,
        HeldPlan.kind == str(Kind.PRICE),
        ~HeldPlan.proposed,
        HeldPlan.applied_by_run.is_not(None),
    )
    with database.reading() as session:
        by_plan = set(session.scalars(carried_out))
    applied = (
        sa.select(LogEntry.id, LogEntry.key, LogEntry.created_at, LogEntry.before, LogEntry.after, LogEntry.run_id)
        .join(Run, Run.run_id == LogEntry.run_id)
        .where(LogEntry.kind == str(Kind.PRICE), LogEntry.status == Status.APPLIED)
        .where(LogEntry.created_at >= since, Run.shop == shop)
    )

    def read() -> Iterator[pl.DataFrame]:
        for keys in parts(iter(variant_ids), _KEYS):
            with database.reading() as session:
                found = session.execute(applied.where(LogEntry.key.in_(keys))).all()
            rows = [
                (
                    row.id,
                    row.key,
                    row.after["currency"],
                    row.created_at.date(),
                    (row.before or {}).get(PRICE),
                    row.after[PRICE],
                    row.run_id in by_plan,
                )
                for row in found
            ]
            money = {"before": pl.String, "after": pl.String}
            frame = pl.DataFrame(rows, schema={**dtypes(PriceStep), **money}, orient="row")
            yield frame.cast({"before": MONEY, "after": MONEY})

    return pl.concat([pl.DataFrame(schema=dtypes(PriceStep)), *read()])
