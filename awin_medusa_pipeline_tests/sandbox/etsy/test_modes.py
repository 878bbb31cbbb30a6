"""What sources disagree about, each way."""

import time
from dataclasses import asdict
from typing import Any

import pytest

from awin_medusa_pipeline.sandbox.etsy import shop
from awin_medusa_pipeline.sandbox.etsy.past import Past
from awin_medusa_pipeline.sandbox.etsy.settings import SINGLE_MODES, StandInSettings, strictest
from awin_medusa_pipeline_tests.support.etsy_bodies import DRAFT, colours, product, simple, value
from awin_medusa_pipeline_tests.support.etsy_caller import LISTINGS, Caller

WITH_GAP: dict[str, Any] = {
    "products": [product("R", [value("dark red")]), product("B", [value("blue")], is_enabled=False, quantity=0)],
    "sku_on_property": [513],
    "quantity_on_property": [513],
}


def state_of(caller: Caller, listing_id: int) -> str:
    return str(caller.get(f"/listings/{listing_id}").json()["state"])


@pytest.mark.parametrize(("shows_edit", "shown"), [(False, "inactive"), (True, "edit")])
def test_inactive_listing_is_shown_as_edit(caller: Caller, shows_edit: bool, shown: str):
    listing_id = caller.active()
    caller.etsy.change(shows_edit=shows_edit)
    assert caller.patch(listing_id, state="inactive").json()["state"] == shown
    assert state_of(caller, listing_id) == shown
    listed = caller.get(LISTINGS, state="inactive").json()["results"]
    assert [(found["listing_id"], found["state"]) for found in listed] == [(listing_id, shown)]
    assert caller.patch(listing_id, state="active").json()["state"] == "active"
    assert len(caller.etsy.fees()) == 1


@pytest.mark.parametrize(
    ("mode", "status", "state", "quantity", "fees"),
    [
        ("works", 200, "active", 6, 2),
        ("one_piece", 200, "active", 2, 2),
        ("error", 500, "sold_out", 6, 1),
    ],
)
def test_sold_out_listing_set_active(caller: Caller, mode: str, status: int, state: str, quantity: int, fees: int):
    listing_id = caller.active("Red", "Blue")
    caller.etsy.change(sold_out_to_active=mode)
    caller.etsy.edit(listing_id, fields={"state": "sold_out"})
    assert caller.patch(listing_id, state="active").status_code == status
    found = caller.get(f"/listings/{listing_id}").json()
    assert (found["state"], found["quantity"], len(caller.etsy.fees())) == (state, quantity, fees)


@pytest.mark.parametrize(("mode", "state", "fees"), [("renews", "active", 2), ("ignored", "expired", 1)])
def test_expired_listing_set_active(caller: Caller, mode: str, state: str, fees: int):
    listing_id = caller.active()
    caller.etsy.change(expired_to_active=mode)
    caller.etsy.edit(listing_id, fields={"state": "expired"})
    answer = caller.patch(listing_id, state="active", title="New")
    assert (answer.status_code, answer.json()["state"], answer.json()["title"]) == (200, state, "New")
    assert (state_of(caller, listing_id), len(caller.etsy.fees())) == (state, fees)


def test_reads_are_behind_and_writes_are_not(caller: Caller):
    listing_id = caller.active()
    caller.etsy.change(behind_seconds=100)
    made = caller.create()
    for path in (f"/listings/{made}", f"/listings/{made}/inventory", f"/listings/{made}/images"):
        assert caller.get(path).status_code == 404
    assert caller.get("/listings/batch", listing_ids=f"{made},{listing_id}").json()["count"] == 1
    assert caller.get("/listings/batch/inventory", listing_ids=f"{made},{listing_id}").status_code == 404
    assert caller.get(LISTINGS, state="draft").json()["count"] == 0
    assert caller.patch(made, title="New").json()["title"] == "New"
    assert caller.put_inventory(listing_id, simple(quantity=2)).json()["products"][0]["offerings"][0]["quantity"] == 2
    assert caller.inventory(listing_id)[0]["offerings"][0]["quantity"] == 3
    caller.patch(listing_id, state="inactive")
    caller.upload(listing_id, rank="2")
    assert (state_of(caller, listing_id), len(caller.image_ids(listing_id))) == ("active", 1)
    assert caller.get(LISTINGS).json()["count"] == 1
    caller.etsy.change(clock_ahead=101)
    assert (state_of(caller, listing_id), len(caller.image_ids(listing_id))) == ("inactive", 2)
    assert caller.inventory(listing_id)[0]["offerings"][0]["quantity"] == 2
    assert caller.get(f"/listings/{made}").json()["title"] == "New"
    caller.etsy.remove(made)
    assert caller.get(f"/listings/{made}").json()["title"] == "New"
    caller.etsy.change(clock_ahead=202)
    assert caller.get(f"/listings/{made}").status_code == 404


def test_each_change_is_seen_when_its_time_comes(caller: Caller):
    listing_id = caller.active()
    caller.etsy.change(behind_seconds=100)
    for ahead, title in ((0, "One"), (60, "Two"), (120, "Three")):
        caller.etsy.change(clock_ahead=ahead)
        caller.patch(listing_id, title=title)
    seen = []
    for ahead in (120, 165, 225):
        caller.etsy.change(clock_ahead=ahead)
        seen.append(caller.get(f"/listings/{listing_id}").json()["title"])
    assert seen == ["One", "Two", "Three"]


def test_time_that_really_passes_counts(caller: Caller):
    listing_id = caller.active()
    caller.etsy.change(behind_seconds=0.3)
    caller.patch(listing_id, title="New")
    assert caller.get(f"/listings/{listing_id}").json()["title"] == "Blue mug"
    time.sleep(0.35)
    assert caller.get(f"/listings/{listing_id}").json()["title"] == "New"


def test_past_is_bounded():
    past: Past[str] = Past()
    for second in range(1000):
        past.keep(7, f"before {second}", now=float(second), seconds=3)
    assert len(past._was[7]) == 3
    assert past.shown(7, "now", then=996.5) == "before 997"
    assert past.shown(7, "now", then=999) == "now"
    past.keep(8, "kept", now=1.0, seconds=0)
    assert past.shown(8, "now", then=0) == "now"


@pytest.mark.parametrize(("mode", "shown"), [("kept", [1250, 1250]), ("price_0", [1250, 0]), ("left_out", [1250])])
def test_disabled_combinations(caller: Caller, mode: str, shown: list[int]):
    listing_id = caller.create()
    caller.etsy.change(disabled_combinations=mode)
    answered = caller.put_inventory(listing_id, WITH_GAP).json()["products"]
    for products in (answered, caller.inventory(listing_id)):
        assert [part["offerings"][0]["price"]["amount"] for part in products] == shown
    assert caller.get(f"/listings/{listing_id}").json()["price"]["amount"] == 1250


@pytest.mark.parametrize(("recases", "shown"), [(False, ["dark red", "Blue"]), (True, ["Dark red", "Blue"])])
def test_values_get_a_capital(caller: Caller, recases: bool, shown: list[str]):
    listing_id = caller.create()
    caller.etsy.change(recases_values=recases)
    answered = caller.put_inventory(listing_id, colours("dark red", "Blue")).json()["products"]
    for products in (answered, caller.inventory(listing_id)):
        assert [part["property_values"][0]["values"][0] for part in products] == shown


def test_readiness_of_a_draft_is_hidden(caller: Caller):
    listing_id = caller.publishable()
    caller.etsy.change(hides_readiness_of_drafts=True)
    for shown in (shop.READY_TO_SHIP, None):
        caller.etsy.change(hides_readiness_of_drafts=shown is None)
        assert caller.get(f"/listings/{listing_id}").json()["readiness_state_id"] == shown
        assert caller.inventory(listing_id)[0]["offerings"][0]["readiness_state_id"] == shown
    assert caller.patch(listing_id, state="active").json()["readiness_state_id"] == shop.READY_TO_SHIP
    assert caller.inventory(listing_id)[0]["offerings"][0]["readiness_state_id"] == shop.READY_TO_SHIP


def test_inventory_after_a_sale_conflicts_once(caller: Caller):
    listing_id = caller.active()

    def statuses() -> list[int]:
        return [caller.put_inventory(listing_id, simple()).status_code for _ in range(2)]

    caller.etsy.sell(listing_id, {"MUG": 1})
    assert statuses() == [200, 200]
    caller.etsy.change(conflicts=True)
    assert statuses() == [200, 200]
    caller.etsy.sell(listing_id, {"MUG": 1})
    assert statuses() == [409, 200]
    caller.etsy.edit(listing_id, fields={"title": "By its seller"})
    assert statuses() == [409, 200]
    caller.etsy.sell(listing_id, {"MUG": 1})
    caller.etsy.change(clock_ahead=60)
    assert statuses() == [200, 200]


def test_blank_words_are_refused(caller: Caller):
    assert caller.patch(caller.create(), tags="", materials="").status_code == 200
    caller.etsy.change(refuses_blank_words=True)
    assert caller.http.post(LISTINGS, data=DRAFT | {"tags": ""}).status_code == 500
    assert caller.patch(caller.create(), materials="").status_code == 500
    assert caller.patch(caller.create(tags="a")).status_code == 200


def test_strictest_mix_and_each_mode_alone(caller: Caller):
    defaults = asdict(StandInSettings())
    for changes in (strictest(), *SINGLE_MODES.values()):
        assert all(defaults[name] != value for name, value in changes.items())
    assert {name for changes in SINGLE_MODES.values() for name in changes} == strictest().keys()
    assert strictest(20)["behind_seconds"] == 20
    caller.etsy.change(**strictest())
    assert caller.http.post(LISTINGS, data=DRAFT).status_code == 201
    with pytest.raises(ValueError, match="Stand-in"):
        caller.etsy.change(sold_out_to_active="sometimes")
