from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awin_medusa_pipeline.sandbox.etsy import shop
from awin_medusa_pipeline.sandbox.etsy.answers import Problem, RefusedError, check
from awin_medusa_pipeline.sandbox.etsy.requests import File
from awin_medusa_pipeline.sandbox.etsy.rules import fields, images, inventory, listing
from awin_medusa_pipeline_tests.support.etsy_bodies import (
    ALL_FOUR,
    DRAFT,
    colours,
    offering,
    png,
    product,
    simple,
    value,
)

HAS = listing.Has(readiness_state_ids={shop.READY_TO_SHIP}, image_ids={1, 2, *range(100, 130)})
MARKET = "There was a problem with /marketplace : Oh dear, you cannot sell this item on Etsy."
TRIO = "Cannot update 'when_made' without 'who_made' and without 'is_supply' and vice versa"
INVALID = "contains invalid characters"
CALCULATED = {"shipping_profile_id": str(shop.CALCULATED_PROFILE)}
WEIGHED = {
    "item_weight": "1.5",
    "item_weight_unit": "kg",
    "item_length": "10",
    "item_width": "10",
    "item_height": "10",
    "item_dimensions_unit": "cm",
}


def said(problems: list[Problem]) -> list[str]:
    return [f"{problem.path} {problem.text}".strip() for problem in problems]


def creation(changes: dict[str, str], *without: str) -> list[str]:
    form = {name: text for name, text in (DRAFT | changes).items() if name not in without}
    values, problems = fields.parse(form, fields.CREATE)
    return said(problems or listing.creation(values, HAS))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"title": "x" * 140},
        {"title": "Café, 100% “wool” – … 5+5=10 ™"},
        {"tags": ",".join(f"tag {n}" for n in range(13)), "materials": "wool,silk 2", "styles": "a,b"},
        {"tags": "don't,well-made,20 characters a word"},
        {"tags": ""},
        {"price": "0.16", "quantity": "999"},
        {"who_made": "someone_else", "is_supply": "true"},
        {"who_made": "someone_else", "when_made": "1990s"},
        {"who_made": "someone_else", "production_partner_ids": str(shop.PARTNER)},
        {"image_ids": "2,1"},
        CALCULATED | WEIGHED,
        {"unknown": "is passed over"},
    ],
)
def test_draft_is_accepted(changes: dict[str, str]):
    assert creation(changes) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"title": "x" * 141}, "There was a problem with /title/1 : cannot be more than 140 characters."),
        ({"title": "a & b & c"}, "title: & can only be used once"),
        ({"title": "10% off 5%"}, "title: % can only be used once"),
        ({"title": "only $5"}, f"/title/1 {INVALID}"),
        ({"title": "mug ☕"}, f"/title/1 {INVALID}"),
        ({"title": "two\nlines"}, f"/title/1 {INVALID}"),
        ({"title": " "}, "There was a problem with /title/1 : cannot be empty"),
        ({"description": ""}, "There was a problem with /description : cannot be empty"),
        ({"tags": "a,A"}, "There was a problem with /tags : You may not have duplicate tags."),
        ({"tags": "x" * 21}, "There was a problem with /tags/0 : cannot be more than 20 characters."),
        ({"tags": "ok,50%"}, f"/tags/1 {INVALID}"),
        ({"tags": "ok,,fine"}, f"/tags/1 {INVALID}"),
        ({"tags": ",".join(f"t{n}" for n in range(14))}, "/tags cannot be more than 13 items"),
        ({"materials": "wool-mix"}, f"/materials/0 {INVALID}"),
        ({"styles": "a,b,c"}, "/styles cannot be more than 2 items"),
        ({"quantity": "1000"}, "There was a problem with /quantity : cannot be greater than 999"),
        ({"quantity": "0"}, "There was a problem with /quantity : cannot be less than 1"),
        ({"quantity": "many"}, "Stand-in: Expected int value for 'quantity' (got 'many')."),
        ({"price": "0.15"}, "There was a problem with /price : must be above min price £0.16 GBP"),
        ({"price": "40000.01"}, "There was a problem with /price : must be below max price £40,000.00 GBP"),
        ({"price": "1.999"}, "Stand-in: a price in GBP has two decimals, not 1.999."),
        ({"price": "NaN"}, "Stand-in: Expected float value for 'price' (got 'NaN')."),
        ({"is_supply": "False"}, "Stand-in: Expected bool value for 'is_supply' (got 'False')."),
        ({"shop_section_id": ""}, "Stand-in: Expected int value for 'shop_section_id' (got '')."),
        ({"who_made": "someone_else"}, MARKET),
        ({"who_made": "someone_else", "when_made": "2020_2026"}, MARKET),
        ({"taxonomy_id": "1"}, "Stand-in: the shop has no taxonomy_id 1."),
        ({"shop_section_id": "1"}, "Stand-in: the shop has no shop_section_id 1."),
        ({"return_policy_id": "1"}, "Stand-in: the shop has no return_policy_id 1."),
        ({"readiness_state_id": "1"}, "Stand-in: the shop has no readiness_state_id 1."),
        ({"production_partner_ids": "1"}, "Stand-in: the shop has no production_partner_ids 1."),
        (
            {"shipping_profile_id": str(shop.DELETED_PROFILE)},
            f"Stand-in: the shop has no shipping_profile_id {shop.DELETED_PROFILE}.",
        ),
        ({"image_ids": ""}, "/images cannot be less than 1 items"),
        ({"image_ids": "7"}, "Stand-in: the shop has no image_ids 7."),
        ({"image_ids": "1,1"}, "Stand-in: an image id is given twice."),
        ({"image_ids": ",".join(map(str, range(100, 121)))}, "/images cannot be more than 20 items"),
        ({"item_weight": "0"}, "Server Error"),
        ({"item_height": "-1"}, "Stand-in: weight and size are more than 0."),
        (
            CALCULATED | {"item_weight": "1"},
            "Could not set a calculated shipping profile to the listing. The listing is missing 'item_weight_unit', "
            "'item_length', 'item_width', 'item_height', 'item_dimensions_unit'",
        ),
    ],
)
def test_draft_is_refused(changes: dict[str, str], expected: str):
    assert creation(changes) == [expected]


@pytest.mark.parametrize(
    ("without", "expected"),
    [
        *((name, f"Missing input parameter: [{name}]") for name in listing.REQUIRED),
        ("is_supply", TRIO),
        ("shipping_profile_id", "A shipping_profile_id is required for physical listings."),
        ("readiness_state_id", "A readiness_state_id is required for physical listings."),
    ],
)
def test_draft_lacks(without: str, expected: str):
    assert creation({}, without) == [expected]


MADE: dict[str, Any] = {"who_made": "i_did", "when_made": "1990s", "is_supply": False, "type": "physical"}


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({}, []),
        ({"price": "1", "quantity": "5000", "sku": "x" * 99}, []),
        ({"item_weight_unit": ""}, []),
        ({"who_made": "i_did"}, [TRIO]),
        ({"who_made": "someone_else", "when_made": "made_to_order", "is_supply": "false"}, [MARKET]),
        ({"state": "draft"}, ["Stand-in: Expected active|inactive value for 'state' (got 'draft')."]),
    ],
)
def test_update(form: dict[str, str], expected: list[str]):
    values, problems = fields.parse(form, fields.UPDATE)
    assert said(problems or listing.update(values, MADE, HAS)) == expected


@pytest.mark.parametrize(
    ("changes", "image_count", "is_eu", "expected"),
    [
        ({}, 1, False, []),
        ({}, 0, False, ["/images cannot be less than 1 items"]),
        ({"return_policy_id": None}, 1, False, ["There was a problem with /return/policy : cannot be null"]),
        ({"return_policy_id": None}, 1, True, []),
        (
            {"shipping_profile_id": None},
            1,
            False,
            ["A shipping_profile_id is required for physical listings."],
        ),
        ({"readiness_state_id": None}, 1, False, ["A readiness_state_id is required for physical listings."]),
    ],
)
def test_publication(changes: dict[str, Any], image_count: int, is_eu: bool, expected: list[str]):
    ready = MADE | {"shipping_profile_id": 1, "return_policy_id": 1, "readiness_state_id": 1}
    assert said(listing.publication(ready | changes, image_count, listing.Has((), (), is_eu=is_eu))) == expected


CONTEXT = inventory.Context(HAS, shop.SHIRTS, known_value_ids={20001})
COLOUR_AND_SIZE: dict[str, Any] = {
    "products": [
        product(f"{colour}{size}", [value(colour), value(size, 514, "Cut")], quantity=number)
        for number, (colour, size) in enumerate([("red", "wide"), ("red", "slim"), ("blue", "wide"), ("blue", "slim")])
    ],
    "sku_on_property": [513, 514],
    "quantity_on_property": [513, 514],
}
THREE = [value("a"), value("b", 514, "Cut"), value("Red", shop.COLOUR, "")]


@pytest.mark.parametrize(
    "body",
    [
        simple(),
        colours("red", "blue"),
        colours("red", readiness_state_on_property=None),
        COLOUR_AND_SIZE,
        {"products": [product("a", [value("Red", shop.COLOUR, "", value_ids=[20001])])]},
        {"products": [product("a", [value("XXL", shop.SIZE, "", scale_id=shop.SIZE_SCALE)])]},
        {"products": [product("a", [value("red")]), product("a", [value("blue")], quantity=0)], ALL_FOUR[1]: [513]},
        {"products": [{"offerings": [offering(price=7)]}]},
        colours(*map(str, range(70))),
    ],
)
def test_inventory_is_accepted(body: dict[str, Any]):
    assert said(inventory.replacement(body, CONTEXT)) == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (None, "Missing input parameter: [products]"),
        ({"products": []}, "Missing input parameter: [products]"),
        ({"products": [simple()["products"][0] | {"product_id": 5}]}, "Array contains invalid keys"),
        (simple(offering_id=5), "Array contains invalid keys"),
        (simple(is_deleted=False), "Array contains invalid keys"),
        ({"products": [product("a", [value("red", scale_name=None)])]}, "Array contains invalid keys"),
        (simple() | {"listing": None}, "Array contains invalid keys"),
        (simple(price=None), "Expected float value for 'price' (got NULL)."),
        (simple(price={"amount": 1, "divisor": 100}), "Expected float value for 'price' (got dict)."),
        (simple(price="12.50"), "Expected float value for 'price' (got str)."),
        (simple(price=True), "Expected float value for 'price' (got bool)."),
        (simple(quantity=1.5), "Expected int value for 'quantity' (got float)."),
        (simple(is_enabled=None), "Expected bool value for 'is_enabled' (got NULL)."),
        (simple(price=0.1), "There was a problem with /price : must be above min price £0.16 GBP"),
        (simple(quantity=1000), "There was a problem with /quantity : cannot be greater than 999"),
        (simple(quantity=0), "One offering must have quantity greater than 0"),
        (simple(is_enabled=False), "One offering must have quantity greater than 0"),
        (simple(readiness_state_id=None), "All offerings need readiness state"),
        (simple(readiness_state_id=9), "Stand-in: the shop has no readiness_state_id 9."),
        ({"products": [product("x" * 33)]}, "There was a problem with /sku : cannot be more than 32 characters"),
        ({"products": [{"offerings": [offering(), offering()]}]}, "Stand-in: each product has exactly one offering."),
        (
            {"products": [product("a", [value("red", name=None)])]},
            "Expected string value for 'property_name' (got NULL).",
        ),
        ({"products": [product("a", [value("red", name="")])]}, "Stand-in: property 513 needs a property_name."),
        ({"products": [product("a", [value("")])]}, "Property values can't be empty"),
        ({"products": [product("a", [value("red (dark)")])]}, "Stand-in: a property value has no parentheses."),
        ({"products": [product("a", [value("red", value_ids=[5])])]}, "Stand-in: property 513 has no value_id 5."),
        (
            {"products": [product("a", [value("red", values=["red", "blue"])])]},
            "Stand-in: property 513 has exactly one value for a product.",
        ),
        (
            {"products": [product("a", [value("red", 999)])]},
            "Stand-in: listings of this category do not vary along property 999.",
        ),
        ({"products": [product("a", [value("M", shop.SIZE)])]}, f"Stand-in: property {shop.SIZE} needs a scale_id."),
        ({"products": [product("a", [value("M", scale_id=5)])]}, "Stand-in: property 513 has no scale 5."),
        (colours("red", "red"), "Stand-in: two products have the same property values."),
        (
            {"products": [product("a", [value("red")]), product("a")]},
            "Stand-in: all products have the same property_ids, in the same order.",
        ),
        (
            {"products": [product("a", [value("red"), value("blue")])]},
            "Stand-in: a property is given twice for one product.",
        ),
        (
            {"products": [product("a", [value("red"), value("wide", 514)])]},
            "Stand-in: each custom property has one name of its own.",
        ),
        (
            {"products": [product("a", [value("red")]), product("a", [value("blue", name="Shade")])]},
            "Stand-in: each custom property has one name of its own.",
        ),
        (
            COLOUR_AND_SIZE | {"products": COLOUR_AND_SIZE["products"][:3]},
            "All combinations of property values must be supplied",
        ),
        (colours(*map(str, range(71))), "Stand-in: at most 70 values of a property."),
        ({"products": [product("a", THREE)]}, "Stand-in: at most 2 variations (see max_variations_supported)."),
        (
            COLOUR_AND_SIZE | {"quantity_on_property": [514, 513]},
            "quantity_on_property: property IDs must be in the same order as in products",
        ),
        (
            simple() | {"price_on_property": [513]},
            "price_on_property: property IDs must be in the same order as in products",
        ),
        (
            COLOUR_AND_SIZE | {"sku_on_property": [513]},
            "Stand-in: sku must be consistent across all products that agree in sku_on_property.",
        ),
        (
            {"products": [product("a", [value("red")], price=1), product("a", [value("blue")], price=2)]},
            "Stand-in: price must be consistent across all products that agree in price_on_property.",
        ),
    ],
)
def test_inventory_is_refused(body: Any, expected: str):
    assert said(inventory.replacement(body, CONTEXT)) == [expected]


@given(st.sets(st.text("abc", min_size=1), min_size=2), st.sets(st.text("xyz", min_size=1), min_size=2), st.data())
def test_every_combination_is_there_once(colour_names: set[str], cut_names: set[str], data: st.DataObject):
    grid = [product("A", [value(colour), value(cut, 514, "Cut")]) for colour in colour_names for cut in cut_names]
    chosen = data.draw(st.integers(0, len(grid) - 1))
    assert inventory.replacement({"products": grid}, CONTEXT) == []
    twice = inventory.replacement({"products": [*grid, grid[chosen]]}, CONTEXT)
    assert said(twice) == ["Stand-in: two products have the same property values."]
    del grid[chosen]
    missing = inventory.replacement({"products": grid}, CONTEXT)
    assert said(missing) == ["All combinations of property values must be supplied"]


@pytest.mark.parametrize(
    ("colours_and_cuts", "along", "expected"),
    [
        ((20, 20), [513, 514], []),
        ((21, 20), [513, 514], ["Stand-in: at most 400 products when price_on_property has all."]),
        ((21, 20), [513], []),
        ((70, 30), [], []),
    ],
)
def test_four_hundred_products_where_something_hangs_on_all(
    colours_and_cuts: tuple[int, int], along: list[int], expected: list[str]
):
    first, second = (range(number) for number in colours_and_cuts)
    grid = [product("A", [value(f"c{one}"), value(f"d{two}", 514, "Cut")]) for one in first for two in second]
    assert said(inventory.replacement({"products": grid, "price_on_property": along}, CONTEXT)) == expected


def test_third_variation_has_to_be_asked_for():
    body = {"products": [product("a", THREE)]}
    assert inventory.replacement(body, inventory.Context(HAS, shop.MUGS, most_variations=3)) == []


JPEG = (
    b"\xff\xd8\xff\xe0\0\x10" + b"J" * 14 + b"\xff\xc0\0\x11\x08" + (300).to_bytes(2, "big") + (200).to_bytes(2, "big")
)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (png(40), (40, 40)),
        (JPEG, (200, 300)),
        (b"GIF89a\x05\0\x06\0", (5, 6)),
        (JPEG[:24], None),
        (b"\x89PNG\r\n\x1a\n", None),
        (b"<html>", None),
        (b"", None),
    ],
)
def test_size_of_a_picture(content: bytes, expected: tuple[int, int] | None):
    assert images.size(content) == expected


@pytest.mark.parametrize(
    ("values", "file", "ranks", "expected"),
    [
        ({}, File("a.png", png()), [], []),
        ({"listing_image_id": 1}, None, [1], []),
        ({"rank": 3, "overwrite": True}, File("a.png", png()), list(range(1, 21)), []),
        ({}, None, [], [images.NO_IMAGE.text]),
        ({}, File("", png()), [], [images.NO_IMAGE.text]),
        ({}, File("a.webp", b"RIFF"), [], [images.NO_IMAGE.text]),
        ({"listing_image_id": 1}, File("a.png", png()), [], [images.NO_IMAGE.text]),
        ({"listing_image_id": 9}, None, [], ["Stand-in: the shop has no listing_image_id 9."]),
        ({}, File("a.png", png(10)), [], ["Stand-in: height and width of an image are more than 10 px."]),
        ({"rank": 0}, File("a.png", png()), [], ["Stand-in: the first rank is 1."]),
        ({"alt_text": "x" * 501}, File("a.png", png()), [], ["Stand-in: alt_text has up to 500 characters."]),
        (
            {},
            File("a.png", png()),
            [1] * 20,
            ["Listings are only allowed 20 images. Please delete a ListingImage before trying to upload another."],
        ),
    ],
)
def test_upload(values: dict[str, Any], file: File | None, ranks: list[int], expected: list[str]):
    assert said(images.upload(values, file, ranks=ranks, has=HAS)) == expected


LINK = {"property_id": 513, "value_id": 7, "image_id": 1}
NO_LINK = "Could not update variation images because of the following error: "


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ([], []),
        ([LINK], []),
        ([LINK, LINK | {"value_id": 8}], []),
        (None, ["Missing input parameter: [variation_images]"]),
        ([{"property_id": 513}], ["Missing input parameter: [variation_images]"]),
        ([LINK | {"value_id": 9}], [NO_LINK + "variation with property_id 513 and value_id 9 is invalid"]),
        ([LINK | {"image_id": 9}], [NO_LINK + "the listing has no image_id 9"]),
        ([LINK, LINK], [NO_LINK + "a value has one image"]),
        (
            [LINK, {"property_id": 514, "value_id": 5, "image_id": 1}],
            [NO_LINK + "images are linked with the values of one property only"],
        ),
    ],
)
def test_links_of_images(places: Any, expected: list[str]):
    assert said(images.variation_images(places, {(513, 7), (513, 8), (514, 5)}, [1])) == expected


def test_prices_are_checked_in_the_shop_s_currency():
    assert said(listing.price(Decimal("0.19"), "USD")) == [
        "There was a problem with /price : must be above min price $0.20 USD"
    ]
    assert said(listing.price(Decimal("50000.01"), "USD")) == [
        "There was a problem with /price : must be below max price $50,000.00 USD"
    ]


@pytest.mark.parametrize(
    ("problems", "status", "body"),
    [
        ([Problem("no"), Problem("never")], 400, b'{"error": "no"}'),
        ([Problem("Server Error", status=500)], 500, b'{"error": "Server Error"}'),
        ([Problem("bad", "/a", "t")], 400, b'[{"path": "/a", "type": "t", "message": "bad"}]'),
        (
            [Problem("bad", "/a", "t"), Problem("bad", "/b", "t")],
            400,
            b'{"0": {"path": "/a", "type": "t", "message": "bad"}, "1": {"path": "/b", "type": "t", "message": "bad"}}',
        ),
    ],
)
def test_shapes_of_a_refusal(problems: list[Problem], status: int, body: bytes):
    with pytest.raises(RefusedError) as refused:
        check(problems)
    assert (refused.value.answer.status, refused.value.answer.body) == (status, body)
