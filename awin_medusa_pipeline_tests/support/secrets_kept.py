"""Looks for secrets in text, and serves them back to whoever sent them."""

import base64
import json
import threading
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import quote


def before_secrets(text: str, secrets: Iterable[str]) -> list[str]:
    """Find what stands before each secret in a text: plain, quoted as in addresses and forms, or in Basic auth."""
    forms = [
        form for s in secrets for form in (s, quote(s), quote(s, safe=""), base64.b64encode(f"{s}:".encode()).decode())
    ]
    return [text[max(0, text.index(form) - 200) : text.index(form)] for form in dict.fromkeys(forms) if form in text]


class Parrot:
    """`with Parrot() as parrot`: a server that answers `status`, and repeats the whole request in its words."""

    status = 403

    def __enter__(self) -> Self:
        parrot = self

        class Handler(BaseHTTPRequestHandler):
            def do_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode("utf-8", "replace")
                said = f"{self.command} {self.path} {self.headers} {body}"
                # Each of the places where a client looks for words.
                words = dict.fromkeys(("message", "error", "error_description", "type", "detail"), said)
                content = json.dumps(words | {"0": {"path": said, "message": said}}).encode()
                self.send_response(parrot.status)
                self.send_header("location", f"http://127.0.0.1:9{self.path}")
                self.send_header("x-etsy-request-uuid", "4711")
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_any  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:
                """Print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def address(self) -> str:
        """Address of the server."""
        return f"http://127.0.0.1:{self._server.server_port}"
