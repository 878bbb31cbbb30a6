"""Serves the page on this machine that Etsy sends the browser to after the owner's consent."""

import queue
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR
from threading import Lock, Thread
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from awin_medusa_pipeline.core.errors import Action, PermanentError
from awin_medusa_pipeline.etsy.client.oauth import Consent, code_of, is_answer_to

MOST_CONNECTIONS = 50
_LOOPBACK = frozenset({"localhost", "127.0.0.1"})
_DONE = "The answer has arrived. You may close this window and go back to the terminal."
_STRANGE = "This is not the answer that awin-medusa waits for. Use the address that the terminal shows."
_PAGE = '<!doctype html><html lang="en"><meta charset="utf-8"><title>awin-medusa</title><p>{}</p></html>'


class ConsentCallback:
    """Listens inside a `with ConsentCallback(redirect_uri, consent) as callback`; open the browser there.

    Raises PermanentError when the redirect address is not one of this machine, or its port is taken.
    """

    def __init__(self, redirect_uri: str, consent: Consent) -> None:
        self._consent = consent
        self._tried = f"Waiting for Etsy's answer at {redirect_uri}"
        try:
            address = urlsplit(redirect_uri)
            self._host, self._port, self._path = address.hostname, address.port or 80, address.path or "/"
        except ValueError:
            self._host = None
        if self._host not in _LOOPBACK or address.scheme != "http":
            raise PermanentError(
                self._tried,
                "the browser would not come back to this machine",
                "Set ETSY_REDIRECT_URI to an address such as http://localhost:3003/oauth/redirect and enter the same "
                "at Etsy.",
            )
        self._answers: queue.Queue[str] = queue.Queue()

    def __enter__(self) -> Self:
        callback: ConsentCallback = self

        class Handler(_Handler):
            owner = callback

        try:
            self._server = _Server(("127.0.0.1", self._port), Handler)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise PermanentError(
                self._tried, reason, f"End what uses port {self._port}, or choose another in ETSY_REDIRECT_URI."
            ) from None
        Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def code(self, seconds: float) -> str:
        """Wait for the code of the consent. Raises PermanentError when the owner refuses, or when the time is over."""
        try:
            return code_of(self._answers.get(timeout=seconds))
        except queue.Empty:
            raise PermanentError(
                self._tried, f"none came within {seconds:.0f} s", "Connect the shop again.", action=Action.CONNECT_ETSY
            ) from None

    def take(self, address: str) -> tuple[int, str]:
        """Return status and text for a request; the first answer to this consent is used."""
        if urlsplit(address).path != self._path or not is_answer_to(address, self._consent):
            return 404, _STRANGE
        self._answers.put(address)
        return 200, _DONE


class _Server(ThreadingHTTPServer):
    """A thread for each connection; the oldest is ended for the one that is too many, so that the browser gets in."""

    # A browser opens spare connections and sends nothing on them: they must not delay the end.
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *arguments: Any) -> None:
        self._open: dict[Any, None] = {}
        self._lock = Lock()
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open[request] = None
            oldest = [*self._open][:-MOST_CONNECTIONS]
        for one in oldest:
            # Its thread wakes up, finds the end, and closes it.
            with suppress(OSError):
                one.shutdown(SHUT_RDWR)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, *_: Any) -> None:
        """Say nothing: a connection that was ended is not worth a trace."""


class _Handler(BaseHTTPRequestHandler):
    owner: ConsentCallback

    def do_GET(self) -> None:
        status, text = self.owner.take(self.path)
        page = _PAGE.format(text).encode()
        self.send_response(status)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.send_header("content-length", str(len(page)))
        self.send_header("cache-control", "no-store")
        self.send_header("referrer-policy", "no-referrer")
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: the address contains the code."""
