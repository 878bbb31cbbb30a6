from collections.abc import Iterator

import pytest

from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.sandbox.etsy.handle import EtsyHandle
from awin_medusa_pipeline_tests.sales.office import Office, office


@pytest.fixture
def opened(etsy: EtsyHandle, etsy_store: Database) -> Iterator[Office]:
    """Two connected shops, with nothing in them."""
    with office(etsy, etsy_store) as found:
        yield found
