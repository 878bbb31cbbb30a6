"""Makes assets that are tables: with the columns of their contract, its check, and a CSV report."""

import inspect
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import dagster as dg
import dataframely as dy
import polars as pl

from awin_medusa_pipeline.defs.contracts import CONTRACTS, contract_kept, contract_spec
from awin_medusa_pipeline.defs.steps import asset
from awin_medusa_pipeline.sync.store.reports import RunReports

OWNERS = ["team:shop"]


def table_schema(contract: type[dy.Schema]) -> dg.TableSchema:
    """Convert a contract to Dagster's table schema."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name,
                str(column.dtype),
                description=str((column.metadata or {}).get("doc", "")),
                constraints=dg.TableColumnConstraints(nullable=column.nullable, unique=column.primary_key),
            )
            for name, column in contract.columns().items()
        ]
    )


def schema_metadata(name: str) -> dict[str, dg.TableSchema]:
    """Definition metadata of the asset of this name: its columns."""
    return {"dagster/column_schema": table_schema(CONTRACTS[name])}


def table_asset(**settings: Any) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Make an asset with the contract of its name, checked once its table is stored; `settings` as for dg.asset."""

    def make(body: Callable[..., Any]) -> dg.AssetsDefinition:
        name = body.__name__

        @wraps(body)
        def run(*args: Any, **kwargs: Any) -> Iterator[Any]:
            if inspect.isgeneratorfunction(body):
                yield from body(*args, **kwargs)
            else:
                yield body(*args, **kwargs)
            yield contract_kept(name)

        return asset(owners=OWNERS, metadata=schema_metadata(name), check_specs=[contract_spec(name)], **settings)(run)

    return make


def table(frame: pl.LazyFrame, reports: RunReports, csv: str) -> "dg.MaterializeResult[pl.LazyFrame]":
    """Materialise a table and its CSV report. The IO manager adds preview and row count."""
    path = reports.write_csv(frame, csv)
    return dg.MaterializeResult(value=frame, metadata={"report": dg.MetadataValue.path(str(path))})
