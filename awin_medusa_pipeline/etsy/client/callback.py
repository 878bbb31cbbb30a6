"""The page on this machine that Etsy sends the browser to after the owner's consent.

What belongs here: a server of one address, for one answer. What does not: what the answer means (oauth.py).
"""

import queue
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.etsy.client.oauth import Consent, answers, code_of

_LOOPBACK = frozenset({"localhost", "127.0.0.1"})
_DONE = "The answer has arrived. You may close this window and go back to the terminal."
_STRANGE = "This is not the answer that awin-medusa waits for. Use the address that the terminal shows."
_PAGE = '<!doctype html><html lang="en"><meta charset="utf-8"><title>awin-medusa</title><p>{}</p></html>'


class ConsentCallback:
    """`with ConsentCallback(redirect_uri, consent) as callback`: listens from the start, so open the browser then.

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
            self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise PermanentError(
                self._tried, reason, f"End what uses port {self._port}, or choose another in ETSY_REDIRECT_URI."
            ) from None
        # A browser opens connections in advance and sends nothing on them: they must not hold up the end.
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def code(self, seconds: float) -> str:
        """The code of the consent. Raises PermanentError when the owner refuses, or when the time is over."""
        try:
            return code_of(self._answers.get(timeout=seconds))
        except queue.Empty:
            raise PermanentError(
                self._tried, f"none came within {seconds:.0f} s", "Run awin-medusa etsy connect again."
            ) from None

    def take(self, address: str) -> tuple[int, str]:
        """Status and text for a request; the first answer to this consent is kept."""
        if urlsplit(address).path != self._path or not answers(address, self._consent):
            return 404, _STRANGE
        self._answers.put(address)
        return 200, _DONE


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
        """Nowhere: the address holds the code."""
