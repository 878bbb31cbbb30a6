"""The stand-in beside Etsy's own OpenAPI file, where that is present."""

from typing import Any

import pytest

from awin_medusa_pipeline.sandbox.etsy import api, shop
from awin_medusa_pipeline.sandbox.etsy.handle import EtsyHandle
from awin_medusa_pipeline_tests import etsy_openapi
from awin_medusa_pipeline_tests.sandbox.etsy.bodies import DRAFT, colours, simple
from awin_medusa_pipeline_tests.sandbox.etsy.caller import LISTINGS, Caller

pytestmark = pytest.mark.skipif(not etsy_openapi.FILE.exists(), reason=etsy_openapi.MISSING)
NOT_IN_THE_FILE = {"getListingImage"}


def test_operations_are_etsy_s():
    theirs = etsy_openapi.operations()
    assert {operation.name for operation in api.OPERATIONS} - NOT_IN_THE_FILE == theirs.keys()
    for operation in api.OPERATIONS:
        if operation.name in NOT_IN_THE_FILE:
            continue
        their = theirs[operation.name]
        assert (operation.method, api.ROOT + operation.path) == (their["method"], their["path"])
        query = {parameter["name"] for parameter in their.get("parameters", []) if parameter["in"] == "query"}
        assert operation.query == query - {"legacy"}
        scopes = [scope for choice in their.get("security") or [] for scope in choice.get("oauth2", [])]
        assert [operation.scope] == (scopes or [""])
        content = their.get("requestBody", {}).get("content", {})
        for kind, body in content.items():
            if kind != "application/json":
                known = operation.body.keys() | ({"image"} if operation.name == "uploadListingImage" else set())
                assert known == body["schema"]["properties"].keys()


def walk(caller: Caller) -> list[tuple[str, Any]]:
    """Each operation once with success: its name and answer."""
    home = f"/shops/{shop.SHOP_ID}"
    listing_id = caller.publishable()
    inventory = caller.put_inventory(listing_id, colours("Red", "Blue")).json()
    caller.patch(listing_id, state="active")
    link = {
        "property_id": 513,
        "value_id": inventory["products"][0]["property_values"][0]["value_ids"][0],
        "image_id": caller.image_ids(listing_id)[0],
    }
    variation_images = f"{LISTINGS}/{listing_id}/variation-images"
    readiness = {"readiness_state": "made_to_order", "min_processing_time": "1", "max_processing_time": "1"}
    both = {"listing_ids": str(listing_id)}
    answers = {
        "ping": caller.get("/openapi-ping"),
        "tokenScopes": caller.http.post("/scopes", data={"token": caller.tokens.access_token}),
        "getMe": caller.get("/users/me"),
        "getShopByOwnerUserId": caller.get(f"/users/{shop.USER_ID}/shops"),
        "getShop": caller.get(home),
        "getShopSections": caller.get(f"{home}/sections"),
        "getShopShippingProfiles": caller.get(f"{home}/shipping-profiles"),
        "getShopReturnPolicies": caller.get(f"{home}/policies/return"),
        "getShopProductionPartners": caller.get(f"{home}/production-partners"),
        "getShopReadinessStateDefinitions": caller.get(f"{home}/readiness-state-definitions"),
        "createShopReadinessStateDefinition": caller.http.post(f"{home}/readiness-state-definitions", data=readiness),
        "getSellerTaxonomyNodes": caller.get("/seller-taxonomy/nodes"),
        "getPropertiesByTaxonomyId": caller.get(f"/seller-taxonomy/nodes/{shop.SHIRTS}/properties"),
        "createDraftListing": caller.http.post(LISTINGS, data=DRAFT),
        "updateListing": caller.patch(listing_id, title="New", tags="a,b"),
        "getListing": caller.get(f"/listings/{listing_id}", includes="Images"),
        "getListingsByShop": caller.get(LISTINGS, includes="Images,Inventory", limit=100, offset=0, state="active"),
        "getListingsByListingIds": caller.get("/listings/batch", **both),
        "getListingsInventoryByListingIds": caller.get("/listings/batch/inventory", **both),
        "getListingInventory": caller.get(f"/listings/{listing_id}/inventory", includes="Listing"),
        "updateListingInventory": caller.put_inventory(listing_id, colours("Red", "Blue")),
        "uploadListingImage": caller.upload(listing_id, rank="2", alt_text="A mug"),
        "getListingImages": caller.get(f"/listings/{listing_id}/images"),
        "updateVariationImages": caller.http.post(variation_images, json={"variation_images": [link]}),
        "getListingVariationImages": caller.get(variation_images),
    }
    assert {name: answer.text for name, answer in answers.items() if not answer.is_success} == {}
    return [(name, answer.json()) for name, answer in answers.items()]


def test_answers_have_etsy_s_form(etsy: EtsyHandle):
    with Caller(etsy, "shops_r", "shops_w", "listings_r", "listings_w") as caller:
        answers = walk(caller)
    assert {name: etsy_openapi.answer_problems(name, answer) for name, answer in answers} == {
        name: [] for name, _ in answers
    }
    assert [found for call in etsy.calls() for found in etsy_openapi.request_problems(call)] == []


@pytest.mark.parametrize(
    ("operation", "send", "expected"),
    [
        ("createDraftListing", {"data": DRAFT | {"sku": "A"}}, "body has sku, which Etsy does not know"),
        ("createDraftListing", {"data": {"title": "A"}}, "body lacks price"),
        ("createDraftListing", {"data": DRAFT | {"quantity": "3.5"}}, "body quantity: '3.5' is not of type 'integer'"),
        ("createDraftListing", {"data": DRAFT | {"tags": ["a", "b"]}}, "tags: given twice"),
        ("createDraftListing", {"json": DRAFT}, "body: application/json instead of application/x-www-form-urlencoded"),
        ("getListingsByShop", {"params": {"colour": "red"}}, "query has colour, which Etsy does not know"),
        ("getListingsByShop", {"params": {"limit": "500"}}, "query limit: 500 is greater than the maximum of 100"),
        ("getListingsByListingIds", {}, "query lacks listing_ids"),
        ("updateListingInventory", {"json": {"products": [{"sku": "A"}]}}, "'offerings' is a required property"),
        ("updateListingInventory", {"json": simple(price="1")}, "'1' is not of type 'number'"),
        ("updateListingInventory", {"json": simple() | {"listing": None}}, "Additional properties are not allowed"),
    ],
)
def test_mistake_is_found(caller: Caller, operation: str, send: dict[str, Any], expected: str):
    found = next(known for known in api.OPERATIONS if known.name == operation)
    caller.http.request(found.method, found.path.format(shop_id=shop.SHOP_ID, listing_id=1), **send)
    [call] = caller.etsy.calls()
    assert any(expected in problem for problem in etsy_openapi.request_problems(call))
