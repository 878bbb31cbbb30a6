"""Listings as Etsy shows them: what Etsy rewrites is no difference, and what the seller chose is kept."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awin_medusa_pipeline.etsy.domain.owners import compare
from awin_medusa_pipeline.etsy.domain.requests import Inventory, PropertyValue
from awin_medusa_pipeline.etsy.domain.shown import (
    ShownVariant,
    keep_processing,
    keep_variations,
    same,
    shorten,
    shown_fields,
    unshown_variant,
)
from awin_medusa_pipeline.medusa.models import ShopProduct
from awin_medusa_pipeline_tests.support.etsy_products import grid, listing_of, product, shown, variant, variants_shown

GRID = product(*grid("rb", "SM"), tags=("Hand made", "oak"))
# One combination is sold out, another one does not exist.
GAPS = product(*grid("rb", "SM")[:2], *grid("b", "S", quantity=0), tags=("oak",))


def as_etsy_shows(variants: tuple[ShownVariant, ...], order: list[int], disabled: str) -> tuple[ShownVariant, ...]:
    """Another order, values in another case, and its own way with combinations that cannot be bought."""
    found = []
    for place in order:
        one = variants[place]
        values = tuple(v.model_copy(update={"values": (v.values[0].upper(),), "value_ids": (9,)}) for v in one.values)
        one = replace(one, values=values[::-1])
        if not one.for_sale and disabled == "left out":
            continue
        found.append(one if one.for_sale or disabled == "kept" else replace(one, price=Decimal(0)))
    return tuple(found)


@given(
    st.sampled_from((GRID, GAPS, product(variant(None)))),
    st.randoms(use_true_random=False),
    st.sampled_from(("kept", "at price 0", "left out")),
)
def test_what_etsy_rewrites_is_no_difference(wanted: ShopProduct, random: object, disabled: str) -> None:
    listing = listing_of(wanted)
    variants = variants_shown(listing.inventory)
    order = list(range(len(variants)))
    random.shuffle(order)  # type: ignore[attr-defined]
    seen = as_etsy_shows(variants, order, disabled)
    there = shown(wanted, variants=seen, title=f"  {listing.draft.title}\n", tags="OAK,hand  made")
    fields = shown_fields(there, listing.inventory)
    if wanted is not GRID:
        fields.pop("tags")
    found = compare(listing.fields | {"images": ""}, listing.fields, fields, ())
    assert (found.content, found.variants, found.kept) == ((), (), ())
    assert unshown_variant(listing.inventory, listing.variant_ids, seen) == ""


CHANGES = [
    ("another price", {"price": Decimal(5)}, "does not show r-S at 9.99"),
    ("another SKU", {"sku": "else"}, "does not show r-S at 9.99"),
    ("more pieces", {"quantity": 4}, "shows 4 pieces of r-S, not 3"),
    ("some were sold", {"quantity": 1}, ""),
    ("all were sold", {"quantity": 0, "for_sale": False}, ""),
]


@pytest.mark.parametrize(("change", "said"), [case[1:] for case in CHANGES], ids=[case[0] for case in CHANGES])
def test_what_is_not_shown_as_it_was_given(change: dict[str, object], said: str) -> None:
    listing = listing_of(GRID)
    first, *rest = variants_shown(listing.inventory)
    assert unshown_variant(listing.inventory, listing.variant_ids, (replace(first, **change), *rest)) == said


def test_variants_of_before_are_not_those_that_were_written() -> None:
    listing = listing_of(GRID)
    variants = variants_shown(listing.inventory, first_id=5)
    assert unshown_variant(listing.inventory, listing.variant_ids, variants, {5}) == "shows the variants of before"
    assert unshown_variant(listing.inventory, listing.variant_ids, variants, {4}) == ""
    assert unshown_variant(listing.inventory, listing.variant_ids, variants[1:]) == "does not show r-S at 9.99"
    more = (*variants, replace(variants[0], values=(PropertyValue(property_id=513, values=("g",)),), sku="g"))
    assert unshown_variant(listing.inventory, listing.variant_ids, more) == "shows other variants too"


def along_another(inventory: Inventory, place: int, property_id: int) -> tuple[ShownVariant, ...]:
    """As Etsy shows it once the seller chose a property of Etsy's for one variation."""
    found = []
    for one in variants_shown(inventory):
        values = list(one.values)
        ids = (int.from_bytes(values[place].values[0].encode()),)
        changed = {"property_id": property_id, "property_name": "Primary color", "value_ids": ids}
        values[place] = values[place].model_copy(update=changed)
        found.append(replace(one, values=tuple(values)))
    return tuple(found)


def test_a_property_that_the_seller_chose_is_kept() -> None:
    listing = listing_of(product(*grid("rb", "S", price=Decimal(5)), *grid("rb", "M")))
    seen = along_another(listing.inventory, 0, 200)
    kept = keep_variations(listing.inventory, seen)
    assert {value.property_id for one in kept.products for value in one.property_values} == {200, 514}
    assert {value.value_ids for one in kept.products for value in one.property_values} == {(114,), (98,), ()}
    assert kept.price_on_property == (514,)
    assert kept.quantity_on_property == (200, 514)
    assert (
        "variations"
        in compare(listing.fields, listing.fields, shown_fields(shown(GRID, variants=seen), listing.inventory), ()).kept
    )
    # A new value has no id at Etsy yet.
    more = listing_of(product(*grid("rbg", "SM"))).inventory
    new = [one for one in keep_variations(more, seen).products if one.property_values[0].values == ("g",)]
    assert {one.property_values[0].value_ids for one in new} == {()}
    assert keep_variations(listing.inventory, variants_shown(listing.inventory)) == listing.inventory
    assert keep_variations(listing.inventory, ()) == listing.inventory


def test_a_processing_profile_that_the_seller_chose_is_kept() -> None:
    inventory = listing_of(GRID).inventory
    seen = tuple(replace(one, readiness_state_id=77) for one in variants_shown(inventory))
    assert {one.offerings[0].readiness_state_id for one in keep_processing(inventory, seen).products} == {77}
    hidden = tuple(replace(one, readiness_state_id=None) for one in seen)
    assert keep_processing(inventory, hidden) == inventory


def test_a_variant_is_known_by_its_sku_whatever_its_value_is_called() -> None:
    listing = listing_of(GRID)
    first, *rest = variants_shown(listing.inventory)
    renamed = replace(first, values=(first.values[0].model_copy(update={"values": ("Crimson",)}), first.values[1]))
    fields = shown_fields(shown(GRID, variants=(renamed, *rest)), listing.inventory)
    assert (fields["quantity r / S"], "quantity Crimson / S" in fields) == ("3", False)


@pytest.mark.parametrize(
    ("name", "one", "other", "is_same"),
    [
        ("when_made", "2020_2026", "2020_2027", True),
        ("when_made", "2020_2026", "made_to_order", False),
        ("title", "A  b", "A b", True),
        ("title", "A b", "a b", False),
        ("tags", "a,b", "b,A", True),
        ("tags", "a", "a,b", False),
    ],
)
def test_what_is_the_same_to_a_buyer(name: str, one: str, other: str, is_same: bool) -> None:
    assert same(name, one, other) is is_same


def test_a_long_text_is_one_short_line_that_differs_with_it() -> None:
    first, second = shorten("word " * 100 + "a"), shorten("word " * 100 + "b")
    assert first != second
    assert all(len(text) < 120 for text in (first, second))
    assert shorten("a\n b") == "a b"
