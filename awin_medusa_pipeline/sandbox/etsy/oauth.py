"""Issues and checks Etsy's OAuth 2 codes and tokens.

A refresh token becomes invalid the moment it is used, which Etsy may or may not do.
"""

import base64
import hashlib
import re
import secrets
from urllib.parse import urlencode

from awin_medusa_pipeline.sandbox.etsy import shop
from awin_medusa_pipeline.sandbox.etsy.answers import Answer, RefusedError, as_json, refusal
from awin_medusa_pipeline.sandbox.etsy.requests import FORM, Request
from awin_medusa_pipeline.sandbox.etsy.state import Code, State, Token

SCOPES = frozenset(
    f"{what}_{how}" for what in ("address", "email", "listings", "profile", "shops", "transactions") for how in "rw"
) - {"email_w"} | {"listings_d"}
CONNECT_PATH = "/oauth/connect"
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def consent_problem(query: dict[str, str], state: State) -> str:
    """Return why the consent page itself is refused, without sending the browser back; "" if it is not."""
    if query.get("client_id") != state.settings.keystring:
        return "The application that is requesting authorization is not recognized."
    if query.get("redirect_uri") not in state.settings.redirect_uris:
        return "The requested redirect URL is not permitted."
    return ""


def consent_errors(query: dict[str, str]) -> list[str]:
    """List the other errors of a consent request; the browser is sent back with the first."""
    checks = {
        "response_type must be code": query.get("response_type") == "code",
        "state is required": bool(query.get("state")),
        "scope is required": bool(query.get("scope")) and set(query["scope"].split(" ")) <= SCOPES,
        "code_challenge_method must be S256": query.get("code_challenge_method") == "S256",
        "code_challenge is required": bool(_CHALLENGE.fullmatch(query.get("code_challenge", ""))),
    }
    return [said for said, right in checks.items() if not right]


def decide(query: dict[str, str], state: State, *, allow: bool) -> Answer:
    """Send the browser back with a code or an error."""
    answer = {"state": query.get("state", "")}
    if errors := consent_errors(query):
        answer |= {"error": "invalid_request", "error_description": errors[0]}
    elif not allow:
        answer |= {"error": "access_denied", "error_description": "The user denied the request"}
    else:
        answer["code"] = secrets.token_urlsafe(32)
        expires_at = state.now() + state.settings.code_seconds
        scopes = query["scope"].split(" ")
        state.kept.tokens.codes[answer["code"]] = Code(
            query["redirect_uri"], query["code_challenge"], scopes, expires_at
        )
    mark = "&" if "?" in query["redirect_uri"] else "?"
    return Answer(302, headers={"Location": f"{query['redirect_uri']}{mark}{urlencode(answer)}"})


def token(request: Request, state: State) -> Answer:
    """Answer the token endpoint. Raises RefusedError."""
    form = request.form
    if request.content_type != FORM:
        raise refusal(400, "invalid_request", f"Stand-in: the body is {FORM}")
    if form.get("client_id") != state.settings.keystring:
        raise refusal(401, "invalid_client", "Stand-in: client_id is not the keystring of an app")
    match form.get("grant_type"):
        case "authorization_code":
            return _pair(state, _exchanged(form, state))
        case "refresh_token":
            scopes = _refreshed(form, state)
            state.kept.tokens.refreshes += 1
            return _pair(state, scopes)
    raise refusal(400, "unsupported_grant_type", "Stand-in: grant_type is authorization_code or refresh_token")


def _exchanged(form: dict[str, str], state: State) -> list[str]:
    # A code is used up by the first attempt, right or wrong.
    code = state.kept.tokens.codes.pop(form.get("code", ""), None)
    verifier = form.get("code_verifier", "")
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    if code is None or code.expires_at <= state.now():
        raise refusal(400, "invalid_grant", "Stand-in: the code is unknown, used or expired")
    if code.redirect_uri != form.get("redirect_uri"):
        raise refusal(400, "invalid_grant", "Stand-in: redirect_uri is not the one of the consent")
    if not _VERIFIER.fullmatch(verifier) or challenge != code.challenge:
        raise refusal(400, "invalid_grant", "Stand-in: code_verifier does not match code_challenge")
    return code.scopes


def _refreshed(form: dict[str, str], state: State) -> list[str]:
    found = state.kept.tokens.refresh.pop(form.get("refresh_token", ""), None)
    if found is None or found.expires_at <= state.now():
        raise refusal(400, "invalid_grant", "refresh_token is revoked")
    return found.scopes


def new_pair(state: State, scopes: list[str]) -> dict[str, str | int]:
    """Issue an access token and a refresh token."""
    now, tokens, settings = state.now(), state.kept.tokens, state.settings
    access, refresh = (f"{shop.USER_ID}.{secrets.token_urlsafe(48)}" for _ in range(2))
    tokens.access[access] = Token(scopes, now + settings.token_seconds)
    tokens.refresh[refresh] = Token(scopes, now + settings.refresh_token_seconds)
    return {
        "access_token": access,
        "token_type": "Bearer",
        "expires_in": int(settings.token_seconds),
        "refresh_token": refresh,
    }


def _pair(state: State, scopes: list[str]) -> Answer:
    return as_json(new_pair(state, scopes))


def bearer(request: Request) -> str | None:
    """Return the access token sent with the request, if any."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme == "Bearer" else None


def scopes(request: Request, state: State) -> list[str]:
    """Return the scopes of the token sent; none without a token. Raises RefusedError for an invalid token."""
    sent = bearer(request)
    if sent is None:
        return []
    found = state.kept.tokens.access.get(sent)
    if found is None:
        raise _invalid_token("Stand-in: access token is unknown or revoked")
    if found.expires_at <= state.now():
        raise _invalid_token("access token is expired")
    return found.scopes


def expire(request: Request, state: State) -> Answer:
    """Expire the token sent with the request, and answer as Etsy does then."""
    if found := state.kept.tokens.access.get(bearer(request) or ""):
        found.expires_at = 0
    return _invalid_token("access token is expired").answer


def _invalid_token(said: str) -> RefusedError:
    return refusal(401, "invalid_token", said)
