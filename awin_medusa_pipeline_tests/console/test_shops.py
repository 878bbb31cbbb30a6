"""The console of several shops: each below its own path, and no page of one shows or changes another."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from awin_medusa_pipeline.console.application import console
from awin_medusa_pipeline.console.store.access import Access
from awin_medusa_pipeline.core.store.run_requests import RunRequests
from awin_medusa_pipeline.core.store.secrets import new_key
from awin_medusa_pipeline.shops import Shops
from awin_medusa_pipeline.sync.domain.operations import Kind
from awin_medusa_pipeline_tests.support.console import NAME, PASSWORD, DagsterStub, Installation, served

OURS = re.compile(r'(?:href|action|formaction|hx-get|hx-post)="(/[^"]*)"')
SHARED = ("/static/", "/dagster/", "/logout", "/shops/toys")
PAGES = ("/", "/discrepancies/missing", "/plans", "/products", "/etsy", "/runs", "/settings", "/api")


@dataclass
class Served:
    """Two shops behind one door."""

    toys: Installation
    books: Installation

    def browser(self) -> httpx.Client:
        return self.toys.browser()


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    (tmp_path / "shops.toml").write_text(
        "[toys]\nmedusa_backend_url = 'http://127.0.0.1:9'\n[books]\nmedusa_backend_url = 'http://127.0.0.1:10'\n"
    )
    monkeypatch.setenv("AWIN_MEDUSA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AWIN_MEDUSA_SHOPS", str(tmp_path / "shops.toml"))
    monkeypatch.setenv("AWIN_MEDUSA_SECRET_KEY", new_key())
    with Shops.open() as shops:
        access, dagster = Access(shops.common.database), DagsterStub()
        access.set_user(NAME, PASSWORD)
        with served(lambda url: console(shops, dagster, url)) as url:
            yield Served(*(Installation(shops[name], access, dagster, url) for name in ("toys", "books")))


def test_the_first_page_shows_every_shop(two: Served) -> None:
    two.toys.plan(Kind.HIDE, prod_a="Lamp")
    with two.browser() as client:
        page = client.get("/").text
    for name in ("toys", "books"):
        assert f'href="/shops/{name}/"' in page
    assert "http://127.0.0.1:10" in page
    assert re.search(r"/shops/toys/.*>1<.*/shops/books/.*>0<", page, re.DOTALL)


@pytest.mark.parametrize("path", PAGES)
def test_every_link_of_a_shops_page_stays_with_the_shop(two: Served, path: str) -> None:
    two.toys.tables()
    plan = two.toys.plan(Kind.HIDE, prod_a="Lamp")
    two.toys.job(two.toys.account())
    with two.browser() as client:
        pages = [path, f"/plans/{plan.hash}", "/products/prod_a"] if path == "/plans" else [path]
        for one in pages:
            answer = client.get(f"/shops/toys{one}")
            assert answer.status_code == 200, answer.text
            assert "<strong>toys</strong>" in answer.text
            elsewhere = {link for link in OURS.findall(answer.text) if not link.startswith(SHARED)} - {"/"}
            assert not elsewhere


def test_a_plan_of_one_shop_is_none_of_the_other(two: Served) -> None:
    plan = two.toys.plan(Kind.HIDE, prod_a="Lamp")
    with two.browser() as client:
        assert client.get(f"/shops/toys/plans/{plan.hash}").status_code == 200
        assert client.get(f"/shops/books/plans/{plan.hash}").status_code == 404
        assert client.get(f"/plans/{plan.hash}").status_code == 404


def test_what_is_asked_for_is_asked_of_this_shop(two: Served) -> None:
    with two.browser() as client:
        form = {"csrf": two.toys.csrf(client), "mode": "dry"}
        answer = client.post("/shops/books/sync", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/shops/books/")
    assert RunRequests(two.toys.app.database).waiting() == []
    assert len(RunRequests(two.books.app.database).waiting()) == 1


def test_programs_find_each_shop_below_its_path(two: Served) -> None:
    with two.toys.program() as client:
        for path in ("/shops/toys/admin/runs", "/shops/toys/metrics", "/shops/toys/admin/openapi.json"):
            assert client.get(path).status_code == 200, path
        for path in ("/shops/toys/admin/runs/none", "/shops/tools/admin/runs", "/admin/runs"):
            answer = client.get(path)
            assert answer.status_code == 404, path
        problem = client.get("/shops/toys/admin/runs/none")
        assert problem.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 401),
        ("/shops/toys/", 401),
        ("/shops/toys/admin/products", 401),
        ("/shops/toys/metrics", 401),
        ("/shops/toys/login", 401),
        ("/shops/toys/static/console.css", 401),
        ("/shops/toys/link/x", 401),
        ("/shops/toys/admin/etsy/callback", 403),
        ("/shops/toys/admin/etsy/callback/", 401),
        ("/shops/../shops/toys/admin/etsy/callbackx", 401),
        ("/shops/toys/shops/toys/admin/etsy/callback", 401),
        ("/login", 200),
    ],
)
def test_nobody_comes_in_without_a_credential_by_any_path(two: Served, path: str, status: int) -> None:
    with two.toys.client() as client:
        assert client.get(path).status_code == status


def test_no_shop_asks_for_its_settings_in_the_browser(two: Served) -> None:
    with two.browser() as client:
        assert client.get("/shops/toys/start").status_code == 404
        assert client.get("/start").status_code == 404
        assert "The file of shops does not name" in client.get("/shops/toys/").text


def test_a_login_leads_to_the_shop_that_was_wanted(two: Served) -> None:
    with two.toys.client(accept="text/html") as client:
        asked = client.get("/shops/toys/plans")
        assert asked.headers["location"] == "/login?next=%2Fshops%2Ftoys%2Fplans"


def test_a_store_that_cannot_be_read_hides_no_other(two: Served) -> None:
    store = two.books.app.local_home / "state.db"
    store.parent.mkdir(parents=True)
    store.write_bytes(b"no database at all" * 100)
    with two.browser() as client:
        page = client.get("/").text
    assert "cannot be read" in page
    assert "not known yet" in page
