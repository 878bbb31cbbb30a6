"""The table of kinds: whole, and of one piece with contracts, summary and writers."""

from dataclasses import fields
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from awin_medusa_pipeline.medusa.client import MedusaClient, Shop
from awin_medusa_pipeline.sync.domain import contracts
from awin_medusa_pipeline.sync.domain.kinds import ASSETS, KINDS
from awin_medusa_pipeline.sync.domain.operations import Kind
from awin_medusa_pipeline.sync.domain.plans import largest
from awin_medusa_pipeline.sync.domain.summary import SummaryTables
from awin_medusa_pipeline.sync.engine.applier import WRITERS
from awin_medusa_pipeline.sync.engine.writers import ProductWriter

SHOP = Shop("sc_1", "sloc_1", "sp_1")


def test_every_kind_has_an_entry_and_a_writer() -> None:
    assert list(KINDS) == list(WRITERS) == list(Kind)
    for names in (ASSETS, [entry.table for entry in KINDS.values()], [entry.words for entry in KINDS.values()]):
        assert len(set(names)) == len(Kind)


@pytest.mark.parametrize("kind", Kind)
def test_a_kind_fits_what_it_names(kind: Kind) -> None:
    entry = KINDS[kind]
    contract = contracts.TABLES[entry.table]
    columns = contract.column_names()
    assert {entry.key, *entry.shown} <= set(columns)
    assert set(entry.size) <= set(columns)
    assert contract.primary_key() == [entry.key], "no two operations of a plan have the same key"
    assert entry.table in {field.name for field in fields(SummaryTables)}


@pytest.mark.parametrize(
    ("kind", "rows", "first"),
    [
        (Kind.STOCK, {"key": ["a", "b", "c"], "level": [5, 90, None], "wanted_level": [0, 0, 7]}, ["b", "c"]),
        (Kind.PRICE, {"key": ["a", "b", "c"], "change_percent": [-3.0, None, -60.0]}, ["c", "a"]),
        (Kind.IMPORT, {"key": ["a", "b"], "price": [Decimal(1), Decimal(2)]}, ["b", "a"]),
        (Kind.HIDE, {"key": ["a", "b", "c"]}, ["a", "b"]),
    ],
)
def test_the_largest_changes_come_first(kind: Kind, rows: dict[str, list[Any]], first: list[str]) -> None:
    assert list(largest(kind, pl.DataFrame(rows), 2)["key"]) == first


@pytest.mark.parametrize("kind", Kind)
def test_a_kind_is_carried_out_and_undone_by_writers(kind: Kind) -> None:
    undone_as = KINDS[kind].undone_as
    with MedusaClient("http://shop", admin_key="sk_1") as client:
        writer, opposite = WRITERS[kind](client, SHOP), WRITERS[undone_as](client, SHOP)
    assert (writer.kind, opposite.kind) == (kind, undone_as)
    assert writer.per_request >= 1
    assert not isinstance(opposite, ProductWriter), "nothing is undone by importing it"
