"""What killed runs were writing goes within minutes; what a living run may be writing, or others have, stays."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.store.leases import Leases
from awin_medusa_pipeline.defs.leftovers import remove_leftovers
from awin_medusa_pipeline.settings import Settings

MINUTE = timedelta(minutes=1)
TABLE = "tables/.awin_feed.parquet.0a1b.part"


@pytest.mark.parametrize(
    ("name", "minutes", "stays"),
    [
        (TABLE, 6, False),
        (TABLE, 4, True),
        ("history/awin_feed_rejects/.20261126T020000Z-0a1b2c3d.parquet.0a1b.part", 6, False),
        ("reports/20261126T020000Z-0a1b2c3d/.import-log.ndjson.0a1b.part", 6, False),
        ("feeds/.feed-0a1b2c3d.0a1b.part", 6, False),
        ("feeds/feed-0a1b2c3d", 9_999, True),
        ("tables/awin_feed.parquet", 9_999, True),
        (".rows-k2xq_9z1/", 6, False),
        (".put-k2xq_9z1/", 6, False),
        (".rows-k2xq_9z1/", 4, True),
        ("tmpk2xq_9z1/", 6, False),
        ("tmp/", 9_999, True),
        ("tmp-of-mine-own/", 9_999, True),
        ("state.db.part", 9_999, True),
    ],
)
def test_what_nobody_writes_any_more_goes(
    name: str, minutes: int, stays: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWIN_MEDUSA_HOME", str(tmp_path))
    path = left(tmp_path, name, minutes)
    with App(Settings()) as app:
        assert remove_leftovers(app) == (0 if stays else 1)
        assert path.exists() is stays
        assert remove_leftovers(app) == 0


def test_the_scratch_space_is_tidied_where_it_is_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWIN_MEDUSA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AWIN_MEDUSA_SCRATCH", str(tmp_path / "scratch"))
    left_there = [left(tmp_path / "scratch", name, 6) for name in (".rows-k2xq_9z1/", "feeds/.feed-0a1b.0a1b.part")]
    with App(Settings()) as app:
        assert remove_leftovers(app) == 2
    assert not any(path.exists() for path in left_there)


def test_a_living_run_keeps_all_that_is_younger_than_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWIN_MEDUSA_HOME", str(tmp_path))
    with App(Settings()) as app, Leases(app.database).hold_run("living", job="daily_sync_job"):
        hours_later = datetime.now(UTC) + timedelta(hours=9)
        younger = left(tmp_path, TABLE, -1)
        older = left(tmp_path, "feeds/.feed-0a1b.0a1b.part", 6)
        assert remove_leftovers(app, now=hours_later) == 1
        assert younger.exists()
        assert not older.exists()


def left(home: Path, name: str, minutes: int) -> Path:
    """Put a file there, or a folder with one, last written to so many minutes ago."""
    path = home / name
    file = path / "offers-000000.parquet" if name.endswith("/") else path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"x")
    written = (datetime.now(UTC) - minutes * MINUTE).timestamp()
    os.utime(path, (written, written))
    return path
