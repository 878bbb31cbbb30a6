"""Tables between assets: replaced whole, and what is traced is kept of every run."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from awin_medusa_pipeline.core.tables import TableMissingError, Tables

FRAME = pl.DataFrame({"sku": ["a", "b"], "level": [1, 2]})
NOW = datetime(2026, 11, 21, 2, tzinfo=UTC)


@pytest.fixture(params=["local", "memory"])
def tables(request: pytest.FixtureRequest, tmp_path: Path) -> Tables:
    home = str(tmp_path) if request.param == "local" else f"memory://{tmp_path}"
    return Tables(home, {"traced": ["sku"]})


@pytest.mark.parametrize("lazy", [False, True])
def test_a_table_is_what_was_written_last(tables: Tables, lazy: bool) -> None:
    assert not tables.exists("plain")
    for frame in (FRAME, FRAME.reverse()):
        written = tables.write("plain", "run", frame.lazy() if lazy else frame)
        assert (written.rows, written.path) == (2, tables.path("plain"))
        assert written.head.equals(frame)
        assert written.bytes > 0
        assert tables.read("plain").collect().equals(frame)
    assert tables.exists("plain")
    assert tables.kept("plain", "run") is None, "it is not traced"


def test_a_table_that_was_never_made(tables: Tables) -> None:
    with pytest.raises(TableMissingError, match=r"Reading the table plain: there is no file .*Materialise plain first"):
        tables.read("plain")


def test_traced_columns_are_kept_of_every_run(tables: Tables) -> None:
    tables.write("traced", "first-run-of-all", FRAME)
    tables.write("traced", "second-run", FRAME.head(1))
    first, second = tables.kept("traced", "first-run-of-all"), tables.kept("traced", "second-run")
    assert first is not None
    assert second is not None
    assert first.collect().equals(FRAME.select("sku"))
    assert second.collect().equals(FRAME.select("sku").head(1))
    assert tables.kept("traced", "another") is None


def test_of_a_run_that_writes_twice_the_newer_one_counts(tables: Tables) -> None:
    tables.keep("traced", "run", FRAME.lazy().head(1), now=NOW + timedelta(minutes=1))
    tables.keep("traced", "run", FRAME.lazy(), now=NOW)
    kept = tables.kept("traced", "run")
    assert kept is not None
    assert kept.collect().height == 1
