"""Keeps the tables between assets as parquet files: the newest of each, and traced columns of every run."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl
from upath import UPath

from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.core.files import dated_name, home_path, local_path, replacing

TABLES = "tables"
HISTORY = "history"
SUFFIX = ".parquet"
PREVIEW_ROWS = 10
# Of zstd. Measured with a million offers: level 3 takes a fifth more time to write and makes files a tenth smaller.
LEVEL = 1
_SCANNED = ("s3", "s3a")
"""Schemes that polars reads by itself, with keys from the same variables as fsspec (AWS_ACCESS_KEY_ID and others)."""


class TableMissingError(PermanentError):
    """The table was never materialised."""


@dataclass(frozen=True)
class WrittenTable:
    """A table in its file."""

    head: pl.DataFrame
    """Its first rows."""
    path: UPath
    rows: int
    bytes: int


@dataclass(frozen=True)
class Tables:
    """The tables below a home folder: `<home>/tables/<asset>.parquet`, and per run
    `<home>/history/<asset>/<UTC time>-<first 8 of run id>.parquet`.

    A file is replaced whole, so a killed run leaves the one before. It is written to this machine first: what is kept
    and shown of it is not read back from elsewhere.
    """

    home: str
    """A folder or any fsspec address."""
    traced: Mapping[str, Sequence[str]]
    """Columns kept from every run, per asset."""

    def path(self, asset: str) -> UPath:
        """Path of an asset's table; parts of an asset key are joined by '/'."""
        return home_path(self.home).joinpath(TABLES, f"{asset}{SUFFIX}")

    def write(self, asset: str, run_id: str, table: pl.DataFrame | pl.LazyFrame) -> WrittenTable:
        """Replace the table of an asset; a LazyFrame is streamed to the file."""
        path = self.path(asset)
        with replacing(path) as file:
            if isinstance(table, pl.LazyFrame):
                table.sink_parquet(file, compression_level=LEVEL)
            else:
                table.write_parquet(file, compression_level=LEVEL)
            written = pl.scan_parquet(file)
            self.keep(asset, run_id, written)
            rows = int(written.select(pl.len()).collect().item())
            return WrittenTable(written.head(PREVIEW_ROWS).collect(), path, rows, file.stat().st_size)

    def exists(self, asset: str) -> bool:
        """Whether the asset was ever materialised."""
        return self.path(asset).exists()

    def read(self, asset: str) -> pl.LazyFrame:
        """The table of an asset. Raises TableMissingError."""
        path = self.path(asset)
        if not path.exists():
            raise TableMissingError(
                f"Reading the table {asset}",
                f"there is no file {path}",
                f"Materialise {asset} first, or run the whole detect_discrepancies_job, which makes every table in "
                "order.",
            )
        return scan(path)

    def keep(self, asset: str, run_id: str, table: pl.LazyFrame, *, now: datetime | None = None) -> None:
        """Keep the traced columns of a run's table; when a run writes a table twice, the newer counts."""
        if asset in self.traced:
            name = dated_name(now or datetime.now(UTC), run_id) + SUFFIX
            with replacing(home_path(self.home) / HISTORY / asset / name) as file:
                table.select(self.traced[asset]).sink_parquet(file, compression_level=LEVEL)

    def kept(self, asset: str, run_id: str) -> pl.LazyFrame | None:
        """The traced columns of a run's table; None when the run made none, or is too old."""
        folder = home_path(self.home) / HISTORY / asset
        found = sorted(path.name for path in folder.glob(f"*-{run_id[:8]}{SUFFIX}")) if folder.exists() else []
        return scan(folder / found[-1]) if found else None


def try_out(home: str) -> UPath:
    """Write a table below the home, read it as a run does, and remove it; returns the home's path.

    fsspec writes and polars reads: each has to find keys of its own for object storage.
    """
    above = home_path(home)
    probe = above / "doctor.parquet"
    with replacing(probe) as file:
        pl.DataFrame({"by": ["doctor"]}).write_parquet(file)
    try:
        scan(probe).collect()
    finally:
        probe.unlink()
    return above


def scan(path: UPath) -> pl.LazyFrame:
    """Scan a parquet file at any address; on S3 and the local disk, only what is asked for is read."""
    if path.protocol in _SCANNED:
        return pl.scan_parquet(str(path))
    local = local_path(path)
    return pl.scan_parquet(local if local is not None else io.BytesIO(path.read_bytes()))
