"""Remembers what a person decided about single rows of held plans, for as long as the rows would write the same."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.orm import Session

from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.sync.domain.kinds import KINDS
from awin_medusa_pipeline.sync.domain.operations import Kind
from awin_medusa_pipeline.sync.store.models import Decided, HeldPlan

_AT_ONCE = 1_000
ALWAYS = "*"
"""Mark of a decision that holds whatever would be written."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Decisions:
    """Decisions about the rows of one table that still hold, by key."""

    approved: frozenset[str] = frozenset()
    rejected: Mapping[str, str] = field(default_factory=dict)
    """With the sentence that people are told."""


def remember_decision(session: Session, plan: HeldPlan, rows: pl.DataFrame, *, approved: bool) -> None:
    """Keep a decision on a plan as one on each of its rows, in the place of an earlier one."""
    kind = Kind(plan.kind)
    marks = {row[KINDS[kind].key]: _mark(kind, row) for row in rows.iter_rows(named=True)}
    keys = list(marks)
    same = sa.and_(Decided.shop == plan.shop, Decided.kind == plan.kind)
    for start in range(0, len(keys), _AT_ONCE):
        session.execute(sa.delete(Decided).where(same, Decided.key.in_(keys[start : start + _AT_ONCE])))
    shared = {
        "shop": plan.shop,
        "kind": plan.kind,
        "approved": approved,
        "plan_hash": plan.hash,
        "decided_by": plan.decided_by,
        "decided_at": plan.decided_at,
    }
    session.execute(sa.insert(Decided), [{"key": key, "mark": mark, **shared} for key, mark in marks.items()])


def decisions_on(database: Database, shop: str, kind: Kind, rows: pl.DataFrame) -> Decisions:
    """The decisions that hold for rows of the kind's contract."""
    query = sa.select(Decided).where(Decided.shop == shop, Decided.kind == str(kind))
    with database.reading() as session:
        by_key = {one.key: one for one in session.scalars(query)}
    if not by_key:
        return Decisions()
    key = KINDS[kind].key
    known = rows.filter(pl.col(key).is_in(list(by_key))).iter_rows(named=True)
    holding = [one for row in known if (one := by_key[row[key]]).mark in (ALWAYS, _mark(kind, row))]
    return Decisions(
        frozenset(one.key for one in holding if one.approved),
        {one.key: _sentence(one) for one in holding if not one.approved},
    )


def keep_as_it_is(database: Database, shop: str, kind: Kind, key: str, by: str) -> None:
    """Never change what the shop has there, until `decide_again`."""
    now = datetime.now(UTC)
    kept = Decided(
        shop=shop, kind=str(kind), key=key, mark=ALWAYS, approved=False, plan_hash="", decided_by=by, decided_at=now
    )
    with database.writing() as session:
        session.merge(kept)


def decide_again(database: Database, shop: str, kind: Kind, key: str) -> bool:
    """Forget the decision on one row; whether there was one."""
    of_row = (Decided.shop == shop, Decided.kind == str(kind), Decided.key == key)
    with database.writing() as session:
        return session.scalar(sa.delete(Decided).where(*of_row).returning(Decided.key)) is not None


def kept_as_they_are(database: Database, shop: str) -> dict[tuple[str, str], Decided]:
    """What `keep_as_it_is` holds in a shop, by kind and key."""
    with database.reading() as session:
        kept = session.scalars(sa.select(Decided).where(Decided.shop == shop, Decided.mark == ALWAYS))
        return {(one.kind, one.key): one for one in kept}


def _mark(kind: Kind, row: Row) -> str:
    content = [row[name] for name in KINDS[kind].decided_by]
    return hashlib.sha256(json.dumps(content, default=str, ensure_ascii=False).encode()).hexdigest()


def _sentence(one: Decided) -> str:
    if one.mark == ALWAYS:
        return f"kept as the shop has it: {one.decided_by} decided so on {one.decided_at:%Y-%m-%d}"
    return f"kept by your decision: {one.decided_by} rejected plan {one.plan_hash[:12]} on {one.decided_at:%Y-%m-%d}"
