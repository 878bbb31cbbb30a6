"""Starts the sandbox for tests: one real Medusa per session, put back to its clean seed before each test that uses it.

Medusa's packages are kept in `.awin_medusa_test` between runs. Sessions at the same time get a place of their own each.
AWIN_MEDUSA_TEST_HOME and AWIN_MEDUSA_TEST_PORT choose another folder and port.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import hypothesis
import pytest

from awin_medusa_pipeline.core.ports import port_is_free
from awin_medusa_pipeline.sandbox import PORTS, Sandbox, SandboxError, Shop
from awin_medusa_pipeline.settings import PROJECT_ROOT
from awin_medusa_pipeline_tests.support.etsy_standin import etsy as etsy
from awin_medusa_pipeline_tests.support.etsy_standin import etsy_server as etsy_server
from awin_medusa_pipeline_tests.support.rigs import etsy_store as etsy_store
from awin_medusa_pipeline_tests.support.rigs import rig as rig
from awin_medusa_pipeline_tests.support.rigs import token as token
from awin_medusa_pipeline_tests.support.stores import another as another
from awin_medusa_pipeline_tests.support.stores import database as database
from awin_medusa_pipeline_tests.support.stores import postgres as postgres
from awin_medusa_pipeline_tests.support.stores import store_url as store_url

TEST_HOME = Path(os.environ.get("AWIN_MEDUSA_TEST_HOME", PROJECT_ROOT / ".awin_medusa_test"))
FIRST_PORT, PORTS_A_PLACE = 22000, 60


# A deadline would fail a law on a busy machine; in CI each law is tried on the same examples every time.
hypothesis.settings.register_profile("ours", deadline=None, derandomize=bool(os.environ.get("CI")))
hypothesis.settings.load_profile("ours")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that uses the sandbox."""
    for item in items:
        if "sandbox" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.shop)


def _free_port(place: int) -> int:
    first = FIRST_PORT + place * PORTS_A_PLACE
    for port in range(first, first + PORTS_A_PLACE, PORTS):
        if all(port_is_free(port + offset) for offset in range(PORTS)):
            return port
    pytest.fail(f"No {PORTS} free ports from {first} on; set AWIN_MEDUSA_TEST_PORT.")


def _take_place(stack: ExitStack) -> int:
    TEST_HOME.mkdir(parents=True, exist_ok=True)
    for place in range(100):
        lock = stack.enter_context((TEST_HOME / f"{place}.lock").open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        return place
    pytest.fail(f"All places in {TEST_HOME} are taken.")


@pytest.fixture(scope="session")
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """Start the sandbox once per session; a test that stops it calls `up` before it ends."""
    terminal = request.config.pluginmanager.getplugin("terminalreporter")
    shown: set[str] = set()

    def progress(step: str, state: str) -> None:
        if terminal and step not in shown:
            shown.add(step)
            terminal.write_line(f"{step} ...")

    with ExitStack() as stack:
        place = _take_place(stack)
        home = TEST_HOME / str(place)
        # What a killed session left running.
        Sandbox(home).down()
        port = int(os.environ.get("AWIN_MEDUSA_TEST_PORT") or _free_port(place))
        found = Sandbox(home, port, software=TEST_HOME / "software")
        stack.callback(found.down)
        found.up(progress)
        yield found


@pytest.fixture
def shop(sandbox: Sandbox) -> Shop:
    """Put the shop back to its seed without products; its address and keys."""
    try:
        sandbox.reset()
    except SandboxError:
        # A test before this one ended it, and failed before it could start it again.
        sandbox.up()
        sandbox.reset()
    return sandbox.shop
