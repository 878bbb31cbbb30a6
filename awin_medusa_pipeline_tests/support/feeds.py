"""Writes small feeds row by row, and serves what it is told to."""

import csv
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path

KEY = "feedc0ffee5ecret0123456789abcdef"
ADDRESS = f"/datafeed/download/apikey/{KEY}/language/en/fid/77/format/csv/compression/gzip/"


def row(number: str, **cells: str) -> dict[str, str]:
    """Make a row that can be sold: of merchant 7001, for 10 GBP, in stock."""
    return {
        "merchant_id": "7001",
        "merchant_name": "Hedgerow & Sons",
        "merchant_product_id": number,
        "product_name": f"Kettle {number}",
        "search_price": "10.00",
        "currency": "GBP",
        "in_stock": "1",
        "stock_quantity": "",
        "parent_product_id": "",
        "colour": "",
        "Fashion:size": "",
        "ean": "",
        "merchant_image_url": "",
        "alternate_image": "",
    } | cells


def text_of(*rows: dict[str, str]) -> str:
    """Write a feed as CSV."""
    text = StringIO()
    writer = csv.DictWriter(text, list(rows[0] if rows else row("")), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write_rows(path: Path, *rows: dict[str, str]) -> Path:
    """Write a feed to a file."""
    path.write_text(text_of(*rows), encoding="utf-8")
    return path


@dataclass
class Answer:
    """What the server says."""

    body: bytes = b""
    status: int = 200
    type: str = "text/plain"
    seconds: float = 0
    """How long it takes."""
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None
    """Content-Length as it is claimed; the body is sent as it is, then the connection ends."""
    piece: int = 1 << 20
    """Bytes at a time, with a moment in between."""


@dataclass
class Web:
    """A web server: one answer per path, another for the rest."""

    url: str
    answers: dict[str, Answer] = field(default_factory=dict)
    otherwise: Answer = field(default_factory=lambda: Answer(b"There is nothing here.", 404))


@contextmanager
def web_server() -> Iterator[Web]:
    """Serve on the loopback address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = web.answers.get(self.path, web.otherwise)
            time.sleep(answer.seconds)
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.type)
            self.send_header("Content-Length", str(len(answer.body) if answer.length is None else answer.length))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(OSError):  # a client may have seen enough
                for at in range(0, len(answer.body), answer.piece):
                    time.sleep(0.05 if at else 0)
                    self.wfile.write(answer.body[at : at + answer.piece])
                    self.wfile.flush()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        web = Web(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield web
        finally:
            server.shutdown()
            thread.join()
