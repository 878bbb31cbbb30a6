"""The first start as a shop owner meets it: an empty .env becomes the result of a first dry run, in a real Chromium."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from dotenv import dotenv_values
from playwright.sync_api import Browser, expect

from awin_medusa_pipeline.core.ports import port_is_free
from awin_medusa_pipeline.sandbox import Sandbox, Shop
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline_tests.end_to_end.test_console import PASSWORD, Running
from awin_medusa_pipeline_tests.support.chromium import chromium, new_page, serious_faults
from awin_medusa_pipeline_tests.support.feeds import row, write_rows
from awin_medusa_pipeline_tests.support.plain import products_in

pytestmark = pytest.mark.browser

WRONG_KEY = "sk_0123456789abcdef0123456789abcdef"


@pytest.fixture
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox) -> Path:
    """An empty .env, and nothing of a shop in the environment."""
    for name in {*Settings.variables(), *sandbox.environment(), "DAGSTER_HOME"}:
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / ".env"
    file.touch()
    monkeypatch.setenv("AWIN_MEDUSA_ENV_FILE", str(file))
    monkeypatch.setenv("AWIN_MEDUSA_HOME", str(tmp_path / "home"))
    return file


def test_an_empty_env_file_becomes_the_result_of_a_first_dry_run(
    browser: Browser, env_file: Path, shop: Shop, tmp_path: Path
) -> None:
    feed = write_rows(tmp_path / "feed.csv", row("A"), row("B"))
    port = next(number for number in range(3_400, 3_700) if port_is_free(number))
    with Running(port, tmp_path / "ui.log") as link, new_page(browser) as page:
        page.goto(link)
        page.get_by_label("Name").fill("anna")
        page.get_by_label(re.compile("Password")).fill(PASSWORD)
        page.get_by_role("button", name="Open the console").click()
        page.get_by_role("link", name="Set it up").click()

        # Each answer is told about while it is typed, before anything is kept.
        page.get_by_label(re.compile("Address of the feed")).press_sequentially("/nowhere/feed.csv")
        expect(page.get_by_text("Correct AWIN_FEED_URL")).to_be_visible()
        page.get_by_label(re.compile("Address of the feed")).fill(str(feed))
        expect(page.get_by_text("a feed with rows")).to_be_visible()
        key = page.get_by_label(re.compile("Secret API key"))
        key.fill(WRONG_KEY)
        expect(page.get_by_text("MEDUSA_BACKEND_URL is not set")).to_be_visible()
        page.get_by_label(re.compile("Address of the Medusa server")).fill(shop.base_url)
        expect(page.get_by_text("a Medusa server answers")).to_be_visible()
        # The key is tried again with the address.
        expect(page.get_by_text("HTTP 401")).to_be_visible()
        assert serious_faults(page) == []
        page.get_by_role("button", name="Keep them").click()
        expect(page.get_by_text("Nothing is kept yet.")).to_be_visible()
        assert env_file.read_text() == ""
        expect(page.get_by_label(re.compile("Address of the feed"))).to_have_value(str(feed))
        key.fill(shop.admin_key)
        expect(page.get_by_text("sales channel, stock location and shipping profile exist")).to_be_visible()
        assert shop.admin_key not in page.locator("main").inner_text()
        page.get_by_role("button", name="Keep them").click()

        expect(page.get_by_role("heading", name="Today")).to_be_visible()
        expect(page.get_by_text("1 run asked for by anna")).to_be_visible()
        values = dotenv_values(env_file)
        assert (values["AWIN_FEED_URL"], values["MEDUSA_ADMIN_API_KEY"]) == (str(feed), shop.admin_key)
        # The page asks again by itself, and shows the result when it is there.
        expect(page.get_by_text("finished (dry run)")).to_be_visible()
        expect(page.get_by_text("2 changes wait for you")).to_be_visible()
        page.locator(".state a").click()
        expect(page.get_by_text("dry run: nothing was sent")).to_be_visible()
        expect(page.locator("tbody tr", has_text="import").locator("td").nth(1)).to_have_text("2")
        page.goto(f"http://localhost:{port}/start")
        expect(page.get_by_role("heading", name="Today")).to_be_visible()
    assert products_in(shop) == {}
    told = (tmp_path / "ui.log").read_text()
    assert "started again" not in told, "an end that was asked for is no fault"
    logs = "".join(path.read_text() for path in tmp_path.rglob("*.log"))
    assert shop.admin_key not in logs
    assert WRONG_KEY not in logs
