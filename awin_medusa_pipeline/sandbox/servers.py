"""Serves feed and images as AWIN does, and takes messages as Slack does, in one process.

Run as `python -m awin_medusa_pipeline.sandbox.servers PORT FEED_FOLDER SLACK_FILE`.

- GET /images/NAME.png: a picture whose colour depends on the name.
- GET, HEAD on any other path: the file named by its last part, else the current feed; ETag, Last-Modified and 304.
- POST on any path: a Slack webhook; appends the JSON to SLACK_FILE as one line and answers `ok`.
- PUT /fail/N: answers the next N posts with 500 and does not save them.
"""

import argparse
import json
import os
import shutil
import threading
from email.utils import formatdate, parsedate_to_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from urllib.parse import unquote, urlsplit

from awin_medusa_pipeline.core.ports import HOST
from awin_medusa_pipeline.sandbox.pictures import picture

FEED_NAME = "feed.csv.gz"
FEED_PATH = "/datafeed/download/apikey/0123456789abcdef0123456789abcdef/language/en/fid/1/format/csv/compression/gzip/"
"""An address as AWIN builds it, with the key in the path."""
IMAGES_PATH = "/images"
SLACK_PATH = "/services/T00000000/B00000000/sandbox"


class Surroundings(ThreadingHTTPServer):
    """Feed server and Slack sink on one port of the loopback address; port 0 means any free port."""

    daemon_threads = True

    def __init__(self, port: int, feed_folder: Path, slack_file: Path) -> None:
        super().__init__((HOST, port), _Handler)
        self.feed_folder, self.slack_file = feed_folder, slack_file
        self.failures_left = 0
        self.lock = threading.Lock()

    @property
    def base_url(self) -> str:
        """Address of this server."""
        return f"http://{HOST}:{self.server_address[1]}"

    def server_bind(self) -> None:
        """Bind without looking up our host name in DNS, which may take seconds."""
        TCPServer.server_bind(self)


class _Handler(BaseHTTPRequestHandler):
    server: Surroundings
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path.startswith(f"{IMAGES_PATH}/"):
            self._answer(HTTPStatus.OK, picture(self.path), "image/png")
        else:
            self._serve_feed(with_body=True)

    def do_HEAD(self) -> None:
        self._serve_feed(with_body=False)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.server.lock:
            self._answer(*self._keep_message(body))

    def do_PUT(self) -> None:
        first, _, times = self.path.strip("/").partition("/")
        if first == "fail" and times.isdigit():
            with self.server.lock:
                self.server.failures_left = int(times)
            self._answer(HTTPStatus.OK, "ok")
        else:
            self._answer(HTTPStatus.NOT_FOUND, "Only /fail/N can be put.")

    def _keep_message(self, body: bytes) -> tuple[HTTPStatus, str]:
        if self.server.failures_left > 0:
            self.server.failures_left -= 1
            return HTTPStatus.INTERNAL_SERVER_ERROR, "told to fail"
        try:
            message = json.loads(body)
        except ValueError:
            return HTTPStatus.BAD_REQUEST, "invalid_payload"  # Slack's own text
        with self.server.slack_file.open("a") as messages:
            messages.write(json.dumps(message) + "\n")
        return HTTPStatus.OK, "ok"

    def _serve_feed(self, *, with_body: bool) -> None:
        named = self.server.feed_folder / Path(unquote(urlsplit(self.path).path)).name
        feed = named if named.is_file() else self.server.feed_folder / FEED_NAME
        if not feed.is_file():
            self._answer(HTTPStatus.NOT_FOUND, "There is no feed yet; awin-medusa demo makes one.")
            return
        with feed.open("rb") as content:
            # From the open file, because a new feed may replace this name at any time.
            facts = os.fstat(content.fileno())
            tag = f'"{facts.st_mtime_ns:x}-{facts.st_size:x}"'
            unchanged = self._client_has(tag, facts.st_mtime)
            self.send_response(HTTPStatus.NOT_MODIFIED if unchanged else HTTPStatus.OK)
            self.send_header("ETag", tag)
            self.send_header("Last-Modified", formatdate(facts.st_mtime, usegmt=True))
            if not unchanged:
                self.send_header("Content-Type", "application/x-gzip" if feed.suffix == ".gz" else "text/plain")
                self.send_header("Content-Length", str(facts.st_size))
            self.end_headers()
            if with_body and not unchanged:
                shutil.copyfileobj(content, self.wfile)

    def _client_has(self, tag: str, changed_at: float) -> bool:
        # RFC 9110 13.2.2: If-Modified-Since counts only without If-None-Match.
        if (tags := self.headers.get("If-None-Match")) is not None:
            return tag in tags
        try:
            return parsedate_to_datetime(self.headers["If-Modified-Since"]).timestamp() >= int(changed_at)
        except (TypeError, ValueError):
            return False

    def _answer(self, status: HTTPStatus, content: str | bytes, kind: str = "text/plain; charset=utf-8") -> None:
        body = content.encode() if isinstance(content, str) else content
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serve until the process is ended."""
    arguments = argparse.ArgumentParser(description="Feed server and Slack sink of the sandbox.")
    arguments.add_argument("port", type=int)
    arguments.add_argument("feed_folder", type=Path)
    arguments.add_argument("slack_file", type=Path)
    given = arguments.parse_args()
    Surroundings(given.port, given.feed_folder, given.slack_file).serve_forever()


if __name__ == "__main__":
    main()
