"""Takes the pictures of the console for docs/console.md and the README, of a demo that has run."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
from playwright.sync_api import FloatRect, Page, ViewportSize

from awin_medusa_pipeline.core.ports import port_is_free
from awin_medusa_pipeline_tests.support.chromium import chromium
from awin_medusa_pipeline_tests.support.devtools import running, wait_for

SIZE: ViewportSize = {"width": 1200, "height": 860}
TALLEST = 1_150
PRODUCT = "/products?search=duvet&status=published"


def console_pictures(environment: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    """Name and content of each picture: Today, a held plan, products, a product, and an Etsy job to confirm."""
    with console(environment) as address, chromium() as browser:
        page = browser.new_context(viewport=SIZE, bypass_csp=True).new_page()
        page.goto(link(environment, address))
        page.get_by_role("button", name="Open the console").click()
        page.get_by_role("heading", name="Today").wait_for()
        yield "console-today", page.screenshot()
        page.goto(f"{address}/plans")
        page.locator("tbody tr", has_text="waits for you").first.get_by_role("link").click()
        yield "console-plan", shown(page)
        page.goto(f"{address}{PRODUCT}")
        for box in page.locator("input[name=product_id]").all()[:3]:
            box.check()
        yield "console-products", page.screenshot()
        page.get_by_role("button", name="Sync to Etsy").click()
        page.get_by_role("button", name="Look at").click()
        page.get_by_text("Shall these").wait_for()
        page.evaluate("document.querySelectorAll('details').forEach((one, number) => { one.open = number == 0 })")
        yield "console-etsy-job", shown(page)
        page.goto(f"{address}{PRODUCT}")
        page.locator("tbody a").first.click()
        page.get_by_text("Now in the shop").wait_for()
        yield "console-product", shown(page)


def shown(page: Page) -> bytes:
    """The upper part of the page, without what floats above it."""
    height = min(TALLEST, page.evaluate("document.documentElement.scrollHeight"))
    part: FloatRect = {"x": 0, "y": 0, "width": SIZE["width"], "height": height}
    return page.screenshot(full_page=True, clip=part, style=".bar { position: static }")


@contextlib.contextmanager
def console(environment: Mapping[str, str]) -> Iterator[str]:
    """Run `awin-medusa ui` as long as the block; its address."""
    port = next(number for number in range(3_500, 3_600) if port_is_free(number))
    address = f"http://localhost:{port}"
    with running([program(), "ui", "--port", port], environment) as process:
        wait_for(lambda: httpx.get(f"{address}/login").is_success, process)
        yield address


def link(environment: Mapping[str, str], address: str) -> str:
    """A link that opens the console once."""
    surroundings = dict(environment) | {"DAGSTER_WEBSERVER_URL": address}
    made = subprocess.run([program(), "console", "link"], env=surroundings, capture_output=True, text=True, check=True)
    return made.stdout.split()[0]


def program() -> Path:
    """The command of this environment."""
    return Path(sys.executable).with_name("awin-medusa")
