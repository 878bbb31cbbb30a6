"""Offers -> Medusa product payloads."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awin_medusa_pipeline.sync.domain.products import (
    ProductDefaults,
    added_option_values,
    category_path,
    hidden_patch,
    option_values,
    product_images,
    product_payload,
    restored_patch,
    tag_values,
)
from awin_medusa_pipeline_tests.support.factories import Row, missing, offer

DEFAULTS = ProductDefaults(
    "sc_1", "sp_1", tags={"AWIN": "t1"}, brands={"Lumen": "c1"}, categories={"Home > Light": "k1"}
)


def rows(*of_feed: Row) -> list[Row]:
    return missing(*of_feed).to_dicts()


def test_a_product_as_medusa_takes_it() -> None:
    [row] = rows(
        offer(
            "a",
            name="Desk Lamp",
            description="Warm.",
            brand="Lumen",
            category="Home > Light",
            gtin="96385074",
            mpn="M-1",
            image_url="http://i/1.jpg",
            more_image_urls=["http://i/2.jpg", "http://i/1.jpg"],
            aw_product_id="77",
            deep_link="http://l",
            merchant_link="http://m",
            price=Decimal("12.50"),
        )
    )
    payload = product_payload([row], DEFAULTS)
    assert json.loads(json.dumps(payload)) == payload
    assert payload == {
        "title": "Desk Lamp",
        "handle": "awin-1-a",
        "status": "published",
        "external_id": "awin:1:a",
        "description": "Warm.",
        "options": [{"title": "Default option", "values": ["Default option value"]}],
        "variants": [
            {
                "title": "Default option value",
                "sku": "a",
                "barcode": "96385074",
                "options": {"Default option": "Default option value"},
                "prices": [{"amount": 12.5, "currency_code": "gbp"}],
                "manage_inventory": True,
                "metadata": {
                    "awin_offer_key": "awin:1:a",
                    "awin_product_id": "77",
                    "awin_deep_link": "http://l",
                    "mpn": "M-1",
                },
            }
        ],
        "sales_channels": [{"id": "sc_1"}],
        "shipping_profile_id": "sp_1",
        "tags": [{"id": "t1"}],
        "collection_id": "c1",
        "categories": [{"id": "k1"}],
        "images": [{"url": "http://i/1.jpg"}, {"url": "http://i/2.jpg"}],
        "thumbnail": "http://i/1.jpg",
        "metadata": {
            "awin_merchant_id": "1",
            "awin_merchant_name": "Merchant 1",
            "awin_merchant_product_id": "a",
            "awin_product_id": "77",
            "awin_deep_link": "http://l",
            "awin_merchant_link": "http://m",
            "brand": "Lumen",
        },
    }


def test_what_the_feed_does_not_say_is_left_out() -> None:
    payload = product_payload(rows(offer("a", merchant_name=None)), ProductDefaults("sc_1", "sp_1"))
    assert payload.keys().isdisjoint({"description", "images", "thumbnail", "collection_id", "categories"})
    assert payload["tags"] == []
    assert "barcode" not in payload["variants"][0]
    assert payload["metadata"] == {"awin_merchant_id": "1", "awin_merchant_product_id": "a"}


def test_images_at_another_address() -> None:
    of_feed = rows(offer("a", image_url="http://i/1.jpg"))
    assert product_payload(of_feed, DEFAULTS, ["http://shop/1.jpg"])["thumbnail"] == "http://shop/1.jpg"
    assert "images" not in product_payload(of_feed, DEFAULTS, [])


OPTIONS: dict[str, tuple[list[Row], dict[str, list[str]]]] = {
    "alone": ([offer("a", colour="red")], {"Default option": ["Default option value"]}),
    "alone in its group": ([offer("a", parent="p", colour="red")], {"Colour": ["red"]}),
    "alone in its group, nothing said": ([offer("a", parent="p")], {"Article": ["a"]}),
    "colours": (
        [offer("a", parent="p", colour="red"), offer("b", parent="p", colour="blue")],
        {"Colour": ["red", "blue"]},
    ),
    "colours and sizes": (
        [offer("a", parent="p", colour="red", size="S"), offer("b", parent="p", colour="red", size="M")],
        {"Colour": ["red", "red"], "Size": ["S", "M"]},
    ),
    "one without a size": (
        [offer("a", parent="p", size="S"), offer("b", parent="p")],
        {"Size": ["S", "-"]},
    ),
    "alike in all": (
        [offer("a", parent="p", colour="red"), offer("b", parent="p", colour="red")],
        {"Colour": ["red", "red"], "Article": ["a", "b"]},
    ),
}


@pytest.mark.parametrize(("of_feed", "expected"), OPTIONS.values(), ids=OPTIONS.keys())
def test_options(of_feed: list[Row], expected: dict[str, list[str]]) -> None:
    assert option_values(rows(*of_feed)) == expected


groups = st.lists(
    st.tuples(st.sampled_from((None, "red", "blue", "-")), st.sampled_from((None, "S", "M", "-"))),
    min_size=1,
    max_size=8,
)


@given(groups)
def test_no_two_variants_have_the_same_options(values: list[tuple[str | None, str | None]]) -> None:
    group = [offer(f"s{n}", parent="p", colour=colour, size=size) for n, (colour, size) in enumerate(values)]
    payload = product_payload(rows(*group), DEFAULTS)
    allowed = {option["title"]: option["values"] for option in payload["options"]}
    chosen = [tuple(variant["options"].items()) for variant in payload["variants"]]
    assert len(set(chosen)) == len(group)
    for variant in payload["variants"]:
        assert variant["options"].keys() == allowed.keys()
        assert all(value in allowed[title] for title, value in variant["options"].items())
    assert all(len(set(values)) == len(values) for values in allowed.values())


@given(groups, st.sampled_from((("Colour",), ("Size", "Colour"), ("Article",), ("Farbe", "Size"))))
def test_variants_that_join_one_by_one_differ_too(
    values: list[tuple[str | None, str | None]], titles: tuple[str, ...]
) -> None:
    taken: list[dict[str, str]] = []
    for number, (colour, size) in enumerate(values):
        [row] = rows(offer(f"s{number}", parent="p", colour=colour, size=size))
        chosen = added_option_values(titles, taken, row)
        assert tuple(chosen) == titles
        assert chosen not in taken
        taken.append(chosen)


@pytest.mark.parametrize(
    ("category", "path"),
    [(None, None), ("A", "A"), ("A > B > C > D", "A > B > C > D"), ("A > B > C > D > E", "A > B > C > D")],
)
def test_category_path(category: str | None, path: str | None) -> None:
    assert category_path(offer(category=category)) == path


def test_tags() -> None:
    assert tag_values(offer()) == ["AWIN", "Merchant 1"]
    assert tag_values(offer(merchant_name=None)) == ["AWIN"]


def test_images_of_a_group_each_offers_main_one_first() -> None:
    group = [
        offer("a", image_url="1", more_image_urls=["3", ""]),
        offer("b", image_url=None, more_image_urls=["2"]),
        offer("c", image_url="1"),
    ]
    assert product_images(rows(*group)) == ["1", "3", "2"]


def test_hiding_leaves_a_mark_and_restoring_takes_it_away() -> None:
    hidden, restored = hidden_patch("prod_1", "run-1", "2026-11-21"), restored_patch("prod_1")
    assert (hidden["status"], restored["status"]) == ("draft", "published")
    assert hidden["metadata"] == {"awin_hidden_by_run": "run-1", "awin_hidden_at": "2026-11-21"}
    # Medusa: an empty text removes the key.
    assert restored["metadata"] == dict.fromkeys(hidden["metadata"], "")
