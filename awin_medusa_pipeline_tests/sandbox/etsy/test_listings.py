import httpx
import pytest

from awin_medusa_pipeline.sandbox.etsy import shop
from awin_medusa_pipeline.sandbox.etsy.handle import EtsyHandle
from awin_medusa_pipeline.sandbox.etsy.listings import PERIOD
from awin_medusa_pipeline_tests.support.etsy_bodies import DRAFT, colours, png, product, simple, value
from awin_medusa_pipeline_tests.support.etsy_caller import LISTINGS, Caller


def test_draft_is_made_of_a_form(caller: Caller):
    answer = caller.http.post(LISTINGS, data=DRAFT | {"title": "Mum's mug & spoon", "tags": "a, b"})
    made = answer.json()
    assert answer.status_code == 201
    assert made["state"] == "draft"
    assert made["price"] == {"amount": 1250, "divisor": 100, "currency_code": "GBP"}
    assert made["tags"] == ["a", "b"]
    assert made["title"] == "Mum&#39;s mug &amp; spoon"
    assert made["readiness_state_id"] == shop.READY_TO_SHIP
    assert caller.get(f"/listings/{made['listing_id']}").json() == made | {"skus": [], "views": 0}
    page = httpx.get(made["url"])
    assert "Mum&#x27;s mug &amp; spoon" in page.text


def test_repeated_key_keeps_only_the_last(caller: Caller):
    body = httpx.QueryParams([*DRAFT.items(), ("tags", "a"), ("tags", "b")])
    answer = caller.http.post(
        LISTINGS, content=str(body), headers={"content-type": "application/x-www-form-urlencoded"}
    )
    assert answer.json()["tags"] == ["b"]
    assert caller.etsy.calls("createDraftListing")[0].repeated == ["tags"]


def test_repeated_image_ids_detach_images(caller: Caller):
    listing_id = caller.create()
    ids = [caller.upload(listing_id, rank=str(rank)).json()["listing_image_id"] for rank in (1, 2, 3)]
    caller.http.patch(f"{LISTINGS}/{listing_id}", data={"image_ids": [str(image_id) for image_id in ids]})
    assert caller.image_ids(listing_id) == ids[-1:]
    caller.patch(listing_id, image_ids=",".join(map(str, reversed(ids))))
    assert caller.image_ids(listing_id) == ids[::-1]


def test_json_is_no_form(caller: Caller):
    assert caller.http.post(LISTINGS, json=DRAFT).status_code == 400
    assert caller.etsy.listings() == []


def test_names_that_etsy_does_not_know_are_in_the_log(caller: Caller):
    caller.create(sku="A1", tags="a")
    listing_id = caller.create()
    assert caller.patch(listing_id, price="99.00", quantity="1", title="New").json()["price"]["amount"] == 1250
    caller.get(f"/listings/{listing_id}", colour="red")
    assert [call.ignored for call in caller.etsy.calls()] == [["sku"], [], ["price", "quantity"], ["colour"]]


def test_publishing_asks_for_an_image_and_costs_a_fee(caller: Caller):
    listing_id = caller.create(return_policy_id=str(shop.RETURN_POLICY))
    refused = caller.patch(listing_id, state="active", title="Not kept")
    assert refused.json() == [{"path": "/images", "type": "array_too_short", "message": "cannot be less than 1 items"}]
    assert caller.get(f"/listings/{listing_id}").json()["title"] == "Blue mug"
    caller.upload(listing_id)
    assert caller.patch(listing_id, state="active").json()["state"] == "active"
    for state in ("active", "inactive", "active"):
        assert caller.patch(listing_id, state=state).json()["state"] == state
    [fee] = caller.etsy.fees()
    assert (fee["listing_id"], fee["cents"], fee["currency"]) == (listing_id, 20, "USD")


@pytest.mark.parametrize(("renews", "state", "fees"), [("false", "expired", 1), ("true", "active", 2)])
def test_listing_ends_after_four_months(caller: Caller, renews: str, state: str, fees: int):
    listing_id = caller.publishable()
    caller.patch(listing_id, state="active", should_auto_renew=renews)
    caller.etsy.change(clock_ahead=PERIOD + 60, token_seconds=1)
    with Caller(caller.etsy) as later:
        assert later.get(f"/listings/{listing_id}").json()["state"] == state
        assert len(caller.etsy.fees()) == fees
        later.patch(listing_id, state="active")
    assert len(caller.etsy.fees()) == 2


@pytest.mark.parametrize(
    ("state", "method", "form", "status"),
    [
        ("draft", "PATCH", {"state": "inactive"}, 400),
        ("expired", "PATCH", {"state": "inactive"}, 400),
        ("sold_out", "PATCH", {"title": "Still editable"}, 200),
        ("removed", "PATCH", {"title": "Gone"}, 409),
        ("removed", "DELETE", None, 409),
        ("sold_out", "DELETE", None, 204),
    ],
)
def test_states(etsy: EtsyHandle, state: str, method: str, form: dict[str, str] | None, status: int):
    with Caller(etsy, "listings_r", "listings_w", "listings_d") as caller:
        listing_id = caller.create()
        etsy.edit(listing_id, fields={"state": state})
        path = f"/listings/{listing_id}" if method == "DELETE" else f"{LISTINGS}/{listing_id}"
        assert caller.http.request(method, path, data=form).status_code == status


def test_gone_is_404(caller: Caller):
    listing_id = caller.create()
    caller.etsy.remove(listing_id)
    for answer in (
        caller.get(f"/listings/{listing_id}"),
        caller.get(f"/listings/{listing_id}/inventory"),
        caller.get(f"/listings/{listing_id}/images"),
        caller.patch(listing_id, title="New"),
        caller.put_inventory(listing_id, simple()),
        caller.upload(listing_id),
        caller.get("/no-such-operation"),
        httpx.get(f"{caller.etsy.url}/listing/{listing_id}"),
    ):
        assert answer.status_code == 404


def test_draft_and_skus_are_for_the_owner(caller: Caller):
    listing_id = caller.publishable()
    caller.put_inventory(listing_id, simple())
    assert caller.get(f"/listings/{listing_id}").json()["skus"] == ["MUG"]
    del caller.http.headers["authorization"]
    assert caller.get(f"/listings/{listing_id}").status_code == 404
    assert caller.get("/listings/batch/inventory", listing_ids=str(listing_id)).status_code == 401
    caller.etsy.edit(listing_id, fields={"state": "active"})
    assert caller.get(f"/listings/{listing_id}").json()["skus"] == []


def test_another_shop_is_not_ours(caller: Caller):
    answer = caller.get("/shops/1/listings")
    assert (answer.status_code, answer.json()) == (403, {"error": "User does not own Shop 1"})
    assert caller.get("/shops/1").status_code == 404


def test_listings_of_a_shop_are_paged_by_state(caller: Caller):
    drafts = [caller.create(title=f"Mug {n}") for n in range(5)]
    first = caller.get(LISTINGS, state="draft", limit=2).json()
    second = caller.get(LISTINGS, state="draft", limit=2, offset=2, includes="Images,Inventory").json()
    assert first["count"] == second["count"] == 5
    assert [found["listing_id"] for found in first["results"] + second["results"]] == drafts[:0:-1]
    assert "inventory" not in first["results"][0]
    assert second["results"][0]["inventory"]["products"][0]["offerings"][0]["quantity"] == 3
    assert caller.get(LISTINGS).json() == {"count": 0, "results": []}
    oldest = caller.get(LISTINGS, state="draft", limit=1, sort_order="asc").json()["results"]
    assert oldest[0]["listing_id"] == drafts[0]


@pytest.mark.parametrize(
    ("path", "query"),
    [
        (LISTINGS, {"limit": "101"}),
        (LISTINGS, {"limit": "0"}),
        (LISTINGS, {"offset": "12001"}),
        (LISTINGS, {"state": "edit"}),
        (LISTINGS, {"sort_on": "title"}),
        (LISTINGS, {"includes": "Colours"}),
        (LISTINGS, {"legacy": "false"}),
        ("/listings/batch", {"listing_ids": ""}),
        ("/listings/batch", {"listing_ids": "1,x"}),
        ("/listings/batch", {"listing_ids": "1", "legacy": "true"}),
        ("/listings/batch/inventory", {"listing_ids": ",".join(map(str, range(1, 102)))}),
    ],
)
def test_query_is_refused(caller: Caller, path: str, query: dict[str, str]):
    assert caller.get(path, **query).status_code == 400


def test_one_listing_brings_no_inventory(caller: Caller):
    listing_id = caller.create()
    assert caller.get(f"/listings/{listing_id}", includes="Inventory").status_code == 400
    assert caller.get(f"/listings/{listing_id}", includes="Images").json()["images"] == []


def test_batches(caller: Caller):
    ids = [caller.create(), caller.create()]
    both, unknown = ",".join(map(str, ids)), f"{ids[0]},77"
    found = caller.get("/listings/batch", listing_ids=both).json()
    assert [listing["listing_id"] for listing in found["results"]] == ids
    assert caller.get("/listings/batch", listing_ids=unknown).json()["count"] == 1
    found = caller.get("/listings/batch/inventory", listing_ids=both).json()
    assert all(listing["inventory"]["products"] for listing in found["results"])
    assert caller.get("/listings/batch/inventory", listing_ids=unknown).status_code == 404


def test_inventory_is_replaced_and_ids_change(caller: Caller):
    listing_id = caller.create()
    before = caller.get(f"/listings/{listing_id}/inventory").json()
    body = colours("Red", "Blue & white", price_on_property=[])
    first = caller.put_inventory(listing_id, body).json()
    second = caller.put_inventory(listing_id, body).json()
    assert caller.get(f"/listings/{listing_id}/inventory").json() == second | {"listing": None}
    ids = [[found["product_id"] for found in answer["products"]] for answer in (before, first, second)]
    assert len({product_id for part in ids for product_id in part}) == 5
    values = [[found["property_values"][0]["value_ids"] for found in answer["products"]] for answer in (first, second)]
    assert values[0] == values[1]
    assert first["products"][1]["property_values"][0]["values"] == ["Blue &amp; white"]
    found = caller.get(f"/listings/{listing_id}").json()
    assert (found["has_variations"], found["quantity"], found["skus"]) == (True, 6, ["MUG"])
    known = first["products"][0]["property_values"][0]["value_ids"]
    again = {"products": [product("MUG", [value("Red", value_ids=known)])]}
    assert caller.put_inventory(listing_id, again).status_code == 200


def test_refused_inventory_changes_nothing(caller: Caller):
    listing_id = caller.create()
    before = caller.get(f"/listings/{listing_id}/inventory").json()
    answer = caller.put_inventory(listing_id, simple(readiness_state_id=None))
    assert (answer.status_code, answer.json()) == (400, {"error": "All offerings need readiness state"})
    assert caller.get(f"/listings/{listing_id}/inventory").json() == before


def test_value_of_the_category_has_etsy_s_name_and_id(caller: Caller):
    listing_id = caller.create(taxonomy_id=str(shop.SHIRTS))
    large = value("L", shop.SIZE, "My size", scale_id=shop.SIZE_SCALE)
    [made] = caller.put_inventory(listing_id, {"products": [product("A", [large])]}).json()["products"]
    assert made["property_values"] == [
        {
            "property_id": shop.SIZE,
            "property_name": "Size",
            "scale_id": shop.SIZE_SCALE,
            "scale_name": "EU",
            "value_ids": [shop.SIZE * 100 + 3],
            "values": ["L"],
        }
    ]


def test_third_variation_has_to_be_asked_for(caller: Caller):
    listing_id = caller.create()
    body = {"products": [product("A", [value("a"), value("b", 514, "Cut"), value("Red", shop.COLOUR)])]}
    assert caller.put_inventory(listing_id, body).status_code == 400
    assert caller.put_inventory(listing_id, body, max_variations_supported="3").status_code == 200


def test_images_are_appended_unless_they_overwrite(caller: Caller):
    listing_id = caller.create()
    first, second = (caller.upload(listing_id).json()["listing_image_id"] for _ in range(2))
    assert caller.image_ids(listing_id) == [second, first]
    third = caller.upload(listing_id, rank="2", alt_text="side").json()["listing_image_id"]
    assert caller.image_ids(listing_id) == [second, first, third]
    fourth = caller.upload(listing_id, rank="2", overwrite="true").json()["listing_image_id"]
    assert caller.image_ids(listing_id) == [second, first, fourth]
    assert caller.attach(listing_id, third, rank="3").status_code == 201
    assert caller.image_ids(listing_id) == [second, first, fourth, third]
    assert caller.attach(listing_id, 77).status_code == 404


def test_picture_is_kept_byte_by_byte(caller: Caller):
    every_byte = png(tail=bytes(range(256)) + b"\r\n--\r\n\r")
    made = caller.upload(caller.create(), every_byte).json()
    assert httpx.get(made["url_fullxfull"]).content == every_byte


def test_image_needs_multipart_and_a_file_name(caller: Caller):
    path = f"{LISTINGS}/{caller.create()}/images"
    said = {"error": "Either a valid image file or a listing_image_id must be provided."}
    without_name = {"image": (None, png())}
    with_wrong_type = {"content-type": "application/x-www-form-urlencoded"}
    for answer in (
        caller.http.post(path, data={"rank": "1"}),
        caller.http.post(path, files=without_name),
        caller.http.post(path, files={"image": ("a.png", png())}, headers=with_wrong_type),
        caller.http.post(path, files={"image": ("a.html", b"<html>")}),
    ):
        assert (answer.status_code, answer.json()) == (400, said)


def test_twenty_images_and_no_more(caller: Caller):
    listing_id = caller.create()
    assert [caller.upload(listing_id).status_code for _ in range(21)] == [201] * 20 + [400]


def test_what_a_shop_has(caller: Caller):
    home = f"/shops/{shop.SHOP_ID}"
    assert caller.get(home).json()["currency_code"] == "GBP"
    for path in ("shipping-profiles", "policies/return", "readiness-state-definitions"):
        assert caller.get(f"{home}/{path}").json()["count"] >= 1
    nodes = caller.get("/seller-taxonomy/nodes").json()["results"]
    leaves = [leaf for node in nodes for leaf in node["children"]]
    assert {leaf["full_path_taxonomy_ids"][0] for leaf in leaves} == {node["id"] for node in nodes}
    assert caller.get(f"/seller-taxonomy/nodes/{shop.SHIRTS}/properties").json()["count"] == 4
    assert caller.get("/seller-taxonomy/nodes/1/properties").status_code == 404
