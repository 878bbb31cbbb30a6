"""Fixtures: a running stand-in for Etsy, empty before each test.

`etsy` is a hold on it (sandbox/etsy/handle.py): etsy.url, state(), calls(), writes(), reset(), inject(), connect().
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from awin_medusa_pipeline.sandbox.etsy.handle import EtsyHandle
from awin_medusa_pipeline.sandbox.etsy.server import EtsyStandIn
from awin_medusa_pipeline_tests.support import etsy_spec


@contextmanager
def running(folder: Path | None = None) -> Iterator[str]:
    """The address of a stand-in that runs in a thread of this process; `folder`: where it keeps its state."""
    with EtsyStandIn(0, folder=folder) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server.base_url
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="session")
def etsy_server() -> Iterator[str]:
    """The address of a stand-in for all tests of a session."""
    with running() as url:
        yield url


@pytest.fixture
def etsy(etsy_server: str, request: pytest.FixtureRequest) -> Iterator[EtsyHandle]:
    """A hold on a stand-in without listings, tokens and faults.

    At the end, what was sent is held against Etsy's OpenAPI file where it is present; the stand-in's own tests
    (sandbox/) send what is wrong on purpose.
    """
    handle = EtsyHandle(etsy_server)
    handle.reset()
    yield handle
    if "/sandbox/" not in request.node.nodeid:
        assert etsy_spec.wrong(handle.calls()) == []
