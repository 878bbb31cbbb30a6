"""The short form of `make chaos` for Etsy; that its judge sees what is wrong; and the one moment that it leaves out."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.etsy.client.oauth import EtsyOAuth, refresh
from awin_medusa_pipeline.etsy.domain.tokens import TokenPair
from awin_medusa_pipeline.sandbox.etsy.handle import EtsyHandle
from awin_medusa_pipeline_tests.etsy.engine.test_jobs import Killed
from awin_medusa_pipeline_tests.support import etsy_laboratory
from awin_medusa_pipeline_tests.support.etsy_laboratory import EtsyLaboratory, laboratory
from awin_medusa_pipeline_tests.support.etsy_products import grid
from awin_medusa_pipeline_tests.tools.chaos.etsy import trouble

SEED = 7


@pytest.fixture
def lab(etsy: EtsyHandle, etsy_store: Database) -> Iterator[EtsyLaboratory]:
    with laboratory(etsy, etsy_store) as lab:
        yield lab


def test_killed_and_spoilt_it_comes_to_its_end(tmp_path: Path) -> None:
    report = trouble(tmp_path, products=12, kills=5, seed=SEED)
    assert (report.kills.total(), report.wrong, report.listings, report.fees) == (5, [], 12, 12)
    assert report.faults > 5
    assert report.flawless


def test_the_judge_sees_what_is_wrong(lab: EtsyLaboratory) -> None:
    for number in range(6):
        lab.add(f"prod_{number}", *grid("rb", "S"))
    lab.sync()
    assert lab.wrong() == []
    ids = [int(lab.link(f"prod_{number}").etsy_listing_id or 0) for number in range(6)]
    listings = {listing["listing_id"]: listing for listing in lab.etsy.listings()}
    lab.etsy.edit(ids[0], fields={"title": "Another"})
    products = listings[ids[1]]["inventory"]["products"]
    products[0]["offerings"][0]["price"]["amount"] += 1
    lab.etsy.edit(ids[1], inventory={"products": products})
    lab.etsy.remove(ids[2])
    with lab.client(lab.accounts.get(lab.account_id)) as client:
        client.set_image_order(ids[3], [image.listing_image_id for image in reversed(client.images(ids[3]))])
        stray = client.create_draft(lab.wanted("prod_4").draft)
    lab.etsy.edit(ids[5], fields={"state": "active"})
    assert lab.wrong() == [
        f"listings of no product: [{stray.listing_id}]",
        "prod_0: title",
        "prod_1: variants",
        "prod_2: no listing",
        "prod_3: images",
        "prod_5: state",
    ]


def test_killed_between_the_answer_to_a_renewal_and_its_storing(
    lab: EtsyLaboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can keep a pair that never was in the store: a person connects again, and the job goes on as it was."""
    for number in range(3):
        lab.add(f"prod_{number}")
    job = lab.confirmed()
    lab.etsy.inject("401", on="updateListingInventory", skip=1)

    def renewed_and_killed(oauth: EtsyOAuth, refresh_token: str) -> TokenPair:
        refresh(oauth, refresh_token)
        raise Killed

    monkeypatch.setattr(etsy_laboratory, "refresh", renewed_and_killed)
    with pytest.raises(Killed):
        lab.run(job)
    monkeypatch.undo()
    result = lab.retry_dead(job)
    assert "Connect the shop again." in str(result.stopped)
    assert len(lab.etsy.listings()) == 2
    lab.connect()
    lab.retry(job)
    assert lab.wrong() == []
