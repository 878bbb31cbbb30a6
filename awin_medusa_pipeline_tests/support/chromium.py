"""Opens pages in a real Chromium (Debian's package), and looks for what makes them hard to use."""

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
REFUSED_SCRIPT = re.compile(r"Content Security Policy.*(script-src|style-src|connect-src)", re.DOTALL)
PATIENCE = 60_000
"""Milliseconds; a run that was asked for starts within half a minute."""


def path_of_browser() -> str:
    """Find the browser; skips the test where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return found or pytest.skip(f"no browser here: none of {', '.join(NAMES)} is on the PATH")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the browser; skips the test where there is none."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path_of_browser(), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def new_page(browser: Browser, *, faults_count: bool = True, **options: Any) -> Iterator[Page]:
    """Open a page of a browser without cookies; fails when a script of it failed or was refused, if `faults_count`."""
    context = browser.new_context(**options)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if REFUSED_SCRIPT.search(said.text) else None)
    try:
        yield page
    finally:
        context.close()
    assert not (faults and faults_count), "\n".join(faults)


def serious_faults(page: Page) -> list[str]:
    """What axe calls serious or worse on the page."""
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found if one["impact"] in ("serious", "critical")
    ]


@contextmanager
def served_pages(pages: Mapping[str, str]) -> Iterator[str]:
    """Serve pages at another address of this machine, as another site would; yields that address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = pages.get(self.path, "").encode()
            self.send_response(200 if body else 404)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
