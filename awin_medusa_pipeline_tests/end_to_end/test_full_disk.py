"""A run that meets a limit on its files, as a full disk would be, ends in one sentence and leaves nothing half written.

The limit is of the operating system, in a process of its own: writing past it fails as on a full disk.
"""

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from awin_medusa_pipeline_tests.support.empty_medusa import empty_medusa
from awin_medusa_pipeline_tests.support.filled_home import settings_of

COLUMNS = "aw_product_id,merchant_product_id,product_name,merchant_id,search_price,currency,in_stock,description"
LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from awin_medusa_pipeline.cli.main import app
from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.defs.launch import dagster_home
from awin_medusa_pipeline.settings import Settings
with App(Settings()) as opened:
    opened.database
    dagster_home(opened)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)), resource.RLIM_INFINITY))
app()
"""


@pytest.mark.parametrize(
    "limit",
    [
        pytest.param(60_000, id="Dagster's storage"),
        pytest.param(1_200_000, id="a table"),
    ],
)
def test_a_full_disk_ends_in_one_sentence(limit: int, tmp_path: Path) -> None:
    feed = tmp_path / "feed.csv"
    rows = [f'{i},S-{i},Lamp {i},7001,9.99,GBP,1,"{os.urandom(200).hex()}"' for i in range(10_000)]
    feed.write_text("\n".join([COLUMNS, *rows]))
    with empty_medusa() as shop:
        own = settings_of(tmp_path) | {"AWIN_FEED_URL": str(feed), "MEDUSA_BACKEND_URL": shop}
        done = subprocess.run(
            [sys.executable, "-c", LIMITED, str(limit), "sync", "--dry-run"],
            env=os.environ | own,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert "Traceback" not in said
    assert f"Writing to {tmp_path}" in said or "Using the state store" in said
    assert "full" in said
    assert len(said.splitlines()) <= 10
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in left if path.suffix == ".part"] == []
    for table in (path for path in left if path.suffix == ".parquet"):
        pl.read_parquet(table)
