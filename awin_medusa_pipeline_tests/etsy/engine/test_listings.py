"""Products onto the Etsy stand-in: the fewest calls, each step kept, and what a person decided is respected."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.etsy.client.answers import ListedInventory
from awin_medusa_pipeline.etsy.client.client import PAGE, EtsyClient
from awin_medusa_pipeline.etsy.domain.plan import Proposal
from awin_medusa_pipeline.etsy.domain.requests import Inventory
from awin_medusa_pipeline.etsy.engine import jobs
from awin_medusa_pipeline.etsy.engine.product_sync import ListingOutcome, ListingResult
from awin_medusa_pipeline.etsy.store.jobs import RequestedProduct
from awin_medusa_pipeline.sandbox.etsy.handle import EtsyHandle
from awin_medusa_pipeline_tests.support import etsy_laboratory
from awin_medusa_pipeline_tests.support.etsy_laboratory import EtsyLaboratory
from awin_medusa_pipeline_tests.support.etsy_products import grid, variant

LOOK, LOOK_AT_ONE, LINKS = "getListingsByListingIds", "getListing", "getListingVariationImages"
LOOK_AT_VARIANTS = "getListingsInventoryByListingIds"
CREATE, INVENTORY, UPLOAD, PATCH = (
    "createDraftListing",
    "updateListingInventory",
    "uploadListingImage",
    "updateListing",
)
NEW = [CREATE, INVENTORY, UPLOAD, UPLOAD, LOOK]


@contextmanager
def laboratory(etsy: EtsyHandle, database: Database, **options: Any) -> Iterator[EtsyLaboratory]:
    """Calls are counted here, so Etsy's reads are not behind."""
    with etsy_laboratory.laboratory(etsy, database, **options) as lab:
        etsy.change(behind_seconds=0)
        yield lab


OF_THE_SHOP = (
    *("getShop", "getShopShippingProfiles"),
    *("getShopReturnPolicies", "getShopReadinessStateDefinitions"),
)
"""What each job asks before the first write."""
READS = (LOOK, LOOK_AT_VARIANTS, *OF_THE_SHOP)


@pytest.fixture
def lab(etsy: EtsyHandle, etsy_store: Database) -> Iterator[EtsyLaboratory]:
    with laboratory(etsy, etsy_store, missing={"/prod_1/gone.png"}) as lab:
        yield lab


class Recorder:
    """The calls of one sync after the other."""

    def __init__(self, lab: EtsyLaboratory) -> None:
        self.lab = lab

    def __call__(self, *product_ids: str) -> tuple[list[str], list[str]]:
        """Sync; what became of the products, and the calls that it took once that was confirmed.

        A look is two calls, of which the second follows the first. Before them the shop itself is looked at, once.
        """
        job = self.lab.confirmed(*product_ids)
        before = self.lab.etsy.last_call()
        result = self.lab.run(job)
        became = [str(outcome.result) for outcome in result.outcomes]
        calls = [call.operation for call in self.lab.etsy.calls(after=before)]
        assert calls[: len(OF_THE_SHOP)] == list(OF_THE_SHOP)
        calls = calls[len(OF_THE_SHOP) :]
        looks = [number for number, call in enumerate(calls) if call == LOOK_AT_VARIANTS]
        assert all(calls[number - 1] == LOOK for number in looks)
        return became, [call for call in calls if call != LOOK_AT_VARIANTS]


@pytest.fixture
def sync(lab: EtsyLaboratory) -> Recorder:
    return Recorder(lab)


def only(lab: EtsyLaboratory, *product_ids: str) -> ListingOutcome:
    (outcome,) = lab.sync(*product_ids).outcomes
    return outcome


def test_a_new_product_becomes_one_draft(lab: EtsyLaboratory, sync: Recorder) -> None:
    lab.add("prod_1", *grid("rb", "SM"))
    assert sync() == (["created"], NEW)
    assert lab.wrong() == []
    (listing,) = lab.etsy.listings()
    link = lab.link()
    assert (link.etsy_listing_id, link.etsy_url) == (
        listing["listing_id"],
        f"{lab.etsy.url}/listing/{listing['listing_id']}",
    )
    assert (link.memory.state, link.memory.intent, lab.etsy.fees()) == ("draft", None, [])


def one_price(lab: EtsyLaboratory) -> None:
    first, *rest = grid("rb", "SM")
    lab.add("prod_1", first.model_copy(update={"price": Decimal("11.50")}), *rest)


def changed(*, images: tuple[str, ...] = ("a", "b"), **values: Any) -> Callable[[EtsyLaboratory], None]:
    return lambda lab: lab.add("prod_1", *grid("rb", "SM"), images=images, **values)


CHANGES: list[tuple[str, Callable[[EtsyLaboratory], None], list[str], bool]] = [
    ("nothing", changed(), [], False),
    ("a price", one_price, [INVENTORY], False),
    ("a title", changed(title="Another lamp"), [PATCH], False),
    ("an image more", changed(images=("a", "b", "c")), [UPLOAD], False),
    ("an image less", changed(images=("b",)), [PATCH], True),
    ("another order", changed(images=("b", "a")), [PATCH], False),
    ("one for another", changed(images=("a", "c")), [UPLOAD, PATCH], True),
    ("another address of the same image", changed(images=("a", "b.png?2")), [], False),
    ("the same image twice", changed(images=("a", "b", "a.png?2")), [], False),
    ("all at once", changed(images=("c",), title="Another lamp", material="oak"), [PATCH, UPLOAD, PATCH], True),
]


@pytest.mark.parametrize(
    ("change", "writes", "takes_away"), [case[1:] for case in CHANGES], ids=[case[0] for case in CHANGES]
)
def test_only_what_differs_is_sent(
    change: Callable[[EtsyLaboratory], None],
    writes: list[str],
    takes_away: bool,
    lab: EtsyLaboratory,
    sync: Recorder,
) -> None:
    changed()(lab)
    sync()
    change(lab)
    became, calls = sync()
    looked = ["unchanged"] if calls == [LOOK] else ["updated"]
    assert became == looked
    assert [call for call in calls if call not in (LOOK, LINKS)] == writes
    # Where a picture is taken away, it is read first what the seller linked it with.
    assert calls.count(LINKS) == takes_away
    assert sync() == (["unchanged"], [LOOK])


def test_unchanged_products_share_a_look(lab: EtsyLaboratory, sync: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    assert PAGE == 100
    monkeypatch.setattr(jobs, "PAGE", 10)
    for number in range(21):
        lab.add(f"prod_{number}", images=())
    assert set(sync()[0]) == {"created"}
    assert sync() == (["unchanged"] * 21, [LOOK] * 3)
    assert lab.wrong() == []


def test_a_text_that_a_person_changed_at_etsy_is_shown_and_set_back(lab: EtsyLaboratory, sync: Recorder) -> None:
    lab.add("prod_1")
    sync()
    listing_id = lab.link().etsy_listing_id
    assert listing_id
    lab.etsy.edit(listing_id, fields={"title": "By hand"})
    lab.add("prod_1", variant("prod_1-sku", quantity=2))
    (plan,) = lab.plans("prod_1")
    assert [(change.field, change.before, change.after) for change in plan.changes] == [
        ("title", "By hand", "Lamp prod_1"),
        ("quantity", "3", "2"),
    ]
    assert sync() == (["updated"], [LOOK, PATCH, INVENTORY, LOOK])
    assert lab.wrong() == []


def test_twenty_images_for_twenty_others(lab: EtsyLaboratory, sync: Recorder) -> None:
    lab.add("prod_1", images=[f"old{number}" for number in range(20)])
    sync()
    lab.add("prod_1", images=[f"new{number}" for number in range(20)])
    became, calls = sync()
    assert (became, calls.count(UPLOAD), lab.wrong()) == (["updated"], 20, [])
    lab.add("prod_1", images=[f"new{number}" for number in reversed(range(19))] + ["last"])
    became, calls = sync()
    assert (became, calls.count(UPLOAD), lab.wrong()) == (["updated"], 1, [])
    assert len(lab.link().memory.image_ids) == 20


def test_an_image_that_etsy_lost_is_uploaded_again(lab: EtsyLaboratory) -> None:
    lab.add("prod_1")
    lab.sync()
    known = lab.link().memory.image_ids
    job = lab.confirmed_claimed()
    lost = dict(zip(known, (1, known[list(known)[1]]), strict=True))
    lab.links.update_memory(job, "prod_1", image_ids=lost, images_hash=None)
    lab.links.mark_synced(job, "prod_1")
    lab.jobs.finish(job.transaction_id, str(job.run_id))
    refused = only(lab)
    assert refused.result is ListingResult.FAILED
    assert "the shop has no image_ids 1" in str(refused.sentence)
    assert (only(lab).result, lab.wrong()) == (ListingResult.UPDATED, [])


@pytest.mark.parametrize("publish", [False, True], ids=["draft", "active"])
def test_gone_in_medusa_is_taken_down_and_comes_back_free_of_charge(
    publish: bool, etsy: EtsyHandle, etsy_store: Database
) -> None:
    with laboratory(etsy, etsy_store, publish=publish) as lab:
        sync = Recorder(lab)
        lab.add("prod_1")
        assert sync()[0] == ["created"]
        (shown,) = lab.products.values()
        lab.products["prod_1"] = shown.model_copy(update={"status": "draft"})
        taken_down = (["deactivated"], [LOOK, PATCH, LOOK]) if publish else (["unchanged"], [LOOK])
        assert sync() == taken_down
        assert sync("prod_1") == (["unchanged"], [LOOK])
        del lab.products["prod_1"]
        assert sync("prod_1") == (["unchanged"], [LOOK])
        lab.products["prod_1"] = shown
        assert sync()[0] == (["updated"] if publish else ["unchanged"])
        assert (lab.wrong(), len(lab.etsy.fees())) == ([], int(publish))
        # Now it is not ours any more to set active again.
        lab.etsy.edit(lab.etsy.listings()[0]["listing_id"], fields={"state": "inactive"})
        assert sync() == (["unchanged"], [LOOK])


def test_what_a_person_took_down_stays_down(etsy: EtsyHandle, etsy_store: Database) -> None:
    with laboratory(etsy, etsy_store, publish=True) as lab:
        lab.add("prod_1")
        lab.sync()
        (listing,) = lab.etsy.listings()
        lab.etsy.edit(listing["listing_id"], fields={"state": "inactive"})
        lab.add("prod_1", title="Changed")
        assert only(lab).result is ListingResult.UPDATED
        assert lab.wrong() == ["prod_1: state"]


def test_published_are_only_those_that_were_agreed_to(etsy: EtsyHandle, etsy_store: Database) -> None:
    with laboratory(etsy, etsy_store, publish=True, publish_at_most=2) as lab:
        for number in range(3):
            lab.add(f"prod_{number}")
        lab.sync()
        assert (len(lab.etsy.fees()), lab.wrong()) == (2, ["prod_2: state"])
        # Confirmed before publishing was switched on: not published, whatever the settings say by now.
        job = lab.jobs.request(
            lab.account_id,
            [RequestedProduct("prod_2", "Lamp", Proposal.NOTHING)],
            requested_by="ann",
            confirm_within=timedelta(hours=1),
        )
        (outcome,) = lab.run(lab.jobs.confirm(job.transaction_id, "bob")).outcomes
        assert (outcome.result, len(lab.etsy.fees())) == (ListingResult.UNCHANGED, 2)
        lab.sync("prod_2")
        assert (len(lab.etsy.fees()), lab.wrong()) == (3, [])


def test_deleted_at_etsy_is_made_again_only_when_that_is_confirmed(lab: EtsyLaboratory) -> None:
    lab.add("prod_1")
    lab.sync()
    lab.etsy.remove(lab.etsy.listings()[0]["listing_id"])
    job = lab.confirmed()
    (outcome,) = lab.run(job).outcomes
    assert (outcome.result, outcome.listing_id, lab.etsy.listings()) == (ListingResult.FAILED, None, [])
    assert "somebody has deleted it there" in str(outcome.sentence)
    (outcome,) = lab.retry(job).outcomes
    assert "Request it again, and confirm" in str(outcome.sentence)
    assert lab.etsy.listings() == []
    assert [plan.proposal for plan in lab.plans("prod_1")] == ["create"]
    assert (only(lab).result, lab.wrong()) == (ListingResult.CREATED, [])


def test_deleted_while_it_is_worked_on(lab: EtsyLaboratory) -> None:
    lab.add("prod_1")
    lab.sync()
    one_price(lab)
    listing_id = lab.link().etsy_listing_id
    client = lab.client(lab.accounts.get(lab.account_id))
    put = client.put_inventory
    assert listing_id

    def deleted_before(*arguments: Any) -> Any:
        lab.etsy.remove(listing_id)
        return put(*arguments)

    client.put_inventory = deleted_before  # type: ignore[method-assign, assignment]
    (outcome,) = lab.run(lab.confirmed(), client_of=lambda account: client).outcomes
    assert "somebody has deleted it there" in str(outcome.sentence)
    assert lab.link().etsy_listing_id is None


def other_variants(client: EtsyClient) -> None:
    put = client.put_inventory
    client.put_inventory = lambda listing_id, sent: put(  # type: ignore[method-assign, assignment]
        listing_id, sent.model_copy(update={"products": (sent.products[0].model_copy(update={"sku": "else"}),)})
    )


def other_images(client: EtsyClient) -> None:
    client.set_image_order = lambda listing_id, image_ids: None  # type: ignore[method-assign, assignment, return-value]
    other_order(client)


def other_order(client: EtsyClient) -> None:
    upload = client.upload_image
    client.upload_image = lambda *arguments, rank, **named: upload(  # type: ignore[method-assign]
        *arguments, rank=1, **named
    )


def no_publishing(client: EtsyClient) -> None:
    client.publish = client.listing  # type: ignore[method-assign, assignment]


def test_an_order_that_etsy_did_not_keep_is_set(lab: EtsyLaboratory) -> None:
    lab.add("prod_1")
    client = lab.client(lab.accounts.get(lab.account_id))
    other_order(client)
    (outcome,) = lab.run(lab.confirmed(), client_of=lambda account: client).outcomes
    assert (outcome.result, lab.wrong()) == (ListingResult.CREATED, [])
    calls = [call.operation for call in lab.etsy.calls() if call.operation not in READS]
    assert calls == [*NEW[:-1], PATCH]


SHOWN = [
    (other_variants, "half a minute later it does not show prod_1-sku at 9.99", [INVENTORY]),
    (other_images, "later it shows other pictures, or in another order", [PATCH]),
    (no_publishing, "later it is draft", [PATCH]),
]


@pytest.mark.parametrize(("spoil", "said", "again"), SHOWN, ids=["variants", "images", "state"])
def test_what_etsy_took_but_does_not_show(
    spoil: Callable[[EtsyClient], None], said: str, again: list[str], etsy: EtsyHandle, etsy_store: Database
) -> None:
    with laboratory(etsy, etsy_store, publish=True) as lab:
        lab.add("prod_1")
        job = lab.confirmed()
        client = lab.client(lab.accounts.get(lab.account_id))
        spoil(client)
        (outcome,) = lab.run(job, client_of=lambda account: client).outcomes
        assert outcome.result is ListingResult.FAILED
        assert said in str(outcome.sentence)
        before = lab.etsy.last_call()
        lab.retry(job)
        assert [call.operation for call in lab.etsy.writes(after=before)] == again
        assert lab.wrong() == []


def test_gone_in_both_places_is_no_failure(lab: EtsyLaboratory) -> None:
    lab.add("prod_1")
    lab.sync()
    lab.etsy.remove(lab.etsy.listings()[0]["listing_id"])
    lab.products.clear()
    assert only(lab, "prod_1").result is ListingResult.UNCHANGED
    assert lab.link().etsy_listing_id is None


def test_what_etsy_would_refuse_by_now_is_not_sent(lab: EtsyLaboratory) -> None:
    lab.add("prod_1")
    job = lab.confirmed()
    lab.add("prod_1", description="")
    (outcome,) = lab.run(job).outcomes
    assert outcome.sentence == (
        "Preparing Lamp prod_1 for Etsy: It has no description: Etsy asks for one. Then request it again."
    )
    assert [call.operation for call in lab.etsy.calls()] == list(OF_THE_SHOP)


def test_stock_that_goes_down_is_first(lab: EtsyLaboratory, sync: Recorder) -> None:
    for number in (1, 2):
        lab.add(f"prod_{number}")
    sync()
    lab.add("prod_1", title="Changed")
    lab.add("prod_2", variant("prod_2-sku", quantity=1))
    assert sync() == (["updated", "updated"], [LOOK, INVENTORY, PATCH, LOOK])


def test_unconfirmed_stock_goes_down_and_nothing_else_is_sent(lab: EtsyLaboratory) -> None:
    for number in (1, 2):
        lab.add(f"prod_{number}")
    lab.sync()
    lab.add("prod_1", variant("prod_1-sku", quantity=1))
    lab.add("prod_2", variant("prod_2-sku", quantity=1, price=Decimal(5)))
    products = [RequestedProduct(product_id, "Lamp", Proposal.LOWER_STOCK) for product_id in lab.products]
    job = lab.jobs.request(lab.account_id, products, requested_by="daily", confirm_within=timedelta(hours=1))
    result = lab.run(lab.jobs.confirm(job.transaction_id, "daily"))
    became = {outcome.product_id: outcome.result for outcome in result.outcomes}
    assert became == {"prod_1": ListingResult.UPDATED, "prod_2": ListingResult.FAILED}
    assert lab.wrong()[0] == "prod_2: variants"


def test_variants_that_keep_their_ids_are_written_all_the_same(lab: EtsyLaboratory, sync: Recorder) -> None:
    lab.add("prod_1", *grid("rb", "SM"))
    sync()
    (listing,) = lab.etsy.listings()
    ids = [one["product_id"] for one in listing["inventory"]["products"]]
    client = lab.client(lab.accounts.get(lab.account_id))
    put = client.put_inventory

    def put_with_old_ids(listing_id: int, inventory: Inventory) -> ListedInventory:
        answer = put(listing_id, inventory)
        (now,) = lab.etsy.listings()
        products = [one | {"product_id": id_} for one, id_ in zip(now["inventory"]["products"], ids, strict=True)]
        lab.etsy.edit(listing_id, inventory={"products": products})
        return answer

    client.put_inventory = put_with_old_ids  # type: ignore[method-assign]
    one_price(lab)
    (outcome,) = lab.run(lab.confirmed(), client_of=lambda account: client).outcomes
    assert (outcome.result, lab.wrong()) == (ListingResult.UPDATED, [])
