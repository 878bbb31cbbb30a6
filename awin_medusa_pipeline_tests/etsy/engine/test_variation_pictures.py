"""Pictures that a seller linked with colours: still linked after our changes, and told where they cannot be."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import pytest

from awin_medusa_pipeline.core.errors import TransientError
from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.etsy.client.client import EtsyClient
from awin_medusa_pipeline.etsy.domain.requests import VariationImage
from awin_medusa_pipeline.etsy.engine.product_sync import ListingOutcome, ListingResult
from awin_medusa_pipeline.medusa.models import ShopVariant
from awin_medusa_pipeline.sandbox.etsy.faults import FaultKind
from awin_medusa_pipeline.sandbox.etsy.handle import EtsyHandle
from awin_medusa_pipeline_tests.support.etsy_laboratory import EtsyLaboratory, laboratory
from awin_medusa_pipeline_tests.support.etsy_products import variant

READ, LINK = "getListingVariationImages", "updateVariationImages"


def colours(*names: str, **values: Any) -> list[ShopVariant]:
    return [variant(name, options={"Colour": name}, **values) for name in names]


def arts_and_colours() -> list[ShopVariant]:
    """Options are in the order of their names, so Art takes the place that Colour had."""
    return [
        variant(f"{art}-{colour}", options={"Art": art, "Colour": colour})
        for art in ("lamp", "shade")
        for colour in ("red", "blue")
    ]


def client_of(lab: EtsyLaboratory) -> EtsyClient:
    return lab.client(lab.accounts.get(lab.account_id))


def listing_id(lab: EtsyLaboratory) -> int:
    found = lab.link().etsy_listing_id
    assert found
    return found


def link(lab: EtsyLaboratory, **pictures: int) -> None:
    """As the seller does it in the Shop Manager: a colour -> the place of its picture."""
    lab.pause()
    client = client_of(lab)
    listed = client.inventories([listing_id(lab)])[listing_id(lab)]
    values = {text.casefold(): place for place, text in listed.values.items()}
    images = [image.listing_image_id for image in client.images(listing_id(lab))]
    links = [
        VariationImage(property_id=values[colour][0], value_id=values[colour][1], image_id=images[place])
        for colour, place in pictures.items()
    ]
    client.link_images(listing_id(lab), links)


def linked(lab: EtsyLaboratory) -> dict[str, int]:
    """Colour -> the place of its picture, as Etsy shows it."""
    lab.pause()
    client = client_of(lab)
    images = [image.listing_image_id for image in client.images(listing_id(lab))]
    return {str(one.value).casefold(): images.index(one.image_id) for one in client.variation_images(listing_id(lab))}


def only(outcomes: Sequence[ListingOutcome]) -> ListingOutcome:
    (outcome,) = outcomes
    return outcome


@pytest.fixture
def lab(etsy: EtsyHandle, etsy_store: Database) -> Iterator[EtsyLaboratory]:
    """A listing of red and blue, each linked with a picture of its own."""
    with laboratory(etsy, etsy_store) as lab:
        lab.add("prod_1", *colours("red", "blue"))
        lab.sync()
        link(lab, red=0, blue=1)
        yield lab


def test_what_cuts_no_link_costs_no_call(lab: EtsyLaboratory) -> None:
    before = lab.etsy.last_call()
    lab.add("prod_1", *colours("red", "blue", price=Decimal(5)), images=("b", "a", "c"))
    assert only(lab.sync().outcomes).sentence is None
    assert not {READ, LINK} & {call.operation for call in lab.etsy.calls(after=before)}
    assert linked(lab) == {"red": 1, "blue": 0}


def test_a_picture_that_goes_is_told_and_the_others_stay(lab: EtsyLaboratory) -> None:
    lab.add("prod_1", *colours("red", "blue"), images=("b", "c"))
    outcome = only(lab.sync().outcomes)
    assert outcome.result is ListingResult.UPDATED
    assert str(outcome.sentence).casefold() == "on etsy the pictures of these values are not linked any more: red."
    assert (linked(lab), lab.wrong()) == ({"blue": 0}, [])
    assert lab.link().memory.linked_images == ()


def test_an_option_more_moves_the_colour_and_its_pictures_go_with_it(lab: EtsyLaboratory) -> None:
    lab.add("prod_1", *arts_and_colours())
    assert only(lab.sync().outcomes).sentence is None
    assert (linked(lab), lab.wrong()) == ({"red": 0, "blue": 1}, [])


def test_a_value_that_goes_is_told(lab: EtsyLaboratory) -> None:
    lab.add("prod_1", *colours("red", "green"))
    assert str(only(lab.sync().outcomes).sentence).casefold() == (
        "on etsy the pictures of these values are not linked any more: blue."
    )
    assert linked(lab) == {"red": 0}


def test_once_there_were_links_they_are_kept_at_each_writing_of_variants(lab: EtsyLaboratory) -> None:
    lab.add("prod_1", *colours("red", "blue", "green"))
    lab.sync()
    before = lab.etsy.last_call()
    lab.add("prod_1", *colours("red", "blue", "green", price=Decimal(5)))
    lab.sync()
    assert [call.operation for call in lab.etsy.calls(after=before) if call.operation in (READ, LINK)] == [READ, LINK]
    assert linked(lab) == {"red": 0, "blue": 1}
    # The seller has taken them away: nothing is linked any more, and nothing is read any more.
    client_of(lab).link_images(listing_id(lab), [])
    lab.add("prod_1", *colours("red", "blue", "green", price=Decimal(6)))
    lab.sync()
    before = lab.etsy.last_call()
    lab.add("prod_1", *colours("red", "blue", "green", price=Decimal(7)))
    lab.sync()
    assert not {READ, LINK} & {call.operation for call in lab.etsy.calls(after=before)}


def test_what_a_run_did_not_come_to_is_linked_by_the_next(lab: EtsyLaboratory) -> None:
    lab.add("prod_1", *arts_and_colours())
    job = lab.confirmed()
    client = client_of(lab)

    def silent(*arguments: Any) -> None:
        raise TransientError("Linking pictures", "HTTP 503", "Wait.")

    client.link_images = silent  # type: ignore[method-assign, assignment]
    outcome = only(lab.run(job, client_of=lambda account: client).outcomes)
    assert (outcome.result, linked(lab)) == (ListingResult.FAILED, {})
    before = lab.etsy.last_call()
    assert only(lab.retry(job).outcomes).sentence is None
    assert [call.operation for call in lab.etsy.writes(after=before)] == [LINK]
    assert (linked(lab), lab.wrong()) == ({"red": 0, "blue": 1}, [])


def test_links_that_etsy_refuses_are_told_and_fail_nothing(lab: EtsyLaboratory) -> None:
    lab.etsy.inject(FaultKind.ARRAY_ERROR, on=LINK)
    lab.add("prod_1", *colours("red", "blue", "green"))
    outcome = only(lab.sync().outcomes)
    assert outcome.result is ListingResult.UPDATED
    assert outcome.sentence is not None
    assert outcome.sentence.casefold().startswith(
        "on etsy the pictures of these values are not linked any more: red, blue."
    )
    assert "contains invalid characters" in outcome.sentence
