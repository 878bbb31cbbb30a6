"""A file is there whole or not at all."""

from pathlib import Path

import pytest
from upath import UPath

from awin_medusa_pipeline.core.files import home_path, local_path, replacing


@pytest.fixture(params=["local", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> UPath:
    return UPath(tmp_path / "new") if request.param == "local" else UPath(f"memory://{tmp_path}")


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
    ],
)
def test_home_path(home: str, expected: str | None) -> None:
    path = home_path(home)
    assert (str(local_path(path)) if local_path(path) else None) == expected
