"""The stand-in beside Etsy's own OpenAPI file, where that is present."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from awin_medusa_pipeline.sandbox.etsy import api, shop
from awin_medusa_pipeline.sandbox.etsy.handle import EtsyHandle
from awin_medusa_pipeline_tests.support import etsy_spec
from awin_medusa_pipeline_tests.support.etsy_bodies import DRAFT, colours
from awin_medusa_pipeline_tests.support.etsy_caller import LISTINGS, Caller


@pytest.fixture(scope="module")
def theirs() -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Method, path and entry of Etsy's operations, by name."""
    spec = etsy_spec.load() or pytest.skip(etsy_spec.ABSENT)
    return {operation["operationId"]: (method, path, operation) for method, path, operation in spec.operations}


NOT_IN_FILE = {"getShopReceipts", "getShopReceipt"}
"""The copy of Etsy's file lacks them; test_receipts.py has the names of their fields."""


def test_operations_are_etsy_s(theirs: dict[str, tuple[str, str, dict[str, Any]]]):
    assert {operation.name for operation in api.OPERATIONS} - theirs.keys() == NOT_IN_FILE
    for operation in api.OPERATIONS:
        if operation.name in NOT_IN_FILE:
            continue
        method, path, their = theirs[operation.name]
        assert (operation.method, api.ROOT + operation.path) == (method, path)
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
    image_id = caller.image_ids(listing_id)[0]
    red = caller.put_inventory(listing_id, colours("Red", "Blue")).json()["products"][0]["property_values"][0]
    place = {"property_id": red["property_id"], "value_id": red["value_ids"][0], "image_id": image_id}
    caller.patch(listing_id, state="active")
    both = {"listing_ids": str(listing_id)}
    answers = {
        "ping": caller.get("/openapi-ping"),
        "getMe": caller.get("/users/me"),
        "getShop": caller.get(home),
        "getShopShippingProfiles": caller.get(f"{home}/shipping-profiles"),
        "getShopReturnPolicies": caller.get(f"{home}/policies/return"),
        "getShopReadinessStateDefinitions": caller.get(f"{home}/readiness-state-definitions"),
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
        "getShopProductionPartners": caller.get(f"{home}/production-partners"),
        "getShopSections": caller.get(f"{home}/sections"),
        "updateVariationImages": caller.link_images(listing_id, place),
        "getListingVariationImages": caller.get(f"{LISTINGS}/{listing_id}/variation-images"),
        "getListingImages": caller.get(f"/listings/{listing_id}/images"),
    }
    assert {name: answer.text for name, answer in answers.items() if not answer.is_success} == {}
    return [(name, answer.json()) for name, answer in answers.items()]


def answer_problems(operation: dict[str, Any], answer: Any) -> list[str]:
    """Where an answer of success has another form than in the file, or fields that Etsy's does not have."""
    success = next(known for status, known in operation["responses"].items() if status.startswith("2"))
    components = json.loads(etsy_spec.FILE.read_text())["components"]
    schema = etsy_spec.strict(success["content"]["application/json"]["schema"] | {"components": components})
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(answer)]


def test_answers_have_etsy_s_form(etsy: EtsyHandle, theirs: dict[str, tuple[str, str, dict[str, Any]]]):
    with Caller(etsy, "shops_r", "shops_w", "listings_r", "listings_w") as caller:
        answers = walk(caller)
    without_answer = {"deleteListing", "deleteListingImage"}
    assert {operation.name for operation in api.OPERATIONS} - {
        name for name, _ in answers
    } == NOT_IN_FILE | without_answer
    problems = {name: answer_problems(theirs[name][2], answer) for name, answer in answers}
    assert {name: found for name, found in problems.items() if found} == {}
    assert etsy_spec.wrong(etsy.calls()) == []
