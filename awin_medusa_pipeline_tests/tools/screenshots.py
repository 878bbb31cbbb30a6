"""Takes the pictures in docs/images: `python -m awin_medusa_pipeline_tests.tools.screenshots`.

Runs a demo of its own and looks at its Dagster UI with a browser. Then it goes the two ways of a decision there: a plan
that is held, approved, applied and undone, and products that are requested for Etsy, confirmed and synced. The pictures
of the console come last.
"""

import contextlib
import gzip
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from dagster_shared.yaml_utils import dump_run_config_yaml
from rich.console import Console

from awin_medusa_pipeline.defs.services import LOCATION
from awin_medusa_pipeline.settings import ENV_FILE_VARIABLE, PROJECT_ROOT, Settings
from awin_medusa_pipeline_tests.support.devtools import DRAWN, Page, browser, icon, running, wait_for
from awin_medusa_pipeline_tests.tools.console_pictures import console_pictures
from awin_medusa_pipeline_tests.tools.dagster_client import DagsterClient

IMAGES = PROJECT_ROOT / "docs" / "images"
HOME = Path(tempfile.gettempdir()) / "awin-medusa"  # beside the project, it would show whose machine it was
MARK = "for-pictures"
"""File in a home that this program has made."""
SANDBOX_PORT = 19700
LARGEST = 400_000  # bytes: the README loads them all
# What a visitor has chosen before: no invitation to the community, more room, and graph nodes of a line or two.
CHOICES = {
    "communityNux": '"1"',
    "dagster-nav-collapsed": "true",
    "asset-node-facets": '["status"]',
    "asset-graph-direction": '"vertical"',
}
GROUPS = ("awin", "medusa", "discrepancies", "applied", "summary", "etsy")
FOR_ETSY = ("M1-0000000", "M1-0000900")

console = Console(highlight=False)
Act = Callable[[Page], None]


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
    make_empty(home)
    environment = surroundings(home)
    with console.status("Running the demo"):
        command(environment, "sandbox", "up", "--port", str(SANDBOX_PORT))
        command(environment, "sandbox", "reset")
        command(environment, "demo")
    images.mkdir(parents=True, exist_ok=True)
    try:
        with dagster_ui(environment) as address, browser() as page:
            page.choose(address, CHOICES)
            ui = DagsterClient(address)
            for name, picture in chain(pictures(ui), path_of_a_plan(ui, home), path_to_etsy(ui)):
                if not only or name in only.split(","):
                    page.open(address + picture.path, picture.width, picture.height, picture.scale)
                    picture.act(page)
                    keep(images, name, page.picture())
        for name, content in console_pictures(environment):
            if not only or name in only.split(","):
                keep(images, name, content)
    finally:
        command(environment, "sandbox", "down")


def keep(images: Path, name: str, content: bytes) -> None:
    """Write a picture. Raises ValueError for one that is too large."""
    if len(content) > LARGEST:
        raise ValueError(f"{name}.png has {len(content):,} bytes, more than {LARGEST:,}.")
    (images / f"{name}.png").write_bytes(content)
    console.print(f"{name}.png, {len(content) / 1e3:,.0f} kB")


def pictures(ui: DagsterClient) -> Iterator[tuple[str, Picture]]:
    """The pictures of the demo, by name."""
    groups = ",".join(f"global@global:{group}" for group in GROUPS)
    yield "lineage", Picture(f"/asset-groups?expanded={groups}", 1900, 700, whole_graph)
    yield "run", Picture(f"/runs/{ui.newest_run('daily_sync_job')}", 1500, 1240, all_steps)
    yield "summary", Picture("/assets/sync_summary?view=overview", 1700, 1500, scale=0.75)
    yield "schedules", Picture("/automation", 1500, 650)
    yield "etsy", Picture(f"/runs/{ui.newest_run('etsy_sync_job')}", 1500, 1100)
    yield "launchpad", Picture("/locations/awin_medusa_pipeline/jobs/daily_sync_job", 1500, 1250, launchpad)


def path_of_a_plan(ui: DagsterClient, home: Path) -> Iterator[tuple[str, Picture]]:
    """A feed is cut in half; what would be hidden is held, then approved, applied and taken back, in the UI alone."""
    with half_of(feed_of(home)):
        ui.launch("daily_sync_job")
    yield "plan-held", Picture("/assets/hidden_products?view=checks&checkDetail=nothing_held", 1500, 1000)
    yield "plans", Picture("/assets/held_plans?view=overview", 1700, 1150, scale=0.8)
    waiting = [json.loads(record) for record in ui.shown("held_plans")["waiting"]["records"]]
    plan = max(waiting, key=lambda one: one["rows"])["hash"]
    fill_in = form("approve_plan", {"hash": plan, "comment": "The advertiser has cut its range."})
    yield "plan-approve", Picture(launchpad_of("approve_plan_job"), 1500, 620, fill_in)
    before = ui.newest_run("daily_sync_job")
    ui.launch("approve_plan_job", approve_plan={"hash": plan, "comment": "The advertiser has cut its range."})
    applied = ui.next_run("daily_sync_job", before)
    yield "plan-applied", Picture("/assets/hidden_products?view=overview", 1500, 900, markdown)
    ui.launch("undo_run_job", undo_run={"run_id": applied[:8], "dry_run": False, "only": ""})
    yield "runs", Picture("/runs", 1500, 760)


def path_to_etsy(ui: DagsterClient) -> Iterator[tuple[str, Picture]]:
    """Products are requested, confirmed and synced to Etsy's stand-in, in the UI alone."""
    products = {"account": "", "products": list(FOR_ETSY)}
    yield "etsy-form", Picture(launchpad_of("etsy_request_job"), 1500, 620, form("request_etsy_products", products))
    before = ui.newest_run("etsy_sync_job")
    ui.launch("etsy_request_job", request_etsy_products=products)
    yield "etsy-request", Picture("/assets/etsy_listing_plan?view=events", 1500, 900)
    job = {"transaction_id": ui.shown("etsy_listing_plan")["job"], "comment": ""}
    yield "etsy-confirm", Picture(launchpad_of("etsy_confirm_job"), 1500, 620, form("confirm_etsy_job", job))
    ui.launch("etsy_confirm_job", confirm_etsy_job=job)
    ui.next_run("etsy_sync_job", before)
    yield "etsy-listings", Picture("/assets/etsy_listings?view=events", 1500, 1000)


def feed_of(home: Path) -> Path:
    """The feed that the demo's sandbox serves."""
    (feed,) = (home / "sandbox").rglob("feed.csv.gz")
    return feed


@contextlib.contextmanager
def half_of(feed: Path) -> Iterator[None]:
    """Cut a feed in half as long as the block, as a broken download would be."""
    whole = feed.read_bytes()
    lines = gzip.decompress(whole).splitlines(keepends=True)
    feed.write_bytes(gzip.compress(b"".join(lines[: len(lines) // 2])))
    try:
        yield
    finally:
        feed.write_bytes(whole)


def launchpad_of(job: str) -> str:
    """The page of a job's launchpad."""
    return f"/locations/{LOCATION}/jobs/{job}/playground"


def form(op: str, config: Mapping[str, Any]) -> Act:
    """Fill in a launchpad."""
    text = dump_run_config_yaml({"ops": {op: {"config": dict(config)}}})

    def act(page: Page) -> None:
        page.script(f"document.querySelector('.CodeMirror').CodeMirror.setValue({json.dumps(text)})")
        page.wait(3)

    return act


def whole_graph(page: Page) -> None:
    """Show all of the graph, without the list beside it."""
    page.click(icon("panel_show_right"))
    page.wait(1)
    page.click_twice(page.width - 300, page.height - 60)
    page.wait(2)


def all_steps(page: Page) -> None:
    """Show the steps by name, over the whole page."""
    page.click(icon("gantt_flat"))
    page.wait(1)
    page.click(icon("expand_arrows", first=True))
    page.wait(2)


def markdown(page: Page) -> None:
    """Open the table that is too long to be shown at once."""
    page.click("[...document.querySelectorAll('a, button')].find(e => e.innerText.trim() == '[Show Markdown]')")
    page.wait(1)


def launchpad(page: Page) -> None:
    """Show the config of a job."""
    page.click(icon("arrow_drop_down", first=True))
    page.wait(1)
    page.click("[...document.querySelectorAll('a, button, li')].find(e => e.innerText.trim() == 'Open launchpad')")
    page.wait(DRAWN)


def make_empty(home: Path) -> None:
    """Remove what earlier pictures have left in their home, but for the sandbox. Raises ValueError for another home."""
    if home.exists() and not (home / MARK).exists():
        raise ValueError(f"{home} was not made for pictures: name another --home, or remove it.")
    home.mkdir(parents=True, exist_ok=True)
    (home / MARK).touch()
    for path in home.iterdir():
        if path.is_dir() and path.name != "sandbox":
            shutil.rmtree(path)
        elif path.name.startswith("state.db"):
            path.unlink()


def surroundings(home: Path) -> dict[str, str]:
    """Make the environment of this process without anyone's settings, and with a home of its own."""
    own = {*Settings.variables(), ENV_FILE_VARIABLE, "DAGSTER_HOME"}
    clean = {name: value for name, value in os.environ.items() if name not in own}
    home = home.expanduser().absolute()
    own_home = {"AWIN_MEDUSA_HOME": str(home), "DAGSTER_HOME": str(home / "dagster")}
    return clean | own_home | {ENV_FILE_VARIABLE: str(home / ".env")}


def command(environment: Mapping[str, str], *arguments: str) -> None:
    """Run awin-medusa to its end. Raises CalledProcessError, its output shown before."""
    program = [str(Path(sys.executable).with_name("awin-medusa")), *arguments]
    done = subprocess.run(program, env=environment, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        console.print(done.stdout, done.stderr, markup=False)
    done.check_returncode()


@contextlib.contextmanager
def dagster_ui(environment: Mapping[str, str]) -> Iterator[str]:
    """Run Dagster's own UI and daemon as long as the block; its address. `awin-medusa ui` would ask for a login."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    program = [Path(sys.executable).with_name("dagster"), "dev", "-w", PROJECT_ROOT / "workspace.yaml", "-p", port]
    with running(program, environment) as process, console.status("Starting the Dagster UI"):
        wait_for(lambda: httpx.get(f"{address}/server_info").is_success, process)
        yield address


if __name__ == "__main__":
    typer.run(main)
