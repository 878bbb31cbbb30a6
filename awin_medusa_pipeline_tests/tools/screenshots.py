"""Takes the pictures in docs/images: `python -m awin_medusa_pipeline_tests.tools.screenshots`.

Runs a demo of its own and looks at its Dagster UI with a browser: `chromium` on the PATH, driven over its DevTools
protocol by the websockets package that Dagster's web server brings.
"""

import base64
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from websockets.sync.client import ClientConnection, connect

from awin_medusa_pipeline.settings import ENV_FILE_VARIABLE, PROJECT_ROOT, Settings

IMAGES = PROJECT_ROOT / "docs" / "images"
HOME = Path(tempfile.gettempdir()) / "awin-medusa"  # beside the project, it would show whose machine it was
SANDBOX_PORT = 19700
LARGEST = 400_000  # bytes: the README loads them all
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

# What a visitor has chosen before: no invitation to the community, more room, and graph nodes of a line or two.
CHOICES = {
    "communityNux": '"1"',
    "dagster-nav-collapsed": "true",
    "asset-node-facets": '["status"]',
    "asset-graph-direction": '"vertical"',
}
GROUPS = ("awin", "medusa", "discrepancies", "applied", "etsy")
DRAWN = 6.0  # seconds that a page of Dagster takes to be still

console = Console(highlight=False)
Act = Callable[["Page"], None]


@dataclass(frozen=True)
class Picture:
    """A page of the UI: where it is, its size in pixels, and what to do on it first."""

    path: str
    width: int
    height: int
    act: Act = lambda page: None
    scale: float = 1.0


def main(
    home: Annotated[Path, typer.Option(help="AWIN_MEDUSA_HOME of the demo; the pictures show its paths.")] = HOME,
    images: Annotated[Path, typer.Option(help="Where the pictures go.")] = IMAGES,
    only: Annotated[str, typer.Option(help="Names of pictures, separated by commas; all when blank.")] = "",
) -> None:
    """Run a demo in a home of its own, and take the pictures of it."""
    environment = surroundings(home)
    with console.status("Running the demo"):
        command(environment, "sandbox", "up", "--port", str(SANDBOX_PORT))
        command(environment, "sandbox", "reset")
        command(environment, "demo")
    images.mkdir(parents=True, exist_ok=True)
    try:
        with dagster_ui(environment) as address, browser() as page:
            page.choose(address, CHOICES)
            for name, picture in pictures(address).items():
                if not only or name in only.split(","):
                    content = page.take(address, picture)
                    if len(content) > LARGEST:
                        raise ValueError(f"{name}.png has {len(content):,} bytes, more than {LARGEST:,}.")
                    (images / f"{name}.png").write_bytes(content)
                    console.print(f"{name}.png, {len(content) / 1e3:,.0f} kB")
    finally:
        command(environment, "sandbox", "down")


def pictures(address: str) -> dict[str, Picture]:
    """List the pictures by name."""
    groups = ",".join(f"global@global:{group}" for group in GROUPS)
    return {
        "lineage": Picture(f"/asset-groups?expanded={groups}", 1900, 640, whole_graph),
        "run": Picture(f"/runs/{newest_run(address, 'daily_sync_job')}", 1500, 1240, all_steps),
        "summary": Picture("/assets/sync_summary?view=overview", 1350, 2350, scale=0.75),
        "schedules": Picture("/automation", 1500, 550),
        "etsy": Picture(f"/runs/{newest_run(address, 'etsy_sync_job')}", 1500, 1100),
        "etsy-listings": Picture("/assets/etsy_listings?view=events", 1350, 1150, scale=0.75),
        "launchpad": Picture("/locations/awin_medusa_pipeline/jobs/daily_sync_job", 1500, 900, launchpad),
    }


def whole_graph(page: "Page") -> None:
    """Show all of the graph, without the list beside it."""
    page.click(icon("panel_show_right"))
    page.wait(1)
    page.click_twice(page.width - 300, page.height - 60)
    page.wait(2)


def all_steps(page: "Page") -> None:
    """Show the steps by name, over the whole page."""
    page.click(icon("gantt_flat"))
    page.wait(1)
    page.click(icon("expand_arrows", first=True))
    page.wait(2)


def launchpad(page: "Page") -> None:
    """Show the config of a job."""
    page.click(icon("arrow_drop_down", first=True))
    page.wait(1)
    page.click("[...document.querySelectorAll('a, button, li')].find(e => e.innerText.trim() == 'Open launchpad')")
    page.wait(DRAWN)


def icon(name: str, *, first: bool = False) -> str:
    """Write JavaScript for the last icon of this name on the page, or the first."""
    return f"[...document.querySelectorAll('[aria-label={name}]')].at({0 if first else -1})"


def surroundings(home: Path) -> dict[str, str]:
    """Make the environment of this process without anyone's settings, and with a home of its own."""
    own = {*Settings.variables(), ENV_FILE_VARIABLE, "DAGSTER_HOME"}
    clean = {name: value for name, value in os.environ.items() if name not in own}
    home = home.expanduser().absolute()
    return clean | {"AWIN_MEDUSA_HOME": str(home), ENV_FILE_VARIABLE: str(home / ".env")}


def command(environment: Mapping[str, str], *arguments: str) -> None:
    """Run awin-medusa to its end. Raises CalledProcessError, its output shown before."""
    program = [str(Path(sys.executable).with_name("awin-medusa")), *arguments]
    done = subprocess.run(program, env=environment, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        console.print(done.stdout, done.stderr, markup=False)
    done.check_returncode()


@contextlib.contextmanager
def dagster_ui(environment: Mapping[str, str]) -> Iterator[str]:
    """Run a Dagster UI as long as the block; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    program = [Path(sys.executable).with_name("awin-medusa"), "ui", "--port", str(port)]
    with running(program, environment) as process, console.status("Starting the Dagster UI"):
        wait_for(lambda: httpx.get(f"{address}/server_info").is_success, process)
        yield address


@contextlib.contextmanager
def running(program: list[Any], environment: Mapping[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
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


def newest_run(address: str, job: str) -> str:
    """Find the demo's last run of a job."""
    query = f'{{runsOrError(filter: {{pipelineName: "{job}"}}, limit: 1) {{... on Runs {{results {{runId}}}}}}}}'
    answer = httpx.post(f"{address}/graphql", json={"query": query}).raise_for_status().json()
    return str(answer["data"]["runsOrError"]["results"][0]["runId"])


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

    def take(self, address: str, picture: Picture) -> bytes:
        """Take a picture as PNG."""
        self.width, self.height = picture.width, picture.height
        size = {"width": picture.width, "height": picture.height, "deviceScaleFactor": picture.scale}
        self._call("Emulation.setDeviceMetricsOverride", **size, mobile=False)
        self._call("Page.navigate", url=address + picture.path)
        self.wait(DRAWN)
        picture.act(self)
        return base64.b64decode(self._call("Page.captureScreenshot", format="png")["data"])

    def script(self, code: str) -> Any:
        """Evaluate a JavaScript expression."""
        return self._call("Runtime.evaluate", expression=code, returnByValue=True)["result"].get("value")

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


if __name__ == "__main__":
    typer.run(main)
