"""Who owns a field: by owner, and by what this program wrote last, what becomes of a difference."""

from collections.abc import Mapping
from copy import deepcopy
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from awin_medusa_pipeline.core.contracts import dtypes
from awin_medusa_pipeline.sync.domain import contracts, discrepancies, operations, ownership
from awin_medusa_pipeline.sync.domain.ownership import fingerprint
from awin_medusa_pipeline.sync.domain.products import pictures, product_images
from awin_medusa_pipeline.sync.domain.rules import CONTENT, DEFAULT_OWNERS, PRICE, Owner, Owners, StockRules
from awin_medusa_pipeline_tests.support.factories import Row, catalog, offer, offers, variant
from awin_medusa_pipeline_tests.support.shop_model import ShopModel
from awin_medusa_pipeline_tests.support.strategies import feeds, owners, shops, slow_law

RULES = StockRules()
OURS = {"offer_key": "awin:1:a", "external_id": "awin:1:a", "title": "Product a"}
LONG = "A lamp of oak. " * 9
FEED, SHOP, FIRST, ASK = Owner.FEED, Owner.SHOP, Owner.FIRST_WRITE, Owner.ASK


def owned(field: str, owner: Owner, **merchants: Owner) -> Owners:
    named = {name.removeprefix("m"): chosen for name, chosen in merchants.items()}
    return {**DEFAULT_OWNERS, field: {"*": owner, **named}}


def tables(
    feed: list[Row], shop: list[Row], owners: Owners, written: Mapping[tuple[str, str], Any] | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """PriceMismatch and ContentMismatch rows; `written` by key and field: a value, or a value and its source."""
    in_feed, in_shop = offers(*feed), catalog(*shop)
    rows = [
        (key, field, *(value if isinstance(value, tuple) else (value, None)))
        for (key, field), value in (written or {}).items()
    ]
    kept = pl.LazyFrame(rows, schema=dtypes(contracts.WrittenValue), orient="row")
    matched = discrepancies.matched_products(in_feed, in_shop, RULES).collect().lazy()
    missing = pl.LazyFrame(schema=dtypes(contracts.MissingProduct))
    prices = ownership.price_mismatches(matched, kept, owners).collect()
    content = ownership.content_mismatches(in_feed, in_shop, matched, missing, kept, owners)
    return contracts.PriceMismatch.validate(prices), contracts.ContentMismatch.validate(content)


@pytest.mark.parametrize(
    ("owner", "last", "decision", "edited"),
    [
        (FEED, None, "update", False),
        (FEED, "9.99 gbp", "update", False),
        (FEED, "8 gbp", "update", True),
        (FEED, "9.99 eur", "update", False),
        (SHOP, "9.99 gbp", "keep", False),
        (SHOP, "8 gbp", "keep", True),
        (FIRST, None, "keep", False),
        (FIRST, "8 gbp", "keep", True),
        (ASK, None, "ask", False),
        (ASK, "9.99 gbp", "ask", False),
        (ASK, "8 gbp", "ask", True),
    ],
)
def test_a_price_that_differs(owner: Owner, last: str | None, decision: str, edited: bool) -> None:
    written = {("variant_x", PRICE): last} if last else {}
    found, _ = tables([offer("a", price=Decimal("12"))], [variant("x", **OURS)], owned(PRICE, owner), written)
    assert found.select("owner", "decision", "edited_by_hand", "price", "shop_price").rows() == [
        (owner.value, decision, edited, Decimal("12"), Decimal("9.99"))
    ]


@pytest.mark.parametrize(("owner", "decision"), [(FEED, "refuse"), (FIRST, "refuse"), (ASK, "refuse"), (SHOP, "keep")])
@pytest.mark.parametrize("prices", [[], [{"currency": "eur", "amount": Decimal("9.99")}]], ids=["no price", "in euro"])
def test_a_price_in_another_currency_is_never_converted(owner: Owner, decision: str, prices: Any) -> None:
    found, _ = tables([offer("a")], [variant("x", offer_key="awin:1:a", prices=prices)], owned(PRICE, owner))
    assert found.select("decision", "shop_price", "shop_currencies").rows() == [
        (decision, None, " ".join(price["currency"] for price in prices))
    ]


def test_a_merchant_may_have_an_owner_of_its_own() -> None:
    feed = [offer("a", price=Decimal("12")), offer("b", "2", price=Decimal("12"))]
    shop = [variant("x", **OURS), variant("y", offer_key="awin:2:b", external_id="awin:2:b", title="Product b")]
    found, _ = tables(feed, shop, owned(PRICE, FEED, m2=SHOP))
    assert found.select("merchant_id", "decision").rows() == [("1", "update"), ("2", "keep")]


@pytest.mark.parametrize(
    ("owner", "shop_value", "last", "decision", "edited"),
    [
        pytest.param(FEED, "Other", None, "update", False, id="feed"),
        pytest.param(FEED, "Other", "Old", "update", True, id="feed: edited by hand"),
        pytest.param(FEED, "", "Old", "update", True, id="feed: emptied by hand"),
        pytest.param(FIRST, None, None, "update", False, id="first-write: nothing there yet"),
        pytest.param(FIRST, "", None, "update", False, id="first-write: an empty text is nothing"),
        pytest.param(FIRST, None, "Old", "keep", True, id="first-write: emptied by hand"),
        pytest.param(FIRST, "Old", "Old", "keep", False, id="first-write: the feed moved on"),
        pytest.param(FIRST, "Other", None, "keep", False, id="first-write: somebody else's"),
        pytest.param(SHOP, None, None, "keep", False, id="shop: nothing there"),
        pytest.param(SHOP, "Other", "Old", "keep", True, id="shop"),
        pytest.param(ASK, "Old", "Old", "ask", False, id="ask: the feed moved on"),
        pytest.param(ASK, None, None, "ask", False, id="ask: nothing there"),
        pytest.param(ASK, "Other", LONG, "ask", True, id="ask: edited by hand, a long text before"),
    ],
)
@pytest.mark.parametrize("key", ["prod_x", "awin:1:a"], ids=["by an update", "by its import"])
def test_a_text_that_differs(
    owner: Owner, shop_value: str | None, last: str | None, decision: str, edited: bool, key: str
) -> None:
    written = {(key, "description"): fingerprint(last)} if last else {}
    shop = [variant("x", description=shop_value, **OURS)]
    _, found = tables([offer("a", description=LONG)], shop, owned("description", owner), written)
    assert found.select("key", "field", "value", "shop_value", "decision", "edited_by_hand").rows() == [
        ("prod_x:description", "description", LONG, shop_value, decision, edited)
    ]


SIDES: dict[str, tuple[dict[str, Any], dict[str, Any], list[tuple[str, str, str | None]]]] = {
    "all alike": (
        {"description": "D", "image_url": "1", "more_image_urls": ["2", "1"], "category": "A & B > C"},
        {"description": "D", "images": ["1", "1", "2"], "categories": ["a-b-c"]},
        [],
    ),
    "the feed's gaps": ({}, {"description": "D", "images": ["1", "1"], "categories": ["a"]}, []),
    "another order of images": (
        {"image_url": "2", "more_image_urls": ["1"]},
        {"images": ["1", "1", "2"]},
        [("images", "2\n2\n1", "1\n1\n2")],
    ),
    "another thumbnail": ({"image_url": "1"}, {"images": ["2", "1"]}, [("images", "1\n1", "2\n1")]),
    "no thumbnail": ({"image_url": "1"}, {"images": ["", "1"]}, [("images", "1\n1", "\n1")]),
    "no images": ({"image_url": "1"}, {"images": []}, [("images", "1\n1", None)]),
    "one category more": ({"category": "A"}, {"categories": ["a", "sale"]}, [("category", "a", "a\nsale")]),
    "a deep category": ({"category": "A > B > C > D > E"}, {"categories": []}, [("category", "a-b-c-d", None)]),
    "a category in other letters": ({"category": "日本"}, {"categories": []}, [("category", "日本", None)]),
    "a category whose handle was another's": ({"category": "A B"}, {"categories": ["a-b-fea4c5ce"]}, []),
    "a damaged title of the feed": ({"name": "Caf\ufffd"}, {}, []),
    "categories not known": ({"category": "A"}, {"categories": None}, []),
    "another title": ({"name": "Other"}, {}, [("title", "Other", "Product a")]),
}


@pytest.mark.parametrize(("cells", "has", "expected"), SIDES.values(), ids=SIDES.keys())
def test_what_differs(cells: dict[str, Any], has: dict[str, Any], expected: list[Any]) -> None:
    _, found = tables([offer("a", **cells)], [variant("x", **OURS | has)], DEFAULT_OWNERS)
    assert found.select("field", "value", "shop_value").rows() == expected
    assert found.filter(field="category")["category"].to_list() in ([], ["A"], ["A > B > C > D"], ["日本"])


def test_variants_of_one_product_speak_with_one_voice() -> None:
    feed = [
        offer("M", parent="g", name="Trail Shoe M", description="First", category="Shoes", image_url="m"),
        offer("S", parent="g", name="Trail Shoe S", description="Second", category="Boots", image_url="s"),
    ]
    shop = [variant(id_, "g", offer_key=f"awin:1:{id_}", title="x", description="x") for id_ in "SM"]
    _, found = tables(feed, shop, DEFAULT_OWNERS)
    assert dict(found.select("field", "value").iter_rows()) == {
        "title": "Trail Shoe",
        "description": "First",
        "images": "m\nm\ns",
        "category": "shoes",
    }
    assert set(found["offer_key"]) == {"awin:1:M"}


PICTURES = st.sampled_from(["a", "b", "c"])
OFFERED = st.fixed_dictionaries(
    {"image_url": PICTURES | st.none(), "more_image_urls": st.lists(PICTURES | st.none(), max_size=3)}
)


@slow_law(25)
@given(cells=st.lists(OFFERED, min_size=1, max_size=4), shape=st.sampled_from(["alone", "one product"]))
def test_the_pictures_are_those_that_an_import_sets(cells: list[Row], shape: str) -> None:
    parent = "g" if shape == "one product" else None
    feed = [offer(str(number), parent=parent, **values) for number, values in enumerate(cells)]
    shop = [variant(row["sku"], parent, offer_key=row["offer_key"], images=["shop"]) for row in feed]
    _, found = tables(feed, shop, DEFAULT_OWNERS)
    groups = [feed] if parent else [[row] for row in feed]
    expected = {rows[0]["offer_key"]: "\n".join(pictures(product_images(rows))) for rows in groups}
    shown = found.filter(field="images").select("offer_key", "value")
    assert dict(shown.iter_rows()) == {key: lines for key, lines in expected.items() if lines}


@pytest.mark.parametrize(
    ("fed", "shown", "decision", "edited"),
    [
        pytest.param("http://i/1", "http://shop/9", None, None, id="as it was left"),
        pytest.param("http://i/2", "http://shop/9", "update", False, id="the feed has another"),
        pytest.param("http://i/1", "http://own/1", "update", True, id="the shop has another"),
    ],
)
def test_uploaded_images_differ_from_the_feeds_and_are_in_line(
    fed: str, shown: str, decision: str | None, edited: bool | None
) -> None:
    written = {("prod_x", "images"): ("http://shop/9\nhttp://shop/9", "http://i/1\nhttp://i/1")}
    shop = [variant("x", **OURS, images=[shown, shown])]
    _, found = tables([offer("a", image_url=fed)], shop, owned("images", FEED), written)
    assert found.select("decision", "edited_by_hand").rows() == ([(decision, edited)] if decision else [])


@pytest.mark.parametrize(("hidden_by", "decision"), [(None, "keep"), ("run-1", "update")])
def test_what_a_person_hid_is_left_alone(hidden_by: str | None, decision: str) -> None:
    shop = [variant("x", **OURS, status="draft", hidden_by_run=hidden_by, description="x")]
    everything = {field: {"*": FEED} for field in (PRICE, *CONTENT)}
    feed = [offer("a", price=Decimal("12"), description="y")]
    assert [table["decision"].to_list() for table in tables(feed, shop, everything)] == [[decision], [decision]]


def fields_of(shop: ShopModel) -> dict[str, Any]:
    own = {"title", "description", "thumbnail", "images", "categories"}
    return {id_: {name: product.get(name) for name in own} for id_, product in shop.products.items()} | {
        variant["id"]: variant["prices"] for product in shop.products.values() for variant in product["variants"]
    }


@slow_law(25)
@given(before=feeds(), after=feeds(), shop=shops(), who=owners())
def test_what_the_shop_owns_never_changes(before: list[Row], after: list[Row], shop: ShopModel, who: Owners) -> None:
    shop.sync(offers(*before), RULES, who)
    was = deepcopy(fields_of(shop))
    shop.sync(offers(*after), RULES, {field: {"*": SHOP} for field in who})
    # Half-made products are replaced.
    now = {id_: fields for id_, fields in fields_of(shop).items() if id_ in was}
    assert now == {id_: was[id_] for id_ in now}


@pytest.mark.parametrize(("length", "kept"), [(64, True), (65, False)])
def test_a_short_value_is_kept_as_it_is(length: int, kept: bool) -> None:
    mark = fingerprint("x" * length)
    assert (mark == "x" * length) is kept
    assert len(mark) == 64


@pytest.mark.parametrize(
    ("price", "has", "percent"), [("12", "9.99", 20.12), ("5", "10", -50.0), ("5", "0", None), ("5", "0.01", 49900.0)]
)
def test_the_change_of_a_price_in_percent(price: str, has: str, percent: float | None) -> None:
    shop = [variant("x", **OURS, prices=[{"currency": "gbp", "amount": Decimal(has)}])]
    found, _ = tables([offer("a", price=Decimal(price))], shop, DEFAULT_OWNERS)
    assert found["change_percent"].to_list() == [percent]


def test_hand_edits_are_told_where_the_feed_goes_over_them() -> None:
    rows = pl.LazyFrame({"edited_by_hand": [True, True, True], "decision": ["update", "keep", "keep"]})
    assert ownership.hand_edits({"price": rows, "content": rows.head(0)}) == [
        "1 value was edited by hand in fields that the feed owns (SYNC_OWNER_...): see price-mismatches.csv"
    ]
    (many,) = ownership.hand_edits({"content": pl.concat([rows] * 1_000)})
    assert many.startswith("1,000 values were edited by hand")
    assert many.endswith("content-mismatches.csv")


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("images", ["a", "b"], "a\nb"),
        ("images", [], None),
        ("category", ["a"], "a"),
        ("title", "a\nb", "a\nb"),
        ("title", None, None),
    ],
)
def test_a_value_as_text_and_back(field: str, value: Any, text: str | None) -> None:
    assert operations.text_of(value) == text
    assert ownership.value_of(field, text) == value


def test_what_an_import_remembers() -> None:
    row = {"title": "Lamp", "name": "Lamp", "description": None}
    assert ownership.content_marks(row, [], [], category=None) == {"content": {"title": "Lamp"}}
    assert ownership.content_marks(row, ["1"], ["1"], category="home") == {
        "content": {"title": "Lamp", "images": "1\n1", "category": "home"}
    }
    assert ownership.content_marks(row, ["s"], ["1"], category=None) == {
        "content": {"title": "Lamp", "images": "s\ns"},
        "feed": {"images": "1\n1"},
    }
    assert ownership.content_marks(row, [], ["1"], category=None) == {"content": {"title": "Lamp"}}
    damaged = row | {"name": "L\ufffdamp"}
    assert ownership.content_marks(damaged, ["s"], ["1"], category=None)["feed"] == {
        "images": "1\n1",
        "title": "\ufffd",
    }


def test_what_an_operation_wrote() -> None:
    written = ownership.written_values
    assert [*written("awin:1:a", "v1", {"price": "5", "currency": "gbp"})] == [
        operations.Written("v1", "price", "5 gbp")
    ]
    assert next(written("awin:1:a", None, {"price": "5", "currency": "gbp"})).key == "awin:1:a"
    after = {"images": ["s", "s"], "feed": {"images": "1"}}
    assert [*written("p:images", "p", after)] == [operations.Written("p", "images", "s\ns", "1")]
    assert [*written("p:title", "p", {"title": None})] == [operations.Written("p", "title", "")]
    after = {"product_key": "awin:1:a", "content": {"title": "T", "images": "s"}, "feed": {"images": "1"}}
    assert [*written("awin:1:a", "v1", after)] == [
        operations.Written("awin:1:a", "title", "T"),
        operations.Written("awin:1:a", "images", "s", "1"),
    ]


def test_a_damaged_title_is_mended_once_the_feed_is_right() -> None:
    written = {("prod_x", "title"): "Caf\ufffd"}
    for name, expected in (("Café", [("title", "Café", "update")]), ("Caf\ufffd Bar", [])):
        _, found = tables(
            [offer("a", name=name)], [variant("x", **OURS | {"title": "Caf\ufffd"})], DEFAULT_OWNERS, written
        )
        assert found.select("field", "value", "decision").rows() == expected


def test_the_order_of_the_rows_changes_no_text() -> None:
    rows = [offer(id_, parent="P", description=id_, image_url=f"https://i.example/{id_}") for id_ in "ab"]
    shop = [variant(id_, "prod_1", offer_key=f"awin:1:{id_}", external_id="awin:1:P") for id_ in "ab"]
    found = [tables(order, shop, DEFAULT_OWNERS)[1] for order in (rows, rows[::-1])]
    assert found[0].equals(found[1])
