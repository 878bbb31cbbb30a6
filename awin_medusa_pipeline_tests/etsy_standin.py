"""Fixtures: a running stand-in for Etsy, empty before each test.

    pytest_plugins or: from awin_medusa_pipeline_tests.etsy_standin import etsy, etsy_server  # noqa: F401

`etsy` is a hold on it (sandbox/etsy/handle.py): etsy.url, state(), calls(), writes(), reset(), inject(), connect().
"""

import threading
from collections.abc import Iterator

import pytest

from awin_medusa_pipeline.sandbox.etsy.handle import EtsyHandle
from awin_medusa_pipeline.sandbox.etsy.server import EtsyStandIn


@pytest.fixture(scope="session")
def etsy_server() -> Iterator[str]:
    """The address of a stand-in that runs in a thread of this process."""
    with EtsyStandIn(0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server.base_url
        server.shutdown()
        thread.join()


@pytest.fixture
def etsy(etsy_server: str) -> Iterator[EtsyHandle]:
    """A hold on a stand-in without listings, tokens and faults."""
    with EtsyHandle(etsy_server) as handle:
        handle.reset()
        yield handle
