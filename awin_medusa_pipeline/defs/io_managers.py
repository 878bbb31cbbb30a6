"""Where the tables between assets live: one parquet file each, under AWIN_MEDUSA_HOME/tables.

What belongs here: a frame to a file and back. What does not: what is in it (sync/domain/contracts.py) and reports for
people (sync/store/reports.py). Own code because dagster-polars 0.27 fails at run time with polars 2 and brings pyarrow.
"""

import dagster as dg
import polars as pl
from pydantic import Field
from upath import UPath

from awin_medusa_pipeline.core.files import home_path, replacing
from awin_medusa_pipeline.core.history import keep, scan

TABLES = "tables"
PREVIEW_ROWS = 10
_LONGEST_CELL = 120


class ParquetIOManager(dg.ConfigurableIOManager):
    """Keeps the newest state of each asset as `<home>/tables/<asset key>.parquet`.

    Takes a polars DataFrame or LazyFrame (streamed to the file); gives what the input is annotated as, a DataFrame
    when it is not annotated. A table is replaced whole, so a killed run leaves the one before.
    """

    home: str = Field(description="AWIN_MEDUSA_HOME: a folder or any fsspec address.")

    def path(self, asset_key: dg.AssetKey) -> UPath:
        """Where the asset's table is."""
        return home_path(self.home).joinpath(TABLES, *asset_key.path[:-1], f"{asset_key.path[-1]}.parquet")

    def handle_output(self, context: dg.OutputContext, obj: pl.DataFrame | pl.LazyFrame) -> None:
        """Write the frame, and its first rows, row count, path and size as metadata."""
        if not isinstance(obj, pl.DataFrame | pl.LazyFrame):
            raise TypeError(
                f"Asset {context.asset_key.to_user_string()} returned a {type(obj).__name__}; "
                "return a polars DataFrame or LazyFrame, or a MaterializeResult without a value."
            )
        context.add_output_metadata(write_table(self.home, context.asset_key, context.run_id, obj))

    def load_input(self, context: dg.InputContext) -> pl.DataFrame | pl.LazyFrame:
        """Read the table of an upstream asset. Raises dagster.Failure when it was never materialised."""
        path = self.path(context.asset_key)
        frame = _scan(path, context.asset_key.to_user_string())
        return frame if _wants_lazy(context.dagster_type.typing_type) else frame.collect()


def write_table(
    home: str, asset_key: dg.AssetKey, run_id: str, table: pl.DataFrame | pl.LazyFrame
) -> dict[str, dg.MetadataValue | int]:
    """Replace the table of an asset; its first rows, row count, path and size as metadata."""
    path = ParquetIOManager(home=home).path(asset_key)
    with replacing(path) as file:
        if isinstance(table, pl.LazyFrame):
            table.sink_parquet(file)
        else:
            table.write_parquet(file)
        written = pl.scan_parquet(file)
        keep(home, asset_key.to_user_string(), run_id, written)
        return {
            "dagster/row_count": written.select(pl.len()).collect().item(),
            "preview": preview(written),
            "path": dg.MetadataValue.path(str(path)),
            "bytes": file.stat().st_size,
        }


def preview(table: pl.LazyFrame) -> dg.MetadataValue:
    """The first rows, long cells cut."""
    rows = table.head(PREVIEW_ROWS).collect()
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


def read_table(home: str, asset: str) -> pl.LazyFrame:
    """The table of an asset, outside of a run. Raises dagster.Failure when it was never materialised."""
    return _scan(ParquetIOManager(home=home).path(dg.AssetKey(asset)), asset)


def _scan(path: UPath, asset: str) -> pl.LazyFrame:
    if not path.exists():
        raise dg.Failure(
            f"Reading the table {asset}: there is no file {path}. Materialise {asset} first, or run the whole "
            "detect_discrepancies_job, which makes every table in order.",
            allow_retries=False,
        )
    return scan(path)


def _wants_lazy(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, pl.LazyFrame)
