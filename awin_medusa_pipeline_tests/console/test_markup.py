"""The markup of the pages: hostile text stays text, and everything has a name that can be read aloud."""

import hashlib
import re
from html.parser import HTMLParser

import pytest

from awin_medusa_pipeline.console.pages import HERE
from awin_medusa_pipeline.console.reads.discrepancies import TABS
from awin_medusa_pipeline_tests.support.console import HOSTILE, RUN, SHOP, Installation
from awin_medusa_pipeline_tests.support.factories import catalog, variant


class Page(HTMLParser):
    """Collects what a browser would run or follow."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[str | None] = []
        self.handlers: list[str] = []
        self.addresses: list[str] = []
        self._in_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "script":
            self.scripts.append(values.get("src"))
        self.handlers += [name for name in values if name.startswith("on") or name == "style"]
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src", "action", "formaction")]


PAGES = (
    "/",
    *(f"/discrepancies/{name}" for name in TABS),
    "/plans",
    "/products",
    "/products/prod_a",
    "/products/prod_a/story",
    "/etsy",
    "/runs",
    f"/runs/{RUN}",
    f"/runs/{RUN}/undo",
    "/settings",
    "/api",
)


def test_hostile_text_stays_text_on_every_page(installed: Installation) -> None:
    installed.tables(HOSTILE)
    installed.run()
    plan = installed.plan(prod_a=HOSTILE)
    account = installed.account(HOSTILE[:40])
    job = installed.job(account, title=HOSTILE)
    for path in (*PAGES, f"/plans/{plan.hash}", f"/etsy/{job.transaction_id}"):
        answer = installed.browser().get(path)
        assert answer.status_code == 200, path
        page = Page()
        page.feed(answer.text)
        assert page.scripts == ["/static/htmx-4.0.1.min.js"], path
        assert page.handlers == [], path
        assert "70301" not in answer.text, path
        for address in page.addresses:
            assert address == "" or address.startswith(("/", "https://", SHOP, "#")), (path, address)


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "data:text/html,x", " JaVaScRiPt:alert(1)", "vbscript:x", "//x"]
)
def test_an_address_that_is_not_http_becomes_no_link(installed: Installation, address: str) -> None:
    installed.app.tables.write("medusa_catalog", RUN, catalog(variant("a", images=[address])))
    page = Page()
    page.feed(installed.browser().get("/products").text + installed.browser().get("/products/prod_a").text)
    assert not [found for found in page.addresses if "script" in found.lower() or found.startswith(("data", "//"))]


def test_each_page_has_a_title_a_heading_and_labels(filled: Installation) -> None:
    for path in PAGES:
        page = filled.browser().get(path).text
        assert re.search(r"<title>[^<·]+ · awin-medusa</title>", page), path
        assert len(re.findall(r"<h1[ >]", page)) == (0 if path.endswith("/story") else 1), path
        for tag in re.findall(r"<input (?![^>]*type=\"hidden\")[^>]*>", page):
            labelled = "aria-label" in tag or re.search(r"<label[^>]*>[^<]*" + re.escape(tag), page)
            assert labelled, (path, tag)


def test_files_of_others_are_as_their_makers_published_them() -> None:
    table = (HERE / "static" / "README.md").read_text()
    listed = re.findall(r"^\| (\S+) \|.*\| ([0-9a-f]{64}) \|$", table, flags=re.MULTILINE)
    assert [name for name, _ in listed] == [path.name for path in sorted((HERE / "static").glob("*.js"))]
    for name, checksum in listed:
        assert hashlib.sha256((HERE / "static" / name).read_bytes()).hexdigest() == checksum
