"""Commands that read: what they load, ids that stay whole, beginnings of ids, and JSON for programs."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.table import Table
from typer.testing import CliRunner, Result

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.cli import doctor as doctor_command
from awin_medusa_pipeline.cli.main import app
from awin_medusa_pipeline.cli.terminal import Steps, column_widths, console, short, show_table
from awin_medusa_pipeline.health import Finding, State
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline.sync.store.ledger import Ledger
from awin_medusa_pipeline_tests.support import filled_home
from awin_medusa_pipeline_tests.support.filled_home import LISTING, OFFER, PRODUCT, RUN, SECOND, VARIANT, Filled

HEAVY = ("dagster", "polars", "dataframely", "httpx")
RUN_IT = "import sys; from awin_medusa_pipeline.cli.main import app; app(sys.argv[1:])"
ENDED = "-- ended --"
RUN_THEM = f"""
import sys
from awin_medusa_pipeline.cli.main import app
for command in sys.argv[1:]:
    try:
        app(command.split())
    except SystemExit:
        print({ENDED!r})
"""
SAY_WHAT_IS_LOADED = f"""
import atexit, sys
atexit.register(lambda: print("LOADED", *({{name.partition(".")[0] for name in sys.modules}} & {{*{HEAVY!r}}})))
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """A home with a run, a held plan and an Etsy job, which the tests here only read."""
    folder = tmp_path_factory.mktemp("filled")
    with pytest.MonkeyPatch.context() as environment:
        for name, value in filled_home.settings_of(folder).items():
            environment.setenv(name, value)
        return filled_home.fill(folder)


@pytest.fixture
def home(made: Filled, monkeypatch: pytest.MonkeyPatch) -> Filled:
    """The same, with an environment that points to it, on a terminal of 80 columns."""
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(console, "width", 80)
    return made


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def told(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize(
    ("command", "loads"),
    [
        ("--help", set()),
        ("--version", set()),
        ("plans --help", set()),
        ("plans list", set()),
        ("report", set()),
        ("etsy jobs", {"httpx"}),
        ("etsy show {job}", {"httpx"}),
        ("etsy confirm nonsense", {"httpx"}),
        ("plans show {plan}", {"polars"}),
        ("why {offer}", {"polars", "dataframely", "httpx"}),
    ],
)
def test_a_command_loads_what_it_needs(home: Filled, command: str, loads: set[str]) -> None:
    """Each of these takes a tenth of a second or, Dagster, most of one."""
    words = command.format(job=home.job, plan=home.plan, offer=OFFER).split()
    done = subprocess.run(
        [sys.executable, "-c", SAY_WHAT_IS_LOADED + RUN_IT, *words], capture_output=True, text=True, env=os.environ
    )
    _, said, loaded = done.stdout.rpartition("LOADED")
    assert said
    assert set(loaded.split()) <= loads, done.stderr


def test_settings_and_the_app_load_no_tables() -> None:
    code = f"import sys, awin_medusa_pipeline.app; assert not {{*{HEAVY!r}}} & set(sys.modules), sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def on_one_line(text: str, *names: str) -> list[str]:
    """Those of the names that are not whole on one line."""
    return [name for name in names if not any(name in line for line in text.splitlines())]


@pytest.mark.parametrize("columns", ["80", "40", None], ids=["80 columns", "40 columns", "in a pipe"])
def test_ids_and_addresses_are_never_cut(home: Filled, columns: str | None) -> None:
    """In a process of its own, as a shell pipes it; one for all commands, since loading takes longer than reading."""
    short = home.plan[:12]
    handles = [f"table-lamp-of-oak-{number}" for number in range(20)]
    products = [f"prod_{number:026}" for number in range(20)]
    whole = {
        "plans list": [short],
        f"plans show {short}": [home.plan, short, *handles, *products],
        "etsy jobs": [home.job],
        f"etsy show {home.job}": [home.job, LISTING, PRODUCT, SECOND],
        f"why {OFFER}": [OFFER, filled_home.NOBODY],
        "report": [VARIANT, filled_home.NOBODY, f"awin-medusa plans approve {short}", str(home.folder / "reports")],
    }
    env = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    env |= {"COLUMNS": columns} if columns else {}
    done = subprocess.run([sys.executable, "-c", RUN_THEM, *whole], capture_output=True, text=True, env=env)
    shown = done.stdout.split(ENDED)[:-1]
    assert len(shown) == len(whole), done.stderr
    cut = {command: on_one_line(text, *names) for text, (command, names) in zip(shown, whole.items(), strict=True)}
    assert not any(cut.values()), cut


def test_a_word_is_never_cut_in_a_table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(console, "width", 60)
    table = Table("id", "address", "text")
    table.add_row("x" * 30, f"https://shop.example/{'y' * 50}", "some words that can be broken between words")
    show_table(table)
    shown = capsys.readouterr().out
    assert on_one_line(shown, "x" * 30, f"https://shop.example/{'y' * 50}") == []


@pytest.mark.parametrize(
    ("measures", "room", "widths"),
    [
        pytest.param([(3, 5), (4, 40)], 60, [5, 40], id="everything fits"),
        pytest.param([(3, 5), (4, 40)], 30, [5, 25], id="the long column is broken"),
        pytest.param([(12, 12), (8, 40), (70, 70)], 60, [12, 8, 70], id="words go beyond the terminal"),
        pytest.param([(2, 20), (2, 20)], 30, [20, 10], id="two alike"),
        pytest.param([], 10, [], id="no column"),
    ],
)
def test_widths_of_columns(measures: list[tuple[int, int]], room: int, widths: list[int]) -> None:
    assert column_widths(measures, room) == widths


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"),
        (12, "12"),
        ("word " * 20, "word " * 20),
        ("word " * 40, ("word " * 20).strip() + " …"),
        ("https://shop.example/" + "y" * 200, "https://shop.example/" + "y" * 200),
        (f"https://a.example/{'y' * 60}\nhttps://b.example/{'y' * 60}", f"https://a.example/{'y' * 60} …"),
        (f"https://a.example/{'y' * 160} b", f"https://a.example/{'y' * 160} …"),
    ],
)
def test_a_value_is_cut_between_words(value: object, text: str) -> None:
    assert short(value) == text


@pytest.mark.parametrize("start", ["{plan}", "{short}", "{four}"])
def test_the_beginning_of_a_plan_is_enough(home: Filled, start: str) -> None:
    start = start.format(plan=home.plan, short=home.plan[:12], four=home.plan[:4])
    assert "hide, 30 rows" in told("plans", "show", start)


def test_the_beginning_of_a_job_is_enough(home: Filled) -> None:
    for start in (home.job, home.job[:9], home.job.removeprefix("etsy_")[:4]):
        assert home.job in told("etsy", "show", start)


@pytest.mark.parametrize("start", [OFFER, OFFER[:20], VARIANT, VARIANT[:20]])
def test_the_beginning_of_a_product_is_enough(home: Filled, start: str) -> None:
    assert filled_home.RUN[:8] in told("why", start)


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (("plans", "show", "ffffffff"), "Looking for the plan ffffffff: there is none. List the plans"),
        (("plans", "approve", "ffffffff"), "Looking for the plan ffffffff: there is none. List the plans"),
        (("plans", "reject", "ff"), "give at least 4 letters of it"),
        (("undo", "ffffffff"), f"Looking for the run ffffffff: no run on {filled_home.NOBODY} begins so."),
        (("undo", "f"), "give at least 4 letters of its id"),
        (("etsy", "sync", "ffffffff"), "Looking for the Etsy job ffffffff: there is none."),
        (("etsy", "retry", "ffffffff"), "Looking for the Etsy job ffffffff: there is none."),
        (("etsy", "confirm", "ffffffff"), "Looking for the Etsy job ffffffff: there is none."),
        (("why", "nonsense"), "Looking for nonsense: in the last 1 runs and in the log it is no"),
    ],
)
def test_a_mistyped_id_is_a_sentence_and_no_run(home: Filled, command: tuple[str, ...], sentence: str) -> None:
    result = run(*command)
    assert result.exit_code == 1
    assert sentence in result.stderr
    assert result.stdout == ""
    with App(Settings()) as installation:
        assert [run.run_id for run in Ledger(installation.database).recent_runs(filled_home.NOBODY, 5)] == [RUN]
    assert not Path(os.environ["DAGSTER_HOME"]).exists(), "Dagster was not even started"


@pytest.fixture
def two_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log with two runs that begin alike."""
    for name, value in filled_home.settings_of(tmp_path).items():
        monkeypatch.setenv(name, value)
    with App(Settings()) as installation:
        for run_id in ("abcd1111", "abcd2222"):
            Ledger(installation.database).start_run(run_id, shop=filled_home.NOBODY, job="daily_sync_job")


def test_an_ambiguous_run_is_a_sentence(two_runs: None) -> None:
    result = run("undo", "abcd")
    assert result.exit_code == 1
    assert f"more than one run on {filled_home.NOBODY} begins like this" in result.stderr


@pytest.mark.parametrize("kinds", ["nonsense", "hide,stock"])
def test_undo_of_a_kind_that_is_none(home: Filled, kinds: str) -> None:
    assert run("undo", RUN, "--only", kinds).exit_code == 2


def document(*arguments: str) -> Any:
    """The one document that a command prints."""
    return json.loads(told(*arguments, "--json"))


def test_json_of_the_report(home: Filled) -> None:
    found = document("report")
    assert set(found) == {
        *("summary", "folder", "reasons", "failures", "held_plans", "proposed_plans", "later_failure"),
    }
    assert found["summary"]["run"] == RUN
    assert found["summary"]["started_at"] == "2026-11-20T02:00:00.000Z"
    assert found["failures"] == [{"kind": "stock", "key": VARIANT, "reason": filled_home.WHY_FAILED}]
    assert found["reasons"][0] == {"kind": "stock", "status": "failed", "reason": filled_home.WHY_FAILED, "number": 1}
    assert [plan["hash"] for plan in found["held_plans"]] == [home.plan]
    assert found["later_failure"] is None


def test_json_of_plans(home: Filled) -> None:
    (plan,) = document("plans", "list")["plans"]
    assert (plan["hash"], plan["kind"], plan["rows"], plan["state"]) == (home.plan, "hide", 30, "held")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", plan["expires_at"])
    (shown,) = document("plans", "show", home.plan)["plans"]
    assert {**plan, "changes": shown["changes"]} == shown
    assert [row["product_id"] for row in shown["changes"]] == [f"prod_{number:026}" for number in range(30)]


def test_json_of_etsy_jobs(home: Filled) -> None:
    (job,) = document("etsy", "jobs")["jobs"]
    assert (job["transaction_id"], job["status"], job["total_products"]) == (home.job, "failed", 2)
    shown = document("etsy", "show", home.job)
    assert {**job, "products": shown["products"]} == shown
    first, second = shown["products"]
    assert (first["listing_url"], first["outcome"], first["error"]) == (LISTING, "synced", None)
    assert (second["product_id"], second["outcome"], second["error"]) == (SECOND, "failed", filled_home.WHY_FAILED)


def test_json_of_a_story(home: Filled) -> None:
    story = document("why", VARIANT)
    assert story["now"] is None
    assert "no connection" in story["now_unknown"]
    (one,) = story["runs"]
    assert (one["run"], one["job"], one["started_at"]) == (RUN, "daily_sync_job", "2026-11-20T02:00:00.000Z")
    (level,) = one["operations"]
    assert (level["kind"], level["before"], level["after"], level["status"]) == (
        "stock",
        {"level": 10},
        {"level": 0},
        "failed",
    )


FINDINGS = [
    Finding("Feed", State.OK, "a feed with rows"),
    Finding("Slack", State.NOTE, "not configured", "Set SLACK_WEBHOOK_URL."),
    Finding("Shop", State.FAULT, "no connection", "Check MEDUSA_BACKEND_URL."),
]


@pytest.fixture
def examined(home: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    """An examination that finds one of each."""
    monkeypatch.setattr(doctor_command, "examine_all", lambda send_test_message, quiet: FINDINGS)


def test_doctor_shows_faults_first_then_notes_and_the_rest_on_demand(examined: None) -> None:
    short, whole = run("doctor"), run("doctor", "--all")
    assert short.exit_code == whole.exit_code == 1
    assert short.stdout.index("no connection") < short.stdout.index("not configured")
    assert "a feed with rows" not in short.stdout
    assert "1 more are as they should be; awin-medusa doctor --all shows them." in short.stdout
    assert whole.stdout.index("not configured") < whole.stdout.index("a feed with rows")


def test_doctor_without_a_fault_is_0(examined: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_command, "examine_all", lambda send_test_message, quiet: FINDINGS[:1])
    result = run("doctor")
    assert result.exit_code == 0
    assert "Ready for a sync." in result.stdout


def test_json_of_the_doctor(examined: None) -> None:
    result = run("doctor", "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert (found["ready"], [one["state"] for one in found["findings"]]) == (False, ["fault", "note", "ok"])
    shop = {"part": "Shop", "state": "fault", "found": "no connection", "to_do": "Check MEDUSA_BACKEND_URL."}
    assert found["findings"][0] == shop


def test_json_beside_the_whole_examination(home: Filled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    result = run("doctor", "--json")
    assert result.exit_code == 1
    assert {finding["part"] for finding in json.loads(result.stdout)["findings"]} >= {"Feed", "Shop", "Dagster"}


def test_json_where_there_is_nothing_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in filled_home.settings_of(tmp_path).items():
        monkeypatch.setenv(name, value)
    assert document("plans", "list") == {"plans": []}
    assert document("etsy", "jobs") == {"jobs": []}
    result = run("report", "--json")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "There is no report yet" in result.stderr


def test_long_work_shows_a_line_a_minute_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    seconds = [0.0]
    with Steps(now=lambda: seconds[0]) as steps:
        for seconds[0] in range(0, 200):
            steps("Installing Medusa (npm)", f"{seconds[0]} s")
    assert [line.strip() for line in capsys.readouterr().out.splitlines()] == [
        "Installing Medusa (npm) ...",
        "Installing Medusa (npm): 60 s",
        "Installing Medusa (npm): 120 s",
        "Installing Medusa (npm): 180 s",
    ]
