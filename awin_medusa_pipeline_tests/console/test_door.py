"""The door before console and Dagster's UI: who may come in, from which page, for which host, and in which form."""

import http.client
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from awin_medusa_pipeline.console.door import COOKIE, LARGEST_BODY
from awin_medusa_pipeline.console.store.access import Scope
from awin_medusa_pipeline_tests.support.console import Installation, graphql_stub, installation

MUTATION = "mutation { launchRun }"
GRAPHQL = "/dagster/graphql"
SAME = {"sec-fetch-site": "same-origin"}
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def one_door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, list[Any]]]:
    """The console before something that takes every request, as Dagster's web server does."""
    stub, reached = graphql_stub()
    with installation(tmp_path_factory.mktemp("door"), stub) as found:
        yield found, reached


@pytest.fixture
def guarded(one_door: tuple[Installation, list[Any]]) -> tuple[Installation, list[Any]]:
    one_door[1].clear()
    return one_door


@pytest.fixture
def installed(one_door: tuple[Installation, list[Any]]) -> Installation:
    return one_door[0]


@pytest.mark.parametrize(
    ("what", "status", "request_"),
    [
        ("a picture of another page", 405, {"method": "GET", "params": {"query": MUTATION}}),
        ("a picture with a slash", 405, {"method": "GET", "params": {"query": MUTATION}, "url": GRAPHQL + "/"}),
        ("a form of another page", 403, {"data": {"query": MUTATION}, "headers": {"sec-fetch-site": "cross-site"}}),
        ("a form of an old browser", 403, {"data": {"query": MUTATION}, "headers": {"origin": "http://evil.test"}}),
        ("a form that says nothing of where it is from", 403, {"data": {"query": MUTATION}}),
        ("a page without an origin", 403, {"json": {"query": MUTATION}, "headers": {"origin": "null"}}),
        ("another port of this machine", 403, {"json": {}, "headers": {"origin": "http://127.0.0.1:1"}}),
        ("another site of the same name", 403, {"json": {}, "headers": {"sec-fetch-site": "same-site"}}),
        ("a form of our own page", 415, {"data": {"query": MUTATION}, "headers": SAME}),
        (
            "plain text",
            415,
            {"content": json.dumps({"query": MUTATION}), "headers": SAME | {"content-type": "text/plain"}},
        ),
        ("no type at all", 415, {"content": json.dumps({"query": MUTATION}), "headers": SAME}),
        ("a name that leads to this machine", 421, {"json": {}, "headers": SAME | {"host": "evil.test"}}),
        ("an almost right name", 421, {"json": {}, "headers": SAME | {"host": "localhost.evil.test:3000"}}),
        ("a name with a user", 421, {"json": {}, "headers": SAME | {"host": "localhost@evil.test"}}),
        ("a report of an asset from elsewhere", 403, {"json": {}, "url": "/dagster/report_asset_materialization/x"}),
        ("a report of an asset as a form", 415, {"data": {}, "url": "/dagster/report_asset_check/x", "headers": SAME}),
    ],
)
def test_no_other_page_reaches_dagster(
    guarded: tuple[Installation, list[Any]], what: str, status: int, request_: dict[str, Any]
) -> None:
    found, reached = guarded
    answer = found.person().request(**({"method": "POST", "url": GRAPHQL} | request_))
    assert answer.status_code == status, what
    assert reached == [], what


def test_our_own_page_reaches_dagster(guarded: tuple[Installation, list[Any]]) -> None:
    found, reached = guarded
    for headers in (SAME, {"origin": found.url}, SAME | {"origin": found.url}):
        assert found.person().post(GRAPHQL, json={"query": MUTATION}, headers=headers).is_success
    assert [one["path"] for one in reached] == [GRAPHQL] * 3


@pytest.mark.parametrize(
    "path", ["/", "/plans", "/dagster/", GRAPHQL, "/admin/runs", "/metrics", "/api", "/runs/x/undo"]
)
@pytest.mark.parametrize(
    "credential", ["none", "a made-up cookie", "a made-up token", "another's token", "a cut cookie"]
)
def test_nobody_comes_in_without_a_credential(
    guarded: tuple[Installation, list[Any]], path: str, credential: str
) -> None:
    found, reached = guarded
    token = found.access.make_token("revoked", Scope.DECIDE, "anna")
    found.access.revoke_token(found.access.tokens()[0].id)
    headers = {
        "a made-up token": {"authorization": "Bearer am_0123"},
        "another's token": {"authorization": f"Bearer {token}"},
        "a made-up cookie": {"cookie": f"{COOKIE}=abc.def"},
        "a cut cookie": {"cookie": f"{COOKIE}={found.person().cookies[COOKIE][:-2]}"},
    }.get(credential, {})
    answer = found.client().get(path, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["to_do"]
    assert reached == []


def test_a_person_without_a_session_is_sent_to_the_login_and_back(installed: Installation) -> None:
    answer = installed.client(accept="text/html").get("/plans?number=2")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Fplans%3Fnumber%3D2"


def test_programs_have_no_business_in_dagsters_pages(guarded: tuple[Installation, list[Any]]) -> None:
    found, reached = guarded
    assert found.program().post(GRAPHQL, json={"query": MUTATION}).status_code == 403
    assert reached == []


@pytest.mark.parametrize(
    ("origin", "with_cookie", "status"),
    [("http://evil.test", True, 403), (None, True, 403), ("own", False, 403), ("own", True, 101)],
)
def test_a_socket_of_another_page_is_refused(
    guarded: tuple[Installation, list[Any]], origin: str | None, with_cookie: bool, status: int
) -> None:
    found, reached = guarded
    headers = {"Cookie": f"{COOKIE}={found.person().cookies[COOKIE]}"} if with_cookie else {}
    address = found.url.replace("http", "ws") + GRAPHQL
    wanted: Any = found.url if origin == "own" else origin
    if status == 101:
        with connect(address, origin=wanted, additional_headers=headers):
            assert [one["method"] for one in reached] == ["websocket"]
        return
    with pytest.raises(InvalidStatus) as refused, connect(address, origin=wanted, additional_headers=headers):
        pass
    assert refused.value.response.status_code == status
    assert reached == []


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_is_bounded(installed: Installation, chunked: bool) -> None:
    body = b"x" * (LARGEST_BODY + 1)
    content: Any = iter([body[: LARGEST_BODY // 2], body]) if chunked else body
    try:
        answer = installed.program().post("/admin/sync", content=content, headers=JSON)
    except httpx.WriteError:  # it was answered, and the connection closed, while we still sent
        return
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "path",
    [
        "/static/../application.py",
        "/static/%2e%2e/application.py",
        "/static/..%2fapplication.py",
        "//evil.test/",
        "/login/../",
    ],
)
def test_tricks_with_paths_lead_nowhere(installed: Installation, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", int(installed.url.rpartition(":")[2]))
    connection.request("GET", path)
    answer = connection.getresponse()
    assert answer.status in (401, 404)
    assert b"Assembles" not in answer.read()
    connection.close()


@pytest.mark.parametrize("path", ["/", "/login", "/admin/runs", "/static/console.css"])
def test_every_answer_carries_the_security_headers(installed: Installation, path: str) -> None:
    headers = installed.browser().get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "SAMEORIGIN"
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy


def test_the_cookie_is_for_the_server_alone(installed: Installation) -> None:
    answer = installed.client(**SAME).post("/login", data={"name": "anna", "password": "correct horse battery"})
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Domain" not in cookie
