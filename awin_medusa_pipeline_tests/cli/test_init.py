"""init on a terminal: it asks for feed, shop and key, tests each answer, and keeps it in .env."""

import errno
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from dotenv import dotenv_values
from typer.testing import CliRunner, Result

from awin_medusa_pipeline.cli import init
from awin_medusa_pipeline.cli.main import app
from awin_medusa_pipeline.environment import make_env_file, set_in_env_file
from awin_medusa_pipeline.sandbox import Shop
from awin_medusa_pipeline.sandbox.feed_generator import write_feed
from awin_medusa_pipeline_tests.support.keyless_medusa import keyless_medusa

KEY = "sk_0123456789abcdef0123456789abcdef"


@pytest.fixture
def server() -> Iterator[str]:
    with keyless_medusa() as address:
        yield address


@pytest.fixture
def feed(tmp_path: Path) -> str:
    return str(write_feed(tmp_path / "feed.csv.gz", offers=50).path)


@pytest.fixture
def env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for .env, and an environment that holds none of the answers."""
    for name in ("AWIN_FEED_URL", "MEDUSA_BACKEND_URL", "MEDUSA_ADMIN_API_KEY", "MEDUSA_PUBLISHABLE_KEY"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / ".env"
    monkeypatch.setenv("AWIN_MEDUSA_ENV_FILE", str(file))
    monkeypatch.setenv("AWIN_MEDUSA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    return file


@pytest.fixture
def asked(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(init, "is_terminal", lambda: True)


def run(*answers: str) -> Result:
    return CliRunner().invoke(app, ["init"], input="".join(f"{answer}\n" for answer in answers))


def written(file: Path) -> dict[str, str | None]:
    values = dotenv_values(file)
    return {name: values[name] for name in ("AWIN_FEED_URL", "MEDUSA_BACKEND_URL", "MEDUSA_ADMIN_API_KEY")}


def test_answers_are_tested_and_kept(asked: None, env_file: Path, feed: str, server: str) -> None:
    # Two answers that are wrong and not kept, each with a right one after it, and a wrong one that is kept.
    result = run("/nowhere/feed.csv", "n", feed, "localhost:9000", "n", server, KEY, "y")
    assert result.exit_code == 0, result.output
    assert written(env_file) == {"AWIN_FEED_URL": feed, "MEDUSA_BACKEND_URL": server, "MEDUSA_ADMIN_API_KEY": KEY}
    for told in (
        "Correct AWIN_FEED_URL",
        "a feed with rows",
        "It must begin with http",
        "a Medusa server answers",
        "401",
    ):
        assert told in result.output, told
    assert KEY not in result.output
    assert env_file.stat().st_mode & 0o777 == 0o600
    assert "fill in" not in result.output
    assert env_file.read_text().count("\n# ") > 50, "the rest of the file stays"


def test_the_right_key_is_proven(asked: None, env_file: Path, feed: str, shop: Shop) -> None:
    result = run(feed, shop.base_url, shop.admin_key)
    assert result.exit_code == 0, result.output
    assert "sales channel, stock location and shipping profile exist" in result.output
    assert written(env_file)["MEDUSA_ADMIN_API_KEY"] == shop.admin_key


def test_what_is_left_out_is_named_and_asked_the_next_time(asked: None, env_file: Path, feed: str) -> None:
    result = run(feed, "", "")
    assert result.exit_code == 0, result.output
    assert "Left for later: MEDUSA_BACKEND_URL." in result.output
    assert "fill in MEDUSA_BACKEND_URL, MEDUSA_ADMIN_API_KEY in" in " ".join(result.output.split())
    again = run("", "")
    assert again.exit_code == 0
    assert "AWIN_FEED_URL" not in again.output
    assert written(env_file) == {"AWIN_FEED_URL": feed, "MEDUSA_BACKEND_URL": "", "MEDUSA_ADMIN_API_KEY": ""}


def test_without_a_terminal_nothing_is_asked(env_file: Path) -> None:
    result = run()
    assert result.exit_code == 0
    assert "fill in AWIN_FEED_URL, MEDUSA_BACKEND_URL, MEDUSA_ADMIN_API_KEY in" in " ".join(result.output.split())


def test_a_key_is_not_shown_on_a_real_terminal(
    env_file: Path, feed: str, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWIN_FEED_URL", feed)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", "from awin_medusa_pipeline.cli.main import app; app(['init'])"]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True) as process:
        os.close(theirs)
        shown = _answer(ours, {"MEDUSA_BACKEND_URL: ": server, "MEDUSA_ADMIN_API_KEY: ": KEY, "[y/N]: ": "y"})
        os.close(ours)
        assert process.wait(30) == 0, shown
    assert server in shown
    assert KEY not in shown
    assert dotenv_values(env_file)["MEDUSA_ADMIN_API_KEY"] == KEY


def _answer(terminal: int, answers: dict[str, str]) -> str:
    """Type each answer when its question stands at the end; all that was shown."""
    shown, waiting, deadline = "", dict(answers), time.monotonic() + 60
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 0.2)[0]:
            continue
        try:
            shown += os.read(terminal, 4096).decode()
        except OSError:  # the other end is closed
            break
        for question in [one for one in waiting if shown.endswith(one)]:
            os.write(terminal, f"{waiting.pop(question)}\n".encode())
    return shown


def test_a_full_disk_leaves_the_settings_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    old, new = tmp_path / ".env", tmp_path / "new" / ".env"
    old.write_text("SYNC_CRON=0 4 * * *\n")
    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        set_in_env_file(old, {"SYNC_CRON": "0 5 * * *"})
    with pytest.raises(OSError, match="No space"):
        make_env_file(new, "SYNC_CRON=0 5 * * *\n")
    assert old.read_text() == "SYNC_CRON=0 4 * * *\n"
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [".env"]
