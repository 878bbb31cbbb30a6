"""Whose value a field of a listing is: three values decide, and the seller's is never written over unasked."""

import pytest

from awin_medusa_pipeline.etsy.domain.owners import SELLERS, SETTING_OF, Comparison, changed_at_etsy, compare

TITLE, TAGS, PLACE, RENEW = "title", "tags", "taxonomy_id", "should_auto_renew"
NONE: tuple[str, ...] = ()
CASES = [
    ("nothing differs", {TITLE: "A"}, {TITLE: "A"}, {TITLE: "A"}, (), NONE),
    ("never written", {TITLE: "A", PLACE: "1"}, {}, {}, (), (TITLE, PLACE)),
    ("our text changed", {TITLE: "B"}, {TITLE: "A"}, {TITLE: "A"}, (), (TITLE,)),
    ("a text changed at Etsy", {TITLE: "A"}, {TITLE: "A"}, {TITLE: "X"}, (), (TITLE,)),
    ("Etsy was not read", {TITLE: "B", TAGS: "a"}, {TITLE: "A", TAGS: "a"}, {}, (), (TITLE,)),
    ("our setting changed", {PLACE: "2"}, {PLACE: "1"}, {PLACE: "1"}, (), (PLACE,)),
    ("spaces and case", {TITLE: "A  b", TAGS: "Oak,x"}, {}, {TITLE: "A b", TAGS: "x,OAK"}, (), NONE),
    ("the seller's setting", {PLACE: "1"}, {PLACE: "1"}, {PLACE: "5"}, (PLACE,), NONE),
    ("both changed it", {PLACE: "2"}, {PLACE: "1"}, {PLACE: "5"}, (PLACE,), NONE),
    ("the seller did what we want", {PLACE: "5"}, {PLACE: "1"}, {PLACE: "5"}, (), NONE),
    ("a setting that was never written", {PLACE: "1"}, {}, {PLACE: "5"}, (PLACE,), NONE),
    ("our other text beside it", {TITLE: "B", PLACE: "1"}, {TITLE: "A", PLACE: "1"}, {TITLE: "A", PLACE: "5"},
     (PLACE,), (TITLE,)),
    ("who, when and supply are one", {"who_made": "i_did", "when_made": "x", "is_supply": "false"},
     {"who_made": "i_did", "when_made": "w", "is_supply": "false"},
     {"who_made": "collective", "when_made": "w", "is_supply": "false"},
     ("who_made", "when_made", "is_supply"), NONE),
]  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "written", "seen", "kept", "sent"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_whose_value_it_is(
    wanted: dict[str, str],
    written: dict[str, str],
    seen: dict[str, str],
    kept: tuple[str, ...],
    sent: tuple[str, ...],
) -> None:
    assert compare(wanted, written, seen, ()) == Comparison(content=sent, variants=(), kept=kept)


@pytest.mark.parametrize("field", sorted(SETTING_OF))
def test_the_owner_may_say_otherwise_for_each_field(field: str) -> None:
    values = {field: "1"}, {field: "1"}, {field: "5"}
    assert field in compare(*values, ours=()).kept
    found = compare(*values, ours=(SETTING_OF[field],))
    assert (found.kept, field in (*found.content, *found.variants)) == ((), True)
    assert field in compare(*values, ours=set(SELLERS) - {SETTING_OF[field]}).kept


ONE = {"price r": "9.99", "quantity r": "3", "sku r": "a"}
VARIANTS = [
    ("the same", ONE, ONE, ONE, NONE),
    ("a price", ONE | {"price r": "8.00"}, ONE, ONE, ("price r",)),
    ("sold on Etsy", ONE, ONE, ONE | {"quantity r": "1"}, ("quantity r",)),
    ("sold out here", {"quantity r": "0"}, ONE, ONE, ("quantity r",)),
    ("sold out in both", {"quantity r": "0"}, ONE, {"quantity r": "0"}, NONE),
    ("one less in the shop", ONE, ONE, ONE | {"price b": "1.00", "quantity b": "2", "sku b": "b"},
     ("price b", "quantity b", "sku b")),
    ("one less, which nobody can buy", ONE, ONE, ONE | {"quantity b": "0"}, NONE),
    ("not shown any more", ONE, ONE, {"quantity r": "0"}, ("price r", "quantity r", "sku r")),
    ("Etsy was not read", ONE | {"price r": "8.00"}, ONE, {}, ("price r",)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "written", "seen", "sent"), [case[1:] for case in VARIANTS], ids=[case[0] for case in VARIANTS]
)
def test_what_a_buyer_sees_of_variants(
    wanted: dict[str, str], written: dict[str, str], seen: dict[str, str], sent: tuple[str, ...]
) -> None:
    assert compare(wanted, written, seen, ()) == Comparison(content=(), variants=sent, kept=())


def test_what_somebody_changed_at_etsy() -> None:
    written = {"title": "A", "tags": "a,b", "price r": "1.00", "quantity r": "3", "sku r": "x"}
    seen = {"title": "B", "tags": "B,A", "price r": "1.00", "quantity r": "1", "sku r": "y", "materials": "oak"}
    assert changed_at_etsy(written, seen) == ["title", "sku r"]
