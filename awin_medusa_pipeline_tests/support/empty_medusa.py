"""Serves what a Medusa answers that sells nothing yet: enough for a dry run without a real shop."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

STORE = {
    "id": "store_1",
    "name": "Shop",
    "supported_currencies": [{"currency_code": "gbp", "is_default": True}],
    "default_sales_channel_id": "sales_channels_1",
}
ONE_OF_EACH = ("sales_channels", "stock_locations", "shipping_profiles")


class Empty(BaseHTTPRequestHandler):
    """A Medusa without products; it has one sales channel, location and shipping profile."""

    def do_GET(self) -> None:
        name = urlsplit(self.path).path.rpartition("/")[2].replace("-", "_")
        entries: list[dict[str, Any]] = []
        if name == "stores":
            entries = [STORE]
        elif name in ONE_OF_EACH:
            entries = [{"id": f"{name}_1", "name": "Default", "type": "default"}]
        body = json.dumps({name: entries, "count": len(entries), "offset": 0, "limit": 100}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def empty_medusa() -> Iterator[str]:
    """Serve it; yields its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Empty) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{made.server_port}"
        finally:
            made.shutdown()
            thread.join()
