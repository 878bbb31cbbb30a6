import base64
import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from awin_medusa_pipeline.sandbox.etsy import shop
from awin_medusa_pipeline.sandbox.etsy.handle import EtsyHandle
from awin_medusa_pipeline_tests.support.etsy_caller import Caller

VERIFIER = "a-secret_of~our.own" * 3
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


def query(etsy: EtsyHandle, **changes: str | None) -> dict[str, str]:
    environment = etsy.environment()
    asked = {
        "response_type": "code",
        "client_id": environment["ETSY_KEYSTRING"],
        "redirect_uri": environment["ETSY_REDIRECT_URI"],
        "scope": "listings_r shops_r",
        "state": "ours",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **changes,
    }
    return {name: text for name, text in asked.items() if text is not None}


def sent_back(etsy: EtsyHandle, **changes: str | None) -> dict[str, str]:
    address = etsy.allow(str(httpx.URL(etsy.url + "/oauth/connect", params=query(etsy, **changes))))
    assert address.startswith(etsy.environment()["ETSY_REDIRECT_URI"] + "?")
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def token(etsy: EtsyHandle, **form: str) -> httpx.Response:
    environment = etsy.environment()
    known = {"client_id": environment["ETSY_KEYSTRING"]}
    if form.get("grant_type") == "authorization_code":
        known |= {"redirect_uri": environment["ETSY_REDIRECT_URI"], "code_verifier": VERIFIER}
    return httpx.post(etsy.url + "/v3/public/oauth/token", data=known | form)


def exchange(etsy: EtsyHandle, code: str, **changes: str) -> httpx.Response:
    return token(etsy, grant_type="authorization_code", code=code, **changes)


def refresh(etsy: EtsyHandle, refresh_token: str) -> httpx.Response:
    return token(etsy, grant_type="refresh_token", refresh_token=refresh_token)


def refused(answer: httpx.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json()["error"]


def test_a_person_sees_a_page_that_says_what_it_is(etsy: EtsyHandle):
    page = httpx.get(etsy.url + "/oauth/connect", params=query(etsy))
    assert page.status_code == 200
    for words in ("stand-in", "Allow access", "Deny", "listings_r"):
        assert words in page.text


def test_denial_is_told(etsy: EtsyHandle):
    page = httpx.get(etsy.url + "/oauth/connect", params=query(etsy) | {"approve": "0"})
    assert "error=access_denied" in page.headers["location"]
    assert "state=ours" in page.headers["location"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"client_id": "other"}, "not recognized"),
        ({"redirect_uri": "http://localhost:3003/OAuth/redirect"}, "redirect URL is not permitted"),
        ({"redirect_uri": None}, "redirect URL is not permitted"),
    ],
)
def test_unknown_app_is_sent_nowhere(etsy: EtsyHandle, changes: dict[str, str | None], said: str):
    page = httpx.get(etsy.url + "/oauth/connect", params=query(etsy, **changes) | {"approve": "1"})
    assert page.status_code == 400
    assert said in page.text


@pytest.mark.parametrize(
    "changes",
    [
        {"response_type": "token"},
        {"state": None},
        {"scope": "everything"},
        {"code_challenge": None},
        {"code_challenge": CHALLENGE + "="},
        {"code_challenge_method": "plain"},
    ],
)
def test_wrong_consent_is_sent_back_with_an_error(etsy: EtsyHandle, changes: dict[str, str | None]):
    answer = sent_back(etsy, **changes)
    assert answer["error"] == "invalid_request"
    assert "code" not in answer


def test_code_becomes_a_pair_once(etsy: EtsyHandle):
    answer = sent_back(etsy)
    assert answer["state"] == "ours"
    pair = exchange(etsy, answer["code"]).json()
    assert pair["token_type"] == "Bearer"
    assert pair["expires_in"] == 3600
    assert all(pair[name].startswith(f"{shop.USER_ID}.") for name in ("access_token", "refresh_token"))
    assert refused(exchange(etsy, answer["code"])) == (400, "invalid_grant")


@pytest.mark.parametrize(
    "changes", [{"code_verifier": "x" * 43}, {"code_verifier": ""}, {"redirect_uri": "http://localhost/"}]
)
def test_code_is_for_who_asked(etsy: EtsyHandle, changes: dict[str, str]):
    code = sent_back(etsy)["code"]
    assert refused(exchange(etsy, code, **changes)) == (400, "invalid_grant")
    assert refused(exchange(etsy, code)) == (400, "invalid_grant")


def test_code_is_good_for_a_short_time(etsy: EtsyHandle):
    code = sent_back(etsy)["code"]
    etsy.change(clock_ahead=61)
    assert refused(exchange(etsy, code)) == (400, "invalid_grant")


def test_refresh_token_dies_at_once(etsy: EtsyHandle):
    first = etsy.connect()
    second = refresh(etsy, first.refresh_token).json()
    assert second["access_token"] != first.access_token
    assert refresh(etsy, first.refresh_token).json() == {
        "error": "invalid_grant",
        "error_description": "refresh_token is revoked",
    }
    assert refresh(etsy, second["refresh_token"]).status_code == 200
    assert etsy.refreshes() == 2


def test_two_at_once_get_one_pair(etsy: EtsyHandle):
    tokens = etsy.connect()
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: refresh(etsy, tokens.refresh_token).status_code, range(8)))
    assert sorted(statuses) == [200, *[400] * 7]
    assert etsy.refreshes() == 1


def test_refresh_token_is_good_for_90_days(etsy: EtsyHandle):
    tokens = etsy.connect()
    etsy.change(clock_ahead=90 * 86_400 + 1)
    assert refused(refresh(etsy, tokens.refresh_token)) == (400, "invalid_grant")


def test_other_requests_for_tokens_are_refused(etsy: EtsyHandle):
    assert refused(token(etsy, client_id="other", grant_type="refresh_token")) == (401, "invalid_client")
    assert refused(token(etsy, grant_type="password")) == (400, "unsupported_grant_type")
    as_json = httpx.post(etsy.url + "/v3/public/oauth/token", json={"grant_type": "refresh_token"})
    assert refused(as_json) == (400, "invalid_request")


def test_access_token_ends(caller: Caller):
    assert caller.get("/users/me").json() == {"user_id": shop.USER_ID, "shop_id": shop.SHOP_ID}
    caller.etsy.change(clock_ahead=3601)
    answer = caller.get("/users/me")
    assert (answer.status_code, answer.json()) == (
        401,
        {"error": "invalid_token", "error_description": "access token is expired"},
    )


def test_scope_is_needed(etsy: EtsyHandle):
    with Caller(etsy, "listings_r") as caller:
        said = {"error": "Access token lacks scope for this request (requires scope: shops_r)."}
        answer = caller.get("/users/me")
        assert (answer.status_code, answer.json()) == (403, said)
        etsy.change(missing_scope=401)
        said = {"error": "Access token is required for this request (requires scope: shops_r)."}
        answer = caller.get("/users/me")
        assert (answer.status_code, answer.json()) == (401, said)
        etsy.change(missing_scope=403)
        del caller.http.headers["authorization"]
        answer = caller.get("/users/me")
        assert (answer.status_code, answer.json()) == (401, said)


def test_deleting_has_a_scope_of_its_own(caller: Caller):
    assert caller.http.delete(f"/listings/{caller.create()}").status_code == 403


@pytest.mark.parametrize("key", ["", "standinkeystring0123456", "standinkeystring0123456:", ":standinsecret"])
def test_key_and_secret_are_needed(caller: Caller, key: str):
    answer = caller.http.get("/openapi-ping", headers={"x-api-key": key})
    assert answer.status_code == 403
    if not key.startswith(":"):
        assert answer.json() == {"error": "Shared secret is required in x-api-key header."}
    assert caller.get("/openapi-ping").json() == {"application_id": 1_234_567_890}


def test_tokens_are_in_no_log(etsy: EtsyHandle):
    tokens = etsy.connect()
    refresh(etsy, tokens.refresh_token)
    [call] = etsy.calls("token")
    assert call.body == [["grant_type", "refresh_token"]]
