"""What Etsy shows beside what it was given: each difference is noticed, and what is no difference never is."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awin_medusa_pipeline.etsy.domain.drift import ShownListing, find_drift
from awin_medusa_pipeline.etsy.domain.listing import Listing, prepare_listing
from awin_medusa_pipeline.etsy.domain.memory import ListingMemory
from awin_medusa_pipeline.etsy.domain.plan import ExistingListing, ListingAction, Part, plan_listing
from awin_medusa_pipeline.etsy.domain.requests import Inventory
from awin_medusa_pipeline_tests.support.etsy_products import CURRENCY, account_config, grid, product

PRODUCT = product(*grid("rb", "SM"), tags=("Hand made", "oak"))
IMAGES = {"sha": 7, "other": 8}


def wanted() -> Listing:
    listing = prepare_listing(PRODUCT, account_config(), CURRENCY, publish=False).listing
    assert listing is not None
    return listing


def memory(**values: Any) -> ListingMemory:
    """As a sync leaves it."""
    listing = wanted()
    known = {
        "content_hash": listing.content_hash,
        "inventory_hash": listing.inventory_hash,
        "images_hash": listing.images_hash,
        "image_ids": IMAGES,
        "shown": listing.shown,
        "state": "active",
    }
    return ListingMemory.model_validate(known | values)


def shown(**values: Any) -> ShownListing:
    """As Etsy shows it when nothing has happened."""
    listing = wanted()
    draft = listing.draft
    same = {
        "state": "active",
        "title": draft.title,
        "description": draft.description,
        "tags": draft.tags or (),
        "image_ids": tuple(IMAGES.values()),
        "inventory": listing.inventory,
    }
    return ShownListing(**(same | values))


def changed(**offering: Any) -> Inventory:
    """The inventory with another offering of its first variant."""
    inventory = wanted().inventory
    first, *others = inventory.products
    offerings = (first.offerings[0].model_copy(update=offering),)
    return inventory.model_copy(update={"products": (first.model_copy(update={"offerings": offerings}), *others)})


@pytest.mark.parametrize(
    ("listing", "parts", "field", "sentence"),
    [
        (shown(title="Mine"), {Part.CONTENT}, ("title", "Mine", "Oak lamp"), "changed its title"),
        (shown(tags=("oak",)), {Part.CONTENT}, ("tags", "oak", "Hand made,oak"), "changed its tags"),
        (
            shown(description="x", title="y"),
            {Part.CONTENT},
            ("description", "x", "A lamp of oak."),
            "title and description",
        ),
        (shown(inventory=changed(quantity=1)), {Part.INVENTORY}, ("quantity r / S", "1", "3"), "2 fewer of it"),
        (
            shown(inventory=changed(price=Decimal(5))),
            {Part.INVENTORY},
            ("price r / S", "5.00", "9.99"),
            "prices, quantities or SKUs",
        ),
        (shown(image_ids=(7,)), {Part.IMAGES}, ("images", "1 on Etsy", wanted().shown["images"]), "its pictures"),
    ],
)
def test_what_differs_is_sent_again_and_shown(
    listing: ShownListing, parts: set[Part], field: tuple[str, str, str], sentence: str
) -> None:
    found = find_drift(wanted(), memory(), listing)
    plan = plan_listing("prod_1", PRODUCT, account_config(), CURRENCY, ExistingListing(1, found.memory))
    assert set(plan.parts) == parts
    assert field in [(change.field, change.before, change.after) for change in plan.changes]
    assert sentence in " ".join(found.sentences)


@pytest.mark.parametrize(
    "listing",
    [
        shown(),
        shown(title="  Oak   lamp "),
        shown(description="A lamp\nof oak.\n"),
        shown(tags=("OAK", "hand made")),
        shown(image_ids=(8, 7)),
        shown(inventory=None),
        shown(inventory=wanted().inventory.model_copy(update={"products": wanted().inventory.products[::-1]})),
    ],
)
def test_what_is_no_difference(listing: ShownListing) -> None:
    found = find_drift(wanted(), memory(), listing)
    assert (found.memory, found.sentences) == (memory(), ())


@given(state=st.sampled_from(["draft", "active", "inactive", "sold_out", "expired", "removed"]))
def test_the_state_is_always_taken_over(state: str) -> None:
    found = find_drift(None, memory(), shown(state=state, title="Mine"))
    assert found.memory == memory(state=state)
    assert bool(found.sentences) is (state != "active")


def test_tags_of_the_seller_stay_where_the_product_has_none() -> None:
    untagged = prepare_listing(product(*grid("rb", "SM")), account_config(), CURRENCY, publish=False).listing
    assert untagged is not None
    known = memory(content_hash=untagged.content_hash)
    assert find_drift(untagged, known, shown(tags=("mine",))).memory == known


def test_a_part_that_is_to_be_sent_anyway_is_not_compared() -> None:
    waiting = memory(content_hash="of before", inventory_hash=None, images_hash=None)
    found = find_drift(wanted(), waiting, shown(title="Mine", inventory=changed(quantity=0), image_ids=()))
    assert (found.memory, found.sentences) == (waiting, ())


def test_stock_that_was_sold_there_and_lowered_here_only_goes_down() -> None:
    found = find_drift(wanted(), memory(), shown(inventory=changed(quantity=2)))
    lowered = PRODUCT.model_copy(
        update={"variants": (PRODUCT.variants[0].model_copy(update={"quantity": 1}), *PRODUCT.variants[1:])}
    )
    plan = plan_listing("prod_1", lowered, account_config(), CURRENCY, ExistingListing(1, found.memory))
    assert plan.action is ListingAction.UPDATE
    assert plan.only_lowers_stock
