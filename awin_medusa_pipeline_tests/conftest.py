"""Gives tests a sandbox: one real Medusa per worker, put back to its clean seed before each test that uses it."""

import gc
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import hypothesis
import pytest

from awin_medusa_pipeline.etsy.domain import looks
from awin_medusa_pipeline.etsy.engine import drafts, listings
from awin_medusa_pipeline.sandbox import Sandbox, SandboxError, Shop
from awin_medusa_pipeline_tests.support.etsy_standin import etsy as etsy
from awin_medusa_pipeline_tests.support.etsy_standin import etsy_server as etsy_server
from awin_medusa_pipeline_tests.support.object_store import any_home as any_home
from awin_medusa_pipeline_tests.support.object_store import object_storage as object_storage
from awin_medusa_pipeline_tests.support.object_store import object_store as object_store
from awin_medusa_pipeline_tests.support.order import rank
from awin_medusa_pipeline_tests.support.places import temporary_files_in_memory
from awin_medusa_pipeline_tests.support.rigs import etsy_store as etsy_store
from awin_medusa_pipeline_tests.support.rigs import rig as rig
from awin_medusa_pipeline_tests.support.rigs import token as token
from awin_medusa_pipeline_tests.support.sandboxes import bring_up, early_sandbox
from awin_medusa_pipeline_tests.support.stores import another as another
from awin_medusa_pipeline_tests.support.stores import database as database
from awin_medusa_pipeline_tests.support.stores import migrated_database as migrated_database
from awin_medusa_pipeline_tests.support.stores import migrated_file as migrated_file
from awin_medusa_pipeline_tests.support.stores import postgres as postgres
from awin_medusa_pipeline_tests.support.stores import sqlite_url as sqlite_url
from awin_medusa_pipeline_tests.support.stores import store_url as store_url

TESTS = Path(__file__).parent
EARLY = pytest.StashKey[Sandbox]()
STACK = pytest.StashKey[ExitStack]()

temporary_files_in_memory()

# A deadline would fail a law on a busy machine; each law is tried on the same examples every time.
hypothesis.settings.register_profile("ours", deadline=None, derandomize=True)
# For a search with more patience, on other examples each time: pytest --hypothesis-profile thorough.
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=2000)
hypothesis.settings.load_profile("ours")


def pytest_configure(config: pytest.Config) -> None:
    """Stop the sandbox when all is done, however that comes."""
    config.stash[STACK] = ExitStack()
    config.add_cleanup(config.stash[STACK].close)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that uses the sandbox, and put the files that take longest first."""
    for item in items:
        if "sandbox" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.shop)
    of_shop = {item.path for item in items if item.get_closest_marker("shop")}
    items.sort(key=lambda item: rank(item.path.relative_to(TESTS).as_posix(), shop=item.path in of_shop))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin to bring a sandbox up as soon as it is known that one is needed; the first tests run meanwhile."""
    # Modules and tests stay until the end, so the garbage collector need not look at them again.
    gc.collect()
    gc.freeze()
    needed = any(item.get_closest_marker("shop") for item in session.items)
    if needed and not session.config.option.collectonly:
        session.stash[EARLY] = session.config.stash[STACK].enter_context(early_sandbox())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say whether the pages were tried in a real browser: without one these tests are skipped."""
    numbers = {
        outcome: sum("browser" in report.keywords for report in terminalreporter.stats.get(outcome, ()))
        for outcome in ("passed", "skipped", "failed")
    }
    if any(numbers.values()):
        said = ", ".join(f"{number} {outcome}" for outcome, number in numbers.items() if number)
        terminalreporter.write_line(f"In a real Chromium: {said}")


@pytest.fixture(scope="session")
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """A running sandbox; a test that stops it calls `up` before it ends."""
    terminal = request.config.pluginmanager.getplugin("terminalreporter")
    shown: set[str] = set()

    def progress(step: str, state: str) -> None:
        if terminal and step not in shown:
            shown.add(step)
            terminal.write_line(f"{step} ...")

    found = request.session.stash[EARLY]
    bring_up(found, progress)
    return found


@pytest.fixture
def shop(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Put the shop back to its seed without products; its address and keys.

    The reads of its stand-in for Etsy are not behind, so nothing waits half a minute for them.
    """
    for module in (looks, listings, drafts):
        monkeypatch.setattr(module, "BEHIND", timedelta(0))
    try:
        sandbox.reset()
    except SandboxError:
        # A test before this one ended it, and failed before it could start it again.
        sandbox.up()
        sandbox.reset()
    return sandbox.shop
