"""Looks at pages with a real browser: `chromium` on the PATH, driven over its DevTools protocol.

The websockets package comes with Dagster's web server.
"""

import base64
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

CHROMIUM = [
    "--headless=new",
    "--no-sandbox",  # Chromium does not run as root with it
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
]

DRAWN = 6.0  # seconds that a page of Dagster takes to be still


@contextlib.contextmanager
def running(program: Sequence[object], environment: Mapping[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a process that is asked to end with the block."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen([str(part) for part in program], env=dict(environment), stdout=quiet, stderr=quiet)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def wait_for(ready: Callable[[], bool], process: "subprocess.Popen[bytes]", seconds: float = 60) -> None:
    """Wait until `ready`. Raises RuntimeError when the process ends first, or time is up."""
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(httpx.TransportError, OSError):
            if ready():
                return
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"{process.args!r} did not come up")
        time.sleep(0.2)


@contextlib.contextmanager
def browser() -> Iterator["Page"]:
    """Run a headless Chromium with one page."""
    program = shutil.which("chromium")
    if program is None:
        raise FileNotFoundError("There is no chromium; on Debian: apt-get install chromium.")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        told = Path(profile) / "DevToolsActivePort"
        with running([program, *CHROMIUM, f"--user-data-dir={profile}"], os.environ) as process:
            wait_for(lambda: told.exists() and told.read_text().count("\n") > 0, process)
            port = told.read_text().split()[0]
            wait_for(lambda: bool(targets(port)), process)
            with connect(targets(port)[0], max_size=None) as connection:
                yield Page(connection)


def targets(port: str) -> list[str]:
    """Read the DevTools addresses of the open pages."""
    found = httpx.get(f"http://127.0.0.1:{port}/json/list").json()
    return [target["webSocketDebuggerUrl"] for target in found if target["type"] == "page"]


class Page:
    """A page of the browser."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection, self._number = connection, 0
        self.width = self.height = 0

    def choose(self, address: str, choices: Mapping[str, str]) -> None:
        """Keep choices as the site keeps them: in the browser's storage, which its own start would clear."""
        self._call("Page.navigate", url=address)
        self.wait(DRAWN)
        for name, value in choices.items():
            self.script(f"localStorage.setItem({json.dumps(name)}, {json.dumps(value)})")

    def open(self, address: str, width: int, height: int, scale: float = 1.0) -> None:
        """Open a page in a window of this size, in pixels, and let it draw."""
        self.width, self.height = width, height
        size = {"width": width, "height": height, "deviceScaleFactor": scale}
        self._call("Emulation.setDeviceMetricsOverride", **size, mobile=False)
        self._call("Page.navigate", url=address)
        self.wait(DRAWN)

    def picture(self) -> bytes:
        """Take a picture as PNG."""
        return base64.b64decode(self._call("Page.captureScreenshot", format="png")["data"])

    def script(self, code: str) -> Any:
        """Evaluate a JavaScript expression."""
        return self._call("Runtime.evaluate", expression=code, returnByValue=True)["result"].get("value")

    def type(self, text: str) -> None:
        """Type a text where the cursor is."""
        self._call("Input.insertText", text=text)

    def click(self, element: str) -> None:
        """Click the element that a JavaScript expression finds. Raises LookupError when it finds none."""
        middle = self.script(
            f"(found => {{ const r = found?.getBoundingClientRect(); "
            f"return r && [r.x + r.width / 2, r.y + r.height / 2] }})({element})"
        )
        if middle is None:
            raise LookupError(f"The page has no {element}")
        self._mouse(*middle, clicks=1)

    def click_twice(self, x: float, y: float) -> None:
        """Click twice at a point."""
        self._mouse(x, y, clicks=1)
        self._mouse(x, y, clicks=2)

    def wait(self, seconds: float) -> None:
        """Let the page draw."""
        time.sleep(seconds)

    def _mouse(self, x: float, y: float, *, clicks: int) -> None:
        self._call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        for event in ("mousePressed", "mouseReleased"):
            self._call("Input.dispatchMouseEvent", type=event, x=x, y=y, button="left", clickCount=clicks)

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        self._connection.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._connection.recv())
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                result: dict[str, Any] = answer["result"]
                return result


def icon(name: str, *, first: bool = False) -> str:
    """Write JavaScript for the last icon of this name on the page, or the first."""
    return f"[...document.querySelectorAll('[aria-label={name}]')].at({0 if first else -1})"
