"""Sales on Etsy in Dagster's jobs: hourly, before the nightly look, and taken back, on a real shop."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.store.leases import Leases
from awin_medusa_pipeline.defs.build import build_defs
from awin_medusa_pipeline.etsy.client.oauth import Consent
from awin_medusa_pipeline.etsy.domain.tokens import TokenPair
from awin_medusa_pipeline.sandbox import Sandbox, Shop
from awin_medusa_pipeline.sandbox.etsy import shop as standin
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline.shops import Shops
from awin_medusa_pipeline_tests.end_to_end.test_etsy import Flow
from awin_medusa_pipeline_tests.support.etsy_products import account_config
from awin_medusa_pipeline_tests.support.goods import Goods
from awin_medusa_pipeline_tests.support.pipeline import CONSOLE, pipeline_on

HOURLY = {"dagster/schedule_name": "etsy_sales_schedule"}


@pytest.fixture
def flow(sandbox: Sandbox, shop: Shop, tmp_path: Path) -> Iterator[Flow]:
    """A shop that sells on Etsy, whose sales are imported."""
    with pipeline_on(sandbox, tmp_path / "home", ETSY_IMPORT_SALES="true") as pipeline, App(Settings()) as app:
        flow = Flow(pipeline, app, sandbox.etsy, Goods(sandbox))
        connect(flow)
        yield flow


def connect(flow: Flow, *, with_sales: bool = True) -> None:
    scopes = Consent(with_sales=with_sales).scopes
    pair = flow.at_etsy.connect(*scopes)
    flow.etsy.accounts.connect(
        shop_id=standin.SHOP_ID,
        shop_name=standin.SHOP_NAME,
        currency="GBP",
        pair=TokenPair(pair.access_token, pair.refresh_token, datetime.now(UTC) + timedelta(hours=1)),
        config=account_config(publish=True),
        scopes=scopes,
    )


def by_schedule(flow: Flow) -> bool:
    """Run the hourly job as its schedule does; whether it went well."""
    job = build_defs(Shops.of(flow.app)).resolve_job_def("etsy_sales_job")
    instance = flow.pipeline.instance
    options = {"run_config": {"loggers": CONSOLE}, "instance": instance, "tags": HOURLY, "raise_on_error": False}
    return job.execute_in_process(**options).success


def test_hourly_and_nightly_and_back(flow: Flow) -> None:
    lamp = flow.goods.add("lamp", sizes="S")
    flow.synced(lamp)
    (listing,) = flow.at_etsy.listings()
    assert by_schedule(flow)
    flow.at_etsy.change(clock_ahead=2)
    flow.at_etsy.sell(listing["listing_id"], {"lamp-S": 2})
    assert by_schedule(flow)
    assert flow.goods.levels(lamp) == {"lamp-S": 5}
    flow.at_etsy.sell(listing["listing_id"], {"lamp-S": 1})
    nightly = flow.run("etsy_daily_job")
    assert flow.goods.levels(lamp) == {"lamp-S": 4}
    assert sum(flow.etsy.sold.dealt_with(1, [lamp])[lamp].values()) == 3
    flow.run("undo_run_job", undo_run={"run_id": nightly.run_id, "dry_run": False})
    assert flow.goods.levels(lamp) == {"lamp-S": 5}
    assert by_schedule(flow)
    assert (flow.goods.levels(lamp), sum(flow.etsy.sold.dealt_with(1, [lamp])[lamp].values())) == ({"lamp-S": 5}, 2)


def test_a_consent_that_is_too_small_is_no_alarm_each_hour(flow: Flow) -> None:
    connect(flow, with_sales=False)
    for _ in range(2):
        assert by_schedule(flow)
    (message,) = flow.goods.sandbox.slack_messages()
    assert "Connect the shop once more: awin-medusa etsy connect --import-sales" in message["text"]
    for job in ("etsy_sales_job", "etsy_daily_job"):
        assert "does not cover its orders (transactions_r)" in str(flow.end_of(job).error)


def test_a_shop_that_a_sync_holds_is_no_alarm(flow: Flow) -> None:
    lamp = flow.goods.add("lamp", sizes="S")
    flow.synced(lamp)
    by_schedule(flow)
    (listing,) = flow.at_etsy.listings()
    flow.at_etsy.change(clock_ahead=2)
    flow.at_etsy.sell(listing["listing_id"], {"lamp-S": 2})
    with Leases(flow.app.database).hold(flow.app.shop_address, run_id="sync", job="daily_sync_job"):
        assert by_schedule(flow)
        flow.run("etsy_daily_job")
        assert "run sync (daily_sync_job" in str(flow.end_of("etsy_sales_job").error)
        assert flow.goods.levels(lamp) == {"lamp-S": 7}
    assert by_schedule(flow)
    assert flow.goods.levels(lamp) == {"lamp-S": 5}
