"""The check of requests against Etsy's OpenAPI file notices what is wrong."""

from typing import Any

import pytest

from awin_medusa_pipeline_tests.support import etsy_spec

FORM, MULTIPART, APPLICATION_JSON = "application/x-www-form-urlencoded", "multipart/form-data", "application/json"
ROOT = "/v3/application"
LISTINGS, LISTING = f"{ROOT}/shops/9/listings", f"{ROOT}/shops/9/listings/1"
INVENTORY = f"{ROOT}/listings/1/inventory"
DRAFT = {
    "quantity": "1",
    "title": "Lamp",
    "description": "A lamp.",
    "price": "12.50",
    "who_made": "i_did",
    "when_made": "made_to_order",
    "taxonomy_id": "3",
    "tags": "red,blue",
    "image_ids": "5,6",
    "is_supply": "false",
}
OFFERING = {"price": 12.5, "quantity": 1, "is_enabled": True, "readiness_state_id": None}
PRODUCT = {"sku": "a", "property_values": [], "offerings": [OFFERING]}


def pairs(fields: dict[str, str]) -> list[list[str]]:
    return [[name, value] for name, value in fields.items()]


Case = tuple[str, str, list[list[Any]], str, Any]
RIGHT: dict[str, Case] = {
    "create": ("POST", LISTINGS, [], FORM, pairs(DRAFT)),
    "patch": ("PATCH", LISTING, [], FORM, [["state", "active"]]),
    "page": ("GET", LISTINGS, [["state", "draft"], ["limit", "100"], ["offset", "0"]], "", None),
    "batch": ("GET", f"{ROOT}/listings/batch", [["listing_ids", "1,2"], ["includes", "Images"]], "", None),
    "image": ("POST", f"{LISTING}/images", [], MULTIPART, [["rank", "1"], ["image", "a.jpg", 3, "ab"]]),
    "inventory": ("PUT", INVENTORY, [], APPLICATION_JSON, {"products": [PRODUCT]}),
    "delete": ("DELETE", f"{ROOT}/listings/1", [], "", None),
    "token": ("POST", "/v3/public/oauth/token", [], FORM, [["grant_type", "refresh_token"]]),
    "receipts": ("GET", "/v3/application/shops/1/receipts", [["limit", "100"]], "", None),
}
WRONG: dict[str, tuple[Case, str]] = {
    "path": (("GET", f"{ROOT}/listing/1", [], "", None), "no such operation"),
    "method": (("PUT", LISTING, [], FORM, []), "no such operation"),
    "no number in the path": (("GET", f"{ROOT}/listings/abc", [], "", None), "no such operation"),
    "parameter that went": (("GET", f"{ROOT}/listings/1", [["legacy", "true"]], "", None), "'legacy' was unexpected"),
    "parameter that is missing": (("GET", f"{ROOT}/listings/batch", [], "", None), "'listing_ids' is a required"),
    "page too large": (("GET", LISTINGS, [["limit", "101"]], "", None), "101 is greater"),
    "state that is none": (("GET", LISTINGS, [["state", "sold"]], "", None), "'sold' is not one of"),
    "repeated parameter": (
        ("GET", f"{ROOT}/listings/batch", [["listing_ids", "1"], ["listing_ids", "2"]], "", None),
        "listing_ids comes twice",
    ),
    "repeated field": (("POST", LISTINGS, [], FORM, [*pairs(DRAFT), ["tags", "x"]]), "tags comes twice"),
    "missing field": (
        ("POST", LISTINGS, [], FORM, pairs({name: text for name, text in DRAFT.items() if name != "price"})),
        "'price' is a required",
    ),
    "unknown field": (("POST", LISTINGS, [], FORM, pairs(DRAFT | {"sku": "a"})), "'sku' was unexpected"),
    "Python's True": (("POST", LISTINGS, [], FORM, pairs(DRAFT | {"is_supply": "False"})), "'False' is not of type"),
    "an exponent": (("POST", LISTINGS, [], FORM, pairs(DRAFT | {"price": "1E+2"})), "'1E+2' is not of type"),
    "not a number": (("POST", LISTINGS, [], FORM, pairs(DRAFT | {"image_ids": "5,x"})), "'x' is not of type"),
    "word that Etsy does not know": (
        ("POST", LISTINGS, [], FORM, pairs(DRAFT | {"when_made": "2020_2020"})),
        "'2020_2020' is not one of",
    ),
    "state that costs nothing": (("PATCH", LISTING, [], FORM, [["state", "draft"]]), "'draft' is not one of"),
    "JSON for a form": (("PATCH", LISTING, [], APPLICATION_JSON, {"title": "x"}), "a body of application/json, not"),
    "form for multipart": (("POST", f"{LISTING}/images", [], FORM, [["rank", "1"]]), "not of multipart/form-data"),
    "a body where none is": (("DELETE", f"{ROOT}/listings/1", [], APPLICATION_JSON, {}), "not of no kind"),
    "money": (
        ("PUT", INVENTORY, [], APPLICATION_JSON, {"products": [PRODUCT | {"offerings": [OFFERING | {"price": "1"}]}]}),
        "products.0.offerings.0.price: '1' is not of type",
    ),
    "an id of Etsy's": (
        ("PUT", INVENTORY, [], APPLICATION_JSON, {"products": [PRODUCT | {"product_id": 1}]}),
        "'product_id' was unexpected",
    ),
    "no readiness": (
        (
            "PUT",
            INVENTORY,
            [],
            APPLICATION_JSON,
            {"products": [{"offerings": [{"price": 1, "quantity": 1, "is_enabled": True}]}]},
        ),
        "'readiness_state_id' is a required",
    ),
    "no JSON": (("PUT", INVENTORY, [], APPLICATION_JSON, None), "None is not of type 'object'"),
}


@pytest.fixture(scope="module")
def spec() -> etsy_spec.EtsySpec:
    return etsy_spec.load() or pytest.skip(etsy_spec.ABSENT)


@pytest.mark.parametrize("case", RIGHT.values(), ids=RIGHT.keys())
def test_what_is_right_passes(case: Case, spec: etsy_spec.EtsySpec) -> None:
    assert list(spec.faults(*case)) == []


@pytest.mark.parametrize(("case", "said"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_told(case: Case, said: str, spec: etsy_spec.EtsySpec) -> None:
    (fault,) = spec.faults(*case)
    assert said in fault
