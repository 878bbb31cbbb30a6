"""Defines the base and the column types of contracts.

A contract is one class per table: the source of its polars types, blocking check, Dagster column schema and CSV
columns. Money is Decimal in major units with a lower-case ISO 4217 currency, as Medusa stores it.
"""

from collections.abc import Mapping
from typing import Any

import dataframely as dy
import polars as pl

MONEY = pl.Decimal(18, 4)


class Table(dy.Schema):
    """Base of the contracts."""


def money(**options: Any) -> dy.Decimal:
    """A column of amounts in major units."""
    return dy.Decimal(precision=18, scale=4, **options)


def text(doc: str, **options: Any) -> dy.String:
    """A column of text; `doc` says what it holds."""
    return dy.String(metadata={"doc": doc}, **options)


def dtypes(contract: type[dy.Schema]) -> Mapping[str, pl.DataType]:
    """Polars types of a contract, by column."""
    return {name: column.dtype for name, column in contract.columns().items()}
