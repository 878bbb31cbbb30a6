"""Products onto Etsy as a shop owner has it done: requested, confirmed, started by the sensor; on a real Medusa."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
import sqlalchemy as sa

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.defs.build import build_defs
from awin_medusa_pipeline.defs.etsy.sensors import TRY_TAG, etsy_confirmation_sensor, etsy_tidy_sensor
from awin_medusa_pipeline.defs.failures import failure_of
from awin_medusa_pipeline.defs.per_shop import ETSY
from awin_medusa_pipeline.etsy.domain.tokens import TokenPair
from awin_medusa_pipeline.etsy.engine.state import EtsyState
from awin_medusa_pipeline.etsy.store.jobs import EtsyJob, EtsyJobError, JobStatus
from awin_medusa_pipeline.sandbox import Sandbox, Shop
from awin_medusa_pipeline.sandbox.etsy import shop as standin
from awin_medusa_pipeline.sandbox.etsy.handle import EtsyHandle
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline.shops import Shops
from awin_medusa_pipeline_tests.support.etsy_products import account_config
from awin_medusa_pipeline_tests.support.goods import LEVEL, Goods
from awin_medusa_pipeline_tests.support.pipeline import CONSOLE, Finished, Pipeline, pipeline_on


def connect(etsy: EtsyState, at_etsy: EtsyHandle, **config: Any) -> None:
    """Connect the stand-in's shop without the way through the browser."""
    pair = at_etsy.connect()
    etsy.accounts.connect(
        shop_id=standin.SHOP_ID,
        shop_name=standin.SHOP_NAME,
        currency="GBP",
        pair=TokenPair(pair.access_token, pair.refresh_token, datetime.now(UTC) + timedelta(hours=1)),
        config=account_config(**config),
    )


@dataclass(frozen=True)
class Flow:
    """A shop, a stand-in for Etsy that is connected, and Dagster."""

    pipeline: Pipeline
    app: App
    at_etsy: EtsyHandle
    goods: Goods

    @property
    def etsy(self) -> EtsyState:
        return self.app.etsy

    def connect(self, **config: Any) -> None:
        """Connect the stand-in's shop, or connect it again."""
        connect(self.etsy, self.at_etsy, **config)

    def request(self, *products: str) -> EtsyJob:
        """A pending job of these products, by etsy_request_job."""
        self.run("etsy_request_job", request_etsy_products={"products": list(products)})
        return self.jobs[0]

    def confirmed(self, *products: str) -> EtsyJob:
        """A job that was confirmed."""
        return self.etsy.jobs.confirm(self.request(*products).transaction_id, "ann")

    def synced(self, *products: str) -> EtsyJob:
        """Products that are on Etsy as they should be."""
        job = self.confirmed(*products)
        (started,) = self.tick()
        self.started(started)
        return self.etsy.jobs.get(job.transaction_id)

    def run(self, name: str, **ops: Any) -> Finished:
        """Run a job that is expected to go well."""
        return self.pipeline.run(name, ops={op: {"config": config} for op, config in ops.items()})

    def end_of(self, name: str, **ops: Any) -> Finished:
        """Run a job to whatever end."""
        return self.pipeline.end_of(name, ops={op: {"config": config} for op, config in ops.items()})

    def tick(self, sensor: dg.SensorDefinition = etsy_confirmation_sensor) -> list[dg.RunRequest]:
        """What a sensor asks for; it writes nothing."""
        before = self.state()
        result = self._evaluated(sensor)
        assert self.state() == before
        return list(result.run_requests or [])

    def skipped(self, sensor: dg.SensorDefinition = etsy_confirmation_sensor) -> str:
        """Why a sensor asks for nothing."""
        reason = self._evaluated(sensor).skip_reason
        return str(reason.skip_message if isinstance(reason, dg.SkipReason) else reason)

    def started(self, request: dg.RunRequest, job: str = "etsy_sync_job") -> dg.ExecuteInProcessResult:
        """What Dagster does with the request of a sensor."""
        return (
            build_defs(Shops.of(self.app))
            .resolve_job_def(job)
            .execute_in_process(
                run_config={**request.run_config, "loggers": CONSOLE},
                instance=self.pipeline.instance,
                tags=dict(request.tags),
                raise_on_error=False,
            )
        )

    def _evaluated(self, sensor: dg.SensorDefinition) -> dg.SensorResult:
        result = sensor(
            dg.build_sensor_context(instance=self.pipeline.instance, resources={"shops": Shops.of(self.app)})
        )
        assert isinstance(result, dg.SensorResult)
        return result

    def state(self) -> tuple[Any, ...]:
        """All that the store has of jobs and links."""
        links = [link for account in self.etsy.accounts.all() for link in self.etsy.links.of_account(account.id)]
        return tuple(
            {name: value for name, value in vars(row).items() if not name.startswith("_")}
            for row in (*self.jobs, *links)
        )

    @property
    def jobs(self) -> list[EtsyJob]:
        return self.etsy.jobs.all()

    def statuses(self) -> dict[str, str]:
        """By product."""
        return {link.product_id: str(link.sync_status) for link in self.etsy.links.of_account(1)}

    def said(self) -> list[str]:
        """First lines of Slack's messages."""
        return [message["text"].splitlines()[0] for message in self.goods.sandbox.slack_messages()]

    def table(self, asset: str) -> pl.DataFrame:
        """As the last run left it."""
        return self.app.tables.read(asset).collect()


@pytest.fixture
def flow(sandbox: Sandbox, shop: Shop, tmp_path: Path) -> Iterator[Flow]:
    with pipeline_on(sandbox, tmp_path / "home") as pipeline, App(Settings()) as app:
        flow = Flow(pipeline, app, sandbox.etsy, Goods(sandbox))
        flow.connect()
        yield flow


def test_from_request_to_a_second_round_without_a_writing_call(flow: Flow) -> None:
    lamp, mug = flow.goods.add("oak-lamp"), flow.goods.add("mug", sizes="M")
    job = flow.request(lamp, "mug-M", "mug")
    assert (job.status, job.total_products) == (JobStatus.PENDING, 2)
    assert flow.statuses() == {lamp: "pending", mug: "pending"}
    assert flow.at_etsy.writes() == []
    assert flow.tick() == []
    assert flow.skipped() == "No Etsy job is confirmed."
    plan = flow.table("etsy_listing_plan")
    assert set(plan["to_do"]) == {"create"}
    assert dict(plan.filter(product_id=mug, kind="change").select("field", "after").iter_rows())["price"] == "12.50"

    flow.etsy.jobs.confirm(job.transaction_id, "ann")
    (request,) = flow.tick()
    assert request.run_key == f"{job.transaction_id}-attempt-1-run-1"
    assert request.tags == {ETSY: "1", TRY_TAG: f"{job.transaction_id}-attempt-1"}
    result = flow.started(request)
    assert result.success
    steps = [event.step_key for event in result.all_events if event.is_step_success]
    assert steps == ["claim_etsy_job", "sync_etsy_products"]
    assert flow.statuses() == {lamp: "synced", mug: "synced"}
    assert {listing["fields"]["title"] for listing in flow.at_etsy.listings()} == {"Oak lamp", "Mug"}
    plan_made, made = result.asset_materializations_for_node("sync_etsy_products")
    assert (plan_made.asset_key, made.asset_key) == (dg.AssetKey("etsy_listing_plan"), dg.AssetKey("etsy_listings"))
    assert plan_made.metadata["changes"].value == 0
    assert made.metadata["synced"].value == 2
    shown = str(made.metadata["on_etsy"].value)
    assert f"[Oak lamp](<{flow.app.shop_address}/app/products/{lamp}>)" in shown
    (listing, *_) = flow.at_etsy.listings()
    assert f"/listing/{listing['listing_id']}>) | synced | draft |" in shown
    assert set(flow.table("etsy_listings")["state"]) == {"draft"}
    assert flow.said() == [
        "Etsy shop StandInShop: 2 products for your confirmation",
        "Etsy shop StandInShop: 2 products on the way",
        "Etsy shop StandInShop: 2 synced",
    ]

    before = flow.at_etsy.last_call()
    again = flow.synced(lamp, mug)
    assert (again.status, again.synced_count) == (JobStatus.COMPLETED, 2)
    assert flow.at_etsy.writes(after=before) == []
    assert flow.said()[-1] == "Etsy shop StandInShop: 2 unchanged"


def test_what_etsy_would_refuse_is_told_before_anybody_confirms(flow: Flow) -> None:
    flow.connect(publish=True)
    good, bad = flow.goods.add("good"), flow.goods.add("bad", description="", images=[])
    job = flow.request(good, bad)
    (message,) = flow.goods.sandbox.slack_messages()
    assert job.total_products == 1
    for told in ("1 to create, 1 to publish", "at most 0.20 USD", "Refused: Bad: ", "no description", "no image"):
        assert told in message["text"]
    assert f"awin-medusa etsy confirm {job.transaction_id}" in message["text"]
    alone = flow.end_of("etsy_request_job", request_etsy_products={"products": [bad, "nothing"]})
    assert "none has the id, handle or SKU nothing" in str(alone.error)
    alone = flow.end_of("etsy_request_job", request_etsy_products={"products": [bad]})
    assert "Requesting Bad for the Etsy shop StandInShop: Bad: " in str(alone.error)
    assert len(flow.jobs) == 1


def test_a_profile_that_is_gone_at_etsy_is_told_before_anybody_confirms(flow: Flow) -> None:
    flow.connect(shipping_profile_id=standin.DELETED_PROFILE)
    product = flow.goods.add("mug")
    error = flow.end_of("etsy_request_job", request_etsy_products={"products": [product]}).error
    assert f"it has no shipping profile {standin.DELETED_PROFILE} any more (shipping_profile_id)" in str(error)
    assert "Correct the settings of the shop: awin-medusa etsy settings." in str(error)


def test_a_job_is_done_by_one_run(flow: Flow) -> None:
    job = flow.confirmed(flow.goods.add("mug"))
    (request,) = flow.tick()
    assert flow.started(request).success
    before = flow.at_etsy.last_call()
    second = flow.started(request)
    assert not second.success
    error = flow.end_of("etsy_sync_job", claim_etsy_job={"transaction_id": job.transaction_id}).error
    assert (
        error == f"Starting the Etsy job {job.transaction_id}: it is completed. List the jobs: awin-medusa etsy jobs."
    )
    assert flow.at_etsy.calls(after=before) == []


def test_one_product_that_fails_is_told_in_etsys_words_and_retried_alone(flow: Flow) -> None:
    lamp, mug = flow.goods.add("lamp"), flow.goods.add("mug")
    job = flow.confirmed(lamp, mug)
    flow.at_etsy.inject("array_error", on="createDraftListing")
    (request,) = flow.tick()
    result = flow.started(request)
    assert not result.success
    error = failure_of(flow.pipeline.instance, result.run_id).error
    assert error.startswith("1 synced, 1 failed. ")
    assert error.endswith(f"To try those that failed once more: awin-medusa etsy retry {job.transaction_id}")
    flow.pipeline.tell_sensor(result.run_id)
    assert sorted(flow.statuses().values()) == ["failed", "synced"]
    ended = flow.etsy.jobs.get(job.transaction_id)
    assert (ended.status, ended.synced_count, ended.failed_count) == (JobStatus.FAILED, 1, 1)
    last = flow.goods.sandbox.slack_messages()[-1]["text"]
    assert last.startswith("Etsy shop StandInShop: 1 synced, 1 failed")
    assert f"awin-medusa etsy retry {job.transaction_id}" in last
    # The failure sensor has nothing to add: one message tells of the end.
    assert [text for text in flow.said() if "failed on" in text] == []

    flow.etsy.jobs.retry(job.transaction_id, "ann")
    (request,) = flow.tick()
    assert request.run_key == f"{job.transaction_id}-attempt-2-run-1"
    assert flow.started(request).success
    assert set(flow.statuses().values()) == {"synced"}
    assert len(flow.at_etsy.listings()) == 2
    assert "1 product on the way, try 2" in flow.said()[-2]


def test_nobody_confirms(flow: Flow) -> None:
    old = flow.goods.add("old")
    flow.synced(old)
    new = flow.goods.add("new")
    job = flow.request(old, new)
    assert flow.tick(etsy_tidy_sensor) == []
    overdue(flow, job)
    (request,) = flow.tick(etsy_tidy_sensor)
    assert flow.started(request, "etsy_tidy_job").success
    ended = flow.etsy.jobs.get(job.transaction_id)
    assert ended.status is JobStatus.FAILED
    assert ended.error_log[-1]["error"] == "confirmation timed out"
    assert flow.statuses() == {old: "synced"}
    assert flow.said()[-1] == "Etsy shop StandInShop: confirmation timed out"
    with pytest.raises(EtsyJobError, match=r"it is failed \(confirmation timed out\)"):
        flow.etsy.jobs.confirm(job.transaction_id, "ann")
    assert flow.tick(etsy_tidy_sensor) == []


def test_a_run_that_died_is_found_told_and_retried(flow: Flow) -> None:
    job = flow.confirmed(flow.goods.add("mug"))
    flow.etsy.jobs.claim(job.transaction_id, "nobody-knows-this-run")
    assert flow.tick() == []
    (request,) = flow.tick(etsy_tidy_sensor)
    assert flow.started(request, "etsy_tidy_job").success
    ended = flow.etsy.jobs.get(job.transaction_id)
    assert (ended.status, ended.failed_count) == (JobStatus.FAILED, 1)
    last = flow.goods.sandbox.slack_messages()[-1]["text"]
    assert "died" in last.splitlines()[0]
    assert f"awin-medusa etsy retry {job.transaction_id}" in last
    flow.etsy.jobs.retry(job.transaction_id, "ann")
    (request,) = flow.tick()
    assert flow.started(request).success
    assert set(flow.statuses().values()) == {"synced"}


def test_the_sensor_waits_while_another_job_of_the_account_goes_on(flow: Flow) -> None:
    first = flow.confirmed(flow.goods.add("first"))
    second = flow.confirmed(flow.goods.add("second"))
    (request,) = flow.tick()
    assert request.tags[TRY_TAG].startswith(first.transaction_id)
    flow.etsy.jobs.claim(first.transaction_id, "run")
    assert flow.tick() == []
    assert flow.skipped() == f"{second.transaction_id}-attempt-1 must wait: {first.transaction_id} goes on."
    flow.etsy.jobs.finish(first.transaction_id, "run")
    (request,) = flow.tick()
    assert request.tags[TRY_TAG].startswith(second.transaction_id)


def test_a_run_that_ends_before_it_takes_the_job_is_started_again_but_not_for_ever(flow: Flow) -> None:
    flow.confirmed(flow.goods.add("mug"))
    keys = []
    for _ in range(3):
        (request,) = flow.tick()
        keys.append(request.run_key)
        bad = dg.RunRequest(run_key=request.run_key, run_config={"ops": BAD_CLAIM}, tags=dict(request.tags))
        assert not flow.started(bad).success
    assert len(set(keys)) == 3
    assert flow.tick() == []
    assert "3 runs have ended before they took" in flow.skipped()


BAD_CLAIM = {"claim_etsy_job": {"config": {"transaction_id": "etsy_0000"}}}


def test_the_daily_look(flow: Flow) -> None:
    same, price, sold, gone, draft = (flow.goods.add(name) for name in ("same", "price", "sold", "gone", "draft"))
    flow.connect(publish=True)
    flow.synced(same, price, sold, gone, draft)
    listings = {listing["fields"]["title"]: listing["listing_id"] for listing in flow.at_etsy.listings()}
    (first, *others) = inventory_of(flow.at_etsy, listings["Sold"])["products"]
    first["offerings"][0]["quantity"] -= 2
    flow.at_etsy.edit(listings["Sold"], inventory={"products": [first, *others]})
    flow.at_etsy.remove(listings["Gone"])
    flow.goods.reprice(price, 20)
    flow.goods.change(draft, status="draft")
    before = flow.at_etsy.last_call()

    flow.run("etsy_daily_job")
    assert flow.at_etsy.writes(after=before) == []
    assert flow.statuses() == {same: "synced", price: "pending", sold: "synced", gone: "failed", draft: "pending"}
    job = flow.jobs[0]
    assert job.status is JobStatus.PENDING
    assert job.expires_at > datetime.now(UTC) + timedelta(hours=19)
    message = flow.goods.sandbox.slack_messages()[-1]["text"]
    for told in (
        "1 to update, 1 to take out of sale",
        f"went, probably sold there: {LEVEL - 2} are offered, although Medusa has {LEVEL}.",
        "Gone: Its listing was deleted on Etsy",
        "No listing fee",
    ):
        assert told in message
    plan = flow.table("etsy_listing_plan").filter(kind="change")
    changes = {(row["title"], row["field"]): (row["before"], row["after"]) for row in plan.iter_rows(named=True)}
    assert changes[("Price", "price M")] == ("12.50", "20.00")
    assert not any(title == "Sold" for title, _ in changes)
    assert changes[("Draft", "state")] == ("active", "inactive")

    flow.etsy.jobs.confirm(job.transaction_id, "ann")
    (request,) = flow.tick()
    assert flow.started(request).success
    assert [call.operation for call in flow.at_etsy.writes(after=before)].count("updateListingInventory") == 1
    assert (
        next(one for one in flow.at_etsy.listings() if one["listing_id"] == listings["Draft"])["fields"]["state"]
        == "inactive"
    )
    flow.run("etsy_daily_job")
    assert flow.jobs[0].transaction_id == job.transaction_id
    assert flow.statuses() == {same: "synced", price: "synced", sold: "synced", gone: "failed", draft: "synced"}


def test_stock_that_goes_down_may_go_without_asking(flow: Flow) -> None:
    flow.pipeline.environment.setenv("ETSY_PUSH_STOCK_DOWN", "true")
    down, up = flow.goods.add("down"), flow.goods.add("up")
    flow.synced(down, up)
    flow.goods.restock(down, 2)
    flow.goods.restock(up, 9)
    flow.run("etsy_daily_job")
    by_status = {job.status: job for job in flow.jobs[:2]}
    assert [row.product_id for row in flow.etsy.jobs.products(by_status[JobStatus.PENDING].transaction_id)] == [up]
    confirmed = by_status[JobStatus.CONFIRMED]
    assert confirmed.confirmed_by == "ETSY_PUSH_STOCK_DOWN"
    (request,) = flow.tick()
    assert flow.started(request).success
    assert flow.statuses() == {down: "synced", up: "pending"}
    quantities = {
        listing["fields"]["title"]: [
            product["offerings"][0]["quantity"] for product in listing["inventory"]["products"]
        ]
        for listing in flow.at_etsy.listings()
    }
    assert quantities == {"Down": [2, 2], "Up": [LEVEL, LEVEL]}


def test_without_etsy_everything_else_works(pipeline: Pipeline) -> None:
    assert pipeline.end_of("etsy_daily_job").error is None
    app = App(Settings())
    result = (
        build_defs(Shops.of(app))
        .resolve_implicit_global_asset_job_def()
        .execute_in_process(
            asset_selection=[dg.AssetKey("etsy_listing_plan"), dg.AssetKey("etsy_listings")],
            instance=pipeline.instance,
            run_config={"loggers": CONSOLE},
        )
    )
    assert result.success
    assert app.tables.read("etsy_listings").collect().height == 0
    app.close()


def overdue(flow: Flow, job: EtsyJob) -> None:
    """Let the time of a job be over."""
    past = datetime.now(UTC) - timedelta(minutes=1)
    with flow.etsy.database.writing() as session:
        session.execute(sa.update(EtsyJob).where(EtsyJob.transaction_id == job.transaction_id).values(expires_at=past))


def inventory_of(etsy: EtsyHandle, listing_id: int) -> Any:
    return next(listing for listing in etsy.listings() if listing["listing_id"] == listing_id)["inventory"]


def test_a_person_may_say_that_what_went_on_etsy_is_booked(flow: Flow) -> None:
    lamp = flow.goods.add("lamp")
    flow.connect(publish=True)
    flow.synced(lamp)
    (listing,) = flow.at_etsy.listings()
    sku = listing["inventory"]["products"][0]["sku"]
    flow.at_etsy.sell(listing["listing_id"], {sku: 2})

    def offered(**config: Any) -> set[tuple[str, str]]:
        """Quantities that a request would change: as they are, and as they would be."""
        flow.run("etsy_request_job", request_etsy_products={"products": [lamp], **config})
        plan = flow.table("etsy_listing_plan").filter(kind="change")
        flow.etsy.jobs.reject(flow.jobs[0].transaction_id, "ann")
        rows = plan.iter_rows(named=True)
        return {(row["before"], row["after"]) for row in rows if row["field"].startswith("quantity")}

    assert offered() == set()
    assert offered(sold_is_booked=True) == {(str(LEVEL - 2), str(LEVEL))}
