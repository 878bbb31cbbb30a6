"""The pages: what each shows, what hostile text becomes, and the decisions that their forms take."""

import html
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from awin_medusa_pipeline.console.reads.discrepancies import TABS
from awin_medusa_pipeline.console.routes.access import own_path
from awin_medusa_pipeline.console.store.access import Scope
from awin_medusa_pipeline.core.store.audit import Audit, Who
from awin_medusa_pipeline.core.store.run_requests import RunRequests
from awin_medusa_pipeline.decisions import Decider
from awin_medusa_pipeline.etsy.domain.plan import Proposal
from awin_medusa_pipeline.etsy.store.jobs import JobStatus, RequestedProduct
from awin_medusa_pipeline.sync.domain.operations import Kind
from awin_medusa_pipeline.sync.store.decisions import kept_as_they_are
from awin_medusa_pipeline.sync.store.held_plans import HeldPlans, PlanState
from awin_medusa_pipeline.sync.store.ledger import Ledger
from awin_medusa_pipeline_tests.support.console import HOSTILE, NAME, PASSWORD, RUN, SHOP, Installation

LATER = "1b2c3d4e-0000-4000-8000-000000000000"


def text(answer: httpx.Response) -> str:
    """What a person reads."""
    assert answer.status_code == 200, answer.text[:500]
    without = re.sub(r"<(script|style)[^>]*>.*?</\1>", " ", answer.text, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", without)).split())


def send(installed: Installation, path: str, **form: Any) -> httpx.Response:
    """Send a form of our own page."""
    browser = installed.browser()
    return browser.post(path, data={"csrf": installed.csrf(browser)} | form)


def test_today_of_a_new_installation_says_that_nothing_ran(installed: Installation) -> None:
    shown = text(installed.browser().get("/"))
    assert "Now: not known yet Last run: no run yet" in shown
    assert "Nothing for you to do." in shown


def test_today_asks_one_question_for_each_thing_to_do(filled: Installation) -> None:
    shown = text(filled.browser().get("/"))
    assert "Now: waits for you Last run: with failures" in shown
    for question in (
        "Shall this be done? 2 changes wait for you: hide.",
        "What went wrong in the last run? 1 changes failed.",
        "Shall these products go to Etsy? 1 products wait for your confirmation",
    ):
        assert question in shown
    assert shown.count("Look at them") == 1


@pytest.mark.parametrize(
    ("ended", "last"),
    [({}, "running"), ({RUN: "Its run 0a1b2c3d ended as failure"}, "failed")],
    ids=["running", "died"],
)
def test_a_run_without_an_end_is_told_from_one_that_failed(
    installed: Installation, ended: dict[str, str], last: str
) -> None:
    Ledger(installed.app.database).start_run(RUN, shop=SHOP, job="daily_sync_job")
    installed.dagster.ended = ended
    assert f"Last run: {last}" in text(installed.browser().get("/"))


def test_the_messages_to_the_shop_owner_are_a_feed_on_today(installed: Installation) -> None:
    for number, title in enumerate((HOSTILE, "Etsy shop MyShop: 3 products synced")):
        installed.app.notify(f"message-{number}", {"text": f"{title}\n3 new listings"})
    page = installed.browser().get("/")
    assert "Etsy shop MyShop: 3 products synced more 3 new listings" in text(page)
    assert "<script>alert" not in page.text


def test_today_follows_what_was_asked_for_until_it_has_come(installed: Installation) -> None:
    def part() -> httpx.Response:
        return installed.browser().get("/", headers={"hx-request": "true"})

    assert part().headers["hx-refresh"] == "true"
    request = Decider(installed.app, Who(NAME, "console")).sync(dry_run=True)
    assert "1 run asked for by anna will start" in text(part())
    assert "<h1>" not in part().text
    ledger = Ledger(installed.app.database)
    ledger.start_run(RUN, shop=SHOP, job="daily_sync_job")
    RunRequests(installed.app.database).mark_started(request.id, RUN)
    assert text(part()) == "daily_sync_job is going on. Look at it"
    ledger.finish_run(RUN)
    assert part().headers["hx-refresh"] == "true"


def test_every_page_says_so_when_dagster_is_down(filled: Installation) -> None:
    assert "Dagster is not running" not in text(filled.browser().get("/"))
    filled.dagster.running = False
    for path in ("/", "/plans", "/products", "/etsy", "/runs"):
        assert "Dagster is not running. What you decide here is kept" in text(filled.browser().get(path))


@pytest.mark.parametrize("name", TABS)
def test_each_table_of_discrepancies_says_why(filled: Installation, name: str) -> None:
    shown = text(filled.browser().get(f"/discrepancies/{name}"))
    why = {
        "missing": "nothing in the shop has its key, SKU, GTIN or name",
        "only-in-shop": "absent from 0 accepted feeds in a row",
        "returning": "hidden by run 0a1b2c3d, and in the feed again",
        "stock": "the level differs from what the feed asks for",
        "prices": "the feed's is taken over: its owner is feed",
        "texts": "left as the shop has it: its owner is shop; edited by hand in the shop",
        "adoption": "agree: SKU; against it: price; a person decides",
        "alike": "their names are alike to 91.0 %; neither is imported nor hidden",
        "rejected": "It has no price.",
    }
    assert why[name] in shown
    assert "1 rows" in shown


def test_a_table_is_searched_sorted_and_swapped_in_part(filled: Installation) -> None:
    browser = filled.browser()
    assert "Nothing here with “zzz”." in text(browser.get("/discrepancies/stock", params={"search": "zzz"}))
    assert "1 rows" in text(browser.get("/discrepancies/stock", params={"search": "LAMP", "sort": "level", "down": 1}))
    part = browser.get("/discrepancies/stock", headers={"hx-request": "true"})
    assert "<html" not in part.text
    assert "<table" in part.text
    assert browser.get("/discrepancies/nothing").status_code == 404


def test_reports_are_downloaded_by_name_and_nothing_else_is(filled: Installation) -> None:
    browser = filled.browser()
    answer = browser.get(f"/runs/{RUN}/reports/stock-mismatches.csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="stock-mismatches.csv"'
    for name in ("%2e%2e%2fstate.db", "..%2f..%2fstate.db", "state.db", "latest"):
        assert browser.get(f"/runs/{RUN}/reports/{name}").status_code in (404, 405), name


def test_a_plan_is_approved_with_a_comment_and_asks_for_its_run(filled: Installation) -> None:
    plan = filled.plan()
    shown = text(filled.browser().get(f"/plans/{plan.hash[:12]}"))
    for words in ("Hide 2 products?", "more than 10 % at once", "Lamp", "Reject: leave them as they are"):
        assert words in shown
    answer = send(filled, f"/plans/{plan.hash}/approve", comment="season is over")
    assert answer.status_code == 303
    assert "Approved. The run that applies it starts" in text(filled.browser().get(answer.headers["location"]))
    (request,) = RunRequests(filled.app.database).waiting()
    assert request.applying == {"dry_run": False, "approve_plan": plan.hash}
    (entry,) = Audit(filled.app.database).newest(1, plan.hash)
    assert (entry.who, entry.via, entry.address, entry.comment) == (NAME, "console", "127.0.0.1", "season is over")


def test_a_plan_that_a_later_run_did_not_make_again_cannot_be_approved(filled: Installation) -> None:
    plan = filled.plan()
    filled.run(LATER, when=datetime.now(UTC) + timedelta(seconds=5))
    shown = text(filled.browser().get(f"/plans/{plan.hash}"))
    assert "This plan is no longer what would happen" in shown
    assert "Make a new plan" in shown
    assert "Hide 2 products? out of date" in shown
    assert send(filled, f"/plans/{plan.hash}/approve").status_code == 409
    assert [one.state for one in HeldPlans(filled.app.database).all(SHOP)] == [PlanState.HELD]
    assert "Nothing for you to do" not in text(filled.browser().get("/plans"))


def test_the_run_that_carries_a_plan_out_does_not_make_the_others_stale(filled: Installation) -> None:
    first, second = filled.plan(), filled.plan(prod_c="Chair")
    plans = HeldPlans(filled.app.database)
    plans.approve(first, NAME)
    plans.mark_applied(first.hash, LATER)
    filled.run(LATER, when=datetime.now(UTC) + timedelta(seconds=5))
    assert "Hide 1 product" in text(filled.browser().get(f"/plans/{second.hash}"))
    assert send(filled, f"/plans/{second.hash}/approve").status_code == 303


def test_many_plans_are_rejected_at_once(filled: Installation) -> None:
    hashes = [filled.plan().hash, filled.plan(prod_c="Chair").hash]
    assert send(filled, "/plans/reject", hash=hashes, comment="no").status_code == 303
    assert {one.state for one in HeldPlans(filled.app.database).all(SHOP)} == {PlanState.REJECTED}
    assert RunRequests(filled.app.database).waiting() == []


def test_a_plan_is_downloaded_whole(filled: Installation) -> None:
    plan = filled.plan(prod_a="=cmd|' /C calc'!A0")
    lines = filled.browser().get(f"/plans/{plan.hash}/rows.csv").text.splitlines()
    assert lines[0].startswith('"product_id","handle","title"')
    assert "'=cmd" in lines[1]


def test_products_are_narrowed_and_chosen_with_the_fee_before_the_click(filled: Installation) -> None:
    browser = filled.browser()
    shown = text(browser.get("/products", params={"etsy": "pending"}))
    assert "1 products" in shown
    assert "pending" in shown
    chosen = text(send(filled, "/products/etsy-sync", every="yes", account="MyShop"))
    assert "2 products to Etsy" in chosen
    assert "at most 0.40 USD" in chosen
    one = text(send(filled, "/products/etsy-sync", product_id=["prod_b"], account="MyShop"))
    assert "1 product to Etsy" in one
    assert "at most 0.20 USD" in one
    assert "none is marked" in send(filled, "/products/etsy-sync", account="MyShop").text


def test_a_product_shows_feed_shop_wanted_and_owner_field_by_field(filled: Installation) -> None:
    shown = text(filled.browser().get("/products/prod_a"))
    assert "price variant_a 12 GBP 9.99 GBP 12 GBP feed" in shown
    assert "title A better lamp Lamp as it is first-write" in shown
    assert "MyShop pending" in shown
    assert filled.browser().get("/products/prod_zzz").status_code == 404


def test_the_shops_value_is_kept_and_released(filled: Installation) -> None:
    form = {"kind": "price", "key": "variant_a"}
    send(filled, "/products/prod_a/keep", **form)
    assert list(kept_as_they_are(filled.app.database, SHOP)) == [(str(Kind.PRICE), "variant_a")]
    assert f"kept by {NAME}" in text(filled.browser().get("/products/prod_a"))
    send(filled, "/products/prod_a/keep", **form, again="yes")
    assert kept_as_they_are(filled.app.database, SHOP) == {}


def test_a_story_is_told_although_the_shop_does_not_answer(filled: Installation) -> None:
    shown = text(filled.browser().get("/products/prod_a/story", headers={"hx-request": "true"}))
    assert "daily_sync_job 0a1b2c3d" in shown
    assert SHOP in shown


def test_an_etsy_job_is_confirmed_and_looked_at_while_it_moves(filled: Installation) -> None:
    (job,) = filled.app.etsy.jobs.all()
    page = filled.browser().get(f"/etsy/{job.transaction_id}")
    shown = text(page)
    for words in ("waits for you 1 pending, for MyShop", "at most 0.20 USD", "59 minutes", "title Lamp"):
        assert words in shown
    assert "every 2s" not in page.text
    assert send(filled, f"/etsy/{job.transaction_id}/confirm", comment="go").status_code == 303
    page = filled.browser().get(f"/etsy/{job.transaction_id}")
    assert "every 2s" in page.text
    assert filled.app.etsy.jobs.get(job.transaction_id).confirmed_by == NAME
    assert send(filled, f"/etsy/{job.transaction_id}/confirm").status_code == 409


def test_a_rejected_job_sends_nothing(filled: Installation) -> None:
    (job,) = filled.app.etsy.jobs.all()
    send(filled, f"/etsy/{job.transaction_id}/reject")
    assert filled.app.etsy.jobs.get(job.transaction_id).status is JobStatus.FAILED
    shown = text(filled.browser().get(f"/etsy/{job.transaction_id}"))
    assert "dropped" in shown
    assert "rejected by anna" in shown
    assert "Retry" not in shown


def test_failures_are_grouped_by_cause_and_can_be_retried(installed: Installation) -> None:
    account = installed.account()
    jobs, links = installed.app.etsy.jobs, installed.app.etsy.links
    products = [RequestedProduct(f"prod_{n}", f"Mug {n}", Proposal.CREATE) for n in range(3)]
    job = jobs.request(account.id, products, requested_by=NAME, confirm_within=timedelta(hours=1))
    jobs.confirm(job.transaction_id, NAME)
    job = jobs.claim(job.transaction_id, "run-1")
    for number in (0, 1):
        links.mark_failed(job, f"prod_{number}", f"Mug {number}: Etsy has no profile {number}. Choose another one.")
    links.mark_failed(job, "prod_2", "No picture could be had.")
    jobs.finish(job.transaction_id, "run-1")
    shown = text(installed.browser().get(f"/etsy/{job.transaction_id}"))
    assert "2 products Mug 0: Etsy has no profile 0." in shown
    assert "1 product No picture could be had." in shown
    assert send(installed, f"/etsy/{job.transaction_id}/retry").status_code == 303
    assert jobs.get(job.transaction_id).status is JobStatus.CONFIRMED


def test_a_run_shows_what_it_did_and_is_taken_back(filled: Installation) -> None:
    shown = text(filled.browser().get(f"/runs/{RUN[:8]}"))
    for words in ("with failures", "set stock 3 2 0 0 0 1", "the shop said no", "A note.", "stock-mismatches.csv"):
        assert words in shown
    undo = text(filled.browser().get(f"/runs/{RUN}/undo"))
    assert undo.index("What cannot be taken back") < undo.index("What goes back")
    assert "Take back 2 changes" in undo
    assert send(filled, f"/runs/{RUN}/undo", comment="wrong feed", mode="apply").status_code == 303
    (request,) = RunRequests(filled.app.database).waiting()
    assert (request.job, request.ops) == ("undo_run_job", {"undo_run": {"run_id": RUN, "dry_run": False}})
    assert "Asked for by anna" in text(filled.browser().get("/runs"))


def test_a_run_that_is_none_of_the_sync_is_dagsters(filled: Installation) -> None:
    answer = filled.browser().get(f"/runs/{LATER}")
    assert answer.headers["location"] == f"/dagster/runs/{LATER}"


def test_users_and_tokens_are_managed(installed: Installation) -> None:
    send(installed, "/settings/users", name="ben", password="another good password")
    assert [user.name for user in installed.access.users()] == ["anna", "ben"]
    assert "that is you" in send(installed, "/settings/users/remove", name="anna").text
    send(installed, "/settings/users/remove", name="ben")
    assert [user.name for user in installed.access.users()] == ["anna"]
    made = send(installed, "/settings/tokens", name="grafana", scope="read")
    token = re.search(r"am_[\w-]{20,}", made.text)
    assert token is not None
    assert token[0] not in installed.browser().get("/settings").text
    visitor = installed.access.visitor_of_token(token[0])
    assert visitor is not None
    assert visitor.scope is Scope.READ
    send(installed, "/settings/tokens/revoke", id="1")
    assert installed.access.visitor_of_token(token[0]) is None
    actions = [entry.action for entry in Audit(installed.app.database).newest(10)]
    assert actions == ["revoke_token", "make_token", "remove_user", "set_password"]


@pytest.mark.parametrize("sent", ["", "0123", None], ids=["blank", "of another session", "none"])
def test_a_form_without_the_sessions_token_decides_nothing(filled: Installation, sent: str | None) -> None:
    plan = filled.plan()
    form = {"comment": "x"} if sent is None else {"csrf": sent}
    for path in (
        f"/plans/{plan.hash}/approve",
        "/plans/reject",
        "/sync",
        "/settings/users",
        "/logout",
        f"/runs/{RUN}/undo",
    ):
        assert filled.browser().post(path, data=form | {"hash": plan.hash}).status_code == 403, path
    assert [one.state for one in HeldPlans(filled.app.database).all(SHOP)] == [PlanState.HELD]
    assert RunRequests(filled.app.database).waiting() == []


@pytest.mark.parametrize(
    "path", ["/settings/health", "/products/prod_a/story", "/admin/etsy/auth", "/settings/etsy/MyShop"]
)
@pytest.mark.parametrize("site", ["cross-site", "same-site", None])
def test_a_picture_of_another_page_costs_no_call_elsewhere(filled: Installation, path: str, site: str | None) -> None:
    headers = {"sec-fetch-site": site} if site else {}
    assert filled.person(**headers).get(path).status_code == 403


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        ("/plans?number=2", "/plans?number=2"),
        ("https://evil.test/", "/"),
        ("//evil.test/", "/"),
        ("/\\evil.test/", "/"),
        ("/\t/evil.test", "/"),
        ("", "/"),
        ("javascript:alert(1)", "/"),
    ],
)
def test_after_the_login_one_stays_here(wanted: str, path: str) -> None:
    assert own_path(wanted) == path


def test_login_and_logout(installed: Installation) -> None:
    client = installed.client(**{"sec-fetch-site": "same-origin", "accept": "text/html"})
    wrong = client.post("/login", data={"name": NAME, "password": "wrong", "next": "/plans"})
    assert wrong.status_code == 401
    assert "name and password do not fit" in wrong.text
    right = client.post("/login", data={"name": NAME, "password": PASSWORD, "next": "/plans"})
    assert (right.status_code, right.headers["location"]) == (303, "/plans")
    assert client.get("/plans").status_code == 200
    client.post("/logout", data={"csrf": installed.csrf(client)})
    assert client.get("/plans").status_code == 303


def test_a_link_shows_what_it_opens_before_it_is_used_up(installed: Installation) -> None:
    client = installed.client(**{"sec-fetch-site": "same-origin", "accept": "text/html"})
    secret = installed.access.make_link(NAME)
    for _ in range(3):
        assert f"Open the console as {NAME}" in text(client.get(f"/link/{secret}"))
    assert client.post(f"/link/{secret}").status_code == 303
    assert client.get("/").status_code == 200
    assert client.post(f"/link/{secret}").status_code == 404
    assert client.get("/link/made-up").status_code == 404


def test_health_shows_what_is_wrong_first_and_folds_the_rest(filled: Installation) -> None:
    page = filled.browser().get("/settings/health", headers={"hx-request": "true"}).text
    wrong, _, right = page.partition("<details>")
    assert "Feed" in wrong
    assert "Shop" in wrong
    assert "SYNC_CRON" not in wrong
    assert "SYNC_CRON" in right


@pytest.mark.parametrize(("mode", "dry_run"), [("dry", True), ("apply", False), ("", True)])
def test_a_sync_is_asked_for_once(filled: Installation, mode: str, dry_run: bool) -> None:
    answer = send(filled, "/sync", mode=mode)
    assert (answer.status_code, answer.headers["location"]) == (303, "/"), "loading the page again asks for nothing"
    (request,) = RunRequests(filled.app.database).waiting()
    assert request.applying == {"dry_run": dry_run}
