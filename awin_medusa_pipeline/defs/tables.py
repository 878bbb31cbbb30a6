"""Shows tables in Dagster: the columns of a contract, and a materialisation with a CSV report."""

import dagster as dg
import dataframely as dy
import polars as pl

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


def schema_metadata(contract: type[dy.Schema]) -> dict[str, dg.TableSchema]:
    """Definition metadata of an asset with this contract."""
    return {"dagster/column_schema": table_schema(contract)}


def table(frame: pl.LazyFrame, reports: RunReports, csv: str) -> "dg.MaterializeResult[pl.LazyFrame]":
    """Materialise a table and its CSV report. The IO manager adds preview and row count."""
    path = reports.write_csv(frame, csv)
    return dg.MaterializeResult(value=frame, metadata={"report": dg.MetadataValue.path(str(path))})
