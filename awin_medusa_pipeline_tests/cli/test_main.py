"""The command line as a shop owner meets it: help, usage, sentences instead of tracebacks, and whole runs."""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import pytest
from dotenv import dotenv_values
from typer.testing import CliRunner, Result

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.cli import demo
from awin_medusa_pipeline.cli.main import COMMANDS, Entry, LazyCommand, app, shop_first
from awin_medusa_pipeline.console.store.access import Access, LoginError
from awin_medusa_pipeline.core.store.database import open_database
from awin_medusa_pipeline.environment import env_example
from awin_medusa_pipeline.sandbox import Sandbox, Shop
from awin_medusa_pipeline.sandbox.prefill import product_count
from awin_medusa_pipeline.sandbox.processes import silent
from awin_medusa_pipeline.settings import PROJECT_ROOT, Settings
from awin_medusa_pipeline.sync.domain.operations import Counts, Kind, NotSent, Operation, Status
from awin_medusa_pipeline.sync.store.ledger import Ledger
from awin_medusa_pipeline.sync.store.reports import RunReports

PROGRAM = Path(sys.executable).parent / "awin-medusa"
KINDS = ("import", "hide", "restore", "stock")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """AWIN_MEDUSA_HOME and a place for .env, both new; what a command sets in the environment goes with them."""
    places = {
        "AWIN_MEDUSA_HOME": tmp_path / "home",
        "AWIN_MEDUSA_ENV_FILE": tmp_path / ".env",
        "DAGSTER_HOME": tmp_path / "home" / "dagster",
    }
    with patch.dict(os.environ, {name: str(path) for name, path in places.items()} | {"COLUMNS": "200"}):
        yield tmp_path / "home"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def run_program(*arguments: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """The installed command, in a process of its own and from another folder."""
    return subprocess.run(
        [PROGRAM, *arguments], env={**os.environ, **env}, cwd="/", capture_output=True, text=True, timeout=300
    )


def entries(commands: Mapping[str, Entry], before: str = "") -> Iterator[tuple[str, Entry]]:
    """Every single command, with its whole name."""
    for name, entry in commands.items():
        yield from entries(entry.commands, f"{before}{name} ") if entry.commands else [(before + name, entry)]


ENTRIES = dict(entries(COMMANDS))


@pytest.mark.parametrize("command", ["", *COMMANDS, *ENTRIES, "sandbox up", "sandbox env"])
def test_help_of_every_command(command: str):
    result = run(*command.split(), "--help")
    assert result.exit_code == 0
    assert "--help" in result.output
    if not command:
        assert "awin-medusa sync --dry-run" in result.output


@pytest.mark.parametrize("name", ENTRIES)
def test_the_line_of_a_command_is_its_first_sentence(name: str):
    found = LazyCommand(name, ENTRIES[name]).load()
    assert (found.help or "").split("\n")[0] == ENTRIES[name].help


@pytest.mark.parametrize("group", [name for name, entry in COMMANDS.items() if entry.commands])
def test_a_group_shows_its_commands(group: str):
    shown = run(group).output
    assert COMMANDS[group].help.split("\n")[0] in " ".join(shown.split())
    assert [name for name in COMMANDS[group].commands if f" {name} " not in shown] == []
    assert run(group, "nonsense").exit_code == 2


def test_version():
    assert run("--version").output.startswith("awin-medusa 0.")


@pytest.mark.parametrize(
    "command", [["nonsense"], ["sync", "--pilot", "0"], ["ui", "--port", "80"], ["sandbox", "up", "--port", "65535"]]
)
def test_usage_error_is_2(command: list[str]):
    assert run(*command).exit_code == 2


@pytest.mark.parametrize(
    ("settings", "command", "told"),
    [
        ({"SYNC_STOCK_LEVEL": "sk_secret"}, ["report"], "SYNC_STOCK_LEVEL: Input should be a valid integer"),
        ({"AWIN_MEDUSA_HOME": "/proc/version/x"}, ["init"], "Opening the state store /proc/version/x/state.db"),
        ({"DAGSTER_HOME": "/proc/version/x"}, ["init"], "Using /proc/version/x"),
        ({"AWIN_MEDUSA_DATABASE_URL": "nonsense"}, ["init"], "AWIN_MEDUSA_DATABASE_URL"),
        ({}, ["sandbox", "env"], "Run: awin-medusa sandbox up."),
        ({}, ["sandbox", "reset"], "Run: awin-medusa sandbox up."),
        ({}, ["sync"], "MEDUSA_BACKEND_URL is not set"),
        ({}, ["report"], "There is no report yet"),
        ({}, ["sandbox", "status"], "Not set up."),
    ],
)
def test_error_is_a_sentence_and_1(home: Path, settings: dict[str, str], command: list[str], told: str):
    os.environ.update(settings)
    result = run(*command)
    assert result.exit_code == 1
    assert told in result.output
    assert "Traceback" not in result.output
    assert "sk_secret" not in result.output


def test_mistake_of_this_program_keeps_its_traceback(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("awin_medusa_pipeline.cli.init.env_example", lambda: 1 / 0)
    result = run("init")
    assert result.exit_code == 1
    assert "Traceback" in result.stderr
    assert "ZeroDivisionError" in result.stderr
    assert "bug" in result.stderr


def test_init_makes_what_is_missing_and_changes_nothing_else(home: Path):
    first, file = run("init"), home.parent / ".env"
    assert first.exit_code == 0
    assert "AWIN_FEED_URL, MEDUSA_BACKEND_URL, MEDUSA_ADMIN_API_KEY" in first.output
    assert file.read_text() == env_example()
    assert file.stat().st_mode & 0o777 == 0o600
    assert (home / "state.db").exists()
    assert (home / "dagster" / "dagster.yaml").exists()
    file.write_text("MEDUSA_BACKEND_URL=http://mine\n")
    (home / "dagster" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    again = run("init")
    assert again.exit_code == 0
    assert "There already" in again.output
    assert "fill in AWIN_FEED_URL, MEDUSA_ADMIN_API_KEY in" in again.output
    assert file.read_text() == "MEDUSA_BACKEND_URL=http://mine\n"
    assert (home / "dagster" / "dagster.yaml").read_text() == "telemetry: {enabled: false}\n"


@pytest.fixture
def reports(home: Path) -> RunReports:
    """Of a run in which 12 imports were refused."""
    outcomes = Counts().as_dict()
    with open_database(f"sqlite:///{home}/state.db") as database:
        ledger = Ledger(database)
        ledger_run = ledger.start_run("0123456789", shop="http://shop", job="daily_sync_job")
        why = "HTTP 400 [no] price"
        refused = [NotSent(Operation(f"offer-{number}", {}), why, Status.FAILED) for number in range(12)]
        ledger.record_not_sent("0123456789", Kind.IMPORT, refused)
        reports = RunReports(str(home), ledger_run)
        numbers = reports.write_operations(Kind.IMPORT, ledger.rows("0123456789", Kind.IMPORT)).as_dict()
    facts: dict[str, Any] = {"run": "0123456789", "job": "daily_sync_job", "shop": "http://shop", "dry_run": False}
    facts |= {"started_at": ledger_run.started_at, "feed_rows": 1234}
    reports.write_json(facts | dict.fromkeys(KINDS, outcomes) | {"import": numbers})
    reports.point_latest()
    return reports


def test_report_shows_numbers_reasons_and_first_failures(reports: RunReports):
    result = run("report")
    assert result.exit_code == 0
    shown = ("daily_sync_job on http://shop", "1,234", "12 changes failed", "HTTP 400 [no] price", str(reports.folder))
    assert [text for text in shown if text not in result.output] == []
    assert result.output.count("failed import offer-") == 10
    assert "later run" not in result.output


def test_report_tells_of_a_later_run_that_failed_before_its_summary(
    reports: RunReports, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MEDUSA_BACKEND_URL", "")
    assert run("sync").exit_code == 1
    result = run("report")
    assert "daily_sync_job on http://shop" in result.output
    assert "A later run, " in result.output
    assert "MEDUSA_BACKEND_URL is not set" in result.output


def test_ui_on_a_taken_port(home: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = run("ui", "--port", str(port := taken.getsockname()[1]))
    assert result.exit_code == 1
    assert f"awin-medusa ui --port {port + 1}" in result.output


def test_ui_serves_with_its_daemon_and_ends_on_sigterm(home: Path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    output = home.parent / "ui.log"
    with output.open("wb") as log:
        # As a shell's background job: with SIGINT ignored, which Dagster would take over for SIGTERM.
        shell = ["sh", "-c", 'trap "" INT; exec "$0" "$@"']
        process = subprocess.Popen([*shell, PROGRAM, "ui", "--port", str(port)], cwd="/", stdout=log, stderr=log)
    try:
        answer = _when_healthy(output, process)
    finally:
        process.terminate()
        code = process.wait(30)
    [place] = answer["workspaceOrError"]["locationEntries"]
    assert place["locationOrLoadError"]["__typename"] == "RepositoryLocation"
    assert _healthy(answer) >= NEEDED
    assert code == 0
    assert "SupersessionWarning" not in output.read_text()
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://127.0.0.1:{port}", timeout=1)


NEEDED = {"SCHEDULER", "SENSOR"}
HEALTH = """{
  instance { daemonHealth { allDaemonStatuses { daemonType healthy } } }
  workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError { __typename } } } }
}"""


def _when_healthy(output: Path, process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Open the link that the terminal shows, and ask Dagster behind it until its daemons are healthy."""
    deadline = time.monotonic() + 90
    answer: dict[str, Any] = {}
    with httpx.Client(headers={"sec-fetch-site": "same-origin"}, timeout=5) as browser:
        while time.monotonic() < deadline and process.poll() is None and not _healthy(answer) >= NEEDED:
            time.sleep(0.3)
            if link := re.search(r"(http://\S+)/link/\S+", output.read_text()):
                with contextlib.suppress(httpx.HTTPError):
                    browser.post(link[0], data={"name": "anna", "password": "correct horse battery"})
                    answer = browser.post(f"{link[1]}/dagster/graphql", json={"query": HEALTH}).json().get("data", {})
    return answer


def _healthy(answer: Mapping[str, Any]) -> set[str]:
    daemons = answer["instance"]["daemonHealth"]["allDaemonStatuses"] if answer else []
    return {daemon["daemonType"] for daemon in daemons if daemon["healthy"]}


@pytest.fixture
def demo_shop(sandbox: Sandbox, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """The sandbox as the demo fills it, smaller."""
    monkeypatch.setattr(demo, "OFFERS", 250)
    sandbox.feed_file.unlink(missing_ok=True)  # another test's
    demo.fill(sandbox, silent)
    yield shop
    sandbox.feed_file.unlink()


def products(shop: Shop) -> int:
    with shop.client() as client:
        return product_count(client)


def test_demo_shop_is_filled_once(sandbox: Sandbox, demo_shop: Shop):
    count, feed = products(demo_shop), sandbox.feed_file.read_bytes()
    assert count > 50
    demo.fill(sandbox, silent)
    assert (products(demo_shop), sandbox.feed_file.read_bytes()) == (count, feed)


def test_sync_changes_the_shop_once(sandbox: Sandbox, demo_shop: Shop, tmp_path: Path):
    env = {**sandbox.environment(), "AWIN_MEDUSA_HOME": str(tmp_path), "COLUMNS": "200"}

    def synced(*options: str) -> tuple[str, dict[str, dict[str, int]]]:
        result = run_program("sync", *options, env=env)
        assert result.returncode == 0, result.stderr + result.stdout
        summary = json.loads((tmp_path / "reports" / "latest" / "sync-summary.json").read_text())
        return result.stdout, {kind: summary[kind] for kind in KINDS}

    before = products(demo_shop)
    shown, planned = synced("--dry-run")
    assert "nothing was sent" in shown
    assert min(counts["planned"] for counts in planned.values()) > 0
    assert products(demo_shop) == before
    shown, done = synced("--pilot", "2", "--yes")
    assert [done[kind]["applied"] for kind in ("hide", "restore", "stock")] == [2, 2, 2]
    assert before < products(demo_shop) <= before + 2
    shown, done = synced()
    assert min(counts["applied"] for counts in done.values()) > 0
    assert "nothing failed" in shown
    shown, done = synced()
    assert [(counts["applied"], counts["failed"]) for counts in done.values()] == [(0, 0)] * 4
    assert "zero writes" in shown
    assert len(sandbox.slack_messages()) == 4


def test_failed_sync_names_step_and_reason(sandbox: Sandbox, demo_shop: Shop, tmp_path: Path):
    env = {**sandbox.environment(), "AWIN_MEDUSA_HOME": str(tmp_path), "MEDUSA_ADMIN_API_KEY": "sk_wrong"}
    result = run_program("sync", env=env)
    assert result.returncode == 1
    assert "The run failed at medusa_catalog." in result.stderr
    assert "Check MEDUSA_ADMIN_API_KEY" in result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    assert "daily_sync_job failed" in sandbox.slack_messages()[0]["text"]


def test_demo_settings_go_to_the_env_file_when_that_is_free(home: Path, sandbox: Sandbox, shop: Shop):
    settings = demo.write_settings(sandbox)
    assert settings == demo.DemoSettings(home.parent / ".env", sandbox.folder.parent, beside_own=False)
    assert settings.file.read_text().startswith("# Made by `awin-medusa demo`: it points to the sandbox")
    assert settings.file.stat().st_mode & 0o777 == 0o600
    settings.file.write_text(settings.file.read_text().replace(shop.admin_key, "sk_old") + "SYNC_STOCK_LEVEL=3\n")
    assert demo.write_settings(sandbox) == settings
    values = dotenv_values(settings.file)
    assert values.items() >= sandbox.environment().items()
    assert values["SYNC_STOCK_LEVEL"] == "3"


@pytest.mark.parametrize("content", [env_example(), "MEDUSA_BACKEND_URL=https://shop.example\n"])
def test_demo_leaves_settings_of_a_shop_owner_alone(home: Path, sandbox: Sandbox, shop: Shop, content: str):
    own = home.parent / ".env"
    own.write_text(content)
    os.environ["MEDUSA_SALES_CHANNEL"] = "Etsy"
    settings = demo.write_settings(sandbox)
    assert own.read_text() == content
    assert settings.beside_own
    demo.use(sandbox, settings)
    used = Settings()
    assert used.medusa_backend_url == shop.base_url
    assert used.medusa_sales_channel is None
    assert Path(used.awin_medusa_home) not in (home, sandbox.folder.parent)
    assert "DAGSTER_HOME" not in os.environ


def test_demo_leaves_a_shop_of_the_shell_alone(home: Path, sandbox: Sandbox, shop: Shop):
    os.environ["MEDUSA_BACKEND_URL"] = "https://shop.example"
    assert demo.write_settings(sandbox).beside_own
    assert not (home.parent / ".env").exists()


@pytest.mark.parametrize("beside_own", [False, True])
def test_demo_ends_with_links_that_each_open_its_console_once(
    home: Path, sandbox: Sandbox, shop: Shop, capsys: pytest.CaptureFixture[str], beside_own: bool
):
    settings = demo.DemoSettings(home.parent / ".env", home, beside_own)
    with App(Settings()) as opened:
        access = Access(opened.database)
        for _ in range(2):
            demo.show_next_steps(opened, sandbox, settings)
            shown = capsys.readouterr().out
            (secret,) = re.findall(r"The console: http://localhost:3000/link/(\S+)", shown)
            assert access.open_link(secret, "127.0.0.1").user == "demo"
            with pytest.raises(LoginError):
                access.open_link(secret, "127.0.0.1")
        assert [(user.name, user.password_hash) for user in access.users()] == [("demo", None)]
    assert shown.count(f"AWIN_MEDUSA_ENV_FILE={settings.file} ") == (3 if beside_own else 0)


def test_sandbox_env_is_for_a_shell(sandbox: Sandbox, shop: Shop):
    shown = run_program("sandbox", "env", env={"AWIN_MEDUSA_HOME": str(sandbox.folder.parent)})
    script = f"{shown.stdout}\necho $MEDUSA_ADMIN_API_KEY"
    assert subprocess.run(["sh", "-c", script], capture_output=True, text=True).stdout.strip() == shop.admin_key


def test_program_is_found_from_anywhere(tmp_path: Path):
    result = run_program("sandbox", "status", env={"AWIN_MEDUSA_HOME": str(tmp_path)})
    assert "awin-medusa sandbox up" in result.stdout
    assert not (PROJECT_ROOT / ".tmp_dagster_home").exists()


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        (["sync"], ["sync"]),
        (["sync", "--dry-run", "--shop", "toys"], ["--shop", "toys", "sync", "--dry-run"]),
        (["--shop", "toys", "sync"], ["--shop", "toys", "sync"]),
        (["plans", "--shop=toys", "list"], ["--shop=toys", "plans", "list"]),
        (["why", "--", "--shop", "lamp"], ["why", "--", "--shop", "lamp"]),
        (["sync", "--shop"], ["sync", "--shop"]),
    ],
)
def test_the_shop_may_be_named_anywhere(typed: list[str], read: list[str]) -> None:
    assert shop_first(typed) == read
