"""make installs what each target needs, once, and says in a sentence what the machine lacks. Python is a stub here."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from awin_medusa_pipeline.settings import PROJECT_ROOT

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")

# Stands for the machine's Python: OLD and WITHOUT_VENV say what it lacks.
PYTHON = """#!/bin/sh
case "$*" in
  *version_info*) exit ${OLD:-0} ;;
  *ensurepip*) exit ${WITHOUT_VENV:-0} ;;
  --version) echo "Python 3.9.2" ;;
  "-m venv "*)
    echo "venv" >> log
    mkdir -p .venv/bin
    echo "VIRTUAL_ENV=$PWD/.venv" > .venv/bin/activate
    cp program .venv/bin/python
    for name in awin-medusa ruff mypy; do cp program .venv/bin/$name; done ;;
esac
"""
PROGRAM = """#!/bin/sh
case "$*" in
  *"import pip"*) ;;
  "-m pip "*) echo "pip $*" | sed -E "s/.*--editable ([^ ]*).*/installed \\\\1/" >> log ;;
  *) echo "$(basename "$0") $*" >> log ;;
esac
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A clone with the Makefile, what it depends on, and the stubs."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(PROJECT_ROOT / name, tmp_path)
    for name, text in (("python-stub", PYTHON), ("program", PROGRAM)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    return tmp_path


def make(folder: Path, *targets: str, **lacking: str) -> subprocess.CompletedProcess[str]:
    (folder / "log").write_text("")
    python = f"PYTHON={lacking.pop('python', './python-stub')}"
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", *targets, python], cwd=folder, env=env | lacking, capture_output=True, text=True, timeout=60
    )


def done(folder: Path, *targets: str, **lacking: str) -> list[str]:
    """What make had done, a line per program."""
    result = make(folder, *targets, **lacking)
    assert result.returncode == 0, result.stdout + result.stderr
    return (folder / "log").read_text().splitlines()


@pytest.mark.parametrize(
    ("target", "log"),
    [
        ("install", ["venv", "installed ."]),
        ("ui", ["venv", "installed .", "awin-medusa ui"]),
        ("demo", ["venv", "installed .[sandbox]", "awin-medusa demo"]),
        ("lint", ["venv", "installed .[dev]", "ruff format --check .", "ruff check .", "mypy "]),
    ],
)
def test_each_target_installs_what_it_needs_and_only_once(folder: Path, target: str, log: list[str]) -> None:
    assert done(folder, target) == log
    assert done(folder, target) == log[2:]
    assert done(folder, "install") == []


def test_more_is_added_to_what_is_there(folder: Path) -> None:
    done(folder, "install")
    assert done(folder, "demo")[0] == "installed .[sandbox]"
    assert done(folder, "lint")[0] == "installed .[dev]"
    assert done(folder, "ui") == ["awin-medusa ui"]


def test_a_broken_environment_is_made_anew(folder: Path) -> None:
    done(folder, "install")
    (folder / ".venv" / "bin" / "python").unlink()
    (folder / ".venv" / "left").touch()
    assert done(folder, "install") == ["venv", "installed ."]
    assert not (folder / ".venv" / "left").exists()


def test_an_environment_of_a_moved_folder_is_made_anew(folder: Path) -> None:
    done(folder, "install")
    moved = folder.rename(folder.with_name("moved"))
    assert done(moved, "install") == ["venv", "installed ."]


@pytest.mark.parametrize(
    ("lacking", "told"),
    [
        ({"OLD": "1"}, "Python 3.11 or newer is needed, and ./python-stub is Python 3.9.2."),
        ({"python": "no-such-python"}, "Python 3.11 or newer is needed, and no-such-python is"),
        ({"WITHOUT_VENV": "1"}, "sudo apt install python3-venv. Then: make install"),
    ],
)
def test_what_the_machine_lacks_is_told_and_nothing_is_changed(
    folder: Path, lacking: dict[str, str], told: str
) -> None:
    (folder / ".venv").mkdir()
    (folder / ".venv" / "kept").touch()
    result = make(folder, "install", **lacking)
    assert result.returncode == 2
    assert told in result.stdout
    assert (folder / ".venv" / "kept").exists()


def test_clean_without_a_sandbox_needs_nothing_installed(folder: Path) -> None:
    done(folder, "install")
    assert done(folder, "clean") == []
    assert not (folder / ".venv").exists()
