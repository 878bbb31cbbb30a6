"""Stores the tables between assets as parquet files.

Our own code because dagster-polars 0.27 fails at run time with polars 2 and brings pyarrow.
"""

import dagster as dg
import polars as pl

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.tables import Tables, WrittenTable
from awin_medusa_pipeline.defs.shown import Links, preview
from awin_medusa_pipeline.defs.steps import as_failure


@dg.io_manager(required_resource_keys={"app"}, description="Keeps the newest table of each asset, as a parquet file.")
def parquet_tables(context: dg.InitResourceContext) -> "ParquetIOManager":
    """Keep the tables of a run's shop."""
    app: App = context.resources.app
    return ParquetIOManager(app.tables, Links.of(app))


class ParquetIOManager(dg.IOManager):
    """Keeps the newest table of each asset.

    Takes a polars DataFrame or LazyFrame (streamed to the file); loads the type that the input is annotated with, a
    DataFrame by default.
    """

    def __init__(self, tables: Tables, links: Links) -> None:
        self._tables, self._links = tables, links

    def handle_output(self, context: dg.OutputContext, obj: pl.DataFrame | pl.LazyFrame) -> None:
        """Write the frame; first rows, row count, path, size and where its run is shown become metadata."""
        if not isinstance(obj, pl.DataFrame | pl.LazyFrame):
            raise TypeError(
                f"Asset {context.asset_key.to_user_string()} returned a {type(obj).__name__}; "
                "return a polars DataFrame or LazyFrame, or a MaterializeResult without a value."
            )
        with as_failure():
            written = self._tables.write(context.asset_key.to_user_string(), context.run_id, obj)
        context.add_output_metadata({**table_metadata(written), "run_in_console": self._links.run(context.run_id)})

    def load_input(self, context: dg.InputContext) -> pl.DataFrame | pl.LazyFrame:
        """Read the table of an upstream asset. Raises dagster.Failure when it was never materialised."""
        with as_failure():
            frame = self.table(context.asset_key.to_user_string())
            return frame if _wants_lazy(context.dagster_type.typing_type) else frame.collect()

    def table(self, asset: str) -> pl.LazyFrame:
        """The newest table of an asset. Raises PermanentError when there is none."""
        return self._tables.read(asset)


def stored(asset: str) -> pl.LazyFrame:
    """The table that the running step has just yielded: Dagster stores each output before it asks for the next."""
    manager: ParquetIOManager = dg.AssetExecutionContext.get().resources.io_manager
    return manager.table(asset)


def table_metadata(written: WrittenTable) -> dict[str, dg.MetadataValue | int]:
    """Metadata of a table: row count, first rows, path and size."""
    return {
        "dagster/row_count": written.rows,
        "preview": preview(written.head),
        "path": dg.MetadataValue.path(str(written.path)),
        "bytes": written.bytes,
    }


def _wants_lazy(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, pl.LazyFrame)
