"""Jobs and links: a status moves only where it may, of two that race one wins, and nothing pending is left behind."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from awin_medusa_pipeline.core.store.database import Database, open_database
from awin_medusa_pipeline.etsy.domain.config import EtsyAccountConfig
from awin_medusa_pipeline.etsy.domain.memory import ListingMemory
from awin_medusa_pipeline.etsy.domain.plan import Proposal
from awin_medusa_pipeline.etsy.store.jobs import (
    MOVES,
    EtsyJob,
    EtsyJobError,
    EtsyJobs,
    JobStatus,
    ProductOutcome,
    RequestedProduct,
)
from awin_medusa_pipeline.etsy.store.links import EtsyJobLostError, EtsyLinks, SyncStatus
from awin_medusa_pipeline.etsy.store.models import EtsyAccount

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


class Shop:
    """A store with one account, and what the tests do with it."""

    def __init__(self, database: Database) -> None:
        self.database, self.clock = database, Clock()
        self.jobs, self.links = EtsyJobs(database, now=self.clock), EtsyLinks(database, now=self.clock)
        account = EtsyAccount(
            shop_id=1,
            shop_name="Shop",
            currency="EUR",
            token_generation=1,
            api_config=EtsyAccountConfig(),
            is_active=True,
            connected_at=NOW,
        )
        with database.writing() as session:
            session.add(account)
        self.account = account.id

    def request(self, *products: str, **refused: str) -> EtsyJob:
        wanted = [RequestedProduct(name, name.title(), Proposal.CREATE, refused.get(name)) for name in products]
        return self.jobs.request(self.account, wanted, requested_by="ann", confirm_within=HOUR)

    def claimed(self, *products: str, run: str = "run") -> EtsyJob:
        job = self.request(*products)
        self.jobs.confirm(job.transaction_id, "bob")
        return self.jobs.claim(job.transaction_id, run)

    def synced(self, *products: str) -> EtsyJob:
        job = self.claimed(*products)
        for number, product in enumerate(products, 100):
            self.links.save_listing(job, product, number, None)
            self.links.mark_synced(job, product)
        return self.jobs.finish(job.transaction_id, "run")

    def statuses(self) -> dict[str, str]:
        return {link.product_id: str(link.sync_status) for link in self.links.of_account(self.account)}

    def outcomes(self, job: EtsyJob) -> dict[str, str]:
        return {row.product_id: str(row.outcome) for row in self.jobs.products(job.transaction_id)}


@pytest.fixture
def shop(database: Database) -> Shop:
    return Shop(database)


def test_from_request_to_completion(shop: Shop) -> None:
    job = shop.request("a", "b", "c", c="Its title is empty.")
    assert (job.status, job.total_products, job.expires_at) == (JobStatus.PENDING, 2, NOW + HOUR)
    assert shop.statuses() == {"a": "pending", "b": "pending"}
    assert shop.outcomes(job) == {"a": "pending", "b": "pending", "c": "refused"}

    assert shop.jobs.confirm(job.transaction_id, "bob").confirmed_by == "bob"
    job = shop.jobs.claim(job.transaction_id, "run")
    intent = shop.links.record_intent(job, "a", title="A", content_hash="h")
    assert shop.links.of_products(shop.account, ["a"])["a"].memory.intent == intent
    shop.clock.now += timedelta(minutes=1)
    assert shop.links.record_intent(job, "a", title="A", content_hash="h", since=intent.at).at == intent.at
    shop.clock.now = NOW
    shop.links.save_listing(job, "a", 2**40, "https://etsy.test/a", state="draft")
    shop.links.update_memory(job, "a", written={"title": "A"}, image_ids={"sha": 7})
    shop.links.mark_synced(job, "a", images_hash="m")
    shop.links.mark_failed(job, "b", "Etsy said no. Do something.")

    job = shop.jobs.finish(job.transaction_id, "run")
    assert (job.status, job.synced_count, job.failed_count) == (JobStatus.FAILED, 1, 1)
    assert job.error_log == [
        {"at": NOW.isoformat(), "attempt": 1, "product_id": "b", "error": "Etsy said no. Do something."}
    ]
    link = shop.links.of_products(shop.account, ["a"])["a"]
    assert (link.etsy_listing_id, link.etsy_url, link.last_synced_at) == (2**40, "https://etsy.test/a", NOW)
    assert link.memory.model_dump(exclude_defaults=True) == {
        "written": {"title": "A"},
        "images_hash": "m",
        "image_ids": {"sha": 7},
        "state": "draft",
    }
    assert shop.links.of_products(shop.account, ["b"])["b"].sync_error == "Etsy said no. Do something."
    assert shop.statuses() == {"a": "synced", "b": "failed"}


def test_every_product_well_completes_a_job(shop: Shop) -> None:
    job = shop.synced("a", "b")
    assert (job.status, job.synced_count, job.failed_count, job.completed_at) == (JobStatus.COMPLETED, 2, 0, NOW)
    again = shop.claimed("a")
    shop.links.mark_synced(again, "a", changed=False)
    assert shop.jobs.finish(again.transaction_id, "run").synced_count == 1
    assert shop.outcomes(again) == {"a": "unchanged"}


def test_a_request_that_nobody_confirms_leaves_all_as_it_was(shop: Shop) -> None:
    shop.synced("old", "changed")
    shop.links.mark_out_of_sync(shop.account, ["changed", "unknown"])
    before = [dict(vars(link), _sa_instance_state=None) for link in shop.links.of_account(shop.account)]
    job = shop.request("old", "changed", "new")
    shop.clock.now += HOUR
    with pytest.raises(EtsyJobError, match=r"Confirming the Etsy job etsy_\w+: confirmation timed out\. Request it"):
        shop.jobs.confirm(job.transaction_id, "bob")
    assert [dropped.transaction_id for dropped in shop.jobs.expire_overdue()] == [job.transaction_id]
    assert shop.jobs.expire_overdue() == []
    job = shop.jobs.get(job.transaction_id)
    assert (job.status, job.error_log[-1]["error"]) == (JobStatus.FAILED, "confirmation timed out")
    assert set(shop.outcomes(job).values()) == {"dismissed"}
    assert [dict(vars(link), _sa_instance_state=None) for link in shop.links.of_account(shop.account)] == before
    with pytest.raises(EtsyJobError, match=r"it is failed \(confirmation timed out\)\. Request it again"):
        shop.jobs.confirm(job.transaction_id, "bob")
    with pytest.raises(EtsyJobError, match="Retrying"):
        shop.jobs.retry(job.transaction_id, "bob")


@pytest.mark.parametrize("confirmed", [False, True])
def test_rejecting(shop: Shop, confirmed: bool) -> None:
    job = shop.request("a")
    if confirmed:
        shop.jobs.confirm(job.transaction_id, "bob")
    assert shop.jobs.reject(job.transaction_id, "cy").status is JobStatus.FAILED
    assert shop.statuses() == {}
    for act in (shop.jobs.confirm, shop.jobs.retry, shop.jobs.claim, shop.jobs.reject):
        with pytest.raises(EtsyJobError, match=r"it is failed \(rejected by cy\)"):
            act(job.transaction_id, "bob")


def test_a_product_is_in_one_open_job_at_a_time(shop: Shop) -> None:
    first, second = shop.request("a", "b"), shop.request("b", "c", "c")
    assert second.total_products == 1
    assert [(row.outcome, row.error) for row in shop.jobs.products(second.transaction_id)] == [
        (ProductOutcome.REFUSED, "Another open job has it."),
        (ProductOutcome.PENDING, None),
    ]
    with pytest.raises(EtsyJobError, match="no product is left: another open job has them"):
        shop.request("a")
    shop.jobs.reject(second.transaction_id, "ann")
    assert shop.statuses() == {"a": "pending", "b": "pending"}
    shop.jobs.reject(first.transaction_id, "ann")
    assert shop.statuses() == {}
    assert len(shop.jobs.all()) == 2  # the one without products was not kept


def test_only_one_run_has_a_job(shop: Shop) -> None:
    job = shop.claimed("a", run="first")
    assert shop.jobs.claim(job.transaction_id, "first").run_id == "first"
    with pytest.raises(EtsyJobError, match=r"Starting .*it is processing"):
        shop.jobs.claim(job.transaction_id, "second")
    with pytest.raises(EtsyJobError, match=r"Ending .*it is processing"):
        shop.jobs.finish(job.transaction_id, "second")
    with pytest.raises(EtsyJobError, match=r"Rejecting .*it is processing"):
        shop.jobs.reject(job.transaction_id, "ann")


def test_a_run_that_died_is_retried_for_what_it_left(shop: Shop) -> None:
    dead = shop.claimed("a", "b", "c", run="dead")
    shop.links.save_listing(dead, "a", 1, None)
    shop.links.mark_synced(dead, "a")
    shop.links.save_listing(dead, "b", 2, None)  # killed right after
    assert [job.run_id for job in shop.jobs.all(JobStatus.PROCESSING)] == ["dead"]
    job = shop.jobs.finish(dead.transaction_id, "dead", stopped="Its run died.")
    assert (job.status, job.synced_count, job.failed_count) == (JobStatus.FAILED, 1, 2)
    assert shop.statuses() == {"a": "synced", "b": "failed", "c": "failed"}

    assert shop.jobs.retry(job.transaction_id, "ann").attempt == 2
    job = shop.jobs.claim(job.transaction_id, "next")
    assert (job.total_products, job.synced_count, job.failed_count) == (3, 1, 0)
    assert [row.product_id for row in shop.jobs.products(job.transaction_id, ProductOutcome.PENDING)] == ["b", "c"]
    assert shop.links.of_products(shop.account, ["b"])["b"].etsy_listing_id == 2
    for act in (
        lambda: shop.links.mark_synced(dead, "b"),
        lambda: shop.links.mark_failed(dead, "b", "late"),
        lambda: shop.links.save_listing(dead, "b", 3, None),
        lambda: shop.links.update_memory(dead, "b", state="draft"),
    ):
        with pytest.raises(EtsyJobLostError, match="taken for dead"):
            act()
    shop.links.mark_synced(job, "b")
    shop.links.mark_synced(job, "c")
    job = shop.jobs.finish(job.transaction_id, "next")
    assert (job.status, job.synced_count, job.failed_count) == (JobStatus.COMPLETED, 3, 0)
    assert [entry["attempt"] for entry in job.error_log] == [1, 1]


def test_rejecting_a_retry_keeps_what_the_first_attempt_made(shop: Shop) -> None:
    job = shop.claimed("a")
    shop.links.save_listing(job, "a", 9, None)
    shop.links.mark_failed(job, "a", "no image")
    shop.jobs.finish(job.transaction_id, "run")
    shop.jobs.retry(job.transaction_id, "ann")
    shop.jobs.reject(job.transaction_id, "ann")
    link = shop.links.of_products(shop.account, ["a"])["a"]
    assert (link.sync_status, link.etsy_listing_id, link.sync_error) == (SyncStatus.FAILED, 9, "no image")
    with pytest.raises(EtsyJobError, match=r"rejected by ann"):
        shop.jobs.retry(job.transaction_id, "ann")


def test_a_retry_leaves_out_what_another_job_has(shop: Shop) -> None:
    job = shop.claimed("a", "b")
    for product in ("a", "b"):
        shop.links.mark_failed(job, product, "no")
    shop.jobs.finish(job.transaction_id, "run")
    other = shop.request("a")
    assert shop.jobs.retry(job.transaction_id, "ann").failed_count == 1
    assert shop.outcomes(job) == {"a": "failed", "b": "pending"}
    shop.jobs.reject(other.transaction_id, "ann")
    assert shop.statuses() == {"a": "failed", "b": "pending"}


def test_two_products_never_share_a_listing(shop: Shop) -> None:
    job = shop.claimed("a", "b")
    shop.links.save_listing(job, "a", 5, None)
    with pytest.raises(sa.exc.IntegrityError):
        shop.links.save_listing(job, "b", 5, None)
    shop.links.forget_listing(job, "a")
    shop.links.save_listing(job, "b", 5, None)


def test_out_of_sync_only_from_synced(shop: Shop) -> None:
    shop.synced("a", "b")
    failed = shop.claimed("c")
    shop.links.mark_failed(failed, "c", "no")
    shop.jobs.finish(failed.transaction_id, "run")
    shop.request("b")
    assert shop.links.mark_out_of_sync(shop.account, ["a", "b", "c", "d"]) == ["a"]
    assert shop.statuses() == {"a": "out_of_sync", "b": "pending", "c": "failed"}


def test_what_a_look_at_etsy_tells_is_kept_unless_a_job_has_the_product(shop: Shop) -> None:
    shop.synced("a", "b")
    seen = ListingMemory(seen={"title": "A"}, state="expired")
    assert shop.links.record_shown(shop.account, "a", seen)
    assert shop.links.mark_deleted(shop.account, "b", "It was deleted on Etsy.")
    links = shop.links.of_products(shop.account, ["a", "b"])
    assert (links["a"].memory, links["a"].etsy_listing_id, links["a"].sync_status) == (seen, 100, "synced")
    assert (links["b"].memory, links["b"].etsy_listing_id) == (ListingMemory(), None)
    assert (links["b"].sync_status, links["b"].sync_error) == ("failed", "It was deleted on Etsy.")
    shop.request("a")
    assert not shop.links.record_shown(shop.account, "a", ListingMemory())
    assert not shop.links.mark_deleted(shop.account, "a", "Gone.")
    assert shop.links.of_products(shop.account, ["a"])["a"].memory == seen


def test_a_job_is_found_by_the_beginning_of_its_id(shop: Shop) -> None:
    job = shop.request("a")
    for start in (job.transaction_id, job.transaction_id[:9], job.transaction_id.removeprefix("etsy_")[:4]):
        assert shop.jobs.find(start).transaction_id == job.transaction_id
    for start, told in {
        **dict.fromkeys(("etsy_", "", job.transaction_id[:8]), "at least 4 letters"),
        **dict.fromkeys(("etsy_0000", "%%%%"), "there is none"),
    }.items():
        with pytest.raises(EtsyJobError, match=told):
            shop.jobs.find(start)


def test_prune_keeps_open_jobs_and_all_links(shop: Shop) -> None:
    shop.synced("a")
    shop.request("b")
    assert shop.jobs.prune(NOW) == 0
    assert shop.jobs.prune(NOW + HOUR) == 1
    assert [job.status for job in shop.jobs.all()] == [JobStatus.PENDING]
    assert shop.statuses() == {"a": "synced", "b": "pending"}


def test_confirm_racing_with_expiry_has_one_winner(shop: Shop, another: Callable[[], Database]) -> None:
    """The clocks of the two differ, as those of two machines do, so that each believes to be right."""
    with another() as first, another() as second:
        confirming, expiring = EtsyJobs(first, now=lambda: NOW), EtsyJobs(second, now=lambda: NOW + HOUR)
        for _ in range(20):
            job, together = shop.request("a"), threading.Barrier(2)

            def confirm(job: EtsyJob = job, together: threading.Barrier = together) -> bool:
                together.wait(timeout=30)
                try:
                    return confirming.confirm(job.transaction_id, "bob").status is JobStatus.CONFIRMED
                except EtsyJobError:
                    return False

            def expire(together: threading.Barrier = together) -> bool:
                together.wait(timeout=30)
                return bool(expiring.expire_overdue())

            with ThreadPoolExecutor(2) as threads:
                confirmed, expired = threads.submit(confirm), threads.submit(expire)
                assert confirmed.result() != expired.result()
            end = shop.jobs.get(job.transaction_id)
            assert end.status is (JobStatus.CONFIRMED if confirmed.result() else JobStatus.FAILED)
            assert shop.statuses() == ({"a": "pending"} if confirmed.result() else {})
            if confirmed.result():
                shop.jobs.reject(job.transaction_id, "ann")


def test_two_runs_that_claim_at_once(shop: Shop, another: Callable[[], Database]) -> None:
    job = shop.request("a")
    shop.jobs.confirm(job.transaction_id, "bob")
    together = threading.Barrier(4)

    def claim(run: str) -> bool:
        with another() as mine:
            together.wait(timeout=30)
            try:
                return EtsyJobs(mine).claim(job.transaction_id, run).run_id == run
            except EtsyJobError:
                return False

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(claim, "abcd")) == 1


def test_two_requests_for_the_same_products_at_once(shop: Shop, another: Callable[[], Database]) -> None:
    products, together = [f"p{number}" for number in range(20)], threading.Barrier(3)

    def ask(order: int) -> int:
        asked = [RequestedProduct(product, product, "create") for product in products[:: order or 1]]
        with another() as mine:
            together.wait(timeout=30)
            try:
                job = EtsyJobs(mine, now=shop.clock).request(
                    shop.account, asked, requested_by="ann", confirm_within=HOUR
                )
            except EtsyJobError:
                return 0
            return job.total_products

    with ThreadPoolExecutor(3) as threads:
        assert sum(threads.map(ask, (1, -1, -1))) == 20


class Moves(RuleBasedStateMachine):
    """Anything that people, sensors and runs may do, in any order, on products that several jobs want."""

    PRODUCTS = ("a", "b", "c")
    pick = st.integers(0, 30)

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.database = open_database(f"sqlite:///{Path(self.folder.name) / 'state.db'}")
        self.shop = Shop(self.database)
        self.seen: dict[str, JobStatus] = {}
        self.number = 0

    def teardown(self) -> None:
        self.database.close()
        self.folder.cleanup()

    @initialize()
    def begin(self) -> None:
        job = self.shop.synced("a")
        self.seen[job.transaction_id] = job.status

    def some_job(self, pick: int) -> EtsyJob:
        jobs = self.shop.jobs.all()
        return jobs[pick % len(jobs)]

    def attempt(self, act: Callable[[], Any]) -> None:
        try:
            act()
        except (EtsyJobError, EtsyJobLostError):
            return

    @rule(products=st.lists(st.sampled_from(PRODUCTS), min_size=1, unique=True))
    def ask(self, products: list[str]) -> None:
        self.attempt(lambda: self.shop.request(*products))

    @rule(pick=pick)
    def confirm(self, pick: int) -> None:
        self.attempt(lambda: self.shop.jobs.confirm(self.some_job(pick).transaction_id, "bob"))

    @rule(pick=pick)
    def reject(self, pick: int) -> None:
        self.attempt(lambda: self.shop.jobs.reject(self.some_job(pick).transaction_id, "bob"))

    @rule(pick=pick)
    def claim(self, pick: int) -> None:
        self.number += 1
        self.attempt(lambda: self.shop.jobs.claim(self.some_job(pick).transaction_id, f"run{self.number}"))

    @rule(pick=pick, well=st.booleans(), product=st.sampled_from(PRODUCTS))
    def settle(self, pick: int, well: bool, product: str) -> None:
        job = self.some_job(pick)
        if self.shop.outcomes(job).get(product) == "pending":
            links = self.shop.links
            self.attempt(lambda: links.mark_synced(job, product) if well else links.mark_failed(job, product, "no"))

    @rule(pick=pick)
    def finish(self, pick: int) -> None:
        job = self.some_job(pick)
        self.attempt(lambda: self.shop.jobs.finish(job.transaction_id, job.run_id or ""))

    @rule(pick=pick)
    def retry(self, pick: int) -> None:
        self.attempt(lambda: self.shop.jobs.retry(self.some_job(pick).transaction_id, "bob"))

    @rule()
    def time_passes(self) -> None:
        self.shop.clock.now += HOUR
        self.shop.jobs.expire_overdue()

    @rule()
    def products_change(self) -> None:
        self.shop.links.mark_out_of_sync(self.shop.account, self.PRODUCTS)

    @invariant()
    def only_allowed_moves(self) -> None:
        for job in self.shop.jobs.all():
            before = self.seen.get(job.transaction_id, JobStatus.PENDING)
            assert job.status is before or job.status in MOVES[before], (before, job.status)
            self.seen[job.transaction_id] = job.status

    @invariant()
    def counts_are_those_of_the_products(self) -> None:
        for job in self.shop.jobs.all():
            outcomes = [row.outcome for row in self.shop.jobs.products(job.transaction_id)]
            assert job.failed_count == outcomes.count(ProductOutcome.FAILED)
            done = outcomes.count(ProductOutcome.SYNCED) + outcomes.count(ProductOutcome.UNCHANGED)
            assert job.synced_count == done
            assert job.total_products == len(outcomes) - outcomes.count(ProductOutcome.REFUSED)

    @invariant()
    def a_link_is_pending_while_its_job_is_open(self) -> None:
        over = (JobStatus.COMPLETED, JobStatus.FAILED)
        waiting = {
            (job.transaction_id, row.product_id)
            for job in self.shop.jobs.all()
            if job.status not in over
            for row in self.shop.jobs.products(job.transaction_id, ProductOutcome.PENDING)
        }
        links = self.shop.links.of_account(self.shop.account)
        assert {(link.transaction_id, link.product_id) for link in links if link.transaction_id} == waiting
        assert all((link.sync_status is SyncStatus.PENDING) == (link.transaction_id is not None) for link in links)

    @invariant()
    def what_was_on_etsy_is_not_forgotten(self) -> None:
        assert self.shop.links.of_products(self.shop.account, ["a"])["a"].etsy_listing_id == 100


def test_any_order_of_moves() -> None:
    run_state_machine_as_test(Moves, settings=settings(max_examples=15, stateful_step_count=25, deadline=None))


def test_a_move_that_is_not_allowed_is_a_mistake_of_ours(shop: Shop) -> None:
    job = shop.request("a")
    wrong = [(source, to) for source in JobStatus for to in JobStatus if to not in MOVES[source]]
    for source, to in wrong:
        with pytest.raises(ValueError, match="never goes from"), shop.database.writing() as session:
            EtsyJobs._move(session, job.transaction_id, source, to)
