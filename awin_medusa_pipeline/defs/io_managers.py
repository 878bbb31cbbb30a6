"""Stores the tables between assets as parquet files.

Our own code because dagster-polars 0.27 fails at run time with polars 2 and brings pyarrow.
"""

import dagster as dg
import polars as pl

from awin_medusa_pipeline.core.errors import PipelineError
from awin_medusa_pipeline.core.tables import Tables, WrittenTable

_LONGEST_CELL = 120


class ParquetIOManager(dg.IOManager):
    """Keeps the newest table of each asset.

    Takes a polars DataFrame or LazyFrame (streamed to the file); loads the type that the input is annotated with, a
    DataFrame by default.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def handle_output(self, context: dg.OutputContext, obj: pl.DataFrame | pl.LazyFrame) -> None:
        """Write the frame; first rows, row count, path and size become metadata."""
        if not isinstance(obj, pl.DataFrame | pl.LazyFrame):
            raise TypeError(
                f"Asset {context.asset_key.to_user_string()} returned a {type(obj).__name__}; "
                "return a polars DataFrame or LazyFrame, or a MaterializeResult without a value."
            )
        written = self._tables.write(context.asset_key.to_user_string(), context.run_id, obj)
        context.add_output_metadata(table_metadata(written))

    def load_input(self, context: dg.InputContext) -> pl.DataFrame | pl.LazyFrame:
        """Read the table of an upstream asset. Raises dagster.Failure when it was never materialised."""
        try:
            frame = self._tables.read(context.asset_key.to_user_string())
        except PipelineError as error:
            raise dg.Failure(str(error), allow_retries=False) from None
        return frame if _wants_lazy(context.dagster_type.typing_type) else frame.collect()


def table_metadata(written: WrittenTable) -> dict[str, dg.MetadataValue | int]:
    """Metadata of a table: row count, first rows, path and size."""
    return {
        "dagster/row_count": written.rows,
        "preview": preview(written.head),
        "path": dg.MetadataValue.path(str(written.path)),
        "bytes": written.bytes,
    }


def preview(rows: pl.DataFrame) -> dg.MetadataValue:
    """Show rows as a table with long cells cut."""
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


def _wants_lazy(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, pl.LazyFrame)
