"""Provides the rig of the tests that write to a real Medusa, and the store of those that sync to Etsy."""

from collections.abc import Iterator

import httpx
import pytest

from awin_medusa_pipeline.core.http import Backoff
from awin_medusa_pipeline.core.store.database import Database, open_database
from awin_medusa_pipeline.medusa.client import MedusaClient
from awin_medusa_pipeline.sandbox import Sandbox, Shop
from awin_medusa_pipeline.sync.store.ledger import Ledger
from awin_medusa_pipeline.sync.store.written import WrittenValues
from awin_medusa_pipeline_tests.support.fault_proxy import FaultProxy
from awin_medusa_pipeline_tests.support.rig import PATIENCE, Rig


@pytest.fixture(scope="session")
def token(sandbox: Sandbox) -> str:
    """Log the admin user in; the session outlives the resets, and a request with it costs Medusa 6 ms instead of 40."""
    body = {"email": sandbox.shop.admin_email, "password": sandbox.shop.admin_password}
    answer = httpx.post(f"{sandbox.shop.base_url}/auth/user/emailpass", json=body).raise_for_status().json()
    return str(answer["token"])


@pytest.fixture
def rig(shop: Shop, token: str, sqlite_url: str) -> Iterator[Rig]:
    """Put a proxy before the shop, with a fresh ledger."""
    waits: list[float] = []
    with (
        FaultProxy(shop.base_url) as proxy,
        open_database(sqlite_url) as database,
        MedusaClient(
            proxy.address,
            admin_key=shop.admin_key,
            backoff=Backoff(sleep=waits.append),
            timeout=httpx.Timeout(PATIENCE),
        ) as client,
        httpx.Client(
            base_url=shop.base_url,
            headers={"authorization": f"Bearer {token}"},
            timeout=60,
            limits=httpx.Limits(keepalive_expiry=4),
        ) as http,
    ):
        yield Rig(shop, proxy, Ledger(database), client, http, waits, WrittenValues(database))


@pytest.fixture(scope="session")
def etsy_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Open a store, emptied by each laboratory: to make one takes longer than most of these tests."""
    with open_database(f"sqlite:///{tmp_path_factory.mktemp('etsy') / 'state.db'}") as database:
        yield database
