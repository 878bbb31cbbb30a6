"""Serves the stand-in over HTTP: logs each call, injects faults, checks key and limits, carries out the operation.

Run as `python -m awin_medusa_pipeline.sandbox.etsy.server PORT [options]`.
"""

import argparse
import contextlib
import hashlib
import json
import signal
import socket
import struct
import sys
import threading
import time
import uuid
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any

from awin_medusa_pipeline.core.ports import HOST
from awin_medusa_pipeline.sandbox.etsy import api, control, limits, listings, oauth, pages
from awin_medusa_pipeline.sandbox.etsy.answers import HTML, Answer, RefusedError, as_json
from awin_medusa_pipeline.sandbox.etsy.faults import CARRIED_OUT, FaultKind, Faults, Strike
from awin_medusa_pipeline.sandbox.etsy.limits import Limits
from awin_medusa_pipeline.sandbox.etsy.requests import APPLICATION_JSON, FORM, MULTIPART, Request, repeated
from awin_medusa_pipeline.sandbox.etsy.settings import StandInSettings
from awin_medusa_pipeline.sandbox.etsy.state import Call, State

_SERVER_ERROR = as_json({"error": "Server Error"}, HTTPStatus.INTERNAL_SERVER_ERROR)
_PATH_ERROR = {"path": "/title/1", "type": "invalid_characters", "message": "contains invalid characters"}
_INSTEAD: dict[FaultKind, Answer] = {
    FaultKind.SERVER_ERROR: _SERVER_ERROR,
    FaultKind.ARRAY_ERROR: as_json([_PATH_ERROR], HTTPStatus.BAD_REQUEST),
    FaultKind.KEYED_ERROR: as_json({"0": _PATH_ERROR}, HTTPStatus.BAD_REQUEST),
    FaultKind.BAD_GATEWAY: Answer(HTTPStatus.BAD_GATEWAY, b"<html><h1>502 Bad Gateway</h1></html>", HTML),
    FaultKind.LIMIT_OF_SECOND: limits.too_many_this_second().answer,
    FaultKind.LIMIT_OF_DAY: limits.too_many_today().answer,
}


class EtsyStandIn(ThreadingHTTPServer):
    """Etsy on one port of the loopback address; port 0 means any free port. `folder`: where its state is saved."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, *, folder: Path | None = None, settings: StandInSettings | None = None) -> None:
        self.state = State(folder, settings)
        self.faults, self.limits = Faults(), Limits()
        self.lock = threading.RLock()
        super().__init__((HOST, port), _Handler)

    @property
    def base_url(self) -> str:
        """Address of this server."""
        return f"http://{HOST}:{self.server_address[1]}"

    def server_bind(self) -> None:
        """Bind without looking up our host name in DNS, which may take seconds."""
        TCPServer.server_bind(self)

    def service_actions(self) -> None:
        """Save the state; serve_forever calls this twice a second."""
        with self.lock:
            self.state.save()

    def server_close(self) -> None:
        """Close the server, then save the state a last time."""
        super().server_close()
        with self.lock:
            self.state.save(at_once=True)

    def answer(self, request: Request) -> tuple[Answer, Strike | None]:
        """Answer a request, and return the fault that strikes it."""
        with self.lock:
            try:
                return self._answer(request)
            except RefusedError as refused:
                return refused.answer, None

    def _answer(self, request: Request) -> tuple[Answer, Strike | None]:
        listings.pass_time(self.state)
        match request.method, *request.path.split("/")[1:]:
            case "GET", "oauth", "connect":
                return self._consent(request), None
            case "GET", "listing", listing_id if listing_id.isdigit():
                found = self.state.kept.listings.get(int(listing_id))
                return pages.listing(found) if found else pages.missing(), None
            case "GET", "image", image_id, _ if image_id.isdigit():
                return self._picture(int(image_id)), None
            case _, "_standin", *_:
                return control.answer(request, self.state, self.faults, self.limits), None
            case "POST", "v3", "public", "oauth", "token":
                return self._logged("token", request)
            case _, "v3", "application", *_:
                found_operation = api.operation_of(request.method, request.path)
                return self._logged(found_operation[0].name if found_operation else "", request)
        return as_json({"error": "Stand-in: there is no such address"}, HTTPStatus.NOT_FOUND), None

    def _logged(self, name: str, request: Request) -> tuple[Answer, Strike | None]:
        """Log a call of the API or the token endpoint, draw a fault, and carry the call out if the fault lets it."""
        call = _call(self.state, name, request)
        self.state.calls.append(call)
        strike = self.faults.strike(name)
        call.fault = strike.kind if strike else None
        if strike and strike.kind not in CARRIED_OUT:
            answer = _INSTEAD.get(strike.kind, _SERVER_ERROR)
            if strike.kind is FaultKind.TOKEN_EXPIRED:
                answer = oauth.expire(request, self.state)
        else:
            answer = self._carried_out(name, request)
        call.status = answer.status
        if strike and strike.kind is FaultKind.SERVER_ERROR_AFTER:
            answer = _SERVER_ERROR
        return answer, strike

    def _carried_out(self, name: str, request: Request) -> Answer:
        try:
            answer = oauth.token(request, self.state) if name == "token" else self._operation(request)
        except RefusedError as refused:
            answer = refused.answer
        self.state.changed = self.state.changed or request.method != "GET"
        return answer

    def _operation(self, request: Request) -> Answer:
        api.check_key(request, self.state)
        headers = self.limits.take(self.state.now(), self.state.settings)
        found = api.operation_of(request.method, request.path)
        if found is None:
            return as_json({"error": "Stand-in: there is no such operation"}, HTTPStatus.NOT_FOUND)
        answer = api.carry_out(*found, request, self.state, self.base_url)
        return Answer(answer.status, answer.body, answer.content_type, {**answer.headers, **headers})

    def _consent(self, request: Request) -> Answer:
        query = request.query
        if said := oauth.consent_problem(query, self.state):
            return pages.refused(said)
        approve = query.pop("approve", None)
        if approve is None:
            return pages.consent(query)
        self.state.changed = True
        return oauth.decide(query, self.state, allow=approve == "1")

    def _picture(self, image_id: int) -> Answer:
        found = self.state.kept.images.get(image_id)
        return Answer(HTTPStatus.OK, self.state.picture(found.sha256), found.content_type) if found else pages.missing()


def _call(state: State, name: str, request: Request) -> Call:
    """Build the log entry of a request, without headers, tokens and pictures."""
    state.call_count += 1
    known = next((operation for operation in api.OPERATIONS if operation.name == name), None)
    body, pairs = _body(name, request)
    query = request.query_pairs
    return Call(
        number=state.call_count,
        at=state.now(),
        method=request.method,
        path=request.path,
        operation=name,
        query=[list(pair) for pair in query],
        content_type=request.content_type,
        body=body,
        ignored=sorted({key for key, _ in query} - known.query | {key for key, _ in pairs} - known.body.keys())
        if known
        else [],
        repeated=repeated([*query, *pairs]),
    )


def _body(name: str, request: Request) -> tuple[Any, list[tuple[str, str]]]:
    if name == "token":
        return [["grant_type", request.form.get("grant_type", "")]], []
    if request.content_type == FORM:
        pairs = request.form_pairs
        return [list(pair) for pair in pairs], pairs
    if request.content_type == MULTIPART:
        texts, files = request.parts
        pictures = [
            [key, file.name, len(file.content), hashlib.sha256(file.content).hexdigest()] for key, file in files.items()
        ]
        return [*([key, text] for key, text in texts.items()), *pictures], list(texts.items())
    return request.json if request.content_type == APPLICATION_JSON else None, []


class _Handler(BaseHTTPRequestHandler):
    server: EtsyStandIn
    protocol_version = "HTTP/1.1"
    # Head and body are two writes; with Nagle's algorithm the second would be delayed by 40 ms.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, self.rfile.read(length))
        answer, strike = self.server.answer(request)
        if strike:
            time.sleep(strike.seconds)
        if strike and strike.kind is FaultKind.RESET:
            self._reset()
        elif strike and strike.kind is FaultKind.DROPPED_AFTER:
            self.close_connection = True
        else:
            self._send(answer)

    def do_POST(self) -> None:
        self.do_GET()

    def do_PUT(self) -> None:
        self.do_GET()

    def do_PATCH(self) -> None:
        self.do_GET()

    def do_DELETE(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing; the log of calls has more detail."""

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.connection.close()

    def _send(self, answer: Answer) -> None:
        # A client that was killed or gave up is not our error.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.send_response(answer.status)
            if answer.status != HTTPStatus.NO_CONTENT:
                self.send_header("Content-Type", answer.content_type)
                self.send_header("Content-Length", str(len(answer.body)))
            self.send_header("x-etsy-request-uuid", uuid.uuid4().hex)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)


def main() -> None:
    """Serve until the process is ended, and save the state."""
    arguments = argparse.ArgumentParser(description="A stand-in for Etsy's API.")
    arguments.add_argument("port", type=int)
    arguments.add_argument("--folder", type=Path, help="where the state is kept; without it, nowhere")
    arguments.add_argument("--settings", type=json.loads, default={}, help="settings that differ, as JSON")
    given = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with EtsyStandIn(given.port, folder=given.folder, settings=StandInSettings(**given.settings)) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
