"""A running stand-in for Etsy, empty before each test. In a test module, or a conftest:

    from awin_medusa_pipeline_tests.etsy_standin import etsy, etsy_server  # noqa: F401

`etsy` is a hold on it (sandbox/etsy/handle.py): etsy.url, state(), calls(), writes(), reset(), inject(), connect().
After the test, every request that it took is checked against Etsy's own OpenAPI file, where that is present.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from awin_medusa_pipeline.sandbox.etsy.handle import EtsyHandle
from awin_medusa_pipeline.sandbox.etsy.server import EtsyStandIn
from awin_medusa_pipeline_tests.etsy_openapi import request_problems


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
def etsy(etsy_server: str) -> Iterator[EtsyHandle]:
    """A hold on a stand-in without listings, tokens and faults."""
    with EtsyHandle(etsy_server) as handle:
        handle.reset()
        yield handle
        unknown = {f"{call.operation}: {said}" for call in handle.calls() for said in request_problems(call)}
        assert not unknown, f"not in Etsy's OpenAPI file: {sorted(unknown)}"
