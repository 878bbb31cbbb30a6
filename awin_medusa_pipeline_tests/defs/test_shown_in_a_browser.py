"""Hostile text in the real Dagster UI in a real Chromium: what its pages load, and where they lead."""

import json
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import dagster as dg
import httpx
import pytest

from awin_medusa_pipeline.core.ports import HOST
from awin_medusa_pipeline.settings import PROJECT_ROOT
from awin_medusa_pipeline_tests.support import hostile
from awin_medusa_pipeline_tests.support.devtools import Page, browser, running, wait_for

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="There is no chromium on the PATH."),
]
LOADED = "[...document.querySelectorAll('img')].map(one => one.getAttribute('src'))"
LINKED = "[...document.querySelectorAll('a')].map(one => one.getAttribute('href'))"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Dagster UI that shows hostile texts."""
    home = tmp_path_factory.mktemp("dagster")
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\nnux: {enabled: false}\n")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assets = [hostile.escaped, hostile.unescaped, hostile.described]
        assert dg.materialize(assets, instance=instance).success
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    program = [Path(sys.executable).with_name("dagster-webserver"), "-m", hostile.__name__, "-h", HOST, "-p", port]
    surroundings = os.environ | {"DAGSTER_HOME": str(home), "PYTHONPATH": str(PROJECT_ROOT)}
    with running(program, surroundings) as process:
        wait_for(lambda: httpx.get(f"http://{HOST}:{port}/server_info").is_success, process)
        yield f"http://{HOST}:{port}"


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser() as page:
        yield page


def found(page: Page, code: str) -> list[str]:
    """What a script finds on the page, without Dagster's own links and pictures."""
    addresses: list[str | None] = json.loads(page.script(f"JSON.stringify({code})"))
    own = ("/asset", "/runs", "/locations", "/jobs", "/automation", "/overview", "/deployment", "/settings", "data:")
    elsewhere = [one for one in addresses if one and one != "/" and not one.startswith(own)]
    return sorted({one for one in elsewhere if not (urlsplit(one).hostname or "").endswith("dagster.io")})


@pytest.mark.parametrize(
    ("path", "loaded", "linked"),
    [
        ("/assets/unescaped?view=overview", [quote(hostile.PICTURE, safe="/?=")], ["http://www.evil.example"]),
        ("/assets/escaped?view=overview", [], [hostile.PRODUCT]),
        ("/assets/escaped?view=checks&checkDetail=described", [], []),
    ],
)
def test_only_what_we_meant_is_loaded_and_linked(
    address: str, page: Page, path: str, loaded: list[str], linked: list[str]
) -> None:
    page.open(address + path, 1400, 3000)
    assert (found(page, LOADED), found(page, LINKED)) == (loaded, linked)
    assert page.script("document.body.innerText.includes('Materialize')"), "the page is there"
