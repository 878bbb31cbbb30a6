"""The life of a listing at every Etsy that sources tell of: each way alone, and all the strict ones at once."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.etsy.domain.looks import BEHIND
from awin_medusa_pipeline.etsy.domain.plan import ListingAction, Proposal
from awin_medusa_pipeline.etsy.engine.jobs import JobResult
from awin_medusa_pipeline.etsy.engine.product_sync import ListingResult
from awin_medusa_pipeline.sandbox.etsy.handle import EtsyHandle
from awin_medusa_pipeline.sandbox.etsy.listings import PERIOD
from awin_medusa_pipeline_tests.support.etsy_laboratory import MODES, EtsyLaboratory, laboratory
from awin_medusa_pipeline_tests.support.etsy_products import grid

STRICT_RENEWALS = {"sold_out_to_active": "error", "expired_to_active": "ignored"}


@pytest.fixture(params=MODES)
def lab(request: pytest.FixtureRequest, etsy: EtsyHandle, etsy_store: Database) -> Iterator[EtsyLaboratory]:
    with laboratory(etsy, etsy_store, publish=True) as lab:
        lab.use(request.param)
        yield lab


def put_on_sale(lab: EtsyLaboratory, **values: Any) -> int:
    """A product in four variants, for sale on Etsy; its listing."""
    lab.add("prod_1", *grid("rb", "SM"), **values)
    lab.sync()
    lab.sleep(BEHIND.total_seconds())
    assert lab.wrong() == []
    return int(lab.link().etsy_listing_id or 0)


def quantities(lab: EtsyLaboratory) -> dict[str, int]:
    (listing,) = lab.etsy.listings()
    products = listing["inventory"]["products"]
    return {one["sku"]: one["offerings"][0]["quantity"] for one in products if one["offerings"][0]["is_enabled"]}


def results(result: JobResult) -> list[str]:
    return [str(outcome.sentence or outcome.result) for outcome in result.outcomes]


def test_new_then_changed_then_unchanged(lab: EtsyLaboratory) -> None:
    put_on_sale(lab, tags=("oak",), material="dark oak")
    cheaper = grid("rb", "SM", price=Decimal(5))
    lab.add("prod_1", *cheaper, title="Dark red lamp", images=("b", "c"))
    assert results(lab.sync()) == [ListingResult.UPDATED]
    assert lab.wrong() == ["prod_1: tags", "prod_1: materials"]  # what it has no longer stays there
    before = lab.etsy.last_call()
    assert results(lab.sync()) == [ListingResult.UNCHANGED]
    assert lab.etsy.writes(after=before) == []


def test_pieces_that_went_are_not_offered_again(lab: EtsyLaboratory) -> None:
    listing_id = put_on_sale(lab)
    lab.etsy.sell(listing_id, {"r-S": 2, "b-M": 1})
    lab.add("prod_1", *grid("rb", "SM", price=Decimal(5)))
    (plan,) = lab.plans("prod_1")
    said = " ".join(note.sentence for note in plan.notes)
    assert "On Etsy 2 of r-S went, probably sold there: 1 are offered, although Medusa has 3." in said
    assert "On Etsy 1 of b-M went" in said
    assert results(lab.sync()) == [ListingResult.UPDATED]
    assert quantities(lab) == {"r-S": 1, "r-M": 3, "b-S": 3, "b-M": 2}


def test_what_we_took_down_comes_back_and_what_the_seller_took_down_does_not(lab: EtsyLaboratory) -> None:
    listing_id = put_on_sale(lab)
    shown = lab.products["prod_1"]
    lab.products["prod_1"] = shown.model_copy(update={"status": "draft"})
    assert results(lab.sync()) == [ListingResult.DEACTIVATED]
    assert results(lab.sync()) == [ListingResult.UNCHANGED]
    lab.products["prod_1"] = shown
    assert results(lab.sync()) == [ListingResult.UPDATED]
    assert (lab.wrong(), len(lab.etsy.fees())) == ([], 1)
    lab.etsy.edit(listing_id, fields={"state": "inactive"})
    assert results(lab.sync()) == [ListingResult.UNCHANGED]
    assert lab.wrong() == ["prod_1: state"]


def test_a_sold_out_listing_is_renewed_once_that_is_confirmed(lab: EtsyLaboratory) -> None:
    listing_id = put_on_sale(lab)
    lab.etsy.sell(listing_id, dict.fromkeys(("r-S", "r-M", "b-S", "b-M"), 3))
    (plan,) = lab.plans("prod_1")
    assert (plan.action, plan.sold_out) == (ListingAction.NOTHING, True)
    lab.add("prod_1", *grid("rb", "SM", quantity=8))
    (plan,) = lab.plans("prod_1")
    assert plan.proposal is Proposal.UPDATE_AND_PUBLISH
    assert "renewing it costs 0.20 USD" in " ".join(note.sentence for note in plan.notes)
    (result,) = results(lab.sync())
    if lab.etsy.state()["settings"]["sold_out_to_active"] == "error":
        assert "HTTP 500" in result
    else:
        assert result == ListingResult.UPDATED
        # Three of each went, and nobody has said that Medusa's eight count that.
        assert quantities(lab) == dict.fromkeys(("r-S", "r-M", "b-S", "b-M"), 5)
        assert len(lab.etsy.fees()) == 2


def test_an_expired_listing_counts_as_renewed_only_when_it_is_shown(lab: EtsyLaboratory) -> None:
    put_on_sale(lab)
    lab.sleep(PERIOD + 60)
    lab.connect()
    (plan,) = lab.plans("prod_1")
    assert plan.proposal is Proposal.UPDATE_AND_PUBLISH
    (result,) = results(lab.sync())
    if lab.etsy.state()["settings"]["expired_to_active"] == "ignored":
        assert "Etsy took it, but half a minute later it is expired" in result
        assert len(lab.etsy.fees()) == 1
    else:
        assert (result, lab.wrong(), len(lab.etsy.fees())) == (ListingResult.UPDATED, [], 2)


SETTINGS = {
    "taxonomy_id": 6_001,
    "should_auto_renew": True,
    "who_made": "collective",
    "tags": ["mine", "by hand"],
    "materials": ["glass"],
}


def test_what_the_seller_set_at_etsy_survives_ten_changes_of_text(
    lab: EtsyLaboratory, request: pytest.FixtureRequest
) -> None:
    # All ten at the strictest; the ways alone differ in what one change meets.
    changes = 10 if "strictest" in request.node.name else 2
    listing_id = put_on_sale(lab, tags=("oak",), material="oak")
    lab.etsy.edit(listing_id, fields=SETTINGS)
    for number in range(changes):
        lab.add("prod_1", *grid("rb", "SM"), tags=("oak",), material="oak", title=f"Lamp {number}")
        assert results(lab.sync()) == [ListingResult.UPDATED]
    (listing,) = lab.etsy.listings()
    assert {name: listing["fields"][name] for name in SETTINGS} == SETTINGS
    assert listing["fields"]["title"] == f"Lamp {changes - 1}"
    patches = lab.etsy.calls("updateListing")[-changes:]
    assert [[name for name, _ in call.body] for call in patches] == [["title"]] * changes
