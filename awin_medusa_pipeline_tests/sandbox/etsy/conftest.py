from collections.abc import Iterator

import pytest

from awin_medusa_pipeline.sandbox.etsy.handle import EtsyHandle
from awin_medusa_pipeline_tests.sandbox.etsy.caller import Caller


@pytest.fixture
def etsy(etsy_server: str) -> Iterator[EtsyHandle]:
    """The stand-in; these tests also send what Etsy's OpenAPI file does not have."""
    with EtsyHandle(etsy_server) as handle:
        handle.reset()
        yield handle


@pytest.fixture
def caller(etsy: EtsyHandle) -> Iterator[Caller]:
    """A program that is connected."""
    with Caller(etsy) as caller:
        yield caller
