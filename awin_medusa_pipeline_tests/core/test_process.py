"""What a process of this program writes is its user's alone, whatever its umask was and whatever it finds."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.process import SANDBOX, make_private
from awin_medusa_pipeline.health import State, examine
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline_tests.support import filled_home

RUN_IT = "import sys; from awin_medusa_pipeline.cli.main import app; app(sys.argv[1:])"


def open_to_others(folder: Path) -> list[str]:
    """Files and folders that others have a right to."""
    found = [folder, *folder.rglob("*")]
    return [str(path) for path in found if not path.is_symlink() and path.stat().st_mode & 0o077]


@pytest.fixture
def loose() -> Iterator[None]:
    """A process of an ordinary user."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in filled_home.settings_of(tmp_path).items():
        monkeypatch.setenv(name, value)
    return tmp_path


@pytest.mark.usefixtures("loose")
def test_what_is_made_is_private(environment: Path) -> None:
    filled_home.fill(environment)
    assert len(list((environment / "home").rglob("*"))) > 8
    assert open_to_others(environment / "home") == []


@pytest.mark.usefixtures("loose")
def test_what_earlier_releases_left_open_is_closed_at_the_start(environment: Path) -> None:
    filled_home.fill(environment)
    home = environment / "home"
    for path in [home, *home.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o777 if path.is_dir() else 0o666)
    outside = environment / "outside"
    outside.write_text("of others")
    outside.chmod(0o644)
    (home / "link").symlink_to(outside)
    with App(Settings()) as app:
        assert app.database.name == str(home / "state.db")
    assert open_to_others(home) == []
    assert stat.S_IMODE(outside.stat().st_mode) == 0o644


@pytest.mark.usefixtures("loose")
def test_a_store_elsewhere_is_private_too(environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = environment / "elsewhere" / "state.db"
    file.parent.mkdir()
    file.touch(0o644)
    monkeypatch.setenv("AWIN_MEDUSA_DATABASE_URL", f"sqlite:///{file}")
    with App(Settings()) as app, app.database.reading():
        assert [path for path in open_to_others(file.parent) if path != str(file.parent)] == []


def test_processes_of_the_command_line_and_of_dagster_begin_so(environment: Path) -> None:
    run = f"umask 022; {sys.executable} -c '{RUN_IT}' init && {sys.executable} -c '{RUN_IT}' sync --dry-run"
    # Without a shop the run ends at its first step, and waits for nobody.
    env = {name: value for name, value in os.environ.items() if not name.startswith("MEDUSA")}
    done = subprocess.run(["/bin/sh", "-c", run], capture_output=True, text=True, env=env)
    assert "The run failed at" in done.stderr
    assert len(list((environment / "dagster").rglob("*"))) > 5
    assert open_to_others(environment / "home") + open_to_others(environment / "dagster") == []


def test_garbage_is_looked_for_less_often_than_python_does_by_itself() -> None:
    code = (
        "import gc; before = gc.get_threshold()[0]; import awin_medusa_pipeline; print(before, gc.get_threshold()[0])"
    )
    before, after = map(int, subprocess.check_output([sys.executable, "-c", code]).split())
    assert after >= 10 * before


def test_the_sandbox_is_closed_as_a_whole(tmp_path: Path) -> None:
    program = tmp_path / SANDBOX / "program"
    program.parent.mkdir(mode=0o755)
    program.touch()
    program.chmod(0o755)
    assert make_private(tmp_path) == []
    assert stat.S_IMODE(program.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(program.stat().st_mode) == 0o755


def test_doctor_says_what_cannot_be_closed(environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a network drive without rights, or where another user owns a file."""
    filled_home.fill(environment)
    state = environment / "home" / "state.db"
    with App(Settings()) as app:
        assert app.database
        state.chmod(0o644)

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError("not the owner")

        monkeypatch.setattr(Path, "chmod", refuse)
        found = [one for one in examine(app, lambda part, step: None) if "other users" in one.found]
    assert [one.state for one in found] == [State.NOTE]
    assert str(state) in found[0].found
    assert "own" in found[0].to_do


def test_a_home_that_is_no_folder_has_no_rights_to_take(tmp_path: Path) -> None:
    assert make_private(tmp_path / "nothing") == []
