"""Gets and renews pairs of Etsy tokens: OAuth 2 with a code and PKCE.

Etsy: an access token is valid for an hour, a refresh token for 90 days; each renewal returns a new pair.
"""

import base64
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from pydantic import BaseModel, Field, ValidationError

from awin_medusa_pipeline.core.errors import Action
from awin_medusa_pipeline.core.http import (
    Backoff,
    PermanentError,
    PipelineError,
    TransientError,
    certificates,
    retry_after_seconds,
    send,
)
from awin_medusa_pipeline.etsy.client.errors import came_back, error_code
from awin_medusa_pipeline.etsy.domain.tokens import NotConnectedError, TokenPair

API_URL = "https://api.etsy.com"
CONSENT_URL = "https://www.etsy.com/oauth/connect"
SCOPES = ("listings_r", "listings_w", "shops_r")
SALES_SCOPE = "transactions_r"
"""Needed to read orders."""
TIMEOUT = httpx.Timeout(20.0, connect=5.0)
_DEAD_GRANT = frozenset({"invalid_grant", "invalid_token"})


def _short_backoff() -> Backoff:
    """Limits a renewal to about a minute, since other processes wait for it."""
    return Backoff(attempts=4, first_wait=1.0, longest_wait=10.0, longest_total=40.0)


@dataclass(frozen=True)
class EtsyOAuth:
    """The app at Etsy and its two addresses. `now` returns aware UTC."""

    keystring: str
    redirect_uri: str = ""
    api_url: str = API_URL
    oauth_url: str = CONSENT_URL
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    backoff: Backoff = field(default_factory=_short_backoff)


@dataclass(frozen=True)
class Consent:
    """One request for consent: the state that its answer must carry, and the secret that proves that we sent it."""

    state: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(64), repr=False)
    with_sales: bool = False
    """Whether it covers the orders, too."""

    @property
    def scopes(self) -> tuple[str, ...]:
        """What it covers."""
        return (*SCOPES, SALES_SCOPE) if self.with_sales else SCOPES

    @property
    def challenge(self) -> str:
        """RFC 7636, S256: base64url of the verifier's SHA-256, without padding."""
        digest = hashlib.sha256(self.verifier.encode("ascii")).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def consent_address(oauth: EtsyOAuth, consent: Consent) -> str:
    """Build the address where the owner of the shop agrees."""
    query = {
        "response_type": "code",
        "client_id": oauth.keystring,
        "redirect_uri": oauth.redirect_uri,
        "scope": " ".join(consent.scopes),
        "state": consent.state,
        "code_challenge": consent.challenge,
        "code_challenge_method": "S256",
    }
    return f"{oauth.oauth_url}?{urlencode(query)}"


def is_answer_to(address: str, consent: Consent) -> bool:
    """Whether the address that the browser was sent to answers this consent: it carries its state."""
    return secrets.compare_digest(_query(address).get("state", "").encode(), consent.state.encode())


def code_of(address: str) -> str:
    """Read the code in an answer to a consent. Raises PermanentError when the owner did not agree."""
    query = _query(address)
    if code := query.get("code"):
        return code
    said = [query[name] for name in ("error", "error_description") if query.get(name)]
    raise PermanentError(
        "Asking Etsy for consent",
        ": ".join(said)[:300] or "the answer has no code",
        "Agree on Etsy's page; connect again.",
        action=Action.CONNECT_ETSY,
    )


def _query(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def exchange(oauth: EtsyOAuth, code: str, consent: Consent) -> TokenPair:
    """Get the first pair of tokens for the code of a consent. Raises NotConnectedError for a used or expired code."""
    form = {
        "grant_type": "authorization_code",
        "redirect_uri": oauth.redirect_uri,
        "code": code,
        "code_verifier": consent.verifier,
    }
    return _tokens(oauth, form, "Getting the first tokens from Etsy", [code, consent.verifier])


def refresh(oauth: EtsyOAuth, refresh_token: str) -> TokenPair:
    """Get a new pair of tokens; store it before using it, since the old refresh token may already be dead.

    Raises NotConnectedError when Etsy has revoked the token, TransientError when a later try may succeed. Takes at
    most about a minute.
    """
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    return _tokens(oauth, form, "Renewing the Etsy tokens", [refresh_token])


class _TokenAnswer(BaseModel):
    access_token: str
    refresh_token: str
    expires_in: Annotated[int, Field(ge=0, le=2**31)]


def _tokens(oauth: EtsyOAuth, form: dict[str, str], tried: str, hidden: list[str]) -> TokenPair:
    def once() -> TokenPair:
        asked_at = oauth.now()
        # Retried even after an unknown outcome: if Etsy has used the grant, only a new consent helps anyway.
        response = send(client, "POST", url, tried=tried, writes=False, data={"client_id": oauth.keystring, **form})
        if not response.is_success:
            raise _refused(response, tried, hidden)
        try:
            answer = _TokenAnswer.model_validate_json(response.content)
        except ValidationError:
            raise TransientError(
                tried, "the answer is not a pair of tokens", "Check ETSY_API_URL.", status=response.status_code
            ) from None
        return TokenPair(answer.access_token, answer.refresh_token, asked_at + timedelta(seconds=answer.expires_in))

    url = f"{oauth.api_url.rstrip('/')}/v3/public/oauth/token"
    with httpx.Client(timeout=TIMEOUT, verify=certificates()) as client:
        return oauth.backoff.retrying(repeat_unknown=True)(once)


def _refused(response: httpx.Response, tried: str, hidden: list[str]) -> PipelineError:
    status, said = response.status_code, came_back(response, hidden)
    if status == 429 or status >= 500:
        wait = retry_after_seconds(response)
        return TransientError(tried, said, "Wait and run it again.", status=status, retry_after=wait)
    if error_code(response) in _DEAD_GRANT:
        return NotConnectedError(tried, said, status=status)
    to_do = "Check ETSY_KEYSTRING and ETSY_REDIRECT_URI: both must be exactly as Etsy shows them for your app."
    return PermanentError(tried, said, to_do, status=status)
