"""The HTTP API: the routes that a Medusa admin expects, who may use them, and every answer as the OpenAPI file says."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import hypothesis
import pytest
import schemathesis
from fastapi.routing import APIRoute

from awin_medusa_pipeline.console.routes import api, etsy_connect
from awin_medusa_pipeline.console.store.access import Scope
from awin_medusa_pipeline.core.store.run_requests import RunRequests
from awin_medusa_pipeline.etsy.store.jobs import JobStatus
from awin_medusa_pipeline.sync.store.held_plans import HeldPlans, PlanState
from awin_medusa_pipeline_tests.support.console import HOSTILE, RUN, SHOP, Installation, installation

NOBODY = "etsy_000000000000"


def test_an_etsy_job_goes_from_pending_to_confirmed(filled: Installation) -> None:
    client = filled.program()
    (listed,) = client.get("/admin/products/etsy-sync").json()["jobs"]
    assert listed["status"] == "pending"
    path = f"/admin/products/etsy-sync/{listed['transaction_id']}"
    shown = client.get(path).json()
    assert (shown["fees_usd"], shown["products"][0]["outcome"]) == ("0.20", "pending")
    confirmed = client.post(f"{path}/confirm", json={"comment": "go"})
    assert (confirmed.status_code, confirmed.json()) == (200, {"success": True})
    assert client.get(path).json()["confirmed_by"] == "token test"
    again = client.post(f"{path}/confirm")
    assert again.status_code == 409
    assert again.headers["content-type"] == "application/problem+json"
    assert again.json()["code"] == "etsy_job"


def test_a_job_is_rejected_and_a_dropped_one_is_not_retried(filled: Installation) -> None:
    client = filled.program()
    path = f"/admin/products/etsy-sync/{filled.app.etsy.jobs.all()[0].transaction_id}"
    assert client.post(f"{path}/reject").json() == {"success": True}
    assert client.post(f"{path}/retry").status_code == 409
    assert filled.app.etsy.jobs.all()[0].status is JobStatus.FAILED


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/admin/products/etsy-sync", {"product_ids": ["prod_a"], "etsy_account_id": "Nobody"}, 404),
        ("POST", "/admin/products/etsy-sync", {"product_ids": [], "etsy_account_id": "MyShop"}, 422),
        ("POST", "/admin/products/etsy-sync", {"etsy_account_id": "MyShop"}, 422),
        ("POST", "/admin/products/etsy-sync", {"product_ids": ["a"], "etsy_account_id": "MyShop", "more": 1}, 422),
        ("POST", "/admin/products/etsy-sync", {"product_ids": ["prod_a"], "etsy_account_id": "MyShop"}, 503),
        ("POST", f"/admin/products/etsy-sync/{NOBODY}/confirm", None, 404),
        ("GET", f"/admin/products/etsy-sync/{NOBODY}", None, 404),
        ("GET", "/admin/products/prod_zzz", None, 404),
        ("GET", "/admin/runs/zzzz", None, 404),
        ("POST", "/admin/runs/zzzz/undo", {}, 404),
        ("GET", "/admin/plans/zzzz", None, 404),
        ("POST", "/admin/plans/zzzz/approve", None, 404),
        ("POST", "/admin/sync", {"limit": 0}, 422),
        ("DELETE", "/admin/runs", None, 405),
        ("GET", "/admin/nothing", None, 404),
        ("GET", "/admin/runs?page=0", None, 422),
    ],
)
def test_what_cannot_be_done_is_said_as_a_problem(
    filled: Installation, method: str, path: str, body: Any, status: int
) -> None:
    answer = filled.program().request(method, path, json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert said["status"] == status
    assert said["title"]
    assert said["to_do"]


def test_a_body_that_is_no_json_is_refused_as_400(filled: Installation) -> None:
    headers = {"content-type": "application/json"}
    answer = filled.program().post("/admin/sync", content=b"{not json", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "not_json")


def test_a_token_that_may_read_decides_nothing(filled: Installation) -> None:
    client, plan = filled.program(Scope.READ), filled.plan()
    job = filled.app.etsy.jobs.all()[0].transaction_id
    for path in (
        "/admin/products/etsy-sync",
        f"/admin/products/etsy-sync/{job}/confirm",
        f"/admin/products/etsy-sync/{job}/reject",
        "/admin/sync",
        f"/admin/runs/{RUN}/undo",
        f"/admin/plans/{plan.hash}/approve",
        f"/admin/plans/{plan.hash}/reject",
    ):
        body = {"product_ids": ["a"], "etsy_account_id": "MyShop"} if path.endswith("etsy-sync") else {}
        answer = client.post(path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "may_only_read"), path
    assert client.get("/admin/etsy/auth").status_code == 403
    assert client.get("/admin/runs").status_code == 200
    assert filled.app.etsy.jobs.get(job).status is JobStatus.PENDING
    assert RunRequests(filled.app.database).waiting() == []


def test_products_are_paged_with_their_state_on_etsy(filled: Installation) -> None:
    client = filled.program()
    found = client.get("/admin/products").json()
    assert (found["total"], found["more"]) == (2, False)
    assert [(one["product_id"], one["etsy"]) for one in found["products"]] == [
        ("prod_a", "pending"),
        ("prod_b", "none"),
    ]
    assert client.get("/admin/products", params={"etsy": "none"}).json()["total"] == 1
    assert client.get("/admin/products", params={"page": 9}).json()["products"] == []
    one = client.get("/admin/products/prod_a").json()
    price = next(field for field in one["fields"] if field["name"] == "price")
    assert (price["feed"], price["shop"], price["wanted"]) == ("12 GBP", "9.99 GBP", "12 GBP")
    assert one["listings"][0]["status"] == "pending"


def test_runs_are_listed_and_taken_back(filled: Installation) -> None:
    client = filled.program()
    (run,) = client.get("/admin/runs").json()["runs"]
    assert run["counts"]["stock"] == {"planned": 3, "applied": 2, "unchanged": 0, "skipped": 0, "held": 0, "failed": 1}
    assert client.get(f"/admin/runs/{RUN}").json()["summary"]["medusa_only"] == 2
    look = client.post(f"/admin/runs/{RUN}/undo", json={})
    assert look.status_code == 202
    (request,) = RunRequests(filled.app.database).waiting()
    assert request.ops["undo_run"]["dry_run"], "a look only, unless it is said"
    assert request.via == "api"


def test_a_sync_is_a_dry_run_unless_it_is_said(filled: Installation) -> None:
    assert filled.program().post("/admin/sync", json={}).status_code == 202
    (request,) = RunRequests(filled.app.database).waiting()
    assert request.applying == {"dry_run": True}


def test_plans_are_shown_and_decided(filled: Installation) -> None:
    client, plan = filled.program(), filled.plan()
    assert client.get("/admin/plans").json()["plans"][0]["state"] == "waits for you"
    shown = client.get(f"/admin/plans/{plan.hash[:12]}").json()
    assert {row["title"] for row in shown["table"]} == {"Lamp", "Mug"}
    approved = client.post(f"/admin/plans/{plan.hash}/approve", json={"comment": "yes"})
    assert approved.status_code == 202
    assert approved.json()["job"] == "daily_sync_job"
    assert client.post(f"/admin/plans/{plan.hash}/approve").status_code == 409
    assert HeldPlans(filled.app.database).all(SHOP)[0].state is PlanState.APPROVED


def test_metrics_are_read_from_the_store_at_each_scrape(filled: Installation) -> None:
    client = filled.program(Scope.READ)
    before = client.get("/metrics").text
    assert 'awin_medusa_last_run_operations{kind="stock",outcome="failed"} 1.0' in before
    assert "awin_medusa_plans_waiting 1.0" in before
    assert 'awin_medusa_etsy_products{shop="MyShop",status="pending"} 1.0' in before
    filled.plan(prod_c="Chair")
    filled.dagster.running = False
    after = client.get("/metrics").text
    assert "awin_medusa_plans_waiting 2.0" in after
    assert "awin_medusa_dagster_alive 0.0" in after


def test_a_consent_at_etsy_begins_with_pkce_and_a_state_that_works_once(filled: Installation) -> None:
    answer = filled.browser().get("/admin/etsy/auth")
    assert answer.status_code == 303
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    assert query["code_challenge_method"] == ["S256"]
    assert query["redirect_uri"] == [f"{filled.url}/admin/etsy/callback"]
    state = query["state"][0]
    nobody = filled.client()
    # Etsy does not answer here, so the exchange fails after the state was taken.
    first = nobody.get("/admin/etsy/callback", params={"state": state, "code": "abc"})
    assert first.status_code == 503
    replayed = nobody.get("/admin/etsy/callback", params={"state": state, "code": "abc"})
    assert (replayed.status_code, replayed.json()["code"]) == (403, "unknown_state")


@pytest.mark.parametrize("state", ["", "made-up", "x" * 5_000])
def test_an_answer_that_nobody_asked_for_connects_nothing(filled: Installation, state: str) -> None:
    answer = filled.client().get("/admin/etsy/callback", params={"state": state, "code": "abc"})
    assert (answer.status_code, answer.json()["code"]) == (403, "unknown_state")


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation to be asked at random."""
    with installation(tmp_path_factory.mktemp("api")) as found:
        found.tables(HOSTILE)
        found.run()
        found.plan()
        found.job(found.account())
        yield found


ROUTES = sorted(
    (method, route.path)
    for route in (*api.router.routes, *etsy_connect.router.routes)
    if isinstance(route, APIRoute) and route.include_in_schema
    for method in route.methods or ()
)


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_no_request_gets_an_answer_that_the_openapi_file_does_not_declare(
    described: Installation, method: str, path: str
) -> None:
    client = described.program()
    schema = schemathesis.openapi.from_dict(client.get("/admin/openapi.json").json())
    schema.config.update(base_url=described.url)

    @hypothesis.settings(max_examples=20, suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(case=schema[path][method].as_strategy())
    def ask(case: Any) -> None:
        case.call_and_validate(headers={"authorization": client.headers["authorization"]}, allow_redirects=False)

    ask()
