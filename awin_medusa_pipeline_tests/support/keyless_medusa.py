"""Serves what a Medusa answers to somebody without a valid key."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer


class Health(BaseHTTPRequestHandler):
    """A Medusa that knows no key."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 401)
        self.end_headers()
        self.wfile.write(b"OK" if self.path == "/health" else b'{"message": "Unauthorized"}')

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def keyless_medusa() -> Iterator[str]:
    """Serve it; yields its address."""
    with HTTPServer(("127.0.0.1", 0), Health) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{made.server_port}"
        finally:
            made.shutdown()
            thread.join()
