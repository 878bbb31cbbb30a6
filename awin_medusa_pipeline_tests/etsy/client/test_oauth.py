"""From the owner's consent to a pair of tokens, and to the next pair."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from awin_medusa_pipeline.core.errors import PermanentError, PipelineError, TransientError
from awin_medusa_pipeline.core.http import Backoff
from awin_medusa_pipeline.etsy.client import oauth as etsy_oauth
from awin_medusa_pipeline.etsy.client.callback import MOST_CONNECTIONS, ConsentCallback
from awin_medusa_pipeline.etsy.client.oauth import Consent, EtsyOAuth, code_of, consent_address, exchange, refresh
from awin_medusa_pipeline.etsy.domain.tokens import NotConnectedError, OneToken, TokenPair
from awin_medusa_pipeline_tests.support.sentences import raises_sentence

NOW = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)
PAIR = {"access_token": "77.new", "token_type": "Bearer", "expires_in": 3600, "refresh_token": "77.next"}
REDIRECT = "http://localhost:3003/oauth/redirect"


class TokenEndpoint:
    """Answers in a row, the last one for ever, in the place of Etsy's token endpoint."""

    def __init__(self) -> None:
        self.answers: list[httpx.Response | Exception] = [httpx.Response(200, json=PAIR)]
        self.forms: list[dict[str, str]] = []
        self.urls: list[str] = []
        self.waits: list[float] = []
        self.oauth = EtsyOAuth("keystring", REDIRECT, now=lambda: NOW, backoff=Backoff(4, sleep=self.waits.append))

    def answer(self, request: httpx.Request) -> httpx.Response:
        assert (request.method, request.headers["content-type"]) == ("POST", "application/x-www-form-urlencoded")
        self.urls.append(str(request.url))
        self.forms.append({name: values[0] for name, values in parse_qs(request.read().decode()).items()})
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> TokenEndpoint:
    found = TokenEndpoint()

    def client(**options: Any) -> httpx.Client:
        return real(transport=httpx.MockTransport(found.answer), **options)

    real = httpx.Client
    monkeypatch.setattr(httpx, "Client", client)
    return found


def test_the_challenge_is_that_of_rfc_7636() -> None:
    consent = Consent(verifier="dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    assert consent.challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_each_consent_is_its_own_and_shows_no_secret() -> None:
    one, other = Consent(), Consent()
    assert one.verifier != other.verifier
    assert one.state != other.state
    assert 43 <= len(one.verifier) <= 128
    assert one.verifier not in repr(one)
    assert "77.new" not in repr(TokenPair("77.new", "77.next", NOW)) + repr(OneToken("77.new"))


def test_the_address_of_the_consent_page() -> None:
    consent = Consent()
    address = urlsplit(consent_address(EtsyOAuth("keystring", REDIRECT), consent))
    assert address.geturl().startswith("https://www.etsy.com/oauth/connect?")
    assert parse_qs(address.query) == {
        "response_type": ["code"],
        "client_id": ["keystring"],
        "redirect_uri": [REDIRECT],
        "scope": ["listings_r listings_w shops_r"],
        "state": [consent.state],
        "code_challenge": [consent.challenge],
        "code_challenge_method": ["S256"],
    }
    assert consent.verifier not in address.geturl()


def test_a_code_becomes_a_pair(endpoint: TokenEndpoint) -> None:
    consent = Consent()
    assert exchange(endpoint.oauth, "code1", consent) == TokenPair("77.new", "77.next", NOW + timedelta(hours=1))
    assert endpoint.urls == ["https://api.etsy.com/v3/public/oauth/token"]
    assert endpoint.forms == [
        {
            "grant_type": "authorization_code",
            "client_id": "keystring",
            "redirect_uri": REDIRECT,
            "code": "code1",
            "code_verifier": consent.verifier,
        }
    ]


def test_a_refresh_token_becomes_a_pair(endpoint: TokenEndpoint) -> None:
    assert refresh(endpoint.oauth, "77.old") == TokenPair("77.new", "77.next", NOW + timedelta(hours=1))
    assert endpoint.forms == [
        {"grant_type": "refresh_token", "client_id": "keystring", "refresh_token": "77.old"},
    ]


PASSING: dict[str, httpx.Response | Exception] = {
    "server error": httpx.Response(500, json={"error": "Server Error"}),
    "gateway": httpx.Response(502, text="<html>"),
    "too fast": httpx.Response(429, headers={"retry-after": "1"}),
    "timeout": httpx.ReadTimeout("x"),
    "no connection": httpx.ConnectError("x"),
    "a page": httpx.Response(200, text="<html>"),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())
def test_a_passing_fault_is_tried_again(fault: httpx.Response | Exception, endpoint: TokenEndpoint) -> None:
    endpoint.answers[:0] = [fault, fault, fault]
    assert refresh(endpoint.oauth, "77.old").access_token == "77.new"
    assert len(endpoint.forms) == 4
    endpoint.answers = [fault]
    with pytest.raises(TransientError, match=r"^Renewing the Etsy tokens: "):
        refresh(endpoint.oauth, "77.old")
    assert len(endpoint.forms) == 8


REFUSED: dict[str, tuple[int, dict[str, str], type[PipelineError], str]] = {
    "revoked": (
        400,
        {"error": "invalid_grant", "error_description": "refresh_token is revoked"},
        NotConnectedError,
        "refresh_token is revoked. Connect the shop again: awin-medusa etsy connect.",
    ),
    "revoked, 401": (401, {"error": "invalid_grant"}, NotConnectedError, "invalid_grant. Connect the shop again"),
    "expired": (
        401,
        {"error": "invalid_token", "error_description": "refresh token is expired"},
        NotConnectedError,
        "is expired. Connect",
    ),
    "app": (401, {"error": "invalid_client"}, PermanentError, "invalid_client. Check ETSY_KEYSTRING"),
    "redirect": (
        400,
        {"error": "invalid_request", "error_description": "redirect_uri is not permitted"},
        PermanentError,
        "ETSY_REDIRECT_URI",
    ),
}


@pytest.mark.parametrize(("status", "body", "kind", "said"), REFUSED.values(), ids=REFUSED.keys())
@pytest.mark.parametrize(
    "grant", [lambda oauth: refresh(oauth, "77.old"), lambda oauth: exchange(oauth, "code1234", Consent())]
)
def test_a_refusal_is_told_once(
    grant: Callable[[EtsyOAuth], TokenPair],
    status: int,
    body: dict[str, str],
    kind: type[PipelineError],
    said: str,
    endpoint: TokenEndpoint,
) -> None:
    endpoint.answers = [httpx.Response(status, json=body)]
    with raises_sentence(kind, said) as told:
        grant(endpoint.oauth)
    assert type(told.value) is kind
    assert len(endpoint.forms) == 1


def test_no_secret_is_told(endpoint: TokenEndpoint) -> None:
    consent = Consent()
    for status in (400, 500):
        endpoint.answers = [httpx.Response(status, json={"error": f"code1234 77.old {consent.verifier}"})]
        with pytest.raises(PipelineError) as told:
            exchange(endpoint.oauth, "code1234", consent)
        assert consent.verifier not in str(told.value)
        assert "code1234" not in str(told.value)
        with pytest.raises(PipelineError) as told:
            refresh(endpoint.oauth, "77.old")
        assert "77.old" not in str(told.value)
    endpoint.answers = [httpx.Response(200, json=PAIR | {"expires_in": "77.old soon"})]
    with pytest.raises(PipelineError) as told:
        refresh(endpoint.oauth, "77.old")
    assert "77." not in str(told.value)


def test_a_token_of_the_first_look_is_not_renewed() -> None:
    with pytest.raises(NotConnectedError, match="Connect the shop again"):
        OneToken("77.new").refreshed("77.new")


# The page on this machine.


@pytest.fixture
def consent() -> Consent:
    return Consent()


@pytest.fixture
def redirect_uri() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://localhost:{free.getsockname()[1]}/oauth/redirect"


@pytest.fixture
def callback(redirect_uri: str, consent: Consent) -> Iterator[ConsentCallback]:
    with ConsentCallback(redirect_uri, consent) as callback:
        yield callback


def visit(address: str, **query: str) -> httpx.Response:
    return httpx.get(address, params=query)


def test_the_code_arrives(callback: ConsentCallback, redirect_uri: str, consent: Consent) -> None:
    page = visit(redirect_uri, code="c0de", state=consent.state)
    assert page.status_code == 200
    assert "You may close this window" in page.text
    assert page.headers["cache-control"] == "no-store"
    assert "c0de" not in page.text
    assert callback.code(1) == "c0de"


@pytest.mark.parametrize("drips", [b"", b"GET /oauth/redirect?co"])
def test_the_browser_gets_in_between_connections_that_send_no_request(
    callback: ConsentCallback, redirect_uri: str, consent: Consent, drips: bytes
) -> None:
    before, started = threading.active_count(), time.monotonic()
    with ExitStack() as stack:
        for _ in range(200):
            held = stack.enter_context(socket.create_connection(("127.0.0.1", urlsplit(redirect_uri).port or 0)))
            held.sendall(drips)
        assert visit(redirect_uri, code="c0de", state=consent.state).status_code == 200
        assert callback.code(1) == "c0de"
        assert threading.active_count() - before <= MOST_CONNECTIONS + 5
    assert time.monotonic() - started < 5


def test_strangers_do_not_end_the_waiting(callback: ConsentCallback, redirect_uri: str, consent: Consent) -> None:
    base = redirect_uri.removesuffix("/oauth/redirect")
    with socket.create_connection(("127.0.0.1", urlsplit(base).port or 0)):  # a browser's connection in advance
        for stranger in (
            visit(redirect_uri, code="evil", state="guessed"),
            visit(redirect_uri, code="evil", state="schlüssel"),
            visit(redirect_uri, code="evil"),
            visit(redirect_uri, error="access_denied"),
            visit(f"{base}/favicon.ico", code="evil", state=consent.state),
        ):
            assert stranger.status_code == 404
        visit(redirect_uri, code="c0de", state=consent.state)
        assert callback.code(1) == "c0de"


def test_an_owner_who_does_not_agree(callback: ConsentCallback, redirect_uri: str, consent: Consent) -> None:
    visit(redirect_uri, error="access_denied", error_description="The user denied", state=consent.state)
    said = r"access_denied: The user denied\. Agree on Etsy's page; connect again: awin-medusa etsy connect\."
    with raises_sentence(PermanentError, said):
        callback.code(1)


def test_an_answer_without_a_code(callback: ConsentCallback, redirect_uri: str, consent: Consent) -> None:
    visit(redirect_uri, state=consent.state)
    with pytest.raises(PermanentError, match="the answer has no code"):
        callback.code(1)


def test_nobody_comes(callback: ConsentCallback) -> None:
    with raises_sentence(PermanentError, r"none came within 0 s\. Connect the shop again: awin-medusa etsy connect\."):
        callback.code(0.05)


def test_a_port_that_is_taken(callback: ConsentCallback, redirect_uri: str, consent: Consent) -> None:
    with pytest.raises(PermanentError, match="End what uses port"), ConsentCallback(redirect_uri, consent):
        pass


@pytest.mark.parametrize(
    "address", ["https://localhost:3003/x", "https://shop.example/x", "http://10.0.0.1/x", "http://localhost:x/", ""]
)
def test_an_address_that_is_not_this_machine(address: str, consent: Consent) -> None:
    with pytest.raises(PermanentError, match="ETSY_REDIRECT_URI"):
        ConsentCallback(address, consent)


def test_a_pasted_address_will_do(consent: Consent) -> None:
    pasted = f"https://shop.example/x?code=c0de&state={consent.state}"
    assert etsy_oauth.is_answer_to(pasted, consent)
    assert not etsy_oauth.is_answer_to(pasted, Consent())
    assert code_of(pasted) == "c0de"
