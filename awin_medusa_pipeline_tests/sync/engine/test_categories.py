"""Brands, categories and tags: one entry for every name, no two names on one, and none of the owner's is joined."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from awin_medusa_pipeline.medusa.client import MedusaClient
from awin_medusa_pipeline.medusa.entries import CATEGORIES
from awin_medusa_pipeline.medusa.shapes import MADE_FOR
from awin_medusa_pipeline.sync.engine.categories import (
    ALL,
    _with_handles,
    categories_of,
    is_same_name,
    own_keys,
    product_defaults,
)
from awin_medusa_pipeline_tests.support.factories import Row, offer
from awin_medusa_pipeline_tests.support.rig import Rig

PATHS = (Path(__file__).parents[2] / "cases" / "26_27_categories.txt").read_text().splitlines()


class EmptyShop:
    """A shop without categories."""

    def where(self, *_: object) -> list[dict[str, Any]]:
        return []


def test_every_name_has_a_handle_of_its_own() -> None:
    found = own_keys(cast("MedusaClient", EmptyShop()), CATEGORIES, _with_handles(PATHS), ())
    assert [found[name] for name in PATHS[:3]] == ["сад-горшки", "家具", "home-linen"]
    assert all(found.values())
    assert len(set(found.values())) == len(PATHS)


@pytest.mark.parametrize(
    ("shown", "name", "is_same"),
    [
        ("Linen", "Home > Linen", True),
        ("Linen", "Home Linen", False),
        ("Home Linen", "Home Linen", True),
        ("Home/Linen", "Home > Linen", False),
        ("Bettwäsche", "Home > Linen", True),
        ("Bettwäsche", "Home Linen", True),
    ],
)
def test_an_entry_may_be_renamed_and_another_name_is_another(shown: str, name: str, is_same: bool) -> None:
    assert is_same_name("home-linen", shown, name) is is_same


NIKE = offer(merchant_name="Sale", brand="Nike", category="Home > Kitchen")
LISTS = {"collections": "handle,title", "product-categories": "handle,name", "product-tags": "value"}


def entries(rig: Rig, route: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = rig.get(f"/admin/{route}", fields=f"id,{LISTS[route]},metadata")[
        route.replace("-", "_")
    ]
    return found


def owners_own(rig: Rig) -> dict[str, str]:
    """A collection, a category and a tag that the owner made; their ids by route."""
    category = rig.post("/admin/product-categories", {"name": "Home", "handle": "home"})["product_category"]
    return {
        "collections": rig.post("/admin/collections", {"title": "Nike", "handle": "nike"})["collection"]["id"],
        "product-categories": category["id"],
        "product-tags": rig.post("/admin/product-tags", {"value": "Sale"})["product_tag"]["id"],
    }


def products_in(rig: Rig, own: dict[str, str]) -> list[str]:
    names = {"collections": "collection_id[]", "product-categories": "category_id[]", "product-tags": "tag_id[]"}
    return [
        route for route, id_ in own.items() if rig.get("/admin/products", fields="id", **{names[route]: id_})["count"]
    ]


@pytest.mark.shop
@pytest.mark.parametrize("join", [(), (ALL,), ("nike",)], ids=["none", "all", "one"])
def test_an_entry_of_the_owner_is_joined_only_where_a_setting_names_it(rig: Rig, join: Sequence[str]) -> None:
    """A promotion of 20 % for a collection must not reach what an advertiser names like it."""
    own = owners_own(rig)
    missing = rig.missing([NIKE])
    defaults = product_defaults(rig.client, rig.ids, missing, join)
    joined = {*defaults.brands.values(), *defaults.tags.values()} & {*own.values()}
    of_home = categories_of(rig.client, ["Home"], join)["Home"]
    expected = {(): set(), (ALL,): {"collections", "product-tags"}, ("nike",): {"collections"}}[tuple(join)]
    assert joined == {own[route] for route in expected}
    assert (of_home[1] == own["product-categories"]) is (ALL in join)
    assert product_defaults(rig.client, rig.ids, missing, join) == defaults
    names = [entry["name"] for entry in entries(rig, "product-categories")]
    assert sorted(names) == ["Home", "Home", "Kitchen"] if ALL not in join else ["Home", "Kitchen"]


@pytest.mark.shop
def test_what_this_program_made_is_joined_whatever_the_owner_calls_it(rig: Rig) -> None:
    missing = rig.missing([NIKE])
    made = product_defaults(rig.client, rig.ids, missing)
    (collection,) = entries(rig, "collections")
    assert collection["metadata"] == {MADE_FOR: "Nike"}
    rig.post(f"/admin/collections/{collection['id']}", {"title": "Our sports brand"})
    assert product_defaults(rig.client, rig.ids, missing) == made
    other = rig.missing([offer(merchant_name="Sale", brand="Our sports brand", category="Home > Kitchen")])
    assert product_defaults(rig.client, rig.ids, other).brands["Our sports brand"] != collection["id"]


@pytest.mark.shop
@pytest.mark.parametrize("foreign", [False, True], ids=["ours alone", "with one of the owner's"])
def test_what_earlier_versions_made_is_known_by_its_products(rig: Rig, foreign: bool) -> None:
    assert rig.imports([NIKE]).counts.applied == 1
    for route in LISTS:
        for entry in entries(rig, route):
            rig.post(f"/admin/{route}/{entry['id']}", {"metadata": {MADE_FOR: ""}})
    before = {route: {entry["id"] for entry in entries(rig, route)} for route in LISTS}
    if foreign:
        kitchen = next(entry for entry in entries(rig, "product-categories") if entry["name"] == "Kitchen")
        (tag,) = (entry for entry in entries(rig, "product-tags") if entry["value"] == "Sale")
        rig.post(
            "/admin/products",
            {
                "title": "Table",
                "collection_id": entries(rig, "collections")[0]["id"],
                "categories": [{"id": kitchen["id"]}],
                "tags": [{"id": tag["id"]}],
                "options": [{"title": "Size", "values": ["L"]}],
            },
        )
    second: Row = offer("2", merchant_name="Sale", brand="Nike", category="Home > Kitchen")
    defaults = product_defaults(rig.client, rig.ids, rig.missing([second]))
    after = {route: {entry["id"] for entry in entries(rig, route)} for route in LISTS}
    assert (after == before) is not foreign
    if not foreign:
        assert {entry["metadata"].get(MADE_FOR) for entry in entries(rig, "product-categories")} == {
            "Home",
            "Home > Kitchen",
        }
    assert product_defaults(rig.client, rig.ids, rig.missing([second])) == defaults


@pytest.mark.shop
def test_no_product_gets_the_tag_that_keeps_this_program_off(rig: Rig) -> None:
    """An advertiser of that name could otherwise never be hidden again."""
    missing = rig.missing([offer(merchant_name="AWIN-ignore")])
    assert list(product_defaults(rig.client, rig.ids, missing).tags) == ["AWIN"]
