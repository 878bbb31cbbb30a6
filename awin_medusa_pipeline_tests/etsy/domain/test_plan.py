"""What is to be done at Etsy: only what differs, never a fee by accident, and nothing sold that is gone."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awin_medusa_pipeline.etsy.domain.memory import ListingMemory
from awin_medusa_pipeline.etsy.domain.plan import (
    ExistingListing,
    FieldChange,
    ListingAction,
    ListingPlan,
    Part,
    PlanCounts,
    Proposal,
    cap_publishing,
    count_plans,
    limit_to_confirmed,
    listing_fees,
    plan_listing,
)
from awin_medusa_pipeline.medusa.models import ShopProduct
from awin_medusa_pipeline_tests.support.etsy_products import (
    CURRENCY,
    account_config,
    grid,
    product,
    remembered,
    variant,
)

C, T, V, M, P, D = Part.CREATE, Part.CONTENT, Part.INVENTORY, Part.IMAGES, Part.PUBLISH, Part.DEACTIVATE
FIRST = product(*grid("rb", "SM"))


def existing(of: ShopProduct = FIRST, **memory: Any) -> ExistingListing:
    """A listing of a product as a run leaves it."""
    return ExistingListing(7, remembered(of, **{"state": "draft"} | memory))


def planned(wanted: ShopProduct | None = FIRST, listed: ExistingListing | None = None, **config: Any) -> ListingPlan:
    return plan_listing("prod_1", wanted, account_config(**config), CURRENCY, listed)


ON = {"publish": True}
GONE = (D,)
SOLD_OUT = product(variant(quantity=0))
OTHER_IMAGES = product(*grid("rb", "SM"), images=("http://x.test/2",))
NAMELESS = SOLD_OUT.model_copy(update={"title": ""})
CASES: list[tuple[str, ListingPlan, ListingAction, tuple[Part, ...]]] = [
    ("new", planned(), ListingAction.CREATE, (C, V, M)),
    ("new, published", planned(**ON), ListingAction.CREATE, (C, V, M, P)),
    ("new, no image", planned(product(images=())), ListingAction.CREATE, (C, V)),
    ("new, no image, published", planned(product(images=()), **ON), ListingAction.REFUSE, ()),
    ("unchanged draft", planned(listed=existing()), ListingAction.NOTHING, ()),
    ("unchanged, active", planned(listed=existing(state="active"), **ON), ListingAction.NOTHING, ()),
    ("a draft may be published now", planned(listed=existing(), **ON), ListingAction.UPDATE, (P,)),
    ("set inactive at Etsy by a person", planned(listed=existing(state="inactive"), **ON), ListingAction.NOTHING, ()),
    ("expired", planned(listed=existing(state="expired")), ListingAction.NOTHING, ()),
    ("expired, published", planned(listed=existing(state="expired"), **ON), ListingAction.UPDATE, (P,)),
    ("removed by Etsy", planned(listed=existing(state="removed")), ListingAction.REFUSE, ()),
    ("title", planned(product(*grid("rb", "SM"), title="New"), existing()), ListingAction.UPDATE, (T,)),
    ("price", planned(product(*grid("rb", "SM", price=Decimal(5))), existing()), ListingAction.UPDATE, (V,)),
    ("images", planned(OTHER_IMAGES, existing()), ListingAction.UPDATE, (M,)),
    ("images all gone", planned(product(*grid("rb", "SM"), images=()), existing()), ListingAction.NOTHING, ()),
    ("adopted", planned(listed=ExistingListing(7, ListingMemory(state="draft"))), ListingAction.UPDATE, (T, V, M)),
    ("draft in Medusa", planned(product(status="draft"), existing(state="active")), ListingAction.DEACTIVATE, GONE),
    ("gone from Medusa", planned(None, existing(state="active")), ListingAction.DEACTIVATE, GONE),
    ("gone, state unknown", planned(None, existing(state=None)), ListingAction.DEACTIVATE, GONE),
    ("gone, a draft at Etsy", planned(None, existing()), ListingAction.NOTHING, ()),
    ("gone, taken down before", planned(None, existing(state="inactive", paused=True)), ListingAction.NOTHING, ()),
    ("never listed, draft in Medusa", planned(product(status="draft")), ListingAction.REFUSE, ()),
    ("never listed, gone", planned(None), ListingAction.REFUSE, ()),
    ("sold out", planned(SOLD_OUT, existing(state="active")), ListingAction.DEACTIVATE, GONE),
    ("sold out, no title", planned(NAMELESS, existing(state="active")), ListingAction.DEACTIVATE, GONE),
    ("sold out, a draft at Etsy", planned(SOLD_OUT, existing()), ListingAction.NOTHING, ()),
    ("sold out, never listed", planned(SOLD_OUT), ListingAction.REFUSE, ()),
    ("back in stock", planned(listed=existing(state="inactive", paused=True)), ListingAction.UPDATE, (P,)),
    ("wrong", planned(product(title=""), existing()), ListingAction.REFUSE, ()),
]  # fmt: skip


@pytest.mark.parametrize(("plan", "action", "parts"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_is_to_be_done(plan: ListingPlan, action: ListingAction, parts: tuple[Part, ...]) -> None:
    assert (plan.action, plan.parts) == (action, parts)
    assert bool(plan.problems) == (action is ListingAction.REFUSE)
    if action in (ListingAction.CREATE, ListingAction.UPDATE):
        assert plan.listing is not None


def test_differences_by_field() -> None:
    new = product(*grid("rb", "SM", price=Decimal(5)), title="New lamp", material="oak")
    assert planned(new, existing()).changes == (
        FieldChange("title", "Oak lamp", "New lamp"),
        FieldChange("materials", None, "oak"),
        *(FieldChange(f"price {name}", "9.99", "5.00") for name in ("r / S", "r / M", "b / S", "b / M")),
    )
    assert {change.before for change in planned(new).changes} == {None}
    assert planned(listed=existing()).changes == ()


def test_tags_that_are_no_more_stay_on_etsy_and_that_is_told() -> None:
    plan = planned(FIRST, existing(product(*grid("rb", "SM"), tags=("oak",), material="oak")))
    assert [note.sentence for note in plan.notes] == [
        "It has no tags any more. Those on Etsy stay: take them away there.",
        "It has no materials any more. Those on Etsy stay: take them away there.",
    ]
    assert plan.changes == ()
    assert not {"tags", "materials"} & set(plan.listing.content if plan.listing else ())


def test_a_long_text_is_told_short() -> None:
    before = existing(product(description="word " * 1_000 + "a"))
    plan = planned(product(description="word " * 1_000 + "b"), before)
    assert [change.field for change in plan.changes] == ["description"]
    assert all(text is not None and len(text) < 130 for text in (plan.changes[0].before, plan.changes[0].after))


def stocked(*quantities: int) -> ShopProduct:
    return product(*(variant(f"s{n}", options={"Size": f"{n}"}, quantity=q) for n, q in enumerate(quantities)))


LOWER = [
    ("down", (3, 3), stocked(2, 3), True),
    ("one out", (3, 3), stocked(0, 3), True),
    ("up", (3, 3), stocked(4, 3), False),
    ("down and up", (3, 3), stocked(2, 4), False),
    ("the same", (3, 3), stocked(3, 3), False),
    ("sold out", (3, 3), stocked(0, 0), True),
    ("one variant less", (3, 3, 3), stocked(2, 3), False),
    ("title too", (3, 3), stocked(2, 3).model_copy(update={"title": "New"}), False),
    ("draft in Medusa", (3, 3), stocked(2, 3).model_copy(update={"status": "draft"}), False),
]


@pytest.mark.parametrize(("before", "after", "lower"), [case[1:] for case in LOWER], ids=[case[0] for case in LOWER])
def test_what_only_lowers_stock(before: tuple[int, ...], after: ShopProduct, lower: bool) -> None:
    assert planned(after, existing(stocked(*before), state="active")).only_lowers_stock is lower


def test_no_more_than_the_cap_is_published() -> None:
    plans = [planned(**ON), planned(listed=existing()), planned(listed=existing(), **ON), planned(**ON), planned(None)]
    assert listing_fees(plans) == Decimal("0.60")
    capped = cap_publishing(plans, 1)
    assert [plan.publishes for plan in capped] == [True, False, False, False, False]
    assert [plan.action for plan in capped] == [
        ListingAction.CREATE,
        ListingAction.NOTHING,
        ListingAction.NOTHING,
        ListingAction.CREATE,
        ListingAction.REFUSE,
    ]
    assert "publish_at_most" in capped[2].notes[-1].sentence
    assert listing_fees(capped) == Decimal("0.20")
    assert (
        count_plans([]) == PlanCounts() == PlanCounts(create=0, update=0, deactivate=0, nothing=0, refuse=0, publish=0)
    )
    assert count_plans(capped) == PlanCounts(create=2, nothing=2, refuse=1, publish=1)
    assert count_plans(capped).products == 4
    assert listing_fees(cap_publishing(plans, 0)) == 0


AGREED = [
    ("as it was", planned(), Proposal.CREATE, (C, V, M)),
    ("a fee that nobody saw", planned(**ON), Proposal.CREATE, (C, V, M)),
    ("a fee that was seen", planned(**ON), Proposal.CREATE_AND_PUBLISH, (C, V, M, P)),
    ("nothing but a fee", planned(listed=existing(), **ON), Proposal.NOTHING, ()),
    ("its listing is gone since", planned(), Proposal.UPDATE, None),
    ("changed since", planned(product(title="New"), existing()), Proposal.NOTHING, (T, V)),
    ("gone from Medusa since", planned(None, existing(state="active")), Proposal.UPDATE, (D,)),
    ("back since", planned(listed=existing(state="inactive", paused=True)), Proposal.DEACTIVATE, ()),
    ("stock went down", planned(stocked(2, 3), existing(stocked(3, 3))), Proposal.LOWER_STOCK, (V,)),
    ("stock went up since", planned(stocked(4, 3), existing(stocked(3, 3))), Proposal.LOWER_STOCK, None),
    ("sold out since", planned(stocked(0, 0), existing(stocked(3, 3), state="active")), Proposal.LOWER_STOCK, (D,)),
    ("nothing by now", planned(stocked(3, 3), existing(stocked(3, 3))), Proposal.LOWER_STOCK, ()),
    ("never listed", planned(stocked(3, 3)), Proposal.LOWER_STOCK, None),
]


@pytest.mark.parametrize(
    ("plan", "confirmed", "parts"), [case[1:] for case in AGREED], ids=[case[0] for case in AGREED]
)
def test_no_more_than_was_agreed_to(plan: ListingPlan, confirmed: Proposal, parts: tuple[Part, ...] | None) -> None:
    found = limit_to_confirmed(plan, confirmed)
    assert found.parts == (parts or ())
    assert (found.action is ListingAction.REFUSE) == (parts is None)
    assert bool(found.problems) == (parts is None)


@pytest.mark.parametrize("plan", [case[1] for case in CASES], ids=[case[0] for case in CASES])
def test_what_a_person_was_shown_is_what_is_done(plan: ListingPlan) -> None:
    assert limit_to_confirmed(plan, plan.proposal) == plan


def test_the_text_of_a_proposal_is_what_the_state_store_has() -> None:
    assert [str(proposal) for proposal in Proposal] == [
        *("create", "create and publish", "update", "update and publish"),
        *("deactivate", "nothing", "refuse", "lower stock"),
    ]
    assert planned(**ON).proposal == "create and publish"


STATES = st.sampled_from((None, "draft", "active", "inactive", "sold_out", "expired", "removed"))


@given(STATES, st.booleans(), st.booleans(), st.sampled_from((FIRST, None, stocked(0, 0), product(status="draft"))))
def test_nothing_is_published_that_nobody_asked_for(
    state: str | None, paused: bool, publish: bool, wanted: ShopProduct | None
) -> None:
    plan = planned(wanted, existing(state=state, paused=paused), publish=publish)
    if plan.publishes:
        assert wanted is FIRST
        assert (publish and state != "active") or paused
    if wanted is not FIRST:
        assert plan.parts == ((D,) if state in (None, "active") else ())
