import httpx
import pytest

from awin_medusa_pipeline.sandbox.etsy import shop
from awin_medusa_pipeline_tests.support.etsy_bodies import colours
from awin_medusa_pipeline_tests.support.etsy_caller import LISTINGS, Caller


@pytest.fixture
def listing_id(caller: Caller) -> int:
    """Red and blue, with two images."""
    listing_id = caller.active("Red", "Blue")
    caller.upload(listing_id, rank="2")
    return listing_id


def place(caller: Caller, listing_id: int, colour: str, number: int) -> dict[str, int]:
    """The link of a colour with the image at this place."""
    values = [product["property_values"][0] for product in caller.inventory(listing_id)]
    [value_id] = next(value["value_ids"] for value in values if value["values"] == [colour])
    return {"property_id": 513, "value_id": value_id, "image_id": caller.image_ids(listing_id)[number]}


def linked(caller: Caller, listing_id: int) -> list[str]:
    """The colours that have an image."""
    results = caller.get(f"{LISTINGS}/{listing_id}/variation-images").json()["results"]
    return [found["value"] for found in results]


def test_links_are_replaced_as_a_whole(caller: Caller, listing_id: int):
    red, blue = place(caller, listing_id, "Red", 0), place(caller, listing_id, "Blue", 1)
    answer = caller.link_images(listing_id, red, blue).json()
    assert answer == {"count": 2, "results": [red | {"value": "Red"}, blue | {"value": "Blue"}]}
    assert caller.link_images(listing_id, blue).json()["count"] == 1
    assert linked(caller, listing_id) == ["Blue"]
    refused = caller.link_images(listing_id, blue | {"image_id": 77})
    assert (refused.status_code, linked(caller, listing_id)) == (400, ["Blue"])
    assert caller.link_images(listing_id).json()["count"] == 0


def test_link_goes_with_its_image(caller: Caller, listing_id: int):
    first, second = caller.image_ids(listing_id)
    caller.link_images(listing_id, place(caller, listing_id, "Red", 0), place(caller, listing_id, "Blue", 1))
    caller.patch(listing_id, image_ids=str(second))
    assert linked(caller, listing_id) == ["Blue"]
    caller.patch(listing_id, image_ids=f"{first},{second}")
    assert linked(caller, listing_id) == ["Blue"]
    caller.upload(listing_id, rank="2", overwrite="true")
    assert linked(caller, listing_id) == []


def test_link_goes_with_its_value(caller: Caller, listing_id: int):
    caller.link_images(listing_id, place(caller, listing_id, "Red", 0), place(caller, listing_id, "Blue", 1))
    caller.put_inventory(listing_id, colours("Red", "Blue"))
    assert linked(caller, listing_id) == ["Red", "Blue"]
    caller.put_inventory(listing_id, colours("Red", "Green"))
    assert linked(caller, listing_id) == ["Red"]


@pytest.mark.parametrize("state", ["active", "draft"])
def test_last_image_stays(caller: Caller, listing_id: int, state: str):
    caller.etsy.edit(listing_id, fields={"state": state})
    first, second = caller.image_ids(listing_id)

    def delete(image_id: int) -> httpx.Response:
        return caller.http.delete(f"{LISTINGS}/{listing_id}/images/{image_id}")

    assert delete(first).status_code == 204
    assert delete(first).status_code == 404
    refused = delete(second)
    assert (refused.status_code, refused.json()["error"].partition(".")[0]) == (
        400,
        "Listings must have at least 1 image",
    )
    assert caller.image_ids(listing_id) == [second]


def test_what_else_a_shop_has(caller: Caller):
    home = f"/shops/{shop.SHOP_ID}"
    assert [
        found["production_partner_id"] for found in caller.get(f"{home}/production-partners").json()["results"]
    ] == [shop.PARTNER]
    assert [found["shop_section_id"] for found in caller.get(f"{home}/sections").json()["results"]] == [shop.SECTION]
