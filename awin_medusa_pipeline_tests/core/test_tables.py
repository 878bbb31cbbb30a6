"""Tables between assets: replaced whole, and what is traced is kept of every run."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from awin_medusa_pipeline.core.files import home_path
from awin_medusa_pipeline.core.tables import TableMissingError, Tables, try_out
from awin_medusa_pipeline_tests.support.object_store import ObjectStore

FRAME = pl.DataFrame({"sku": ["a", "b"], "level": [1, 2]})
NOW = datetime(2026, 11, 21, 2, tzinfo=UTC)


@pytest.fixture
def tables(any_home: str) -> Tables:
    return Tables(any_home, {"traced": ["sku"]})


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


def test_of_a_table_in_an_object_store_only_what_is_asked_for_is_read(object_store: ObjectStore) -> None:
    tables = Tables(f"{object_store.bucket()}/shop", {})
    wide = pl.DataFrame({f"c{number}": pl.int_range(0, 200_000, eager=True).shuffle(1) for number in range(10)})
    written = tables.write("wide", "run", wide)
    object_store.asked.clear()
    assert tables.read("wide").select("c0").collect()["c0"].equals(wide["c0"])
    assert 0 < sum(asked.bytes for asked in object_store.asked) < written.bytes / 4


def test_a_home_is_tried_out_without_a_trace(any_home: str) -> None:
    assert try_out(any_home) == home_path(any_home)
    assert not (home_path(any_home) / "doctor.parquet").exists()
