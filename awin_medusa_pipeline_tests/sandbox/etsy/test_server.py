import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from awin_medusa_pipeline.sandbox.etsy import server, shop
from awin_medusa_pipeline.sandbox.etsy.faults import FaultKind, Faults
from awin_medusa_pipeline.sandbox.etsy.handle import EtsyHandle
from awin_medusa_pipeline_tests.support.etsy_bodies import DRAFT, simple
from awin_medusa_pipeline_tests.support.etsy_caller import LISTINGS, Caller
from awin_medusa_pipeline_tests.support.etsy_standin import running


def wait_for(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def pinger(caller: Caller) -> Caller:
    """Without a token, which would be too old in a day."""
    del caller.http.headers["authorization"]
    return caller


def test_calls_of_a_second_are_limited(pinger: Caller):
    pinger.etsy.change(per_second=2)
    first, *others = (pinger.get("/openapi-ping") for _ in range(10))
    assert (first.headers["x-limit-per-second"], first.headers["x-remaining-this-second"]) == ("2", "1")
    refused = next(answer for answer in others if answer.status_code == 429)
    assert (refused.headers["retry-after"], refused.json()) == ("1", {"error": "Exceeded per second rate limit"})
    assert "x-limit-per-day" not in refused.headers
    pinger.etsy.change(clock_ahead=2)
    assert pinger.get("/openapi-ping").is_success


def test_calls_of_24_hours_are_limited(pinger: Caller):
    pinger.etsy.change(per_day=3)
    answers = [pinger.get("/openapi-ping") for _ in range(3)]
    assert [answer.headers["x-remaining-today"] for answer in answers] == ["2", "1", "0"]
    pinger.etsy.change(clock_ahead=3600)
    refused = pinger.get("/openapi-ping")
    assert (refused.status_code, refused.json()) == (429, {"error": "Exceeded daily rate limit"})
    assert 82_000 < int(refused.headers["retry-after"]) <= 82_800
    pinger.etsy.change(clock_ahead=86_400)
    assert pinger.get("/openapi-ping").is_success


@pytest.mark.parametrize(
    ("kind", "status", "content", "carried_out"),
    [
        (FaultKind.SERVER_ERROR, 500, "Server Error", False),
        (FaultKind.SERVER_ERROR_AFTER, 500, "Server Error", True),
        (FaultKind.ARRAY_ERROR, 400, '[{"path"', False),
        (FaultKind.KEYED_ERROR, 400, '{"0": {"path"', False),
        (FaultKind.BAD_GATEWAY, 502, "<html>", False),
        (FaultKind.LIMIT_OF_SECOND, 429, "per second", False),
        (FaultKind.LIMIT_OF_DAY, 429, "daily", False),
        (FaultKind.TOKEN_EXPIRED, 401, "invalid_token", False),
        (FaultKind.SLOW, 201, "listing_id", True),
        (FaultKind.DROPPED_AFTER, None, "", True),
        (FaultKind.RESET, None, "", False),
    ],
)
def test_faults(caller: Caller, kind: FaultKind, status: int | None, content: str, carried_out: bool):
    caller.etsy.inject(kind, on="createDraftListing")
    assert caller.get("/openapi-ping").is_success
    try:
        answer = caller.http.post(LISTINGS, data=DRAFT)
    except httpx.TransportError:
        assert status is None
    else:
        assert answer.status_code == status
        assert content in answer.text
    assert len(caller.etsy.listings()) == carried_out
    [call] = caller.etsy.writes()
    assert call.fault == kind
    if kind is FaultKind.TOKEN_EXPIRED:
        assert caller.http.post(LISTINGS, data=DRAFT).status_code == 401
    else:
        caller.create()


def test_lost_answer_of_a_refresh_has_used_the_token_up(etsy: EtsyHandle):
    tokens = etsy.connect()
    etsy.inject("dropped_after", on="token")
    form = {
        "client_id": etsy.environment()["ETSY_KEYSTRING"],
        "grant_type": "refresh_token",
        "refresh_token": tokens.refresh_token,
    }
    with pytest.raises(httpx.TransportError):
        httpx.post(etsy.url + "/v3/public/oauth/token", data=form)
    assert httpx.post(etsy.url + "/v3/public/oauth/token", data=form).json()["error"] == "invalid_grant"
    assert etsy.refreshes() == 1


def test_plans_of_faults():
    faults = Faults()
    faults.add({"kinds": ["500"], "operations": ["ping"], "skip": 1, "times": 2})
    struck = [faults.strike(name) is not None for name in ("ping", "getMe", "ping", "ping", "ping")]
    assert struck == [False, False, True, True, False]
    faults.clear()
    assert faults.strike("ping") is None
    plan = {"kinds": ["500", "reset"], "probability": 0.1, "times": None, "seed": 3}
    drawn = []
    for _ in range(2):
        faults.add(plan)
        drawn.append([faults.strike("ping") for _ in range(1000)])
        faults.clear()
    assert drawn[0] == drawn[1]
    assert 70 < sum(strike is not None for strike in drawn[0]) < 130
    assert len({strike.kind for strike in drawn[0] if strike}) == 2
    with pytest.raises(ValueError, match="kinds"):
        faults.add({"kinds": ["nonsense"]})


def test_log_and_reset(caller: Caller):
    etsy = caller.etsy
    listing_id = caller.create()
    mark = etsy.last_call()
    caller.get(f"/listings/{listing_id}")
    caller.put_inventory(listing_id, simple())
    assert [call.operation for call in etsy.calls(after=mark)] == ["getListing", "updateListingInventory"]
    [call] = etsy.writes(after=mark)
    assert (call.method, call.status, call.content_type, call.body) == ("PUT", 200, "application/json", simple())
    caller.upload(listing_id, rank="1")
    [upload] = etsy.calls("uploadListingImage")
    assert [part[0] for part in upload.body] == ["rank", "image"]
    etsy.inject("500", times=None)
    etsy.reset(currency="EUR")
    assert (etsy.calls(), etsy.listings(), etsy.state()["faults"]) == ([], [], [])
    with Caller(etsy) as later:
        assert later.get(f"/shops/{shop.SHOP_ID}").json()["currency_code"] == "EUR"
        assert later.create() > listing_id
    etsy.reset()
    assert etsy.state()["settings"]["currency"] == "GBP"


def test_own_endpoint_refuses_nonsense(etsy: EtsyHandle):
    for wrong in (lambda: etsy.change(colour="red"), lambda: etsy.change(per_day="many"), lambda: etsy.inject("no")):
        with pytest.raises(ValueError, match="Stand-in"):
            wrong()
    assert httpx.get(etsy.url + "/_standin/nothing").status_code == 404
    assert httpx.get(etsy.url + "/").status_code == 404


def test_state_survives_a_restart(tmp_path: Path):
    with running(tmp_path) as url, Caller(etsy := EtsyHandle(url)) as caller:
        listing_id = caller.publishable()
        caller.patch(listing_id, state="active")
        before, token = etsy.state(), caller.http.headers["authorization"]
        wait_for((tmp_path / "state.json").exists)
        etsy.edit(listing_id, fields={"title": "Changed last"})
    with running(tmp_path) as url, Caller(etsy := EtsyHandle(url)) as caller:
        caller.http.headers["authorization"] = token
        found = caller.get(f"/listings/{listing_id}", includes="Images").json()
        assert found["title"] == "Changed last"
        assert httpx.get(found["images"][0]["url_fullxfull"]).content.startswith(b"\x89PNG")
        assert etsy.fees() == before["fees"]
        assert caller.create() > listing_id


def test_process_keeps_its_state_when_it_is_ended(tmp_path: Path):
    with running() as url:
        port = url.rpartition(":")[2]
    command = [sys.executable, "-m", server.__name__, port, "--folder", str(tmp_path), "--settings", '{"per_day": 9}']
    etsy = EtsyHandle(url)
    with subprocess.Popen(command) as process:
        try:
            wait_for(etsy.answers)
            with Caller(etsy) as caller:
                caller.create()
            assert etsy.state()["settings"]["per_day"] == 9
        finally:
            process.terminate()
        assert process.wait(10) == 0
    assert len(json.loads((tmp_path / "state.json").read_text())["listings"]) == 1
