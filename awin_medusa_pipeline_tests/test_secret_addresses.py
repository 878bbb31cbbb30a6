"""A password in an address, whichever setting it stands in, is in nothing that is shown, kept or logged."""

import json
import os
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
from pydantic import ValidationError

from awin_medusa_pipeline.app import App, known_secrets
from awin_medusa_pipeline.cli.errors import sentence_of
from awin_medusa_pipeline.core.addresses import credentials_in, without_credentials
from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.settings import PLAIN_ADDRESSES, Settings, variables_of
from awin_medusa_pipeline.sync.clients.awin_address import label_of
from awin_medusa_pipeline_tests.support import filled_home
from awin_medusa_pipeline_tests.support.secrets_kept import Parrot

SECRET = "hunter2"
TAIL = f"?token={SECRET}"
NOBODY = f"user:{SECRET}@127.0.0.1:9"
REFUSED = {
    **{variables_of(name)[0]: f"http://{NOBODY}/x{TAIL}" for name in PLAIN_ADDRESSES},
    "MEDUSA_BACKEND_URL ": f"user:{SECRET}@127.0.0.1:9",
    "MEDUSA_BACKEND_URL  ": f"http://127.0.0.1:9{TAIL}",
    "MEDUSA_BACKEND_URL   ": f"http:///user:{SECRET}@127.0.0.1",
    "MEDUSA_BACKEND_URL    ": f"http:\\\\user:{SECRET}@127.0.0.1",
    "ETSY_API_URL ": f"http://127.0.0.1:9#{SECRET}",
    "AWIN_MEDUSA_HOME": f"s3://user:{SECRET}@bucket/x",
    "AWIN_MEDUSA_HOME ": f"sftp://user:{SECRET}@127.0.0.1/x{TAIL}",
}
TAKEN = {
    "AWIN_MEDUSA_HOME": f"ftp://{NOBODY}/x",
    "AWIN_MEDUSA_DATABASE_URL": f"postgresql://{NOBODY}/state{TAIL}&password={SECRET}",
    "AWIN_MEDUSA_DATABASE_URL ": f"sqlite://{NOBODY}/state{TAIL}",
    "AWIN_MEDUSA_DATABASE_URL  ": f"mysql://{NOBODY}/state{TAIL}",
    "AWIN_FEED_URL": f"http://{NOBODY}/apikey/{SECRET}/feed.csv{TAIL}",
    "AWIN_FEED_URL ": f"ftp://{NOBODY}/feed.csv{TAIL}",
    "AWIN_FEED_URL  ": f"ftp://user:{SECRET}@host",
    "SLACK_WEBHOOK_URL": f"http://{NOBODY}/services/{SECRET}{TAIL}",
    "SLACK_WEBHOOK_URL ": f"http://user:{SECRET}@host:{SECRET}/",
}
# A process for each address, since what one has learnt to hide the next would hide too. They are forks of one that has
# loaded everything, which takes longer than the commands; as verbose as logs can be.
RUN_ALL = """
import json, logging, os, sys, traceback
logging.basicConfig(level=logging.DEBUG)
import awin_medusa_pipeline.cli.doctor, awin_medusa_pipeline.cli.plans, awin_medusa_pipeline.defs.build
from awin_medusa_pipeline.cli.main import app
for file, values in json.load(sys.stdin).items():
    if child := os.fork():
        os.waitpid(child, 0)
        continue
    os.environ.update(values)
    with open(file, "w") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    for words in (["doctor", "--all", "--send-test-message"], ["plans", "list"]):
        try:
            app(words)
        except SystemExit as end:
            print("ENDED", words, end.code)
        except BaseException:
            traceback.print_exc()
    sys.stdout.flush()
    os._exit(0)
"""
SAID = "said.txt"
USED = (*TAKEN, "MEDUSA_BACKEND_URL", "DAGSTER_WEBSERVER_URL")


def everything(folder: Path) -> str:
    """Bytes of every file below a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return "\n".join(f"{path}: {path.read_bytes().decode('latin-1')}" for path in files)


@pytest.mark.parametrize("name", REFUSED)
def test_where_nothing_could_use_it_it_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name.strip(), REFUSED[name])
    with pytest.raises(ValidationError) as caught:
        Settings()
    told = str(sentence_of(caught.value))
    assert name.strip() in told
    assert "take" in told or "environment" in told
    trace = "".join(traceback.format_exception(caught.value))
    assert SECRET not in told + trace + repr(caught.value)


@pytest.mark.parametrize("name", TAKEN)
def test_where_it_is_needed_it_is_parted_and_hidden(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name.strip(), TAKEN[name])
    settings = Settings()
    assert SECRET not in repr(settings) + str(settings)
    with App(settings):
        assert SECRET not in str(PermanentError(f"asking {TAKEN[name]}", SECRET, SECRET))


@pytest.fixture(scope="module")
def after_commands(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder with home and output for each address, after the commands."""
    folders = {name: tmp_path_factory.mktemp("commands") for name in USED}
    settings = {
        str(folder / SAID): filled_home.settings_of(folder) | {name.strip(): (REFUSED | TAKEN)[name]}
        for name, folder in folders.items()
    }
    env = {key: value for key, value in os.environ.items() if not key.startswith(("AWIN", "MEDUSA", "ETSY", "SLACK"))}
    subprocess.run([sys.executable, "-c", RUN_ALL], input=json.dumps(settings), text=True, env=env, check=True)
    return folders


@pytest.mark.parametrize("name", USED)
def test_it_is_nowhere_after_commands(name: str, after_commands: dict[str, Path]) -> None:
    shown = (after_commands[name] / SAID).read_text()
    assert shown.count("ENDED") == 2, shown
    assert "Traceback" not in shown
    assert lines_with(everything(after_commands[name])) == []


def lines_with(text: str) -> list[str]:
    return [line[:300] for line in text.splitlines() if SECRET in line]


def test_an_ordinary_address_has_nothing_to_hide() -> None:
    settings = Settings(medusa_backend_url="http://localhost:9000", awin_medusa_home="/home/me@work/x")
    assert known_secrets(settings) == []
    assert credentials_in("postgresql://shop@host/state") == ["shop"]
    assert without_credentials("http://host/a@b.jpg") == "http://host/a@b.jpg"
    assert without_credentials(f"http://{NOBODY}/a.jpg{TAIL}") == "http://***@127.0.0.1:9/a.jpg"
    assert label_of("/feeds/own.csv") == "own.csv"


def test_it_is_nowhere_after_a_run(tmp_path: Path) -> None:
    """The feed's server repeats all that it was sent; the shop is not set, so the run ends without waiting."""
    with Parrot() as parrot:
        feed = f"{parrot.address.replace('//', f'//user:{SECRET}@')}/apikey/{SECRET}/feed.csv{TAIL}"
        values = filled_home.settings_of(tmp_path) | {"AWIN_FEED_URL": feed, "MEDUSA_BACKEND_URL": parrot.address}
        code = (
            "import logging; logging.basicConfig(level=logging.DEBUG); from awin_medusa_pipeline.cli.main import app; "
        )
        code += "app(['sync', '--dry-run'])"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | values)
    assert "The run failed at" in done.stderr
    assert (tmp_path / "dagster" / "history" / "runs").exists()
    assert lines_with(done.stdout + done.stderr) == []
    assert lines_with(everything(tmp_path)) == []
