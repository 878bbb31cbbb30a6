"""What every asset of this project shares: its spec, and the result of a table.

What belongs here: metadata for people. What does not: what is in a table.
"""

import dagster as dg
import dataframely as dy
import polars as pl

from awin_medusa_pipeline.reports import RunReports

OWNERS = ["team:shop"]
PREVIEW_ROWS = 10
_LONGEST_CELL = 120


def table_schema(contract: type[dy.Schema]) -> dg.TableSchema:
    """A contract as Dagster shows it."""
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
    """Definition metadata of an asset that is a table."""
    return {"dagster/column_schema": table_schema(contract)}


def preview(frame: pl.DataFrame | pl.LazyFrame) -> dg.MetadataValue:
    """The first rows, long cells cut."""
    rows = frame.lazy().head(PREVIEW_ROWS).collect()
    records = [
        dg.TableRecord({name: _cell(value) for name, value in row.items()}) for row in rows.iter_rows(named=True)
    ]
    columns = [dg.TableColumn(name, str(dtype)) for name, dtype in rows.schema.items()]
    return dg.MetadataValue.table(records, schema=dg.TableSchema(columns=columns))


def _cell(value: object) -> str | int | float | bool | None:
    if value is None or isinstance(value, bool | int | float):
        return value
    text = " | ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= _LONGEST_CELL else f"{text[: _LONGEST_CELL - 1]}…"


def table(
    frame: pl.DataFrame | pl.LazyFrame, reports: RunReports, csv: str
) -> "dg.MaterializeResult[pl.DataFrame | pl.LazyFrame]":
    """A materialisation: the table itself, its CSV report and a preview. The IO manager adds the row count."""
    path = reports.write_csv(frame, csv)
    return dg.MaterializeResult(
        value=frame, metadata={"preview": preview(frame), "report": dg.MetadataValue.path(str(path))}
    )
