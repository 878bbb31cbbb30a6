"""Medusa product -> Etsy listing: what becomes of it, what is found wrong, and that Etsy takes the rest."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from awin_medusa_pipeline.etsy.domain.config import EtsyAccountConfig, PriceRule
from awin_medusa_pipeline.etsy.domain.listing import Listing, PreparedListing, prepare_listing
from awin_medusa_pipeline.etsy.domain.requests import DraftListing, Inventory, InventoryProduct, Offering, PropertyValue
from awin_medusa_pipeline.etsy.domain.when_made import etsy_group
from awin_medusa_pipeline.medusa.models import ShopProduct, ShopVariant
from awin_medusa_pipeline.sandbox.etsy import shop
from awin_medusa_pipeline.sandbox.etsy.rules import fields
from awin_medusa_pipeline.sandbox.etsy.rules import inventory as inventory_rules
from awin_medusa_pipeline.sandbox.etsy.rules import listing as listing_rules
from awin_medusa_pipeline_tests.support.etsy_products import CURRENCY, account_config, product, variant


def prepared(*variants: ShopVariant, config: dict[str, Any] | None = None, **values: Any) -> PreparedListing:
    return prepare_listing(product(*variants, **values), account_config(**config or {}), CURRENCY, publish=True)


def listing(*variants: ShopVariant, config: dict[str, Any] | None = None, **values: Any) -> Listing:
    made = prepared(*variants, config=config, **values)
    assert made.problems == ()
    assert made.listing is not None
    return made.listing


def test_a_simple_product() -> None:
    made = listing(
        variant(options={"Default option": "Default option value"}),
        title="Oak  lamp",
        description="<p>Of oak.</p>",
        tags=("AWIN", "lamp"),
        material="oak, brass",
        weight=Decimal(120),
        images=("https://shop.test/1.jpg", "https://shop.test/2.jpg"),
    )
    assert made.draft == DraftListing(
        title="Oak lamp",
        description="Of oak.",
        tags=("lamp",),
        materials=("oak", "brass"),
        price=Decimal("9.99"),
        quantity=3,
        taxonomy_id=shop.MUGS,
        shipping_profile_id=shop.MANUAL_PROFILE,
        return_policy_id=shop.RETURN_POLICY,
        readiness_state_id=shop.READY_TO_SHIP,
        who_made="i_did",
        when_made="made_to_order",
        is_supply=False,
        item_weight=Decimal(120),
        item_weight_unit="g",
        should_auto_renew=False,
    )
    offering = Offering(price=Decimal("9.99"), quantity=3, readiness_state_id=shop.READY_TO_SHIP)
    assert made.inventory == Inventory(products=(InventoryProduct(sku="SKU", offerings=(offering,)),))
    assert made.images == ("https://shop.test/1.jpg", "https://shop.test/2.jpg")


def test_variants_keep_sku_price_and_quantity() -> None:
    red, blue = (
        variant("r", options={"Colour": "red"}),
        variant("b", options={"Colour": "blue"}, price=Decimal(8), quantity=0),
    )
    made = listing(red, blue)
    assert [
        (p.sku, p.property_values[0].values, p.offerings[0].price, p.offerings[0].quantity, p.offerings[0].is_enabled)
        for p in made.inventory.products
    ] == [("r", ("red",), Decimal("9.99"), 3, True), ("b", ("blue",), Decimal(8), 0, False)]
    assert made.inventory.products[0].property_values == (
        PropertyValue(property_id=513, property_name="Colour", values=("red",)),
    )
    assert made.inventory.price_on_property == made.inventory.sku_on_property == (513,)
    assert (made.draft.price, made.draft.quantity) == (Decimal("9.99"), 3)


def priced(prices: dict[str, str], quantities: dict[str, int] | None = None) -> tuple[ShopVariant, ...]:
    return tuple(
        variant(
            key,
            options={"Colour": key[0], "Size": key[1]},
            price=Decimal(price),
            quantity=(quantities or {}).get(key, 3),
        )
        for key, price in prices.items()
    )


BOTH = (513, 514)
VARYING = [
    (priced(dict.fromkeys(("rS", "rM", "bS", "bM"), "5")), ()),
    (priced({"rS": "5", "rM": "5", "bS": "6", "bM": "6"}), (513,)),
    (priced({"rS": "5", "rM": "6", "bS": "5", "bM": "6"}), (514,)),
    (priced({"rS": "5", "rM": "6", "bS": "5", "bM": "7"}), BOTH),
    (priced(dict.fromkeys(("rS", "rM", "bS", "bM"), "5"), {"rS": 1, "rM": 1}), ()),
    # Without bM: the grid is filled, with a price that needs no further property.
    (priced({"rS": "5", "rM": "5", "bS": "6"}), (513,)),
    (priced({"rS": "5", "rM": "6", "bS": "5"}), (514,)),
]


@pytest.mark.parametrize(("variants", "price"), VARYING)
def test_only_what_varies_is_said_to_vary(variants: tuple[ShopVariant, ...], price: tuple[int, ...]) -> None:
    inventory = listing(*variants).inventory
    assert inventory.price_on_property == price
    assert inventory.quantity_on_property == inventory.sku_on_property == BOTH
    assert inventory.readiness_state_on_property == ()
    assert len(inventory.products) == 4
    assert {p.sku for p in inventory.products if p.offerings[0].is_enabled} == {v.sku for v in variants}


def test_an_option_that_is_no_choice_is_left_out() -> None:
    variants = [
        variant(f"{c}{s}", options={"Colour": c, "Material": "oak", "Size": s}) for c in ("r", "b") for s in ("S", "M")
    ]
    names = [value.property_name for value in listing(*variants).inventory.products[0].property_values]
    assert names == ["Colour", "Size"]


MANY = tuple(variant(f"s{n}", options={"Size": f"{n}"}) for n in range(71))
SQUARE = tuple(variant(f"s{n}", options={"A": f"{n}", "B": f"{n}"}) for n in range(21))
WIDE = tuple(variant(f"s{n}", options={"A": f"{n}", "B": f"{n}"}) for n in range(51))
PROBLEMS: list[tuple[str, tuple[ShopVariant, ...], dict[str, Any], dict[str, Any], str]] = [
    ("title_empty", (), {"title": " 🪔 "}, {}, "no title that Etsy takes"),
    ("title_empty", (), {"title": "--"}, {}, "no title that Etsy takes"),
    ("description_empty", (), {"description": "<p> </p>"}, {}, "no description"),
    ("images_missing", (), {"images": ()}, {}, "no image"),
    ("images_missing", (), {"images": ("file:///etc/passwd",)}, {}, "no image"),
    ("no_variants", (), {"variants": ()}, {}, "no variant"),
    ("price_missing", (variant("a", price=None),), {}, {}, "in EUR: a. Give"),
    ("price_low", (variant(price=Decimal("0.1")),), {}, {}, r"from 0.20 EUR \(lowest_price\) on; not SKU at 0.10"),
    ("price_low", (variant(price=Decimal(0)),), {}, {}, "SKU at 0.00"),
    ("price_high", (variant(price=Decimal(36_000)),), {}, {}, r"up to 35,000 EUR \(highest_price\)"),
    ("price_low", (), {}, {"price": {"addition": "-10"}}, "SKU at -0.01"),
    ("no_stock", (variant(quantity=0),), {}, {}, "in stock"),
    ("sku_long", (variant("x" * 33),), {}, {}, "32 characters"),
    ("sku_twice", (variant("x", options={"S": "1"}), variant("x", options={"S": "2"})), {}, {}, "Two variants .* x"),
    ("same_variant", (variant("a"), variant("b")), {}, {}, "No option tells .* a, b"),
    (
        "same_variant",
        (variant("a", options={"S": "X (L)"}), variant("b", options={"S": "X L"})),
        {},
        {},
        "a, b",
    ),
    ("option_blank", (variant("a", options={"S": "()"}), variant("b", options={"S": "M"})), {}, {}, "no value .* S"),
    ("option_blank", (variant("a"), variant("b", options={"S": "M"})), {}, {}, "no value .* S"),
    (
        "option_names",
        (variant("a", options={"S": "1", "(S)": "1"}), variant("b", options={"S": "2", "(S)": "2"})),
        {},
        {},
        "different",
    ),
    ("too_many_values", MANY, {}, {}, "71 values; Etsy takes 70"),
    ("too_many_variants", WIDE, {}, {}, "2,601 combinations"),
    ("too_many_bound_variants", SQUARE, {}, {}, "441 combinations; Etsy takes 400 where quantity and SKU differ along"),
    ("option_name_long", (variant("a", options={"N" * 46: "1"}), variant("b", options={"N" * 46: "2"})), {}, {}, "45"),
    (
        "too_many_options",
        (variant("a", options=dict.fromkeys("ABC", "1")), variant("b", options=dict.fromkeys("ABC", "2"))),
        {},
        {},
        "A, B, C; Etsy takes 2",
    ),
    (
        "taxonomy_id_missing",
        (),
        {},
        {"taxonomy_id": None},
        r"a category of Etsy \(taxonomy_id\)\. Set it for the Etsy shop",
    ),
    ("shipping_profile_id_missing", (), {}, {"shipping_profile_id": None}, "shipping profile"),
    ("readiness_state_id_missing", (), {}, {"readiness_state_id": None}, "processing profile"),
    ("return_policy_id_missing", (), {}, {"return_policy_id": None}, "return policy .* in the EU .* eu_shop to true"),
    ("who_made_missing", (), {}, {"who_made": None}, "who made it"),
    ("when_made_missing", (), {}, {"when_made": None}, "when it was made"),
    ("not_for_etsy", (), {}, {"who_made": "someone_else"}, "production partner"),
    ("not_for_etsy", (), {}, {"who_made": "someone_else", "when_made": "2010_2019"}, "production partner"),
    ("not_for_etsy", (), {}, {"who_made": "someone_else", "when_made": "2020_2026"}, "production partner"),
    ("not_for_etsy", (), {}, {"who_made": "someone_else", "when_made": "2007_2009"}, "production partner"),
    ("weight_missing", (), {"length": 1, "width": 1, "height": 1}, {"calculated_shipping": True}, "the weight"),
    ("width_missing", (), {"length": 1, "weight": 1, "height": 1}, {"calculated_shipping": True}, "the width"),
]


@pytest.mark.parametrize(("code", "variants", "values", "config", "sentence"), PROBLEMS)
def test_what_etsy_would_refuse(
    code: str, variants: tuple[ShopVariant, ...], values: dict[str, Any], config: dict[str, Any], sentence: str
) -> None:
    made = prepared(*variants, config=config, **values)
    assert made.listing is None
    assert [problem.code for problem in made.problems] == [code]
    assert re.search(sentence, made.problems[0].sentence)


def test_all_problems_are_told_at_once() -> None:
    made = prepared(variant("x" * 40, price=None, quantity=0), title="", description="", config={"taxonomy_id": None})
    assert {problem.code for problem in made.problems} == {
        "title_empty",
        "description_empty",
        "taxonomy_id_missing",
        "sku_long",
        "price_missing",
        "no_stock",
    }


MADE_RIGHT: list[tuple[tuple[ShopVariant, ...], dict[str, Any], dict[str, Any], str, str]] = [
    ((), {"title": "Lamp 🪔"}, {}, "title", "left out"),
    ((), {"title": "Lamp, 5€ off"}, {}, "title", "written out"),
    (
        (variant("a", options={"S": "x" * 46}), variant("b", options={"S": "y" * 45})),
        {},
        {},
        "variants",
        "is longer than 45 characters. Etsy does not say",
    ),
    ((), {"tags": tuple(f"t{n}" for n in range(14))}, {}, "tags", "takes 13"),
    ((), {"images": tuple(f"http://x.test/{n}" for n in range(21))}, {}, "images", "first 20 of its 21"),
    ((variant(quantity=1_000),), {}, {}, "quantity", "takes 999"),
    ((variant(quantity=None),), {}, {}, "quantity", "Not counted"),
    ((variant(None),), {}, {}, "sku", "Without SKU"),
    (
        (variant("a", options={"S": "M (40)"}), variant("b", options={"S": "L"})),
        {},
        {},
        "variants",
        "parentheses",
    ),
]


@pytest.mark.parametrize(("variants", "values", "config", "field", "words"), MADE_RIGHT)
def test_what_is_made_right_is_noted(
    variants: tuple[ShopVariant, ...], values: dict[str, Any], config: dict[str, Any], field: str, words: str
) -> None:
    made = prepared(*variants, config=config, **values)
    assert made.problems == ()
    assert [note.field for note in made.notes] == [field]
    assert words in made.notes[0].sentence


def test_a_draft_needs_less() -> None:
    made = prepare_listing(product(images=()), account_config(return_policy_id=None), CURRENCY, publish=False)
    assert made.problems == ()
    assert [note.field for note in made.notes] == ["images"]
    eu = account_config(return_policy_id=None, eu_shop=True)
    assert prepare_listing(product(), eu, CURRENCY, publish=True).problems == ()


def test_what_is_different_in_a_category() -> None:
    config = {
        "by_category": {
            "supplies": {"taxonomy_id": shop.NECKLACES, "is_supply": True, "who_made": "someone_else"},
            "mugs": {"taxonomy_id": shop.SHIRTS},
        }
    }
    assert listing(config=config).draft.taxonomy_id == shop.MUGS
    draft = listing(config=config, categories=("mugs", "other", "supplies")).draft
    assert (draft.taxonomy_id, draft.is_supply, draft.who_made) == (shop.NECKLACES, True, "someone_else")
    assert draft.when_made == "made_to_order"


RULES = [
    ({}, "9.99", "EUR", "9.99"),
    ({"multiplier": "1.15"}, "9.99", "EUR", "11.49"),
    ({"addition": "2.5"}, "9.99", "EUR", "12.49"),
    ({"multiplier": "2", "addition": "1", "step": "0.5"}, "9.99", "EUR", "21.00"),
    ({"step": "1"}, "9.5", "EUR", "10.00"),
    ({}, "0.005", "EUR", "0.01"),
    ({"multiplier": "1.1"}, "999", "JPY", "1099"),
]


@pytest.mark.parametrize(("rule", "price", "currency", "expected"), RULES)
def test_price_rule(rule: dict[str, str], price: str, currency: str, expected: str) -> None:
    found = PriceRule.model_validate(rule)(Decimal(price), currency)
    assert str(found) == expected


def test_what_a_dollar_in_a_title_means_depends_on_the_shop() -> None:
    titles = [
        prepare_listing(product(title="Lamp, $5 off"), account_config(), currency, publish=False).listing
        for currency in ("EUR", "CAD")
    ]
    assert [made.draft.title for made in titles if made] == ["Lamp, 5 USD off", "Lamp, 5 CAD off"]


NAMES = st.sampled_from(("Colour", "Size", "Wood (kind)", "", "Länge", " Size"))
VALUES = st.sampled_from(("red", "blue", "S", "M (40)", "M 40", "", "日本", "a,b"))
WORDS = st.text(max_size=30) | st.sampled_from(("oak lamp", "A & B & C", "100% + 50% : x", "word " * 60, "<b>x</b>"))


@st.composite
def variants(draw: st.DrawFn) -> list[ShopVariant]:
    names = draw(st.lists(NAMES, max_size=3, unique=True))
    return [
        ShopVariant(
            id=f"v{number}",
            sku=draw(st.none() | st.sampled_from(("A", "B", "x" * 33)) | st.just(f"S{number}")),
            options={name: draw(VALUES) for name in names},
            price=draw(st.none() | st.decimals(0, 60_000, places=2) | st.sampled_from((Decimal(5), Decimal(7)))),
            quantity=draw(st.none() | st.integers(0, 3) | st.integers(-5, 2_000)),
        )
        for number in range(draw(st.integers(0, 5)))
    ]


@st.composite
def sound_variants(draw: st.DrawFn) -> list[ShopVariant]:
    """Some of the combinations of two options, some of them sold out."""
    pairs = st.tuples(st.sampled_from(("red", "blue", "日本", "M (40)")), st.sampled_from("SML"))
    prices = st.sampled_from((Decimal(5), Decimal(7))) | st.decimals("0.2", 35_000, places=2)
    return [
        variant(
            f"{colour}-{size}",
            options={"Colour": colour, "Size": size},
            price=draw(prices),
            quantity=draw(st.integers(0 if number else 1, 2_000)),
        )
        for number, (colour, size) in enumerate(draw(st.lists(pairs, min_size=1, max_size=6, unique=True)))
    ]


@st.composite
def products(draw: st.DrawFn) -> ShopProduct:
    """What may stand in a shop; of most of it something is refused, so the other half is better kept."""
    sound = draw(st.booleans())
    addresses = st.sampled_from([f"https://x.test/{n}" for n in range(30)])
    sizes = st.none() | st.sampled_from((Decimal(0), Decimal("1.5"), Decimal(-1)))
    return ShopProduct(
        id="prod",
        title=("Oak lamp " if sound else "") + draw(WORDS),
        description=("A lamp. " if sound else "") + draw(WORDS),
        images=draw(st.lists(addresses, min_size=1 if sound else 0, max_size=25, unique=True)),
        tags=draw(st.lists(WORDS, max_size=20)),
        material=draw(WORDS),
        weight=draw(sizes),
        length=draw(sizes),
        width=draw(sizes),
        height=draw(sizes),
        variants=draw(sound_variants() if sound else variants()),
    )


def configs() -> st.SearchStrategy[EtsyAccountConfig]:
    ordinary = st.builds(
        account_config,
        return_policy_id=st.sampled_from((shop.RETURN_POLICY, None)),
        price=st.builds(PriceRule, multiplier=st.sampled_from((Decimal(1), Decimal("1.15")))),
        auto_renew=st.booleans(),
    )
    odd = st.builds(
        account_config,
        who_made=st.sampled_from(("i_did", "someone_else")),
        when_made=st.sampled_from(fields.WHEN_MADE),
        is_supply=st.booleans(),
        production_partner_ids=st.sampled_from((None, [shop.PARTNER])),
    )
    by_weight = {"shipping_profile_id": shop.CALCULATED_PROFILE, "calculated_shipping": True}
    return ordinary | odd | st.just(account_config(**by_weight))


def in_2026(form: dict[str, str]) -> dict[str, str]:
    """As the client sends it in the year that the stand-in's rules are of."""
    return form | {"when_made": etsy_group(form["when_made"], datetime(2026, 6, 1, tzinfo=UTC))}


@settings(max_examples=300)
@given(products(), configs(), st.booleans())
def test_etsy_takes_whatever_is_not_refused_here(
    product: ShopProduct, config: EtsyAccountConfig, publish: bool
) -> None:
    made = prepare_listing(product, config, CURRENCY, publish=publish)
    assert (made.listing is None) == bool(made.problems)
    event("accepted" if made.listing else "refused")
    if made.listing is None:
        return
    has = listing_rules.Has(
        readiness_state_ids=(shop.READY_TO_SHIP,), image_ids=range(len(made.listing.images)), currency=CURRENCY
    )
    created, unread = fields.parse(in_2026(made.listing.draft.form()), fields.CREATE)
    assert unread == []
    assert listing_rules.creation(created, has) == []
    changed, unread = fields.parse(in_2026(made.listing.content), fields.UPDATE)
    assert unread == []
    assert listing_rules.update(changed, created, has) == []
    context = inventory_rules.Context(has, config.taxonomy_id or 0)
    assert inventory_rules.replacement(made.listing.inventory.body(), context) == []
    if publish:
        active = {"type": "physical", **created}
        assert listing_rules.publication(active, len(made.listing.images), has) == []


@given(products(), configs())
def test_the_same_product_makes_the_same_listing(product: ShopProduct, config: EtsyAccountConfig) -> None:
    first, second = (prepare_listing(product, config, CURRENCY, publish=False).listing for _ in range(2))
    assert first == second
    if first and second:
        assert (first.content_hash, first.fields) == (second.content_hash, second.fields)


@pytest.mark.parametrize(("number", "kept", "noted"), [(19, 19, False), (20, 20, False), (21, 20, True)])
def test_etsy_takes_twenty_images(number: int, kept: int, noted: bool) -> None:
    made = prepared(images=tuple(f"https://shop.test/{n}.jpg" for n in range(number)))
    assert made.listing is not None
    assert len(made.listing.images) == kept
    assert [note.field for note in made.notes] == ["images"] * noted
