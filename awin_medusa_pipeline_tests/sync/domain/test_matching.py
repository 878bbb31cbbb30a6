"""Identity: one table of who is who, and the laws that hold for any feed and any shop."""

import random
import string
import time

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from awin_medusa_pipeline.sync.domain.matching import loose_pairs, match
from awin_medusa_pipeline_tests.support.factories import Row, catalog, offer, offers, variant
from awin_medusa_pipeline_tests.support.shop_model import ShopModel
from awin_medusa_pipeline_tests.support.strategies import feeds, shops

GTIN, SAME_GTIN = "4006381333931", "04006381333931"
KEY_A = "awin:1:a"


def pairs(feed: list[Row], shop: list[Row]) -> set[tuple[str, str, str]]:
    return set(named(offers(*feed), catalog(*shop)).iter_rows())


def named(feed: pl.LazyFrame, shop: pl.LazyFrame) -> pl.DataFrame:
    """Pairs (offer_key, variant_id, match_reason)."""
    found = match(feed, shop)
    ids = [
        table.select(column).collect().to_series().gather(found[row])
        for table, column, row in ((feed, "offer_key", "offer"), (shop, "variant_id", "variant"))
    ]
    return pl.DataFrame([*ids, found["match_reason"].cast(pl.String)])


CASES: dict[str, tuple[list[Row], list[Row], set[tuple[str, str, str]]]] = {
    "nothing in common": ([offer("a")], [variant("x")], set()),
    "by the variant's key": (
        [offer("a")],
        [variant("x", offer_key=KEY_A, sku="other")],
        {(KEY_A, "variant_x", "external_id")},
    ),
    "by the product's key, one variant": (
        [offer("a")],
        [variant("x", external_id=KEY_A)],
        {(KEY_A, "variant_x", "external_id")},
    ),
    "by the product's key, two variants: nobody knows which": (
        [offer("a")],
        [variant("x", "p", external_id=KEY_A), variant("y", "p", external_id=KEY_A)],
        set(),
    ),
    "key before SKU": (
        [offer("a")],
        [variant("x", sku="a"), variant("y", offer_key=KEY_A)],
        {(KEY_A, "variant_y", "external_id")},
    ),
    "of copies the published one": (
        [offer("a")],
        [variant("1", offer_key=KEY_A, status="draft"), variant("2", offer_key=KEY_A)],
        {(KEY_A, "variant_2", "external_id")},
    ),
    "of published copies the oldest": (
        [offer("a")],
        [variant("2", offer_key=KEY_A), variant("1", offer_key=KEY_A)],
        {(KEY_A, "variant_1", "external_id")},
    ),
    "by SKU": ([offer("a")], [variant("x", sku="a")], {(KEY_A, "variant_x", "sku")}),
    "SKUs differ in case": ([offer("a")], [variant("x", sku="A")], set()),
    "SKU twice in the shop": ([offer("a")], [variant("x", sku="a"), variant("y", sku="a")], set()),
    "SKU twice, one of them taken by its key": (
        [offer("a"), offer("b", sku="a")],
        [variant("x", sku="a", offer_key="awin:1:b")],
        {("awin:1:b", "variant_x", "external_id")},
    ),
    "SKU of another merchant's variant": (
        [offer("a"), offer("z", merchant="2")],
        [variant("x", sku="a", offer_key="awin:2:a")],
        set(),
    ),
    "SKU of another merchant's product": (
        [offer("a"), offer("z", merchant="12")],
        [variant("x", sku="a", external_id="awin:12:a")],
        set(),
    ),
    "SKU of a merchant that has left the feed": (
        [offer("a")],
        [variant("x", sku="a", offer_key="awin:2:a")],
        {(KEY_A, "variant_x", "sku")},
    ),
    "SKU of the same merchant's variant that left the feed": (
        [offer("a")],
        [variant("x", sku="a", offer_key="awin:1:old")],
        {(KEY_A, "variant_x", "sku")},
    ),
    "external_id of another program": (
        [offer("a")],
        [variant("x", sku="a", external_id="erp-77")],
        {(KEY_A, "variant_x", "sku")},
    ),
    "by GTIN": ([offer("a", gtin=GTIN)], [variant("x", barcode=GTIN)], {(KEY_A, "variant_x", "gtin")}),
    "by GTIN of another length": (
        [offer("a", gtin=GTIN)],
        [variant("x", barcode=SAME_GTIN)],
        {(KEY_A, "variant_x", "gtin")},
    ),
    "GTIN twice in the feed": ([offer("a", gtin=GTIN), offer("b", gtin=GTIN)], [variant("x", barcode=GTIN)], set()),
    "blank barcodes and SKUs": ([offer("a")], [variant("x", barcode="", sku="")], set()),
    "SKU before GTIN": (
        [offer("a", gtin=GTIN)],
        [variant("x", barcode=GTIN), variant("y", sku="a")],
        {(KEY_A, "variant_y", "sku")},
    ),
    "by handle": (
        [offer("a", name="Käse Brett")],
        [variant("x", handle="kase-brett")],
        {(KEY_A, "variant_x", "handle")},
    ),
    "handle of a product with two variants": (
        [offer("a", name="Red Lamp")],
        [variant("x", "p", handle="red-lamp"), variant("y", "p", handle="red-lamp")],
        set(),
    ),
    "name twice in the feed": (
        [offer("a", name="Red Lamp"), offer("b", name="red lamp")],
        [variant("x", handle="red-lamp")],
        set(),
    ),
    "names without Latin letters": ([offer("a", name="日本の靴")], [variant("x", handle="鞋")], set()),
    "a hidden one is found too": (
        [offer("a")],
        [variant("x", offer_key=KEY_A, status="draft")],
        {(KEY_A, "variant_x", "external_id")},
    ),
}


@pytest.mark.parametrize(("feed", "shop", "expected"), CASES.values(), ids=CASES.keys())
def test_who_is_who(feed: list[Row], shop: list[Row], expected: set[tuple[str, str, str]]) -> None:
    assert pairs(feed, shop) == expected


@settings(max_examples=100, deadline=None)
@given(feed=feeds(), shop=shops(), data=st.data())
def test_laws(feed: list[Row], shop: ShopModel, data: st.DataObject) -> None:
    variants = shop.catalog().filter(pl.col("variant_id").is_not_null()).collect()
    found = named(offers(*feed), variants.lazy())

    for column in ("offer_key", "variant_id"):
        assert found[column].is_unique().all(), "not one to one"

    order = data.draw(st.permutations(range(variants.height)))
    shuffled = named(offers(*data.draw(st.permutations(feed))), variants[order].lazy())
    assert set(shuffled.iter_rows()) == set(found.iter_rows()), "the order of rows matters"

    keys_in_shop = set(variants["offer_key"].drop_nulls())
    by_key = set(found.filter(pl.col("match_reason") == "external_id")["offer_key"])
    assert by_key >= keys_in_shop & {row["offer_key"] for row in feed}, "a variant with the offer's key is not it"

    merchants = {row["merchant_id"] for row in feed}
    joined = found.join(variants.select("variant_id", key=pl.coalesce("offer_key", "external_id")), on="variant_id")
    for offer_key, reason, key in joined.select("offer_key", "match_reason", "key").iter_rows():
        if key is not None and reason != "external_id":
            owner = key.split(":")[1]
            assert owner == offer_key.split(":")[1] or owner not in merchants, "another merchant's variant was taken"


LOOSE: dict[str, tuple[str, str, bool]] = {
    "a letter twice": ("Lumen Bamboo Desk Lamp", "Lumen Bambooo Desk Lamp", True),
    "a letter missing": ("Leather Messenger Bag Brown", "Lether Messenger Bag Brown", True),
    "letters swapped": ("Waterproof Hiking Jacket", "Watreproof Hiking Jacket", True),
    "other order": ("Desk Lamp Lumen Bamboo", "Lumen Bamboo Desk Lamp", True),
    "two spellings": ("Merino Wool Jumper Crew Neck Grey", "Merino Wool Jumper Crew Neck Gray", True),
    "another colour": (
        "Trail Running Shoe for Women, waterproof, black",
        "Trail Running Shoe for Women, waterproof, white",
        False,
    ),
    "colours alike in letters": ("Merino Wool Jumper Crew Neck Red", "Merino Wool Jumper Crew Neck Green", False),
    "another size": ("Oak Dining Table extendable 120 cm", "Oak Dining Table extendable 140 cm", False),
    "another letter size": ("Merino Wool Jumper Crew Neck S", "Merino Wool Jumper Crew Neck M", False),
    "another model": ("Cordless Drill Driver XR200", "Cordless Drill Driver XR2000", False),
    "a pack of": ("Cotton Crew Socks Ribbed 2", "Cotton Crew Socks Ribbed", False),
    "another product": ("Garden Chair", "Desk Lamp", False),
}


@pytest.mark.parametrize(("name", "title", "alike"), LOOSE.values(), ids=LOOSE.keys())
def test_loose_pairs_are_slips_of_the_pen(name: str, title: str, alike: bool) -> None:
    found = loose(names=[name, "Something else entirely"], titles=["Nothing of that kind", title])
    assert [row[:2] for row in found.iter_rows()] == ([("0", "1")] if alike else [])
    assert all(90 <= score <= 100 for score in found["score"])


def loose(names: list[str], titles: list[str]) -> pl.DataFrame:
    return loose_pairs(
        pl.DataFrame({"offer_key": [str(n) for n in range(len(names))], "name": names}),
        pl.DataFrame({"product_id": [str(n) for n in range(len(titles))], "title": titles}),
    )


def test_an_offer_has_one_loose_match_the_likest() -> None:
    found = loose(["Lumen Bamboo Desk Lamp"], ["Lumen Bambooo Desk Lampp", "Lumen Bambooo Desk Lamp"])
    assert found["product_id"].to_list() == ["1"]


def test_no_names_no_pairs() -> None:
    empty = pl.DataFrame(schema={"offer_key": pl.String, "name": pl.String})
    assert loose_pairs(empty, pl.DataFrame({"product_id": ["1"], "title": ["Desk Lamp"]})).is_empty()
    assert loose(["!!! ??"], ["日本"]).is_empty()


@pytest.mark.parametrize("vocabulary", [8, 60, 5_000])
def test_the_work_of_loose_pairs_is_bounded(vocabulary: int) -> None:
    """5,000 names by 5,000, of words that all share, some share and hardly any share."""
    dice = random.Random(1)
    words = ["".join(dice.choices(string.ascii_lowercase, k=7)) for _ in range(vocabulary)]
    names, titles = ([" ".join(dice.choices(words, k=5)) for _ in range(5_000)] for _ in range(2))
    started = time.perf_counter()
    found = loose([*names, "Waterproof Hiking Jacket"], [*titles, "Watreproof Hiking Jacket"])
    assert time.perf_counter() - started < 10, "measured: below 1 s"
    assert ("5000", "5000") in set(found.select("offer_key", "product_id").iter_rows())


@pytest.mark.parametrize(("name", "found"), [("Oak Mug", 1), ("ab cd", 0)])
def test_words_of_three_letters_are_compared_and_shorter_ones_are_not(name: str, found: int) -> None:
    assert loose([name], [name]).height == found


@pytest.mark.parametrize(("copies", "found"), [(2_000, 1), (2_001, 0)])
def test_a_word_of_too_many_pairs_says_nothing(copies: int, found: int) -> None:
    assert loose(["Lamp"], ["Lamp"] * copies).height == found


@pytest.mark.parametrize(
    ("handle", "sku", "key", "expected"),
    [
        ("Rote Lämpchen", None, None, {(KEY_A, "variant_x", "handle")}),
        ("rote-lampchen", None, None, {(KEY_A, "variant_x", "handle")}),
        ("other", "a", "awin:1:old", {(KEY_A, "variant_x", "sku")}),
        ("other", "a", "awin:11:a", {(KEY_A, "variant_x", "sku")}),  # of a merchant that the feed no longer has
        ("other", "a", "own:2:a", {(KEY_A, "variant_x", "sku")}),
        (None, None, None, set()),
    ],
)
def test_one_offer_and_one_variant(
    handle: str | None, sku: str | None, key: str | None, expected: set[tuple[str, str, str]]
) -> None:
    shop = [variant("x", handle=handle or "", sku=sku, offer_key=key)]
    assert pairs([offer("a", name="Rote Lämpchen")], shop) == expected


def test_a_value_that_a_matched_pair_has_too_tells_nobody_apart() -> None:
    feed = [offer("a", gtin=GTIN), offer("b", gtin=GTIN)]
    assert pairs(feed, [variant("x", offer_key=KEY_A), variant("y", barcode=GTIN)]) == {
        (KEY_A, "variant_x", "external_id")
    }
    shop = [variant("x", offer_key=KEY_A, barcode=GTIN), variant("y", barcode=GTIN)]
    assert pairs([offer("a"), offer("b", gtin=GTIN)], shop) == {(KEY_A, "variant_x", "external_id")}


def test_of_copies_beside_others_the_published_one() -> None:
    shop = [
        variant("1", offer_key=KEY_A, status="draft"),
        variant("2", offer_key=KEY_A),
        variant("3", offer_key="awin:1:b"),
    ]
    assert pairs([offer("a"), offer("b")], shop) == {
        (KEY_A, "variant_2", "external_id"),
        ("awin:1:b", "variant_3", "external_id"),
    }


def test_a_name_that_only_begins_like_another_is_not_alike() -> None:
    assert loose(["Garden Chair"], ["Garden Chair Foldable Wooden With Armrest"]).is_empty()
