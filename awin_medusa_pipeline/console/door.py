"""Guards everything that is served: who asks, from which page, for which host, and in which form.

The console and Dagster's UI stand behind it. Dagster's own web server asks nobody: its GraphQL takes mutations by GET,
as a form and as plain text, from any origin and under any host name (measured).
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from fastapi.exceptions import HTTPException
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from awin_medusa_pipeline.console.below import within_shop
from awin_medusa_pipeline.console.store.access import Access, Visitor

DAGSTER = "/dagster"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
COOKIE = "awin_medusa"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
# The callback's state protects it; a link's secret protects that.
CALLBACK = "/admin/etsy/callback"
OPEN, OPEN_BELOW = frozenset({"/login"}), ("/link/", "/static/")
API = ("/admin/", "/metrics")
JSON = "application/json"
LARGEST_BODY = 4 << 20
"""Bytes; the largest that is sent by ourselves is a request for some thousand products."""
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class RefusedError(Exception):
    """A request that is not let in, with status and what to do."""

    def __init__(self, status: int, title: str, to_do: str) -> None:
        super().__init__(title)
        self.status, self.title, self.to_do = status, title, to_do


class TooLargeError(HTTPException):
    """A body beyond LARGEST_BODY."""

    def __init__(self) -> None:
        super().__init__(413, "The body is too large")


@dataclass(frozen=True)
class Door:
    """An ASGI application in front of another one."""

    inner: ASGIApp
    access: Access
    hosts: Collection[str]
    """Names in the Host header that are ours, without a port: against DNS rebinding."""
    policy: Callable[[str], str]
    """Content-Security-Policy of the console's page at a path; Dagster's UI brings its own."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it here."""
        if scope["type"] not in ("http", "websocket"):
            await self.inner(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        try:
            check_host(connection.headers, self.hosts)
            visitor = await self._visitor(connection)
            check_request(scope, connection.headers, visitor)
        except RefusedError as refused:
            await _refuse(scope, receive, self._sending(scope, send), refused)
            return
        scope.setdefault("state", {})["visitor"] = visitor
        await self.inner(scope, _bounded(scope, receive), self._sending(scope, send))

    def _sending(self, scope: Scope, send: Send) -> Send:
        """Add the security headers that the answer does not have."""
        wanted = dict(HEADERS)
        if not scope["path"].startswith("/static/"):
            wanted["cache-control"] = "no-store"
        if not within_dagster(scope["path"]):
            wanted["content-security-policy"] = self.policy(scope["path"])

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in wanted.items():
                    headers.setdefault(name, value)
            await send(message)

        return sending

    async def _visitor(self, connection: HTTPConnection) -> Visitor | None:
        kind, _, token = connection.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and token:
            return await run_in_threadpool(self.access.visitor_of_token, token.strip())
        if cookie := connection.cookies.get(COOKIE):
            return await run_in_threadpool(self.access.visitor_of_cookie, cookie)
        return None


def check_host(headers: Headers, hosts: Collection[str]) -> None:
    """Raise RefusedError for a Host header that names another host: some page's own name may lead to this machine."""
    given = headers.getlist("host")
    host = given[0].lower() if len(given) == 1 else ""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    if name not in hosts:
        raise RefusedError(
            421, "This address is not served here", "Open it by the address that DAGSTER_WEBSERVER_URL names."
        )


def check_request(scope: Scope, headers: Headers, visitor: Visitor | None) -> None:
    """Raise RefusedError for what may not come in: nobody's requests, and those that another page has made."""
    path: str = scope["path"]
    socket = scope["type"] == "websocket"
    changes = socket or scope["method"] not in SAFE
    # A program sends its token itself; a browser sends the cookie with the requests of every page.
    if changes and not (visitor and visitor.is_program) and not is_of_own_page(headers):
        raise RefusedError(403, "Another page has sent this", "Do it on the console's own page.")
    if visitor is None and path not in OPEN and within_shop(path) != CALLBACK and not path.startswith(OPEN_BELOW):
        raise RefusedError(
            401, "Nobody is logged in", "Log in, or send an API token as `Authorization: Bearer am_...`."
        )
    if within_dagster(path):
        _check_dagster(path, scope, headers, visitor, socket=socket)


def within_dagster(path: str) -> bool:
    """Whether a path belongs to Dagster's UI."""
    return path == DAGSTER or path.startswith(f"{DAGSTER}/")


def _check_dagster(path: str, scope: Scope, headers: Headers, visitor: Visitor | None, *, socket: bool) -> None:
    if visitor is None or visitor.is_program:
        raise RefusedError(403, "Dagster's UI is for people who have logged in", "Programs use the API below /admin/.")
    if socket:
        return
    if scope["method"] in SAFE:
        if path.rstrip("/").endswith("/graphql"):
            raise RefusedError(405, "GraphQL is asked by POST", "A GET must never change anything.")
    elif headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
        raise RefusedError(415, "Only JSON is taken", "A form of another page could send anything else.")


def is_of_own_page(headers: Headers) -> bool:
    """Whether a page of ours has made the request, as the browser says; one that says nothing is not believed."""
    fetched = headers.get("sec-fetch-site")
    if fetched is not None and fetched != "same-origin":
        return False
    origin = headers.get("origin")
    if origin is None:
        return fetched == "same-origin"
    parts = urlsplit(origin)
    return parts.scheme in ("http", "https") and parts.netloc.lower() == headers.get("host", "").lower()


def client_address(connection: HTTPConnection) -> str:
    """Address of the browser or program."""
    return connection.client.host if connection.client else "unknown"


async def _refuse(scope: Scope, receive: Receive, send: Send, refused: RefusedError) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": refused.title})
        return
    headers = Headers(scope=scope)
    answer: Response
    if refused.status == 401 and "text/html" in headers.get("accept", "") and scope["method"] == "GET":
        query = scope["query_string"].decode("latin-1")
        wanted = scope["path"] + (f"?{query}" if query else "")
        answer = RedirectResponse(f"/login?next={quote(wanted, safe='')}", status_code=303)
    else:
        answer = problem(refused.status, refused.title, refused.to_do)
    await answer(scope, receive, send)


def problem(status: int, title: str, to_do: str, code: str = "", extra: Mapping[str, str] | None = None) -> Response:
    """Answer as RFC 9457 says: what is wrong, and what to do."""
    body = {"type": "about:blank", "status": status, "title": title, "to_do": to_do, "code": code}
    headers = {"www-authenticate": "Bearer"} if status == 401 else {}
    return JSONResponse(body, status, headers | dict(extra or {}), media_type="application/problem+json")


def _bounded(scope: Scope, receive: Receive) -> Receive:
    """Raise TooLargeError where a body passes the limit, whatever length it was said to have."""
    if scope["type"] != "http":
        return receive
    taken = 0

    async def limited() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > LARGEST_BODY:
            raise TooLargeError
        return message

    return limited
