"""A look at a listing: what Etsy shows is taken over, and each thing is told once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awin_medusa_pipeline.etsy.domain.looks import BEHIND, Look, look_at_listing
from awin_medusa_pipeline.etsy.domain.memory import InventoryPut, ListingMemory
from awin_medusa_pipeline.etsy.domain.plan import ExistingListing, ListingAction, ListingPlan, Part, plan_listing
from awin_medusa_pipeline.etsy.domain.shown import ShownListing, ShownVariant
from awin_medusa_pipeline.medusa.models import ShopProduct
from awin_medusa_pipeline_tests.support.etsy_products import (
    CURRENCY,
    account_config,
    grid,
    listing_of,
    product,
    remembered,
    shown,
    variants_shown,
)

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
PRODUCT = product(*grid("rb", "SM"), tags=("Hand made", "oak"))


def look(there: ShownListing, memory: ListingMemory | None = None, of: ShopProduct = PRODUCT, **options: Any) -> Look:
    return look_at_listing(memory or remembered(PRODUCT), there, listing_of(of), of, now=NOW, **options)


def plan_of(found: Look, of: ShopProduct = PRODUCT) -> ListingPlan:
    return plan_listing("prod_1", of, account_config(), CURRENCY, ExistingListing(1, found.memory))


def first_changed(**values: Any) -> tuple[ShownVariant, ...]:
    first, *rest = variants_shown(listing_of(PRODUCT).inventory)
    return (replace(first, **values), *rest)


SEEN = [
    ("a title", shown(PRODUCT, title="Mine"), {Part.CONTENT}, "someone changed its title"),
    ("a price", shown(PRODUCT, variants=first_changed(price=5)), {Part.INVENTORY}, "someone changed its price r / S"),
    ("pictures", shown(PRODUCT, image_ids=(7,)), {Part.IMAGES}, "someone changed its pictures"),
    ("tags", shown(PRODUCT, tags="mine"), set(), "Changed at Etsy, and left so: tags 'mine'"),
    ("category", shown(PRODUCT, taxonomy_id="6001"), set(), "(ETSY_OWNER_CATEGORY=seller)"),
    ("pieces", shown(PRODUCT, variants=first_changed(quantity=1)), set(), "On Etsy 2 of r-S went"),
    ("state", shown(PRODUCT, state="inactive"), set(), "On Etsy it went from active to inactive."),
]


@pytest.mark.parametrize(("there", "parts", "said"), [case[1:] for case in SEEN], ids=[case[0] for case in SEEN])
def test_what_differs_is_planned_or_left_alone_and_told_once(there: ShownListing, parts: set[Part], said: str) -> None:
    found = look(there)
    assert said in " ".join(found.sentences)
    assert set(plan_of(found).parts) == parts
    again = look(there, found.memory)
    assert (again.sentences, again.memory) == ((), found.memory)


def test_of_what_belongs_together_only_the_change_is_told() -> None:
    there = shown(PRODUCT, who_made="collective")
    without = ShownListing(
        there.state,
        {name: value for name, value in there.content.items() if name != "is_supply"},
        there.image_ids,
        there.variants,
    )
    for one in (there, without):
        found = look(one)
        assert found.sentences == (
            "Changed at Etsy, and left so: who made it 'collective' (ETSY_OWNER_WHO_MADE=seller).",
        )
        assert plan_of(found).parts == ()


def test_what_the_owner_claims_is_set_back() -> None:
    found = look(shown(PRODUCT, taxonomy_id="6001"), ours=("category",))
    assert found.sentences == ("On Etsy someone changed its category.",)


@pytest.mark.parametrize(
    "there",
    [
        shown(PRODUCT),
        shown(PRODUCT, title="  Oak   lamp ", description="A lamp\nof oak.\n", tags="OAK,hand made"),
        shown(PRODUCT, image_ids=(8, 7)),
        shown(PRODUCT, variants=None),
        shown(PRODUCT, variants=variants_shown(listing_of(PRODUCT).inventory)[::-1]),
    ],
)
def test_what_is_no_difference(there: ShownListing) -> None:
    found = look(there)
    assert (found.sentences, plan_of(found).action) == ((), ListingAction.NOTHING)


@given(state=st.sampled_from(["draft", "active", "inactive", "sold_out", "expired", "removed"]))
def test_the_state_is_always_taken_over(state: str) -> None:
    found = look_at_listing(remembered(PRODUCT), shown(PRODUCT, state=state), None, None, now=NOW)
    assert found.memory.state == state
    assert found.memory.stock == remembered(PRODUCT).stock
    assert bool(found.sentences) is (state != "active")


def test_pieces_that_went_are_shown_with_what_is_offered_instead() -> None:
    found = look(shown(PRODUCT, variants=first_changed(quantity=1)))
    cheaper = product(*grid("rb", "SM", price=5), tags=("Hand made", "oak"))
    plan = plan_of(found, cheaper)
    assert [note.sentence for note in plan.notes] == [
        "On Etsy 2 of r-S went, probably sold there: 1 are offered, although Medusa has 3. "
        "Lower the level in Medusa by 2."
    ]
    assert plan.listing
    assert plan.listing.quantities["variant_r-S"] == 1
    assert not any(change.field.startswith("quantity") for change in plan.changes)


def test_stock_that_was_sold_there_and_lowered_here_only_goes_down() -> None:
    found = look(shown(PRODUCT, variants=first_changed(quantity=2)))
    lowered = PRODUCT.model_copy(
        update={"variants": (PRODUCT.variants[0].model_copy(update={"quantity": 1}), *PRODUCT.variants[1:])}
    )
    plan = plan_of(found, lowered)
    assert [(change.field, change.before, change.after) for change in plan.changes] == [("quantity r / S", "2", "0")]
    assert plan.only_lowers_stock


def test_pieces_of_a_draft_are_never_sold() -> None:
    found = look(shown(PRODUCT, state="draft", variants=first_changed(quantity=1)), remembered(PRODUCT, state="draft"))
    assert found.sentences == ()
    assert [(c.field, c.before, c.after) for c in plan_of(found).changes] == [("quantity r / S", "1", "3")]


def put(seconds: int, replaced: int, *, answered: bool) -> InventoryPut:
    lowered = dict.fromkeys(listing_of(PRODUCT).quantities, 1)
    at = NOW - timedelta(seconds=seconds)
    return InventoryPut(at=at, quantities=lowered, replaced=(replaced,), answered=answered)


ALL_ONE = tuple(replace(one, quantity=1) for one in variants_shown(listing_of(PRODUCT).inventory))
PUTS = [
    ("taken, though its answer never came", put(60, 99, answered=False), 0),
    ("never carried out, and two of each went", put(60, 1, answered=False), 2),
    ("taken, and two of each went since", put(60, 99, answered=True), 2),
]


@pytest.mark.parametrize(("sent", "gone"), [case[1:] for case in PUTS], ids=[case[0] for case in PUTS])
def test_a_write_whose_answer_never_came_is_told_from_a_sale(sent: InventoryPut, gone: int) -> None:
    found = look(shown(PRODUCT, variants=ALL_ONE), remembered(PRODUCT, put=sent))
    assert {one.gone for one in found.memory.stock.values()} == {gone}
    assert found.memory.put is None


def test_what_etsy_shows_right_after_a_write_is_not_trusted() -> None:
    young = put(int(BEHIND.total_seconds()) - 1, 99, answered=True)
    memory = remembered(PRODUCT, put=young)
    found = look(shown(PRODUCT, variants=ALL_ONE), memory)
    assert (found.memory.stock, found.memory.put, found.sentences) == (memory.stock, young, ())


def test_a_variant_that_etsy_may_show_under_another_name_is_not_gone() -> None:
    others = [values.model_copy(update={"values": ("else",)}) for values in ALL_ONE[0].values]
    found = look(shown(PRODUCT, variants=first_changed(sku="else", values=tuple(others))))
    assert {one.gone for one in found.memory.stock.values()} == {0}


def test_what_an_older_release_remembers_counts() -> None:
    old = remembered(PRODUCT).model_dump(exclude={"stock", "written", "seen"}) | {"shown": listing_of(PRODUCT).fields}
    found = look(shown(PRODUCT, variants=first_changed(quantity=1)), ListingMemory.model_validate(old))
    assert found.memory.stock["variant_r-S"].gone == 2
    assert plan_of(found).action is ListingAction.NOTHING
