"""Console and Dagster's UI as `awin-medusa ui` serves them, in a real Chromium, on a real Medusa."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import dagster as dg
import pytest
from playwright.sync_api import Browser, Page, expect

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.console.store.access import Access
from awin_medusa_pipeline.core.ports import port_is_free
from awin_medusa_pipeline.defs.launch import dagster_home
from awin_medusa_pipeline.sandbox import Sandbox
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline_tests.end_to_end.test_etsy import connect
from awin_medusa_pipeline_tests.support.chromium import (
    chromium,
    new_page,
    path_of_browser,
    serious_faults,
    served_pages,
)
from awin_medusa_pipeline_tests.support.feeds import row, write_rows
from awin_medusa_pipeline_tests.support.goods import Goods
from awin_medusa_pipeline_tests.support.pipeline import pipeline_on
from awin_medusa_pipeline_tests.support.plain import products_in

pytestmark = pytest.mark.browser

PASSWORD = "correct horse battery"
STARTED = 90  # seconds
PAGES = ("/", "/discrepancies", "/plans", "/products", "/etsy", "/runs", "/settings", "/api")
LAUNCH = (
    'mutation { launchRun(executionParams: {selector: {jobName: "detect_discrepancies_job", repositoryName: '
    '"__repository__", repositoryLocationName: "awin_medusa_pipeline"}, runConfigData: "{}"}) { __typename } }'
)
FORM = (
    '<form id="f" method="post" target="t" enctype="{kind}" action="{to}"><input name="{name}" value="{value}"></form>'
    '<iframe name="t"></iframe><script>document.getElementById("f").submit()</script>'
)
FETCH = "<script>fetch('{to}', {{method: 'POST', mode: 'no-cors', credentials: 'include', body: {body!r}}})</script>"
expect.set_options(timeout=60_000)


@dataclass
class Console:
    """A running `awin-medusa ui` and the shop behind it."""

    url: str
    link: str
    log: Path
    browser: Browser
    sandbox: Sandbox

    def open(self, page: Page) -> None:
        """Log in by a link of this machine."""
        with App(Settings()) as app:
            access = Access(app.database)
            if not access.users():
                access.set_user("anna", PASSWORD)
            secret = access.make_link("anna")
        page.goto(f"{self.url}/link/{secret}")
        page.get_by_role("button", name="Open the console").click()
        expect(page.get_by_role("heading", name="Today")).to_be_visible()


@pytest.fixture(scope="module")
def console(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A shop with two products of its own, one sync that asks about them, and the console of it, for all tests here."""
    path_of_browser()
    sandbox.reset()
    folder = tmp_path_factory.mktemp("console")
    feed = write_rows(folder / "feed.csv", row("A"), row("B"))
    goods = Goods(sandbox)
    goods.add("oak-lamp")
    goods.add("ash-stool")
    port = next(number for number in range(3_100, 3_400) if port_is_free(number))
    settings = {"AWIN_FEED_URL": str(feed), "DAGSTER_HOME": str(folder / "dagster")}
    with pipeline_on(sandbox, folder / "home", **settings) as pipeline:
        pipeline.run("daily_sync_job")
        with App(Settings()) as app:
            connect(app.etsy, sandbox.etsy)
        # Dagster runs in this process before the browser's event loop does.
        with Running(port, folder / "ui.log") as link, chromium() as browser:
            yield Console(f"http://localhost:{port}", link, folder / "ui.log", browser, sandbox)


@dataclass
class Running:
    """`awin-medusa ui` as a process of its own; yields the link for the first user."""

    port: int
    log: Path

    def __enter__(self) -> str:
        command = [Path(sys.executable).parent / "awin-medusa", "ui", "--port", str(self.port)]
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                command, env=os.environ, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        self.wait(lambda: "/link/" in self.log.read_text())
        return re.findall(r"http://\S+/link/\S+", self.log.read_text())[-1]

    def wait(self, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + STARTED
        while not ready():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


def runs_of_dagster() -> int:
    with dg.DagsterInstance.get() as instance:
        return instance.get_runs_count()


def test_the_first_user_is_made_by_the_link_that_the_terminal_shows(console: Console) -> None:
    with new_page(console.browser) as page:
        page.goto(console.url)
        expect(page).to_have_url(re.compile("/login"))
        page.goto(console.link)
        page.get_by_label("Name").fill("anna")
        page.get_by_label(re.compile("Password")).fill(PASSWORD)
        page.get_by_role("button", name="Open the console").click()
        expect(page.get_by_role("heading", name="Today")).to_be_visible()
        page.get_by_role("button", name="Log out").click()
        page.get_by_label("Name").fill("anna")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("heading", name="Today")).to_be_visible()


def test_each_page_once_with_nothing_serious_for_axe_also_on_a_phone(console: Console) -> None:
    for size in ({"width": 1280, "height": 900}, {"width": 390, "height": 844}):
        with new_page(console.browser, viewport=size) as page:
            console.open(page)
            seen = []
            for path in PAGES:
                page.goto(f"{console.url}{path}")
                seen.append((path, serious_faults(page)))
                assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (path, size)
            page.goto(f"{console.url}/products")
            page.locator("tbody a").first.click()
            expect(page.get_by_text("Now in the shop")).to_be_visible()
            seen.append((page.url, serious_faults(page)))
            page.goto(f"{console.url}/plans")
            page.locator("tbody a").first.click()
            seen.append((page.url, serious_faults(page)))
            page.goto(f"{console.url}/runs")
            page.locator("tbody a").first.click()
            seen.append((page.url, serious_faults(page)))
            assert [(path, faults) for path, faults in seen if faults] == []


def test_a_page_is_used_by_keyboard_alone(console: Console) -> None:
    with new_page(console.browser) as page:
        console.open(page)
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("#main")).to_be_focused()


def test_products_go_to_etsy_from_picking_to_synced(console: Console) -> None:
    said = len(console.log.read_text().splitlines())
    with new_page(console.browser) as page:
        console.open(page)
        page.get_by_role("link", name="Products").click()
        page.get_by_label("Mark Oak lamp").check()
        page.get_by_label("Mark Ash stool").check()
        page.get_by_role("button", name="Sync to Etsy").click()
        expect(page.get_by_role("heading", name="2 products to Etsy")).to_be_visible()
        page.get_by_role("button", name="Look at 2 products").click()
        expect(page.get_by_text("Shall these 2 products go to Etsy?")).to_be_visible()
        assert console.sandbox.etsy.listings() == []
        page.get_by_role("button", name="Bring 2 products to Etsy").click()
        # The page asks again by itself.
        expect(page.get_by_text("completed")).to_be_visible()
        assert len(console.sandbox.etsy.listings()) == 2
        page.goto(f"{console.url}/products?etsy=synced")
        expect(page.get_by_text("2 products, as the last run read them.")).to_be_visible()
        page.get_by_role("link", name="Oak lamp").click()
        expect(page.get_by_text("synced", exact=True)).to_be_visible()
    assert len(console.log.read_text().splitlines()) - said <= 5, console.log.read_text()


def test_a_plan_is_approved_applied_and_taken_back(console: Console) -> None:
    def status() -> set[str]:
        own = ("oak-lamp", "ash-stool")
        return {one["status"] for one in products_in(console.sandbox.shop).values() if one["handle"] in own}

    with new_page(console.browser) as page:
        console.open(page)
        page.get_by_role("link", name="Held plans").click()
        page.get_by_role("link", name="Hide 2 products").click()
        expect(page.get_by_role("heading", name="Hide 2 products?")).to_be_visible()
        expect(page.get_by_text("[never_fed]")).to_be_visible()
        page.get_by_label("Comment").fill("they are not for sale any more")
        page.get_by_role("button", name="Hide 2 products").click()
        expect(page.get_by_text("Approved.")).to_be_visible()
        assert status() == {"published"}, "the console itself writes nothing to the shop"
        wait_on(page, lambda: page.get_by_role("link", name="can be taken back").count() > 0)
        assert status() == {"draft"}
        page.get_by_role("link", name="can be taken back").click()
        page.get_by_role("button", name="Take back 2 changes").click()
        expect(page.get_by_role("heading", name="Runs")).to_be_visible()
        newest = page.locator("tbody tr").first
        wait_on(page, lambda: "undo_run_job" in newest.inner_text() and "finished" in newest.inner_text())
        assert status() == {"published"}


def wait_on(page: Page, ready: Callable[[], bool]) -> None:
    """Load the page again until it shows something."""
    deadline = time.monotonic() + STARTED
    while not ready():
        assert time.monotonic() < deadline, page.locator("main").inner_text()
        time.sleep(1)
        page.reload()


def test_another_page_launches_no_run_and_stops_no_schedule(console: Console) -> None:
    """The two attacks that worked on Dagster's web server: an <img>, and forms that send themselves."""
    graphql = f"{console.url}/dagster/graphql"
    text = json.dumps({"query": LAUNCH})
    pages = {
        "/img": f'<img src="{graphql}?query={quote(LAUNCH)}">',
        "/form": FORM.format(
            kind="application/x-www-form-urlencoded", to=graphql, name="query", value=LAUNCH.replace('"', "&quot;")
        ),
        "/text": FORM.format(
            # A text/plain form sends name=value: the "=" ends up within a string of the JSON.
            kind="text/plain",
            to=graphql,
            name=(text[:-1] + ', "a').replace('"', "&quot;"),
            value="&quot;: 1}",
        ),
        "/fetch": FETCH.format(to=graphql, body=text),
    }
    with new_page(console.browser, faults_count=False) as page, served_pages(pages) as evil:
        console.open(page)
        before = runs_of_dagster()
        answers: list[tuple[str, int]] = []
        page.on(
            "response", lambda got: answers.append((got.request.method, got.status)) if "graphql" in got.url else None
        )
        for path in pages:
            page.goto(f"{evil}{path}")
            page.wait_for_timeout(1_500)
        assert answers, "the attacks were sent"
        assert all(status in (401, 403, 405) for _, status in answers), answers
        assert runs_of_dagster() == before
        # The same mutation works from our own page, so it is the door that stops the others.
        page.goto(f"{console.url}/dagster/jobs")
        said = page.evaluate(
            "async ([url, query]) => (await fetch(url, {method: 'POST', headers: {'content-type': 'application/json'},"
            " body: JSON.stringify({query})})).text()",
            [graphql, LAUNCH],
        )
        assert "LaunchRunSuccess" in said, said
        assert runs_of_dagster() == before + 1


def test_markdown_of_others_launches_nothing_in_dagsters_own_page(console: Console) -> None:
    """A picture in Markdown is a GET of the same origin: even where such text got into Dagster, it changes nothing."""
    hostile = f"![x](/dagster/graphql?query={quote(LAUNCH)})"
    with App(Settings()) as app:
        dagster_home(app)
    with dg.DagsterInstance.get() as instance:
        event = dg.AssetMaterialization("imported_products", metadata={"failures": dg.MetadataValue.md(hostile)})
        instance.report_runless_asset_event(event)
    with new_page(console.browser) as page:
        console.open(page)
        before = runs_of_dagster()
        answers: list[int] = []
        asked = "/graphql?query=mutation"
        page.on("response", lambda got: answers.append(got.status) if asked in got.url else None)
        page.goto(f"{console.url}/dagster/assets/imported_products?view=overview")
        deadline = time.monotonic() + STARTED
        while not answers and time.monotonic() < deadline:
            page.wait_for_timeout(200)
        assert set(answers) == {405}, "the picture was asked for, and refused"
        assert runs_of_dagster() == before


def test_console_and_dagster_lead_to_each_other(console: Console) -> None:
    with new_page(console.browser) as page:
        console.open(page)
        page.get_by_role("link", name="Dagster").click()
        page.get_by_role("link", name="Console").click()
        expect(page.get_by_role("heading", name="Today")).to_be_visible()
