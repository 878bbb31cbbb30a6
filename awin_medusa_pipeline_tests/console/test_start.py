"""The first start: what each answer is told, what is kept, and that a shop that is set up is left alone."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from dotenv import dotenv_values

from awin_medusa_pipeline.console.store.access import Scope
from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.core.store.audit import Audit
from awin_medusa_pipeline.core.store.run_requests import RunRequests
from awin_medusa_pipeline.environment import env_example
from awin_medusa_pipeline.first_start import keep_answers
from awin_medusa_pipeline.sandbox import Shop
from awin_medusa_pipeline.sandbox.feed_generator import write_feed
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline_tests.support.console import NAME, Installation, installation
from awin_medusa_pipeline_tests.support.keyless_medusa import keyless_medusa

FEED, ADDRESS, KEY = "awin_feed_url", "medusa_backend_url", "medusa_admin_api_key"
VARIABLES = ("AWIN_FEED_URL", "MEDUSA_BACKEND_URL", "MEDUSA_ADMIN_API_KEY")
SECRET = "sk_0123456789abcdef0123456789abcdef"
HTMX = {"hx-request": "true"}
OWN = "AWIN_FEED_URL=/own/feed.csv\nMEDUSA_BACKEND_URL=http://127.0.0.1:9\nMEDUSA_ADMIN_API_KEY=sk_own\n"


@pytest.fixture
def env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for .env, and an environment without the answers."""
    for name in (*VARIABLES, "MEDUSA_PUBLISHABLE_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWIN_MEDUSA_ENV_FILE", str(tmp_path / ".env"))
    monkeypatch.setenv("AWIN_MEDUSA_HOME", str(tmp_path / "home"))
    return tmp_path / ".env"


@pytest.fixture
def blank(env_file: Path, tmp_path: Path, migrated_file: Path) -> Iterator[Installation]:
    """The console of an installation in which nothing is set."""
    with installation(tmp_path / "home", store=migrated_file, settings=Settings()) as found:
        yield found


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_feed(tmp_path_factory.mktemp("feed") / "feed.csv.gz", offers=50).path)


@pytest.fixture(scope="module")
def medusa() -> Iterator[str]:
    with keyless_medusa() as address:
        yield address


def post(installed: Installation, path: str, headers: dict[str, str] = HTMX, **form: str) -> httpx.Response:
    """Send the form, or what htmx sends while it is filled in."""
    browser = installed.browser()
    return browser.post(path, headers=headers, data={"csrf": installed.csrf(browser)} | form)


def kept(env_file: Path) -> dict[str, str | None]:
    return {name: value for name, value in dotenv_values(env_file).items() if name in VARIABLES and value}


def requests(installed: Installation) -> list[Any]:
    return [one.applying for one in RunRequests(installed.app.database).waiting()]


def test_today_leads_to_the_page_that_asks_for_what_is_blank(blank: Installation) -> None:
    browser = blank.browser()
    assert 'href="/start"' in browser.get("/").text
    page = browser.get("/start")
    assert re.findall(r'name="(\w+)" type="(\w+)"', page.text) == [
        (FEED, "text"),
        (ADDRESS, "text"),
        (KEY, "password"),
    ]


@pytest.mark.parametrize(
    ("name", "form", "told", "tone"),
    [
        (FEED, {FEED: "{feed}"}, "a feed with rows", "done"),
        (FEED, {FEED: "/nowhere/feed.csv"}, "Correct AWIN_FEED_URL", "error"),
        (FEED, {FEED: "{feed} /nowhere/other.csv"}, "other.csv", "error"),
        (FEED, {FEED: "{medusa}/apikey/0123456789abcdef/feed.csv"}, "HTTP 401", "error"),
        (ADDRESS, {ADDRESS: "{medusa}/"}, "a Medusa server answers at http", "done"),
        (ADDRESS, {ADDRESS: "localhost:9000"}, "It must begin with http", "error"),
        (ADDRESS, {ADDRESS: "http://127.0.0.1:9"}, "127.0.0.1:9", "error"),
        (KEY, {ADDRESS: "{medusa}", KEY: SECRET}, "401", "error"),
        (KEY, {KEY: SECRET}, "MEDUSA_BACKEND_URL is not set", "error"),
        (KEY, {ADDRESS: "localhost:9000", KEY: SECRET}, "localhost:9000", "error"),
        (KEY, {ADDRESS: "http://[", KEY: "sk_ä\u202e"}, "no connection", "error"),
    ],
    ids=[
        "feed",
        "no-such-file",
        "second-feed",
        "feed-refused",
        "shop",
        "no-http",
        "shop-down",
        "wrong-key",
        "key-alone",
        "key-without-http",
        "nonsense",
    ],
)
def test_an_answer_is_tried_while_it_is_typed_and_nothing_is_kept(
    blank: Installation, env_file: Path, feed: str, medusa: str, name: str, form: dict[str, str], told: str, tone: str
) -> None:
    answer = post(blank, f"/start/try/{name}", **{key: v.format(feed=feed, medusa=medusa) for key, v in form.items()})
    assert answer.status_code == 200
    assert told in answer.text
    assert f'class="{tone} small"' in answer.text
    assert "<html" not in answer.text
    assert "0123456789abcdef" not in answer.text
    assert not env_file.exists()


def test_what_is_not_typed_yet_is_told_nothing(blank: Installation) -> None:
    answer = post(blank, f"/start/try/{KEY}", **{FEED: "/nowhere", KEY: "  "})
    assert (answer.status_code, answer.text.strip()) == (200, "")
    assert post(blank, "/start/try/dagster_webserver_url").status_code == 404


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({}, "nothing is typed here"),
        ({FEED: "{feed}", ADDRESS: "{medusa}", KEY: SECRET}, "401"),
        ({FEED: "/nowhere/feed.csv", ADDRESS: "{medusa}", KEY: SECRET}, "Correct AWIN_FEED_URL"),
    ],
    ids=["blank", "wrong-key", "no-feed"],
)
@pytest.mark.parametrize("headers", [{}, HTMX], ids=["form", "htmx"])
def test_with_a_fault_nothing_is_kept_and_no_secret_comes_back(
    blank: Installation,
    env_file: Path,
    feed: str,
    medusa: str,
    form: dict[str, str],
    told: str,
    headers: dict[str, str],
) -> None:
    filled = {name: value.format(feed=feed, medusa=medusa) for name, value in form.items()}
    answer = post(blank, "/start", headers, **filled)
    assert answer.status_code == 422
    assert "Nothing is kept yet." in answer.text
    assert told in answer.text
    assert SECRET not in answer.text
    assert not env_file.exists()
    assert (requests(blank), blank.dagster.read_anew) == ([], 0)
    assert ("<html" in answer.text) == (not headers)


@pytest.mark.parametrize("own", [True, False], ids=["with-dagster", "alone"])
def test_three_good_answers_are_kept_and_the_first_dry_run_is_asked_for(
    blank: Installation, env_file: Path, feed: str, shop: Shop, caplog: pytest.LogCaptureFixture, own: bool
) -> None:
    blank.dagster.own = own
    browser = blank.browser()
    before = browser.get("/").headers["content-security-policy"]
    caplog.set_level(logging.DEBUG)
    answer = post(blank, "/start", {}, **{FEED: feed, ADDRESS: f"{shop.base_url}/", KEY: f" {shop.admin_key} "})
    assert answer.status_code == (303 if own else 200)
    assert ("start its services again" in answer.text) is not own
    assert kept(env_file) == dict(zip(VARIABLES, (feed, f"{shop.base_url}/", shop.admin_key), strict=True))
    assert env_file.stat().st_mode & 0o777 == 0o600
    assert env_file.read_text().count("\n# ") == env_example().count("\n# ")
    assert requests(blank) == [{"dry_run": True}]
    assert blank.dagster.read_anew == 1
    # Everyone goes on with the new settings, in this process too.
    today = browser.get("/")
    assert f"1 run asked for by {NAME} will start" in today.text
    assert 'href="/start"' not in today.text
    assert shop.base_url in today.text
    assert shop.base_url not in before
    assert shop.base_url in today.headers["content-security-policy"]
    entries = [(one.action, one.target) for one in Audit(blank.app.database).newest(2)]
    assert entries == [("sync", "dry run"), ("set_up", ", ".join(VARIABLES))]
    written = "".join(path.read_bytes().decode("latin-1") for path in env_file.parent.rglob("*.db*"))
    assert shop.admin_key not in today.text + answer.text + caplog.text + written


def test_what_is_set_already_is_neither_asked_nor_changed(
    env_file: Path, tmp_path: Path, migrated_file: Path, feed: str, shop: Shop
) -> None:
    env_file.write_text(f"# mine\nAWIN_FEED_URL={feed}\nMEDUSA_BACKEND_URL=\nSYNC_STOCK_LEVEL=3\n")
    with installation(tmp_path / "home", store=migrated_file, settings=Settings()) as found:
        assert re.findall(r'name="(\w+)" type', found.browser().get("/start").text) == [ADDRESS, KEY]
        form = {FEED: "/another/feed.csv", ADDRESS: shop.base_url, KEY: shop.admin_key}
        answer = post(found, "/start", **form)
        assert answer.headers["hx-redirect"] == "/"
    assert kept(env_file) == dict(zip(VARIABLES, (feed, shop.base_url, shop.admin_key), strict=True))
    assert "# mine" in env_file.read_text()
    assert dotenv_values(env_file)["SYNC_STOCK_LEVEL"] == "3"


def test_a_shop_that_is_set_up_is_left_alone(
    env_file: Path, tmp_path: Path, migrated_file: Path, feed: str, medusa: str
) -> None:
    env_file.write_text(OWN)
    form = {FEED: feed, ADDRESS: medusa, KEY: SECRET}
    with installation(tmp_path / "home", store=migrated_file, settings=Settings()) as found:
        shown = found.browser().get("/start")
        assert (shown.status_code, shown.headers["location"]) == (303, "/")
        assert post(found, "/start", {}, **form).status_code == 303
        assert post(found, "/start", **form).headers["hx-redirect"] == "/"
        assert post(found, f"/start/try/{KEY}", **form).status_code == 404
        assert requests(found) == []
        assert found.app.settings.medusa_backend_url == "http://127.0.0.1:9"
    assert env_file.read_text() == OWN


def test_what_another_process_has_set_meanwhile_is_taken_as_it_is(
    blank: Installation, env_file: Path, feed: str, medusa: str
) -> None:
    env_file.write_text(OWN)
    assert "Feed, shop and key are set meanwhile." in blank.browser().get("/start").text
    assert post(blank, "/start", {}, **{FEED: feed, ADDRESS: medusa, KEY: SECRET}).status_code == 303
    assert env_file.read_text() == OWN
    assert blank.app.settings.medusa_backend_url == "http://127.0.0.1:9"
    assert requests(blank) == [{"dry_run": True}]


@pytest.mark.parametrize(("name", "held"), [("a '\"#.csv", True), ("a\\", True), ("${HOME}.csv", False)])
def test_a_value_that_env_files_cannot_hold_leaves_the_file_as_it_was(
    env_file: Path, feed: str, tmp_path: Path, name: str, held: bool
) -> None:
    env_file.write_text("SYNC_STOCK_LEVEL=3\n")
    answers = {FEED: str(tmp_path / name), ADDRESS: "http://127.0.0.1:9", KEY: SECRET}
    if held:
        keep_answers(answers)
        assert kept(env_file) == dict(zip(VARIABLES, answers.values(), strict=True))
        return
    with pytest.raises(PermanentError, match="it would be read differently from how it was typed"):
        keep_answers(answers)
    assert env_file.read_text() == "SYNC_STOCK_LEVEL=3\n"


def test_a_file_that_cannot_be_written_is_a_sentence(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env_file.write_text("")
    monkeypatch.setenv("AWIN_MEDUSA_ENV_FILE", str(env_file / "within-a-file" / ".env"))
    with pytest.raises(PermanentError, match="Let the user of this program write it"):
        keep_answers({FEED: "/feed.csv"})


@pytest.mark.parametrize("path", ["/start", f"/start/try/{FEED}"])
def test_only_a_form_of_a_person_who_is_logged_in_is_taken(blank: Installation, env_file: Path, path: str) -> None:
    form = {FEED: "/nowhere/feed.csv"}
    same = {"sec-fetch-site": "same-origin"}
    stranger = blank.client(**same).post(path, data=form)
    other_page = blank.person(**{"sec-fetch-site": "cross-site"}).post(path, data=form)
    without_token = blank.browser().post(path, data=form)
    forged = blank.browser().post(path, data=form | {"csrf": "0" * 40})
    program = blank.program(Scope.DECIDE).post(path, data=form)
    answers = [stranger, other_page, without_token, forged, program]
    assert [answer.status_code for answer in answers] == [401, 403, 403, 403, 403]
    assert not env_file.exists()
