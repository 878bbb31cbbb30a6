from collections.abc import Iterator

import pytest

from awin_medusa_pipeline.sandbox.etsy.handle import EtsyHandle
from awin_medusa_pipeline_tests.support.etsy_caller import Caller


@pytest.fixture
def caller(etsy: EtsyHandle) -> Iterator[Caller]:
    """A program that is connected."""
    with Caller(etsy) as caller:
        yield caller
