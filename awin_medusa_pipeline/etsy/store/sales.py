"""Records the sales on Etsy, what became of each in Medusa, and how far the orders were read."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from awin_medusa_pipeline.core.store.database import Database, insert_new
from awin_medusa_pipeline.etsy.domain.sales import BY_HAND, DEALT_WITH, OPEN_STATES, LevelChange, Sale, SaleState
from awin_medusa_pipeline.etsy.store.models import EtsySale, EtsySalesCursor

__all__ = ["EtsySale", "EtsySales", "EtsySalesCursor", "changes_of"]


class EtsySales:
    """Reads and writes sales; every method is one transaction. Times are aware UTC."""

    def __init__(self, database: Database, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database, self._now = database, now

    def dealt_with(self, account_id: int, product_ids: Sequence[str]) -> dict[str, dict[str, int]]:
        """Sum up the pieces of all sales that were dealt with, by product and variant id.

        Those are the pieces that went on Etsy and of which Medusa knows: taken off its level, or for sale there again
        since the order was cancelled. What a person has to book, or has taken back, is not among them. Products and
        variants without such a sale are left out.
        """
        pieces = sa.case((EtsySale.state == SaleState.RETURNED, EtsySale.pieces), else_=EtsySale.taken)
        query = (
            sa.select(EtsySale.product_id, EtsySale.variant_id, sa.func.sum(pieces))
            .where(EtsySale.account_id == account_id, EtsySale.product_id.in_(product_ids))
            .where(EtsySale.variant_id.is_not(None), EtsySale.state.in_(DEALT_WITH))
            .group_by(EtsySale.product_id, EtsySale.variant_id)
        )
        found: dict[str, dict[str, int]] = {}
        with self._database.reading() as session:
            for product_id, variant_id, number in session.execute(query):
                found.setdefault(str(product_id), {})[str(variant_id)] = int(number)
        return found

    def cursor(self, account_id: int) -> EtsySalesCursor | None:
        """How far the orders of an account were read; None while they are not imported."""
        with self._database.reading() as session:
            return session.get(EtsySalesCursor, account_id)

    def begin(self, account_id: int) -> EtsySalesCursor:
        """Return how far the orders were read; the first call decides that the import begins now."""
        now = self._now()
        with self._database.writing() as session:
            insert_new(session, EtsySalesCursor, {"account_id": account_id, "begins_at": now, "seen_until": now})
            return session.get_one(EtsySalesCursor, account_id)

    def stop(self, account_id: int) -> None:
        """Forget how far the orders were read, so that an import that is switched on again begins anew.

        What was sold meanwhile was for a person to book.
        """
        with self._database.writing() as session:
            session.execute(sa.delete(EtsySalesCursor).where(EtsySalesCursor.account_id == account_id))

    def finish(self, account_id: int, *, began_at: datetime, seen_until: datetime, looked_back: bool) -> None:
        """Record that an import came to its end."""
        values = {"imported_at": began_at, "seen_until": seen_until}
        if looked_back:
            values["looked_back_at"] = began_at
        with self._database.writing() as session:
            session.execute(sa.update(EtsySalesCursor).where(EtsySalesCursor.account_id == account_id).values(**values))

    def known(self, account_id: int, transaction_ids: Collection[int]) -> dict[int, EtsySale]:
        """Return the sales that are recorded, by transaction id."""
        of_these = EtsySale.transaction_id.in_(transaction_ids)
        return {one.transaction_id: one for one in self._all(account_id, of_these)}

    def open(self, account_id: int) -> list[EtsySale]:
        """Return the sales whose outcome a run did not record, oldest first."""
        return self._all(account_id, EtsySale.state.in_(OPEN_STATES))

    def taken_since(self, account_id: int, since: datetime) -> list[EtsySale]:
        """Return the sales since a time whose orders may still be cancelled."""
        states = (SaleState.TAKEN, SaleState.UNCOUNTED, SaleState.UNLINKED, *BY_HAND)
        return self._all(account_id, EtsySale.sold_at >= since, EtsySale.state.in_(states))

    def with_levels(self, account_id: int, since: datetime) -> list[EtsySale]:
        """Return the sales since a time that changed a level, and whose outcome is known."""
        states = (SaleState.TAKEN, SaleState.RETURNED, SaleState.UNDONE)
        rows = self._all(account_id, EtsySale.sold_at >= since, EtsySale.state.in_(states))
        return [row for row in rows if any(one["entry"] for one in row.levels)]

    def not_told(self, account_id: int) -> list[EtsySale]:
        """Return the sales that the shop owner has to be told of."""
        return self._all(account_id, EtsySale.reason.is_not(None), ~EtsySale.told)

    def count_since(self, account_id: int, since: datetime, *states: SaleState) -> int:
        """Count the sales since a time in these states."""
        query = sa.select(sa.func.count()).where(EtsySale.account_id == account_id, EtsySale.sold_at >= since)
        with self._database.reading() as session:
            return session.scalar(query.where(EtsySale.state.in_(states))) or 0

    def recent(self, account_id: int, number: int) -> list[EtsySale]:
        """Return the newest sales, newest first."""
        query = sa.select(EtsySale).where(EtsySale.account_id == account_id)
        newest = query.order_by(EtsySale.sold_at.desc(), EtsySale.transaction_id.desc()).limit(number)
        with self._database.reading() as session:
            return list(session.scalars(newest))

    def record(self, account_id: int, sale: Sale, state: SaleState, **values: Any) -> EtsySale:
        """Record a sale that was not known; values as `update` takes them.

        Raises SQLAlchemy's IntegrityError for one that is recorded: no sale is booked twice.
        """
        row = EtsySale(
            account_id=account_id,
            transaction_id=sale.transaction_id,
            receipt_id=sale.receipt_id,
            listing_id=sale.listing_id,
            title=sale.title,
            variant=sale.variant,
            pieces=sale.pieces,
            sold_at=sale.sold_at,
            state=state,
            taken=0,
            levels=[],
            partly_refunded=False,
            told=False,
            changed_at=self._now(),
        )
        for name, value in _columns(values).items():
            setattr(row, name, value)
        with self._database.writing() as session:
            session.add(row)
        return row

    def update(self, row: EtsySale, **values: Any) -> None:
        """Change a recorded sale, in the store and in `row`; `levels`: a sequence of LevelChange."""
        columns = _columns(values) | {"changed_at": self._now()}
        if "reason" in columns:
            columns["told"] = columns["reason"] is None
        with self._database.writing() as session:
            session.execute(
                sa.update(EtsySale)
                .where(EtsySale.account_id == row.account_id, EtsySale.transaction_id == row.transaction_id)
                .values(**columns)
            )
        for name, value in columns.items():
            setattr(row, name, value)

    def mark_told(self, rows: Collection[EtsySale]) -> None:
        """Record that the shop owner was told."""
        with self._database.writing() as session:
            for row in rows:
                session.execute(
                    sa.update(EtsySale)
                    .where(EtsySale.account_id == row.account_id, EtsySale.transaction_id == row.transaction_id)
                    .values(told=True)
                )

    def _all(self, account_id: int, *conditions: sa.ColumnElement[bool]) -> list[EtsySale]:
        query = sa.select(EtsySale).where(EtsySale.account_id == account_id, *conditions)
        with self._database.reading() as session:
            return list(session.scalars(query.order_by(EtsySale.sold_at, EtsySale.transaction_id)))


def changes_of(row: EtsySale) -> list[LevelChange]:
    """The levels that a sale changed or is changing."""
    return [LevelChange(**one) for one in row.levels]


def _columns(values: Mapping[str, Any]) -> dict[str, Any]:
    levels: Sequence[LevelChange] | None = values.get("levels")
    return dict(values) | ({"levels": [asdict(one) for one in levels]} if levels is not None else {})
