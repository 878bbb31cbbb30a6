"""A disk that is full or cannot be written ends in one sentence, whoever met it."""

import errno
import os
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa
from botocore.exceptions import EndpointConnectionError, NoCredentialsError

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.disk import FREE, of_disk, of_operating_system
from awin_medusa_pipeline.core.files import home_path
from awin_medusa_pipeline.core.tables import scan, try_out
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline_tests.support.object_store import ObjectStore

FULL = "the disk is full"
CLOSED = "it cannot be written"


def caused(error: Exception) -> Exception:
    """An error as Dagster passes it on."""
    outer = RuntimeError("Error occurred while executing op")
    outer.__cause__ = sa.exc.OperationalError("SELECT 1", {}, error)
    outer.__cause__.__cause__ = error
    return outer


def of(number: int, file: str | None = None) -> OSError:
    return OSError(number, os.strerror(number), file)


@pytest.mark.parametrize(
    ("error", "place", "came_back"),
    [
        pytest.param(of(errno.ENOSPC), "{home}", FULL, id="full, of no file"),
        pytest.param(of(errno.ENOSPC, "/srv/reports/a.csv"), "/srv/reports/a.csv", FULL, id="full, of a file"),
        pytest.param(of(errno.EDQUOT), "{home}", FULL, id="quota"),
        pytest.param(of(errno.EFBIG), "{home}", FULL, id="limit on files"),
        pytest.param(OSError("No space left on device (os error 28)"), "{home}", FULL, id="polars, as OSError"),
        pytest.param(
            pl.exceptions.ComputeError("parquet: underlying IO error: No space left on device (os error 28)"),
            "{home}",
            FULL,
            id="polars",
        ),
        pytest.param(sqlite3.OperationalError("database or disk is full"), "{home}", FULL, id="SQLite"),
        pytest.param(caused(sqlite3.OperationalError("database or disk is full")), "{home}", FULL, id="of Dagster"),
        pytest.param(of(errno.EROFS, "/srv/state.db"), "/srv/state.db", CLOSED, id="read-only"),
        pytest.param(of(errno.EACCES, "/srv/state.db"), "/srv/state.db", CLOSED, id="no rights"),
        pytest.param(
            sqlite3.OperationalError("attempt to write a readonly database"), "{home}", CLOSED, id="SQLite, read-only"
        ),
        pytest.param(sqlite3.OperationalError("disk I/O error"), "{home}", "disk I/O error", id="a broken disk"),
    ],
)
def test_names_the_place(error: Exception, place: str, came_back: str, tmp_path: Path) -> None:
    told = of_disk(error, [tmp_path])
    assert told
    assert told.tried == f"Writing to {place.format(home=tmp_path)}"
    assert told.came_back.startswith(came_back)


@pytest.mark.parametrize(
    ("error", "came_back", "to_do"),
    [
        (NoCredentialsError(), "Unable to locate credentials", "AWS_ACCESS_KEY_ID"),
        (
            EndpointConnectionError(endpoint_url="http://s3:9/b"),
            "Could not connect to the endpoint",
            "AWS_ENDPOINT_URL",
        ),
        (ImportError("Install s3fs to access S3"), "Install s3fs", "pip install 'awin-medusa-pipeline[s3]'"),
        (
            OSError(
                "object-store error: Generic S3 error: Error performing GET http://s3:9/b in 3.2s, after 8 retries"
            ),
            "Generic S3 error",
            "AWS_ENDPOINT_URL",
        ),
    ],
)
def test_object_storage_that_cannot_be_used(error: Exception, came_back: str, to_do: str) -> None:
    told = of_disk(caused(error))
    assert told
    assert told.tried == "Using the object storage of AWIN_MEDUSA_HOME"
    assert told.came_back.startswith(came_back)
    assert to_do in told.to_do


@pytest.mark.parametrize("act", [try_out, lambda home: scan(home_path(home) / "a.parquet").collect()])
def test_a_bucket_that_is_not_there(act: Callable[[str], object], object_store: ObjectStore) -> None:
    with pytest.raises(OSError, match=r".") as caught:
        act(f"{object_store.bucket()}-of-nobody/shop")
    told = of_operating_system(caught.value)
    assert told.tried == "Using the object storage of AWIN_MEDUSA_HOME"
    assert re.search("bucket does not exist|not found", told.came_back)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(ValueError("No space left on device"), id="text of a feed"),
        pytest.param(of(errno.EACCES), id="a socket without rights"),
        pytest.param(ConnectionRefusedError(errno.ECONNREFUSED, "refused"), id="the network"),
        pytest.param(sqlite3.OperationalError("no such table: operation"), id="a mistake in SQL"),
    ],
)
def test_other_errors_are_not_of_the_disk(error: Exception, tmp_path: Path) -> None:
    assert of_disk(error, [tmp_path]) is None


def test_an_unclear_error_of_sqlite_on_a_full_disk_means_that_it_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = {str(tmp_path): 10_000, "/": 10**9}
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": usage[str(path)]}))
    told = of_disk(sqlite3.OperationalError("disk I/O error"), [Path("/"), tmp_path / "not yet made"])
    assert told
    assert (told.tried, told.to_do) == (f"Writing to {tmp_path / 'not yet made'}", FREE)


def test_any_other_error_of_the_operating_system_has_a_sentence() -> None:
    told = of_operating_system(of(errno.ENOENT, "/srv/feed.csv"))
    assert (
        str(told)
        == "Using /srv/feed.csv: No such file or directory. Check that it exists and that you may write to it."
    )


def test_the_home_is_named_where_the_error_names_nothing(tmp_path: Path) -> None:
    with App(Settings(awin_medusa_home=str(tmp_path / "home"))):
        told = of_disk(sqlite3.OperationalError("disk I/O error"))
    assert told
    assert told.tried == f"Writing to {tmp_path / 'home'}"
