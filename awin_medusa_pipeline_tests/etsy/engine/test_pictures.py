"""Pictures on the way to Etsy: one that cannot be had costs that one, is told, and comes later by itself."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from awin_medusa_pipeline.core.images import ImageError, Picture
from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.etsy.domain.memory import ListingMemory
from awin_medusa_pipeline.etsy.domain.plan import ListingAction, ListingPlan, Part, Proposal, plan_listing
from awin_medusa_pipeline.etsy.engine import images as engine_images
from awin_medusa_pipeline.etsy.engine.daily import AccountResult, look_at_account, request_changes
from awin_medusa_pipeline.etsy.engine.jobs import JobResult
from awin_medusa_pipeline.etsy.engine.pictures import check_pictures, try_missing_again
from awin_medusa_pipeline.etsy.engine.product_sync import ListingResult
from awin_medusa_pipeline.etsy.store.jobs import JobStatus, ProductOutcome
from awin_medusa_pipeline.sandbox.etsy.faults import FaultKind
from awin_medusa_pipeline.sandbox.etsy.handle import EtsyHandle
from awin_medusa_pipeline_tests.support.etsy_laboratory import GONE, EtsyLaboratory, laboratory
from awin_medusa_pipeline_tests.support.etsy_products import account_config, product, variant
from awin_medusa_pipeline_tests.support.picture_files import drawn, file

UPLOAD, PATCH = "uploadListingImage", "updateListing"
ADDRESSES = tuple(f"http://x.test/{name}.png" for name in "abc")
CONTENT = {address: file("PNG", drawn(width=20 + number)) for number, address in enumerate(ADDRESSES)}


class Web:
    """Serves ADDRESSES but those that are `gone`."""

    def __init__(self, *gone: str) -> None:
        self.gone, self.asked = gone, Counter[str]()

    def __call__(self, address: str) -> Picture:
        self.asked[address] += 1
        if address in self.gone:
            raise ImageError(f"Fetching the image {address}", "HTTP 404", "Give the product another image.")
        return Picture(CONTENT[address], "image/png")


A, B, C = ADDRESSES
SHA = Picture(CONTENT[B], "image/png").sha256
NEW = plan_listing("p", product(images=ADDRESSES), account_config(), "EUR", None)
TO_PUBLISH = plan_listing("p", product(images=ADDRESSES), account_config(publish=True), "EUR", None)
UNCHANGED = replace(NEW, action=ListingAction.NOTHING, parts=(), changes=())
CHEAPER = replace(UNCHANGED, action=ListingAction.UPDATE, parts=(Part.INVENTORY,))


def checked(plan: ListingPlan, web: Web, **memory: Any) -> ListingPlan:
    (found,) = check_pictures([plan], {"p": ListingMemory(**memory)} if memory else {}, web)
    return found


@pytest.mark.parametrize("plan", [NEW, TO_PUBLISH])
def test_nothing_is_told_where_all_can_be_had(plan: ListingPlan) -> None:
    assert checked(plan, Web()) == plan


@pytest.mark.parametrize("plan", [NEW, TO_PUBLISH])
def test_what_cannot_be_had_is_told_and_the_rest_goes_on(plan: ListingPlan) -> None:
    found = checked(plan, Web(B))
    assert (found.action, found.parts) == (plan.action, plan.parts)
    assert [(note.field, note.sentence) for note in found.notes] == [
        ("images", f"Without 1 of its 3 pictures: {B} (HTTP 404).")
    ]


def test_a_product_that_would_be_published_without_a_picture_is_refused() -> None:
    found = checked(TO_PUBLISH, Web(*ADDRESSES))
    (problem,) = found.problems
    assert (found.action, found.parts, found.listing, found.proposal) == (
        ListingAction.REFUSE,
        (),
        None,
        Proposal.REFUSE,
    )
    assert problem.sentence == (
        "Etsy publishes nothing without a picture. Without 3 of its 3 pictures: "
        f"{A} (HTTP 404), {B} (HTTP 404), {C} (HTTP 404)."
    )
    # A draft needs none, and a listing that has some on Etsy keeps them.
    assert checked(NEW, Web(*ADDRESSES)).action is ListingAction.CREATE
    assert checked(TO_PUBLISH, Web(*ADDRESSES), image_ids={"sha": 1}).action is ListingAction.CREATE


@pytest.mark.parametrize(
    ("plan", "web", "missing", "asked"),
    [
        (UNCHANGED, Web(B), {}, []),
        (UNCHANGED, Web(B), {B: ""}, [B]),
        (UNCHANGED, Web(), {B: SHA}, [B]),
        (UNCHANGED, Web(), {"http://x.test/of-before.png": ""}, []),
        (CHEAPER, Web(B, C), {B: "", C: "other bytes"}, [B, C]),
    ],
    ids=["none missing", "still gone", "refused by Etsy, and the same", "no longer its", "several"],
)
def test_nobody_is_asked_again_about_what_still_cannot_be_had(
    plan: ListingPlan, web: Web, missing: dict[str, str], asked: list[str]
) -> None:
    assert checked(plan, web, missing_images=missing) == plan
    assert sorted(web.asked) == asked


@pytest.mark.parametrize(
    ("plan", "missing", "parts"),
    [
        (UNCHANGED, {B: ""}, (Part.IMAGES,)),
        (UNCHANGED, {B: "other bytes"}, (Part.IMAGES,)),
        (CHEAPER, {B: ""}, (Part.INVENTORY, Part.IMAGES)),
        (replace(CHEAPER, parts=(Part.PUBLISH,)), {B: ""}, (Part.IMAGES, Part.PUBLISH)),
    ],
)
def test_what_can_be_had_again_is_planned(plan: ListingPlan, missing: dict[str, str], parts: tuple[Part, ...]) -> None:
    found = checked(plan, Web(C), missing_images=missing | {C: ""}, image_ids={"sha": 1})
    assert (found.action, found.parts) == (ListingAction.UPDATE, parts)
    (change,) = found.changes
    assert (change.field, change.before, change.after) == ("images", "1", "2")
    assert [note.sentence for note in found.notes] == [f"Can be had again: {B}."]


def test_an_address_is_asked_once_and_only_where_it_matters() -> None:
    web = Web()
    check_pictures([NEW, replace(NEW, product_id="q"), replace(UNCHANGED, product_id="r")], {}, web)
    assert web.asked == dict.fromkeys(ADDRESSES, 1)


@pytest.mark.parametrize(
    ("confirmed", "tries"),
    [
        (Proposal.UPDATE, True),
        (Proposal.UPDATE_AND_PUBLISH, True),
        (Proposal.NOTHING, False),
        (Proposal.LOWER_STOCK, False),
        (Proposal.DEACTIVATE, False),
    ],
)
def test_only_a_confirmed_update_tries_again(confirmed: Proposal, tries: bool) -> None:
    missing = ListingMemory(missing_images={B: ""})
    assert (Part.IMAGES in try_missing_again(UNCHANGED, missing, confirmed).parts) is tries
    assert try_missing_again(UNCHANGED, ListingMemory(), confirmed) == UNCHANGED


@pytest.fixture
def lab(etsy: EtsyHandle, etsy_store: Database) -> Iterator[EtsyLaboratory]:
    with laboratory(etsy, etsy_store) as lab:
        yield lab


@pytest.fixture
def published(etsy: EtsyHandle, etsy_store: Database) -> Iterator[EtsyLaboratory]:
    with laboratory(etsy, etsy_store, publish=True) as lab:
        yield lab


def look(lab: EtsyLaboratory, **rules: Any) -> AccountResult:
    etsy, account = lab.state(**rules), lab.accounts.get(lab.account_id)
    with etsy.client(account) as client:
        return request_changes(etsy, account, look_at_account(etsy, account, client, lab.read), by="daily")


def shown(lab: EtsyLaboratory) -> list[str]:
    """SHA-256 of the pictures that the one listing shows, in order."""
    state = lab.etsy.state()
    (listing,) = state["listings"].values()
    return [state["images"][str(image["image_id"])]["sha256"] for image in listing["images"]]


def why(result: JobResult, lab: EtsyLaboratory) -> list[tuple[ProductOutcome, str | None]]:
    return [(row.outcome, row.error) for row in lab.jobs.products(result.job.transaction_id)]


def test_a_picture_that_is_gone_costs_that_picture_and_comes_later_by_itself(lab: EtsyLaboratory) -> None:
    gone = f"{lab.pictures}/prod_1/b.png"
    lab.served["/prod_1/b.png"] = GONE
    lab.add(images=("a", "b", "c"))
    result = lab.sync()
    said = f"Without 1 of its 3 pictures: {gone} (HTTP 404)."
    assert why(result, lab) == [(ProductOutcome.SYNCED, said)]
    assert (result.job.status, result.error, len(shown(lab))) == (JobStatus.COMPLETED, (), 2)
    assert f"Lamp prod_1: {said}" in lab.notified[-1][1].lines
    assert lab.link().memory.missing_images == {gone: ""}

    # Nobody is asked about it again, while other changes go on.
    assert look(lab).lines == ["Stand-in: 0 of 1 differ"]
    lab.add(title="Changed", images=("a", "b", "c"))
    assert why(lab.sync(), lab) == [(ProductOutcome.SYNCED, said)]

    # As soon as it can be had, it is planned, and put in its place.
    del lab.served["/prod_1/b.png"]
    requested = look(lab).requested
    assert requested
    assert f"Changed: Can be had again: {gone}." in requested.request.lines
    before = lab.etsy.last_call()
    result = lab.run(lab.jobs.confirm(requested.job.transaction_id, "bob"))
    assert why(result, lab) == [(ProductOutcome.SYNCED, None)]
    assert [call.operation for call in lab.etsy.writes(after=before)] == [UPLOAD, PATCH]
    assert (lab.wrong(), lab.link().memory.missing_images) == ([], {})
    assert look(lab).lines == ["Stand-in: 0 of 1 differ"]


def test_a_picture_that_etsy_refuses_costs_that_picture(lab: EtsyLaboratory) -> None:
    lab.add(images=("a", "b"))
    lab.etsy.inject(FaultKind.ARRAY_ERROR, on=UPLOAD)
    result = lab.sync()
    ((outcome, said),) = why(result, lab)
    assert outcome is ProductOutcome.SYNCED
    assert said is not None
    assert said.startswith(
        f"Without 1 of its 2 pictures: {lab.pictures}/prod_1/a.png (Etsy refused it: HTTP 400 title/1"
    )
    assert len(shown(lab)) == 1
    # The same bytes would be refused again; other bytes are worth a question.
    assert look(lab).requested is None
    lab.served["/prod_1/a.png"] = (200, "image/png", file("PNG"))
    assert look(lab).requested


def test_a_listing_all_of_whose_pictures_etsy_refuses_fails_with_its_words(lab: EtsyLaboratory) -> None:
    lab.add(images=("a", "b"))
    for _ in "ab":
        lab.etsy.inject(FaultKind.ARRAY_ERROR, on=UPLOAD)
    job = lab.confirmed()
    (outcome,) = lab.run(job).outcomes
    assert outcome.result is ListingResult.FAILED
    assert "contains invalid characters" in str(outcome.sentence)
    lab.retry(job)
    assert lab.wrong() == []


def test_nothing_is_published_without_a_picture_although_it_was_confirmed(published: EtsyLaboratory) -> None:
    lab = published
    lab.add()
    job = lab.confirmed()
    lab.served |= dict.fromkeys(("/prod_1/a.png", "/prod_1/b.png"), GONE)
    (outcome,) = lab.run(job).outcomes
    assert outcome.result is ListingResult.FAILED
    assert str(outcome.sentence).startswith("Publishing Lamp prod_1: Without 2 of its 2 pictures: ")
    assert (lab.etsy.fees(), [listing["fields"]["state"] for listing in lab.etsy.listings()]) == ([], ["draft"])
    lab.served.clear()
    assert lab.retry(job).job.status is JobStatus.COMPLETED
    assert lab.wrong() == []


def test_a_listing_that_has_pictures_keeps_them_when_none_of_the_new_can_be_had(published: EtsyLaboratory) -> None:
    lab = published
    lab.add()
    lab.sync()
    before = shown(lab)
    lab.served["/prod_1/c.png"] = GONE
    lab.add(images=("c",))
    ((outcome, said),) = why(lab.sync(), lab)
    assert outcome is ProductOutcome.SYNCED
    assert said == f"Without 1 of its 1 pictures: {lab.pictures}/prod_1/c.png (HTTP 404)."
    assert shown(lab) == before


def test_stock_that_may_go_down_does_not_wait_for_a_picture(lab: EtsyLaboratory) -> None:
    lab.served["/prod_1/b.png"] = GONE
    lab.add()
    lab.sync()
    del lab.served["/prod_1/b.png"]
    lab.add("prod_1", variant("prod_1-sku", quantity=1))
    result = look(lab, push_stock_down=True)
    assert result.stock_down
    assert result.requested is None
    lab.run(result.stock_down)
    assert look(lab).requested


SERVED = {
    "a webp called jpeg": ("image/jpeg", file("WEBP")),
    "avif": ("image/avif", file("AVIF")),
    "no type": ("application/octet-stream", file("BMP")),
    "for print": ("image/jpg", file("JPEG", drawn("CMYK"))),
}


@pytest.mark.parametrize(("called", "content"), SERVED.values(), ids=SERVED.keys())
def test_what_etsy_does_not_take_is_converted_and_uploaded_once(
    called: str, content: bytes, lab: EtsyLaboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.served["/prod_1/a.png"] = (200, called, content)
    lab.add()
    assert why(lab.sync(), lab) == [(ProductOutcome.SYNCED, None)]
    kinds = [image["content_type"] for image in lab.etsy.state()["images"].values()]
    assert kinds == ["image/jpeg", "image/png"]
    # A later Pillow makes other bytes of it; what was fetched is the same, so nothing is uploaded again.
    monkeypatch.setattr(engine_images, "for_etsy", lambda picture, address: Picture(b"other", "image/jpeg"))
    before = lab.etsy.last_call()
    lab.add(images=("a", "b.png?2"))
    lab.sync()
    assert lab.etsy.writes(after=before) == []


def test_a_picture_says_what_it_shows(lab: EtsyLaboratory) -> None:
    lab.add(title="Lamp 🪔 of oak")
    lab.sync()
    (listing,) = lab.etsy.listings()
    assert {image["alt_text"] for image in listing["images"]} == {"Lamp of oak"}
