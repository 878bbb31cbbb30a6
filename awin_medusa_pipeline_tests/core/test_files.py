"""A file is there whole or not at all."""

from pathlib import Path

import pytest
from upath import UPath

from awin_medusa_pipeline.core.disk import work_in
from awin_medusa_pipeline.core.files import home_path, local_path, replacing, staging
from awin_medusa_pipeline_tests.support.object_store import ObjectStore


@pytest.fixture
def folder(any_home: str) -> UPath:
    return home_path(any_home)


def test_replaces_whole(folder: UPath) -> None:
    target = folder / "deeper" / "a.txt"
    for text in ("first", "second, longer"):
        with replacing(target) as file:
            file.write_text(text)
            assert not target.exists() or target.read_text() == "first"
        assert target.read_text() == text
    assert [path.name for path in target.parent.iterdir()] == ["a.txt"]


def test_a_failure_leaves_the_old_file(folder: UPath) -> None:
    target = folder / "a.txt"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("old")
    with pytest.raises(RuntimeError), replacing(target) as file:
        raise RuntimeError(file.write_text("half"))
    assert target.read_text() == "old"
    assert [path.name for path in folder.iterdir()] == ["a.txt"]


@pytest.mark.parametrize(
    ("home", "expected"),
    [
        ("/srv/shop", "/srv/shop"),
        ("file:///srv/shop", "/srv/shop"),
        ("~/shop", str(Path.home() / "shop")),
        ("shop", str(Path.cwd() / "shop")),
        ("memory://shop", None),
        ("s3://bucket/shop", None),
    ],
)
def test_home_path(home: str, expected: str | None) -> None:
    path = home_path(home)
    assert (str(local_path(path)) if local_path(path) else None) == expected


def test_what_another_machine_writes_is_seen_at_once(object_store: ObjectStore) -> None:
    """fsspec remembers the listings of an object store unless it is told not to."""
    folder = home_path(address := f"{object_store.bucket()}/shop") / "reports"
    for number in range(3):
        assert not (folder / f"{number}" / "a.txt").exists()
        object_store.put(f"{address}/reports/{number}/a.txt", "x")
        assert (folder / f"{number}" / "a.txt").exists()
        assert [path.name for path in folder.iterdir()] == [f"{one}" for one in range(number + 1)]
        assert len(list(folder.glob("*/a.txt"))) == number + 1


def test_an_object_is_put_once_and_nothing_else_is_asked(object_store: ObjectStore) -> None:
    target = home_path(f"{object_store.bucket()}/shop") / "a.txt"
    object_store.asked.clear()
    with replacing(target) as file:
        file.write_text("text")
    assert [asked.method for asked in object_store.asked] == ["PUT"]
    assert target.read_text() == "text"


def test_what_is_sent_elsewhere_is_made_in_the_scratch_space(any_home: str, tmp_path: Path) -> None:
    work_in(tmp_path / "home", scratch := tmp_path / "scratch")
    target = home_path(any_home) / "a.txt"
    with replacing(target) as file:
        file.write_text("text")
        assert local_path(target) is not None or file.is_relative_to(scratch)
    with staging(".rows-") as folder:
        assert folder.parent == scratch
        (folder / "a").write_text("x")
    assert list(scratch.iterdir()) == []
    assert target.read_text() == "text"
