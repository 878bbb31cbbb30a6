"""A whole job on the Etsy stand-in: every fault at every call, a kill at every call, and what stops a job."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

import httpx
import pytest

from awin_medusa_pipeline.core.errors import TransientError
from awin_medusa_pipeline.core.messages import Line, line_text
from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.etsy.client.errors import DailyBudgetError
from awin_medusa_pipeline.etsy.domain.plan import Proposal
from awin_medusa_pipeline.etsy.engine.jobs import JobResult, JobRun, claim_job, retry_job, sync_claimed_job, tidy_jobs
from awin_medusa_pipeline.etsy.engine.product_sync import ListingResult
from awin_medusa_pipeline.etsy.store.jobs import EtsyJobError, JobStatus, ProductOutcome, RequestedProduct
from awin_medusa_pipeline.etsy.store.links import EtsyJobLostError
from awin_medusa_pipeline.etsy.store.models import EtsyJob
from awin_medusa_pipeline.medusa.models import ShopProduct
from awin_medusa_pipeline.remedies import command, sentence
from awin_medusa_pipeline.sandbox.etsy.faults import FaultKind
from awin_medusa_pipeline.sandbox.etsy.handle import EtsyHandle
from awin_medusa_pipeline_tests.support.etsy_laboratory import EtsyLaboratory, failures, laboratory
from awin_medusa_pipeline_tests.support.etsy_products import account_config, grid, variant


@pytest.fixture
def lab(etsy: EtsyHandle, etsy_store: Database) -> Iterator[EtsyLaboratory]:
    with laboratory(etsy, etsy_store, publish=True) as lab:
        yield lab


def make_all_calls(lab: EtsyLaboratory) -> None:
    """One new product, and one of which everything has changed: a job of these makes every call there is."""
    lab.add("prod_1", *grid("rb", "S"))
    lab.sync()
    lab.add("prod_1", variant(quantity=1), title="Changed", images=("c", "b"))
    lab.add("prod_2", *grid("rb", "SM"))


OPERATIONS = ("createDraftListing", "updateListingInventory", "uploadListingImage", "updateListing")
LOOK = "getListingsByListingIds"
GOT_OVER = (
    FaultKind.SERVER_ERROR,
    FaultKind.SERVER_ERROR_AFTER,
    FaultKind.DROPPED_AFTER,
    FaultKind.RESET,
    FaultKind.BAD_GATEWAY,
    FaultKind.LIMIT_OF_SECOND,
    FaultKind.TOKEN_EXPIRED,
    FaultKind.SLOW,
)


@pytest.mark.parametrize("kind", GOT_OVER)
def test_a_fault_that_is_got_over_at_each_call(kind: FaultKind, lab: EtsyLaboratory) -> None:
    make_all_calls(lab)
    for operation in (*OPERATIONS, LOOK):
        lab.etsy.inject(kind, on=operation)
    result = lab.sync()
    state = lab.etsy.state()
    assert all(plan["struck"] for plan in state["faults"])
    assert (failures(result), result.stopped, result.job.status) == ([], None, JobStatus.COMPLETED)
    assert len(state["images"]) == 5  # none was uploaded twice
    assert (lab.wrong(), len(lab.etsy.fees())) == ([], 2)


@pytest.mark.parametrize("operation", [name for name in OPERATIONS if name != "uploadListingImage"])
@pytest.mark.parametrize("kind", [FaultKind.ARRAY_ERROR, FaultKind.KEYED_ERROR])
def test_a_refusal_at_a_call_fails_one_product(kind: FaultKind, operation: str, lab: EtsyLaboratory) -> None:
    make_all_calls(lab)
    lab.etsy.inject(kind, on=operation)
    job = lab.confirmed()
    result = lab.run(job)
    (failed,) = failures(result)
    assert "HTTP 400 title/1: contains invalid characters" in str(failed.sentence)
    assert (result.stopped, len(result.outcomes), result.job.status) == (None, 2, JobStatus.FAILED)
    (outcome,) = lab.retry(job).outcomes
    assert (outcome.product_id, lab.wrong(), len(lab.etsy.fees())) == (failed.product_id, [], 2)
    # Nothing was in doubt, so nothing was searched for.
    assert lab.etsy.calls("getListingsByShop") == []


@pytest.mark.parametrize("operation", [*OPERATIONS, LOOK])
def test_the_end_of_the_day_at_a_call_ends_the_job(operation: str, lab: EtsyLaboratory) -> None:
    make_all_calls(lab)
    job = lab.confirmed()
    lab.etsy.inject(FaultKind.LIMIT_OF_DAY, on=operation)
    result = lab.run(job)
    assert isinstance(result.stopped, DailyBudgetError)
    assert "Exceeded daily rate limit" in str(result.stopped)
    assert result.job.status is JobStatus.FAILED
    assert lab.retry(job).job.status is JobStatus.COMPLETED
    assert (lab.wrong(), len(lab.etsy.fees())) == ([], 2)


def test_what_is_done_but_was_not_looked_at_is_not_done_again(lab: EtsyLaboratory) -> None:
    lab.add()
    job = lab.confirmed()
    lab.etsy.inject(FaultKind.LIMIT_OF_DAY, on=LOOK)
    lab.run(job)
    before = lab.etsy.last_call()
    (outcome,) = lab.retry(job).outcomes
    assert (outcome.result, lab.etsy.writes(after=before)) == (ListingResult.UPDATED, [])
    assert (lab.wrong(), len(lab.etsy.fees())) == ([], 1)


class Killed(BaseException):
    """The process was killed."""


class KillingTransport(httpx.HTTPTransport):
    """Passes so many calls; dies instead of the next one, or as soon as it is answered."""

    def __init__(self, passed: int, *, after: bool) -> None:
        super().__init__()
        self.left, self.after = passed, after

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.left -= 1
        if self.left < 0 and not self.after:
            raise Killed
        response = super().handle_request(request)
        if self.left < 0:
            response.read()
            response.close()
            raise Killed
        return response


@pytest.mark.parametrize("after", [False, True], ids=["before it is sent", "after it is answered"])
def test_killed_again_and_again(after: bool, lab: EtsyLaboratory) -> None:
    """Each attempt comes one call further than the one before; together they come to an end, and nothing is twice."""
    make_all_calls(lab)
    job = lab.confirmed()
    attempt: Callable[[EtsyJob], JobResult] = lab.run
    killed = 0
    for passed in range(40):
        lab.transport = KillingTransport(passed, after=after)
        try:
            attempt(job)
            break
        except Killed:
            attempt, killed = lab.retry_dead, killed + 1
    assert killed >= 5
    assert (lab.wrong(), len(lab.etsy.fees())) == ([], 2)


@pytest.mark.parametrize("after", [False, True], ids=["before it is sent", "after it is answered"])
def test_killed_once_at_any_call(after: bool, lab: EtsyLaboratory) -> None:
    """One job for each call that there is, killed there."""
    for passed in range(40):
        product_id = f"prod_{passed}"
        lab.add(product_id, *grid("rb", "S"))
        job = lab.confirmed(product_id)
        lab.transport = KillingTransport(passed, after=after)
        try:
            lab.run(job)
            break
        except Killed:
            lab.transport = None
            lab.retry_dead(job)
            assert lab.wrong() == []
    assert passed >= 7
    assert len(lab.etsy.fees()) == passed + 1


def test_killed_after_taking_down_it_still_comes_back(lab: EtsyLaboratory) -> None:
    lab.add()
    lab.sync()
    shown = lab.products["prod_1"]
    lab.products["prod_1"] = shown.model_copy(update={"status": "draft"})
    job = lab.confirmed()
    lab.transport = KillingTransport(1, after=True)
    with pytest.raises(Killed):
        lab.run(job)
    lab.transport = None
    lab.retry_dead(job)
    assert lab.wrong() == ["prod_1: state"]
    lab.products["prod_1"] = shown
    lab.sync()
    assert (lab.wrong(), len(lab.etsy.fees())) == ([], 1)


PUBLISHING = [("500", 2), ("500_after", 1), ("dropped_after", 1), ("reset", 2)]


@pytest.mark.parametrize(("kind", "sent"), PUBLISHING, ids=[kind for kind, _ in PUBLISHING])
def test_publishing_is_looked_at_before_it_is_sent_again(kind: str, sent: int, lab: EtsyLaboratory) -> None:
    lab.add()
    lab.etsy.inject(kind, on="updateListing")
    lab.sync()
    assert len(lab.etsy.calls("updateListing")) == sent
    assert lab.etsy.calls("getListing")
    assert (lab.wrong(), len(lab.etsy.fees())) == ([], 1)


def test_drafts_of_others_are_not_taken_over(lab: EtsyLaboratory) -> None:
    """Same title each: one from before, one that another product has, one with another product's SKU."""
    lab.config = lab.config.model_copy(update={"publish": False})
    lab.accounts.configure(lab.account_id, lab.config)
    for product_id, sku in (("old", None), ("linked", None), ("foreign", "another")):
        lab.add(product_id, variant(sku), title="Lamp")
        lab.sync(product_id)
    old, linked, foreign = (lab.link(product_id).etsy_listing_id for product_id in ("old", "linked", "foreign"))
    lab.etsy.edit(int(old or 0), fields={"created_timestamp": 1_700_000_000})
    with lab.database.writing() as session:
        for product_id in ("old", "foreign"):
            session.delete(lab.link(product_id))
    lab.add("prod_1", title="Lamp")
    lab.etsy.inject("500_after", on="createDraftListing")
    (outcome,) = lab.sync("prod_1").outcomes
    assert outcome.result is ListingResult.CREATED
    assert outcome.listing_id not in (old, linked, foreign)
    assert len(lab.etsy.listings()) == 4


def test_several_drafts_that_fit_are_a_question_for_a_person(lab: EtsyLaboratory) -> None:
    lab.add()
    job = lab.confirmed()
    lab.etsy.inject("500_after", on="createDraftListing")
    lab.etsy.inject("500", on="getListingsByShop", times=6)
    (outcome,) = failures(lab.run(job))
    twin = lab.client(lab.accounts.get(lab.account_id)).create_draft(lab.wanted("prod_1").draft)
    (outcome,) = failures(lab.retry(job))
    first = lab.etsy.listings()[0]["listing_id"]
    assert outcome.sentence == (
        "Looking for the draft of Lamp prod_1, of which Etsy's answer never came: several drafts on Etsy fit "
        f"({twin.listing_id}, {first}). Delete those that are not needed on Etsy, all but one at most; then try again."
    )
    lab.etsy.remove(twin.listing_id)
    (outcome,) = lab.retry(job).outcomes
    assert (outcome.listing_id, lab.wrong()) == (first, [])


def test_content_that_changed_since_is_sent_to_a_draft_that_is_taken_over(lab: EtsyLaboratory) -> None:
    lab.add(title="Lamp", description="Before.")
    job = lab.confirmed()
    lab.transport = KillingTransport(0, after=True)
    with pytest.raises(Killed):
        lab.run(job)
    lab.transport = None
    lab.add(title="Lamp of oak", description="After.")
    lab.retry_dead(job)
    assert lab.wrong() == []


def many(lab: EtsyLaboratory, number: int) -> None:
    for each in range(number):
        lab.add(f"prod_{each}", images=("a",))


def test_one_failure_stops_no_other(lab: EtsyLaboratory) -> None:
    many(lab, 5)
    lab.etsy.inject("array_error", on="createDraftListing", skip=2)
    job = lab.confirmed()
    result = lab.run(job)
    assert (len(result.outcomes), len(failures(result))) == (5, 1)
    assert {outcome.result for outcome in result.outcomes} == {ListingResult.CREATED, ListingResult.FAILED}
    assert (result.job.synced_count, result.job.failed_count) == (4, 1)
    assert [entry["product_id"] for entry in result.job.error_log] == ["prod_2"]
    assert [outcome.product_id for outcome in lab.retry(job).outcomes] == ["prod_2"]
    assert lab.wrong() == []


STOPS = [
    ("500", "createDraftListing", 3, "HTTP 500"),
    ("429_day", "createDraftListing", 0, "Exceeded daily rate limit"),
]


@pytest.mark.parametrize(("kind", "operation", "failed", "said"), STOPS, ids=["Etsy is down", "the day is over"])
def test_what_stops_a_job(kind: str, operation: str, failed: int, said: str, lab: EtsyLaboratory) -> None:
    many(lab, 6)
    lab.etsy.inject(kind, on=operation, times=None, skip=1)
    job = lab.confirmed()
    progress: list[tuple[int, int]] = []
    result = lab.run(job, progress=lambda done, total: progress.append((done, total)))
    assert len(failures(result)) == failed
    assert said in str(result.stopped)
    assert progress == [(done, 6) for done in range(1, len(result.outcomes) + 1)]
    lab.etsy.heal()
    assert lab.retry(job).job.status is JobStatus.COMPLETED
    assert (lab.wrong(), len(lab.etsy.fees())) == ([], 6)


def test_failures_that_are_not_in_a_row_stop_nothing(lab: EtsyLaboratory) -> None:
    many(lab, 6)
    for skip in (0, 1, 2):
        lab.etsy.inject("500", on="createDraftListing", times=3, skip=skip)
    result = lab.sync()
    assert [outcome.product_id for outcome in failures(result)] == ["prod_0", "prod_2", "prod_4"]
    created = [outcome.result for outcome in result.outcomes].count(ListingResult.CREATED)
    assert (created, result.stopped) == (3, None)


def test_an_app_that_etsy_refuses_stops_the_job(lab: EtsyLaboratory) -> None:
    many(lab, 2)
    lab.names["ETSY_SHARED_SECRET"] = "another"
    result = lab.sync()
    assert "Check ETSY_KEYSTRING and ETSY_SHARED_SECRET" in str(result.stopped)
    assert (result.outcomes, result.job.failed_count) == ((), 2)
    assert len(lab.etsy.calls()) == 1


def test_a_shop_that_is_not_connected_any_more(lab: EtsyLaboratory) -> None:
    many(lab, 3)
    # A stand-in that knows none of its tokens any more.
    lab.etsy.reset()
    job = lab.confirmed()
    result = lab.run(job)
    assert result.stopped
    assert "Connect the shop again: awin-medusa etsy connect." in sentence(result.stopped)
    assert not isinstance(result.stopped, DailyBudgetError)
    assert (result.outcomes, lab.etsy.listings()) == ((), [])
    lab.connect()
    lab.retry(job)
    assert lab.wrong() == []


def test_medusa_that_does_not_answer_loses_nothing(lab: EtsyLaboratory) -> None:
    lab.add()
    job = lab.confirmed()
    read = lab.read

    def down(product_ids: object, currency: str) -> dict[str, ShopProduct]:
        raise TransientError("Reading products", "no connection", "Check that it is up.")

    lab.read = down  # type: ignore[method-assign]
    assert str(lab.run(job).stopped) == "Reading products: no connection. Check that it is up."
    assert lab.link().sync_error == "Reading products: no connection. Check that it is up."
    lab.read = read  # type: ignore[method-assign]
    lab.retry(job)
    assert lab.wrong() == []


def test_a_run_that_was_held_to_be_dead_sends_no_more(lab: EtsyLaboratory) -> None:
    many(lab, 2)
    job = lab.confirmed()

    def taken(done: int, total: int) -> None:
        raise AssertionError("nothing is done")

    read = lab.read

    def meanwhile(product_ids: list[str], currency: str) -> object:
        lab.jobs.finish(job.transaction_id, f"run-{job.transaction_id}-1", stopped="its run died")
        return read(product_ids, currency)

    lab.read = meanwhile  # type: ignore[method-assign, assignment]
    with pytest.raises(EtsyJobLostError):
        lab.run(job, progress=taken)
    assert lab.etsy.writes() == []
    lab.read = read  # type: ignore[method-assign]
    lab.retry(job)
    assert lab.wrong() == []
    with pytest.raises(EtsyJobError):
        lab.run(job)


class TakenWhileConnecting(httpx.HTTPTransport):
    """Lets the job be taken from its run when a call that changes the shop has been made ready."""

    def __init__(self, take: Callable[[], object], number: int) -> None:
        super().__init__()
        self._take, self._left = take, number

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method != "GET":
            self._left -= 1
            if self._left == 0:
                self._take()
        return super().handle_request(request)


@pytest.mark.parametrize("number", range(1, 6))
def test_the_call_that_was_ready_when_the_job_was_taken_is_not_sent(lab: EtsyLaboratory, number: int) -> None:
    lab.add("prod_0", images=("a", "b"))
    job = lab.confirmed()

    def take() -> None:
        lab.jobs.finish(job.transaction_id, f"run-{job.transaction_id}-1", stopped="its run died")

    lab.transport = TakenWhileConnecting(take, number)
    with pytest.raises(EtsyJobLostError):
        lab.run(job)
    assert len(lab.etsy.writes()) == number - 1
    lab.transport = None
    lab.retry(job)
    assert lab.wrong() == []


def test_stock_goes_down_when_the_rest_of_the_day_is_kept_for_it(lab: EtsyLaboratory) -> None:
    many(lab, 20)
    lab.sync()
    lab.add("prod_0", title="Another", images=("a",))
    lab.add("prod_2", variant("prod_2-sku", quantity=1), images=("a",))
    job = lab.confirmed("prod_0", "prod_2")
    lab.etsy.change(behind_seconds=0)
    # 10 calls are left of about 90: the shop, two looks of two calls, and the variants; for more than 5 % it is not
    # enough.
    lab.etsy.change(per_day=len(lab.etsy.calls()) + 10)
    result = lab.run(job)
    assert [(o.product_id, o.result) for o in result.outcomes] == [("prod_2", ListingResult.UPDATED)]
    assert "kept for stock going down" in str(result.stopped)
    lab.ahead = timedelta(days=2)
    lab.etsy.change(clock_ahead=2 * 86_400, per_day=1_000)
    lab.retry(job)
    assert lab.wrong() == []


def read_lines(lines: Sequence[Line]) -> list[str]:
    """Lines as a person at a command line reads them."""
    return [line_text(line, command) for line in lines]


def test_the_shop_owner_is_told_of_the_start_and_the_end_of_a_job(lab: EtsyLaboratory) -> None:
    many(lab, 2)
    job = lab.confirmed()
    assert lab.run(job).error == ()
    run_id = f"run-{job.transaction_id}-1"
    assert [(key, message.title) for key, message in lab.notified] == [
        (f"etsy-start-{run_id}", "Etsy shop Stand-in: 2 products on the way"),
        (f"etsy-end-{run_id}", "Etsy shop Stand-in: 2 synced"),
    ]


def test_a_job_that_failed_says_why_and_how_to_go_on_under_the_key_of_its_run(lab: EtsyLaboratory) -> None:
    many(lab, 2)
    lab.etsy.inject("array_error", on="createDraftListing")
    job = lab.confirmed()
    run = JobRun("run", "http://localhost:3000/runs/run", "failure-run")
    claim_job(lab.state(), job.transaction_id, run)
    result = sync_claimed_job(lab.state(), run, lab.read, lab.images)
    counted, reason, how = read_lines(result.error)
    assert counted == "1 synced, 1 failed."
    assert reason.startswith("Lamp prod_0: POST ")
    assert how == f"To try those that failed once more: awin-medusa etsy retry {job.transaction_id}"
    key, message = lab.notified[-1]
    assert (key, message.title, message.url) == ("failure-run", "Etsy shop Stand-in: 1 synced, 1 failed", run.url)
    assert read_lines(message.lines)[-1] == how


def test_a_job_that_was_stopped_says_which_command_helps(lab: EtsyLaboratory) -> None:
    many(lab, 1)
    job = lab.confirmed()
    lab.etsy.reset()
    _, reason, _ = read_lines(lab.run(job).error)
    assert reason.endswith("Connect the shop again: awin-medusa etsy connect")


def test_a_run_without_a_job_syncs_nothing(lab: EtsyLaboratory) -> None:
    with pytest.raises(EtsyJobError, match="it is processing none"):
        sync_claimed_job(lab.state(), JobRun("run"), lab.read, lab.images)


def test_tidying_ends_what_is_overdue_and_what_is_dead(lab: EtsyLaboratory) -> None:
    many(lab, 3)
    dead, alive = (lab.jobs.claim(lab.confirmed(f"prod_{n}").transaction_id, f"run-{n}") for n in (0, 1))
    waiting = lab.requested("prod_2")
    lab.ahead = timedelta(hours=2)
    ended = tidy_jobs(lab.state(), {"run-0": "Its run ended as failure", "run-1": None}.__getitem__)
    assert [(one.job.transaction_id, one.reason) for one in ended] == [
        (waiting.transaction_id, "confirmation timed out"),
        (dead.transaction_id, "Its run ended as failure"),
    ]
    assert [job.transaction_id for job in lab.jobs.all(JobStatus.PROCESSING)] == [alive.transaction_id]
    assert [key for key, _ in lab.notified] == [
        f"etsy-expired-{waiting.transaction_id}",
        f"etsy-died-{dead.transaction_id}-1",
    ]
    assert tidy_jobs(lab.state(), lambda run_id: None) == []


def test_a_job_is_retried_once_its_run_is_over(lab: EtsyLaboratory) -> None:
    many(lab, 1)
    job = lab.jobs.claim(lab.confirmed().transaction_id, "run-1")
    with pytest.raises(EtsyJobError, match="it is processing"):
        retry_job(lab.state(), job, "ann", {"run-1": None}.__getitem__)
    retried = retry_job(lab.state(), job, "ann", {"run-1": "Its run ended as failure"}.__getitem__)
    assert (retried.status, retried.attempt, retried.confirmed_by) == (JobStatus.CONFIRMED, 2, "ann")
    assert [key for key, _ in lab.notified] == [f"etsy-died-{job.transaction_id}-1"]


def test_what_changed_at_etsy_since_it_was_connected_stops_a_job_before_the_first_write(lab: EtsyLaboratory) -> None:
    many(lab, 2)
    job = lab.confirmed()
    lab.etsy.change(currency="EUR")
    result = lab.run(job)
    said = "it sells in EUR now, not in GBP. Connect the shop again"
    assert said in str(result.stopped)
    assert [row.outcome for row in lab.jobs.products(job.transaction_id)] == [ProductOutcome.FAILED] * 2
    assert read_lines(result.error)[1].endswith(f"{said}: awin-medusa etsy connect")
    assert lab.etsy.writes() == []
    lab.etsy.change(currency="GBP")
    assert lab.retry(job).job.status is JobStatus.COMPLETED
    assert lab.wrong() == []


def test_stock_goes_down_although_a_policy_is_gone(lab: EtsyLaboratory) -> None:
    many(lab, 1)
    lab.sync()
    lab.add("prod_0", variant("prod_0-sku", quantity=1), images=("a",))
    lab.accounts.configure(lab.account_id, account_config(return_policy_id=5))
    products = [RequestedProduct("prod_0", "Lamp", Proposal.LOWER_STOCK)]
    job = lab.jobs.request(lab.account_id, products, requested_by="daily", confirm_within=timedelta(hours=1))
    assert lab.run(lab.jobs.confirm(job.transaction_id, "daily")).stopped is None
    lab.add("prod_0", title="Changed", images=("a",))
    assert "it has no return policy 5 any more" in str(lab.sync().stopped)
